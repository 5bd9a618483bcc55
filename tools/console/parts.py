"""The processes of `make console`, over an embedded broker: a worker, a projector, the gateway and their MongoDB."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from domain.time import SECOND, Micros
from simulator.scenario import RECORDED_DAYS, Scenario, first_of_month, simulate
from streams.settings import PREFIX
from tools.local import probes
from tools.local.supervisor import Part
from tools.local.topology import mongo_server
from tools.local.worker import REPOSITORY

PARTITIONS = 4
"""The number that librdkafka's mock cluster gives every topic."""
DAYS_AFTER = 10
"""The recording ends at least this long before today: missing settlements are breaks by now."""


def month_before(today: Micros, seed: int, obligations: int) -> Scenario:
    """A month of rent whose recording ended some days ago, so that it is reconciled by the system's clock."""
    last = datetime.fromtimestamp(today // SECOND, UTC).date() - timedelta(days=RECORDED_DAYS + DAYS_AFTER)
    return simulate(seed, obligations, start=first_of_month(date(last.year, last.month, 1), 0))


@dataclass(frozen=True)
class ConsoleDeployment:
    """The folder, ports and people of `make console`."""

    folder: Path
    broker: str
    ports: dict[str, int]
    """Of worker, projector, mongo, gateway, and of the gateway's metrics and health (`pages`)."""
    people: Sequence[str]
    """NAME=ROLE of those for whom the gateway prints links."""
    with_console: bool

    def url(self, name: str) -> str:
        """The root of a part's web server."""
        return f"http://127.0.0.1:{self.ports[name]}"

    def variables(self) -> dict[str, str]:
        """The RENTMATCH_ variables that all have in common."""
        own = {
            "BROKER": self.broker,
            "PARTITIONS": str(PARTITIONS),
            "MONGO_URL": f"mongodb://127.0.0.1:{self.ports['mongo']}",
            "STATE_DIR": str(self.folder / "state"),
            "GATEWAY_WORKERS": self.url("worker"),
            "GATEWAY_PORT": str(self.ports["gateway"]),
        }
        return {PREFIX + name: value for name, value in own.items()}

    def parts(self) -> list[Part]:
        """Every process, in the order in which they are shown."""
        mongo = [mongo_server(), "--data-dir", str(self.folder / "mongo"), "--port", str(self.ports["mongo"])]
        mongo += ["--log-file", str(self.folder / "mongo-server.log"), "--pid-file", str(self.folder / "mongo.pid")]
        gateway = [word for person in self.people for word in ("--person", person)]
        gateway += [] if self.with_console else ["--without-console"]
        return [
            self._part(
                "mongo", "server of the read model", mongo,
                probe=probes.mongo(f"mongodb://127.0.0.1:{self.ports['mongo']}"),
            ),
            self._rentmatch("worker", "rentmatch worker", "worker"),
            self._rentmatch("projector", "maintains the read model", "project-read-model", needs=["mongo"]),
            self._rentmatch("pages", "gateway and console", "gateway", *gateway, name="gateway", needs=["mongo"]),
        ]  # fmt: skip

    def _rentmatch(self, port: str, what: str, *words: str, name: str = "", needs: Sequence[str] = ()) -> Part:
        return self._part(
            name or port, what, [sys.executable, "-P", "-m", "ops.cli", *words],
            variables={PREFIX + "WORKER_ID": name or port, PREFIX + "HTTP_PORT": str(self.ports[port])},
            probe=probes.rentmatch(self.url(port)),
            needs=needs,
        )  # fmt: skip

    def _part(
        self, name: str, what: str, command: list[str], *, variables: dict[str, str] | None = None, **more: Any
    ) -> Part:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(PREFIX)}
        return Part(
            name=name,
            what=what,
            command=command,
            directory=REPOSITORY,
            log=self.folder / f"{name}.log",
            # This tree's code, whatever is installed: a checkout has a console of its own.
            environment={
                **inherited,
                "PYTHONUNBUFFERED": "1",
                "PYTHONPATH": str(REPOSITORY),
                **self.variables(),
                **(variables or {}),
            },
            address=self.url(name),
            **more,
        )

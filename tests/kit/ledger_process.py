"""`rentmatch ledger` as a process of its own, and what it has written."""

import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from streams import topics
from streams.broker.provisioning import provision
from streams.codec.codec import Codec
from streams.settings import load
from streams.topics import Topic
from tests.kit.ledger_rows import posted_by_payment
from tests.kit.reading import read_all
from tools.local.processes import Process, free_ports, wait_until
from tools.local.worker import REPOSITORY


class LedgerProcess(Process):
    """A reader of a ledger; killed and started again, it goes on."""

    def __init__(
        self,
        directory: Path,
        bootstrap: str,
        prefix: str,
        command: str,
        mapping: str,
        env: Mapping[str, str] | None = None,
    ) -> None:
        directory.mkdir(exist_ok=True)
        file = directory / "ledger.toml"
        file.write_text(mapping, encoding="utf-8")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("RENTMATCH_")}
        own = {"RENTMATCH_BROKER": bootstrap, "RENTMATCH_TOPIC_PREFIX": prefix, "RENTMATCH_APPLICATION_ID": prefix}
        self._bootstrap = bootstrap
        self.settings = load({**own, "RENTMATCH_PARTITIONS": "2"})
        line = [sys.executable, "-m", "ops.cli", "ledger", command, str(file)]
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        own["RENTMATCH_HTTP_PORT"] = str(port)
        environment = {**inherited, "PYTHONUNBUFFERED": "1", **own, **(env or {})}
        super().__init__(line, directory / "ledger.log", cwd=REPOSITORY, env=environment)

    def start_with(self, option: str) -> None:
        """Start it with a further option, this time."""
        line = self._command
        self._command = (*line, option)
        self.start()
        self._command = line

    def provision(self) -> None:
        """Create the topics that it writes to."""
        report = provision(self.settings, only={topics.LEDGER_EVENTS, topics.DEAD_LETTER})
        assert report.errors == []

    def page(self, name: str) -> str:
        """The body of a page, whatever its status; empty while nothing answers."""
        try:
            with urllib.request.urlopen(f"{self.url}/{name}", timeout=5) as response:
                return str(response.read().decode())
        except urllib.error.HTTPError as error:
            return error.read().decode()
        except OSError:
            return ""

    def wait_for_metric(self, name: str, accepts: Callable[[float], bool], timeout_s: float = 30) -> None:
        """Wait until a metric of its page is as wanted."""

        def is_so() -> bool:
            values = [line.rpartition(" ")[2] for line in self.page("metrics").splitlines() if line.startswith(name)]
            return bool(values) and accepts(float(values[0]))

        wait_until(is_so, timeout_s, name, process=self)

    def facts(self, codec: Codec | None = None) -> list[Any]:
        """The committed facts."""
        codec = codec or Codec()
        found = read_all(self._bootstrap, self.settings.topic(topics.LEDGER_EVENTS))
        return [codec.decode_input(topics.LEDGER_EVENTS, record.value) for record in found]

    def count(self, topic: Topic) -> int:
        """The committed records of a topic."""
        return len(read_all(self._bootstrap, self.settings.topic(topic)))

    def wait_for(self, posted: Mapping[str, int], timeout_s: float = 60) -> None:
        """Wait until the facts add up to what is posted of each payment."""
        found: dict[str, int] = {}

        def as_posted() -> bool:
            time.sleep(0.25)  # reading all takes as much of the machine as what it waits for
            found.clear()
            found.update(posted_by_payment(self.facts()))
            return found == posted

        try:
            wait_until(as_posted, timeout_s, "the ledger to be read", process=self)
        except TimeoutError as error:
            pairs = {key: (posted.get(key), found.get(key)) for key in sorted(posted.keys() | found.keys())}
            shown = {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}
            raise TimeoutError(f"{error}\nledger, facts: {shown}") from None

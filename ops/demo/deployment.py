"""Where the demo runs: a broker inside this process or a real one, and a worker beside it, apart from all others."""

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient

from domain.facts import Micros
from ops.console import fail
from streams import topics
from streams.broker.cluster import ANSWER_SECONDS_MAX, BrokerError, connect
from streams.broker.provisioning import provision
from streams.codec.json_form import instant_to_text
from streams.settings import PREFIX, Settings, load

PARTITIONS = 4
"""As many as librdkafka's mock cluster gives a topic, and no other number."""

STOPPING_SECONDS_MAX = 60
LOG_LINES_SHOWN = 40


@dataclass(frozen=True)
class Installation:
    """An installation of the demo's own: the settings that this process uses and its worker is started with."""

    variables: Mapping[str, str]
    """The worker's RENTMATCH_ variables, all of them: the user's own do not reach it."""
    settings: Settings
    is_embedded: bool

    def others(self) -> dict[str, str]:
        """The variables by which another `rentmatch` command finds the same topics, beside the user's for security."""
        names = (PREFIX + "BROKER", PREFIX + "TOPIC_PREFIX")
        return {name: self.variables[name] for name in names}


def installation(variables: Mapping[str, str], state_dir: Path, now: Micros, *, is_embedded: bool) -> Installation:
    """Put an installation together: the broker's variables, and for the rest what no other installation has.

    `now` is the instant at which the worker's clock stands still.
    """
    apart = {} if is_embedded else {name: f"demo-{secrets.token_hex(4)}" for name in ("TOPIC_PREFIX", "APPLICATION_ID")}
    own = {
        "STATE_DIR": str(state_dir),
        "HTTP_PORT": str(_free_port()),
        "PARTITIONS": str(PARTITIONS),
        "CLOCK": instant_to_text(now),
        **{name: value + ("." if name == "TOPIC_PREFIX" else "") for name, value in apart.items()},
    }
    all_ = {**variables, **{PREFIX + name: value for name, value in own.items()}}
    return Installation(all_, load(all_), is_embedded)


def broker_variables(address: str) -> dict[str, str]:
    """The variables that lead to a real broker: its address, and how the user's environment says to speak to it."""
    security = {name: value for name, value in os.environ.items() if name.startswith(PREFIX + "SECURITY_")}
    return {**security, PREFIX + "BROKER": address}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def embedded_broker() -> Iterator[str]:
    """Run librdkafka's mock cluster inside this process; its address.

    It lives in threads of librdkafka's as long as the producer that asked for it.

    Raises:
        BrokerError: it does not answer.

    """
    keeper = Producer({"bootstrap.servers": "unused:1", "test.mock.num.brokers": 1, "log_level": 2})
    try:
        found = next(iter(keeper.list_topics(timeout=ANSWER_SECONDS_MAX).brokers.values()))
    except (KafkaException, StopIteration) as error:
        raise BrokerError(f"the embedded broker did not start: {error}") from None
    yield f"{found.host}:{found.port}"
    keeper.purge()


def make_topics(where: Installation) -> None:
    """Create the topics of an installation; what is wrong with them ends the command with exit status 1."""
    report = provision(where.settings)
    if report.errors:
        fail("the topics could not be set up: " + "; ".join(report.errors))


def delete_topics(where: Installation) -> None:
    """Delete the topics and the group of an installation, by the names that only it has.

    Raises:
        BrokerError: no broker answers, or it refuses.

    """
    settings = where.settings
    admin, _ = connect(AdminClient, settings)
    futures: dict[str, Any] = admin.delete_topics([settings.topic(topic) for topic in topics.ALL])
    futures |= admin.delete_consumer_groups([settings.application_id])
    for name, future in futures.items():
        try:
            future.result()
        except KafkaException as error:
            raise BrokerError(f"{name} could not be deleted: {error.args[0].str()}") from None


class Worker:
    """`rentmatch worker` as a process of its own, its log in a file. Ends with the `with` block, whatever happens."""

    def __init__(self, where: Installation, log: Path) -> None:
        self._where = where
        self._log = log

    def __enter__(self) -> "Worker":
        """Start it."""
        mine = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "ops.cli", "worker"],
                env={**mine, **self._where.variables},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for us; we stop the worker in order
            )
        return self

    def __exit__(self, *_: object) -> None:
        """Kill it if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()

    def check(self) -> None:
        """See that it runs; if not, the command ends with exit status 1 and the end of the worker's log."""
        status = self._process.poll()
        if status is not None:
            self.give_up(f"the worker ended by itself ({_told(status)})")

    def give_up(self, why: str) -> None:
        """End the command with exit status 1, a reason and the end of the worker's log."""
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        tail = "\n".join(f"  {line}" for line in lines[-LOG_LINES_SHOWN:])
        fail(f"{why}. The end of its log:\n{tail or '  (empty)'}")

    def caught_up_to(self) -> Micros | None:
        """The instant up to which it says that everything is reconciled, once it is ready; None before."""
        url = f"http://127.0.0.1:{self._where.settings.http_port}/readyz"
        try:
            with urllib.request.urlopen(url, timeout=2) as response:
                told = json.load(response)
        except (urllib.error.URLError, OSError, ValueError):
            return None
        return told["caught_up_to_micros"] if told["ok"] else None

    def stop(self) -> None:
        """Send SIGTERM and wait; another exit status than 0 ends the command with exit status 1."""
        self._process.send_signal(signal.SIGTERM)
        try:
            status = self._process.wait(STOPPING_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.give_up(f"the worker did not stop within {STOPPING_SECONDS_MAX} s of SIGTERM")
        else:
            if status != 0:
                self.give_up(f"the worker did not stop well ({_told(status)})")


def _told(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"exit status {status}"

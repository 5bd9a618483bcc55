"""Where the demo runs: on a broker inside this process or on a real one, with a worker process of its own."""

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
from pathlib import Path

from confluent_kafka import KafkaException, Producer

from domain.time import Micros, rfc3339
from ops.console import fail
from ops.deployment import Deployment
from streams.broker.cluster import ANSWER_SECONDS_MAX, BrokerError
from streams.settings import PREFIX

PARTITIONS = 4
"""The number that librdkafka's mock cluster gives every topic."""

STOPPING_SECONDS_MAX = 60
LOG_LINES_SHOWN = 40


def demo_deployment(broker: Mapping[str, str], state_dir: Path, now: Micros, *, is_embedded: bool) -> Deployment:
    """Return a deployment of the demo's own, whose topics and group no other deployment shares.

    Args:
        broker: the RENTMATCH_ variables for the broker; no other variables of the user reach the worker.
        state_dir: where the worker keeps its state.
        now: the instant at which the worker's clock stands still.
        is_embedded: whether the demo has the broker for itself, so that default names will do.

    """
    own = {
        "STATE_DIR": str(state_dir),
        "HTTP_PORT": str(_free_port()),
        "PARTITIONS": str(PARTITIONS),
        "CLOCK": rfc3339(now),
    }
    if not is_embedded:
        own["TOPIC_PREFIX"] = f"demo-{secrets.token_hex(4)}."
        own["APPLICATION_ID"] = f"demo-{secrets.token_hex(4)}"
    return Deployment({**broker, **{PREFIX + name: value for name, value in own.items()}})


def broker_variables(address: str) -> dict[str, str]:
    """Return the variables for a real broker: its address, and the security settings of the user's environment."""
    security = {name: value for name, value in os.environ.items() if name.startswith(PREFIX + "SECURITY_")}
    return {**security, PREFIX + "BROKER": address}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def embedded_broker() -> Iterator[str]:
    """Run librdkafka's mock cluster inside this process and yield its address.

    The cluster runs in librdkafka's threads as long as the producer that started it exists.

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


class DemoWorker:
    """A `rentmatch worker` process that logs to a file; the `with` block always ends it."""

    def __init__(self, deployment: Deployment, log: Path) -> None:
        self._deployment = deployment
        self._log = log

    def __enter__(self) -> "DemoWorker":
        """Start it."""
        mine = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "ops.cli", "worker"],
                env={**mine, **self._deployment.env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches only this process, which stops the worker itself
            )
        return self

    def __exit__(self, *_: object) -> None:
        """Kill it if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()

    def check(self) -> None:
        """Fail (exit status 1, with the end of the worker's log) if the worker has exited."""
        status = self._process.poll()
        if status is not None:
            self.give_up(f"the worker exited by itself ({_exit_text(status)})")

    def give_up(self, why: str) -> None:
        """Fail (exit status 1) with a reason and the end of the worker's log."""
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        tail = "\n".join(f"  {line}" for line in lines[-LOG_LINES_SHOWN:])
        fail(f"{why}. The end of its log:\n{tail or '  (empty)'}")

    def caught_up_to(self) -> Micros | None:
        """Return the instant up to which the worker reports everything reconciled; None until it is ready."""
        url = f"http://127.0.0.1:{self._deployment.settings.http_port}/readyz"
        try:
            with urllib.request.urlopen(url, timeout=2) as response:
                answer = json.load(response)
        except (urllib.error.URLError, OSError, ValueError):
            return None
        return answer["caught_up_to_micros"] if answer["ok"] else None

    def stop(self) -> None:
        """Send SIGTERM and wait; fail unless the exit status is 0."""
        self._process.send_signal(signal.SIGTERM)
        try:
            status = self._process.wait(STOPPING_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.give_up(f"the worker did not stop within {STOPPING_SECONDS_MAX} s of SIGTERM")
        else:
            if status != 0:
                self.give_up(f"the worker did not stop cleanly ({_exit_text(status)})")


def _exit_text(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"exit status {status}"

"""A deployment for tests: topics of its own on a real broker, workers as processes, and an auditor.

Everything is observed from outside: offsets at the broker, /readyz of the workers, records on the output topics.
"""

import json
import random
import re
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Self

from confluent_kafka import KafkaException, Producer

from domain.time import Micros, rfc3339
from ops.deployment import Deployment
from simulator.deliver import Delivery, value_of
from simulator.scenario import Scenario
from simulator.truth import truth_of_deliveries
from streams.headers import Header
from streams.transport.commit_loop import STOPS
from tests.kit import wire
from tests.kit.verifier import KEYS, Outputs, Place, Published, check, read_outputs
from tools.group_monitor import INPUTS, GroupMonitor
from tools.local.worker import COMMAND, REPOSITORY, WorkerProcess

FAULTY = (sys.executable, "-m", "tests.kit.faulty_worker", "worker")

WRITTEN = (*KEYS, "dead-letter")
"""The topics that consumers downstream read."""

SIGNALLED = "Signal received: "
"""What it logs (Faust does) when it is told to end."""

SLICE = 40
"""Records that a Feed publishes at a time."""

SETTLED_TWICE_S = 0.2
"""A deployment has settled if it looks settled twice, this far apart."""


class AuditedDeployment(Deployment):
    """Topics under a prefix, a group, and workers.

    `settings` are RENTMATCH_ settings of all workers, by their names without the prefix: `commit_interval_ms=20`.
    `clock` is the instant at which the workers' clock stands still; None lets them read the system's.
    """

    def __init__(
        self,
        bootstrap: str,
        prefix: str,
        directory: Path,
        *,
        clock: Micros | None,
        partitions: int = 3,
        **settings: Any,
    ) -> None:
        self.bootstrap = bootstrap
        self.prefix = prefix
        self.clock = clock
        self.group = f"{prefix}group"
        self._directory = directory
        given: dict[str, Any] = {
            "broker": bootstrap,
            "topic_prefix": prefix,
            "application_id": self.group,
            "clock": "system" if clock is None else rfc3339(clock),
            "partitions": partitions,
            # After a death the session and the open transaction must time out: short, so that tests need not wait.
            "session_timeout_ms": 4_000,
            "transaction_timeout_ms": 5_000,
            "progress_interval_ms": 200,
        } | settings
        super().__init__({f"RENTMATCH_{name.upper()}": str(value) for name, value in given.items()})
        self.deliveries: list[Delivery] = []
        """Everything published, for the truth."""
        self.published: dict[Place, Published] = {}
        self.workers: dict[str, WorkerProcess] = {}
        self._logged_before: dict[str, int] = {}
        """How long the log of a worker was when it was started."""
        self.supervised: set[str] = set()
        """Workers that are restarted when they exit with an error, as by a container's restart policy."""
        self.deaths: list[tuple[str, int]] = []
        """The ids and exit statuses of workers that were restarted."""
        self.monitor = GroupMonitor(self.settings)
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "log_level": 2,
                "enable.idempotence": True,
                # The topics are new: with more requests in flight the first records may be lost (KAFKA-15591).
                "max.in.flight": 1,
                "linger.ms": 5,
                "message.max.bytes": 16 << 20,
            }
        )

    def __enter__(self) -> Self:
        """Create the topics."""
        self.create_topics()
        return self

    def __exit__(self, *_: object) -> None:
        """Kill all workers. The topics are kept for failures."""
        for worker in self.workers.values():
            worker.kill()
        self.monitor.close()

    def name(self, topic: str) -> str:
        """Return a topic's full name, from its default name."""
        return self.prefix + topic

    # Publishing

    def publish(
        self,
        deliveries: Iterable[Delivery],
        *,
        rng: random.Random | None = None,
        shuffled: bool = False,
        times: int = 1,
        spread: bool = False,
    ) -> None:
        """Publish deliveries, and wait until the broker has them.

        Args:
            deliveries: in the order of arrival.
            rng: draws what the other options need.
            shuffled: in any order instead.
            times: each so often.
            spread: each to any partition, instead of to that of its key.
        """
        rng = rng or random.Random(0)
        sent = [delivery for delivery in deliveries for _ in range(times)]
        if shuffled:
            rng.shuffle(sent)
        self.publish_values(
            (d, value_of(d, lambda fact, _: wire.encode(fact)), rng.randrange(self._partitions()) if spread else -1)
            for d in sent
        )

    def publish_values(
        self, records: Iterable[tuple[Delivery, bytes | None, int]], headers: Sequence[Header] = ()
    ) -> None:
        """Publish deliveries with given values and partitions (-1: by the key), and wait for the broker.

        All of them get the same headers.
        """
        producer = self._producer
        failed: list[Any] = []
        for delivery, value, partition in records:
            while True:
                try:
                    producer.produce(
                        self.name(delivery.topic), value, delivery.key.encode(), partition,
                        on_delivery=self.noting(delivery, failed, headers), headers=list(headers),
                    )  # fmt: skip
                    break
                except BufferError:
                    producer.poll(0.1)
        assert producer.flush(150) == 0
        assert failed == []

    def noting(
        self, delivery: Delivery, failed: list[Any], headers: Sequence[Header] = ()
    ) -> Callable[[Any, Any], None]:
        """Return a producer's callback that notes a delivery as published once the broker has it."""

        def note(error: Any, message: Any) -> None:
            if error is not None:
                failed.append(error)
                return
            self.deliveries.append(delivery)
            place = (delivery.topic, message.partition(), message.offset())
            self.published[place] = Published(message.key(), message.value(), delivery.fault, tuple(headers))

        return note

    def _partitions(self) -> int:
        return self.settings.partitions

    # Workers

    def worker(
        self,
        worker_id: str = "a",
        *,
        supervised: bool = False,
        fault: str | None = None,
        code: Path = REPOSITORY,
    ) -> WorkerProcess:
        """Start a worker on the state of its predecessor of this id.

        Args:
            worker_id: names its folder; its address stays the same, too.
            supervised: restart it when it exits with an error.
            fault: as in tests/kit/faulty_worker.py.
            code: the folder with the code to run.
        """
        before = self.workers.get(worker_id)
        assert before is None or before.exit_code is not None, f"worker {worker_id} runs already"
        env = self.env | {"RENTMATCH_WORKER_ID": worker_id} | ({} if fault is None else {"FAULT": fault})
        worker = WorkerProcess(
            self.directory_of(worker_id), env, command=COMMAND if fault is None else FAULTY, code=code
        )
        self.workers[worker_id] = worker
        self._logged_before[worker_id] = worker.log.stat().st_size if worker.log.exists() else 0
        self.supervised.discard(worker_id)
        if supervised:
            self.supervised.add(worker_id)
        worker.start()
        return worker

    def directory_of(self, worker_id: str) -> Path:
        """Return a worker's folder, with its log and its state (in `state`)."""
        return self._directory / f"worker-{worker_id}"

    def dismiss(self, worker_id: str) -> None:
        """Drop a worker that has exited, whatever its exit status."""
        assert self.workers[worker_id].exit_code is not None
        del self.workers[worker_id]

    def supervise(self) -> None:
        """Restart supervised workers that have exited with an error, without their fault.

        Raises:
            AssertionError: a worker that nobody supervises has ended with an error.
        """
        for worker_id, worker in list(self.workers.items()):
            status = worker.exit_code
            if status in (None, 0):
                continue
            if worker_id not in self.supervised:
                raise AssertionError(f"worker {worker_id} ended with status {status}\n{worker.tail()}")
            self.deaths.append((worker_id, status))
            self.worker(worker_id, supervised=True)

    def end(self, worker_id: str) -> None:
        """SIGTERM, and see that it is obeyed. A worker that was dying when the signal came is one of the deaths.

        Raises:
            AssertionError: it ended with an error, and had not failed before the signal.
        """
        worker = self.workers[worker_id]
        status = worker.terminate(60)
        if status in (0, -signal.SIGTERM):  # the latter: it had not come so far as to handle signals
            return
        with worker.log.open("rb") as log:
            log.seek(self._logged_before[worker_id])
            own = log.read().decode(errors="replace")
        before_the_signal, _, _ = own.partition(SIGNALLED)
        assert STOPS in before_the_signal, (
            f"worker {worker_id} ended with status {status} after SIGTERM\n{worker.tail()}"
        )
        self.deaths.append((worker_id, status))

    def watch(self, seconds: float) -> None:
        """Wait, and restart supervised workers that exit."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.supervise()
            time.sleep(0.05)

    # Watching

    def wait_members(self, count: int, timeout_s: float = 60) -> None:
        """Wait until the group has `count` members."""
        until = time.monotonic() + timeout_s
        while (found := self.monitor.members()) != count:
            assert time.monotonic() < until, f"the group has {found} members, not {count}, for {timeout_s} s"
            self.watch(0.1)

    def caught_up_to(self) -> Micros | None:
        """Return the latest instant up to which a running worker reports everything reconciled."""
        found = [self._caught_up(worker) for worker in self.workers.values() if worker.exit_code is None]
        return max((at for at in found if at is not None), default=None)

    def _caught_up(self, worker: WorkerProcess) -> Micros | None:
        try:
            with urllib.request.urlopen(f"{worker.url}/readyz", timeout=2) as response:
                at: Micros | None = json.load(response)["caught_up_to_micros"]
                return at
        except (urllib.error.URLError, OSError):
            return None

    def wait_settled(self, timeout_s: float = 120) -> None:
        """Wait until everything published is processed and every deadline up to the clock has fired.

        Raises:
            AssertionError: a worker exited unexpectedly, or it took longer; the message contains the logs.
        """
        at = time.time_ns() // 1_000 if self.clock is None else self.clock
        until = time.monotonic() + timeout_s
        settled_since = None
        why = ""
        while True:
            self.supervise()
            why = self._unsettled(at)
            if why:
                settled_since = None
            elif settled_since is None:
                settled_since = time.monotonic()
            elif time.monotonic() - settled_since > SETTLED_TWICE_S:
                return
            if time.monotonic() > until:
                tails = "\n".join(worker.tail() for worker in self.workers.values())
                raise AssertionError(f"not settled within {timeout_s} s: {why}\ndeaths: {self.deaths}\n{tails}")
            time.sleep(0.1)

    def _unsettled(self, at: Micros) -> str:
        """Return why it has not settled; empty if it has."""
        try:
            lag = self.monitor.lag()
        except KafkaException as error:
            return f"the broker does not report the offsets: {error}"
        if lag:
            return f"unread: {lag}"
        caught_up = self.caught_up_to()
        if caught_up is None or caught_up < at:
            return f"caught up to {caught_up}, not yet to {at}"
        # A transaction is committed before its markers are in all partitions; a reader needs the markers.
        if self.monitor.ends(WRITTEN, stable=True) != self.monitor.ends(WRITTEN):
            return "a transaction is open on the output topics"
        return ""

    def wait_progress(self, records: int, timeout_s: float = 60) -> None:
        """Wait until `records` offsets of the inputs are committed."""
        until = time.monotonic() + timeout_s
        while True:
            self.supervise()
            done = 0
            try:
                done = sum(offset for (topic, _), offset in self.monitor.committed().items() if topic in INPUTS)
            except KafkaException as error:
                last = str(error)
            else:
                last = f"{done} committed"
            if done >= records:
                return
            assert time.monotonic() < until, f"{records} input offsets not committed in {timeout_s} s: {last}"
            time.sleep(0.02)

    # Auditing

    def outputs(self) -> Outputs:
        """Return everything that a consumer downstream sees."""
        return read_outputs(self.bootstrap, self.name, self.settings.schema_registry_url)

    def check(
        self, scenario: Scenario | None = None, *, at: Micros | None = None, dead_letter_times: int = 1
    ) -> Outputs:
        """Compare the outputs with the truth about everything published (or about a scenario), and return them.

        Raises:
            AssertionError: something is not as it must be.
        """
        at = at if at is not None else self.clock
        assert at is not None, "with the system's clock, say at which instant"
        deliveries = self.deliveries if scenario is None else scenario.deliveries
        outputs = self.outputs()
        check(
            outputs, truth_of_deliveries(deliveries, at, self.settings.policy), self.published, self.name,
            dead_letter_times=dead_letter_times,
        )  # fmt: skip
        return outputs


def wait_log(
    deployment: AuditedDeployment, worker_id: str, pattern: "re.Pattern[str]", since: int, timeout_s: float = 60
) -> "re.Match[str]":
    """Wait for a line in a worker's log after a position."""
    worker = deployment.workers[worker_id]
    until = time.monotonic() + timeout_s
    while True:
        with worker.log.open("rb") as log:
            log.seek(since)
            found = pattern.search(log.read().decode(errors="replace"))
        if found:
            return found
        assert time.monotonic() < until, f"no line {pattern.pattern!r} in {timeout_s} s\n{worker.tail()}"
        deployment.watch(0.05)


class Feed(threading.Thread):
    """Publishes slices in the background, so that faults strike while there is work."""

    def __init__(
        self,
        deployment: AuditedDeployment,
        deliveries: Sequence[Delivery],
        seconds: float,
        rng: random.Random,
        slice_: int = SLICE,
    ) -> None:
        super().__init__(name="feed", daemon=True)
        self._deployment = deployment
        self._slices = [deliveries[at : at + slice_] for at in range(0, len(deliveries), slice_)]
        self._pause_s = seconds / max(1, len(self._slices))
        self._rng = random.Random(rng.random())
        self._error: BaseException | None = None
        self._hurry = threading.Event()
        self.start()

    def run(self) -> None:
        """Publish everything."""
        try:
            for number, deliveries in enumerate(self._slices):
                self._deployment.publish(deliveries, rng=self._rng, spread=number % 2 == 1)
                self._hurry.wait(self._pause_s)
        except BaseException as error:
            self._error = error

    def finish(self, *, hurry: bool = False) -> None:
        """Wait until everything is published; with `hurry` the rest is published without pauses.

        Raises:
            RuntimeError: it could not be published.
        """
        if hurry:
            self._hurry.set()
        self.join(300)
        if self._error is not None or self.is_alive():
            raise RuntimeError("the inputs could not be published") from self._error

"""What a backlog costs a program, alone and with two processes, and what it takes to start again after it.

CPU is that of the processes from their start to the last record, and of their stop; the wait for the end of the
measurement is not in it. Events a second count from the start of the processes to the last record, so the start is in
them: at 200,000 events it is a good part. Peak memory is that of the largest process.

Recovery follows the backlog: the process is started on the disk that it left, and then on an empty one. It counts from
the start of the process until it says that it has recovered. Both changelogs hold what the backlog wrote into them, so
the number of records is part of the result. A million keys of the tables of payments and obligations, which both have,
are left by about 2,605,000 events. For 10,000,000 it would be 26 million: `recovery --keys` measures rentmatch alone.
"""

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from benchmarks import usage
from benchmarks.deployment import MeasuredDeployment
from benchmarks.events import publish
from benchmarks.peers.model import OUTPUTS, Peer
from benchmarks.running import wait_for
from benchmarks.versus_input import CLOCK, Outcomes, generated
from benchmarks.versus_table import Measure, Sample
from streams.topics import Topic
from tools.local.processes import Process

PARTITIONS = 4

MILLION = 1_000_000

QUIET_S = 3.0
"""Nothing more is written for this long, and all inputs are committed: it is done."""

LOOK_EVERY_S = 0.25

LEAVES_WITHIN_S = 90
"""How long the broker may count a process that has stopped as a member."""

MEMORY_FROM_EVENTS = 4_900_000
"""The target for memory is about 5,000,000 events."""

RECOVERY_FROM_KEYS = 950_000
"""The target for recovery is about 1,000,000 keys."""


class WrongResult(RuntimeError):
    """What came out is not what must come out."""


@dataclass(frozen=True)
class Input:
    """A generated input in the topics of a deployment."""

    deployment: MeasuredDeployment
    events: int
    expected: Outcomes

    @property
    def keys(self) -> int:
        """How many payments and obligations there are."""
        return self.expected.counts["payments"] + self.expected.counts["obligations"]


@contextmanager
def published(broker: str, events: int) -> Iterator[Input]:
    """Generate about this many events into topics of their own, which are deleted at the end."""
    deployment = MeasuredDeployment(broker, clock=CLOCK, partitions=PARTITIONS)
    try:
        expected = Outcomes()
        count = publish(deployment, generated(events, expected))
        yield Input(deployment, count, expected)
    finally:
        deployment.remove()


def measures(given: Input) -> list[Measure]:
    """The rows of a size's table."""
    memory = 1_024.0 if given.events >= MEMORY_FROM_EVENTS else None
    recovery = 1.0 if given.keys >= RECOVERY_FROM_KEYS else None
    return [
        Measure("CPU a million events", "s", ratio_max=1.0),
        Measure("events a second, one process", ""),
        Measure("peak memory, one process", "MiB", value_max=memory),
        Measure("records written, an event", ""),
        Measure("events a second, two processes", ""),
        Measure("CPU a million events, two processes", "s"),
        Measure("peak memory, the larger of two processes", "MiB"),
        Measure("recovery from nothing", "s", ratio_max=recovery),
        Measure("recovery from nothing, a million keys", "s"),
        Measure("records read in it", ""),
        Measure("restart on the same disk", "s"),
        Measure("records read at it", ""),
    ]


def measure(given: Input, directory: Path, peer: Peer, *, backlog: bool, pair: bool, recovery: bool) -> Sample:
    """Run a program over the input and check what it wrote; measure what is asked for and it offers.

    Recovery needs a backlog before it, whose cost is left out of the sample unless asked for.

    Raises:
        WrongResult: it is quick and wrong.
        RuntimeError: a process exited.
        TimeoutError: it took too long.

    """
    sample: Sample = {}
    recovery = recovery and peer.recovered is not None
    if backlog or recovery:
        with _deployment_over(given) as deployment:
            process = peer.process(deployment, directory / "one")
            cost = _read_all(deployment, given, peer, [process])
            if backlog:
                sample |= {
                    "CPU a million events": cost.cpu_s / given.events * MILLION,
                    "events a second, one process": given.events / cost.seconds,
                    "peak memory, one process": cost.peak_bytes / 2**20,
                    "records written, an event": cost.records / given.events,
                }
            if recovery:
                sample |= _start_again(deployment, given, directory / "one", peer, process)
    if pair and peer.shares_work:
        with _deployment_over(given) as deployment:
            processes = [peer.process(deployment, directory / name) for name in ("first", "second")]
            cost = _read_all(deployment, given, peer, processes)
            sample |= {
                "events a second, two processes": given.events / cost.seconds,
                "CPU a million events, two processes": cost.cpu_s / given.events * MILLION,
                "peak memory, the larger of two processes": cost.peak_bytes / 2**20,
            }
    shutil.rmtree(directory)
    return sample


@contextmanager
def _deployment_over(given: Input) -> Iterator[MeasuredDeployment]:
    inputs = given.deployment
    deployment = MeasuredDeployment(inputs.settings.broker, inputs=inputs.name, clock=CLOCK, partitions=PARTITIONS)
    try:
        yield deployment
    finally:
        deployment.remove(with_inputs=False)


@dataclass(frozen=True)
class _Cost:
    seconds: float
    cpu_s: float
    peak_bytes: int
    records: int


def _read_all(deployment: MeasuredDeployment, given: Input, peer: Peer, processes: Sequence[Process]) -> _Cost:
    """Run processes from nothing to the end of the inputs, stop them, and check what they wrote."""
    begin = time.monotonic()
    try:
        for process in processes:
            process.start()
        last_at, last_cpu_s = _wait_until_done(deployment, peer, processes)
        idle_cpu_s = _cpu_of(processes)
        peak = max(usage.peak_bytes(process.pid) for process in processes)
        for process in processes:
            process.ask_to_end()
        stop_cpu_s = sum(_cpu_until_gone(process) for process in processes)
        _check(deployment, given, peer, processes)
        records = sum(deployment.ends(*OUTPUTS).values())
    finally:
        for process in processes:
            process.kill()
    return _Cost(last_at - begin, last_cpu_s + max(0.0, stop_cpu_s - idle_cpu_s), peak, records)


def _cpu_of(processes: Sequence[Process]) -> float:
    return sum(usage.cpu_seconds(process.pid) for process in processes)


def _wait_until_done(
    deployment: MeasuredDeployment, peer: Peer, processes: Sequence[Process], timeout_s: float = 7_200
) -> tuple[float, float]:
    """Wait until all is read and written; when the last record was written, and the CPU up to then."""
    seen: dict[tuple[str, int], int] = {}
    changed_at, cpu_s = begin, _ = time.monotonic(), 0.0
    while True:
        time.sleep(LOOK_EVERY_S)
        for process in processes:
            if process.exit_code is not None:
                raise RuntimeError(f"it exited with {process.exit_code}\n{process.tail()}")
        now, spent_s = time.monotonic(), _cpu_of(processes)
        try:
            ends = deployment.ends(*OUTPUTS)
            if ends != seen:
                seen, changed_at, cpu_s = ends, now, spent_s
            elif now - changed_at > QUIET_S and any(ends.values()) and peer.has_read(deployment):
                return changed_at, cpu_s
        except KafkaException:
            pass  # a new topic has no leader yet, or a transaction is open on the offsets: the next look answers
        if now - begin > timeout_s:
            raise TimeoutError("\n".join(["not everything was read", *(process.tail() for process in processes)]))


def _cpu_until_gone(process: Process, timeout_s: float = 60) -> float:
    """The CPU of a process that ends, as last seen."""
    spent_s, until = 0.0, time.monotonic() + timeout_s
    while process.is_running:
        try:
            spent_s = usage.cpu_seconds(process.pid)
        except OSError:
            break
        if time.monotonic() > until:
            raise TimeoutError(f"it did not end\n{process.tail()}")
        time.sleep(0.01)
    return spent_s


def _start_again(deployment: MeasuredDeployment, given: Input, directory: Path, peer: Peer, process: Process) -> Sample:
    """Start a process that has read everything on its disk, and then on an empty one."""
    disk_s, disk_records = _recover(deployment, peer, process)
    shutil.rmtree(directory / "state")
    seconds, records = _recover(deployment, peer, process)
    if not records:
        raise WrongResult(f"it recovered from nothing and read nothing\n{process.tail()}")
    return {
        "recovery from nothing": seconds,
        "recovery from nothing, a million keys": seconds / given.keys * MILLION,
        "records read in it": records,
        "restart on the same disk": disk_s,
        "records read at it": disk_records,
    }


def _recover(deployment: MeasuredDeployment, peer: Peer, process: Process) -> tuple[float, int]:
    """Start it and stop it: seconds until it has recovered, and the records that it read for that."""
    assert peer.recovered is not None
    _wait_until_group_is_empty(deployment)
    log_start = process.log.stat().st_size
    begin = time.monotonic()
    process.start()
    try:
        found = wait_for(process, peer.recovered, 900, log_start)
        seconds = time.monotonic() - begin
        process.terminate(60)
    finally:
        process.kill()
    return seconds, int(found[1])


def _wait_until_group_is_empty(deployment: MeasuredDeployment) -> None:
    """Wait until the broker knows that the processes are gone: a wait for a session is no part of a recovery."""
    until = time.monotonic() + LEAVES_WITHIN_S
    while deployment.members() != 0:
        if time.monotonic() > until:
            raise TimeoutError(f"the group still has members {LEAVES_WITHIN_S} s after its processes stopped")
        time.sleep(LOOK_EVERY_S)


def _check(deployment: MeasuredDeployment, given: Input, peer: Peer, processes: Sequence[Process]) -> None:
    found = Outcomes()
    for topic in OUTPUTS:
        for number in range(PARTITIONS):
            for key, value in _last(deployment, topic, number).items():
                peer.read(found, topic, key, value)
    wrong = found.differences(given.expected)
    if wrong:
        raise WrongResult("\n".join([*wrong, *(process.tail() for process in processes)]))


def _last(deployment: MeasuredDeployment, topic: Topic, number: int) -> dict[bytes, bytes]:
    """The last committed value of each key of a partition: those of a whole topic need not fit into memory."""
    consumer = Consumer(
        deployment.kafka(
            {"group.id": "unused", "enable.auto.commit": False, "enable.partition.eof": True,
             "isolation.level": "read_committed"}
        )
    )  # fmt: skip
    last: dict[bytes, bytes] = {}
    try:
        consumer.assign([TopicPartition(deployment.topic(topic), number, 0)])
        while True:
            for message in consumer.consume(10_000, 0.5):
                error = message.error()
                if error is None:
                    last[message.key()] = message.value()
                elif error.code() == KafkaError._PARTITION_EOF:
                    return last
                else:
                    raise RuntimeError(str(error))
    finally:
        consumer.close()

"""rentmatch and its peers on the same input, in turn, on one broker: what each costs, and whether it is right.

The peers (benchmarks/peers) do a simpler job, which the module of each describes. All start from nothing.

CPU and memory are those of the process over its whole life: its start and its stop are in it, the wait for the
measurement's end is not.
"""

import time
from collections.abc import Sequence
from pathlib import Path

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from benchmarks import usage
from benchmarks.deployment import MeasuredDeployment
from benchmarks.events import publish
from benchmarks.peers.model import OUTPUTS, Peer, Read
from benchmarks.peers.rentmatch import RENTMATCH
from benchmarks.report import Result
from benchmarks.versus_input import CLOCK, Outcomes, PeerInput
from streams import topics
from streams.topics import Topic
from tools.local.processes import Process

PARTITIONS = 4

INPUTS = (topics.PAYMENT_INITIATED, topics.PROCESSOR_SETTLED, topics.LEDGER_EVENTS)

QUIET_S = 3.0
"""Nothing more is written for this long, and all inputs are committed: it is done."""

LOOK_EVERY_S = 0.25

MILLION = 1_000_000


class WrongResult(RuntimeError):
    """What came out is not what must come out."""


def run_versus(broker: str, directory: Path, given: PeerInput, peers: Sequence[Peer]) -> Result:
    """Measure each once over the input, check what it wrote, and give the ratios.

    Raises:
        WrongResult: a program is quick and wrong.

    """
    events = len(given.backlog.records)
    inputs = MeasuredDeployment(broker, clock=CLOCK, partitions=PARTITIONS)
    try:
        publish(inputs, given.backlog)
        costs = {peer.title: _measure(inputs, directory / peer.name, given, peer) for peer in (RENTMATCH, *peers)}
    finally:
        inputs.remove()
    result = Result("versus", f"{events:,} events, one process each, exactly once from zero, 4 partitions a topic")
    result.add("events", events, "")
    for name, cost in costs.items():
        result.add(f"{name}: CPU a million events", cost["cpu"] / events * MILLION, "s")
        result.add(f"{name}: throughput", events / cost["seconds"], "events/s")
        result.add(f"{name}: peak memory", cost["peak"] / 2**20, "MiB")
        result.add(f"{name}: records written", cost["records"] / events, "an event")
    ours = costs.pop(RENTMATCH.title)
    for name, theirs in costs.items():
        result.add(f"CPU beside {name}", ours["cpu"] / theirs["cpu"], "times", "<= 1", ours["cpu"] <= theirs["cpu"])
        result.add(f"wall time beside {name}", ours["seconds"] / theirs["seconds"], "times")
        result.add(f"peak memory beside {name}", ours["peak"] / theirs["peak"], "times")
    return result


def _measure(inputs: MeasuredDeployment, directory: Path, given: PeerInput, peer: Peer) -> dict[str, float]:
    """Run one program from nothing to the end of the inputs and check what it wrote."""
    deployment = MeasuredDeployment(inputs.settings.broker, inputs=inputs.name, clock=CLOCK, partitions=PARTITIONS)
    process = peer.process(deployment, directory)
    begin = time.monotonic()
    process.start()
    try:
        last_at, last_cpu = _wait_until_done(deployment, process)
        idle_cpu = usage.cpu_seconds(process.pid)
        peak = usage.peak_bytes(process.pid)
        process.ask_to_end()
        stop_cpu = _cpu_until_gone(process)
        _check(deployment, given, peer.read, process)
        records = sum(deployment.ends(*OUTPUTS).values())
    finally:
        process.kill()
        deployment.remove(with_inputs=False)
    return {
        "seconds": last_at - begin,
        "cpu": last_cpu + max(0.0, stop_cpu - idle_cpu),
        "peak": float(peak),
        "records": float(records),
    }


def _wait_until_done(deployment: MeasuredDeployment, process: Process, timeout_s: float = 3_600) -> tuple[float, float]:
    """Wait until all is read and written; when the last record was written, and the CPU up to then."""
    seen: dict[tuple[str, int], int] = {}
    changed_at, cpu = begin, _ = time.monotonic(), 0.0
    while True:
        time.sleep(LOOK_EVERY_S)
        if process.exit_code is not None:
            raise RuntimeError(f"it exited with {process.exit_code}\n{process.tail()}")
        now = time.monotonic()
        spent = usage.cpu_seconds(process.pid)
        try:
            ends = deployment.ends(*OUTPUTS)
            if ends != seen:
                seen, changed_at, cpu = ends, now, spent
            elif now - changed_at > QUIET_S and any(ends.values()) and deployment.has_read(*INPUTS):
                return changed_at, cpu
        except KafkaException:
            pass  # a new topic has no leader yet, or a transaction is open on the offsets: the next look answers
        if now - begin > timeout_s:
            raise TimeoutError(f"not everything was read\n{process.tail()}")


def _cpu_until_gone(process: Process, timeout_s: float = 60) -> float:
    """The CPU of a process that ends, as last seen."""
    spent, until = 0.0, time.monotonic() + timeout_s
    while process.is_running:
        try:
            spent = usage.cpu_seconds(process.pid)
        except OSError:
            break
        if time.monotonic() > until:
            raise TimeoutError(f"it did not end\n{process.tail()}")
        time.sleep(0.01)
    return spent


def _check(deployment: MeasuredDeployment, given: PeerInput, read: Read, process: Process) -> None:
    found = Outcomes()
    for topic in OUTPUTS:
        for key, value in _last(deployment, topic).items():
            read(found, topic, key, value)
    wrong = found.differences(given.expected)
    if wrong:
        raise WrongResult("\n".join([*wrong, process.tail()]))


def _last(deployment: MeasuredDeployment, topic: Topic) -> dict[bytes, bytes]:
    """The last committed value of each key."""
    name = deployment.topic(topic)
    consumer = Consumer(
        deployment.kafka(
            {"group.id": "unused", "enable.auto.commit": False, "enable.partition.eof": True,
             "isolation.level": "read_committed"}
        )
    )  # fmt: skip
    last: dict[bytes, bytes] = {}
    try:
        consumer.assign([TopicPartition(name, number, 0) for number in range(PARTITIONS)])
        left = set(range(PARTITIONS))
        while left:
            for message in consumer.consume(10_000, 0.5):
                error = message.error()
                if error is None:
                    last[message.key()] = message.value()
                elif error.code() == KafkaError._PARTITION_EOF:
                    left.discard(message.partition())
                else:
                    raise RuntimeError(str(error))
    finally:
        consumer.close()
    return last

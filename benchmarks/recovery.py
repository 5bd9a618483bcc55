"""Recovery of a million keys from the changelogs: with an empty disk, and again with the same disk."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from confluent_kafka import KafkaError, Message, Producer

from benchmarks.code import described
from benchmarks.deployment import MeasuredDeployment
from benchmarks.events import make_backlog
from benchmarks.in_process import InProcess
from benchmarks.report import Result
from benchmarks.running import RECOVERED, wait_for
from domain.time import Micros
from streams.partitioning import partition_of
from streams.topics import Topic
from streams.topology import TOPOLOGY
from tables.packing import Unpacker, deadline_of, pack
from tables.store import TablePartition

TEMPLATE_EVENTS = 20_000

CHUNK = 10_000

ChangelogRecord = tuple[Topic, str, bytes]
"""Changelog, key, value."""


class Templates:
    """The content of a worker's tables after a simulated month, to be multiplied under other ids."""

    def __init__(self, partitions: int = 8) -> None:
        backlog = make_backlog(TEMPLATE_EVENTS)
        self.closes_at: Micros = backlog.closes_at
        self.kept: list[ChangelogRecord] = []
        with tempfile.TemporaryDirectory() as folder:
            pipeline = InProcess.over(backlog, folder, partitions)
            pipeline.run()
            for table in TOPOLOGY.tables:
                for number in range(partitions):
                    items = pipeline.store.items(TablePartition(table.id, number))
                    self.kept += [(table.changelog, key, value) for key, value in items]
            pipeline.store.close()

    def of(self, changelog: Topic) -> list[tuple[str, bytes]]:
        """The keys and values of one table."""
        return [(key, value) for topic, key, value in self.kept if topic is changelog]

    def multiplied(self, keys: int) -> Iterator[ChangelogRecord]:
        """Yield `keys` keys: the templates over and over, each under its own id, packed as by tables/keyed.py."""
        keys_of = {table.changelog: table.key for table in TOPOLOGY.tables}
        unpackers = {table.changelog: Unpacker(table.state) for table in TOPOLOGY.tables}
        decoded = [
            (changelog, key, deadline_of(value), *unpackers[changelog](value)) for changelog, key, value in self.kept
        ]
        for number in range(keys):
            changelog, key, deadline, state, history = decoded[number % len(decoded)]
            new_key = f"{key}-{number // len(decoded):04d}"
            renamed = msgspec.structs.replace(state, **{keys_of[changelog]: new_key})
            yield changelog, new_key, pack(deadline, renamed, history)


def write_changelogs(deployment: MeasuredDeployment, templates: Templates, keys: int) -> int:
    """Fill the changelogs as a worker would have.

    Returns:
        How many bytes the values have.

    Raises:
        RuntimeError: a record was not delivered.

    """
    failures: list[KafkaError] = []

    def delivered(error: KafkaError | None, message: Message) -> None:
        if error is not None:
            failures.append(error)

    producer = Producer(
        deployment.kafka({"compression.type": "lz4", "linger.ms": 20, "queue.buffering.max.messages": 500_000})
    )
    partitions = deployment.settings.partitions
    waiting: dict[tuple[Topic, int], list[dict[str, Any]]] = {}
    size = 0

    def send(topic: Topic, number: int, messages: list[dict[str, Any]]) -> None:
        messages[-1]["callback"] = delivered
        if producer.produce_batch(deployment.topic(topic), messages, number) != len(messages):
            raise RuntimeError("records were refused: the queue is full")
        while len(producer) > 200_000:
            producer.poll(0.05)

    for topic, key, value in templates.multiplied(keys):
        place = (topic, partition_of(key, partitions))
        messages = waiting.setdefault(place, [])
        messages.append({"key": key.encode(), "value": value})
        size += len(value)
        if len(messages) == CHUNK:
            send(*place, waiting.pop(place))
    for place, messages in waiting.items():
        send(*place, messages)
    if producer.flush(300) or failures:
        raise RuntimeError(f"not all was delivered: {failures[:3]}")
    return size


def run_recovery(broker: str, directory: Path, keys: int, *, code: Path) -> Result:
    """Measure both starts."""
    templates = Templates()
    deployment = MeasuredDeployment(broker, clock=templates.closes_at)
    result = Result(
        "recovery", f"{keys:,} keys in the changelogs; then again on the disk of the first; {described(code)}"
    )
    try:
        size = write_changelogs(deployment, templates, keys)
        worker = deployment.worker(directory / "recovering", code=code)
        result.add("keys", keys, "")
        result.add("bytes a key, packed", size / keys, "B")
        for name, target_s in (("from nothing", 10.0), ("same disk", 3.0)):
            log_start = worker.log.stat().st_size if worker.log.exists() else 0
            begin = time.monotonic()
            worker.start()
            try:
                found = wait_for(worker, RECOVERED, 300, log_start)
                whole_s = time.monotonic() - begin
                worker.wait_ready(120)
                ready_s = time.monotonic() - begin
                worker.terminate(60)
            finally:
                worker.kill()
            alone_s = float(found[3])
            result.add(f"{name}: recovery alone", alone_s, "s", f"<= {target_s:.0f}", alone_s <= target_s)
            result.add(f"{name}: process start to recovered", whole_s, "s")
            result.add(f"{name}: process start to ready", ready_s, "s")
            result.add(f"{name}: records read", int(found[1]), "")
    finally:
        deployment.remove()
    return result

"""Runs the production wiring in process: agents, engine and tables are the real ones, broker and disk are in memory.

`pipe`, `run`, `emitted`, `last`, `advance`, `crash`.
"""

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Any

from agents.agent import Agent, AgentContext, Clocks
from agents.pipeline import AGENTS, make_stages
from domain.facts import InputFact, ProcessorSettled
from domain.records import Output
from domain.time import Micros
from streams import topics
from streams.codec.codec import Codec
from streams.headers import Headers
from streams.settings import Settings
from streams.topics import Topic
from streams.topology import TOPOLOGY, Topology
from streams.transport.batch import Batch, TopicPartition
from streams.transport.commit import Commit
from streams.transport.engine import Engine, Verdict
from streams.transport.watermarks import WatermarkTracker, decode_watermark
from tables.keyed import KeyedTable
from tables.store import TablePartition
from tests.kit.memory import FencedError, MemoryBroker, MemoryStore

MARKS = TopicPartition(topics.PROGRESS, 0)


class Crash(Enum):
    """Where in a commit a worker dies."""

    WHILE_SETTLING = 0
    """Between two slices: some states in memory are settled, others not."""
    BEFORE_TRANSACTION = 1
    """Nothing was written."""
    ABORTED = 2
    """Written, and aborted: readers see only the markers."""
    BEFORE_STORE = 3
    """The transaction is committed, the local disk is not written."""
    AFTER_STORE = 4
    """Transaction and disk are written; the worker's memory is not updated."""


class World:
    """Everything that the workers of a test share: the topology and its agents, the broker, the clock, the settings."""

    def __init__(
        self,
        partitions: int = 3,
        now: Micros = 0,
        *,
        topology: Topology = TOPOLOGY,
        agents: Sequence[type[Agent]] = AGENTS,
        **settings: Any,
    ) -> None:
        self.topology = topology
        self.agents = agents
        counts = dict.fromkeys(topology.topics, partitions) | {topics.PROGRESS: 1, topics.DEAD_LETTER: 1}
        self.broker = MemoryBroker(counts)
        self.settings = Settings(**settings)
        self.codec = Codec()
        self.now = now
        self._version = 0

    def version(self) -> Micros:
        """Return the next version."""
        self._version += 1
        return self._version

    def pipe(
        self,
        fact: InputFact | bytes,
        topic: Topic | None = None,
        partition: int | None = None,
        headers: Headers = (),
    ) -> None:
        """Publish a fact as its source would, or raw bytes."""
        if isinstance(fact, bytes):
            assert topic is not None
            self.broker.publish(topic, b"key", fact, partition, headers)
            return
        (topic,) = (each for each in self.topology.inputs if type(fact) in each.records)
        if isinstance(fact, ProcessorSettled) and fact.payment_id is None:
            key = fact.processor_reference
        else:
            key = getattr(fact, topic.key)
        self.broker.publish(topic, key.encode(), self.codec.encode(fact, topic.name), partition, headers)

    def emitted(self, topic: Topic) -> list[Output]:
        """Return all records of an output topic, decoded; without tombstones."""
        records = self.broker.records(topic)
        return [self.codec.decode_output(record.value) for record in records if record.value is not None]

    def last(self, topic: Topic) -> dict[str, Output]:
        """Return the last record of each key, but for keys whose last is a tombstone."""
        return {key.decode(): self.codec.decode_output(value) for key, value in self.broker.last(topic).items()}


class Worker:
    """One worker, whose threads and transactions are method calls."""

    def __init__(self, world: World, store: MemoryStore | None = None) -> None:
        self.world = world
        self.store = store or MemoryStore()
        context = AgentContext(
            topology=world.topology,
            policy=world.settings.policy,
            clocks=Clocks(lambda: world.now, world.version),
            codec=world.codec,
            store=self.store,
            names={topic: topic.name for topic in world.topology.topics},
            partitions=world.broker.partitions,
            version="0",
        )
        stages = make_stages(context, world.agents)
        self.tables = {stage.table.spec.state: stage.table for stage in stages if isinstance(stage.table, KeyedTable)}
        """The tables by the type of their states."""
        watermarks = WatermarkTracker(world.broker.partitions, world.topology.upstream, world.topology.late)
        self.engine = Engine(stages, watermarks, lambda: world.now)
        self.generation = -1
        self._heard = 0

    def assign(self, sources: Iterable[TopicPartition], generation: int) -> None:
        """Rebalance: recover from the changelogs, read the watermarks, continue from the committed offsets."""
        broker, topology = self.world.broker, self.world.topology
        given = list(sources)
        allowed = topology.complete(given)
        mine = [source for source in given if source in allowed]  # in their order: a history repeats itself
        broker.stable_offsets(mine)  # only then the changelogs' ends
        tables = {(topology.table_of(source.topic), source.number) for source in mine}
        for table, number in tables:
            if table is not None:
                place = TablePartition(table.id, number)
                batch = broker.read_to_the_end(TopicPartition(table.changelog, number), self.store.offset(place))
                self.store.recover(place, [(r.key or b"", r.value) for r in batch.records], batch.next)
        self._take_in(broker.read_to_the_end(MARKS, 0))
        self.generation = generation
        everywhere = {source: broker.offsets.get(source, 0) for source in all_sources(self.world)}
        self.engine.assigned(generation, broker.stable_offsets(mine), everywhere)

    def read_watermarks(self) -> None:
        """Read new watermarks from the progress topic."""
        self._take_in(self.world.broker.read(MARKS, 0, self._heard, 1 << 30))

    def _take_in(self, marks: Batch) -> None:
        for record in marks.records:
            self.engine.watermarks.on_remote(record.key or b"", decode_watermark(record.value or b""))
        self._heard = marks.next

    def read(self, source: TopicPartition, most: int) -> bool:
        """Read and process up to `most` offsets; return whether there were any."""
        expected = self.engine.expected[source]
        batch = self.world.broker.read(source, self.engine.epoch, expected, most)
        if batch.next == batch.start:
            return False
        assert self.engine.process(batch) is Verdict.PROCESSED
        return True

    def ask(self) -> None:
        """Request end offsets (contract section 9)."""
        for ask in self.engine.end_offset_requests():
            self.engine.watermarks.on_end_offset(ask, self.world.broker.end(ask.source))

    def commit(self, crash: Crash | None = None) -> bool:
        """Write one transaction; return whether there was anything to commit. After a crash the worker is unusable."""
        if crash is Crash.WHILE_SETTLING:
            self.settle_half()
            return True
        commit = self.engine.prepare_commit()
        if commit is None:
            return False
        if crash is not Crash.BEFORE_TRANSACTION:
            self.world.broker.transact(self.generation, commit, aborted=crash is Crash.ABORTED)
            if crash not in (Crash.ABORTED, Crash.BEFORE_STORE):
                self.write(commit)
        if crash is None:
            self.engine.committed(commit)
        return True

    def settle_half(self) -> None:
        """Settle the open transaction as far as the first half of the keys that it holds now, and give it up."""
        steps = self.engine.settle()
        for _ in range(self.engine.buffered() // 2):
            next(steps, None)
        steps.close()

    def write(self, commit: Commit) -> None:
        """Write the commit to the disk."""
        self.store.apply(commit)

    def run_until_idle(self, most: int = 1_000) -> None:
        """Read, commit and fire deadlines until nothing is left to do."""
        while True:
            self.read_watermarks()
            self.ask()
            moved = [self.read(source, most) for source in list(self.engine.expected)]
            if not (self.commit() or any(moved)):
                return


def all_sources(world: World) -> list[TopicPartition]:
    """Return every partition that is read in batches."""
    partitions = world.broker.partitions
    return [TopicPartition(topic, number) for topic in world.topology.sources for number in range(partitions[topic])]


def units(world: World) -> list[list[TopicPartition]]:
    """Return the same, by what the group gives to one worker: of a table's partition that of each of its topics."""
    found: dict[tuple[object, int], list[TopicPartition]] = {}
    for source in all_sources(world):
        table = world.topology.table_of(source.topic)
        found.setdefault((source.topic if table is None else table, source.number), []).append(source)
    return list(found.values())


class Driver:
    """One worker over one world: enough for most tests."""

    def __init__(self, partitions: int = 3, now: Micros = 0, **settings: Any) -> None:
        self.world = World(partitions, now, **settings)
        self.worker = self._start(None)

    def _start(self, store: MemoryStore | None) -> Worker:
        self.world.broker.generation += 1
        worker = Worker(self.world, store)
        worker.assign(all_sources(self.world), self.world.broker.generation)
        return worker

    def pipe(self, *facts: InputFact | bytes, topic: Topic | None = None) -> None:
        """Publish."""
        for fact in facts:
            self.world.pipe(fact, topic)

    def run(self, most: int = 1_000) -> None:
        """Run until nothing is left to do."""
        self.worker.run_until_idle(most)

    def advance(self, now: Micros) -> None:
        """Advance the clock and run until nothing is left to do."""
        assert now >= self.world.now
        self.world.now = now
        self.run()

    def crash(self, where: Crash, *, lose_disk: bool = False) -> None:
        """Crash in the middle of a commit, and restart."""
        self.worker.commit(where)
        self.worker = self._start(None if lose_disk else self.worker.store)

    def emitted(self, topic: Topic) -> list[Output]:
        """Return all records of an output topic."""
        return self.world.emitted(topic)

    def last(self, topic: Topic) -> dict[str, Output]:
        """Return the last record of each key."""
        return self.world.last(topic)


__all__ = ["Crash", "Driver", "FencedError", "Worker", "World", "all_sources", "units"]

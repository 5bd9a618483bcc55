"""The inside of a worker without Kafka and Faust: the real stages, engine and store, fed from lists.

It shows where Python's time goes, which a profile of the worker process would smear over its threads.
"""

import gc
import tempfile
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

from agents.agent import Agent, AgentContext, Clocks
from agents.pipeline import AGENTS, make_stages
from benchmarks.events import TOPIC_OF, Backlog
from streams import topics
from streams.clocks import system_clock
from streams.codec.codec import Codec
from streams.partitioning import partition_of
from streams.settings import load
from streams.topics import Topic
from streams.topology import TOPOLOGY
from streams.transport.batch import Batch, RawRecord, TopicPartition
from streams.transport.commit import Commit, Stage
from streams.transport.commit_size import LIMIT_BYTES
from streams.transport.engine import Engine, Verdict
from streams.transport.watermarks import WatermarkTracker
from tables.store import Store
from tables.worker import GC_THRESHOLDS

POLL = 1_000
"""Records of a poll, as in the fetcher."""


EPOCH = 1


class InProcess:
    """One worker's pipeline over a backlog. Its output is counted, and kept only if it is read again."""

    def __init__(
        self, backlog: Backlog, folder: Path, partitions: int = 8, agents: Sequence[type[Agent]] = AGENTS
    ) -> None:
        settings = load({})
        self._counts = dict.fromkeys(topics.ALL, partitions) | {topics.PROGRESS: 1}
        self._logs: dict[TopicPartition, list[RawRecord]] = {
            TopicPartition(topic, number): [] for topic in TOPOLOGY.sources for number in range(partitions)
        }
        self._polls: deque[dict[TopicPartition, int]] = deque()
        """What is read at a time: the offsets up to which. In the order of arrival, as a worker reads a backlog."""
        for begin in range(0, len(backlog.records), POLL):
            ends: dict[TopicPartition, int] = {}
            for name, key, value in backlog.records[begin : begin + POLL]:
                source = TopicPartition(TOPIC_OF[name], partition_of(key.decode(), partitions))
                self._append(source, key, value)
                ends[source] = len(self._logs[source])
            self._polls.append(ends)
        clocks = Clocks(lambda: backlog.closes_at, system_clock)
        self.store = Store(folder, "benchmark")
        context = AgentContext(
            topology=TOPOLOGY,
            policy=settings.policy,
            clocks=clocks,
            codec=Codec(),
            store=self.store,
            names={topic: topic.name for topic in topics.ALL},
            partitions=self._counts,
            version="0",
        )
        self.stages: list[Stage] = make_stages(context, agents)
        watermarks = WatermarkTracker(self._counts, TOPOLOGY.upstream, TOPOLOGY.late)
        self.engine = Engine(self.stages, watermarks, clocks.service)
        self.engine.assigned(EPOCH, dict.fromkeys(self._logs, 0), {})
        self.written: dict[Topic, int] = defaultdict(int)
        """Records by topic."""
        self.written_bytes: dict[Topic, int] = defaultdict(int)
        """Of their keys and values."""
        self.commits = 0

    @classmethod
    def over(cls, backlog: Backlog, folder: str, partitions: int = 8, agents: Sequence[type[Agent]] = AGENTS) -> Self:
        """Return a pipeline whose store is in a new folder below `folder`."""
        return cls(backlog, Path(tempfile.mkdtemp(dir=folder)), partitions, agents)

    def run(self) -> None:
        """Run until everything is read and every deadline up to the clock has fired."""
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        while self._turn():
            pass

    def _turn(self) -> bool:
        engine = self.engine
        for ask in engine.end_offset_requests():
            engine.watermarks.on_end_offset(ask, len(self._logs[ask.source]))
        moved = False
        while self._polls and engine.buffered_bytes() < LIMIT_BYTES:
            for source, end in self._polls.popleft().items():
                self._read(source, end)
            moved = True
        for source, log in self._logs.items():
            if source.topic not in topics.INPUTS and engine.expected[source] < len(log):
                self._read(source, len(log))
                moved = True
        commit = engine.prepare_commit()
        if commit is None:
            return moved
        self._write(commit)
        engine.committed(commit)
        return True

    def _read(self, source: TopicPartition, end: int) -> None:
        start = self.engine.expected[source]
        batch = Batch(source, EPOCH, start, end, self._logs[source][start:end])
        if self.engine.process(batch) is not Verdict.PROCESSED:
            raise RuntimeError(f"a batch of {source} was not expected")

    def _write(self, commit: Commit) -> None:
        self.commits += 1
        for (topic, partition), records in commit.records.items():
            self.written[topic] += len(records)
            self.written_bytes[topic] += sum(len(each["key"] or b"") + len(each["value"] or b"") for each in records)
            source = TopicPartition(topic, partition)
            if source in self._logs:
                for record in records:
                    self._append(source, record["key"], record["value"])
            commit.changelog_ends[topic, partition] = self.written[topic]
        self.store.apply(commit)

    def _append(self, source: TopicPartition, key: bytes | None, value: bytes | None) -> None:
        log = self._logs[source]
        log.append(RawRecord(key, value, len(log)))


def timed(
    calls: dict[str, float], name: str, call: Callable[..., Any], clock: Callable[[], float]
) -> Callable[..., Any]:
    """Return the call, wrapped to add its duration to `calls[name]`."""

    def wrapper(*arguments: Any) -> Any:
        begin = clock()
        try:
            return call(*arguments)
        finally:
            calls[name] = calls.get(name, 0.0) + clock() - begin

    return wrapper

"""The heart of the exactly-once transport: which batches count, what a transaction holds, when deadlines fire.

It knows neither broker nor event loop: the worker (commit_loop.py) and the in-process driver of the tests both drive
this same engine, which is what makes the driver's histories worth believing.
"""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from enum import Enum

from domain.time import NOT_CAUGHT_UP, Micros
from streams.topics import PROGRESS, Topic
from streams.transport.batch import Batch, TopicPartition
from streams.transport.commit import Commit, Stage
from streams.transport.watermarks import (
    EndOffsetRequest,
    Watermark,
    WatermarkTracker,
    encode_watermark,
    key_of,
)


class Verdict(Enum):
    """What became of a batch."""

    PROCESSED = "processed"
    STALE = "stale"
    """It was fetched under another assignment, or processed already: nothing to do."""
    GAP = "gap"
    """It begins after the expected record: the reader has to go back."""


class Engine:
    """Applies batches in order, and turns what they changed into one commit at a time.

    Args:
        stages: in flow order.
        watermarks: of all partitions.
        clock: the service's, microseconds since 1970.

    """

    def __init__(self, stages: Sequence[Stage], watermarks: WatermarkTracker, clock: Callable[[], Micros]) -> None:
        self._stages = stages
        self._stage_of: dict[Topic, Stage] = {topic: stage for stage in stages for topic in stage.inputs}
        self.clock = clock
        self.watermarks = watermarks
        self.epoch = 0
        self.expected: dict[TopicPartition, int] = {}
        """The offset of the next record of each partition: what a commit of now would commit."""
        self._committed: dict[TopicPartition, int] = {}
        self._published_watermarks: dict[TopicPartition, Watermark] = {}
        self._has_records = False
        """Whether the open transaction has read a record: moving past control records alone is not worth a commit."""
        self.in_flight: Commit | None = None
        self._is_settling = False
        """Whether the open transaction is being turned into a commit."""
        self._version_1_until: Mapping[TopicPartition, int] = {}

    @property
    def sources(self) -> Iterable[Topic]:
        """All topics that are read in batches."""
        return self._stage_of

    def assigned(
        self,
        epoch: int,
        positions: Mapping[TopicPartition, int],
        group_offsets: Mapping[TopicPartition, int],
        version_1_until: Mapping[TopicPartition, int] | None = None,
    ) -> None:
        """Process these partitions from these offsets; their state has been recovered.

        Args:
            epoch: names this assignment; batches of another one are stale.
            positions: where to read on, by partition; of a table's partition, in all topics that feed it or in none.
            group_offsets: the group's offsets of all partitions, whoever reads them.
            version_1_until: of partitions that workers of version 1 may have written to, the offset up to which they
                may have: what they had a part in is gone through when that is processed.

        """
        if self.in_flight is not None:
            raise RuntimeError("assigned while a transaction is open")
        self._is_settling = False
        self.epoch = epoch
        self.expected = dict(positions)
        self._committed = dict(positions)
        self._version_1_until = version_1_until or {}
        self.watermarks.assigned(positions, group_offsets)
        for stage in self._stages:
            stage.discard()
            if stage.table is not None:
                stage.table.revoked()
                stage.table.assigned(
                    source.number
                    for source in positions
                    if source.topic is stage.inputs[0]
                    and all(TopicPartition(topic, source.number) in positions for topic in stage.inputs)
                )

    def revoked(self) -> None:
        """Process nothing any more, and forget all that is not committed."""
        self.epoch = -1
        self.expected = {}
        self._committed = {}
        self._published_watermarks = {}
        self._has_records = False
        self._is_settling = False
        self.in_flight = None
        self.watermarks.revoked()
        for stage in self._stages:
            stage.discard()
            if stage.table is not None:
                stage.table.revoked()

    def process(self, batch: Batch) -> Verdict:
        """Apply a batch, whole, if it is the expected one. Synchronous on purpose.

        Raises:
            RuntimeError: the open transaction is being settled; its offsets would not tell whether this batch is in it.

        """
        if self._is_settling:
            raise RuntimeError("a batch is processed while the open transaction is being settled")
        expected = self.expected.get(batch.source)
        if expected is None or batch.epoch != self.epoch or batch.next <= expected:
            return Verdict.STALE
        if batch.start > expected:
            return Verdict.GAP
        if batch.start < expected:
            batch = _from_offset(batch, expected)
        if batch.records:
            self._has_records = True
            self._stage_of[batch.source.topic].handle(batch)
        self.expected[batch.source] = batch.next
        return Verdict.PROCESSED

    def buffered(self) -> int:
        """The number of records and keys that the open transaction holds."""
        return sum(stage.buffered() for stage in self._stages)

    def end_offset_requests(self) -> list[EndOffsetRequest]:
        """The end offsets to request from the broker now (contract section 9)."""
        return self.watermarks.end_offset_requests(self.clock())

    def buffered_bytes(self) -> int:
        """About the memory that the open transaction takes."""
        return sum(stage.buffered_bytes() for stage in self._stages)

    def prepare_commit(self) -> Commit | None:
        """Settle the open transaction at once, all steps of `settle`."""
        steps = self.settle()
        while True:
            try:
                next(steps)
            except StopIteration as end:
                commit: Commit | None = end.value
                return commit

    def settle(self) -> Generator[None, None, Commit | None]:
        """Close the open transaction: derive, encode, and return what it holds; None if that is nothing.

        In steps of some milliseconds, between which the event loop may do other work. No batch is processed until the
        last one is done. Then the next transaction opens, but is not settled before this one is `committed`. A
        settling that is given up has changed states in memory: `revoked` or `assigned` must follow.
        """
        if self.in_flight is not None:
            raise RuntimeError("a transaction is in flight")
        if self._is_settling:
            raise RuntimeError("the open transaction is being settled")
        self._is_settling = True
        self.watermarks.advance(self.expected)
        commit = Commit()
        overdue: set[TopicPartition] = set()
        for stage in self._stages:
            watermarks: dict[int, Micros] = {}
            if stage.table is not None:
                watermarks = self.watermarks.of(*stage.inputs)
                for number, until in watermarks.items():
                    if until == NOT_CAUGHT_UP:
                        continue
                    upgrade = not self._version_1_until or self._is_past_version_1(stage, number)
                    if (yield from stage.table.fire_deadlines(number, until, upgrade=upgrade)):
                        overdue.update(TopicPartition(topic, number) for topic in stage.inputs)
            yield from stage.flush(commit, watermarks)
        self._published_watermarks = self.watermarks.to_publish(self.expected, overdue)
        for source, watermark in self._published_watermarks.items():
            commit.send(PROGRESS, 0, key_of(source), encode_watermark(watermark))
        self.watermarks.in_flight(self._published_watermarks)
        self._is_settling = False
        if not (commit or self._has_records):
            return None
        self._has_records = False
        commit.offsets = {
            source: offset for source, offset in self.expected.items() if offset != self._committed[source]
        }
        if not commit.offsets:
            # Deadlines alone move no offset; but the broker fences by offsets, so there must be some.
            commit.offsets = dict(self.expected)
        self.in_flight = commit
        return commit

    def _is_past_version_1(self, stage: Stage, number: int) -> bool:
        sources = [TopicPartition(topic, number) for topic in stage.inputs]
        return all(self.expected[source] >= self._version_1_until.get(source, 0) for source in sources)

    def committed(self, commit: Commit) -> None:
        """The transaction is committed, and the local store has applied it."""
        if self.in_flight is not commit:
            return  # it was revoked meanwhile; the store has it all the same
        self.in_flight = None
        self._committed.update(commit.offsets)
        self.watermarks.committed(self._published_watermarks)
        self._published_watermarks = {}
        for stage in self._stages:
            if stage.table is not None:
                stage.table.committed()


def _from_offset(batch: Batch, offset: int) -> Batch:
    """The part of a batch from an offset on."""
    records = [record for record in batch.records if record.offset >= offset]
    return Batch(batch.source, batch.epoch, offset, batch.next, records, headers=batch.headers)

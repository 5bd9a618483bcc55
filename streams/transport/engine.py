"""The heart of the exactly-once transport: which batches count, what a transaction holds, when time passes.

No broker and no event loop here: the worker (commit_loop.py) and the in-process driver of the tests both turn this
same crank, which is what makes the driver's histories worth believing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum

from domain.time import NOT_CAUGHT_UP, Micros
from streams.topics import PROGRESS, Topic
from streams.transport import watermarks
from streams.transport.batch import Batch, TopicPartition
from streams.transport.commit import Commit, Stage
from streams.transport.watermarks import EndOffsetRequest, Watermark, WatermarkTracker


class Verdict(Enum):
    """What became of a batch."""

    PROCESSED = "processed"
    STALE = "stale"
    """Fetched under another assignment, or seen already: nothing to do."""
    GAP = "gap"
    """It begins after the record that is expected: the reader has to go back."""


class Engine:
    """Learns batches in order, and turns what was learned into one commit at a time."""

    def __init__(self, stages: Sequence[Stage], progress_: WatermarkTracker, clock: Callable[[], Micros]) -> None:
        self._stages = stages
        self._stage_of: dict[Topic, Stage] = {topic: stage for stage in stages for topic in stage.sources}
        self._clock = clock
        self.watermarks = progress_
        self.epoch = 0
        self.expected: dict[TopicPartition, int] = {}
        """The offset of the next record of each partition. Also what a commit of now would commit."""
        self._committed: dict[TopicPartition, int] = {}
        self._marks: dict[TopicPartition, Watermark] = {}
        self._learned = False
        """Whether the open transaction has seen a record: moving past control records alone is not worth a commit."""
        self.in_flight: Commit | None = None

    @property
    def sources(self) -> Iterable[Topic]:
        """All topics that are read in batches."""
        return self._stage_of

    def assigned(
        self, epoch: int, positions: Mapping[TopicPartition, int], everywhere: Mapping[TopicPartition, int]
    ) -> None:
        """Start reading these partitions at these offsets; their state has been recovered.

        `everywhere` are the group's offsets of all partitions, whoever reads them.
        """
        if self.in_flight is not None:
            raise RuntimeError("assigned while a transaction is open")
        self.epoch = epoch
        self.expected = dict(positions)
        self._committed = dict(positions)
        self.watermarks.assigned(positions, everywhere)
        for stage in self._stages:
            stage.revoked()
            stage.assigned(source.number for source in positions if source.topic in stage.sources)

    def revoked(self) -> None:
        """Read nothing any more, and forget all that is not committed."""
        self.epoch = -1
        self.expected = {}
        self._committed = {}
        self._marks = {}
        self._learned = False
        self.in_flight = None
        self.watermarks.revoked()
        for stage in self._stages:
            stage.revoked()

    def process(self, batch: Batch) -> Verdict:
        """Learn a batch, whole, if it is the one that is expected. Synchronous on purpose."""
        expected = self.expected.get(batch.source)
        if expected is None or batch.epoch != self.epoch or batch.next <= expected:
            return Verdict.STALE
        if batch.start > expected:
            return Verdict.GAP
        if batch.start < expected:
            batch = _behind(batch, expected)
        if batch.records:
            self._learned = True
            self._stage_of[batch.source.topic].handle(batch)
        self.expected[batch.source] = batch.next
        return Verdict.PROCESSED

    def buffered(self) -> int:
        """How much the open transaction holds, in records and keys."""
        return sum(stage.buffered() for stage in self._stages)

    def end_offset_requests(self) -> list[EndOffsetRequest]:
        """End offsets to ask the broker for now (contract section 9)."""
        return self.watermarks.end_offset_requests(self._clock())

    def prepare_commit(self) -> Commit | None:
        """Close the open transaction: derive, encode, and hand over what it holds; None if that is nothing.

        The next one opens at once, but is not frozen before this one is `committed`.
        """
        if self.in_flight is not None:
            raise RuntimeError("a transaction is on its way")
        self.watermarks.advance(self.expected)
        commit = Commit()
        behind: set[TopicPartition] = set()
        for stage in self._stages:
            caught_up: dict[int, Micros] = {}
            for topic in stage.sources:
                if topic in watermarks.UPSTREAM:
                    caught_up |= self.watermarks.caught_up(topic)
                    behind |= self._wake(stage, topic, caught_up)
            stage.flush(commit, caught_up)
        self._marks = self.watermarks.to_publish(self.expected, behind)
        for source, mark in self._marks.items():
            commit.send(PROGRESS, 0, watermarks.key_of(source), watermarks.encode_watermark(mark))
        self.watermarks.in_flight(self._marks)
        if not (commit or self._learned):
            return None
        self._learned = False
        commit.offsets = {
            source: offset for source, offset in self.expected.items() if offset != self._committed[source]
        }
        if not commit.offsets:
            # Deadlines alone move no offset; but it is the offsets that the broker fences, so there must be some.
            commit.offsets = dict(self.expected)
        self.in_flight = commit
        return commit

    def _wake(self, stage: Stage, topic: Topic, caught_up: Mapping[int, Micros]) -> set[TopicPartition]:
        """Wake what is due; the partitions that have more due than this commit should hold."""
        return {
            TopicPartition(topic, number)
            for number, until in caught_up.items()
            if until > NOT_CAUGHT_UP and stage.fire_deadlines(number, until)
        }

    def committed(self, commit: Commit) -> None:
        """The transaction holds, and the local store has it."""
        if self.in_flight is not commit:
            return  # it was revoked meanwhile; the store has it all the same
        self.in_flight = None
        self._committed.update(commit.offsets)
        self.watermarks.committed(self._marks)
        self._marks = {}
        for stage in self._stages:
            stage.committed(commit)


def _behind(batch: Batch, expected: int) -> Batch:
    """What of a batch is not processed yet."""
    records = [record for record in batch.records if record.offset >= expected]
    return Batch(batch.source, batch.epoch, expected, batch.next, records)

"""Watermarks: up to which wall-clock time each partition has been read (contract section 9, "caught-up time").

A deadline at T may fire for a key only when everything that any input held at T has reached that key. Instead of
checking that for each deadline, each partition has a watermark, and views are derived as of it:

- An input partition has watermark c when it was read to the end offset that was requested after the clock said c.
- A partition of an internal topic has watermark c when every partition of its upstream topics has, in committed
  transactions, and it has itself been read to the end offset that was requested after that was known.

So watermarks travel down the pipeline with the data, and a stage that makes no progress holds back every deadline
downstream of it. They are written to the `progress` topic in the transaction that makes them true.

A table that is fed by several topics has several watermarks for a partition. Its views are as of the earliest, which is
that of the late input (`Processor.late_inputs`): it waits for topics that wait for the others.
"""

from collections.abc import Container, Iterable, Mapping
from typing import NamedTuple

import msgspec

from domain.time import NOT_CAUGHT_UP, Micros
from streams.topics import Topic
from streams.transport.batch import TopicPartition

MOVED = b"moved to "
"""The start of the key of the record that ends a progress topic; the names of the new topics follow."""


class Repartitioned(RuntimeError):
    """An internal topic's number of partitions changed while it holds data, or its data has moved to other topics."""


class Watermark(NamedTuple):
    """A value of the progress topic."""

    caught_up: Micros
    """Views of this partition's keys are as of this time, or of an earlier one of another topic that feeds their table.
    It never goes back: that would retract what was published."""
    offset: int
    """The next offset of the partition at that time: a group that is reset to before it has no watermark any more."""
    passed: Micros
    """Up to this time everything has gone on downstream, whose watermarks wait for this: the records, and the deadlines
    that fire by this watermark."""
    partitions: int
    """The number of partitions of its topic at that time."""


class EndOffsetRequest(NamedTuple):
    """A partition whose end offset is to be requested now."""

    source: TopicPartition
    until: Micros
    """The watermark that the partition has once it is read to that offset."""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Watermark).decode


def key_of(source: TopicPartition) -> bytes:
    """The key of a partition in the progress topic: by the topic's default name, whatever it is called here."""
    return f"{source.topic.name}:{source.number}".encode()


def encode_watermark(watermark: Watermark) -> bytes:
    """The value of a record of the progress topic."""
    return _encode(watermark)


def decode_watermark(value: bytes) -> Watermark:
    """The watermark in a record of the progress topic."""
    return _decode(value)


class _EndOffsets:
    """End offsets that were requested and are not reached yet: what reaching one proves."""

    def __init__(self) -> None:
        self._open: dict[TopicPartition, tuple[Micros, int]] = {}

    def __contains__(self, source: TopicPartition) -> bool:
        return source in self._open

    def clear(self) -> None:
        self._open.clear()

    def add(self, request: EndOffsetRequest, end: int) -> None:
        self._open[request.source] = (request.until, end)

    def take_reached(self, processed: Mapping[TopicPartition, int]) -> list[tuple[TopicPartition, Micros]]:
        """Remove and return those that have been reached."""
        reached = [(source, until) for source, (until, end) in self._open.items() if processed.get(source, -1) >= end]
        for source, _ in reached:
            del self._open[source]
        return reached


class WatermarkTracker:
    """The watermarks as far as this worker knows them: its own, and those that all workers have committed.

    Args:
        partitions: the number of partitions of each topic.
        upstream: for each internal topic, the topics whose watermarks its own waits for (`Topology.upstream`).
        late: for each late input the first source of its table (`Topology.late`).

    """

    def __init__(
        self,
        partitions: Mapping[Topic, int],
        upstream: Mapping[Topic, tuple[Topic, ...]],
        late: Mapping[Topic, Topic] | None = None,
    ) -> None:
        self._partitions = dict(partitions)
        self._upstream = upstream
        self._late = late or {}
        self._last = [topic for topic in upstream if not any(topic in topics for topics in upstream.values())]
        self._end_offsets = _EndOffsets()
        self._remote: dict[bytes, Watermark] = {}
        """What is committed, of all partitions, by their key in the progress topic."""
        self._own: dict[TopicPartition, Micros] = {}
        """Of the partitions that this worker reads, the open transaction included."""
        self._passed: dict[TopicPartition, Micros] = {}
        """Up to when their deadlines have fired, likewise."""
        self._published: dict[TopicPartition, tuple[Micros, Micros]] = {}
        """What of both was last published, transactions in flight included."""
        self._stored: dict[TopicPartition, Micros] = {}
        """What the local store is as of."""

    @property
    def partitions(self) -> Mapping[Topic, int]:
        """The number of partitions of each topic, as far as is known."""
        return self._partitions

    def repartitioned(self, partitions: Mapping[Topic, int]) -> None:
        """Note that inputs have more partitions now; the watermarks of those count from now on."""
        self._partitions = dict(partitions)

    def on_remote(self, key: bytes, watermark: Watermark) -> None:
        """Take in a record of the progress topic, committed by this worker or another.

        Raises:
            Repartitioned: an internal topic has another number of partitions than when this was written, so keys are
                not where their state is; or its data has moved to other topics.

        """
        if key.startswith(MOVED):
            names = key.removeprefix(MOVED).decode()
            raise Repartitioned(
                f"these topics were repartitioned: the state is in {names} now. Set the RENTMATCH_TOPIC_… variables "
                f"that `rentmatch repartition` printed"
            )
        name = key.decode().rpartition(":")[0]
        for topic in self._upstream:
            if topic.name == name and watermark.partitions != self._partitions[topic]:
                raise Repartitioned(
                    f"{name} had {watermark.partitions} partitions and now has {self._partitions[topic]}: a key's "
                    f"partition is given by that number, which must not change while the topic and its changelog hold "
                    f"data"
                )
        self._remote[key] = watermark

    def assigned(self, positions: Mapping[TopicPartition, int], group_offsets: Mapping[TopicPartition, int]) -> None:
        """Track these partitions from now on, from these offsets.

        Args:
            positions: of the partitions that this worker reads.
            group_offsets: the group's offsets of all partitions. If one of them was reset to an earlier offset, no
                watermark is valid any more: what was known when it was written is being read again.

        """
        self.revoked()
        reset = any(
            watermark.offset > offset
            for source, offset in group_offsets.items()
            if (watermark := self._remote.get(key_of(source))) is not None
        )
        for source in positions:
            watermark = self._remote.get(key_of(source))
            if watermark is not None:
                self._published[source] = (watermark.caught_up, watermark.passed)
            if watermark is None or reset:
                self._own[source] = self._passed[source] = NOT_CAUGHT_UP
            else:
                self._own[source] = watermark.caught_up
                self._passed[source] = watermark.passed
        if not reset:
            self._begin_late_inputs(positions)
        self._stored = dict(self._own)

    def _begin_late_inputs(self, sources: Iterable[TopicPartition]) -> None:
        """Let a late input that is new to a pipeline with data begin at the time of the table's other topic.

        Without a watermark of its own it would set the views of its table back, and what they published would be
        retracted. It is new if a topic that waits for it has a watermark, which must then come from a version without
        this input: nothing can be on it that belongs to the time before.
        """
        for source in sources:
            first = self._late.get(source.topic)
            if first is None or key_of(source) in self._remote or not self._is_known_behind(source.topic):
                continue
            other = TopicPartition(first, source.number)
            self._own[source] = self._own.get(other, NOT_CAUGHT_UP)
            self._passed[source] = self._passed.get(other, NOT_CAUGHT_UP)

    def _is_known_behind(self, topic: Topic) -> bool:
        """Whether a topic that waits for this one has a watermark."""
        return any(
            key_of(TopicPartition(waiting, number)) in self._remote
            for waiting, before in self._upstream.items()
            if topic in before
            for number in range(self._partitions[waiting])
        )

    def revoked(self) -> None:
        """Track no partition."""
        self._own = {}
        self._passed = {}
        self._published = {}
        self._stored = {}
        self._end_offsets.clear()

    def end_offset_requests(self, clock: Micros) -> list[EndOffsetRequest]:
        """The partitions whose watermark could advance, if their end offsets were requested now."""
        floors = {topic: self._floor(topics) for topic, topics in self._upstream.items()}
        requests = []
        for source, own in self._own.items():
            until = floors.get(source.topic, clock)
            if until > own and source not in self._end_offsets:
                requests.append(EndOffsetRequest(source, until))
        return requests

    def on_end_offset(self, request: EndOffsetRequest, end: int) -> None:
        """Take in the end offset of a partition, which was requested after the request's `until`."""
        if request.source in self._own:
            self._end_offsets.add(request, end)

    def awaits(self, source: TopicPartition) -> bool:
        """Whether reaching the end of this partition would advance its watermark."""
        return source in self._end_offsets

    def advance(self, processed: Mapping[TopicPartition, int]) -> None:
        """Advance the watermarks by what has been processed, in the open transaction or before it."""
        for source, until in self._end_offsets.take_reached(processed):
            self._own[source] = max(until, self._own[source])

    def of(self, *topics: Topic) -> dict[int, Micros]:
        """The watermark of each partition that this worker reads of all these topics: the earliest of theirs."""
        first, *others = ({s.number: own for s, own in self._own.items() if s.topic is topic} for topic in topics)
        for other in others:
            first = {number: min(own, other[number]) for number, own in first.items() if number in other}
        return first

    def stored(self, *sources: TopicPartition) -> Micros:
        """The watermark that the local store's state of a table's partition is as of: the earliest of its sources'.

        NOT_CAUGHT_UP without the partition. Not the one received last from the progress topic: a reader may see it
        before the store has applied the commit.
        """
        return min(self._stored.get(source, NOT_CAUGHT_UP) for source in sources)

    def to_publish(
        self, processed: Mapping[TopicPartition, int], overdue: Container[TopicPartition]
    ) -> dict[TopicPartition, Watermark]:
        """The watermarks that the open transaction has to write: those that changed since they were last published.

        Args:
            processed: the next offset of each partition.
            overdue: partitions that still have deadlines to fire.

        """
        changed = {}
        for source, own in self._own.items():
            if source not in overdue:
                self._passed[source] = own
            passed = self._passed[source]
            if (own, passed) != self._published.get(source, (NOT_CAUGHT_UP, NOT_CAUGHT_UP)):
                changed[source] = Watermark(own, processed.get(source, 0), passed, self._partitions[source.topic])
        return changed

    def in_flight(self, watermarks: Mapping[TopicPartition, Watermark]) -> None:
        """Note that a transaction with these watermarks is in flight."""
        for source, watermark in watermarks.items():
            self._published[source] = (watermark.caught_up, watermark.passed)

    def committed(self, watermarks: Mapping[TopicPartition, Watermark]) -> None:
        """Note that the transaction with these watermarks is committed."""
        for source, watermark in watermarks.items():
            self._remote[key_of(source)] = watermark
            self._stored[source] = watermark.caught_up

    def min_watermark(self) -> Micros | None:
        """The watermark of the whole pipeline, over all workers; None before the first."""
        return self._known(self._last)

    def min_watermark_of(self, topic: Topic) -> Micros | None:
        """The lowest watermark of a topic's partitions, over all workers, deadlines fired; None before the first."""
        return self._known((topic,))

    def _known(self, topics: Iterable[Topic]) -> Micros | None:
        floor = self._floor(topics)
        return None if floor == NOT_CAUGHT_UP else floor

    def _floor(self, topics: Iterable[Topic]) -> Micros:
        floor: Micros | None = None
        for topic in topics:
            for number in range(self._partitions[topic]):
                watermark = self._remote.get(key_of(TopicPartition(topic, number)))
                if watermark is None:
                    return NOT_CAUGHT_UP
                if floor is None or watermark.passed < floor:
                    floor = watermark.passed
        return NOT_CAUGHT_UP if floor is None else floor

"""Up to which wall-clock time each partition has been read: what opens the gate for deadlines (contract section 9).

A deadline at T may fire for a key only when everything that any input held at T has reached that key. Instead of
asking that for each deadline, each partition has a caught-up time, and views are derived as of that time:

- An input partition is caught up to c when it was read to the end offset that was asked for after the clock said c.
- A partition of an internal topic is caught up to c when every partition of the topics before it is, in committed
  transactions, and it has itself been read to the end offset that was asked for after that was known.

So the times travel down the pipeline with the data, and a stage that stands still holds back every deadline behind
it. The times are written to the `progress` topic in the transaction that makes them true.
"""

from collections.abc import Container, Iterable, Mapping
from typing import NamedTuple

import msgspec

from domain.time import NOT_CAUGHT_UP, Micros
from streams.topics import INPUTS, OBLIGATION_FACTS, PAYMENT_FACTS, Topic
from streams.transport.batch import TopicPartition

UPSTREAM: Mapping[Topic, tuple[Topic, ...]] = {PAYMENT_FACTS: INPUTS, OBLIGATION_FACTS: (PAYMENT_FACTS,)}
"""Which topics' times a topic's own time waits for. Ledger facts reach obligation-facts from the inputs directly, but
the payment-facts' time already waits for all inputs."""


MOVED = b"moved to "
"""How the key of the record begins that ends a progress topic; the names of the new topics follow."""


class Repartitioned(RuntimeError):
    """An internal topic's number of partitions was changed while it holds data, or its data has moved elsewhere."""


class Watermark(NamedTuple):
    """A value of the progress topic."""

    caught_up: Micros
    """Views of this partition's keys are as of this time; it never goes back, or what was told would be taken back."""
    offset: int
    """What was processed of the partition then: a group that was set back before it is not caught up any more."""
    passed: Micros
    """All that was due up to this time has been settled: what those who come after this partition go by."""
    partitions: int
    """How many partitions its topic had then."""


class EndOffsetRequest(NamedTuple):
    """A partition whose end offset is to be asked for now, and what reaching it would prove."""

    source: TopicPartition
    until: Micros


_encode = msgspec.msgpack.Encoder().encode
_decode_mark = msgspec.msgpack.Decoder(Watermark).decode


def key_of(source: TopicPartition) -> bytes:
    """The key of a partition in the progress topic: by the topic's default name, whatever it is called here."""
    return f"{source.topic.name}:{source.number}".encode()


def encode_watermark(mark: Watermark) -> bytes:
    """The record of a mark."""
    return _encode(mark)


def decode_watermark(value: bytes) -> Watermark:
    """The mark of a record."""
    return _decode_mark(value)


class WatermarkTracker:
    """The caught-up times, as far as this worker knows them."""

    def __init__(self, partitions: Mapping[Topic, int]) -> None:
        self._partitions = dict(partitions)
        self._committed: dict[bytes, Watermark] = {}
        self._mine: dict[TopicPartition, Micros] = {}
        self._passed: dict[TopicPartition, Micros] = {}
        self._written: dict[TopicPartition, tuple[Micros, Micros]] = {}
        self._asked: dict[TopicPartition, tuple[Micros, int]] = {}
        self._durable: dict[TopicPartition, Micros] = {}

    @property
    def partitions(self) -> Mapping[Topic, int]:
        """How many partitions each topic has, as far as is known."""
        return self._partitions

    def repartitioned(self, partitions: Mapping[Topic, int]) -> None:
        """Take note that inputs were given more partitions; the times of those count from now on."""
        self._partitions = dict(partitions)

    def on_remote(self, key: bytes, mark: Watermark) -> None:
        """Take in a record of the progress topic, committed by this worker or another.

        Raises:
            Repartitioned: an internal topic has another number of partitions than when this was written: keys would
                not be where their state is. Or that has moved to other topics.

        """
        if key.startswith(MOVED):
            names = key.removeprefix(MOVED).decode()
            raise Repartitioned(
                f"these topics were repartitioned: the state is in {names} now. Set the RENTMATCH_TOPIC_… variables "
                f"that `rentmatch repartition` printed"
            )
        name = key.decode().rpartition(":")[0]
        for topic in UPSTREAM:
            if topic.name == name and mark.partitions != self._partitions[topic]:
                raise Repartitioned(
                    f"{name} had {mark.partitions} partitions and now has {self._partitions[topic]}: a key's place is "
                    f"given by that number, which must not change while the topic and its changelog hold data"
                )
        self._committed[key] = mark

    def assigned(self, positions: Mapping[TopicPartition, int], everywhere: Mapping[TopicPartition, int]) -> None:
        """Read these partitions from now on, from these offsets.

        Args:
            positions: of the partitions that this worker reads.
            everywhere: the group's offsets of all partitions. If one of them was set back, no time holds any more:
                what was known when it was written may have been forgotten, and is being read again.

        """
        self.revoked()
        set_back = any(
            mark.offset > offset
            for source, offset in everywhere.items()
            if (mark := self._committed.get(key_of(source))) is not None
        )
        for source in positions:
            mark = self._committed.get(key_of(source))
            if mark is not None:
                self._written[source] = (mark.caught_up, mark.passed)
            if mark is None or set_back:
                self._mine[source] = self._passed[source] = NOT_CAUGHT_UP
            else:
                self._mine[source] = mark.caught_up
                self._passed[source] = mark.passed
        self._durable = dict(self._mine)

    def revoked(self) -> None:
        """Read nothing."""
        self._mine = {}
        self._passed = {}
        self._written = {}
        self._asked.clear()
        self._durable = {}

    def end_offset_requests(self, clock: Micros) -> list[EndOffsetRequest]:
        """The partitions that could be found caught up further, if their end offsets were asked for now."""
        floors = {topic: self._floor(before) for topic, before in UPSTREAM.items()}
        asks = []
        for source, caught_up in self._mine.items():
            until = floors.get(source.topic, clock)
            pending = self._asked.get(source)
            if until > caught_up and pending is None:
                asks.append(EndOffsetRequest(source, until))
        return asks

    def on_end_offset(self, ask: EndOffsetRequest, end: int) -> None:
        """The end offset of a partition, asked for after the `until` of the ask was true."""
        if ask.source in self._mine:
            self._asked[ask.source] = (ask.until, end)

    def awaits(self, source: TopicPartition) -> bool:
        """Whether reaching the end of this partition would move its time on."""
        return source in self._asked

    def advance(self, processed: Mapping[TopicPartition, int]) -> None:
        """Take note of what has been processed, in the open transaction or before it."""
        for source, (until, end) in list(self._asked.items()):
            if processed.get(source, -1) >= end:
                del self._asked[source]
                self._mine[source] = max(until, self._mine[source])

    def caught_up(self, topic: Topic) -> dict[int, Micros]:
        """The caught-up time of each partition of a topic that this worker reads."""
        return {source.number: at for source, at in self._mine.items() if source.topic is topic}

    def committed_time(self, source: TopicPartition) -> Micros:
        """The caught-up time, as of what the local store holds, of a partition that this worker reads; else NEVER.

        Not the mark that was heard last: the broker lets a mark of ours be heard before the store has its states.
        """
        return self._durable.get(source, NOT_CAUGHT_UP)

    def to_publish(
        self, processed: Mapping[TopicPartition, int], behind: Container[TopicPartition]
    ) -> dict[TopicPartition, Watermark]:
        """What the open transaction has to write: times that have changed since they were last written.

        Partitions that are `behind` still have something to settle that is due.
        """
        marks = {}
        for source, at in self._mine.items():
            if source not in behind:
                self._passed[source] = at
            passed = self._passed[source]
            if (at, passed) != self._written.get(source, (NOT_CAUGHT_UP, NOT_CAUGHT_UP)):
                marks[source] = Watermark(at, processed.get(source, 0), passed, self._partitions[source.topic])
        return marks

    def in_flight(self, marks: Mapping[TopicPartition, Watermark]) -> None:
        """These marks are on their way in a transaction."""
        for source, mark in marks.items():
            self._written[source] = (mark.caught_up, mark.passed)

    def committed(self, marks: Mapping[TopicPartition, Watermark]) -> None:
        """The transaction with these marks holds."""
        for source, mark in marks.items():
            self._committed[key_of(source)] = mark
            self._durable[source] = mark.caught_up

    def min_watermark(self) -> Micros | None:
        """The time up to which the whole pipeline is caught up, everywhere; None where it has not been yet."""
        return self.everywhere(OBLIGATION_FACTS)

    def everywhere(self, topic: Topic) -> Micros | None:
        """The time up to which all partitions of a topic are caught up and settled; None where one has not been yet."""
        floor = self._floor((topic,))
        return None if floor == NOT_CAUGHT_UP else floor

    def _floor(self, topics: Iterable[Topic]) -> Micros:
        floor: Micros | None = None
        for topic in topics:
            for number in range(self._partitions[topic]):
                mark = self._committed.get(key_of(TopicPartition(topic, number)))
                if mark is None:
                    return NOT_CAUGHT_UP
                if floor is None or mark.passed < floor:
                    floor = mark.passed
        return NOT_CAUGHT_UP if floor is None else floor

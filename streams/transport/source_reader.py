"""Reads the source partitions of a worker from the broker; in a large backlog, the inputs in the order of time.

librdkafka reads as many bytes of each partition as of the others, or one partition for a while and then another. In a
backlog one input would be read far ahead of the others: the legs of a payment would come in different commits, and each
commit would derive, publish and write its state again. So in a large backlog

- each input has a consumer of its own, and the next is the one whose partition is furthest behind in time. Several
  consumers ask the broker several times as often; without a backlog one reads everything. `pause` is no way to do it:
  librdkafka throws away what a paused partition has fetched, and fetches it again.
- batches are held until no partition has older records to come.
"""

import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from confluent_kafka import Consumer, Message
from confluent_kafka import TopicPartition as KafkaPartition

from streams.transport.batch import Batch

POLL_RECORDS = 1_000
"""A poll returns at most this many records."""

GATHER_S = 0.005
"""Wait this long after the first record, so that records that arrive together are delivered together."""

WAIT_S = 0.05
"""Wait this long for a first record."""

LANE_WAIT_S = 0.01
"""In a large backlog, wait this long for the input that is next, before another one's turn."""

LARGE_BACKLOG_RECORDS = 50_000
"""From this many unread records of the inputs on they are read in the order of time."""

UNREAD_EVERY_S = 0.05
"""How often the records that are not read yet are counted."""

HELD_BYTES_MAX = 32 << 20
"""Where records of more bytes are held, all are passed on: memory counts more than order."""

EMPTY_POLLS_MAX = 20
"""When this many polls one after the other return nothing, all are passed on: the partition that they wait for may have
an open transaction."""

Place = tuple[str, int]
"""A partition: the topic's name, and its number."""


class Lane:
    """The consumer of one input in a large backlog."""

    def __init__(self, consumer: Consumer, at: Mapping[Place, int]) -> None:
        self.consumer = consumer
        self.places = list(at)
        consumer.assign(_partitions(at))

    def consume(self) -> list[Message]:
        """Return what there is next."""
        messages: list[Message] = self.consumer.consume(POLL_RECORDS, LANE_WAIT_S)
        return messages


class Holding:
    """Batches of the inputs that are held until no partition has older records to come."""

    def __init__(self, places: Iterable[Place]) -> None:
        self.stamped_ms = dict.fromkeys(places, -1)
        """By partition: the timestamp of the last record that was read; -1 before the first."""
        self.unread = dict.fromkeys(self.stamped_ms, 1)
        """By partition: the records that the broker has beyond those that were read, as last counted."""
        self._held: dict[Place, deque[Batch]] = {place: deque() for place in self.stamped_ms}
        self._bytes = 0
        self._empty_polls = 0

    def order(self, batches: Sequence[tuple[Place, Batch]]) -> list[Batch]:
        """Take batches, and return those that are next, oldest partitions first."""
        passed: list[Batch] = []
        self._empty_polls = 0 if batches else self._empty_polls + 1
        for place, batch in batches:
            held = self._held.get(place)
            if held is None:
                passed.append(batch)  # of no input
                continue
            held.append(batch)
            self._bytes += batch.size
            if batch.stamped_ms:
                self.stamped_ms[place] = batch.stamped_ms[-1]
        behind = [stamped for place, stamped in self.stamped_ms.items() if self.unread[place] > 0]
        if not behind or self._bytes > HELD_BYTES_MAX or self._empty_polls > EMPTY_POLLS_MAX:
            return [*passed, *self.all()]
        until = min(behind)
        for held in self._held.values():
            while held and (not held[0].stamped_ms or held[0].stamped_ms[0] <= until):
                batch = held.popleft()
                self._bytes -= batch.size
                passed.append(batch)
        return passed

    def all(self) -> list[Batch]:
        """Return all that is held, by time as far as the order of each partition allows."""
        held: list[tuple[int, Batch]] = []
        for batches in self._held.values():
            latest = -1
            for batch in batches:
                # A batch without records has no time, and a producer's timestamps may go back: neither may overtake.
                latest = max((latest, *batch.stamped_ms[:1]))
                held.append((latest, batch))
            batches.clear()
        self._bytes = 0
        return [batch for _, batch in sorted(held, key=itemgetter(0))]


class SourceReader:
    """Reads partitions that are assigned by hand.

    Args:
        make_consumer: makes a consumer.
        inputs: the names of the inputs.
        clock: seconds.

    """

    def __init__(
        self,
        make_consumer: Callable[[], Consumer],
        inputs: Collection[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make_consumer = make_consumer
        self._inputs = frozenset(inputs)
        self._clock = clock
        self.consumer = make_consumer()
        """Reads what no lane reads."""
        self._lanes: list[Lane] = []
        self._holding = Holding(())
        self._rest: list[Place] = []
        """What it reads."""
        self.unread = 0
        """Records that the broker has and that were not returned yet, as last counted."""
        self._counted_at = 0.0

    def assign(self, positions: Mapping[Place, int]) -> None:
        """Read these partitions from these offsets from now on. What is held is dropped."""
        self._close_lanes()
        self._holding = Holding(())
        self._rest = list(positions)
        self.consumer.assign(_partitions(positions))

    def poll(self) -> list[Message]:
        """Return the next records, a moment after the first of them came; nothing if none comes."""
        if not self._lanes:
            return _poll(self.consumer)
        messages: list[Message] = self.consumer.consume(POLL_RECORDS, 0)
        stamped_ms, unread = self._holding.stamped_ms, self._holding.unread
        behind = [
            (min(stamped_ms[place] for place in lane.places if unread[place] > 0), number)
            for number, lane in enumerate(self._lanes)
            if any(unread[place] > 0 for place in lane.places)
        ]
        for _, number in sorted(behind):
            found = self._lanes[number].consume()
            if found:
                return [*messages, *found]
        return messages

    def order(self, batches: list[tuple[Place, Batch]], positions: Mapping[Place, int]) -> list[Batch]:
        """Count what is unread, and return the batches that are next.

        Args:
            batches: of what `poll` returned.
            positions: after the last record that `poll` returned, of all that is assigned.

        """
        now = self._clock()
        if now - self._counted_at >= UNREAD_EVERY_S:
            self._counted_at = now
            held = self._count(positions)
            if not self._lanes:
                return [*held, *(batch for _, batch in batches)]
        return self._holding.order(batches) if self._lanes else [batch for _, batch in batches]

    def _count(self, positions: Mapping[Place, int]) -> list[Batch]:
        """Compare the positions with the ends as of the last fetch, which librdkafka keeps.

        Opens lanes for a large backlog, and closes them after it. Returns what was held then.
        """
        rest = sum(_unread(self.consumer, self._rest, positions).values())
        of_inputs = 0
        for lane in self._lanes:
            unread = _unread(lane.consumer, lane.places, positions, unknown=1)
            self._holding.unread.update(unread)
            of_inputs += sum(unread.values())
        self.unread = rest + of_inputs
        held: list[Batch] = []
        if self._lanes:
            if of_inputs < LARGE_BACKLOG_RECORDS // 10:
                held = self._holding.all()
                self.assign(positions)
        elif rest >= LARGE_BACKLOG_RECORDS:
            inputs = [place for place in self._rest if place[0] in self._inputs]
            if sum(_unread(self.consumer, inputs, positions).values()) >= LARGE_BACKLOG_RECORDS:
                self._open_lanes(inputs, positions)
        return held

    def _open_lanes(self, inputs: list[Place], positions: Mapping[Place, int]) -> None:
        taken = set(inputs)
        self._rest = [place for place in positions if place not in taken]
        self.consumer.assign(_partitions({place: positions[place] for place in self._rest}))
        by_topic: dict[str, dict[Place, int]] = {}
        for place in inputs:
            by_topic.setdefault(place[0], {})[place] = positions[place]
        self._lanes = [Lane(self._make_consumer(), at) for at in by_topic.values()]
        self._holding = Holding(inputs)

    def close(self) -> None:
        """Give up all partitions."""
        self._close_lanes()
        self.consumer.close()

    def _close_lanes(self) -> None:
        for lane in self._lanes:
            lane.consumer.close()
        self._lanes = []


def _partitions(at: Mapping[Place, int]) -> list[KafkaPartition]:
    return [KafkaPartition(name, number, offset) for (name, number), offset in at.items()]


def _unread(
    consumer: Any, places: Collection[Place], positions: Mapping[Place, int], *, unknown: int = 0
) -> dict[Place, int]:
    """Count the unread records of each partition; `unknown` where librdkafka does not know the end yet."""
    unread = {}
    for place in places:
        _, end = consumer.get_watermark_offsets(KafkaPartition(*place), cached=True)
        unread[place] = unknown if end < 0 else max(0, end - positions[place])
    return unread


def _poll(consumer: Consumer) -> list[Message]:
    """What there is, a moment after the first of it came.

    `consume` alone waits its whole timeout for more unless it gets all it asked for, which is latency for nothing.
    """
    first = consumer.poll(WAIT_S)
    if first is None:
        return []
    time.sleep(GATHER_S)
    return [first, *consumer.consume(POLL_RECORDS, 0)]

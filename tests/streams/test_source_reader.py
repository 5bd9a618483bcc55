"""In which order a worker reads: as the records come, and in a large backlog the inputs in the order of time."""

from collections import deque
from collections.abc import Mapping
from typing import Any, ClassVar, cast

import pytest
from confluent_kafka import Consumer

from streams import topics
from streams.transport.batch import Batch, RawRecord, TopicPartition
from streams.transport.source_reader import (
    EMPTY_POLLS_MAX,
    HELD_BYTES_MAX,
    LARGE_BACKLOG_RECORDS,
    POLL_RECORDS,
    Holding,
    Place,
    SourceReader,
)

LEDGER, SETTLED, FACTS = ("ledger", 0), ("settled", 0), ("facts", 0)
SOURCES = {
    LEDGER: TopicPartition(topics.LEDGER_EVENTS, 0),
    SETTLED: TopicPartition(topics.PROCESSOR_SETTLED, 0),
    FACTS: TopicPartition(topics.PAYMENT_FACTS, 0),
}
UNKNOWN_END = -1001


def batch(place: Place, *stamped_ms: int, size: int = 200) -> tuple[Place, Batch]:
    """A batch whose first and last record have these timestamps."""
    held = [RawRecord(None, None, number) for number in range(2 if stamped_ms else 0)]
    return place, Batch(SOURCES[place], 1, 0, max(1, len(held)), held, stamped_ms, size=size)


def stamps(batches: list[Batch]) -> list[tuple[int, ...]]:
    return [tuple(each.stamped_ms) for each in batches]


def test_batches_wait_for_the_partition_that_is_furthest_behind() -> None:
    holding = Holding([LEDGER, SETTLED])
    assert holding.order([batch(SETTLED, 10, 20), batch(SETTLED, 21, 30)]) == []
    assert stamps(holding.order([batch(LEDGER, 5, 20)])) == [(5, 20), (10, 20)]
    assert stamps(holding.order([batch(LEDGER, 20, 40)])) == [(20, 40), (21, 30)]


def test_a_partition_that_is_read_to_its_end_is_not_waited_for() -> None:
    holding = Holding([LEDGER, SETTLED])
    holding.unread[LEDGER] = 0
    assert stamps(holding.order([batch(SETTLED, 10, 20)])) == [(10, 20)]


def test_a_batch_without_records_keeps_its_place() -> None:
    """It moves the offset past control records, which must not overtake the records before them."""
    holding = Holding([LEDGER, SETTLED])
    assert holding.order([batch(SETTLED, 10, 20), batch(SETTLED)]) == []
    assert stamps(holding.order([batch(LEDGER, 5, 20)])) == [(5, 20), (10, 20), ()]


def test_other_topics_are_not_held() -> None:
    holding = Holding([LEDGER, SETTLED])
    assert stamps(holding.order([batch(FACTS, 99, 99)])) == [(99, 99)]


def test_all_are_passed_on_when_the_partition_that_they_wait_for_has_nothing() -> None:
    holding = Holding([LEDGER, SETTLED])
    holding.order([batch(SETTLED, 10, 20)])
    for _ in range(EMPTY_POLLS_MAX):
        assert holding.order([]) == []
    assert stamps(holding.order([])) == [(10, 20)]


def test_what_is_held_is_bounded() -> None:
    holding = Holding([LEDGER, SETTLED])
    assert holding.order([batch(SETTLED, 30, 40, size=HELD_BYTES_MAX)]) == []
    assert stamps(holding.order([batch(SETTLED, 40, 41)])) == [(30, 40), (40, 41)]


def test_when_all_are_passed_on_none_overtakes_another_of_its_partition() -> None:
    holding = Holding([LEDGER, SETTLED])
    holding.order([batch(SETTLED, 10, 20), batch(SETTLED), batch(SETTLED, 5, 30)])
    assert stamps(holding.all()) == [(10, 20), (), (5, 30)]


class Record:
    """A message of librdkafka's."""

    def __init__(self, stamped_ms: int) -> None:
        self.stamped_ms = stamped_ms


class StubConsumer:
    """Gives what the test has put into the partitions that it reads."""

    made: ClassVar[list["StubConsumer"]] = []

    def __init__(self, logs: Mapping[Place, deque[Record]], ends: Mapping[Place, int]) -> None:
        self.logs, self.ends = logs, ends
        self.assigned: dict[Place, int] = {}
        self.is_closed = False
        self.made.append(self)

    def assign(self, partitions: Any) -> None:
        self.assigned = {(each.topic, each.partition): each.offset for each in partitions}

    def get_watermark_offsets(self, partition: Any, cached: bool) -> tuple[int, int]:
        assert cached
        return 0, self.ends[partition.topic, partition.partition]

    def poll(self, timeout: float) -> Record | None:
        return next(iter(self.consume(1, timeout)), None)

    def consume(self, most: int, timeout: float) -> list[Record]:
        found: list[Record] = []
        for place in self.assigned:
            while self.logs[place] and len(found) < most:
                found.append(self.logs[place].popleft())
        return found

    def close(self) -> None:
        self.is_closed = True


class Bench:
    """A reader of three partitions, two of them inputs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(StubConsumer, "made", [])
        monkeypatch.setattr("streams.transport.source_reader.GATHER_S", 0)
        self.logs: dict[Place, deque[Record]] = {place: deque() for place in SOURCES}
        self.ends = dict.fromkeys(SOURCES, UNKNOWN_END)
        self.now = 0.0
        self.reader = SourceReader(self.make, ["ledger", "settled"], lambda: self.now)
        self.positions: dict[Place, int] = dict.fromkeys(SOURCES, 100)
        self.reader.assign(self.positions)

    def make(self) -> Consumer:
        return cast(Consumer, StubConsumer(self.logs, self.ends))

    def count(self, **ends: int) -> int:
        """Count the unread records with these ends."""
        for name, end in ends.items():
            self.ends[name, 0] = end
        self.now += 1
        self.reader.order([], self.positions)
        return self.reader.unread

    @property
    def consumers(self) -> list[set[Place]]:
        """What each consumer reads that is open."""
        return [set(each.assigned) for each in StubConsumer.made if not each.is_closed]


def test_records_that_the_broker_has_are_counted_also_while_none_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch)
    assert bench.count() == 0
    assert bench.count(ledger=105, facts=101) == 6
    assert bench.count(ledger=100, facts=90) == 0


def test_in_a_large_backlog_each_input_has_a_consumer_until_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch)
    bench.count(ledger=100 + LARGE_BACKLOG_RECORDS - 1)
    assert bench.consumers == [{LEDGER, SETTLED, FACTS}]
    bench.positions[FACTS] = 150
    bench.count(settled=101, facts=151)
    assert bench.consumers == [{FACTS}, {LEDGER}, {SETTLED}]
    assert StubConsumer.made[0].assigned == {FACTS: 150}
    bench.positions |= {LEDGER: 100 + LARGE_BACKLOG_RECORDS, SETTLED: 101}
    bench.count(ledger=200 + LARGE_BACKLOG_RECORDS)
    assert bench.consumers == [{LEDGER, SETTLED, FACTS}]
    assert StubConsumer.made[0].assigned == bench.positions


def test_a_backlog_of_internal_topics_needs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch)
    bench.count(facts=100 + 10 * LARGE_BACKLOG_RECORDS)
    assert bench.consumers == [{LEDGER, SETTLED, FACTS}]


def test_the_input_that_is_furthest_behind_is_read_next(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch)
    bench.count(ledger=100 + LARGE_BACKLOG_RECORDS, settled=100 + LARGE_BACKLOG_RECORDS)
    bench.logs[LEDGER].extend(Record(at) for at in range(POLL_RECORDS + 1))
    bench.logs[SETTLED].extend(Record(at) for at in range(3))
    assert len(bench.reader.poll()) == POLL_RECORDS
    assert bench.reader.order([batch(LEDGER, 0, POLL_RECORDS - 1)], bench.positions) == []
    assert [record.stamped_ms for record in cast(list[Any], bench.reader.poll())] == [0, 1, 2]
    passed = bench.reader.order([batch(SETTLED, 0, 2)], bench.positions)
    assert stamps(passed) == [(0, POLL_RECORDS - 1), (0, 2)]
    assert len(bench.reader.poll()) == 1, "of the other, where the one that is next has nothing"


def test_what_is_held_is_passed_on_when_the_backlog_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch)
    bench.count(ledger=100 + LARGE_BACKLOG_RECORDS)
    assert bench.reader.order([batch(SETTLED, 7, 8)], bench.positions) == []
    bench.positions[LEDGER] = 100 + LARGE_BACKLOG_RECORDS
    bench.now += 1
    assert stamps(bench.reader.order([batch(LEDGER, 9, 9)], bench.positions)) == [(7, 8), (9, 9)]


def test_what_is_held_is_dropped_when_others_are_assigned(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch)
    bench.count(ledger=100 + LARGE_BACKLOG_RECORDS)
    bench.reader.order([batch(SETTLED, 7, 8)], bench.positions)
    bench.reader.assign({LEDGER: 5})
    assert bench.consumers == [{LEDGER}]
    assert bench.reader.order([], {LEDGER: 5}) == []
    bench.reader.close()
    assert bench.consumers == []

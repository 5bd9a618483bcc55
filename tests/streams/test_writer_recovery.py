"""What the writer does when an attempt is lost: on a broker that is a few lines of Python. tests/kafka plays the same
on a real one (test_writer_in_doubt.py)."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition

from streams import topics
from streams.transport import producer_thread, writer
from streams.transport.batch import TopicPartition
from streams.transport.commit import Commit
from streams.transport.membership import Membership
from streams.transport.writer import FRESH_MAX, TransactionFailed, Writer
from tests.kit.hanging_producer import Hang, hang

MEMBER = Membership("group", 1, "member")
SOURCE = TopicPartition(topics.PAYMENT_INITIATED, 0)
OTHER = TopicPartition(topics.PAYMENT_INITIATED, 1)
CHANGELOG = topics.PAYMENTS_CHANGELOG

Place = tuple[str, int]


class Broker:
    """Keeps the rules that count here: one producer of the id at a time, transactions whole or not at all, the group's
    generation asked for when offsets are sent."""

    def __init__(self) -> None:
        self.log: list[bytes] = []
        """Committed records of the one changelog partition."""
        self.written = 0
        """Records of it, aborted ones too."""
        self.offsets: dict[Place, tuple[int, str]] = {}
        self.generation = MEMBER.generation
        self.fails: list[tuple[Hang, int | None]] = []
        """Where a call fails next: with an error's code, or by hanging."""
        self.silent = False
        """Whether it answers no question after offsets."""
        self.producers: list[Producer] = []

    def producer(self, conf: dict[str, Any]) -> "Producer":
        """A new producer."""
        self.producers.append(Producer(self))
        return self.producers[-1]

    def consumer(self, conf: dict[str, Any]) -> "Consumer":
        """A new consumer."""
        assert conf["isolation.level"] == "read_committed"
        assert conf["group.id"] == MEMBER.group
        return Consumer(self)

    def here(self, hang_: Hang) -> None:
        """Hang or fail, if that is planned."""
        if self.fails and self.fails[0][0] is hang_:
            _, code = self.fails.pop(0)
            if code is None:
                hang()
            raise KafkaException(KafkaError(code))


class Producer:
    """What the writer calls of a producer."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._records: list[bytes] = []
        self._offsets: dict[Place, tuple[int, str]] = {}
        self._delivered: list[Callable[[], None]] = []

    def init_transactions(self, timeout: float) -> None:
        """Fence off the producer before: its open transaction is aborted."""
        assert self._broker.producers[-1] is self

    def begin_transaction(self) -> None:
        """Begin."""
        self._records, self._offsets = [], {}

    def produce_batch(self, topic: str, messages: list[dict[str, Any]], partition: int) -> int:
        """Take records."""
        for message in messages:
            self._records.append(message["value"])
            offset = self._broker.written
            self._broker.written += 1
            if "callback" in message:
                self._delivered.append(lambda callback=message["callback"], offset=offset: callback(None, At(offset)))  # type: ignore[misc]
        return len(messages)

    def flush(self, timeout: float) -> int:
        """Deliver."""
        for delivered in self._delivered:
            delivered()
        self._delivered = []
        return 0

    def send_offsets_to_transaction(self, offsets: list[KafkaPartition], metadata: bytes, timeout: float) -> None:
        """Send offsets."""
        self._broker.here(Hang.BEFORE_OFFSETS)
        if metadata != Membership(MEMBER.group, self._broker.generation, MEMBER.member_id).metadata():
            raise KafkaException(KafkaError(KafkaError.ILLEGAL_GENERATION))
        self._offsets |= {(o.topic, o.partition): (o.offset, o.metadata) for o in offsets}
        self._broker.here(Hang.AFTER_OFFSETS)

    def commit_transaction(self, timeout: float) -> None:
        """Commit."""
        self._broker.here(Hang.BEFORE_COMMIT)
        if self._broker.producers[-1] is not self:
            raise KafkaException(KafkaError(KafkaError._FENCED))
        self._broker.log += self._records
        self._broker.written += 1  # the marker
        self._broker.offsets |= self._offsets
        self._broker.here(Hang.AFTER_COMMIT)


class At:
    """A delivery report's message."""

    def __init__(self, offset: int) -> None:
        self._offset = offset

    def offset(self) -> int:
        """Where it was written."""
        return self._offset


class Consumer:
    """What the writer calls of a consumer."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def committed(self, partitions: list[KafkaPartition], timeout: float) -> list[KafkaPartition]:
        """The group's offsets."""
        if self._broker.silent:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        found = [self._broker.offsets.get((p.topic, p.partition), (-1001, "")) for p in partitions]
        return [
            KafkaPartition(p.topic, p.partition, offset, metadata)
            for p, (offset, metadata) in zip(partitions, found, strict=True)
        ]

    def close(self) -> None:
        """Close."""


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    made = Broker()
    monkeypatch.setattr(writer, "Producer", made.producer)
    monkeypatch.setattr(writer, "Consumer", made.consumer)
    monkeypatch.setattr(producer_thread, "ANSWER_S", 0.05)
    monkeypatch.setattr(producer_thread, "_POLL_S", 0.01)
    return made


@pytest.fixture
def kept() -> list[Commit]:
    return []


@pytest.fixture
def writer_(broker: Broker, kept: list[Commit]) -> Iterator[Writer]:
    made = Writer({}, {topic: topic.name for topic in topics.ALL}, "writer", 10_000, kept.append)
    made.start(30)
    yield made
    made.stop()


def commit_of(value: bytes, offset: int = 7, *more: TopicPartition) -> Commit:
    commit = Commit()
    commit.send(CHANGELOG, 0, b"key", value)
    commit.offsets = dict.fromkeys((SOURCE, *more), offset)
    return commit


@pytest.mark.parametrize("offset", [8, 7], ids=["with new offsets", "deadlines alone"])
@pytest.mark.parametrize("where", Hang)
def test_a_commit_holds_once_wherever_its_producer_hangs(
    where: Hang, offset: int, broker: Broker, writer_: Writer, kept: list[Commit]
) -> None:
    before, doubtful, after = commit_of(b"before"), commit_of(b"doubtful", offset), commit_of(b"after", offset + 1)
    writer_.submit(before, MEMBER).result(5)
    broker.fails = [(where, None)]
    writer_.submit(doubtful, MEMBER).result(5)
    writer_.submit(after, MEMBER).result(5)
    assert broker.log == [b"before", b"doubtful", b"after"]
    assert kept == [before, doubtful, after]
    assert len(broker.producers) == 2
    # "before" and its marker, then "doubtful": once, or once more behind what was aborted.
    held = where is Hang.AFTER_COMMIT
    assert doubtful.changelog_ends == {(CHANGELOG, 0): 3 if held else 4}


@pytest.mark.parametrize(
    "code",
    [KafkaError.NOT_COORDINATOR, KafkaError._TIMED_OUT, KafkaError._MSG_TIMED_OUT, KafkaError._TRANSPORT],
)
def test_a_broker_that_was_away_costs_no_worker_its_life(
    code: int, broker: Broker, writer_: Writer, kept: list[Commit]
) -> None:
    broker.fails = [(Hang.BEFORE_OFFSETS, code), (Hang.AFTER_OFFSETS, code), (Hang.AFTER_COMMIT, code)]
    writer_.submit(commit_of(b"value"), MEMBER).result(5)
    assert broker.log == [b"value"]
    assert len(kept) == 1
    assert len(broker.producers) == 4


def test_a_transaction_that_the_broker_aborted_for_its_age_is_written_again(
    monkeypatch: pytest.MonkeyPatch, broker: Broker, writer_: Writer
) -> None:
    monkeypatch.setattr(writer_, "_timeout_s", 0.0)
    broker.fails = [(Hang.BEFORE_COMMIT, KafkaError._FENCED)]
    writer_.submit(commit_of(b"value"), MEMBER).result(5)
    assert broker.log == [b"value"]


@pytest.mark.parametrize("code", [KafkaError._FENCED, KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.ILLEGAL_GENERATION])
def test_what_no_fresh_producer_can_mend_is_final(code: int, broker: Broker, writer_: Writer) -> None:
    """A younger transaction that is fenced off: there is another worker of our name, and it is not us who goes on."""
    broker.fails = [(Hang.BEFORE_COMMIT, code)]
    with pytest.raises(TransactionFailed, match="the transaction failed"):
        writer_.submit(commit_of(b"value"), MEMBER).result(5)
    assert broker.log == []
    assert len(broker.producers) == 1


@pytest.mark.parametrize("where", [Hang.BEFORE_OFFSETS, Hang.AFTER_OFFSETS, Hang.BEFORE_COMMIT])
def test_a_worker_that_was_expelled_meanwhile_is_refused(where: Hang, broker: Broker, writer_: Writer) -> None:
    broker.fails = [(where, None)]
    submitted = writer_.submit(commit_of(b"value"), MEMBER)
    while broker.fails:
        pass
    broker.generation += 1
    with pytest.raises(TransactionFailed, match="ILLEGAL_GENERATION"):
        submitted.result(5)
    assert broker.log == []


def test_a_commit_holds_although_its_next_owner_has_one_of_its_partitions(broker: Broker, writer_: Writer) -> None:
    broker.fails = [(Hang.AFTER_COMMIT, None)]
    submitted = writer_.submit(commit_of(b"value", 7, OTHER), MEMBER)
    while broker.fails:
        pass
    broker.generation += 1
    broker.offsets[OTHER.topic.name, OTHER.number] = (9, "somebody else's")
    submitted.result(5)
    assert broker.log == [b"value"]


def test_a_broker_that_does_not_say_ends_the_worker(
    monkeypatch: pytest.MonkeyPatch, broker: Broker, writer_: Writer, kept: list[Commit]
) -> None:
    monkeypatch.setattr(writer, "RECOVERY_S", 0.05)
    broker.silent = True
    broker.fails = [(Hang.AFTER_COMMIT, None)]
    with pytest.raises(TransactionFailed, match="cannot be read"):
        writer_.submit(commit_of(b"value"), MEMBER).result(5)
    assert kept == []


def test_there_is_an_end_to_fresh_producers(broker: Broker, writer_: Writer) -> None:
    broker.fails = [(Hang.BEFORE_OFFSETS, None)] * (FRESH_MAX + 1)
    with pytest.raises(TransactionFailed, match=f"{FRESH_MAX} producers were lost"):
        writer_.submit(commit_of(b"value"), MEMBER).result(10)
    assert len(broker.producers) == 1 + FRESH_MAX


def test_each_commit_has_an_id_of_its_own(broker: Broker, writer_: Writer) -> None:
    ids = set()
    for _ in range(3):
        writer_.submit(commit_of(b"value"), MEMBER).result(5)
        ids.add(broker.offsets[SOURCE.topic.name, SOURCE.number][1])
    assert len(ids) == 3

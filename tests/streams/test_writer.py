"""What the writer sends when, on a broker inside this process. What a real one makes of it: tests/kafka."""

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Consumer
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import AdminClient

from streams import topics
from streams.transport.batch import TopicPartition
from streams.transport.commit import Commit, StateChange, TableWrite
from streams.transport.membership import Membership
from streams.transport.pieces import (
    BATCH_RECORDS,
    IN_FLIGHT_BYTES_MAX,
    bytes_of_dead_letter,
    bytes_of_message,
    pieces_of,
)
from streams.transport.writer import Writer

MEMBER = Membership("group", 1, "member")
SOURCE = TopicPartition(topics.INPUTS[0], 0)
CHANGELOG = topics.PAYMENTS_CHANGELOG


class Record(dict[str, Any]):
    """A record that can be watched."""


@pytest.fixture
def broker(mock_broker: str) -> str:
    admin = AdminClient({"bootstrap.servers": mock_broker, "log_level": 2})
    for topic in (SOURCE.topic, CHANGELOG):
        admin.list_topics(topic.name, 10)  # makes it
    return mock_broker


@pytest.fixture
def writer(broker: str) -> Iterator[Writer]:
    names = {topic: topic.name for topic in topics.ALL}
    made = Writer({"bootstrap.servers": broker, "log_level": 2}, names, "writer", 10_000, lambda commit: None)
    made.start(30)
    yield made
    made.stop()


def commit_of(*values: bytes, offset: int = 1) -> Commit:
    commit = Commit()
    for number, value in enumerate(values):
        commit.send(CHANGELOG, 0, f"key-{number}".encode(), value)
    commit.offsets = {SOURCE: offset}
    return commit


def end_of(broker: str, topic: str) -> int:
    consumer = Consumer({"bootstrap.servers": broker, "group.id": "onlooker", "log_level": 2})
    try:
        return int(consumer.get_watermark_offsets(KafkaPartition(topic, 0), 10)[1])
    finally:
        consumer.close()


def test_the_broker_has_all_records_before_the_offsets_are_sent(broker: str, writer: Writer) -> None:
    ends: dict[str, int] = {}

    def look(step: str) -> None:
        if step in ("flushed", "offsets"):
            ends[step] = end_of(broker, CHANGELOG.name)

    writer.after_step = look
    writer.submit(commit_of(b"one", b"two", b"three"), MEMBER).result(30)
    assert ends == {"flushed": 3, "offsets": 3}


def test_records_of_a_partition_are_produced_in_parts_completely(broker: str, writer: Writer) -> None:
    parts: list[int] = []
    flush = writer._flush

    def watched() -> None:
        flush()
        parts.append(end_of(broker, CHANGELOG.name))

    setattr(writer, "_flush", watched)  # noqa: B010 - mypy lets nobody assign to a method
    half = b"x" * (IN_FLIGHT_BYTES_MAX // 2)
    commit = commit_of(half, half, half, half, half)
    writer.submit(commit, MEMBER).result(60)
    assert parts == [1, 2, 3, 4, 5]  # two halves and what a batch adds are more than one batch
    assert commit.changelog_ends == {(CHANGELOG, 0): 5}


@pytest.mark.parametrize(
    ("sizes", "parts"),
    [
        ([], [0]),
        ([10, 10], [2]),
        ([IN_FLIGHT_BYTES_MAX + 1], [1]),
        ([10, IN_FLIGHT_BYTES_MAX + 1, 10], [1, 1, 1]),
        ([0] * (BATCH_RECORDS + 1), [BATCH_RECORDS, 1]),
        ([IN_FLIGHT_BYTES_MAX // 3 - 100] * 7, [3, 3, 1]),
    ],
)
def test_a_part_is_one_batch(sizes: list[int], parts: list[int]) -> None:
    messages = [{"key": None, "value": bytes(size)} for size in sizes]
    made = pieces_of(messages, bytes_of_message)
    assert [len(piece) for piece in made] == parts
    assert [message for piece in made for message in piece] == messages


def test_a_completed_commit_is_freed_without_the_garbage_collector(writer: Writer) -> None:
    record = Record(key=b"key", value=b"value")
    gone = weakref.ref(record)
    commit = Commit()
    commit.records[CHANGELOG, 0] = [record]
    commit.offsets = {SOURCE: 1}
    gc.collect()
    gc.disable()
    try:
        writer.submit(commit, MEMBER).result(30)
        del commit, record
        writer.submit(commit_of(b"next", offset=2), MEMBER).result(30)  # the last one is held until the next comes
        assert gone() is None
    finally:
        gc.enable()


def test_records_and_states_that_are_written_are_freed_in_parts(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.transport.writer.FREED_AT_ONCE", 2)
    commit = commit_of(b"1", b"2", b"3")
    commit.table_writes.append(TableWrite(b"p", CHANGELOG, 0, [StateChange("key", b"1", 5, 5)] * 5, None))
    writer.submit(commit, MEMBER).result(30)
    writer.stop()  # which waits for it
    assert (len(commit), commit.keys) == (0, 0)


def test_the_size_of_a_dead_letter_counts_its_headers():
    empty = bytes_of_dead_letter((None, None, []))
    headers = [("é", b"12"), ("null", None), ("", b"")]
    assert bytes_of_dead_letter((b"key", b"value", headers)) >= empty + 3 + 5 + 2 + 2 + 4
    letters = [(None, None, [("large", bytes(IN_FLIGHT_BYTES_MAX * 2 // 3))])] * 3
    assert [len(piece) for piece in pieces_of(letters, bytes_of_dead_letter)] == [1, 1, 1]

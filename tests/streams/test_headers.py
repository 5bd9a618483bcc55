"""Headers are read from messages as they are; a record whose headers cannot be read is read without them."""

import logging
from typing import Any

import pytest
from confluent_kafka import Producer

from streams.headers import Header, headers_of, size_of_headers
from streams.topics import LEDGER_EVENTS, Topic
from streams.transport.batch import Batch, TopicPartition
from streams.transport.fetcher import BATCH_BYTES, Fetcher, size_of

HEADERS: list[Header] = [("a", b"1"), ("a", None), ("", b""), ("é", b"\xff\x00"), ("a", b"1")]


class Malformed:
    """A message of which the client cannot return the headers, as it behaves."""

    def headers(self) -> Any:
        raise SystemError("returned a result with an exception set")

    def topic(self) -> str:
        return "ledger-events"

    def partition(self) -> int:
        return 2

    def offset(self) -> int:
        return 7


def test_headers_that_the_client_cannot_return_are_logged_as_lost(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert headers_of(Malformed()) is None
    assert "ledger-events 2:7" in caplog.text


def test_the_size_counts_names_and_values() -> None:
    assert size_of_headers([("abc", b"12"), ("", None)]) == 5


def fetched(broker: str, names: dict[Topic, str], records: int) -> list[Batch]:
    found: list[Batch] = []
    errors: list[BaseException] = []
    fetcher = Fetcher({"bootstrap.servers": broker, "log_level": 2}, names, found.extend, errors.append)
    fetcher.start()
    try:
        fetcher.assign(1, {TopicPartition(LEDGER_EVENTS, 0): 0})
        for _ in range(500):
            if errors or sum(len(batch.records) for batch in found) >= records:
                break
            fetcher._thread.join(0.02)
    finally:
        fetcher.stop()
    assert errors == []
    return found


def test_a_batch_has_the_headers_of_the_records_that_have_any(mock_broker: str) -> None:
    producer = Producer({"bootstrap.servers": mock_broker, "log_level": 2})
    for headers in (None, HEADERS, None, [("b", b"2")]):
        producer.produce("ledger", b"value", b"key", 0, headers=headers)
    assert producer.flush(10) == 0
    batches = fetched(mock_broker, {LEDGER_EVENTS: "ledger"}, 4)
    headers_found = {offset: list(held) for batch in batches for offset, held in (batch.headers or {}).items()}
    assert headers_found == {1: HEADERS, 3: [("b", b"2")]}


def test_records_without_headers_carry_nothing(mock_broker: str) -> None:
    producer = Producer({"bootstrap.servers": mock_broker, "log_level": 2})
    for _ in range(3):
        producer.produce("ledger", b"value", b"key", 0)
    assert producer.flush(10) == 0
    for batch in fetched(mock_broker, {LEDGER_EVENTS: "ledger"}, 3):
        assert batch.headers is None
        assert size_of(batch) == 105 * len(batch.records)


def test_headers_count_where_a_batch_is_closed(mock_broker: str) -> None:
    large = bytes(BATCH_BYTES * 2 // 3)
    producer = Producer({"bootstrap.servers": mock_broker, "log_level": 2})
    for _ in range(4):
        producer.produce("ledger", None, None, 0, headers=[("large", large)])
    assert producer.flush(10) == 0
    batches = fetched(mock_broker, {LEDGER_EVENTS: "ledger"}, 4)
    assert max(len(batch.records) for batch in batches) <= 2
    assert sum(map(size_of, batches)) == 4 * (len(large) + len("large") + 100)

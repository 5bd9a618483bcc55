"""Headers are read from messages as they are; a record whose headers cannot be read is read without them."""

import ctypes
import gc
import logging
from pathlib import Path
from typing import Any

import confluent_kafka
import pytest
from confluent_kafka import Producer

from streams.headers import Header, headers_of, size_of_headers
from streams.topics import LEDGER_EVENTS, Topic
from streams.transport.batch import Batch, TopicPartition
from streams.transport.fetcher import BATCH_BYTES, Fetcher

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


def test_the_size_counts_names_values_and_their_lengths() -> None:
    assert size_of_headers([("abc", b"12"), ("", None)]) == 5 + 2 * 10
    assert size_of_headers([("€" * 7, b"")]) == 3 * 7 + 10


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


def produce_by_librdkafka(broker: str, topic: str, value: bytes, header: bytes) -> None:
    """Produce a record with a header whose name is any bytes, which no Python client allows."""
    bundled = sorted((Path(confluent_kafka.__file__).parent.parent / "confluent_kafka.libs").glob("librdkafka*"))
    if not bundled:
        pytest.skip("confluent_kafka is built without a library of its own")
    library = ctypes.CDLL(str(bundled[0]))
    library.rd_kafka_conf_new.restype = library.rd_kafka_new.restype = ctypes.c_void_p
    error = ctypes.create_string_buffer(512)
    conf = ctypes.c_void_p(library.rd_kafka_conf_new())
    for name, text in ((b"bootstrap.servers", broker.encode()), (b"log_level", b"2")):
        library.rd_kafka_conf_set(conf, name, text, error, 512)
    producer = ctypes.c_void_p(library.rd_kafka_new(0, conf, error, 512))
    assert producer
    # The tags of rd_kafka_vtype_t: topic 1, partition 3, value 4, message flags 7 (2: copy the value), header 9, end 0.
    arguments = (
        ctypes.c_int(1), ctypes.c_char_p(topic.encode()),
        ctypes.c_int(3), ctypes.c_int32(0),
        ctypes.c_int(4), ctypes.c_char_p(value), ctypes.c_size_t(len(value)),
        ctypes.c_int(7), ctypes.c_int(2),
        ctypes.c_int(9), ctypes.c_char_p(header), ctypes.c_char_p(b"x"), ctypes.c_ssize_t(1),
        ctypes.c_int(0),
    )  # fmt: skip
    assert library.rd_kafka_producev(producer, *arguments) == 0
    assert library.rd_kafka_flush(producer, 10_000) == 0
    library.rd_kafka_destroy(producer)


def test_a_header_whose_name_is_not_utf8_does_not_stop_the_partition(
    mock_broker: str, caplog: pytest.LogCaptureFixture
) -> None:
    producer = Producer({"bootstrap.servers": mock_broker, "log_level": 2})
    sent: list[bytes] = []
    for turn in range(4):  # The interpreter specializes calls that it has made a few times.
        for number in range(50):
            sent.append(b"%d-%d" % (turn, number))
            producer.produce("ledger", sent[-1], b"key", 0, headers=[("a", b"1")])
        assert producer.flush(10) == 0
        sent.append(b"malformed")
        produce_by_librdkafka(mock_broker, "ledger", b"malformed", b"bad\xff")
    with caplog.at_level(logging.WARNING):
        batches = fetched(mock_broker, {LEDGER_EVENTS: "ledger"}, len(sent))
    assert [record.value for batch in batches for record in batch.records] == sent
    without = [offset for offset, value in enumerate(sent) if value == b"malformed"]
    found = {offset for batch in batches for offset in batch.headers or {}}
    assert found == set(range(len(sent))) - set(without)
    for offset in without:
        assert f"ledger 0:{offset}: the name of a header is not UTF-8" in caplog.text
    del batches
    gc.collect()


def test_records_without_headers_carry_nothing(mock_broker: str) -> None:
    producer = Producer({"bootstrap.servers": mock_broker, "log_level": 2})
    for _ in range(3):
        producer.produce("ledger", b"value", b"key", 0)
    assert producer.flush(10) == 0
    for batch in fetched(mock_broker, {LEDGER_EVENTS: "ledger"}, 3):
        assert batch.headers is None
        assert batch.size == 105 * len(batch.records)


def test_headers_count_where_a_batch_is_closed(mock_broker: str) -> None:
    large = bytes(BATCH_BYTES * 2 // 3)
    producer = Producer({"bootstrap.servers": mock_broker, "log_level": 2})
    for _ in range(4):
        producer.produce("ledger", None, None, 0, headers=[("large", large)])
    assert producer.flush(10) == 0
    batches = fetched(mock_broker, {LEDGER_EVENTS: "ledger"}, 4)
    assert max(len(batch.records) for batch in batches) <= 2
    assert sum(batch.size for batch in batches) == 4 * (len(large) + len("large") + 10 + 100)

"""Reading to the end on a real broker, with aborted records and transaction markers between and after the records."""

import itertools
import threading
import time

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from streams import topics
from streams.broker import reading
from streams.settings import Settings, load

pytestmark = pytest.mark.kafka


@pytest.fixture
def settings(kafka: str, topic_prefix: str) -> Settings:
    settings = load({"RENTMATCH_BROKER": kafka, "RENTMATCH_TOPIC_PREFIX": topic_prefix})
    name = settings.topic(topics.MISMATCH_ALERTS)
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.create_topics([NewTopic(name, 2, 1)])[name].result()
    until = time.monotonic() + 10
    while name not in admin.list_topics(timeout=10).topics:
        assert time.monotonic() < until
        time.sleep(0.02)
    return settings


def transactional(settings: Settings) -> Producer:
    producer = Producer({"bootstrap.servers": settings.broker, "transactional.id": settings.topic_prefix})
    producer.init_transactions(30)
    return producer


def send(producer: Producer, settings: Settings, *values: bytes) -> None:
    for value in values:
        producer.produce(settings.topic(topics.MISMATCH_ALERTS), value, b"k" + value, partition=0)
    producer.flush(30)


def values(settings: Settings) -> list[bytes | None]:
    return [record.value for record in reading.records(settings, topics.MISMATCH_ALERTS)]


def test_an_empty_topic_ends_at_once(settings: Settings) -> None:
    assert values(settings) == []


def test_only_committed_records_are_read_and_reading_ends_after_them(settings: Settings) -> None:
    producer = transactional(settings)
    producer.begin_transaction()
    send(producer, settings, b"1", b"2")
    producer.commit_transaction(30)
    assert values(settings) == [b"1", b"2"]  # the last offset is the commit's marker, which no consumer is given

    producer.begin_transaction()
    send(producer, settings, b"aborted")
    producer.abort_transaction(30)
    assert values(settings) == [b"1", b"2"]

    producer.begin_transaction()
    send(producer, settings, b"3")
    assert values(settings) == [b"1", b"2"]  # still open
    producer.commit_transaction(30)
    assert values(settings) == [b"1", b"2", b"3"]

    # Offsets: 1, 2, commit, aborted, abort, 3, commit.
    assert reading.record_at(settings, topics.MISMATCH_ALERTS, 0, 1).value == b"2"
    assert [reading.record_at(settings, topics.MISMATCH_ALERTS, 0, at) for at in (2, 3, 4, 6, 7)] == [None] * 5


def test_reading_ends_at_the_end_offset_of_its_start(settings: Settings) -> None:
    plain = Producer({"bootstrap.servers": settings.broker, "linger.ms": 0})
    send(plain, settings, b"before")
    stop = threading.Event()

    def keep_writing() -> None:
        for number in itertools.count():
            if stop.is_set():
                return
            plain.produce(settings.topic(topics.MISMATCH_ALERTS), b"%d" % number, partition=number % 2)
            plain.poll(0.001)

    writer = threading.Thread(target=keep_writing)
    writer.start()
    try:
        assert b"before" in values(settings)  # and it returned
    finally:
        stop.set()
        writer.join()
        plain.flush(30)


def test_follow_continues(settings: Settings) -> None:
    plain = Producer({"bootstrap.servers": settings.broker})
    send(plain, settings, b"1")
    followed = reading.records(settings, topics.MISMATCH_ALERTS, follow=True)
    assert next(followed).value == b"1"
    send(plain, settings, b"2")
    assert next(followed).value == b"2"
    followed.close()


def test_reading_leaves_no_consumer_group(settings: Settings) -> None:
    values(settings)
    groups = AdminClient({"bootstrap.servers": settings.broker}).list_consumer_groups().result()
    assert f"{settings.application_id}-read" not in {group.group_id for group in groups.valid}

"""What lies on the broker and no worker has read, and the producer that writes it."""

import asyncio

import pytest
from confluent_kafka import Producer

from gateway.commands import known
from gateway.commands.known import KEPT_S, UnreadOnKafka, WrittenFacts
from gateway.commands.unread import TooFarBehind, unread
from gateway.commands.writing import KafkaWriter, NotWritten
from streams import topics
from streams.broker import cluster
from streams.codec.codec import Codec
from streams.settings import Settings
from tests.kit.scenario_tables import read_facts

DECIDED = read_facts("""
    2026-07-08 12:00 P-1 ACKNOWLEDGE settlement as d-1 by ana
    2026-07-08 12:01 P-2 ACKNOWLEDGE settlement as d-2 by ana
""")


@pytest.fixture
def settings(mock_broker: str) -> Settings:
    settings = Settings(broker=mock_broker, topic_prefix="here.")
    producer = Producer({"bootstrap.servers": mock_broker, "log_level": 2})
    for topic in topics.ALL:
        producer.list_topics(settings.topic(topic), timeout=10)  # which makes it
    producer.produce("here.decisions", b"no record", b"P-1")
    assert producer.flush(10) == 0
    return settings


def written(settings: Settings) -> list[str]:
    async def write() -> list[str]:
        writer = KafkaWriter(settings, Codec())
        try:
            return [await writer.write(fact) for fact in DECIDED]
        finally:
            await writer.close()

    return asyncio.run(write())


def test_what_is_written_is_found_by_its_key(settings: Settings) -> None:
    assert written(settings) == ["here.decisions"] * 2
    reader = UnreadOnKafka(settings, Codec())
    first, second = DECIDED
    assert reader.decisions([("payment", "P-1")]) == [first]
    assert reader.decisions([("payment", "P-1"), ("payment", "P-2"), ("payout", "a/b")]) == [first, second]
    assert reader.decisions([("obligation", "P-1")]) == []
    assert reader.moves(("payment", "P-1")) == []


def test_too_much_is_not_looked_through(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    written(settings)
    assert len(list(unread(settings, Codec(), topics.DECISIONS, records_max=3))) == 2  # and one that is no record
    with pytest.raises(TooFarBehind, match="3 records of"):
        list(unread(settings, Codec(), topics.DECISIONS, records_max=2))
    monkeypatch.setattr(known, "RECORDS_MAX", 2)
    with pytest.raises(TooFarBehind):
        UnreadOnKafka(settings, Codec()).decisions([("payment", "P-1")])


def test_a_record_is_not_written_where_a_topic_or_the_broker_is_missing(
    mock_broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "ANSWER_SECONDS_MAX", 1.0)
    for broker, said in ((mock_broker, "does not exist"), ("127.0.0.1:1", "no Kafka broker answers")):
        with pytest.raises(NotWritten, match=said):
            written(Settings(broker=broker, topic_prefix="nowhere."))


def test_own_facts_are_kept_for_a_while() -> None:
    now = [0.0]
    kept = WrittenFacts(lambda: now[0])
    first, second = DECIDED
    kept.add(first)
    now[0] = KEPT_S
    kept.add(second)
    assert kept.of(("payment", "P-1")) == (first,)
    now[0] = KEPT_S + 1
    kept.add(second)
    assert kept.of(("payment", "P-1")) == ()
    assert kept.of(("payment", "P-2")) == (second, second)
    with pytest.raises(TypeError):
        kept.add(read_facts("2026-07-01 15:00 P-1 SETTLED 850.00")[0])

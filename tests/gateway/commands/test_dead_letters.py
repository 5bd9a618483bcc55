"""The dead letters on a broker: the latest first, counted, and fed again with their bytes, keys and headers."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
from confluent_kafka import Producer

from gateway.commands import dead_letters
from gateway.commands.dead_letters import DeadLetters, InvalidLetterCursor
from gateway.commands.letters import REFED_FROM
from gateway.commands.writing import KafkaWriter
from streams import topics
from streams.broker import reading
from streams.codec.codec import Codec
from streams.codec.dead_letters import BadInput, DeadLetter, DeadLetterClass
from streams.codec.json_form import fact_from_json
from streams.settings import Settings
from tests.kit.records import initiated

T = TypeVar("T")

GARBAGE = b"\xff\xfe\x00garbage"


def settings_of(broker: str) -> Settings:
    return Settings(broker=broker, topic_prefix="here.")


def bury(broker: str, *letters: tuple[int, bytes, str], headers: bool = True) -> None:
    """Write dead letters: partition, value, and the topic that it came from; each a millisecond after the last one."""
    producer = Producer({"bootstrap.servers": broker, "log_level": 2})
    for topic in (*topics.INPUTS, topics.DEAD_LETTER):
        producer.list_topics(f"here.{topic.name}", timeout=10)  # which makes it
    for number, (partition, value, source) in enumerate(letters):
        reason = BadInput(DeadLetterClass.UNKNOWN_FRAMING, "what was found")
        letter = DeadLetter.of(reason, source, 2, number, "1.2.3", (("trace", b"t-1"),))
        producer.produce(
            "here.dead-letter", value, b"P-1", partition=partition, headers=letter.headers() if headers else [],
            timestamp=1_780_000_000_000 + number,
        )  # fmt: skip
        assert producer.flush(10) == 0


def done(broker: str, what: Callable[[DeadLetters], Awaitable[T]]) -> T:
    settings = settings_of(broker)

    async def run() -> T:
        writer = KafkaWriter(settings, Codec())
        try:
            return await what(DeadLetters(settings, Codec(), writer))
        finally:
            await writer.close()

    return asyncio.run(run())


def test_all_pages_are_all_letters_the_latest_first(mock_broker: str) -> None:
    source = "here.payment-initiated"
    bury(mock_broker, *((number % 3, b"%d" % number, source) for number in range(25)))

    async def all_pages(letters: DeadLetters) -> list[bytes | None]:
        found: list[bytes | None] = []
        after = None
        while True:
            page = await letters.latest(first=4, after=after)
            found += [letter.record.value for letter in page.letters]
            if not page.has_next:
                return found
            after = page.cursors[-1]

    assert done(mock_broker, all_pages) == [b"%d" % number for number in reversed(range(25))]
    with pytest.raises(InvalidLetterCursor):
        done(mock_broker, lambda letters: letters.latest(first=4, after="x"))


def test_letters_are_counted_once_and_up_to_a_limit(mock_broker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bury(mock_broker)

    async def counted(letters: DeadLetters) -> list[int]:
        found = [await letters.count()]
        for _ in range(2):
            bury(mock_broker, (0, GARBAGE, "here.payment-initiated"), (1, GARBAGE, "here.payment-initiated"))
            found.append(await letters.count())
        monkeypatch.setattr(dead_letters, "COUNT_MAX", 5)
        bury(mock_broker, *((0, GARBAGE, "here.payment-initiated") for _ in range(3)))
        found.append(await letters.count())
        return found

    assert done(mock_broker, counted) == [0, 2, 4, 5]


def test_letters_are_fed_again(mock_broker: str) -> None:
    readable = Codec().encode(fact_from_json(initiated()), "payment-initiated")
    bury(
        mock_broker,
        (0, readable, "here.payment-initiated"),
        (0, GARBAGE, "here.payment-initiated"),
        (1, GARBAGE, "here.payment-initiated"),
        (1, GARBAGE, "somebody.elses-topic"),
    )
    found = done(mock_broker, lambda letters: letters.refeed(["0:0", "0:1", "1:0", "1:1", "0:99", "nonsense", "0:0"]))
    assert found.refed == ["0:0", "0:1", "1:0"]
    assert list(found.refused) == ["0:99", "nonsense", "1:1"]
    assert "may have expired" in found.refused["0:99"]
    assert "not the id of a dead letter" in found.refused["nonsense"]
    assert "no input topic" in found.refused["1:1"]
    fed = sorted(reading.records(settings_of(mock_broker), topics.PAYMENT_INITIATED), key=lambda one: one.headers)
    assert [(one.key, one.value, one.headers) for one in fed] == [
        (b"P-1", readable, (("trace", b"t-1"), (REFED_FROM, b"here.dead-letter:0:0"))),
        (b"P-1", GARBAGE, (("trace", b"t-1"), (REFED_FROM, b"here.dead-letter:0:1"))),
    ]


def test_what_can_be_read_now_is_decoded(mock_broker: str) -> None:
    readable = Codec().encode(fact_from_json(initiated()), "payment-initiated")
    bury(mock_broker, (0, readable, "here.payment-initiated"), (0, GARBAGE, "here.payment-initiated"))
    bury(mock_broker, (0, readable, "here.payment-initiated"), headers=False)

    async def decoded(letters: DeadLetters) -> dict[str, bool]:
        page = await letters.latest(first=3, after=None)
        return {letter.id: letters.decoded(letter) is not None for letter in page.letters}

    assert done(mock_broker, decoded) == {"0:0": True, "0:1": False, "0:2": False}

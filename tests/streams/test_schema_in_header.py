"""Confluent's header for the schema of a value: the id or the GUID, its precedence, and what is wrong with others."""

import random
from uuid import UUID

import pytest
from confluent_kafka.schema_registry import header_schema_id_serializer, prefix_schema_id_serializer
from confluent_kafka.schema_registry.common.serde import SchemaId
from confluent_kafka.serialization import MessageField, SerializationContext

from streams import topics
from streams.codec import framing
from streams.codec.avro_schemas import OURS, Schema
from streams.codec.codec import Codec
from streams.codec.dead_letters import BadInput, DeadLetterClass
from streams.headers import Header, Headers
from tests.kit import avro_samples as samples

IDS = {name: number for number, name in enumerate(OURS, start=1)}
GUIDS = {name: UUID(int=(number << 100) + number) for name, number in IDS.items()}
SINGLE = Codec()


class Registry:
    """Knows our own schemas by id and by GUID, and no other."""

    def schema(self, schema_id: int | UUID) -> Schema:
        known = GUIDS if isinstance(schema_id, UUID) else IDS
        for name, found in known.items():
            if found == schema_id:
                return OURS[name]
        raise BadInput(DeadLetterClass.UNKNOWN_SCHEMA, f"no schema {schema_id}")


def with_registry() -> Codec:
    return Codec(Registry())  # type: ignore[arg-type]


def body_of(fact: object) -> bytes:
    return SINGLE.encode(fact, "any")[framing.SINGLE_OBJECT_SIZE :]  # type: ignore[arg-type]


def id_header(schema_id: int) -> Header:
    return "__value_schema_id", framing.confluent(schema_id)


def guid_header(guid: UUID) -> Header:
    return "__value_schema_id", b"\x01" + guid.bytes


POSTED = body_of(samples.POSTED)
POSTED_ID = id_header(IDS["PaymentPosted"])


def refused(codec: Codec, value: bytes | None, headers: Headers) -> BadInput:
    with pytest.raises(BadInput) as caught:
        codec.decode_input(topics.LEDGER_EVENTS, value, headers)
    return caught.value


@pytest.mark.parametrize("fact", samples.FACTS, ids=lambda fact: type(fact).__name__)
def test_confluents_own_serializers_write_what_is_read(fact: object) -> None:
    name, topic = type(fact).__name__, samples.TOPIC_OF[fact]  # type: ignore[index]
    codec, body, schema_id = with_registry(), body_of(fact), SchemaId("AVRO", IDS[name], str(GUIDS[name]))
    headers: list[Header] = [("before", b"1")]
    for field in (MessageField.KEY, MessageField.VALUE):
        context = SerializationContext("any", field, headers)
        assert header_schema_id_serializer(body, context, schema_id) == body
    assert [name for name, _ in headers] == ["before", "__key_schema_id", "__value_schema_id"]
    for _ in range(2):
        assert codec.decode_input(topic, body, headers) == fact
        assert codec.decode_input(topic, body, [("__value_schema_id", schema_id.id_to_bytes())]) == fact
        assert codec.decode_input(topic, prefix_schema_id_serializer(body, None, schema_id)) == fact
        assert codec.decode_input(topic, SINGLE.encode(fact, "any"), [("other", None)]) == fact  # type: ignore[arg-type]


def test_the_header_has_precedence() -> None:
    codec = with_registry()
    framed = framing.confluent(IDS["PaymentPosted"]) + POSTED
    assert codec.decode_input(topics.LEDGER_EVENTS, framed) == samples.POSTED
    # Its value is the body alone, so a frame is read as part of it: Confluent's clients read it so, too.
    assert refused(codec, framed, [POSTED_ID]).error_class is not DeadLetterClass.UNKNOWN_SCHEMA
    refused(codec, SINGLE.encode(samples.POSTED, "any"), [POSTED_ID])


def test_the_last_header_of_the_name_counts() -> None:
    codec = with_registry()
    other = guid_header(GUIDS["PlanChanged"])
    assert codec.decode_input(topics.LEDGER_EVENTS, POSTED, [other, ("x", b""), POSTED_ID]) == samples.POSTED
    refused(codec, POSTED, [POSTED_ID, other])


def test_the_header_of_the_key_and_null_name_no_schema() -> None:
    codec = with_registry()
    key = ("__key_schema_id", framing.confluent(IDS["PlanChanged"]))
    null: Header = ("__value_schema_id", None)
    framed = framing.confluent(IDS["PaymentPosted"]) + POSTED
    for headers in ([key], [null], [POSTED_ID, null]):
        assert codec.decode_input(topics.LEDGER_EVENTS, framed, headers) == samples.POSTED
        assert refused(codec, POSTED, headers).error_class is DeadLetterClass.UNKNOWN_FRAMING


@pytest.mark.parametrize(
    "header",
    [b"", b"\x00", b"\x00\x00\x00\x01", b"\x00" * 6, b"\x01" * 16, b"\x01" * 18, b"\x02" * 5, b"\x02" * 17,
     b"42", SINGLE.encode(samples.POSTED, "any")[:10]],
)  # fmt: skip
def test_a_header_of_another_form_is_refused(header: bytes) -> None:
    codec = with_registry()
    codec.decode_input(topics.LEDGER_EVENTS, SINGLE.encode(samples.POSTED, "any"))  # its frame is known
    for codec_ in (codec, SINGLE):
        error = refused(codec_, POSTED, [("__value_schema_id", header)])
        assert error.error_class is DeadLetterClass.UNKNOWN_FRAMING
        assert f"__value_schema_id has {len(header)} bytes" in error.message


@pytest.mark.parametrize("header", [POSTED_ID, guid_header(GUIDS["PaymentPosted"])])
def test_without_a_registry_the_setting_is_named(header: Header) -> None:
    error = refused(SINGLE, POSTED, [header])
    assert error.error_class is DeadLetterClass.UNKNOWN_SCHEMA
    assert "RENTMATCH_SCHEMA_REGISTRY_URL" in error.message
    # Single-object encoding needs no registry, and no bare body begins like it.
    single = SINGLE.encode(samples.POSTED, "any")
    assert SINGLE.decode_input(topics.LEDGER_EVENTS, single, [header]) == samples.POSTED


def test_an_unknown_schema_and_a_record_of_another_topic() -> None:
    codec = with_registry()
    for header in (id_header(999), guid_header(UUID(int=999))):
        assert refused(codec, POSTED, [header]).error_class is DeadLetterClass.UNKNOWN_SCHEMA
    wrong = guid_header(GUIDS["PaymentInitiated"])
    assert refused(codec, POSTED, [wrong]).error_class is DeadLetterClass.WRONG_RECORD


@pytest.mark.parametrize("value", [None, b""])
def test_a_record_without_a_value_is_empty(value: bytes | None) -> None:
    for codec in (with_registry(), SINGLE):
        assert refused(codec, value, [POSTED_ID]).error_class is DeadLetterClass.EMPTY_VALUE


def test_bodies_are_checked_as_in_any_framing() -> None:
    codec = with_registry()
    assert refused(codec, POSTED[:-1], [POSTED_ID]).error_class is DeadLetterClass.TRUNCATED
    assert refused(codec, POSTED + b"\0", [POSTED_ID]).error_class is DeadLetterClass.TRAILING_BYTES


def test_the_record_of_bad_input_is_named_by_the_header() -> None:
    codec = with_registry()
    assert codec.record_name(POSTED[:-1], [POSTED_ID]) == "PaymentPosted"
    assert codec.record_name(POSTED[:-1], [guid_header(GUIDS["PlanChanged"])]) == "PlanChanged"
    assert codec.record_name(POSTED, [id_header(999)]) == "unknown"
    assert codec.record_name(POSTED, [("__value_schema_id", b"?")]) == "unknown"
    assert SINGLE.record_name(POSTED, [POSTED_ID]) == "unknown"
    assert SINGLE.record_name(SINGLE.encode(samples.POSTED, "any"), [POSTED_ID]) == "PaymentPosted"


def test_hostile_headers_give_a_fact_or_bad_input() -> None:
    dice = random.Random(5)
    names = ("__value_schema_id", "__key_schema_id", "traceparent", "")
    codecs = (with_registry(), SINGLE)
    read = 0
    for turn in range(20_000):
        fact = samples.FACTS[turn % len(samples.FACTS)]
        body = body_of(fact)
        value = dice.choice(
            (body, body, SINGLE.encode(fact, "any"), framing.confluent(IDS[type(fact).__name__]) + body)
        )
        name = type(fact).__name__
        valid = (framing.confluent(IDS[name]), b"\x01" + GUIDS[name].bytes)
        headers = [
            (dice.choice(names), dice.choice((*valid, *valid, None, dice.randbytes(dice.randrange(20)))))
            for _ in range(dice.randrange(4))
        ]
        codec = dice.choice(codecs)
        try:
            assert codec.decode_input(samples.TOPIC_OF[fact], value, headers) == fact
            read += 1
        except BadInput:
            codec.record_name(value, headers)
    assert 20_000 // 5 < read < 20_000

"""Record values: both framings, byte for byte as fastavro, and every class of bad input."""

import io
from typing import Any

import fastavro
import msgspec
import pytest
from hypothesis import given

from streams import topics
from streams.codec.avro_plain import ENCODE
from streams.codec.avro_schemas import OURS, Schema, parse
from streams.codec.codec import Codec, avro_compiled, framing
from streams.codec.dead_letters import BadInput, DeadLetterClass
from streams.codec.registry import SchemaRegistry
from streams.codec.resolution import resolve
from tests.kit import avro_samples as samples
from tests.kit import avro_strategies as strategies
from tests.kit.avro_bodies import BOTH
from tests.kit.avro_samples import number, written
from tests.kit.examples import examples
from tests.streams.test_validation import BROKEN


class OneSchema(SchemaRegistry):
    """A registry with given schemas, which numbers the schemas registered with it."""

    def __init__(self, schemas: dict[int, Schema] | None = None) -> None:
        super().__init__("http://registry.invalid")
        self._schemas = schemas or {}
        self.registered: list[tuple[str, str]] = []

    def register(self, subject: str, text: str) -> int:
        self.registered.append((subject, text))
        self._schemas[len(self.registered)] = parse(text)
        return len(self.registered)


def body(fact: Any) -> bytes:
    return ENCODE[type(fact).__name__](fact, b"")


def frame(name: str) -> bytes:
    return framing.single_object(OURS[name].fingerprint)


@pytest.mark.parametrize("fact", samples.FACTS, ids=lambda fact: type(fact).__name__)
def test_a_fact_survives_both_framings(fact: Any) -> None:
    topic = samples.TOPIC_OF[fact]
    single = Codec()
    value = single.encode(fact, topic.name)
    assert value[:2] == b"\xc3\x01"
    assert [single.decode_input(topic, value) for _ in range(2)] == [fact, fact]
    confluent = Codec(OneSchema())
    value = confluent.encode(fact, topic.name)
    assert value[:5] == b"\x00\x00\x00\x00\x01"
    assert [confluent.decode_input(topic, value) for _ in range(2)] == [fact, fact]
    # Both framings are read on every input, whatever is configured.
    assert confluent.decode_input(topic, single.encode(fact, topic.name)) == fact


@pytest.mark.parametrize("record", samples.OUTPUTS, ids=lambda record: type(record).__name__)
def test_an_output_survives_both_framings(record: Any) -> None:
    for codec in (Codec(), Codec(OneSchema())):
        decoded = codec.decode_output(codec.encode(record, "out"))
        assert decoded == record
        for field in record.__struct_fields__:
            assert type(getattr(decoded, field)) is type(getattr(record, field)), field


def test_subjects_and_one_registration_per_schema() -> None:
    registry = OneSchema()
    codec = Codec(registry)
    for _ in range(2):
        codec.encode(samples.INITIATED, "eu.payment-initiated")
        codec.encode(samples.POSTED, "eu.ledger-events")
        codec.encode(samples.CANCELLED, "eu.ledger-events")
        codec.encode(samples.SETTLED, "eu.processor-settled")
        codec.encode(samples.DECIDED, "eu.decisions")
        codec.encode(samples.OUTPUTS[2], "eu.mismatch-alerts")
    assert [subject for subject, _ in registry.registered] == [
        "eu.payment-initiated-rentmatch.v1.PaymentInitiated",
        "eu.ledger-events-rentmatch.v1.PaymentPosted",
        "eu.ledger-events-rentmatch.v1.ObligationCancelled",
        "eu.processor-settled-value",
        "eu.decisions-value",
        "eu.mismatch-alerts-value",
    ]


@BOTH
@given(fact=strategies.facts)
def test_facts_are_what_fastavro_reads_and_writes(bodies: Any, fact: Any) -> None:
    name = type(fact).__name__
    schema = OURS[name].parsed
    encoded = bodies.ENCODE[name](fact, b"")
    assert encoded == written(schema, samples.plain(fact))
    assert fastavro.schemaless_reader(io.BytesIO(encoded), samples.without_logical_types(schema)) == samples.plain(fact)
    assert bodies.DECODE[name](b"12345" + encoded, 5) == fact
    assert resolve(OURS[name], OURS[name])(encoded, 0) == fact


@BOTH
@given(record=strategies.outputs)
def test_outputs_are_what_fastavro_reads_and_writes(bodies: Any, record: Any) -> None:
    name = type(record).__name__
    schema = OURS[name].parsed
    encoded = bodies.ENCODE[name](record, b"")
    assert encoded == written(schema, samples.plain(record))
    assert fastavro.schemaless_reader(io.BytesIO(encoded), samples.without_logical_types(schema)) == samples.plain(
        record
    )
    assert bodies.DECODE[name](encoded, 0) == record
    assert resolve(OURS[name], OURS[name])(encoded, 0) == record


@BOTH
@examples(500)
@given(value=strategies.longs | strategies.instants)
def test_numbers_of_every_length_are_fastavro_s(bodies: Any, value: int) -> None:
    fact = msgspec.structs.replace(samples.ADJUSTED, occurred_at=value, amount_delta_minor=value)
    encoded = bodies.ENCODE["ObligationAdjusted"](fact, b"")
    assert encoded == written(OURS["ObligationAdjusted"].parsed, samples.plain(fact))
    assert resolve(OURS["ObligationAdjusted"], OURS["ObligationAdjusted"])(encoded, 0) == fact


@BOTH
def test_arrays_in_many_blocks_and_with_sizes_are_read(bodies: Any) -> None:
    """A Java writer may flush an array in blocks, each with its size in bytes."""
    head = body(type(samples.PLAN_CHANGED)("e4", samples.AT, "o1", 1, ()))[:-1]
    items = [
        written(OURS["PlanChanged"].names["rentmatch.v1.Installment"], samples.plain(part)) for part in samples.PLAN
    ]
    one_by_one = head + b"".join(b"\x02" + item for item in items) + b"\x00"
    sized = head + b"".join(b"\x01" + number(len(item)) + item for item in items) + b"\x00"
    for encoded in (one_by_one, sized):
        assert bodies.DECODE["PlanChanged"](encoded, 0) == samples.PLAN_CHANGED


POSTED_BODY = body(samples.POSTED)

BAD: list[tuple[str, topics.Topic, bytes | None, DeadLetterClass, str]] = [
    ("a tombstone", topics.LEDGER_EVENTS, None, DeadLetterClass.EMPTY_VALUE, "null"),
    ("no bytes", topics.LEDGER_EVENTS, b"", DeadLetterClass.EMPTY_VALUE, "empty"),
    ("json", topics.LEDGER_EVENTS, b'{"type":"x"}', DeadLetterClass.UNKNOWN_FRAMING, "C3 01"),
    (
        "an unknown fingerprint",
        topics.LEDGER_EVENTS,
        b"\xc3\x01ABCDEFGH",
        DeadLetterClass.UNKNOWN_SCHEMA,
        "4847464544434241",
    ),
    (
        "an id and no registry",
        topics.LEDGER_EVENTS,
        b"\x00\x00\x00\x00\x07",
        DeadLetterClass.UNKNOWN_SCHEMA,
        "RENTMATCH_SCHEMA_REGISTRY_URL",
    ),
    (
        "another topic's record",
        topics.PAYMENT_INITIATED,
        frame("PaymentPosted") + POSTED_BODY,
        DeadLetterClass.WRONG_RECORD,
        "PaymentPosted does not belong on payment-initiated",
    ),
    (
        "an output on an input",
        topics.LEDGER_EVENTS,
        frame("MismatchAlert") + b"",
        DeadLetterClass.WRONG_RECORD,
        "MismatchAlert",
    ),
    ("a frame and nothing", topics.LEDGER_EVENTS, frame("PaymentPosted"), DeadLetterClass.TRUNCATED, "event_id"),
    (
        "the end is missing",
        topics.LEDGER_EVENTS,
        frame("PaymentPosted") + POSTED_BODY[:-1],
        DeadLetterClass.TRUNCATED,
        "PaymentPosted.currency",
    ),
    (
        "a byte too many",
        topics.LEDGER_EVENTS,
        frame("PaymentPosted") + POSTED_BODY + b"\x00",
        DeadLetterClass.TRAILING_BYTES,
        "1 bytes follow",
    ),
    (
        "no UTF-8",
        topics.LEDGER_EVENTS,
        frame("PostingReversed") + body(samples.REVERSED)[:-1] + b"\xff",
        DeadLetterClass.UNDECODABLE,
        "PostingReversed.reason",
    ),
    (
        "a negative length",
        topics.LEDGER_EVENTS,
        frame("PaymentPosted") + b"\x03" + POSTED_BODY[1:],
        DeadLetterClass.UNDECODABLE,
        "length of -2",
    ),
    (
        "a length of exbibytes",
        topics.LEDGER_EVENTS,
        frame("PaymentPosted") + number(1 << 62) + POSTED_BODY[1:],
        DeadLetterClass.TRUNCATED,
        "event_id",
    ),
    (
        "a length of 71 bits",
        topics.LEDGER_EVENTS,
        frame("PaymentPosted") + b"\xff" * 10 + b"\x01" + POSTED_BODY,
        DeadLetterClass.UNDECODABLE,
        "64 bits",
    ),
    (
        "a union without that branch",
        topics.LEDGER_EVENTS,
        frame("PaymentPosted") + POSTED_BODY.replace(b"\x04p1\x00", b"\x04p1\x04"),
        DeadLetterClass.UNDECODABLE,
        "no branch 2",
    ),
    (
        "an enum without that symbol",
        topics.PAYMENT_INITIATED,
        frame("PaymentInitiated") + body(samples.INITIATED).replace(b"\x06USD\x00", b"\x06USD\x0a"),
        DeadLetterClass.UNDECODABLE,
        "symbol 5 of 5",
    ),
    (
        "a day of 33 bits",
        topics.LEDGER_EVENTS,
        frame("ObligationCharged") + body(samples.CHARGED).replace(number(samples.DAY), number(1 << 31), 1),
        DeadLetterClass.UNDECODABLE,
        "ObligationCharged.due_date: 2147483648 is not an Avro int",
    ),
    (
        "a plan of exbi-installments",
        topics.LEDGER_EVENTS,
        frame("PlanChanged") + body(type(samples.PLAN_CHANGED)("e", samples.AT, "o", 1, ()))[:-1] + number(1 << 61),
        DeadLetterClass.TRUNCATED,
        "2305843009213693952 items",
    ),
]


@BOTH
@pytest.mark.parametrize(
    ("topic", "value", "error_class", "says"), [case[1:] for case in BAD], ids=[case[0] for case in BAD]
)
def test_bad_input(
    bodies: Any, topic: topics.Topic, value: bytes | None, error_class: DeadLetterClass, says: str
) -> None:
    codec = Codec(compiled=bodies is avro_compiled)
    for _ in range(2):
        with pytest.raises(BadInput) as caught:
            codec.decode_input(topic, value)
        assert caught.value.error_class is error_class
        assert says in caught.value.message


@BOTH
@pytest.mark.parametrize(("fact", "error_class"), BROKEN.values(), ids=BROKEN)
def test_a_fact_that_breaks_a_rule_is_bad_input(bodies: Any, fact: Any, error_class: DeadLetterClass) -> None:
    codec = Codec(compiled=bodies is avro_compiled)
    topic = samples.TOPIC_BY_TYPE[type(fact)]
    with pytest.raises(BadInput) as caught:
        codec.decode_input(topic, codec.encode(fact, topic.name))
    assert caught.value.error_class is error_class


def test_every_class_of_dead_letter_is_reached() -> None:
    reached = {case[3] for case in BAD} | {error_class for _, error_class in BROKEN.values()}
    # Tested in test_codec_resolution.py, in tests/agents/test_full_keys.py, and in tests/connectors.
    elsewhere = {
        DeadLetterClass.INCOMPATIBLE_SCHEMA,
        DeadLetterClass.KEY_FULL,
        DeadLetterClass.UNREADABLE_CHANGE,
        DeadLetterClass.UNREADABLE_LINE,
    }
    assert reached | elsewhere == set(DeadLetterClass)


def test_a_bad_record_does_not_affect_the_next() -> None:
    codec = Codec()
    good = codec.encode(samples.POSTED, "ledger-events")
    for _, topic, value, _, _ in BAD:
        with pytest.raises(BadInput):
            codec.decode_input(topic, value)
        assert codec.decode_input(topics.LEDGER_EVENTS, good) == samples.POSTED


def test_an_unknown_symbol_of_a_later_version_is_named() -> None:
    later = parse(OURS["MismatchAlert"].text.replace('"resolved"', '"resolved_by_hand"'))
    alert = samples.plain(samples.OUTPUTS[2]) | {"lifecycle": "resolved_by_hand"}
    codec = Codec(OneSchema({9: later}))
    with pytest.raises(BadInput, match="resolved_by_hand"):
        codec.decode_output(framing.confluent(9) + written(later.parsed, alert))


def test_an_input_is_not_an_output() -> None:
    with pytest.raises(BadInput, match="does not belong on an output topic"):
        Codec().decode_output(Codec().encode(samples.POSTED, "ledger-events"))

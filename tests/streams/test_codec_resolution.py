"""Any writer's schema that Avro resolution allows is read as fastavro reads it; any other is refused with a reason."""

import copy
import io
import json
from collections.abc import Callable
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams import topics
from streams.codec.avro_schemas import OURS, RECORDS_ON, kind, logical_type, parse, parse_writer
from streams.codec.codec import Codec, decoder, framing
from streams.codec.dead_letters import BadInput, DeadLetterClass
from streams.codec.resolution import resolve
from tests.kit import avro_samples as samples
from tests.kit import avro_strategies as strategies
from tests.kit.avro_samples import written
from tests.streams.test_codec import OneSchema

INITIATED = samples.INITIATED
LEDGER = RECORDS_ON[topics.LEDGER_EVENTS.name]


def evolved(name: str, change: Callable[[dict[str, Any]], None]) -> str:
    """The text of one of our schemas, changed."""
    source = json.loads(OURS[name].text)
    change(source)
    return json.dumps(source)


def field_of(source: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(field for field in source["fields"] if field["name"] == name)
    return found


def read(text: str, value: dict[str, Any], topic: topics.Topic = topics.PAYMENT_INITIATED) -> Any:
    """Decode a value that was written with another schema, in Confluent's framing."""
    schema = parse_writer(text)
    codec = Codec(OneSchema({7: schema}))
    return codec.decode_input(topic, framing.confluent(7) + written(schema.parsed, value))


def retyped(name: str, new: Any) -> Callable[[dict[str, Any]], None]:
    return lambda source: field_of(source, name).update(type=new)


def added(new: Any, at: int = 3) -> Callable[[dict[str, Any]], None]:
    return lambda source: source["fields"].insert(at, {"name": "added", "type": new})


def test_an_added_optional_field() -> None:
    assert (
        read(evolved("PaymentInitiated", added(["null", "string"])), samples.plain(INITIATED) | {"added": "x"})
        == INITIATED
    )
    assert (
        read(evolved("PaymentInitiated", added(["null", "string"])), samples.plain(INITIATED) | {"added": None})
        == INITIATED
    )


def test_reordered_fields() -> None:
    assert (
        read(evolved("PaymentInitiated", lambda source: source["fields"].reverse()), samples.plain(INITIATED))
        == INITIATED
    )


def test_promoted_types() -> None:
    text = evolved("PaymentInitiated", retyped("amount_minor", "int"))
    assert read(text, samples.plain(INITIATED)) == INITIATED
    text = evolved("PaymentInitiated", retyped("tenant_id", "bytes"))
    assert read(text, samples.plain(INITIATED) | {"tenant_id": b"t1"}) == INITIATED


def test_a_field_that_is_not_optional_for_the_writer_or_only_for_the_writer() -> None:
    assert read(evolved("PaymentInitiated", retyped("installment_id", "string")), samples.plain(INITIATED)) == INITIATED
    text = evolved("PaymentInitiated", retyped("tenant_id", ["string", "null"]))
    assert read(text, samples.plain(INITIATED)) == INITIATED
    with pytest.raises(BadInput, match="tenant_id"):
        read(text, samples.plain(INITIATED) | {"tenant_id": None})


def test_a_writer_without_our_optional_field() -> None:
    def without(source: dict[str, Any]) -> None:
        source["fields"] = [field for field in source["fields"] if field["name"] != "installment_id"]

    expected = type(INITIATED)(
        *(None if f == "installment_id" else getattr(INITIATED, f) for f in INITIATED.__struct_fields__)
    )
    assert read(evolved("PaymentInitiated", without), samples.plain(INITIATED)) == expected


def test_other_symbols_in_another_order_under_another_name() -> None:
    method = {"type": "enum", "name": "PaymentMethod", "symbols": ["BARTER", "CARD", "ACH_DEBIT"]}
    text = evolved("PaymentInitiated", retyped("method", method))
    assert read(text, samples.plain(INITIATED)) == INITIATED
    with pytest.raises(BadInput, match=r"BARTER.*ACH_DEBIT") as caught:
        read(text, samples.plain(INITIATED) | {"method": "BARTER"})
    assert caught.value.error_class is DeadLetterClass.UNDECODABLE


def test_another_namespace() -> None:
    assert (
        read(
            evolved("PaymentInitiated", lambda source: source.update(namespace="com.example")), samples.plain(INITIATED)
        )
        == INITIATED
    )


def test_our_aliases() -> None:
    def renamed(source: dict[str, Any]) -> None:
        source["aliases"] = ["PaymentStarted"]
        field_of(source, "tenant_id")["aliases"] = ["renter_id"]

    def old(source: dict[str, Any]) -> None:
        source["name"] = "PaymentStarted"
        field_of(source, "tenant_id")["name"] = "renter_id"

    reader, writer = parse(evolved("PaymentInitiated", renamed)), parse(evolved("PaymentInitiated", old))
    value = samples.plain(INITIATED)
    value["renter_id"] = value.pop("tenant_id")
    assert resolve(writer, reader)(written(writer.parsed, value), 0) == INITIATED


def test_a_union_of_the_topic_s_records() -> None:
    """A subject may have one union of all records of a topic, whose index precedes the record."""
    union = [
        json.loads(OURS["PlanChanged"].text),
        json.loads(OURS["PaymentPosted"].text),
        {"type": "record", "name": "Other", "fields": []},
    ]
    schema = parse(json.dumps(union))
    codec = Codec(OneSchema({3: schema}))
    frame = framing.confluent(3)
    for index, fact in enumerate((samples.PLAN_CHANGED, samples.POSTED)):
        value = frame + bytes((index * 2,)) + written(union[index], samples.plain(fact))
        assert codec.decode_input(topics.LEDGER_EVENTS, value) == fact
    for tail, error_class in [
        (b"", DeadLetterClass.TRUNCATED),
        (b"\x01", DeadLetterClass.UNDECODABLE),
        (b"\x06", DeadLetterClass.UNDECODABLE),
        (b"\x04", DeadLetterClass.WRONG_RECORD),
    ]:
        with pytest.raises(BadInput) as caught:
            codec.decode_input(topics.LEDGER_EVENTS, frame + tail)
        assert caught.value.error_class is error_class


@pytest.mark.parametrize(("branches", "says"), [(64, "does not belong on"), (65, "union of more than 64")])
def test_a_union_whose_index_could_take_two_bytes_is_refused(branches: int, says: str) -> None:
    records = [{"type": "record", "name": f"R{number}", "fields": []} for number in range(branches)]
    codec = Codec(OneSchema({7: parse(json.dumps(records))}))
    with pytest.raises(BadInput, match=says):
        codec.decode_input(topics.LEDGER_EVENTS, framing.confluent(7) + b"\x7e")


def test_a_writer_s_milliseconds_are_converted() -> None:
    text = evolved("PaymentInitiated", retyped("occurred_at", {"type": "long", "logicalType": "timestamp-millis"}))
    fact = read(text, samples.plain(INITIATED) | {"occurred_at": samples.AT // 1_000})
    assert fact.occurred_at == samples.AT // 1_000 * 1_000


def test_a_writer_s_nanoseconds_are_converted_where_they_are_whole_microseconds() -> None:
    text = evolved("PaymentInitiated", retyped("occurred_at", {"type": "long", "logicalType": "timestamp-nanos"}))
    assert read(text, samples.plain(INITIATED) | {"occurred_at": samples.AT * 1_000}) == INITIATED
    with pytest.raises(BadInput, match="whole number of microseconds"):
        read(text, samples.plain(INITIATED) | {"occurred_at": samples.AT * 1_000 + 1})


def test_milliseconds_in_single_object_encoding_are_indistinguishable_and_read_as_microseconds() -> None:
    """A fingerprint ignores logical types: to any reader the bytes below are microseconds in 1970."""
    value = Codec().encode(INITIATED, "payment-initiated")
    millis = parse(OURS["PaymentInitiated"].text.replace("timestamp-micros", "timestamp-millis"))
    assert framing.single_object(millis.fingerprint) == value[:10]


@pytest.mark.parametrize(
    ("name", "new"),
    [
        ("amount_minor", "double"),
        ("amount_minor", "string"),
        ("amount_minor", {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}),
        ("amount_minor", {"type": "long", "logicalType": "timestamp-micros"}),
        ("occurred_at", {"type": "long", "logicalType": "local-timestamp-micros"}),
        ("occurred_at", {"type": "long", "logicalType": "time-micros"}),
        ("occurred_at", {"type": "int", "logicalType": "date"}),
        ("occurred_at", "string"),
        ("tenant_id", "long"),
        ("tenant_id", {"type": "bytes", "logicalType": "decimal", "precision": 9}),
        ("tenant_id", {"type": "array", "items": "string"}),
        ("method", "string"),
        ("installment_id", ["null", "int"]),
    ],
)
def test_what_would_be_misread_is_refused(name: str, new: Any) -> None:
    schema = parse_writer(evolved("PaymentInitiated", retyped(name, new)))
    codec = Codec(OneSchema({7: schema}))
    if name == "installment_id":  # null can be read, and only the other branch is refused
        assert read(schema.text, samples.plain(INITIATED) | {name: None}).installment_id is None
        with pytest.raises(BadInput, match=name) as caught:
            read(schema.text, samples.plain(INITIATED) | {name: 5})
    else:
        with pytest.raises(BadInput, match=name) as caught:
            codec.decode_input(topics.PAYMENT_INITIATED, framing.confluent(7) + b"\x00")
    assert caught.value.error_class is DeadLetterClass.INCOMPATIBLE_SCHEMA


def test_a_writer_without_a_field_that_we_need_is_refused() -> None:
    text = evolved("PaymentInitiated", lambda source: source["fields"].pop(0))
    with pytest.raises(BadInput, match=r"PaymentInitiated\.event_id.*no default") as caught:
        read(text, samples.plain(INITIATED))
    assert caught.value.error_class is DeadLetterClass.INCOMPATIBLE_SCHEMA


@pytest.mark.parametrize(
    "text",
    [
        '"string"',
        '["null", "int"]',
        '{"type": "map", "values": "long"}',
        '{"type": "record", "name": "X", "fields": []}',
    ],
)
def test_a_schema_that_does_not_belong_on_the_topic(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        decoder(parse(text), LEDGER, "ledger-events")(b"\x00", 0)
    assert caught.value.error_class is DeadLetterClass.WRONG_RECORD


def test_rules_are_checked_for_every_writer() -> None:
    with pytest.raises(BadInput, match="amount_minor") as caught:
        read(evolved("PaymentInitiated", added("null")), samples.plain(INITIATED) | {"added": None, "amount_minor": 0})
    assert caught.value.error_class is DeadLetterClass.WRONG_AMOUNT


TREE = {"type": "record", "name": "Tree", "fields": [{"name": "next", "type": ["null", "Tree"]}]}


def with_added(new: Any, data: bytes) -> tuple[Callable[[bytes, int], Any], bytes]:
    """A reader for a writer whose last field is not ours, and a body with `data` in that field."""
    writer = parse_writer(
        evolved("ObligationCancelled", added(new, at=len(OURS["ObligationCancelled"].parsed["fields"])))
    )
    return resolve(writer, OURS["ObligationCancelled"]), written(
        OURS["ObligationCancelled"].parsed, samples.plain(samples.CANCELLED)
    ) + data


def test_a_recursive_type_is_skipped_and_its_depth_is_bounded() -> None:
    read_it, data = with_added(TREE, b"\x02" * 20 + b"\x00")
    assert read_it(data, 0) == samples.CANCELLED
    read_it, data = with_added(TREE, b"\x02" * 1_000_000 + b"\x00")
    with pytest.raises(BadInput, match="nested too deeply"):
        read_it(data, 0)


@pytest.mark.parametrize(
    ("new", "data"),
    [
        ({"type": "array", "items": "null"}, b"\xfe" + b"\xff" * 8 + b"\x01" + b"\x00"),
        (
            {"type": "array", "items": {"type": "record", "name": "Void", "fields": []}},
            b"\xfe" + b"\xff" * 8 + b"\x01" + b"\x00",
        ),
        (
            {"type": "array", "items": {"type": "fixed", "name": "Nothing", "size": 0}},
            b"\xfe" + b"\xff" * 8 + b"\x01" + b"\x00",
        ),
        ({"type": "map", "values": "null"}, b"\x02\x02k\x00"),
        ({"type": "array", "items": "long"}, b"\x03\x04\x02\x02\x00"),
    ],
)
def test_items_without_bytes_cost_no_time_to_skip(new: Any, data: bytes) -> None:
    read_it, whole = with_added(new, data)
    assert read_it(whole, 0) == samples.CANCELLED


@pytest.mark.parametrize(
    ("new", "data", "error_class"),
    [
        ({"type": "array", "items": "long"}, b"\xfe" + b"\xff" * 8 + b"\x01", DeadLetterClass.TRUNCATED),
        ({"type": "array", "items": "long"}, b"\x01\x01", DeadLetterClass.UNDECODABLE),
        ({"type": "map", "values": "long"}, b"\x02", DeadLetterClass.TRUNCATED),
        ("bytes", b"\x7e", DeadLetterClass.TRUNCATED),
        ("bytes", b"\x01", DeadLetterClass.UNDECODABLE),
        ("double", b"1234567", DeadLetterClass.TRUNCATED),
        (["null", "int"], b"\x04", DeadLetterClass.UNDECODABLE),
    ],
)
def test_a_wrong_length_in_a_skipped_field(new: Any, data: bytes, error_class: DeadLetterClass) -> None:
    read_it, whole = with_added(new, data)
    with pytest.raises(BadInput) as caught:
        read_it(whole, 0)
    assert caught.value.error_class is error_class


EXTRA: list[tuple[Any, Any]] = [
    ("null", None),
    ("boolean", True),
    ("int", -7),
    ("long", 1 << 40),
    ("float", 0.5),
    ("double", 0.25),
    ("bytes", b"\x00\xff"),
    ("string", "é"),
    (["null", "string"], None),
    (["null", "string"], "x"),
    ({"type": "array", "items": "int"}, [1, 2, 3]),
    ({"type": "map", "values": {"type": "array", "items": "string"}}, {"a": ["b"], "c": []}),
    ({"type": "fixed", "name": "F", "size": 3}, b"abc"),
    ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, "B"),
    (
        {
            "type": "record",
            "name": "R",
            "fields": [{"name": "x", "type": "long"}, {"name": "y", "type": ["null", "R"]}],
        },
        {"x": 1, "y": {"x": 2, "y": None}},
    ),
    ({"type": "long", "logicalType": "timestamp-micros"}, 5),
]


@st.composite
def evolutions(draw: st.DrawFn) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """A fact, a schema that Avro resolution can read as ours, and the fact's value in that schema."""
    fact = draw(strategies.facts)
    value = samples.plain(fact)
    schema = copy.deepcopy(json.loads(OURS[type(fact).__name__].text))
    for field in schema["fields"]:
        name, old = field["name"], field["type"]
        match kind(old), draw(st.integers(0, 3)):
            case "union", 1 if value[name] is not None:
                field["type"] = old[1]
                field.pop("default")
            case "union", 2 if value[name] is None:
                field["type"] = "null"
            case "union", 3:
                field["type"] = old[::-1]
                field.pop("default")
            case "string", 1:
                field["type"] = "bytes"
                value[name] = value[name].encode()
            case "string", 2:
                field["type"] = {"type": "string", "avro.java.string": "String"}
            case "string" | "record" | "array" | "enum", 3:
                field["type"] = ["null", old]
            case "enum", 1:
                old["symbols"] = draw(st.permutations(old["symbols"]))
            case "long", 1 if logical_type(old) is None and -1 << 31 <= value[name] < 1 << 31:
                field["type"] = "int"
            case "long", 2:
                field["type"] = ["int", old] if not -1 << 31 <= value[name] < 1 << 31 else [old, "string"]
    for at in draw(st.lists(st.sampled_from(range(len(EXTRA))), max_size=3, unique=True)):
        schema["fields"].append({"name": f"extra_{at}", "type": EXTRA[at][0]})
        value[f"extra_{at}"] = EXTRA[at][1]
    schema["fields"] = draw(st.permutations(schema["fields"]))
    return fact, schema, value


@given(evolutions())
def test_an_evolved_writer_is_read_as_fastavro_reads_it(evolution: tuple[Any, dict[str, Any], dict[str, Any]]) -> None:
    fact, source, value = evolution
    writer = parse_writer(json.dumps(source))
    data = written(writer.parsed, value)
    ours = OURS[type(fact).__name__]
    plain_writer, plain_reader = (
        samples.without_logical_types(source),
        samples.without_logical_types(json.loads(ours.text)),
    )
    reference = fastavro.schemaless_reader(io.BytesIO(data), plain_writer, plain_reader)
    assert reference == samples.plain(fact)
    assert resolve(writer, ours)(data, 0) == fact
    assert decoder(writer, frozenset({type(fact).__name__}), "here")(data, 0) == fact


def test_a_record_of_ours_is_never_read_as_another() -> None:
    """A reversal has every field of a cancellation, so the name decides."""
    for name, writer in OURS.items():
        for other in OURS.keys() - {name}:
            with pytest.raises(BadInput) as caught:
                decoder(writer, frozenset({other}), "here")(b"", 0)
            assert caught.value.error_class is DeadLetterClass.WRONG_RECORD

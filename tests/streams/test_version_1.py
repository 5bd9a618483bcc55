"""Records of contract version 1 are read as before, and a reader of version 1 reads the outputs.

The writers' schemas of version 1 are those in schemas/avro/known/; a record that has none there is as it was. fastavro
resolves schemas as the specification says, so it shows what Confluent's registry compares: BACKWARD of every record (a
new reader, old bytes), and FORWARD of every output (an old reader, new bytes).
"""

import io
import json
import random
from importlib import resources
from typing import Any
from uuid import UUID

import fastavro
import msgspec
import pytest
from hypothesis import given

from domain.facts import Installment
from domain.records import BreakClass, BreakLifecycle
from streams.codec import avro_compiled, avro_plain, framing
from streams.codec.avro_schemas import INPUT_NAMES, OURS, STRUCT_ENUMS, Schema, parse, parse_writer, short_name
from streams.codec.codec import Codec
from streams.codec.dead_letters import BadInput
from streams.headers import Header
from tests.kit import avro_samples as samples
from tests.kit import avro_strategies as strategies
from tests.kit.avro_bodies import BOTH
from tests.kit.avro_samples import plain, without_logical_types, written
from tests.kit.mutations import mutated

VERSION_1: dict[str, Schema] = {
    short_name(schema.parsed["name"]): schema
    for entry in (resources.files("schemas.avro") / "known").iterdir()
    if entry.name.endswith("_1.avsc")
    for schema in [parse(entry.read_text(encoding="utf-8"))]
}
"""By record name."""
INPUTS = [fact for fact in samples.FACTS[:8] if type(fact).__name__ in VERSION_1]
"""Facts that a producer of version 1 could tell."""
OUTPUTS = [record for record in samples.OUTPUTS if type(record).__name__ in VERSION_1]
NUMBERS = {name: number for number, name in enumerate(VERSION_1, start=1)}


class Registry:
    """Knows the schemas of version 1 by id and by GUID."""

    def schema(self, schema_id: int | UUID) -> Schema:
        number = schema_id.int if isinstance(schema_id, UUID) else schema_id
        name = next(name for name, known in NUMBERS.items() if known == number)
        return parse_writer(VERSION_1[name].text)


def ids(record: Any) -> str:
    return type(record).__name__


def of_version_1(record: Any) -> dict[str, Any]:
    """What a writer of version 1 gives to fastavro: nothing that came later."""

    def cut(part: Any, value: Any) -> Any:
        if isinstance(part, list):
            return None if value is None else cut(part[1], value)
        if isinstance(part, dict) and part["type"] == "record":
            return {field["name"]: cut(field["type"], value[field["name"]]) for field in part["fields"]}
        if isinstance(part, dict) and part["type"] == "array":
            return [cut(part["items"], item) for item in value]
        return value

    found: dict[str, Any] = cut(VERSION_1[type(record).__name__].parsed, plain(record))
    return found


def body_1(record: Any) -> bytes:
    return written(VERSION_1[type(record).__name__].parsed, of_version_1(record))


def test_version_1_has_a_schema_of_each_record_that_changed() -> None:
    assert sorted(VERSION_1) == [
        "MismatchAlert",
        "ObligationAdjusted",
        "ObligationCancelled",
        "ObligationCharged",
        "PaymentInitiated",
        "PaymentReconciliation",
        "PlanChanged",
        "ProcessorSettled",
    ]
    assert {ids(fact) for fact in INPUTS} == VERSION_1.keys() & INPUT_NAMES
    # As the last release wrote them: their fingerprints are on topics.
    assert {name: schema.fingerprint.hex() for name, schema in VERSION_1.items()} == {
        "MismatchAlert": "33c9e902d874c098",
        "ObligationAdjusted": "c112be22952501e7",
        "ObligationCancelled": "adc108ec5cea16ca",
        "ObligationCharged": "e4940c283af28cc8",
        "PaymentInitiated": "2465489076a6d2f8",
        "PaymentReconciliation": "5153ec9a3a8bc153",
        "PlanChanged": "a52751f6459e3f9b",
        "ProcessorSettled": "7e1e740b51a9b0d6",
    }


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("fact", INPUTS, ids=ids)
def test_an_input_of_version_1_is_read_in_every_framing(fact: Any, compiled: bool) -> None:
    schema, body, topic = VERSION_1[ids(fact)], body_1(fact), samples.TOPIC_OF[fact]
    number = NUMBERS[ids(fact)]
    bare, registry = Codec(compiled=compiled), Codec(Registry(), compiled=compiled)  # type: ignore[arg-type]
    headers: list[list[Header]] = [
        [("__value_schema_id", framing.confluent(number))],
        [("__value_schema_id", b"\x01" + UUID(int=number).bytes)],
    ]
    for _ in range(2):
        assert bare.decode_input(topic, framing.single_object(schema.fingerprint) + body) == fact
        assert registry.decode_input(topic, framing.single_object(schema.fingerprint) + body) == fact
        assert registry.decode_input(topic, framing.confluent(number) + body) == fact
        for header in headers:
            assert registry.decode_input(topic, body, header) == fact


@pytest.mark.parametrize("record", OUTPUTS, ids=ids)
def test_an_output_of_version_1_is_read_in_both_framings(record: Any) -> None:
    """An upgraded worker, the API and the read model find the records of version 1 on the topics."""
    if getattr(record, "lifecycle", None) is BreakLifecycle.ACCEPTED:
        record = msgspec.structs.replace(
            record, lifecycle=BreakLifecycle.RESOLVED, break_class=BreakClass.OVERPAYMENT, key_kind="obligation"
        )
    name, body = ids(record), body_1(record)
    later = {"evidence": None, "decision": None, "candidates": (), "in_flight_minor": None, "allocations": ()}
    expected = msgspec.structs.replace(record, **{f: v for f, v in later.items() if f in record.__struct_fields__})
    for compiled in (True, False):
        codec = Codec(Registry(), compiled=compiled)  # type: ignore[arg-type]
        for frame in (framing.single_object(VERSION_1[name].fingerprint), framing.confluent(NUMBERS[name])):
            assert codec.decode_output(frame + body) == expected


@pytest.mark.parametrize("fact", INPUTS, ids=ids)
def test_the_compiled_codec_reads_version_1_as_the_general_reader_does(fact: Any) -> None:
    """Also hostile bytes. The compiled codec does read them: a producer of version 1 costs no more than one of 2."""
    name = ids(fact)
    writer, dice = parse_writer(VERSION_1[name].text), random.Random(11)
    general, value = avro_plain.reader(writer, name), body_1(fact)
    if avro_compiled.BODIES:
        assert type(avro_compiled.reader(writer, name).__self__).__name__ == "Body"  # type: ignore[attr-defined]
    read = avro_compiled.reader(writer, name) if avro_compiled.BODIES else general

    def outcome(decode: Any, data: bytes) -> Any:
        try:
            return decode(data, 0)
        except BadInput as error:
            return error.error_class, error.message

    for _ in range(3_000):
        hostile = mutated(value, dice)
        assert outcome(read, hostile) == outcome(general, hostile)


@BOTH
@pytest.mark.parametrize("record", [*samples.FACTS, *samples.OUTPUTS], ids=ids)
def test_a_new_reader_reads_old_bytes_and_an_old_reader_new_outputs(bodies: Any, record: Any) -> None:
    name = ids(record)
    old = VERSION_1.get(name, OURS[name] if name not in INPUT_NAMES or record in samples.FACTS[:8] else None)
    if old is None:
        return  # the record came with version 2
    new_schema, old_schema = (without_logical_types(json.loads(schema.text)) for schema in (OURS[name], old))
    if record in samples.FACTS[:8]:
        data = written(old.parsed, of_version_1(record) if name in VERSION_1 else plain(record))
        assert fastavro.schemaless_reader(io.BytesIO(data), old_schema, new_schema) == plain(record)
    if name not in INPUT_NAMES:
        data = bodies.ENCODE[name](record, b"")
        found = fastavro.schemaless_reader(io.BytesIO(data), new_schema, old_schema)
        expected = of_version_1(record) if name in VERSION_1 else plain(record)
        if expected.get("lifecycle") == "accepted":
            expected |= {"lifecycle": "unknown", "class": "unknown"}  # symbols that version 1 does not have
        assert found == expected


@BOTH
@given(record=strategies.outputs)
def test_an_old_reader_reads_any_new_output(bodies: Any, record: Any) -> None:
    name = ids(record)
    new_schema, old_schema = (
        without_logical_types(json.loads(schema.text)) for schema in (OURS[name], VERSION_1.get(name, OURS[name]))
    )
    found: Any = fastavro.schemaless_reader(io.BytesIO(bodies.ENCODE[name](record, b"")), new_schema, old_schema)
    expected = of_version_1(record) if name in VERSION_1 else plain(record)
    assert {**found, "class": None, "lifecycle": None} == {**expected, "class": None, "lifecycle": None}


@given(fact=strategies.facts)
def test_any_input_of_version_1_is_read_as_fastavro_reads_it(fact: Any) -> None:
    name = ids(fact)
    if name not in VERSION_1:
        return
    if name == "ProcessorSettled":  # version 1 had these
        fact = msgspec.structs.replace(
            fact, payment_id=fact.payment_id or "p", fee_minor=fact.fee_minor or 0, net_minor=fact.net_minor or 0
        )
        if fact.outcome in ("RETURN_REVERSED", "REFUND_REVERSED"):
            fact = msgspec.structs.replace(fact, outcome="CHARGEBACK")
    writer = parse_writer(VERSION_1[name].text)
    data = written(writer.parsed, of_version_1(fact))
    old_schema, new_schema = (without_logical_types(json.loads(s.text)) for s in (VERSION_1[name], OURS[name]))
    expected = fastavro.schemaless_reader(io.BytesIO(data), old_schema, new_schema)
    for module in (avro_plain, avro_compiled) if avro_compiled.BODIES else (avro_plain,):
        assert plain(module.reader(writer, name)(data, 0)) == expected


@BOTH
def test_an_old_reader_gets_unknown_for_each_new_symbol_and_every_other_as_it_is(bodies: Any) -> None:
    new_schema, old_schema = (
        without_logical_types(json.loads(schema.text)) for schema in (OURS["MismatchAlert"], VERSION_1["MismatchAlert"])
    )
    was = {
        field["name"]: field["type"]["symbols"]
        for field in VERSION_1["MismatchAlert"].parsed["fields"]
        if field["name"] in ("class", "lifecycle")
    }
    assert len(was["class"]) == 19
    for one in BreakClass:
        for lifecycle in BreakLifecycle:
            alert = msgspec.structs.replace(samples.OUTPUTS[2], break_class=one, lifecycle=lifecycle)
            data = bodies.ENCODE["MismatchAlert"](alert, b"")
            assert data == written(OURS["MismatchAlert"].parsed, plain(alert))
            assert bodies.DECODE["MismatchAlert"](data, 0) == alert
            found: Any = fastavro.schemaless_reader(io.BytesIO(data), new_schema, old_schema)
            assert found["class"] == (one if one in was["class"] else "unknown")
            assert found["lifecycle"] == (lifecycle if lifecycle in was["lifecycle"] else "unknown")


@pytest.mark.parametrize("name", sorted(VERSION_1))
def test_fields_and_symbols_were_only_added_at_the_end(name: str) -> None:
    """Our own rule, stricter than Avro's: the compiled codec reads a record of version 1 by it."""
    old, new = VERSION_1[name], OURS[name]
    for full_name, was in old.names.items():
        now = new.names[full_name]
        if was["type"] == "enum":
            assert now["symbols"][: len(was["symbols"])] == was["symbols"]
            assert now.get("default") == was.get("default")
            if short_name(full_name) in STRUCT_ENUMS:
                assert set(now["symbols"]) == {*STRUCT_ENUMS[short_name(full_name)], "unknown"}
        else:
            fields = [field["name"] for field in was["fields"]]
            assert [field["name"] for field in now["fields"]][: len(fields)] == fields
            assert all("default" in field for field in now["fields"][len(fields) :])


def test_a_plan_of_version_1_has_no_days_of_grace() -> None:
    value = framing.single_object(VERSION_1["PlanChanged"].fingerprint) + body_1(samples.PLAN_CHANGED)
    fact: Any = Codec().decode_input(samples.TOPIC_OF[samples.PLAN_CHANGED], value)
    assert fact.installments == samples.PLAN == (Installment("i1", 1, 50_000, samples.DAY, None), samples.PLAN[1])

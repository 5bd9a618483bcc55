"""The schemas match the contract and the domain's records; their identity is what decides how bytes are read."""

import json
from importlib import resources
from typing import Any, get_args

import fastavro.schema
import pytest

from domain import facts, records
from streams import topics
from streams.codec import avro_schemas

CONTRACT_FIELDS = {
    "PaymentInitiated": "event_id occurred_at payment_id tenant_id property_id obligation_id "
    "installment_id? amount_minor currency method processor processor_reference? allocations?",
    "Allocation": "obligation_id installment_id? amount_minor",
    "PaymentReassigned": "event_id occurred_at payment_id assignment_version allocations reason actor?",
    "ReferenceAssigned": "event_id occurred_at payment_id processor processor_reference actor? reason?",
    "ProcessorSettled": "event_id occurred_at payment_id? processor processor_reference outcome "
    "gross_minor fee_minor? net_minor? currency reason_code? payout_id? value_date? original_reference? "
    "movement_id? settlement_currency?",
    "ObligationCharged": "event_id occurred_at obligation_id lease_id tenant_id property_id period "
    "amount_minor currency due_date time_zone grace_days installments grace_ends_on?",
    "Installment": "installment_id sequence amount_minor due_date grace_ends_on?",
    "PlanChanged": "event_id occurred_at obligation_id plan_version installments",
    "ObligationAdjusted": "event_id occurred_at obligation_id adjustment_id amount_delta_minor currency reason "
    "installment_id? due_date? kind?",
    "ObligationCancelled": "event_id occurred_at obligation_id reason cancellation_id?",
    "ObligationReinstated": "event_id occurred_at obligation_id reinstatement_id reason",
    "PaymentPosted": "event_id occurred_at obligation_id posting_id payment_id installment_id? amount_minor currency",
    "PostingReversed": "event_id occurred_at obligation_id reversal_id posting_id payment_id "
    "amount_minor currency reason",
    "BreakDecided": "event_id occurred_at decision_id key_kind key break_id action actor reason class? drift_minor? "
    "evidence? assignee? until? refers_to?",
    "PaymentReconciliation": "payment_id version status currency initiated? settled posted open_breaks rests_on "
    "in_flight_minor? allocations",
    "AllocationView": "obligation_id installment_id? amount_minor standing_minor pending_minor",
    "ObligationReconciliation": "obligation_id version lease_id tenant_id property_id period status currency "
    "charged_minor adjusted_minor balance_minor installments paid_minor pending_minor "
    "posted_minor overpaid_minor next_due_date? oldest_late_due_date? ageing_bucket "
    "open_breaks rests_on",
    "ReferenceReconciliation": "processor processor_reference version payment_id? status records gross_minor "
    "open_breaks",
    "MismatchAlert": "break_id version class priority lifecycle expected_minor actual_minor "
    "drift_minor currency due_at? opened_at resolved_at? event_ids evidence? decision? candidates",
    "DecisionOnBreak": "state actor at approved_by? reason assignee? until?",
    "LatePaymentAlert": "alert_id version obligation_id installment_id period tenant_id property_id "
    "currency amount_due_minor paid_minor pending_minor due_at stage lifecycle",
}
"""Contract sections 2, 6, 7, 8, 10 and 12; `?` is nullable. Of PaymentReconciliation, `in_flight_minor` is null only in
records of version 1."""

FINGERPRINTS = {
    "BankEntryBooked": "43811db26c32675e",
    "BreakDecided": "4d4e61feb9870e2e",
    "EntryMatched": "667dbc3e8826c2f9",
    "LatePaymentAlert": "c15d3b07f863cd02",
    "MismatchAlert": "c967bfba77ef3424",
    "ObligationAdjusted": "7fa175fe2c0127ad",
    "ObligationCancelled": "29eb6b80714d666f",
    "ObligationCharged": "6d2ecdcee1e874ea",
    "ObligationReconciliation": "2bb9eb8ecd5aa31a",
    "ObligationReinstated": "6894c318a2d5cfd4",
    "PaymentInitiated": "f5ba1a89ba33a993",
    "PaymentPosted": "14f3a15a5f61dabb",
    "PaymentReassigned": "4fac20f287806e7b",
    "PaymentReconciliation": "3483dbfa7b8b3314",
    "PayoutReconciliation": "47d10953947ccd6d",
    "PayoutReported": "7e3bd60c3bfa5efb",
    "PlanChanged": "62d36aec0b562dcc",
    "PostingReversed": "df721423bf047fb2",
    "ProcessorSettled": "1d2012aa67e08421",
    "ReferenceAssigned": "04dfce4eeb316da0",
    "ReferenceReconciliation": "1e977505915f7b1a",
}


def walk(schema: Any) -> Any:
    """Each schema within a schema."""
    yield schema
    if isinstance(schema, list):
        for branch in schema:
            yield from walk(branch)
    elif isinstance(schema, dict):
        for field in schema.get("fields", ()):
            yield from walk(field["type"])
        for inside in ("items", "values"):
            if inside in schema:
                yield from walk(schema[inside])


@pytest.mark.parametrize("name", CONTRACT_FIELDS)
def test_a_schema_has_the_contract_s_fields(name: str) -> None:
    named = {key: found for schema in avro_schemas.OURS.values() for key, found in schema.names.items()}
    fields = {field["name"]: field for field in named[f"rentmatch.v1.{name}"]["fields"]}
    for listed in CONTRACT_FIELDS[name].split():
        field = fields[listed.rstrip("?")]
        assert (avro_schemas.kind(field["type"]) == "union") == listed.endswith("?"), listed


@pytest.mark.parametrize("schema", avro_schemas.OURS.values(), ids=avro_schemas.OURS)
def test_everything_has_a_doc_a_unit_and_the_namespace(schema: avro_schemas.Schema) -> None:
    assert schema.parsed["name"].startswith("rentmatch.v1.")
    for part in walk(schema.parsed):
        assert part not in ("float", "double"), "no floats, anywhere"
        if isinstance(part, dict) and "name" in part:
            assert part["doc"]
        for field in part.get("fields", ()) if isinstance(part, dict) else ():
            assert field["doc"], field["name"]
            if avro_schemas.kind(field["type"]) == "union":
                assert field["type"][0] == "null"
                assert field["default"] is None
            if field["name"].endswith("_minor"):
                assert field["type"] in ("long", ["null", "long"], {"type": "map", "values": "long"})
            if field["name"].endswith(("_at", "rests_on", "until")):
                assert "timestamp-micros" in map(avro_schemas.logical_type, walk(field["type"]))
            if field["name"].endswith(("_date", "ends_on")):
                assert "date" in map(avro_schemas.logical_type, walk(field["type"]))


def test_output_enums_have_the_domain_s_symbols_and_a_default_for_readers_of_old() -> None:
    for name, enum in avro_schemas.STRUCT_ENUMS.items():
        found = [s for schema in avro_schemas.OURS.values() for s in walk(schema.parsed) if isinstance(s, dict)]
        schema = next(s for s in found if s.get("name") == f"rentmatch.v1.{name}")
        assert sorted(schema["symbols"]) == sorted([*enum, "unknown"])
        assert schema["default"] == "unknown"
    assert issubclass(avro_schemas.STRUCT_ENUMS["BreakClass"], records.BreakClass)


def test_input_enums_have_no_default() -> None:
    """An unknown method or outcome must be a dead letter, never another method."""
    found = {
        schema["name"]: schema
        for name in avro_schemas.INPUT_NAMES
        for schema in walk(avro_schemas.OURS[name].parsed)
        if avro_schemas.kind(schema) == "enum"
    }
    assert {name.rpartition(".")[2]: schema["symbols"] for name, schema in found.items()} == {
        name: list(get_args(getattr(facts, name)))
        for name in ("Method", "Outcome", "AdjustmentKind", "PayoutOutcome", "DecisionAction")
    }
    assert not any("default" in schema for schema in found.values())


def test_named_types_are_the_same_in_every_schema() -> None:
    seen: dict[str, Any] = {}
    for schema in avro_schemas.OURS.values():
        for name, definition in schema.names.items():
            assert seen.setdefault(name, definition) == definition


def test_each_record_belongs_on_one_topic() -> None:
    names = [name for names in avro_schemas.RECORDS_ON.values() for name in names]
    assert sorted(names) == sorted(avro_schemas.OURS)
    assert set(avro_schemas.RECORDS_ON) == {topic.name for topic in topics.INPUTS + topics.OUTPUTS}


def test_fingerprints_are_those_of_the_specification() -> None:
    # Avro 1.11 specification and Java's SchemaNormalization: "int" is 7275d51a3f395c8f, written little-endian.
    assert avro_schemas.parse('"int"').fingerprint.hex() == "8f5c393f1ad57572"


@pytest.mark.parametrize("name", avro_schemas.OURS)
def test_a_fingerprint_never_changes_unnoticed(name: str) -> None:
    """A changed schema is another writer's: keep the old file in schemas/avro/known/, then change this table."""
    assert avro_schemas.OURS[name].fingerprint.hex() == FINGERPRINTS[name]


def test_identity_ignores_docs_and_defaults_and_includes_logical_types() -> None:
    ours = avro_schemas.OURS["PaymentInitiated"]
    source = json.loads(ours.text)
    source["doc"] = "other words"
    assert avro_schemas.parse(json.dumps(source)).identity == ours.identity
    source["fields"][0]["type"] = {"type": "string", "avro.java.string": "String"}
    assert avro_schemas.parse(json.dumps(source)).identity == ours.identity
    source["fields"][1]["type"]["logicalType"] = "timestamp-millis"
    changed = avro_schemas.parse(json.dumps(source))
    assert changed.fingerprint == ours.fingerprint
    assert changed.identity != ours.identity


def test_a_known_schema_with_the_fingerprint_of_another_is_refused() -> None:
    text = avro_schemas.OURS["PaymentInitiated"].text
    assert len(avro_schemas.with_known(avro_schemas.OURS, [("same.avsc", text)])) == len(avro_schemas.OURS)
    with pytest.raises(avro_schemas.SchemaError, match=r"millis\.avsc"):
        avro_schemas.with_known(
            avro_schemas.OURS, [("millis.avsc", text.replace("timestamp-micros", "timestamp-millis"))]
        )


def test_a_known_schema_is_found_by_its_fingerprint() -> None:
    text = avro_schemas.OURS["PaymentInitiated"].text.replace('"long"', '"int"', 1)
    known = avro_schemas.with_known(avro_schemas.OURS, [("old.avsc", text)])
    assert known[avro_schemas.parse(text).fingerprint].text == text


@pytest.mark.parametrize(
    "text", ["", "{", "42", "null", '"nonsense"', '{"type":"record"}', '{"type":"enum","name":"E"}']
)
def test_an_invalid_schema_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(avro_schemas.SchemaError, match="not an Avro schema"):
        avro_schemas.parse(text)


def test_the_files_are_one_record_each_and_read_by_fastavro() -> None:
    files = [entry for entry in resources.files("schemas.avro").iterdir() if entry.name.endswith(".avsc")]
    assert len(files) == len(avro_schemas.OURS) == 21
    for entry in files:
        assert fastavro.schema.parse_schema(json.loads(entry.read_text()))["type"] == "record"

"""Records as JSON: the contract's names, exact instants, errors that name the field."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.time import iso_date, rfc3339
from streams.codec import validation
from streams.codec.dead_letters import BadInput, DeadLetterClass
from streams.codec.json_form import day_from_text, fact_from_json, fact_to_json, instant_from_text, output_to_json
from tests.kit import avro_samples as samples
from tests.kit import avro_strategies as strategies

INITIATED = {
    "type": "PaymentInitiated",
    "event_id": "e1",
    "occurred_at": "2026-07-03T12:00:00.123456Z",
    "payment_id": "p1",
    "tenant_id": "t1",
    "property_id": "h1",
    "obligation_id": "o1",
    "installment_id": "i1",
    "amount_minor": 150_000,
    "currency": "USD",
    "method": "ACH_DEBIT",
    "processor": "acme",
    "processor_reference": None,
    "allocations": None,
}


def test_a_fact_as_json() -> None:
    assert fact_to_json(samples.INITIATED) == INITIATED
    assert fact_from_json(INITIATED) == samples.INITIATED


def test_days_and_installments_as_json() -> None:
    obj = fact_to_json(samples.CHARGED)
    assert obj["due_date"] == "2026-07-03"
    assert obj["installments"][1] == {
        "installment_id": "i2",
        "sequence": 2,
        "amount_minor": 100_000,
        "due_date": "2026-07-17",
        "grace_ends_on": None,
    }
    assert fact_from_json(obj) == samples.CHARGED


def test_allocations_decisions_and_records_without_a_payment_as_json() -> None:
    split = fact_to_json(samples.SPLIT)
    assert split["allocations"][0] == {"obligation_id": "o1", "installment_id": "i1", "amount_minor": 50_000}
    decided = fact_to_json(samples.DECIDED)
    assert (decided["class"], decided["action"], decided["until"]) == ("reference_unknown", "ACCEPT", None)
    assert "break_class" not in decided
    referenced = fact_to_json(samples.REFERENCED)
    assert (referenced["payment_id"], referenced["fee_minor"], referenced["net_minor"]) == (None, None, -149_550)
    fee = fact_to_json(samples.FEE)
    assert (fee["kind"], fee["due_date"]) == ("FEE", "2026-07-03")
    acknowledged = decided | {"action": "ACKNOWLEDGE", "until": "2026-07-04T00:00:00.000000Z"}
    assert fact_to_json(fact_from_json(acknowledged)) == acknowledged


@pytest.mark.parametrize("fact", samples.FACTS, ids=lambda fact: type(fact).__name__)
def test_what_may_be_null_may_be_left_out(fact: Any) -> None:
    """Also what is inside an installment or an allocation; a line of version 1 is still a line."""

    def without_nulls(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: without_nulls(item) for name, item in value.items() if item is not None}
        return [without_nulls(item) for item in value] if isinstance(value, list) else value

    assert fact_from_json(without_nulls(fact_to_json(fact))) == fact


def test_an_optional_field_may_be_left_out() -> None:
    obj = {name: value for name, value in INITIATED.items() if name != "processor_reference"}
    assert fact_from_json(obj) == samples.INITIATED


@given(strategies.facts)
def test_facts_survive_a_round_trip_through_json(fact: Any) -> None:
    assert fact_from_json(json.loads(json.dumps(fact_to_json(fact)))) == fact


def test_outputs_have_the_contract_s_names() -> None:
    payment, obligation, alert, late, reference, split, accepted = map(output_to_json, samples.OUTPUTS)
    assert payment["type"] == "PaymentReconciliation"
    assert payment["status"] == "reconciled"
    assert payment["initiated"] == {
        "obligation_id": "o1",
        "installment_id": None,
        "amount_minor": 150_000,
        "method": "CARD",
    }
    assert payment["posted"] == {"net_minor": 150_000, "by_obligation": {"o1": 100_000, "o2": 50_000}}
    assert payment["rests_on"] == "2026-07-03T12:00:00.123456Z"
    assert obligation["installments"][0]["paid"] == {"p1": 50_000}
    assert obligation["next_due_date"] == "2026-07-17"
    assert obligation["oldest_late_due_date"] is None
    assert alert["class"] == "obligation_mismatch"
    assert "break_class" not in alert
    assert alert["event_ids"] == ["e1", "e7"]
    assert (alert["evidence"], alert["decision"], alert["candidates"]) == (None, None, [])
    assert accepted["lifecycle"] == "accepted"
    assert accepted["decision"] == {
        "state": "accepted",
        "actor": "ana",
        "at": "2026-07-03T12:00:00.123456Z",
        "approved_by": "bo",
        "reason": "as agreed",
        "assignee": None,
        "until": "2026-07-03T12:00:00.123457Z",
    }
    assert (payment["in_flight_minor"], payment["allocations"]) == (None, [])
    assert split["allocations"][1] == {
        "obligation_id": "o2",
        "installment_id": "i1",
        "amount_minor": 50_000,
        "standing_minor": 50_000,
        "pending_minor": 1,
    }
    assert (reference["status"], reference["gross_minor"]) == ("suspense", {"USD": 150_000, "CAD": 1})
    assert late["stage"] == "fee_eligible"
    assert late["opened_at"] == "2026-07-03T12:00:00.123455Z"


@pytest.mark.parametrize("record", samples.OUTPUTS, ids=lambda record: type(record).__name__)
def test_outputs_are_plain_json(record: Any) -> None:
    obj = output_to_json(record)
    assert json.loads(json.dumps(obj)) == obj
    assert type(obj.get("status", "")) is str


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"type": "PaymentRefused"}, "type is 'PaymentRefused'"),
        ({"type": None}, "type is None"),
        ({"type": "MismatchAlert"}, "type is 'MismatchAlert'"),
        ({"amount_minor": 1500.0}, "amount_minor is 1500.0 .float.; it must be a whole number, in minor units"),
        ({"amount_minor": "1500"}, "amount_minor is '1500'"),
        ({"amount_minor": True}, "amount_minor is True"),
        ({"amount_minor": None}, "amount_minor is None"),
        ({"amount_minor": 1 << 63}, "64 bits"),
        ({"payment_id": 7}, "payment_id is 7"),
        ({"payment_id": "\ud800"}, "lone surrogate"),
        ({"method": "BARTER"}, "ACH_DEBIT"),
        ({"method": ["CARD"]}, "method"),
        ({"occurred_at": 1_783_080_000_123_456}, "occurred_at"),
        ({"occurred_at": "2026-07-03T12:00:00"}, "occurred_at.*zone"),
        ({"occurred_at": "2026-02-30T12:00:00Z"}, "occurred_at"),
        ({"installment_id": 5}, "installment_id"),
        ({"allocations": {}}, "allocations is {}"),
        ({"allocations": [{"obligation_id": "o1"}]}, r"allocations\[0\].amount_minor is missing"),
        ({"allocations": []}, r"allocations is \(\); it must be at least one"),
        ({"surprise": 1}, "PaymentInitiated has no field 'surprise'"),
    ],
)
def test_a_wrong_value_is_named(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        fact_from_json(INITIATED | changes)


@pytest.mark.parametrize(
    "missing", [name for name in INITIATED if name not in ("installment_id", "processor_reference", "allocations")]
)
def test_a_missing_field_is_named(missing: str) -> None:
    with pytest.raises(ValueError, match=missing):
        fact_from_json({name: value for name, value in INITIATED.items() if name != missing})


@pytest.mark.parametrize(
    ("installments", "says"),
    [
        ({}, "installments"),
        ([7], r"installments\[0\]"),
        ([{"installment_id": "i", "sequence": 1, "amount_minor": 5}], r"installments\[0\].due_date is missing"),
        (
            [{"installment_id": "i", "sequence": 1, "amount_minor": 5, "due_date": "2026-13-01"}],
            r"installments\[0\].due_date",
        ),
    ],
)
def test_a_wrong_value_in_a_list_is_named(installments: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        fact_from_json(fact_to_json(samples.PLAN_CHANGED) | {"installments": installments})


@pytest.mark.parametrize("obj", [None, [], "x", 5])
def test_a_value_that_is_not_an_object(obj: Any) -> None:
    with pytest.raises(ValueError, match="not a JSON object"):
        fact_from_json(obj)


def test_rules_are_checked() -> None:
    with pytest.raises(BadInput) as caught:
        fact_from_json(INITIATED | {"amount_minor": 0})
    assert caught.value.error_class is DeadLetterClass.WRONG_AMOUNT


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00Z", 0),
        ("1970-01-01T02:00:00.000001+02:00", 1),
        ("1969-12-31T18:30:00-05:30", 0),
        ("1969-12-31T23:59:59.999999Z", -1),
        ("1970-01-01T00:00:00.5Z", 500_000),
        ("1970-01-01T00:00:00.123456000Z", 123_456),
        ("2026-07-03T12:00:00.123456Z", samples.AT),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
        ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
    ],
)
def test_instants_are_exact(text: str, micros: int) -> None:
    assert instant_from_text(text) == micros


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-07-03",
        "2026-07-03T12:00:00",
        "2026-07-03 12:00:00Z",
        "2026-07-03T24:00:00Z",
        "2026-07-03T12:60:00Z",
        "2026-07-03T12:00:60Z",
        "2026-07-03T12:00:00.1234567Z",
        "2026-07-03T12:00:00+24:00",
        "2026-07-03T12:00:00+02",
        "2026-02-29T12:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "2026-07-03T12:00:00Z\n",
        "٢٠٢٦-07-03T12:00:00Z",
    ],
)
def test_a_text_that_is_not_an_instant(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        instant_from_text(text)


@given(st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999))
def test_instants_survive_a_round_trip(micros: int) -> None:
    text = rfc3339(micros)
    assert len(text) == 27
    assert instant_from_text(text) == micros


@pytest.mark.parametrize("micros", [-62_135_596_800_000_001, 253_402_300_800_000_000])
def test_an_instant_outside_the_calendar(micros: int) -> None:
    with pytest.raises(ValueError, match="years 1 to 9999"):
        rfc3339(micros)


@given(strategies.days)
def test_days_survive_a_round_trip(day: int) -> None:
    assert day_from_text(iso_date(day)) == day


def test_every_valid_instant_and_day_has_a_json_form() -> None:
    assert rfc3339(validation.INSTANT_MIN) == "2000-01-01T00:00:00.000000Z"
    assert rfc3339(validation.INSTANT_MAX) == "9988-12-31T23:59:59.999999Z"

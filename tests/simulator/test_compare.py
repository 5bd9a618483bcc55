"""Truth against what was found: agreement, each kind of difference, and both adapters."""

import copy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.records import (
    AgeingBucket,
    AllocationView,
    BreakClass,
    BreakLifecycle,
    DecisionOnBreak,
    DecisionState,
    Initiated,
    InstallmentView,
    LateLifecycle,
    LatePaymentAlert,
    LateStage,
    MatchedBy,
    MismatchAlert,
    ObligationReconciliation,
    ObligationStatus,
    Output,
    PaymentReconciliation,
    PaymentStatus,
    PayoutEntryView,
    PayoutReconciliation,
    PayoutStatus,
    Posted,
    ReferenceReconciliation,
    ReferenceStatus,
    Settled,
)
from simulator.anomalies import Anomalies
from simulator.banking import date_of
from simulator.compare import DAYS, INSTANTS, FinalState, compare, found_from_json, found_from_records
from simulator.scenario import simulate
from simulator.truth import Truth, truth

MADE = simulate(1, 120, anomalies=replace(Anomalies(), decisions={"accepted": 0.1, "acknowledged": 0.1}))
TRUTH = truth(MADE, MADE.closes_at)


def records_of(truth_: Truth) -> list[Output]:
    """The truth as the records a service would emit."""
    records: list[Output] = []
    for truth_row in truth_.payments.values():
        row = {
            **truth_row,
            "status": PaymentStatus(truth_row["status"]),
            "open_breaks": tuple(reversed(truth_row["open_breaks"])),
        }
        row["initiated"] = row["initiated"] and Initiated(**row["initiated"])
        row["settled"], row["posted"] = Settled(**row["settled"]), Posted(**row["posted"])
        row["allocations"] = tuple(AllocationView(**allocation) for allocation in row["allocations"])
        records.append(PaymentReconciliation(version=1, **row))
    for truth_row in truth_.obligations.values():
        row = {
            **truth_row,
            "status": ObligationStatus(truth_row["status"]),
            "ageing_bucket": AgeingBucket(truth_row["ageing_bucket"]),
        }
        row["installments"] = tuple(InstallmentView(**slot) for slot in row["installments"])
        row["open_breaks"] = tuple(row["open_breaks"])
        records.append(ObligationReconciliation(version=1, **row))
    for truth_row in truth_.references.values():
        row = {
            **truth_row,
            "status": ReferenceStatus(truth_row["status"]),
            "open_breaks": tuple(truth_row["open_breaks"]),
        }
        records.append(ReferenceReconciliation(version=1, **row))
    for truth_row in truth_.payouts.values():
        row = {
            **truth_row,
            "status": PayoutStatus(truth_row["status"]),
            "open_breaks": tuple(truth_row["open_breaks"]),
            "entries": tuple(
                PayoutEntryView(**{**entry, "matched_by": MatchedBy(entry["matched_by"])})
                for entry in truth_row["entries"]
            ),
        }
        records.append(PayoutReconciliation(version=1, **row))
    for lifecycle, rows in (
        (BreakLifecycle.UPDATED, truth_.open_breaks),
        (BreakLifecycle.ACCEPTED, truth_.accepted_breaks),
    ):
        for truth_row in rows.values():
            row = {**truth_row, "break_class": BreakClass(truth_row["class"])}
            del row["class"]
            row |= {name: tuple(row[name]) for name in ("subject", "event_ids", "candidates")}
            if (decision := row["decision"]) is not None:
                row["decision"] = DecisionOnBreak(**{**decision, "state": DecisionState(decision["state"])})
            records.append(MismatchAlert(version=1, lifecycle=lifecycle, opened_at=1, resolved_at=None, **row))
    for truth_row in truth_.live_alerts.values():
        row = {**truth_row, "stage": LateStage(truth_row["stage"])}
        records.append(
            LatePaymentAlert(
                version=1, lease_id="L", lifecycle=LateLifecycle.ESCALATED, opened_at=1, ended_at=None, **row
            )
        )
    return records


def as_json(value: Any, name: str = "") -> Any:
    """Plain values as the command line prints them."""
    if isinstance(value, dict):
        return {key: as_json(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [as_json(item) for item in value]
    if isinstance(value, int) and name in INSTANTS:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=value)).isoformat().replace("+00:00", "Z")
    if isinstance(value, int) and name in DAYS:
        return date_of(value).isoformat()
    return value


def perfect() -> FinalState:
    return found_from_records(records_of(TRUTH))


def test_a_perfect_service_has_no_difference() -> None:
    assert TRUTH.open_breaks
    assert TRUTH.live_alerts
    assert compare(TRUTH, perfect()) == []


def test_a_perfect_service_read_as_json_has_no_difference() -> None:
    found = perfect()
    kinds = (found.payments, found.obligations, found.references, found.payouts, found.breaks, found.alerts)
    rows = [row for kind in kinds for row in kind.values()]
    lines = [as_json(row) for row in rows]
    assert lines != rows
    assert compare(TRUTH, found_from_json(lines)) == []
    assert compare(TRUTH, found_from_json({"topic": "t", "key": "k", "value": line} for line in lines)) == []


def test_each_field_of_each_record_is_compared_with_the_truth() -> None:
    for kind, rows in (
        ("payments", TRUTH.payments),
        ("obligations", TRUTH.obligations),
        ("references", TRUTH.references),
        ("payouts", TRUTH.payouts),
        ("breaks", TRUTH.open_breaks),
        ("breaks", TRUTH.accepted_breaks),
        ("alerts", TRUTH.live_alerts),
    ):
        key, row = next(iter(rows.items()))
        for name in row:
            found = perfect()
            getattr(found, kind)[key] = {**copy.deepcopy(getattr(found, kind)[key]), name: "wrong"}
            (difference,) = compare(TRUTH, found)
            assert (difference.key, difference.field, difference.found) == (key, name, "wrong")
            assert key in str(difference)
            assert name in str(difference)


def test_a_missing_and_a_surplus_record() -> None:
    found = perfect()
    gone = found.payments.pop(next(iter(found.payments)))
    found.payments["P-surplus"] = gone
    texts = {difference.key: str(difference) for difference in compare(TRUTH, found)}
    assert "missing" in texts[gone["payment_id"]]
    assert "should not be" in texts["P-surplus"]
    assert len(texts) == 2


def test_a_break_counts_as_open_and_an_alert_as_live_by_its_last_lifecycle() -> None:
    found = perfect()
    break_id, alert_id = next(iter(TRUTH.open_breaks)), next(iter(TRUTH.live_alerts))
    found.breaks[break_id]["lifecycle"] = "resolved"
    found.alerts[alert_id]["lifecycle"] = "cured"
    assert {difference.key for difference in compare(TRUTH, found)} == {break_id, alert_id}
    found.breaks[break_id]["lifecycle"] = "opened"
    found.alerts[alert_id]["lifecycle"] = "opened"
    assert compare(TRUTH, found) == []


def test_an_accepted_break_is_no_open_one() -> None:
    found = perfect()
    break_id = next(iter(TRUTH.accepted_breaks))
    found.breaks[break_id]["lifecycle"] = "updated"
    assert {difference.kind for difference in compare(TRUTH, found)} == {"break", "accepted break"}


def test_a_tombstone_is_no_record() -> None:
    found = perfect()
    key, row = next(iter(TRUTH.payments.items()))
    line = {"topic": "dev.payment-reconciliations", "key": key}
    lines = [{**line, "value": as_json({**row, "version": 1})}, {**line, "value": None}]
    assert found_from_json(lines).payments == {}
    found.forget("payment-reconciliations", key)
    assert [difference.key for difference in compare(TRUTH, found)] == [key]
    with pytest.raises(ValueError, match="no output topic"):
        found.forget("ledger-events", key)


def test_the_last_record_of_a_key_is_the_truth_about_it() -> None:
    records = records_of(TRUTH)
    first = next(record for record in records if isinstance(record, PaymentReconciliation))
    stale = PaymentReconciliation(
        payment_id=first.payment_id,
        version=0,
        status=PaymentStatus.INITIATED,
        currency="XXX",
        initiated=None,
        settled=Settled(
            gross_minor=0,
            fee_minor=0,
            net_minor=0,
            returned_minor=0,
            refunded_minor=0,
            charged_back_minor=0,
            standing_minor=0,
        ),
        posted=Posted(0, {}),
        open_breaks=(),
        rests_on=0,
    )
    assert compare(TRUTH, found_from_records([stale, *records])) == []
    assert compare(TRUTH, found_from_records([*records, stale])) != []


def test_installments_compare_in_order_and_open_breaks_as_sets() -> None:
    found = perfect()
    row = next(row for row in found.obligations.values() if len(row["installments"]) > 1)
    row["installments"].reverse()
    (difference,) = compare(TRUTH, found)
    assert (difference.kind, difference.field) == ("obligation", "installments")


def test_dead_letters_compare_only_where_they_were_counted() -> None:
    found = perfect()
    found.dead_letters = dict(TRUTH.dead_letters)
    assert compare(TRUTH, found) == []
    found.dead_letters["ledger-events"] = 10_000
    assert [difference.key for difference in compare(TRUTH, found)] == ["ledger-events"]


def test_other_records_than_outputs_are_refused() -> None:
    with pytest.raises(ValueError, match="no output record"):
        found_from_json([{"tenant_id": "T-1"}])

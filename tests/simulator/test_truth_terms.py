"""The terms of obligations under version 2: dated adjustments, fees, credits by name, grace, plans (section 5)."""

import msgspec
import pytest

from domain.facts import InputFact
from simulator.truth import Truth
from tests.kit.build_scenario import adjusted, at, cancelled, charged, day, part, plan, seen
from tests.simulator.building import RENT, classes, reinstated, settled, the_initiation, the_posting

BEFORE = "2026-05-30T12:00Z"
HALVES = (part("A", "2026-06-01", 75_000, 1), part("B", "2026-06-15", 75_000, 2))


def amounts(truth: Truth) -> list[tuple[str, int]]:
    return [(slot["installment_id"], slot["amount_minor"]) for slot in truth.obligations["O-1"]["installments"]]


def after(*facts: InputFact) -> list[tuple[str, int]]:
    return amounts(seen(BEFORE, charged(RENT, *HALVES), *facts))


def test_a_dated_adjustment_is_an_installment_after_the_plans_of_its_day() -> None:
    extra = adjusted(500, "0", due_date=day("2026-06-01"))
    assert after(extra) == [("A", 75_000), ("0", 500), ("B", 75_000)]


def test_a_fee_without_a_due_date_is_due_on_the_local_day_on_which_it_occurred() -> None:
    # 03:00 UTC on 8 June is still 7 June in New York.
    truth = seen(BEFORE, charged(RENT), adjusted(500, "F", "2026-06-08T03:00Z", kind="FEE"))
    assert truth.obligations["O-1"]["installments"][1]["due_date"] == day("2026-06-07")


def test_adjustments_of_one_installment_change_it_together_and_what_does_not_fit_is_carried() -> None:
    assert after(adjusted(-60_000, "1", installment_id="A"), adjusted(10_000, "2", installment_id="A")) == [
        ("A", 25_000),
        ("B", 75_000),
    ]
    assert after(adjusted(-80_000, "1", installment_id="A")) == [("A", 0), ("B", 70_000)]
    extra = adjusted(500, "X", due_date=day("2026-07-01"))
    assert after(extra, adjusted(-200, "1", installment_id="X"))[-1] == ("X", 300)
    assert after(extra, adjusted(-700, "1", installment_id="X")) == [("A", 75_000), ("B", 74_800), ("X", 0)]


def test_a_shortage_is_taken_from_the_plan_first_and_then_from_the_adjustments_backwards() -> None:
    extras = [adjusted(500, "X", due_date=day("2026-07-01")), adjusted(500, "Y", due_date=day("2026-08-01"))]
    assert after(*extras, adjusted(-RENT - 200, "1")) == [("A", 0), ("B", 0), ("X", 500), ("Y", 300)]


def test_an_adjustment_with_the_name_of_a_plans_installment_counts_as_undated() -> None:
    assert after(adjusted(500, "A", due_date=day("2026-07-01"))) == [("A", 75_000), ("B", 75_500)]
    unnamed = seen(BEFORE, charged(RENT), adjusted(500, "O-1", due_date=day("2026-07-01")))
    assert amounts(unnamed) == [("O-1", RENT + 500)]


def test_plan_sum_counts_the_adjustments_of_its_installments_and_leaves_out_the_dated() -> None:
    charge = charged(RENT, *HALVES)
    named = [adjusted(-5_000, "1", installment_id="A"), adjusted(500, "X", due_date=day("2026-07-01"))]
    named.append(adjusted(-100, "2", installment_id="X"))
    assert classes(seen(BEFORE, charge, *named)) == {}
    undated = adjusted(-300, "3")
    assert classes(seen(BEFORE, charge, *named, undated)) == {"plan_sum_mismatch": (144_700, 145_000)}
    gone = plan(1, part("C", "2026-06-01", RENT))
    assert classes(seen(BEFORE, charge, gone, named[0])) == {"plan_sum_mismatch": (145_000, RENT)}


def test_money_may_name_a_dated_adjustment() -> None:
    extra = adjusted(500, "X", due_date=day("2026-07-01"))
    facts: list[InputFact] = [
        charged(RENT),
        extra,
        the_initiation(installment_id="X"),
        settled(when="2026-05-30T15:00Z"),
        the_posting(installment_id="X"),
    ]
    truth = seen("2026-06-20T12:00Z", *facts)
    assert [slot["paid"] for slot in truth.obligations["O-1"]["installments"]] == [{"P-1": RENT - 500}, {"P-1": 500}]
    assert truth.open_breaks == {}


@pytest.mark.parametrize(
    ("grace_ends_on", "stage"),
    [("2026-06-10", "past_due"), ("2026-06-09", "fee_eligible"), (None, "fee_eligible")],
)
def test_the_charges_day_of_grace_is_for_what_is_due_on_the_charges_due_date(
    grace_ends_on: str | None, stage: str
) -> None:
    charge = charged(RENT, *HALVES, grace_ends_on=grace_ends_on and day(grace_ends_on))
    (first,) = seen("2026-06-10T12:00Z", charge).live_alerts.values()
    assert (first["installment_id"], first["stage"]) == ("A", stage)
    stages = {
        alert["installment_id"]: alert["stage"] for alert in seen("2026-06-18T12:00Z", charge).live_alerts.values()
    }
    assert stages["B"] == "past_due"


def test_an_installments_day_of_grace_goes_before_the_charges() -> None:
    first = msgspec.structs.replace(HALVES[0], grace_ends_on=day("2026-06-12"))
    charge = charged(RENT, first, HALVES[1], grace_ends_on=day("2026-06-02"))
    (alert,) = seen("2026-06-12T12:00Z", charge).live_alerts.values()
    assert alert["stage"] == "past_due"


def test_no_stage_comes_before_the_grace_has_ended() -> None:
    charge = charged(RENT, grace_ends_on=day("2026-08-01"))
    (alert,) = seen("2026-07-20T12:00Z", charge).live_alerts.values()
    assert alert["stage"] == "past_due"
    (alert,) = seen("2026-08-02T04:00Z", charge).live_alerts.values()
    assert (alert["stage"], alert["due_at"]) == ("days_60", at("2026-06-02T04:00Z"))


def test_an_unknown_installment_rests_on_what_names_it() -> None:
    start = the_initiation(installment_id="Z")
    facts: list[InputFact] = [charged(RENT, *HALVES), start, settled(), the_posting()]
    (row,) = seen("2026-06-20T12:00Z", *facts).open_breaks.values()
    assert (row["class"], row["event_ids"]) == ("installment_unknown", [start.event_id])
    (same,) = seen("2026-06-20T12:00Z", *facts, plan(1, *HALVES)).open_breaks.values()
    assert same["evidence"] == row["evidence"]


def test_a_superseded_cancellation_changes_no_evidence() -> None:
    charge, void, again = charged(RENT), cancelled("2026-06-02T12:00Z"), reinstated()
    start = the_initiation()
    facts: list[InputFact] = [charge, again, start, settled(amount=RENT + 500), the_posting(amount=RENT + 500)]
    rows = seen("2026-06-20T12:00Z", *facts, void).open_breaks.values()
    (row,) = [row for row in rows if row["class"] == "overpayment"]
    assert row["event_ids"] == sorted((charge.event_id, again.event_id, start.event_id))

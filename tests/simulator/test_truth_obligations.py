"""Hand-checked obligations and late alerts (contract sections 5, 7 and 8)."""

from typing import Any

import pytest

from domain.facts import InputFact
from simulator.truth import Truth, truth_of_facts
from tests.kit.build_scenario import (
    adjusted,
    at,
    breaks,
    cancelled,
    charged,
    day,
    initiated,
    outcome,
    part,
    plan,
    posted,
    reversed_posting,
    seen,
)

BEFORE = "2026-05-30T12:00Z"
THREE = (
    part("I-1", "2026-06-01", 30_000, 1),
    part("I-2", "2026-06-10", 30_000, 2),
    part("I-3", "2026-06-20", 25_000, 3),
)


def paid(payment: str, amount: int, when: str = "2026-06-01T14:00Z", **other: Any) -> tuple[InputFact, ...]:
    """A payment that settled and was posted."""
    return (
        initiated(payment, when, amount, **other),
        outcome(amount=amount, payment=payment, processor_reference=f"R-{payment}"),
        posted(f"G-{payment}", amount=amount, payment=payment),
    )


def obligation(truth: Truth) -> dict[str, Any]:
    return truth.obligations["O-1"]


def amounts(truth: Truth) -> list[tuple[str, int]]:
    return [(slot["installment_id"], slot["amount_minor"]) for slot in obligation(truth)["installments"]]


def poured(truth: Truth, kind: str = "paid") -> list[dict[str, int]]:
    return [slot[kind] for slot in obligation(truth)["installments"]]


def test_an_empty_plan_is_one_installment_named_like_the_obligation() -> None:
    truth = seen(BEFORE, charged(85_000))
    assert obligation(truth) == {
        "obligation_id": "O-1",
        "lease_id": "L-1",
        "tenant_id": "T-1",
        "property_id": "PR-1",
        "period": "2026-06",
        "status": "open",
        "currency": "USD",
        "charged_minor": 85_000,
        "adjusted_minor": 0,
        "balance_minor": 85_000,
        "installments": [
            {
                "installment_id": "O-1",
                "due_date": day("2026-06-01"),
                "amount_minor": 85_000,
                "paid": {},
                "pending": {},
            }
        ],
        "paid_minor": 0,
        "pending_minor": 0,
        "posted_minor": 0,
        "overpaid_minor": 0,
        "next_due_date": day("2026-06-01"),
        "oldest_late_due_date": None,
        "ageing_bucket": "current",
        "open_breaks": [],
        "rests_on": at("2026-05-25T12:00Z"),
    }


def test_no_charge_no_record_but_the_payment_says_so() -> None:
    truth = seen("2026-06-01T14:29:59Z", initiated())
    assert (truth.obligations, truth.open_breaks) == ({}, {})
    truth = seen("2026-06-01T14:30Z", initiated(), plan(1))
    assert truth.obligations == {}
    assert breaks(truth) == {"obligation_unknown": (0, 85_000)}
    assert breaks(seen("2026-06-01T14:30Z", initiated(), outcome("FAILED", amount=0))) == {}


def test_the_highest_plan_version_holds_whenever_it_came() -> None:
    facts = (
        charged(85_000, *THREE),
        plan(2, part("B", "2026-06-05", 85_000), when="2026-05-26T12:00Z"),
        plan(1, part("A", "2026-06-07", 85_000), when="2026-05-29T12:00Z"),
    )
    assert amounts(seen(BEFORE, *facts)) == [("B", 85_000)]


def test_the_difference_is_carried_by_the_last_and_a_shortage_goes_backwards() -> None:
    assert amounts(seen(BEFORE, charged(85_000, *THREE), adjusted(5_000)))[-1] == ("I-3", 30_000)
    # 85,000 less 60,000 leaves 25,000: the last is 0, the second 0, the first gives 5,000.
    truth = seen(BEFORE, charged(85_000, *THREE), adjusted(-60_000))
    assert amounts(truth) == [("I-1", 25_000), ("I-2", 0), ("I-3", 0)]
    assert breaks(truth) == {"plan_sum_mismatch": (25_000, 85_000)}
    below = seen(BEFORE, charged(85_000, *THREE), adjusted(-90_000))
    assert amounts(below) == [("I-1", 0), ("I-2", 0), ("I-3", 0)]
    assert (obligation(below)["balance_minor"], obligation(below)["status"]) == (-5_000, "overpaid")


def test_a_plan_that_does_not_add_up_is_a_break_after_the_grace() -> None:
    facts = (charged(85_000, *THREE), adjusted(5_000))
    assert breaks(seen("2026-05-27T12:29:59Z", *facts)) == {}
    assert breaks(seen("2026-05-27T12:30Z", *facts)) == {"plan_sum_mismatch": (90_000, 85_000)}
    assert breaks(seen("2026-05-28T12:30Z", *facts, cancelled())) == {}
    assert breaks(seen(BEFORE, *facts, plan(1))) == {}


def test_installments_are_ordered_by_due_date_sequence_and_id() -> None:
    parts = (part("B", "2026-06-05", 1, 2), part("C", "2026-06-05", 2, 1), part("A", "2026-06-05", 3, 2))
    late = part("D", "2026-06-04", 4, 9)
    assert [name for name, _ in amounts(seen(BEFORE, charged(10, *parts, late)))] == ["D", "C", "A", "B"]


def test_named_money_first_then_the_rest_oldest_first() -> None:
    # P-1 names the third and has 5,000 too many for it; P-2 is unnamed. By name: I-3 takes 25,000 of P-1. Then in the
    # order of initiation P-1's 5,000 and P-2's 40,000 fill I-1 (5,000 + 25,000) and I-2 (15,000).
    facts = (*paid("P-1", 30_000, installment_id="I-3"), *paid("P-2", 40_000, "2026-06-01T15:00Z"))
    truth = seen("2026-06-04T00:00Z", charged(85_000, *THREE), *facts)
    assert poured(truth) == [{"P-1": 5_000, "P-2": 25_000}, {"P-2": 15_000}, {"P-1": 25_000}]
    assert obligation(truth)["paid_minor"] == 70_000
    assert obligation(truth)["next_due_date"] == day("2026-06-10")


def test_standing_money_goes_before_pending_money_even_if_it_was_initiated_later() -> None:
    pending = initiated("P-1", "2026-06-01T14:00Z", 30_000, installment_id="I-1")
    truth = seen("2026-06-04T00:00Z", charged(85_000, *THREE), pending, *paid("P-2", 20_000, "2026-06-02T14:00Z"))
    assert poured(truth) == [{"P-2": 20_000}, {}, {}]
    # The pending payment names I-1, where 10,000 are left; its other 20,000 wait for I-2.
    assert poured(truth, "pending") == [{"P-1": 10_000}, {"P-1": 20_000}, {}]
    assert (obligation(truth)["paid_minor"], obligation(truth)["pending_minor"]) == (20_000, 30_000)


def test_pending_money_never_overpays_and_ends_with_the_settlement_deadline() -> None:
    facts = (charged(85_000), initiated(amount=100_000))
    truth = seen("2026-06-09T03:59Z", *facts)
    assert poured(truth, "pending") == [{"P-1": 85_000}]
    assert (obligation(truth)["pending_minor"], obligation(truth)["overpaid_minor"]) == (85_000, 0)
    assert truth.live_alerts == {}
    truth = seen("2026-06-09T04:00Z", *facts)
    assert poured(truth, "pending") == [{}]
    assert [alert["stage"] for alert in truth.live_alerts.values()] == ["fee_eligible"]


def test_what_stops_standing_reopens_its_own_installment_and_leaves_the_other_names_alone() -> None:
    facts = (
        charged(85_000, *THREE),
        *paid("P-1", 30_000, installment_id="I-1"),
        *paid("P-2", 30_000, "2026-06-01T15:00Z", installment_id="I-2"),
        *paid("P-3", 10_000, "2026-06-01T16:00Z"),
    )
    before = seen("2026-06-04T00:00Z", *facts)
    assert poured(before) == [{"P-1": 30_000}, {"P-2": 30_000}, {"P-3": 10_000}]
    returned = outcome("RETURNED", "2026-06-05T15:00Z", 30_000, processor_reference="R-P-1")
    after = seen("2026-06-05T16:00Z", *facts, returned, reversed_posting("G-P-1", amount=30_000))
    assert poured(after) == [{"P-3": 10_000}, {"P-2": 30_000}, {}]
    (alert,) = after.live_alerts.values()
    assert (alert["installment_id"], alert["paid_minor"], alert["due_date"]) == ("I-1", 10_000, day("2026-06-01"))


def test_overpaid() -> None:
    truth = seen("2026-06-04T00:00Z", charged(85_000), *paid("P-1", 85_000), *paid("P-2", 20_000))
    row = obligation(truth)
    assert (row["status"], row["paid_minor"], row["overpaid_minor"]) == ("overpaid", 105_000, 20_000)
    assert breaks(truth) == {"overpayment": (85_000, 105_000)}


def test_a_cancelled_obligation_owes_nothing_and_what_was_paid_is_too_much() -> None:
    truth = seen("2026-07-04T00:00Z", charged(85_000, *THREE), cancelled(), *paid("P-1", 20_000))
    row = obligation(truth)
    assert (row["status"], row["balance_minor"], row["overpaid_minor"]) == ("cancelled", 0, 20_000)
    assert amounts(truth) == [("I-1", 0), ("I-2", 0), ("I-3", 0)]
    assert breaks(truth) == {"overpayment": (0, 20_000)}
    assert truth.live_alerts == {}


def test_another_currency_is_a_break_and_not_counted() -> None:
    facts = (initiated(currency="CAD"), outcome(currency="CAD"), posted(currency="CAD"))
    truth = seen("2026-06-04T00:00Z", charged(85_000, due="2026-06-15"), *facts, adjusted(-5, currency="CAD"))
    row = obligation(truth)
    assert (row["paid_minor"], row["posted_minor"], row["adjusted_minor"], row["status"]) == (0, 0, 0, "open")
    rows = truth.open_breaks.values()
    assert {(row["class"], *row["subject"]) for row in rows} == {
        ("currency_mismatch", "payment", "P-1"),
        ("currency_mismatch", "adjustment", "A-1"),
    }
    assert truth.payments["P-1"]["status"] == "reconciled"


def test_an_unplanned_installment_is_a_break_and_its_money_counts_as_unnamed() -> None:
    facts = (charged(85_000, *THREE), *paid("P-1", 30_000, installment_id="I-9"))
    assert breaks(seen("2026-06-01T14:29Z", *facts)) == {}
    truth = seen("2026-06-04T00:00Z", *facts)
    assert breaks(truth) == {"installment_unknown": (0, 30_000)}
    assert poured(truth)[0] == {"P-1": 30_000}


def test_an_installment_of_an_older_plan_is_known_but_no_longer_filled_by_name() -> None:
    new = plan(1, part("N-1", "2026-06-01", 40_000), part("N-2", "2026-06-10", 45_000, 2))
    truth = seen("2026-06-04T00:00Z", charged(85_000, *THREE), new, *paid("P-1", 50_000, installment_id="I-3"))
    assert breaks(truth) == {}
    assert poured(truth) == [{"P-1": 40_000}, {"P-1": 10_000}]


def test_posted_money_counts_without_an_initiation() -> None:
    stray = (
        initiated("P-7", obligation_id="O-7", amount=9_000),
        outcome(amount=9_000, payment="P-7", processor_reference="R-7"),
        posted("G-7", amount=9_000, payment="P-7"),
    )
    unkeyed = posted("G-8", amount=500, payment="P-8")
    truth = seen("2026-06-04T00:00Z", charged(85_000), *paid("P-1", 85_000), *stray, unkeyed)
    assert (obligation(truth)["posted_minor"], obligation(truth)["paid_minor"]) == (94_500, 85_000)


@pytest.mark.parametrize(
    ("when", "stage", "bucket"),
    [
        # Due on 1 June, five days of grace. The day ends at midnight in New York, 04:00 UTC.
        ("2026-06-02T03:59Z", None, "current"),
        ("2026-06-02T04:00Z", "past_due", "days_1_30"),
        ("2026-06-07T03:59Z", "past_due", "days_1_30"),
        ("2026-06-07T04:00Z", "fee_eligible", "days_1_30"),
        # The 30th day after is 1 July; it ends when the 2nd begins, and then 31 days have gone by.
        ("2026-07-02T03:59Z", "fee_eligible", "days_1_30"),
        ("2026-07-02T04:00Z", "days_30", "days_31_60"),
        ("2026-08-01T04:00Z", "days_60", "days_61_90"),
        ("2026-08-31T03:59Z", "days_60", "days_61_90"),
        ("2026-08-31T04:00Z", "days_90", "days_over_90"),
    ],
)
def test_late_stages(when: str, stage: str | None, bucket: str) -> None:
    truth = seen(when, charged(85_000))
    assert [alert["stage"] for alert in truth.live_alerts.values()] == ([stage] if stage else [])
    assert obligation(truth)["ageing_bucket"] == bucket
    assert obligation(truth)["status"] == ("past_due" if stage else "open")


def test_long_grace_holds_back_the_stages_that_name_fewer_days() -> None:
    fact = charged(85_000, grace_days=45)
    assert [a["stage"] for a in seen("2026-07-10T12:00Z", fact).live_alerts.values()] == ["past_due"]
    # 45 days after 1 June is 16 July; from its end on the furthest stage is that of 30 days.
    assert [a["stage"] for a in seen("2026-07-17T04:00Z", fact).live_alerts.values()] == ["days_30"]


def test_a_late_alert_to_the_last_field() -> None:
    truth = seen("2026-06-12T12:00Z", charged(85_000, *THREE), *paid("P-1", 30_000, installment_id="I-1"))
    (alert_id,) = truth.live_alerts
    assert truth.live_alerts[alert_id] == {
        "alert_id": alert_id,
        "obligation_id": "O-1",
        "installment_id": "I-2",
        "period": "2026-06",
        "tenant_id": "T-1",
        "property_id": "PR-1",
        "currency": "USD",
        "due_date": day("2026-06-10"),
        "amount_due_minor": 30_000,
        "paid_minor": 0,
        "pending_minor": 0,
        "due_at": at("2026-06-11T04:00Z"),
        "stage": "past_due",
    }
    assert obligation(truth)["oldest_late_due_date"] == day("2026-06-10")


def test_days_end_in_the_propertys_zone() -> None:
    fact = charged(85_000, time_zone="Pacific/Honolulu")
    assert seen("2026-06-02T09:59Z", fact).live_alerts == {}
    (alert,) = seen("2026-06-02T10:00Z", fact).live_alerts.values()
    assert alert["due_at"] == at("2026-06-02T10:00Z")


def test_facts_from_the_future_count_at_once() -> None:
    facts = [charged(85_000), *paid("P-1", 85_000, "2026-06-01T14:00Z")]
    assert truth_of_facts(facts, at("2026-05-25T12:00Z")).obligations["O-1"]["status"] == "paid"

"""Each case of the generator alone, against what it says of itself: it ends without a break, or in those it injects."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest

from domain.facts import (
    BankEntryBooked,
    BreakDecided,
    EntryMatched,
    Fact,
    InputFact,
    ObligationAdjusted,
    ObligationCancelled,
    ObligationCharged,
    ObligationReinstated,
    PaymentInitiated,
    PaymentReassigned,
    PayoutReported,
    ProcessorSettled,
    ReferenceAssigned,
)
from simulator.anomalies import NONE, Anomalies
from simulator.cases import (
    BROKEN_OBLIGATION_CASES,
    BROKEN_PAYMENT_CASES,
    HARMLESS_OBLIGATION_CASES,
    HARMLESS_PAYMENT_CASES,
)
from simulator.deciding import DECISION_CASES
from simulator.payouts import BROKEN_PAYOUT_CASES, HARMLESS_PAYOUT_CASES
from simulator.scenario import Scenario, simulate
from simulator.truth import truth

FOLLOWS = {
    "duplicate_settlement": {"overpayment", "posting_amount_mismatch"},
    "settlement_amount_mismatch": {"overpayment"},
    "settled_for_two": {"conflicting_fact"},
    "conflicting_payment_fact": {
        "conflicting_fact",
        "posting_over_reversed",
        "posting_amount_mismatch",
        "settlement_amount_mismatch",
        "overpayment",
        "duplicate_posting",
    },
    "plan_sum_mismatch": {"overpayment"},
    "conflicting_obligation_fact": {"overpayment", "plan_sum_mismatch"},
    "obligation_event_id_reused": {"overpayment", "plan_sum_mismatch"},
}
"""The classes that a case causes beside those it injects, because another amount counts than was meant."""


@cache
def only(kind: str, name: str) -> Scenario:
    """A month in which about every third payment, obligation or payout is of that case, and all others are plain."""
    return simulate(11, 90, anomalies=replace(NONE, **{kind: {name: 0.34}}))


def found(made: Scenario) -> set[tuple[str, str]]:
    return {(row["class"], row["key"]) for row in truth(made, made.closes_at).open_breaks.values()}


@pytest.mark.parametrize("name", HARMLESS_PAYMENT_CASES)
def test_a_harmless_payment_ends_without_a_break(name: str) -> None:
    made = only("payments", name)
    assert (made.injected, found(made)) == ({}, set())


@pytest.mark.parametrize("name", HARMLESS_OBLIGATION_CASES)
def test_a_harmless_obligation_ends_without_a_break(name: str) -> None:
    made = only("obligations", name)
    assert (made.injected, found(made)) == ({}, set())


@pytest.mark.parametrize("name", BROKEN_PAYMENT_CASES)
def test_a_broken_payment_ends_in_the_breaks_that_it_injects(name: str) -> None:
    check_broken(only("payments", name), name)


@pytest.mark.parametrize("name", BROKEN_OBLIGATION_CASES)
def test_a_broken_obligation_ends_in_the_breaks_that_it_injects(name: str) -> None:
    check_broken(only("obligations", name), name)


@pytest.mark.parametrize("name", HARMLESS_PAYOUT_CASES)
def test_a_harmless_payout_ends_without_a_break(name: str) -> None:
    made = only("payouts", name)
    assert (made.injected, found(made)) == ({}, set())


@pytest.mark.parametrize("name", BROKEN_PAYOUT_CASES)
def test_a_broken_payout_ends_in_the_breaks_that_it_injects(name: str) -> None:
    check_broken(only("payouts", name), name)


def check_broken(made: Scenario, name: str) -> None:
    injected = {(cls, key) for cls, keys in made.injected.items() for key in keys}
    assert len(injected) > 10
    assert injected - found(made) == set()
    assert {cls for cls, _ in found(made) - injected} == FOLLOWS.get(name, set())


def facts_of(made: Scenario) -> list[InputFact]:
    return [delivery.fact for delivery in made.deliveries if delivery.fact is not None and not delivery.is_bad]


MONTH = facts_of(simulate(1, 2_000))


@pytest.mark.parametrize(
    "is_one",
    [
        lambda fact: isinstance(fact, ReferenceAssigned),
        lambda fact: isinstance(fact, PaymentReassigned) and len(fact.allocations) > 1,
        lambda fact: isinstance(fact, PaymentInitiated) and fact.allocations is not None,
        lambda fact: isinstance(fact, PaymentInitiated) and fact.currency == "EUR",
        lambda fact: isinstance(fact, PaymentInitiated) and fact.currency == "GBP",
        lambda fact: isinstance(fact, ProcessorSettled) and fact.payment_id is None,
        lambda fact: isinstance(fact, ProcessorSettled) and fact.original_reference is not None,
        lambda fact: isinstance(fact, ProcessorSettled) and fact.movement_id is not None,
        lambda fact: isinstance(fact, ProcessorSettled) and fact.settlement_currency is not None,
        lambda fact: isinstance(fact, ProcessorSettled) and fact.fee_minor is None,
        lambda fact: isinstance(fact, ProcessorSettled) and fact.outcome == "RETURN_REVERSED",
        lambda fact: isinstance(fact, ProcessorSettled) and fact.outcome == "REFUND_REVERSED",
        lambda fact: isinstance(fact, ObligationAdjusted) and fact.installment_id is not None,
        lambda fact: isinstance(fact, ObligationAdjusted) and fact.due_date is not None,
        lambda fact: isinstance(fact, ObligationAdjusted) and fact.kind == "FEE",
        lambda fact: isinstance(fact, ObligationCharged) and fact.grace_ends_on is not None,
        lambda fact: (
            isinstance(fact, ObligationCharged) and any(part.grace_ends_on is not None for part in fact.installments)
        ),
        lambda fact: isinstance(fact, ObligationCancelled) and fact.cancellation_id is not None,
        lambda fact: isinstance(fact, ObligationReinstated),
        lambda fact: isinstance(fact, BreakDecided) and fact.until is not None,
        lambda fact: isinstance(fact, BreakDecided) and fact.key_kind == "reference",
        lambda fact: isinstance(fact, BreakDecided) and fact.key_kind == "payout",
        lambda fact: isinstance(fact, BreakDecided) and fact.key_kind == "bank_entry",
        lambda fact: isinstance(fact, PayoutReported) and fact.amount_minor < 0,
        lambda fact: isinstance(fact, PayoutReported) and fact.account_id is None,
        lambda fact: isinstance(fact, BankEntryBooked) and fact.reference is None and fact.payout_id is None,
        lambda fact: isinstance(fact, EntryMatched),
    ],
)
def test_every_kind_of_record_occurs_in_a_month(is_one: Callable[[Fact], bool]) -> None:
    assert sum(map(is_one, MONTH)) >= 2


def test_every_action_occurs_in_a_month() -> None:
    actions = Counter(fact.action for fact in MONTH if isinstance(fact, BreakDecided))
    assert set(actions) == {"ACKNOWLEDGE", "ASSIGN", "COMMENT", "ACCEPT", "APPROVE", "WITHDRAW"}


def test_a_cheque_may_be_known_before_its_date() -> None:
    made = only("payments", "post_dated_beyond")
    later = [d for d in made.deliveries if isinstance(d.fact, PaymentInitiated) and d.fact.occurred_at > made.closes_at]
    assert len(later) > 10
    assert all(delivery.arrives_at <= made.closes_at for delivery in later)


def test_the_first_claim_may_arrive_after_the_second() -> None:
    made = only("payments", "reference_claimed_twice")
    rows = truth(made, made.closes_at).references
    assert {row["status"] for row in rows.values()} == {"claimed_twice"}
    assert not any(row["payment_id"].endswith("-twin") for row in rows.values())


MIX = dict.fromkeys(("settlement_amount_mismatch", "duplicate_posting", "fee_variance", "reference_unknown"), 0.02)
STATES = {
    "acknowledged": {None, "acknowledged"},
    "assigned": {"assigned", None},
    "commented": {None},
    "accepted": {"accepted"},
    "accepted_by_one": {"accepted", "accept_requested"},
    "accepted_and_withdrawn": {None, "accepted"},
    "accepted_too_early": {None, "acknowledged"},
}


@pytest.mark.parametrize("name", DECISION_CASES)
def test_decisions_of_one_kind_about_every_break(name: str) -> None:
    made = simulate(12, 200, anomalies=replace(NONE, payments=MIX, decisions={name: 1.0}))
    truth_ = truth(made, made.closes_at)
    about = {fact.break_id for fact in facts_of(made) if isinstance(fact, BreakDecided)}
    rows = [row for row in (*truth_.open_breaks.values(), *truth_.accepted_breaks.values()) if row["break_id"] in about]
    assert len(rows) > 10
    assert {row["decision"] and row["decision"]["state"] for row in rows} == STATES[name]
    assert {row["break_id"] for row in rows} == about
    accepted = {(cls, key) for cls, keys in made.accepted.items() for key in keys}
    assert {(row["class"], row["key"]) for row in truth_.accepted_breaks.values()} == accepted


def test_what_was_accepted_too_early_is_open() -> None:
    made = simulate(1, 1_000, anomalies=replace(Anomalies(), decisions={"accepted_too_early": 0.3}))
    open_breaks = truth(made, made.closes_at).open_breaks
    accepted = [fact for fact in facts_of(made) if isinstance(fact, BreakDecided) and fact.action == "ACCEPT"]
    assert len(accepted) > 5
    assert all(open_breaks[fact.break_id]["evidence"] != fact.evidence for fact in accepted)

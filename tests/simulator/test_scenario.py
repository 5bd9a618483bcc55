"""The scenario: deterministic, of the right size and mix, and with everything in it that it promises."""

from collections import Counter
from dataclasses import replace
from datetime import date
from functools import cache

import msgspec
import pytest

from domain.facts import (
    BankEntryBooked,
    BreakDecided,
    EntryMatched,
    ObligationCharged,
    PaymentInitiated,
    PaymentReassigned,
    PayoutReported,
    ReferenceAssigned,
)
from domain.records import (
    AgeingBucket,
    BreakClass,
    DecisionState,
    LateStage,
    MatchedBy,
    ObligationStatus,
    PaymentStatus,
    PayoutStatus,
    ReferenceStatus,
)
from domain.time import MINUTE
from simulator.anomalies import NONE, Anomalies
from simulator.bad_input import BROKEN_RULES, KINDS
from simulator.deliver import Delivery
from simulator.scenario import Scenario, first_of_month, simulate
from simulator.truth import Truth, truth, truth_of_deliveries

SEEDS = (1, 2, 3)


@cache
def scenario(seed: int) -> Scenario:
    return simulate(seed, 2_000)


@cache
def closing_truth(seed: int) -> Truth:
    return truth(scenario(seed), scenario(seed).closes_at)


def test_one_seed_makes_one_scenario_byte_for_byte() -> None:
    one, two, other = (msgspec.msgpack.encode(simulate(seed, 200).deliveries) for seed in (7, 7, 8))
    assert one == two
    assert one != other


def test_size_and_order() -> None:
    made = scenario(1)
    assert 13 <= len(made.deliveries) / 2_000 <= 15
    arrivals = [delivery.arrives_at for delivery in made.deliveries]
    assert arrivals == sorted(arrivals)
    assert arrivals[-1] <= made.closes_at
    charges = {d.fact.obligation_id for d in made.deliveries if isinstance(d.fact, ObligationCharged) and not d.is_bad}
    # Some obligations are never charged, some have a parking lot beside them.
    assert 1_950 <= len(charges) < 2_100


@pytest.mark.parametrize("seed", SEEDS)
def test_every_class_stage_and_status_occurs(seed: int) -> None:
    truth_ = closing_truth(seed)
    assert {row["class"] for row in truth_.open_breaks.values()} == {str(name) for name in BreakClass}
    assert {row["stage"] for row in truth_.live_alerts.values()} == {str(name) for name in LateStage}
    assert {row["status"] for row in truth_.payments.values()} == {str(name) for name in PaymentStatus}
    assert {row["status"] for row in truth_.obligations.values()} == {str(name) for name in ObligationStatus}
    assert {row["status"] for row in truth_.payouts.values()} == {str(name) for name in PayoutStatus}
    matched = {entry["matched_by"] for row in truth_.payouts.values() for entry in row["entries"]}
    assert matched == {str(name) for name in MatchedBy}
    assert {row["ageing_bucket"] for row in truth_.obligations.values()} == {str(name) for name in AgeingBucket}


@pytest.mark.parametrize("seed", SEEDS)
def test_injected_breaks_are_open_when_the_recording_closes(seed: int) -> None:
    found = {(row["class"], row["key"]) for row in closing_truth(seed).open_breaks.values()}
    injected = {(name, key) for name, keys in scenario(seed).injected.items() for key in keys}
    assert injected - found == set()
    assert {name for name, _ in injected} == {str(name) for name in BreakClass}


@pytest.mark.parametrize("seed", SEEDS)
def test_what_people_accept_is_accepted_and_not_open(seed: int) -> None:
    truth_ = closing_truth(seed)
    found = {(row["class"], row["key"]) for row in truth_.accepted_breaks.values()}
    assert found == {(name, key) for name, keys in scenario(seed).accepted.items() for key in keys}
    rows = [*truth_.open_breaks.values(), *truth_.accepted_breaks.values()]
    states = {row["decision"]["state"] for row in rows if row["decision"] is not None}
    assert states == {str(name) for name in DecisionState}
    assert {row["status"] for row in truth_.references.values()} == {str(name) for name in ReferenceStatus}


def test_a_clean_month_has_no_breaks_no_late_alerts_and_no_dead_letters() -> None:
    made = simulate(4, 300, anomalies=NONE)
    truth_ = truth(made, made.closes_at)
    assert (made.injected, truth_.open_breaks, truth_.live_alerts, truth_.dead_letters) == ({}, {}, {}, {})
    assert {row["status"] for row in truth_.payments.values()} == {"reconciled"}
    assert {row["status"] for row in truth_.obligations.values()} == {"paid"}
    assert {row["status"] for row in truth_.payouts.values()} == {"reconciled"}
    assert all(row["deposited_minor"] == row["lines_minor"] + row["other_minor"] for row in truth_.payouts.values())


def test_a_rate_moves_what_it_names_and_nothing_else() -> None:
    made = simulate(5, 300, anomalies=replace(NONE, payments={"duplicate_posting": 0.1}))
    assert set(made.injected) == {"duplicate_posting"}
    truth_ = truth(made, made.closes_at)
    assert {row["class"] for row in truth_.open_breaks.values()} == {"duplicate_posting"}
    assert 0.07 < len(truth_.open_breaks) / len(truth_.payments) < 0.13


def test_an_unknown_case_is_refused() -> None:
    with pytest.raises(ValueError, match="duplicate_postings"):
        Anomalies(payments={"duplicate_postings": 0.1})
    with pytest.raises(ValueError, match="approved_by_nobody"):
        Anomalies(decisions={"approved_by_nobody": 0.1})


def test_bad_input_of_every_kind_and_only_on_top_of_the_good() -> None:
    made = scenario(1)
    bad = [delivery for delivery in made.deliveries if delivery.is_bad]
    assert {delivery.fault for delivery in bad} == set(KINDS)
    assert sum(closing_truth(1).dead_letters.values()) == len(bad)
    assert closing_truth(1).dead_letters == dict(Counter(delivery.topic for delivery in bad))
    good = [delivery for delivery in made.deliveries if not delivery.is_bad]
    without = truth_of_deliveries(good, made.closes_at)
    assert without.payments == closing_truth(1).payments
    assert without.open_breaks == closing_truth(1).open_breaks


def test_a_broken_rule_differs_from_the_good_fact_it_was_made_of() -> None:
    good = [d.fact for d in scenario(1).deliveries if d.fact is not None and not d.is_bad]
    rare = (BankEntryBooked, BreakDecided, EntryMatched, PaymentReassigned, PayoutReported, ReferenceAssigned)
    facts = good[:9_000] + [fact for fact in good if isinstance(fact, rare)]
    for name, spoil in BROKEN_RULES.items():
        spoiled = [(fact, spoil(fact)) for fact in facts]
        assert any(bad is not None for _, bad in spoiled), name
        assert all(bad is None or bad != fact for fact, bad in spoiled), name


def test_arrival_mix() -> None:
    good = [d for d in scenario(2).deliveries if d.fact is not None and not d.is_bad]
    lags = [d.arrives_at - d.fact.occurred_at for d in good if d.fact is not None]
    assert 0.08 < sum(lag > MINUTE for lag in lags) / len(lags) < 0.25
    assert any(lag < 0 for lag in lags)
    assert any(lag > 24 * 60 * MINUTE for lag in lags)
    times = Counter(msgspec.msgpack.encode(d.fact) for d in good)
    assert 0.05 < sum(count > 1 for count in times.values()) / len(times) < 0.09


def test_zones_currencies_methods_and_plans() -> None:
    facts = [d.fact for d in scenario(3).deliveries if not d.is_bad]
    charges = [fact for fact in facts if isinstance(fact, ObligationCharged)]
    payments = [fact for fact in facts if isinstance(fact, PaymentInitiated)]
    assert len({fact.time_zone for fact in charges}) >= 7
    assert {fact.currency for fact in charges} > {"USD", "BRL"}
    assert {len(fact.installments) for fact in charges} == {0, 1, 2, 3, 4, 5, 6}
    assert {fact.method for fact in payments} == {"ACH_DEBIT", "CARD", "INSTANT", "CHECK", "CASH"}
    named = sum(fact.installment_id is not None for fact in payments) / len(payments)
    assert 0.6 < named < 0.75


def test_what_arrives_late_is_missed_only_until_it_has_arrived() -> None:
    """The truth over a prefix of the deliveries is the truth of a service that has read so far."""
    made = simulate(9, 200)
    half = made.deliveries[: len(made.deliveries) // 2]
    so_far = truth_of_deliveries(half, half[-1].arrives_at)
    assert 0 < len(so_far.payments) < len(truth(made, made.closes_at).payments)


def test_several_months() -> None:
    made = simulate(1, 60, start=date(2026, 11, 1), months=3)
    periods = Counter(
        fact.period
        for fact in {d.fact for d in made.deliveries if isinstance(d.fact, ObligationCharged) and not d.is_bad}
        if isinstance(fact, ObligationCharged)
    )
    assert set(periods) == {"2026-11", "2026-12", "2027-01"}
    assert first_of_month(date(2026, 11, 1), 2) == date(2027, 1, 1)


@pytest.mark.parametrize(("obligations", "months"), [(0, 1), (1, 0)])
def test_nothing_to_simulate_is_an_error(obligations: int, months: int) -> None:
    with pytest.raises(ValueError, match="at least one"):
        simulate(1, obligations, months=months)


def test_the_smallest_scenario() -> None:
    made = simulate(1, 1)
    assert all(isinstance(delivery, Delivery) for delivery in made.deliveries)
    assert truth(made, made.closes_at).obligations

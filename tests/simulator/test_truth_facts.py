"""Identity, conflicts and ids (contract sections 1 and 3)."""

import itertools
from hashlib import sha256

import msgspec

from domain.facts import InputFact
from simulator.truth import Truth, truth_of_facts
from simulator.truth_facts import made_id
from tests.kit.build_scenario import (
    adjusted,
    at,
    charged,
    initiated,
    outcome,
    part,
    plan,
    posted,
    reversed_posting,
    seen,
)

LATER = "2026-07-15T12:00Z"


def conflicts(truth: Truth) -> list[tuple[str, ...]]:
    rows = [row for row in truth.open_breaks.values() if row["class"] == "conflicting_fact"]
    return sorted((row["key_kind"], row["key"], *row["subject"]) for row in rows)


def test_ids_are_hashes_of_netstrings_that_count_bytes() -> None:
    assert made_id("break", "payment", "P-1") == sha256(b"5:break,7:payment,3:P-1,").hexdigest()[:32]
    assert made_id("é") == sha256(b"2:\xc3\xa9,").hexdigest()[:32]
    assert made_id("a", "bc") != made_id("ab", "c")


def test_break_and_alert_ids_leave_out_class_and_stage() -> None:
    truth = seen(LATER, charged(), initiated())
    (found,) = truth.open_breaks
    assert found == sha256(b"5:break,7:payment,3:P-1,10:settlement,").hexdigest()[:32]
    (alert,) = truth.live_alerts
    assert alert == sha256(b"4:late,3:O-1,3:O-1,10:2026-06-01,").hexdigest()[:32]


def test_a_restamp_is_no_conflict_and_the_first_by_time_holds() -> None:
    fact = outcome(payout_id=None, reason_code=None)
    again = msgspec.structs.replace(
        fact, event_id="E-again", occurred_at=fact.occurred_at + 1, payout_id="PO-1", reason_code="R01"
    )
    truth = seen(LATER, charged(), initiated(), again, fact, fact, posted(when="2026-06-03T15:00Z"))
    assert conflicts(truth) == []
    assert truth.payments["P-1"]["rests_on"] == fact.occurred_at


def test_other_money_is_a_conflict_and_the_first_by_time_then_event_id_holds() -> None:
    low = initiated(amount=85_000, event_id="E-b")
    high = initiated(amount=86_000, event_id="E-a")
    truth = seen("2026-06-01T15:00Z", charged(), low, high)
    assert conflicts(truth) == [("payment", "P-1", "fact", "PaymentInitiated")]
    assert truth.payments["P-1"]["initiated"]["amount_minor"] == 86_000
    assert truth.payments["P-1"]["status"] == "exception"


def test_each_identity_conflicts_under_its_own_name() -> None:
    facts: list[InputFact] = [initiated(), outcome(), posted(), reversed_posting(amount=1)]
    again: list[InputFact] = [
        msgspec.structs.replace(facts[0], event_id="c1", method="CARD"),
        msgspec.structs.replace(facts[1], event_id="c2", fee_minor=1),
        msgspec.structs.replace(facts[2], event_id="c3", obligation_id="O-9"),
        msgspec.structs.replace(facts[3], event_id="c4", amount_minor=2),
    ]
    ledger: list[InputFact] = [charged(), plan(2, part("I-1", "2026-06-01", 85_000)), adjusted(-5)]
    ledger_again: list[InputFact] = [
        msgspec.structs.replace(ledger[0], event_id="c5", time_zone="America/Chicago"),
        plan(2, part("I-1", "2026-06-02", 85_000), when=LATER),
        msgspec.structs.replace(ledger[2], event_id="c7", amount_delta_minor=-6),
    ]
    assert conflicts(seen(LATER, *facts, *again, *ledger, *ledger_again)) == [
        ("obligation", "O-1", "fact", "ObligationAdjusted", "A-1"),
        ("obligation", "O-1", "fact", "ObligationCharged"),
        ("obligation", "O-1", "fact", "PlanChanged", "2"),
        ("payment", "P-1", "fact", "PaymentInitiated"),
        ("payment", "P-1", "fact", "PaymentPosted", "G-1"),
        ("payment", "P-1", "fact", "PostingReversed", "V-G-1"),
        ("payment", "P-1", "fact", "ProcessorSettled", "bank", "R-1", "SETTLED"),
    ]


def test_the_same_plan_in_another_order_is_no_conflict() -> None:
    one, two = part("I-1", "2026-06-01", 40_000), part("I-2", "2026-06-15", 45_000, 2)
    truth = seen("2026-05-30T00:00Z", charged(), plan(1, one, two), plan(1, two, one))
    assert conflicts(truth) == []


def test_one_event_id_for_two_identities_of_a_key_counts_both_and_is_a_conflict() -> None:
    truth = seen(LATER, charged(), initiated(), outcome(event_id="E-x"), posted(event_id="E-x"))
    assert conflicts(truth) == [("payment", "P-1", "event", "E-x")]
    (row,) = [row for row in truth.open_breaks.values() if row["key_kind"] == "payment"]
    assert row["currency"] == "XXX"
    assert truth.payments["P-1"]["posted"]["net_minor"] == 85_000


def test_one_event_id_under_two_keys_is_no_conflict() -> None:
    truth = seen("2026-06-01T15:00Z", charged(event_id="E-y"), initiated(event_id="E-y"))
    assert conflicts(truth) == []


def test_arrival_order_and_repeats_change_nothing() -> None:
    facts: list[InputFact] = [
        charged(),
        initiated(),
        outcome(),
        posted(),
        reversed_posting(),
        initiated(amount=1, event_id="A"),
    ]
    expected = truth_of_facts(facts, at(LATER))
    for order in itertools.permutations(facts):
        assert truth_of_facts([*order, order[0]], at(LATER)) == expected

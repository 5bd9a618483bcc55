"""What people decide about breaks (contract section 12)."""

from typing import Any

import msgspec
import pytest

from domain.facts import BreakDecided, InputFact
from domain.policy import Policy
from simulator.truth import Truth, truth_of_facts
from simulator.truth_facts import Row, made_id
from tests.kit.build_scenario import at, outcome, seen
from tests.simulator.building import LATE, RENT, decided, settled, the_charge, the_initiation, the_posting

SHORT: list[InputFact] = [
    the_charge(),
    the_initiation(),
    settled(amount=RENT - 900),
    the_posting(amount=RENT - 900),
]
"""A settlement that is 9.00 short: priority 2, small."""
TWICE: list[InputFact] = [the_charge(), the_initiation(), settled(), the_posting(), the_posting("G-2")]
"""A duplicate posting: priority 1."""


def the_break(facts: list[InputFact]) -> Row:
    (row,) = [row for row in seen(LATE, *facts).open_breaks.values() if row["key_kind"] == "payment"]
    return row


def seen_with(facts: list[InputFact], *decisions: InputFact) -> tuple[Row, Truth]:
    """The break of the payment with what was decided, open or accepted."""
    truth = seen(LATE, *facts, *decisions)
    (row,) = [
        row for row in (*truth.open_breaks.values(), *truth.accepted_breaks.values()) if row["key_kind"] == "payment"
    ]
    return row, truth


def state(facts: list[InputFact], *decisions: InputFact) -> str | None:
    row, truth = seen_with(facts, *decisions)
    decision = row["decision"]
    accepted = decision is not None and decision["state"] == "accepted"
    assert (row["break_id"] in truth.accepted_breaks) == accepted
    assert (row["break_id"] in truth.payments["P-1"]["open_breaks"]) != accepted
    assert (truth.payments["P-1"]["status"] == "exception") != accepted
    return decision["state"] if decision is not None else None


ROW, URGENT = the_break(SHORT), the_break(TWICE)


def test_evidence_is_a_hash_of_the_class_and_the_events() -> None:
    events = sorted(fact.event_id for fact in SHORT[1:3])
    assert (ROW["class"], ROW["event_ids"]) == ("settlement_amount_mismatch", events)
    assert ROW["evidence"] == made_id("evidence", "settlement_amount_mismatch", *events)


def test_a_small_break_is_accepted_by_one_person() -> None:
    accept = decided("ACCEPT", ROW)
    row, truth = seen_with(SHORT, accept)
    assert truth.payments["P-1"]["status"] == "reconciled"
    assert row["decision"] == {
        "state": "accepted",
        "actor": "ann",
        "at": accept.occurred_at,
        "approved_by": None,
        "reason": "known",
        "assignee": None,
        "until": None,
    }


def test_an_urgent_break_needs_a_second_person() -> None:
    accept = decided("ACCEPT", URGENT)
    assert state(TWICE, accept) == "accept_requested"
    same = decided("APPROVE", URGENT, "D-2", refers_to="D-1")
    assert state(TWICE, accept, same) == "accept_requested"
    other = decided("APPROVE", URGENT, "D-3", refers_to="D-1", actor="bob")
    assert state(TWICE, accept, same, other) == "accepted"
    assert seen_with(TWICE, accept, same, other)[0]["decision"]["approved_by"] == "bob"
    early = decided("APPROVE", URGENT, "D-4", "2026-06-14T12:00Z", refers_to="D-1", actor="cy")
    assert seen_with(TWICE, accept, other, early)[0]["decision"]["approved_by"] == "cy"


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"USD": 900, "*": 10**6}, "accept_requested"),
        ({"USD": 901, "*": 1}, "accepted"),
        ({"EUR": 1, "*": 900}, "accept_requested"),
    ],
)
def test_a_drift_of_the_limit_needs_a_second_person(limits: dict[str, int], expected: str) -> None:
    truth = truth_of_facts([*SHORT, decided("ACCEPT", ROW)], at(LATE), Policy(four_eyes_minor=limits))
    rows = [*truth.open_breaks.values(), *truth.accepted_breaks.values()]
    assert {row["decision"]["state"] for row in rows if row["key_kind"] == "payment"} == {expected}


def test_an_acceptance_of_something_else_is_no_request() -> None:
    for wrong in ({"break_class": "settlement_missing"}, {"drift_minor": -901}, {"evidence": "0" * 32}):
        assert state(SHORT, decided("ACCEPT", ROW, **wrong)) is None


def test_a_change_opens_it_again() -> None:
    accept = decided("ACCEPT", ROW)
    more = settled("R-2", "2026-06-02T15:00Z", 100)
    assert state([*SHORT, more, the_posting("G-2", amount=100)], accept) is None
    # The same amount from other facts is other evidence.
    failed = outcome("FAILED", "2026-06-02T15:00Z", 0, processor_reference="R-3")
    assert state([*SHORT, failed], accept) is None


def test_a_fact_told_again_unchanged_changes_no_evidence() -> None:
    again = msgspec.structs.replace(SHORT[2], event_id="again", occurred_at=SHORT[2].occurred_at + 1)
    assert state([*SHORT, again], decided("ACCEPT", ROW)) == "accepted"


@pytest.mark.parametrize(
    ("until", "expected"),
    [(None, "acknowledged"), (at(LATE) + 1, "acknowledged"), (at(LATE), None)],
)
def test_an_acknowledgement_counts_until_its_instant(until: int | None, expected: str | None) -> None:
    assert state(SHORT, decided("ACKNOWLEDGE", ROW, until=until)) == expected


def test_the_latest_assignment_holds_and_nobody_is_no_state() -> None:
    to = [
        decided("ASSIGN", ROW, name, f"2026-06-1{day}T12:00Z", assignee=assignee)
        for name, day, assignee in (("D-1", 1, "bob"), ("D-2", 2, "cy"), ("D-3", 3, None))
    ]
    assert state(SHORT, *to[:2]) == "assigned"
    assert seen_with(SHORT, *to[:2])[0]["decision"]["assignee"] == "cy"
    assert state(SHORT, *to) is None


def test_the_furthest_state_gives_the_actor_and_the_others_stay_visible() -> None:
    decisions = [
        decided("ACKNOWLEDGE", ROW, "D-1", "2026-06-11T12:00Z", actor="a", until=at(LATE) + 5),
        decided("ACCEPT", ROW, "D-2", "2026-06-12T12:00Z", actor="b"),
        decided("ASSIGN", ROW, "D-3", "2026-06-13T12:00Z", actor="c", assignee="dee"),
    ]
    decision = seen_with(SHORT, *decisions)[0]["decision"]
    assert (decision["state"], decision["actor"]) == ("accepted", "b")
    assert (decision["assignee"], decision["until"]) == ("dee", at(LATE) + 5)
    assert seen_with(SHORT, decisions[0], decisions[2])[0]["decision"]["actor"] == "c"


def test_withdrawals() -> None:
    accept = decided("ACCEPT", ROW, "D-1", "2026-06-11T12:00Z")
    withdraw = decided("WITHDRAW", ROW, "D-2", "2026-06-12T12:00Z", refers_to="D-1")
    again = decided("WITHDRAW", ROW, "D-3", "2026-06-13T12:00Z", refers_to="D-2")
    assert state(SHORT, accept, withdraw) is None
    assert state(SHORT, accept, withdraw, again) == "accepted"
    before = decided("WITHDRAW", ROW, "D-4", "2026-06-10T12:00Z", refers_to="D-1")
    assert state(SHORT, accept, before) == "accepted"


def test_a_decision_told_twice_is_one_and_the_first_holds() -> None:
    accept = decided("ACCEPT", ROW)
    twice = msgspec.structs.replace(accept, event_id="z", occurred_at=accept.occurred_at + 1, actor="zoe")
    truth = seen_with(SHORT, twice, accept)[1]
    assert truth == seen_with(SHORT, accept)[1]
    assert truth.open_breaks == seen_with(SHORT, accept, twice)[1].open_breaks


def test_a_decision_about_no_break_waits_and_shows_nothing() -> None:
    waiting: BreakDecided = decided("ACCEPT", ROW)
    truth = seen(LATE, waiting)
    assert (truth.payments, truth.open_breaks, truth.accepted_breaks) == ({}, {}, {})
    comment: dict[str, Any] = {"break_id": "0" * 32}
    assert state(SHORT, decided("COMMENT", ROW, **comment)) is None

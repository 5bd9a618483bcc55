"""The state of an obligation: which facts conflict, the money that payments give it, and what its breaks rest on."""

from itertools import permutations

import msgspec
import pytest

from domain.calendar import end_of_day
from domain.facts import (
    BreakDecided,
    Installment,
    ObligationAdjusted,
    ObligationCancelled,
    ObligationCharged,
    ObligationFact,
    ObligationReinstated,
    PaymentApplication,
    PlanChanged,
    Share,
)
from domain.ids import break_id, evidence_of
from domain.obligations import view as obligation
from domain.obligations.view import ObligationState
from domain.policy import Policy
from domain.records import BreakClass, ObligationStatus
from domain.time import MINUTE, NOT_CAUGHT_UP
from tests.kit.scenario_words import instant

AT = instant("2026-01-05 15:00")

CHARGE = ObligationCharged(
    event_id="e1",
    occurred_at=AT,
    obligation_id="O1",
    lease_id="lease",
    tenant_id="T",
    property_id="H",
    period="2026-01",
    amount_minor=10000,
    currency="USD",
    due_date=20_500,
    time_zone="America/New_York",
    grace_days=5,
    installments=(Installment("A1", 0, 5000, 20_500), Installment("A2", 1, 5000, 20_510)),
)


def conflicting(state: ObligationState) -> set[tuple[str, ...]]:
    view = obligation.view(state, NOT_CAUGHT_UP, Policy())
    return {one.subject for one in view.breaks if one.break_class is BreakClass.CONFLICTING_FACT}


@pytest.mark.parametrize(
    ("changed", "conflicts"),
    [
        ({"amount_minor": 1}, True),
        ({"currency": "CAD"}, True),
        ({"due_date": 20_501}, True),
        ({"time_zone": "America/Chicago"}, True),
        ({"lease_id": "other"}, True),
        ({"tenant_id": "U"}, True),
        ({"property_id": "I"}, True),
        ({"installments": ()}, True),
        ({"installments": (Installment("A1", 1, 5000, 20_500), Installment("A2", 1, 5000, 20_510))}, True),
        ({"installments": CHARGE.installments[::-1]}, False),
        ({"period": "2026-02"}, True),
        ({"grace_days": 6}, True),
        ({"grace_ends_on": 20_520}, False),
        ({"installments": (Installment("A1", 0, 5000, 20_500, 20_503), CHARGE.installments[1])}, False),
        ({"occurred_at": AT + 1}, False),
    ],
)
def test_which_differences_between_two_charges_conflict(changed: dict[str, object], conflicts: bool) -> None:
    state = obligation.new_obligation("O1")
    obligation.apply(state, CHARGE)
    obligation.apply(state, msgspec.structs.replace(CHARGE, event_id="e9", **changed))
    assert conflicting(state) == ({("fact", "ObligationCharged")} if conflicts else set())


@pytest.mark.parametrize(
    ("one", "other", "conflicts"),
    [
        ({"amount_delta_minor": 2}, {"amount_delta_minor": 1}, True),
        ({"currency": "USD"}, {"currency": "CAD"}, True),
        ({"installment_id": "A1"}, {"installment_id": "A2"}, True),
        ({"due_date": 20_500}, {"due_date": 20_501}, True),
        ({"kind": "RENT"}, {"kind": "FEE"}, True),
        ({"kind": None}, {"kind": "FEE"}, False),
        ({"installment_id": None}, {"installment_id": "A2"}, False),
        ({"due_date": None}, {"due_date": 20_500}, False),
        ({"reason": "late fee"}, {"reason": "reworded"}, False),
    ],
)
def test_which_differences_between_two_adjustments_conflict(
    one: dict[str, object], other: dict[str, object], conflicts: bool
) -> None:
    fact = ObligationAdjusted("e8", AT, "O1", "D1", 1, "USD", "late fee")
    for first, second in ((one, other), (other, one)):
        state = obligation.new_obligation("O1")
        obligation.apply(state, CHARGE)
        obligation.apply(state, msgspec.structs.replace(fact, **first))
        obligation.apply(state, msgspec.structs.replace(fact, event_id="e9", **second))
        assert conflicting(state) == ({("fact", "ObligationAdjusted", "D1")} if conflicts else set())


def test_a_conflict_and_a_fact_told_after_its_opposite_are_one_break() -> None:
    state = obligation.new_obligation("O1")
    obligation.apply(state, CHARGE)
    obligation.apply(state, ObligationCancelled("e2", AT + 1, "O1", "moved out"))
    obligation.apply(state, ObligationReinstated("e3", AT + 2, "O1", "R1", "stays"))
    obligation.apply(state, msgspec.structs.replace(CHARGE, event_id="e4", occurred_at=AT + 1))
    (told_again,) = obligation.view(state, NOT_CAUGHT_UP, Policy()).breaks
    assert told_again.event_ids == ("e1", "e2")
    obligation.apply(state, msgspec.structs.replace(CHARGE, event_id="e5", occurred_at=AT + 3, amount_minor=1))
    obligation.apply(state, msgspec.structs.replace(CHARGE, event_id="e6", occurred_at=AT + 4, amount_minor=1))
    (differing,) = obligation.view(state, NOT_CAUGHT_UP, Policy()).breaks
    assert differing.break_id == told_again.break_id
    assert differing.event_ids == ("e1", "e2", "e5")


def application(**changed: object) -> PaymentApplication:
    """Give the application of a payment with one allocation, of 5000 that stand."""
    fact = PaymentApplication(
        payment_id="P1",
        obligation_id="O1",
        revision=1,
        initiated=True,
        initiated_at=AT,
        currency="USD",
        installment_id=None,
        standing_minor=5000,
        in_flight_minor=0,
        pending_until=None,
        posted={},
        rests_on=AT,
        initiation_event_id="p1",
        shares=(Share(0, None, 5000, 0),),
        assigned_at=AT,
        property_id="H",
    )
    return msgspec.structs.replace(fact, **changed)


def owed(*facts: ObligationFact) -> ObligationState:
    state = obligation.new_obligation("O1")
    for fact in facts:
        obligation.apply(state, fact)
    return state


def paid_of(state: ObligationState, now: int = AT) -> dict[str, dict[str, int]]:
    record = obligation.view(state, now, Policy()).reconciliation
    assert record is not None
    return {one.installment_id: {**one.paid, **one.pending} for one in record.installments}


def decision(**changed: object) -> BreakDecided:
    fact = BreakDecided(
        event_id="b1",
        occurred_at=AT,
        decision_id="B1",
        key_kind="obligation",
        key="O1",
        break_id=break_id("obligation", "O1", ("payment", "P1")),
        action="ACKNOWLEDGE",
        actor="ann",
        reason="the ledger is late",
    )
    return msgspec.structs.replace(fact, **changed)


def test_an_application_of_version_1_is_one_share() -> None:
    version_1 = {"shares": (), "assigned_at": 0, "property_id": None}
    named = application(installment_id="A2", standing_minor=100, **version_1)
    assert paid_of(owed(CHARGE, named)) == {"A1": {}, "A2": {"P1": 100}}
    unknown = owed(CHARGE, application(installment_id="Z", **version_1))
    view = obligation.view(unknown, AT, Policy())
    assert view.breaks == ()
    assert view.next_deadline == AT + 30 * MINUTE
    state = owed(application(initiated=False, initiated_at=0, standing_minor=0, initiation_event_id="", **version_1))
    assert not state.applications["P1"].initiated


def test_the_shares_of_a_payment_are_applied_in_their_places() -> None:
    shares = (Share(3, "A1", 1000, 0), Share(0, "A2", 4000, 0), Share(1, None, 2000, 0))
    for order in permutations(shares):
        # A2 first takes what names it; then what is left goes to the oldest.
        assert paid_of(owed(CHARGE, application(shares=order))) == {"A1": {"P1": 3000}, "A2": {"P1": 4000}}
    other = application(payment_id="P2", shares=(Share(0, "A1", 4500, 0),), initiated_at=AT - 1)
    for order in permutations(shares):
        found = paid_of(owed(CHARGE, application(shares=order), other))
        assert found == {"A1": {"P2": 4500, "P1": 500}, "A2": {"P1": 5000}}


def test_pending_money_of_several_shares_comes_after_all_standing_money() -> None:
    shares = (Share(0, "A1", 0, 3000), Share(1, "A2", 1000, 2000))
    late = application(payment_id="P2", initiated_at=AT + 1, shares=(Share(0, "A1", 4000, 0),))
    state = owed(CHARGE, application(shares=shares, pending_until=AT + 9), late)
    assert paid_of(state, AT + 8) == {"A1": {"P2": 4000, "P1": 1000}, "A2": {"P1": 4000}}
    record = obligation.view(state, AT + 8, Policy()).reconciliation
    assert record is not None
    assert [one.pending for one in record.installments] == [{"P1": 1000}, {"P1": 4000}]
    assert paid_of(state, AT + 9) == {"A1": {"P2": 4000}, "A2": {"P1": 1000}}


def test_money_is_in_flight_from_its_initiation_to_its_settlement_deadline() -> None:
    state = owed(CHARGE, application(shares=(Share(0, None, 0, 700),), pending_until=AT + 9))
    seen = []
    for now in (AT - 1, AT, AT + 8, AT + 9):
        view = obligation.view(state, now, Policy())
        assert view.reconciliation is not None
        seen.append((view.reconciliation.pending_minor, view.next_deadline))
    due_at = end_of_day(20_500, "America/New_York")
    assert seen == [(0, AT), (700, AT + 9), (700, AT + 9), (0, due_at)]


def test_breaks_of_a_payment_count_their_grace_from_its_assignment_and_rest_on_it() -> None:
    shares = (Share(0, "Z1", 100, 0), Share(1, "A1", 200, 0), Share(2, "Z2", 50, 5))
    assigned = application(
        shares=shares,
        pending_until=AT + 90 * MINUTE,
        assigned_at=AT + MINUTE,
        assignment_event_id="a1",
        property_id=None,
    )
    before, at = (obligation.view(owed(CHARGE, assigned), AT + t * MINUTE, Policy()) for t in (30, 31))
    assert before.breaks == ()
    assert before.next_deadline == AT + 31 * MINUTE
    (unknown,) = at.breaks
    assert (unknown.break_class, unknown.actual_minor) == (BreakClass.INSTALLMENT_UNKNOWN, 155)
    assert (unknown.due_at, unknown.event_ids) == (AT + 31 * MINUTE, ("a1", "p1"))
    (without_charge,) = obligation.view(owed(assigned), AT + 31 * MINUTE, Policy()).breaks
    assert (without_charge.break_class, without_charge.actual_minor) == (BreakClass.OBLIGATION_UNKNOWN, 355)
    assert (without_charge.due_at, without_charge.event_ids) == (AT + 31 * MINUTE, ("a1", "p1"))


def test_another_property_is_a_break_of_the_initiations_own_allocations_only() -> None:
    (mismatch,) = obligation.view(owed(CHARGE, application(property_id="I")), AT, Policy()).breaks
    assert (mismatch.subject, mismatch.break_class) == (("payment", "P1"), BreakClass.PROPERTY_MISMATCH)
    assert (mismatch.actual_minor, mismatch.due_at, mismatch.event_ids) == (5000, None, ("e1", "p1"))
    assert obligation.view(owed(CHARGE, application(property_id=None)), AT, Policy()).breaks == ()


def test_an_overpayment_rests_on_what_decides_whether_the_obligation_is_cancelled() -> None:
    facts = [
        CHARGE,
        application(shares=(Share(0, None, 12_000, 0),)),
        ObligationCancelled("x1", AT + 1, "O1", "moved out"),
        ObligationReinstated("r1", AT + 2, "O1", "R1", "stays"),
    ]
    events = []
    for known in (2, 3, 4):
        (overpaid,) = obligation.view(owed(*facts[:known]), AT, Policy()).breaks
        events.append((overpaid.expected_minor, overpaid.actual_minor, overpaid.event_ids))
    assert events == [
        (10_000, 12_000, ("e1", "p1")),
        (0, 12_000, ("e1", "p1", "x1")),
        (10_000, 12_000, ("e1", "p1", "r1")),
    ]


def test_rests_on_counts_every_fact_of_an_obligation_but_no_decision() -> None:
    facts: list[ObligationFact] = [
        CHARGE,
        ObligationCancelled("x1", AT + 1, "O1", "moved out"),
        ObligationReinstated("r1", AT + 2, "O1", "R1", "stays"),
        ObligationAdjusted("d1", AT + 3, "O1", "D1", 1, "USD", "late fee"),
        PlanChanged("c1", AT + 4, "O1", 1, ()),
        decision(occurred_at=AT + 5, action="COMMENT"),
    ]
    seen = []
    for known in range(1, len(facts) + 1):
        record = obligation.view(owed(*facts[:known]), AT, Policy()).reconciliation
        assert record is not None
        seen.append(record.rests_on - AT)
    assert seen == [0, 1, 2, 3, 4, 4]


def test_an_accepted_break_of_an_obligation_is_not_open() -> None:
    facts = [CHARGE, application(shares=(Share(0, None, 10_500, 0),))]
    (overpaid,) = obligation.view(owed(*facts), AT, Policy()).breaks
    accept = decision(
        occurred_at=AT + 5,
        break_id=overpaid.break_id,
        action="ACCEPT",
        break_class="overpayment",
        drift_minor=500,
        evidence=evidence_of("overpayment", overpaid.event_ids),
    )
    for order in permutations([*facts, accept]):
        view = obligation.view(owed(*order), AT, Policy())
        (accepted,) = view.breaks
        assert accepted.is_accepted
        assert view.reconciliation is not None
        assert view.reconciliation.open_breaks == ()
        assert view.reconciliation.status is ObligationStatus.OVERPAID
    more = msgspec.structs.replace(facts[1], revision=2, shares=(Share(0, None, 10_501, 0),))
    view = obligation.view(owed(*facts, accept, more), AT, Policy())
    assert view.reconciliation is not None
    assert view.reconciliation.open_breaks == (overpaid.break_id,)


def test_a_decision_about_a_break_without_a_charge_counts_from_its_end_on() -> None:
    facts = [application(), decision(until=AT + 60 * MINUTE)]
    held = obligation.view(owed(*facts), AT + 30 * MINUTE, Policy())
    assert held.breaks[0].decision is not None
    assert held.next_deadline == AT + 60 * MINUTE
    assert obligation.view(owed(*facts), AT + 60 * MINUTE, Policy()).breaks[0].decision is None

"""States: the first record of each identity, small, applied fast, and the same in any order."""

from collections.abc import Callable
from itertools import permutations

import msgspec
import pytest

from domain.dedup import canonical
from domain.facts import (
    Allocation,
    Installment,
    ObligationCharged,
    PaymentApplication,
    PaymentInitiated,
    PaymentPosted,
    PostingReversed,
    ProcessorSettled,
)
from domain.obligations import view as obligation
from domain.obligations.view import ObligationState
from domain.payments import view as payment
from domain.payments.view import PaymentState
from domain.policy import Policy
from domain.records import BreakClass
from domain.time import NOT_CAUGHT_UP
from tests.kit.lines_run import LinesRun
from tests.kit.scenario_tables import read_facts
from tests.kit.scenario_words import day, instant

AT = instant("2026-01-05 15:00")
UUID = "0f0e5c3e-7a55-4a6e-9d5f-{:012}"


def initiated(**changed: object) -> PaymentInitiated:
    fact = PaymentInitiated(
        event_id="e1",
        occurred_at=AT,
        payment_id="P1",
        tenant_id="T",
        property_id="H",
        obligation_id="O1",
        installment_id="A1",
        amount_minor=10000,
        currency="USD",
        method="CARD",
        processor="acme",
        processor_reference="R1",
    )
    return msgspec.structs.replace(fact, **changed)


def settled(**changed: object) -> ProcessorSettled:
    fact = ProcessorSettled(
        event_id="e2",
        occurred_at=AT,
        payment_id="P1",
        processor="acme",
        processor_reference="R1",
        outcome="SETTLED",
        gross_minor=10000,
        fee_minor=0,
        net_minor=10000,
        currency="USD",
        reason_code="x",
        payout_id="y",
        value_date=20_458,
    )
    return msgspec.structs.replace(fact, **changed)


def posted(**changed: object) -> PaymentPosted:
    return msgspec.structs.replace(
        PaymentPosted(
            event_id="e3",
            occurred_at=AT,
            obligation_id="O1",
            posting_id="L1",
            payment_id="P1",
            installment_id="A1",
            amount_minor=10000,
            currency="USD",
        ),
        **changed,
    )


def reversal(**changed: object) -> PostingReversed:
    return msgspec.structs.replace(
        PostingReversed(
            event_id="e4",
            occurred_at=AT,
            obligation_id="O1",
            reversal_id="V1",
            posting_id="L1",
            payment_id="P1",
            amount_minor=10000,
            currency="USD",
            reason="error",
        ),
        **changed,
    )


def payment_of(*facts: PaymentInitiated | ProcessorSettled | PaymentPosted | PostingReversed) -> PaymentState:
    state = payment.new_payment("P1")
    for fact in facts:
        payment.apply(state, fact)
    return state


def conflicting(state: PaymentState | ObligationState) -> set[tuple[str, ...]]:
    view = (
        payment.view(state, NOT_CAUGHT_UP, Policy())
        if isinstance(state, PaymentState)
        else obligation.view(state, NOT_CAUGHT_UP, Policy())
    )
    return {one.subject for one in view.breaks if one.break_class is BreakClass.CONFLICTING_FACT}


@pytest.mark.parametrize(
    ("changed", "conflicts"),
    [
        ({"amount_minor": 1}, True),
        ({"currency": "CAD"}, True),
        ({"obligation_id": "O2"}, True),
        ({"installment_id": "A2"}, True),
        ({"installment_id": None}, False),
        ({"allocations": (Allocation("O1", "A1", 10000),)}, False),
        ({"tenant_id": "U"}, True),
        ({"property_id": "I"}, True),
        ({"method": "CASH"}, True),
        ({"processor": "other"}, True),
        ({"processor_reference": None}, False),
        ({"processor_reference": "R2"}, False),
        ({"occurred_at": AT + 1}, False),
    ],
)
@pytest.mark.parametrize("event", ["e1", "e0", "e9"])
def test_which_differences_between_two_initiations_conflict(
    changed: dict[str, object], conflicts: bool, event: str
) -> None:
    one, other = initiated(), initiated(event_id=event, **changed)
    expected = {("fact", "PaymentInitiated")} if conflicts else set()
    assert conflicting(payment_of(one, other)) == conflicting(payment_of(other, one)) == expected


@pytest.mark.parametrize(
    ("changed", "conflicts"),
    [
        ({"gross_minor": 1}, True),
        ({"fee_minor": 1}, True),
        ({"net_minor": 1}, True),
        ({"currency": "CAD"}, True),
        ({"value_date": 20_000}, True),
        ({"value_date": None}, False),
        ({"payout_id": "z"}, True),
        ({"payout_id": None}, False),
        ({"fee_minor": None, "net_minor": None}, False),
        ({"original_reference": "R0"}, False),
        ({"settlement_currency": "USD"}, False),
        ({"reason_code": None}, False),
        ({"reason_code": "reworded"}, False),
        ({"occurred_at": AT + 1}, False),
    ],
)
def test_which_differences_between_two_outcomes_conflict(changed: dict[str, object], conflicts: bool) -> None:
    expected = {("fact", "ProcessorSettled", "acme", "R1", "SETTLED")} if conflicts else set()
    assert conflicting(payment_of(settled(), settled(event_id="e9", **changed))) == expected


@pytest.mark.parametrize(
    ("changed", "conflicts"),
    [
        ({"amount_minor": 1}, True),
        ({"currency": "CAD"}, True),
        ({"obligation_id": "O2"}, True),
        ({"installment_id": "A2"}, True),
        ({"installment_id": None}, False),
        ({"occurred_at": AT + 1}, False),
    ],
)
def test_which_differences_between_two_postings_conflict(changed: dict[str, object], conflicts: bool) -> None:
    expected = {("fact", "PaymentPosted", "L1")} if conflicts else set()
    assert conflicting(payment_of(posted(), posted(event_id="e9", **changed))) == expected


@pytest.mark.parametrize(
    ("changed", "conflicts"),
    [
        ({"amount_minor": 1}, True),
        ({"currency": "CAD"}, True),
        ({"obligation_id": "O2"}, True),
        ({"posting_id": "L2"}, True),
        ({"reason": "reworded"}, False),
    ],
)
def test_which_differences_between_two_reversals_conflict(changed: dict[str, object], conflicts: bool) -> None:
    expected = {("fact", "PostingReversed", "V1")} if conflicts else set()
    assert conflicting(payment_of(reversal(), reversal(event_id="e9", **changed))) == expected


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


def test_the_first_by_time_then_event_then_content_is_accepted_in_any_order() -> None:
    records = [
        initiated(occurred_at=AT + 5, event_id="a", amount_minor=1),
        initiated(occurred_at=AT, event_id="b", amount_minor=2),
        initiated(occurred_at=AT, event_id="a", amount_minor=30),
        initiated(occurred_at=AT, event_id="a", amount_minor=4),
        initiated(occurred_at=AT, event_id="a", amount_minor=30, obligation_id="O0"),
    ]
    seen = set()
    for order in permutations(records):
        state = payment_of(*order)
        assert state.initiation is not None
        seen.add(
            (state.initiation.amount_minor, state.initiation.obligation_id, frozenset(state.initiation.event_ids()))
        )
    assert seen == {(30, "O0", frozenset({"a", "b"}))}


def test_canonical_content_is_json_with_sorted_names() -> None:
    state = payment_of(posted())
    assert canonical(state.postings["L1"]) == (
        b'{"amount_minor":10000,"currency":"USD","event_id":"e3","installment_id":"A1","obligation_id":"O1",'
        b'"occurred_at":%d}' % AT
    )


def test_the_currency_before_the_initiation_does_not_depend_on_arrival() -> None:
    facts = [
        settled(currency="CAD"),
        posted(event_id="e2", currency="EUR"),
        reversal(occurred_at=AT + 1, currency="USD"),
    ]
    seen = {
        payment.view(payment_of(*order), NOT_CAUGHT_UP, Policy()).reconciliation.currency
        for order in permutations(facts)
    }
    assert seen == {"EUR"}  # of one instant and event id: `amount_minor` is written before `currency`


def test_an_event_id_used_twice_is_found_in_any_order() -> None:
    facts = [settled(event_id="a"), settled(event_id="b"), posted(event_id="c"), posted(event_id="b"), initiated()]
    for order in permutations(facts):
        assert conflicting(payment_of(*order)) == {("event", "b")}
    assert conflicting(payment_of(settled(event_id="a"), settled(event_id="a", outcome="RETURNED"))) == {("event", "a")}


def test_apply_distinguishes_a_redelivery_from_a_new_fact() -> None:
    state = payment.new_payment("P1")
    assert payment.apply(state, initiated())
    assert not payment.apply(state, initiated())
    assert payment.apply(state, initiated(event_id="e0"))
    assert not payment.apply(state, initiated())
    assert not payment.apply(state, initiated(event_id="e0"))
    # The latest time that it was told at decides whether it was told again after its opposite.
    assert payment.apply(state, initiated(occurred_at=AT + 7))
    assert not payment.apply(state, initiated(occurred_at=AT + 7))
    assert payment.apply(state, initiated(occurred_at=AT - 7))
    assert payment.apply(state, initiated(amount_minor=1, occurred_at=AT + 7))
    assert not payment.apply(state, initiated(amount_minor=1, occurred_at=AT + 7))


def test_an_application_of_a_lower_revision_is_ignored() -> None:
    state = obligation.new_obligation("O1")
    application = PaymentApplication(
        payment_id="P1",
        obligation_id="O1",
        revision=5,
        initiated=True,
        initiated_at=AT,
        currency="USD",
        installment_id=None,
        standing_minor=100,
        in_flight_minor=0,
        pending_until=None,
        posted={},
        rests_on=AT,
        initiation_event_id="e1",
    )
    assert obligation.apply(state, application)
    assert not obligation.apply(state, application)
    assert not obligation.apply(state, msgspec.structs.replace(application, revision=4, standing_minor=7))
    assert state.applications["P1"].standing_minor == 100
    assert obligation.apply(state, msgspec.structs.replace(application, revision=6, standing_minor=8))
    assert state.applications["P1"].standing_minor == 8


def test_rests_on_is_the_latest_accepted_fact() -> None:
    state = payment_of(initiated(), settled(occurred_at=AT + 50), posted(occurred_at=AT + 20))
    payment.apply(state, settled(occurred_at=AT + 90))
    assert payment.view(state, NOT_CAUGHT_UP, Policy()).reconciliation.rests_on == AT + 50
    owed = obligation.new_obligation("O1")
    obligation.apply(owed, CHARGE)
    (application,) = payment.view(state, NOT_CAUGHT_UP, Policy()).applications
    obligation.apply(owed, msgspec.structs.replace(application, revision=1))
    record = obligation.view(owed, NOT_CAUGHT_UP, Policy()).reconciliation
    assert record is not None
    assert record.rests_on == AT + 50


def test_a_payment_with_three_facts_is_small() -> None:
    state = payment.new_payment(UUID.format(0))
    payment.apply(state, initiated(event_id=UUID.format(1), payment_id=UUID.format(0), obligation_id=UUID.format(2)))
    payment.apply(
        state, settled(event_id=UUID.format(3), payment_id=UUID.format(0), processor_reference="ch_" + "9" * 24)
    )
    payment.apply(
        state,
        posted(
            event_id=UUID.format(4), payment_id=UUID.format(0), obligation_id=UUID.format(2), posting_id=UUID.format(5)
        ),
    )
    packed = msgspec.msgpack.encode(state)
    assert msgspec.msgpack.decode(packed, type=PaymentState) == state
    assert len(packed) < 420


def test_large_amounts_do_not_break_anything() -> None:
    state = payment_of(
        initiated(amount_minor=2**70), settled(gross_minor=2**71, net_minor=2**71), posted(amount_minor=2**72)
    )
    view = payment.view(state, AT + 10**15, Policy())
    assert view.reconciliation.settled.standing_minor == 2**71
    owed = obligation.new_obligation("O1")
    obligation.apply(owed, msgspec.structs.replace(CHARGE, amount_minor=2**80))
    obligation.apply(owed, msgspec.structs.replace(view.applications[0], revision=1))
    record = obligation.view(owed, NOT_CAUGHT_UP, Policy()).reconciliation
    assert record is not None
    assert record.paid_minor == 2**71


@pytest.mark.parametrize("at", [-(2**63), 2**63 - 1, -(2**61), 2**61])
def test_instants_at_the_ends_of_time_do_not_break_anything(at: int) -> None:
    for fact in (initiated(occurred_at=at), settled(occurred_at=at), posted(occurred_at=at)):
        state = payment_of(fact)
        for now in (NOT_CAUGHT_UP, AT, 2**62):
            view = payment.view(state, now, Policy())
            assert view.next_deadline is None or now < view.next_deadline < 2**63
            assert msgspec.msgpack.decode(msgspec.msgpack.encode(view.reconciliation), type=type(view.reconciliation))
    for due in ("0001-01-01", "9999-12-31"):
        owed = obligation.new_obligation("O1")
        obligation.apply(owed, msgspec.structs.replace(CHARGE, occurred_at=at, due_date=day(due), installments=()))
        for now in (NOT_CAUGHT_UP, AT, 2**62):
            assert obligation.view(owed, now, Policy()).reconciliation is not None


def large_obligation(size: int) -> None:
    owed = obligation.new_obligation("O1")
    plan = tuple(Installment(f"A{i}", i, 100, 20_000 + i % 400) for i in range(size))
    obligation.apply(owed, msgspec.structs.replace(CHARGE, amount_minor=100 * size, installments=plan))
    for i in range(size // 2):
        application = PaymentApplication(
            payment_id=f"P{i}",
            obligation_id="O1",
            revision=1,
            initiated=True,
            initiated_at=AT + i,
            currency="USD",
            installment_id=f"A{i * 2}" if i % 2 else None,
            standing_minor=150,
            in_flight_minor=0,
            pending_until=None,
            posted={"USD": 150},
            rests_on=AT,
            initiation_event_id=f"e{i}",
        )
        obligation.apply(owed, application)
    view = obligation.view(owed, AT, Policy())
    assert view.reconciliation is not None
    assert view.reconciliation.paid_minor == size // 2 * 150


def large_payment(size: int) -> None:
    state = payment_of(initiated(amount_minor=100))
    for i in range(size):
        payment.apply(state, posted(event_id=f"p{i}", posting_id=f"L{i}", obligation_id=f"O{i}", amount_minor=1))
        payment.apply(state, posted(event_id=f"d{i}", posting_id="L0", obligation_id="O0", amount_minor=1))
        payment.apply(state, reversal(event_id=f"r{i}", reversal_id=f"V{i}", posting_id=f"L{i}", amount_minor=1))
    assert payment.view(state, NOT_CAUGHT_UP, Policy()).reconciliation.posted.net_minor == 0


@pytest.mark.parametrize("work", [large_obligation, large_payment])
def test_very_large_keys_stay_near_linear(work: Callable[[int], None]) -> None:
    """Four times the facts run about four times the lines; quadratic work would run sixteen times as many.

    Lines of compiled rules are not traced, so this is a test of the Python that they are compiled from.
    """
    with LinesRun() as small:
        work(500)
    with LinesRun() as large:
        work(2_000)
    assert large.count < 5 * small.count


def test_facts_of_the_tables_have_distinct_event_ids() -> None:
    facts = read_facts("2026-01-05 15:00  P1 initiated 1.00 for O1\n2026-01-05 16:00  P1 initiated 1.00 for O1")
    assert facts[0].event_id != facts[1].event_id

"""Invariants of obligations over generated facts and applications: order does not matter, money adds up, rent first."""

from collections import Counter

import msgspec
from hypothesis import event, given
from hypothesis import strategies as st

from domain.facts import ObligationFact, PaymentApplication, Share
from domain.obligations import view as obligation
from domain.obligations.totals import counting_payments, plan_in_force
from domain.obligations.view import ObligationState
from domain.policy import Policy
from domain.records import InstallmentView, ObligationReconciliation
from domain.time import DAY, HOUR, NOT_CAUGHT_UP, Micros
from tests.kit.examples import examples
from tests.kit.fact_strategies import START, amounts, currencies, facts_of_obligations, instants, instants_to_look_at

LITTLE_TIME = examples(400)
NAMES = ["A1", "A2", "D1", "O1", "Z"]


@st.composite
def applications(draw: st.DrawFn) -> PaymentApplication:
    """Draw what a payment gives an obligation: up to three shares, standing or in flight or both, or a posting."""
    money = st.sampled_from([0, 30, 50, 120])
    names = st.sampled_from([None, None, *NAMES])
    shares = tuple(Share(place, draw(names), draw(money), draw(money)) for place in range(draw(st.integers(0, 3))))
    initiated_at = draw(instants)
    assigned = draw(st.booleans())
    return PaymentApplication(
        payment_id=draw(st.sampled_from(["P1", "P2", "P3", "P4"])),
        obligation_id="O1",
        revision=draw(st.integers(1, 10**6)),
        initiated=bool(shares),
        initiated_at=initiated_at if shares else 0,
        currency=draw(currencies),
        installment_id=None,
        standing_minor=0,
        in_flight_minor=0,
        pending_until=initiated_at + draw(st.integers(1, 200)) * HOUR if shares else None,
        posted={"USD": draw(amounts)} if draw(st.booleans()) else {},
        rests_on=draw(instants),
        initiation_event_id="p1" if shares else "",
        shares=shares,
        assigned_at=initiated_at + assigned * HOUR if shares else 0,
        assignment_event_id="a1" if shares and assigned else "",
        property_id=draw(st.sampled_from(["H", "I"])) if shares and not assigned else None,
    )


def told(draw_applications: st.SearchStrategy[PaymentApplication]) -> st.SearchStrategy[list[ObligationFact]]:
    return st.tuples(
        st.lists(facts_of_obligations(st.just("O1")), max_size=12),
        st.lists(draw_applications, max_size=6, unique_by=lambda each: (each.payment_id, each.revision)),
    ).map(lambda both: [*both[0], *both[1]])


histories = told(applications())


def applied(facts: list[ObligationFact]) -> ObligationState:
    state = obligation.new_obligation("O1")
    for fact in facts:
        obligation.apply(state, fact)
    return state


@LITTLE_TIME
@given(facts=histories, now=instants_to_look_at, data=st.data())
def test_order_duplicates_and_packing_do_not_matter(
    facts: list[ObligationFact], now: Micros, data: st.DataObject
) -> None:
    reference = obligation.view(applied(facts), now, Policy())
    again = data.draw(st.lists(st.sampled_from(facts), max_size=6)) if facts else []
    state = obligation.new_obligation("O1")
    for fact in data.draw(st.permutations(facts + again)):
        obligation.apply(state, fact)
        state = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=ObligationState)
    assert obligation.view(state, now, Policy()) == reference
    if reference.reconciliation is not None:
        event(f"status: {reference.reconciliation.status}")
    for one in reference.breaks:
        event(f"break: {one.break_class}")


@LITTLE_TIME
@given(facts=histories)
def test_a_view_changes_only_at_its_next_deadline(facts: list[ObligationFact]) -> None:
    state = applied(facts)
    now = NOT_CAUGHT_UP
    while True:
        at_now = obligation.view(state, now, Policy())
        deadline = at_now.next_deadline
        last = START + 1000 * DAY if deadline is None else deadline - 1
        assert now <= last
        assert obligation.view(state, last, Policy()) == at_now
        assert obligation.view(state, (max(now, START - 1000 * DAY) + last) // 2, Policy()) == at_now
        if deadline is None:
            break
        now = deadline


def record_of(state: ObligationState, now: Micros) -> ObligationReconciliation | None:
    return obligation.view(state, now, Policy()).reconciliation


def is_covered(one: InstallmentView) -> bool:
    return sum(one.paid.values()) + sum(one.pending.values()) == one.amount_minor


@LITTLE_TIME
@given(facts=histories, now=instants_to_look_at)
def test_money_adds_up(facts: list[ObligationFact], now: Micros) -> None:
    state = applied(facts)
    record = record_of(state, now)
    if record is None:
        return
    payments, _ = counting_payments(state, record.currency, now)
    assert record.paid_minor == sum(one.standing_minor for one in payments)
    assert record.overpaid_minor == max(0, record.paid_minor - record.balance_minor)
    owed = max(0, record.balance_minor)
    assert sum(one.amount_minor for one in record.installments) == owed
    assert all(one.amount_minor >= 0 for one in record.installments)
    placed: Counter[str] = Counter()
    pending: Counter[str] = Counter()
    for one in record.installments:
        placed.update(one.paid)
        pending.update(one.pending)
        assert sum(one.paid.values()) + sum(one.pending.values()) <= one.amount_minor
        assert all(amount > 0 for amount in (*one.paid.values(), *one.pending.values()))
    assert placed.total() == min(record.paid_minor, owed)
    assert record.pending_minor == pending.total()
    in_flight = sum(one.pending_minor for one in payments)
    assert pending.total() == min(in_flight, owed - placed.total())
    for one in payments:
        assert placed[one.payment_id] <= one.standing_minor
        assert pending[one.payment_id] <= one.pending_minor
    due_dates = [one.due_date for one in record.installments]
    assert due_dates == sorted(due_dates)
    assert record.next_due_date == next((one.due_date for one in record.installments if not is_covered(one)), None)


@LITTLE_TIME
@given(facts=histories, now=instants_to_look_at)
def test_no_fee_is_paid_before_rent(facts: list[ObligationFact], now: Micros) -> None:
    """Money that names a fee may pay it; whatever else a fee has, no installment of rent lacked."""
    state = applied(facts)
    record = record_of(state, now)
    if record is None:
        return
    assert state.charge is not None
    planned = {one.installment_id for one in plan_in_force(state, state.charge).installments} or {"O1"}
    fees = {name for name, one in state.adjustments.items() if one.kind == "FEE" and name not in planned}
    named: Counter[tuple[str, str]] = Counter()
    named_in_flight: Counter[tuple[str, str]] = Counter()
    for payment in counting_payments(state, record.currency, now)[0]:
        for share in payment.application.shares:
            if share.installment_id is not None:
                key = (share.installment_id, payment.payment_id)
                named[key] += share.standing_minor
                named_in_flight[key] += share.in_flight_minor if payment.pending_minor else 0
    rent = [one for one in record.installments if one.installment_id not in fees]
    rent_is_paid = all(sum(one.paid.values()) == one.amount_minor for one in rent)
    for one in record.installments:
        if one.installment_id not in fees:
            continue
        for payment_id, amount in one.paid.items():
            assert rent_is_paid or amount <= named[one.installment_id, payment_id]
        for payment_id, amount in one.pending.items():
            assert all(map(is_covered, rent)) or amount <= named_in_flight[one.installment_id, payment_id]
        event(f"a fee is paid: {bool(one.paid)}, rent is paid: {rent_is_paid}")


@LITTLE_TIME
@given(facts=histories, now=instants_to_look_at)
def test_money_that_names_an_installment_is_there_if_it_has_room(facts: list[ObligationFact], now: Micros) -> None:
    state = applied(facts)
    record = record_of(state, now)
    if record is None:
        return
    named: Counter[tuple[str, str]] = Counter()
    for payment in counting_payments(state, record.currency, now)[0]:
        for share in payment.application.shares:
            if share.installment_id is not None:
                named[share.installment_id, payment.payment_id] += share.standing_minor
    for one in record.installments:
        of_this = {payment_id: amount for (name, payment_id), amount in named.items() if name == one.installment_id}
        if sum(of_this.values()) <= one.amount_minor:
            assert all(one.paid.get(payment_id, 0) >= amount for payment_id, amount in of_this.items())


@LITTLE_TIME
@given(facts=histories, now=instants_to_look_at)
def test_a_subject_has_one_break_and_every_late_installment_is_listed(facts: list[ObligationFact], now: Micros) -> None:
    view = obligation.view(applied(facts), now, Policy())
    ids = [one.break_id for one in view.breaks]
    assert ids == sorted(set(ids))
    assert all("" not in one.event_ids and one.event_ids for one in view.breaks)
    if view.reconciliation is None:
        assert view.late == ()
        return
    assert list(view.reconciliation.open_breaks) == ids
    late = {one.installment_id for one in view.late}
    assert len(late) == len(view.late)
    for one in view.reconciliation.installments:
        assert one.installment_id not in late or not is_covered(one)

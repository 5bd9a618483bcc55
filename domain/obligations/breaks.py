"""The breaks of an obligation (contract section 7, key kind `obligation`).

A rule that depends on a deadline gives its breaks and the next instant at which they change by the clock alone.
"""

from collections.abc import Iterable

from domain.breaks.model import Break, in_order, new_break
from domain.calendar import later
from domain.deadlines import watch
from domain.obligations.allocation import Coverage
from domain.obligations.conflicts import conflicts
from domain.obligations.state import ObligationState
from domain.obligations.totals import (
    CountingPayment,
    ObligationTotals,
    installment_ids_ever_planned,
    latest_cancellation,
)
from domain.policy import Policy
from domain.records import BreakClass
from domain.time import FAR_FUTURE, Micros


def breaks_without_charge(
    state: ObligationState, payments: list[CountingPayment], now: Micros, policy: Policy
) -> tuple[tuple[Break, ...], Micros]:
    """Give the breaks, by break id, of an obligation that was never charged, and when they change next."""
    found = conflicts(state)
    next_deadline = FAR_FUTURE
    for one in payments:
        counting = one.standing_minor + one.pending_minor
        if not counting:
            continue
        due_at = later(one.application.assigned_at, policy.orphan_grace_micros)
        has_passed, changes_at = watch(due_at, now)
        next_deadline = min(next_deadline, changes_at)
        if has_passed:
            found.append(_payment_break(state, one, BreakClass.OBLIGATION_UNKNOWN, counting, due_at))
    return in_order(found), next_deadline


def obligation_breaks(
    state: ObligationState, totals: ObligationTotals, coverage: Coverage, now: Micros, policy: Policy
) -> tuple[tuple[Break, ...], Micros]:
    """Give the breaks of a charged obligation, by break id, and when they change next."""
    found = conflicts(state)
    if state.adjustments:
        found += _foreign_adjustments(state, totals)
    if len(totals.payments) < len(state.applications):
        found += _foreign_payments(state, totals)
    misdirected, misdirected_change_at = _misdirected_payments(state, totals, coverage, now, policy)
    found += misdirected
    mismatch, mismatch_changes_at = _plan_sum_mismatch(state, totals, now, policy)
    if mismatch is not None:
        found.append(mismatch)
    if coverage.overpaid_minor:
        found.append(_overpayment(state, totals, coverage))
    return in_order(found), min(misdirected_change_at, mismatch_changes_at)


def _payment_break(
    state: ObligationState,
    payment: CountingPayment,
    break_class: BreakClass,
    counting: int,
    due_at: Micros | None,
    further_event_ids: tuple[str, ...] = (),
) -> Break:
    """Open a break about the money that a payment gives to the obligation."""
    application = payment.application
    return new_break(
        "obligation",
        state.obligation_id,
        ("payment", payment.payment_id),
        break_class,
        actual_minor=counting,
        currency=application.currency,
        due_at=due_at,
        event_ids=(*application.event_ids, *further_event_ids),
    )


def _foreign_adjustments(state: ObligationState, totals: ObligationTotals) -> list[Break]:
    """Give the breaks of adjustments in another currency than the charge's, which do not count."""
    charge = totals.charge
    return [
        _currency_mismatch(state, totals, ("adjustment", adjustment_id), (adjustment.event_id, charge.event_id))
        for adjustment_id, adjustment in state.adjustments.items()
        if adjustment.currency != charge.currency
    ]


def _foreign_payments(state: ObligationState, totals: ObligationTotals) -> list[Break]:
    """Give the breaks of payments in another currency than the charge's, which are not allocated."""
    charge = totals.charge
    return [
        _currency_mismatch(state, totals, ("payment", payment_id), (*one.event_ids, charge.event_id))
        for payment_id, one in state.applications.items()
        if one.initiated and one.currency != charge.currency
    ]


def _currency_mismatch(
    state: ObligationState, totals: ObligationTotals, subject: tuple[str, ...], event_ids: Iterable[str]
) -> Break:
    return new_break(
        "obligation",
        state.obligation_id,
        subject,
        BreakClass.CURRENCY_MISMATCH,
        currency=totals.charge.currency,
        event_ids=event_ids,
    )


def _misdirected_payments(
    state: ObligationState, totals: ObligationTotals, coverage: Coverage, now: Micros, policy: Policy
) -> tuple[list[Break], Micros]:
    """Give the breaks of payments for an installment that never was, or for another property, and when they change."""
    property_id, index_by_id = totals.charge.property_id, coverage.index_by_id
    suspects: list[CountingPayment] = []
    for one in totals.payments:
        application = one.application
        if application.property_id is not None and application.property_id != property_id:
            suspects.append(one)
            continue
        for share in application.shares:
            if share.installment_id is not None and share.installment_id not in index_by_id:
                suspects.append(one)
                break
    if not suspects:
        return [], FAR_FUTURE
    found: list[Break] = []
    next_deadline = FAR_FUTURE
    ever_planned = installment_ids_ever_planned(state, totals.charge)
    for one in suspects:
        mismatch, changes_at = _misdirected_payment(state, totals, one, ever_planned, now, policy)
        next_deadline = min(next_deadline, changes_at)
        if mismatch is not None:
            found.append(mismatch)
    return found, next_deadline


def _misdirected_payment(
    state: ObligationState,
    totals: ObligationTotals,
    payment: CountingPayment,
    ever_planned: set[str],
    now: Micros,
    policy: Policy,
) -> tuple[Break | None, Micros]:
    """Give the break of a payment that names an installment that never was, else of one for another property."""
    application, charge = payment.application, totals.charge
    unknown = [
        share
        for share in application.shares
        if share.installment_id is not None and share.installment_id not in ever_planned
    ]
    changes_at = FAR_FUTURE
    if unknown:
        due_at = later(application.assigned_at, policy.orphan_grace_micros)
        has_passed, changes_at = watch(due_at, now)
        if has_passed:
            counting = sum([share.standing_minor for share in unknown])
            if payment.pending_minor:
                counting += sum([share.in_flight_minor for share in unknown])
            return _payment_break(state, payment, BreakClass.INSTALLMENT_UNKNOWN, counting, due_at), changes_at
    if application.property_id is None or application.property_id == charge.property_id:
        return None, changes_at
    counting = payment.standing_minor + payment.pending_minor
    mismatch = _payment_break(state, payment, BreakClass.PROPERTY_MISMATCH, counting, None, (charge.event_id,))
    return mismatch, changes_at


def _plan_sum_mismatch(
    state: ObligationState, totals: ObligationTotals, now: Micros, policy: Policy
) -> tuple[Break | None, Micros]:
    """Give the break of a plan in force that does not add up to the balance, once its grace has passed.

    Adjustments that name an installment of the plan change its sum. Dated adjustments, and those that name them, are
    no part of it.
    """
    charge, plan, specific = totals.charge, totals.plan, totals.specific
    if not plan.installments or totals.is_cancelled:
        return None, FAR_FUTURE
    expected = totals.balance_minor
    planned = sum([installment.amount_minor for installment in plan.installments])
    if specific is not None:
        expected -= specific.dated_minor
        planned += sum(specific.of_planned.values())
    if planned == expected:
        return None, FAR_FUTURE
    latest = max(charge.occurred_at, plan.occurred_at, *(one.occurred_at for one in state.adjustments.values()))
    due_at = later(latest, policy.orphan_grace_micros)
    has_passed, changes_at = watch(due_at, now)
    if not has_passed:
        return None, changes_at
    mismatch = new_break(
        "obligation",
        state.obligation_id,
        ("plan",),
        BreakClass.PLAN_SUM_MISMATCH,
        expected_minor=expected,
        actual_minor=planned,
        currency=charge.currency,
        due_at=due_at,
        event_ids=(*_events_of_balance(state, totals), plan.event_id),
    )
    return mismatch, changes_at


def _overpayment(state: ObligationState, totals: ObligationTotals, coverage: Coverage) -> Break:
    """Give the break of net settled money above what is owed, or of a credit that is owed back."""
    events = _events_of_balance(state, totals)
    for one in totals.payments:
        if one.standing_minor:
            events += one.application.event_ids
    return new_break(
        "obligation",
        state.obligation_id,
        ("balance",),
        BreakClass.OVERPAYMENT,
        expected_minor=totals.balance_minor,
        actual_minor=coverage.paid_minor,
        currency=totals.charge.currency,
        event_ids=events,
    )


def _events_of_balance(state: ObligationState, totals: ObligationTotals) -> list[str]:
    """Give the events that say what is owed: the charge, its adjustments, and what decides whether it is cancelled."""
    charge = totals.charge
    events = [charge.event_id]
    events += [one.event_id for one in state.adjustments.values() if one.currency == charge.currency]
    latest = latest_cancellation(state)
    if latest is not None:
        events.append(latest.event_id)
    return events

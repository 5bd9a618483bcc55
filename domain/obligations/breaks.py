"""The breaks of an obligation (contract section 7, key kind `obligation`).

A rule that depends on a deadline gives its breaks and the next instant at which they change by the clock alone.
"""

from collections.abc import Iterable

from domain.breaks.model import NO_CURRENCY, Break, conflict_breaks, in_order, new_break
from domain.calendar import later
from domain.deadlines import watch
from domain.obligations.allocation import Allocation
from domain.obligations.state import ObligationState, identities
from domain.obligations.totals import CountingPayment, ObligationTotals, installment_ids_ever_planned
from domain.policy import Policy
from domain.records import BreakClass
from domain.time import FAR_FUTURE, Micros


def breaks_without_charge(
    state: ObligationState, payments: list[CountingPayment], now: Micros, policy: Policy
) -> tuple[tuple[Break, ...], Micros]:
    """Give the open breaks, by break id, of an obligation that was never charged, and when they change next."""
    found = _conflicts(state)
    next_deadline = FAR_FUTURE
    for one in payments:
        counting = one.standing_minor + one.pending_minor
        if not counting:
            continue
        due_at = later(one.application.initiated_at, policy.orphan_grace_micros)
        has_passed, changes_at = watch(due_at, now)
        next_deadline = min(next_deadline, changes_at)
        if has_passed:
            found.append(_payment_break(state, one, BreakClass.OBLIGATION_UNKNOWN, counting, due_at))
    return in_order(found), next_deadline


def obligation_breaks(
    state: ObligationState, totals: ObligationTotals, allocation: Allocation, now: Micros, policy: Policy
) -> tuple[tuple[Break, ...], Micros]:
    """Give the open breaks of a charged obligation, by break id, and when they change next."""
    found = _conflicts(state)
    if state.adjustments:
        found += _foreign_adjustments(state, totals)
    if len(totals.payments) < len(state.applications):
        found += _foreign_payments(state, totals)
    unknown, unknown_changes_at = _unknown_installments(state, totals, allocation, now, policy)
    found += unknown
    mismatch, mismatch_changes_at = _plan_sum_mismatch(state, totals, now, policy)
    if mismatch is not None:
        found.append(mismatch)
    if allocation.overpaid_minor:
        found.append(_overpayment(state, totals, allocation))
    return in_order(found), min(unknown_changes_at, mismatch_changes_at)


def _conflicts(state: ObligationState) -> list[Break]:
    """Give the breaks of contract section 3: conflicting facts, and events used for two facts."""
    charge = state.charge
    if not (state.plans or state.adjustments or state.cancellation or (charge is not None and charge.conflict)):
        return []  # at most one identity, without a conflict
    events: list[str] = []
    disputed = False
    for _, accepted in identities(state):
        disputed = disputed or accepted.conflict
        events.extend(accepted.event_ids())
    if not disputed and len(set(events)) == len(events):
        return []
    currency = NO_CURRENCY if charge is None else charge.currency
    return conflict_breaks("obligation", state.obligation_id, identities(state), currency)


def _payment_break(
    state: ObligationState, payment: CountingPayment, break_class: BreakClass, counting: int, due_at: Micros
) -> Break:
    """Open a break about a payment that counts, but has no charge or no installment to count for."""
    application = payment.application
    return new_break(
        "obligation",
        state.obligation_id,
        ("payment", payment.payment_id),
        break_class,
        actual_minor=counting,
        currency=application.currency,
        due_at=due_at,
        event_ids=(application.initiation_event_id,),
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
        _currency_mismatch(state, totals, ("payment", payment_id), (one.initiation_event_id, charge.event_id))
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


def _unknown_installments(
    state: ObligationState, totals: ObligationTotals, allocation: Allocation, now: Micros, policy: Policy
) -> tuple[list[Break], Micros]:
    """Give the breaks of payments that name an installment of no version of the plan, once their grace has passed."""
    found: list[Break] = []
    next_deadline = FAR_FUTURE
    ever_planned: set[str] | None = None
    for one in totals.payments:
        named = one.application.installment_id
        if named is None or named in allocation.index_by_id:
            continue
        if ever_planned is None:
            ever_planned = installment_ids_ever_planned(state, totals.charge)
        if named in ever_planned:
            continue
        due_at = later(one.application.initiated_at, policy.orphan_grace_micros)
        has_passed, changes_at = watch(due_at, now)
        next_deadline = min(next_deadline, changes_at)
        if has_passed:
            counting = one.standing_minor + one.pending_minor
            found.append(_payment_break(state, one, BreakClass.INSTALLMENT_UNKNOWN, counting, due_at))
    return found, next_deadline


def _plan_sum_mismatch(
    state: ObligationState, totals: ObligationTotals, now: Micros, policy: Policy
) -> tuple[Break | None, Micros]:
    """Give the break of a plan in force that does not add up to the balance, once its grace has passed."""
    charge, plan = totals.charge, totals.plan
    if not plan.installments or state.cancellation is not None:
        return None, FAR_FUTURE
    planned = sum([installment.amount_minor for installment in plan.installments])
    if planned == totals.balance_minor:
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
        expected_minor=totals.balance_minor,
        actual_minor=planned,
        currency=charge.currency,
        due_at=due_at,
        event_ids=(charge.event_id, plan.event_id, *(one.event_id for one in state.adjustments.values())),
    )
    return mismatch, changes_at


def _overpayment(state: ObligationState, totals: ObligationTotals, allocation: Allocation) -> Break:
    """Give the break of net settled money above what is owed."""
    charge = totals.charge
    events = [charge.event_id, *(adjustment.event_id for adjustment in state.adjustments.values())]
    if state.cancellation is not None:
        events.append(state.cancellation.event_id)
    events += [one.application.initiation_event_id for one in totals.payments if one.standing_minor]
    return new_break(
        "obligation",
        state.obligation_id,
        ("balance",),
        BreakClass.OVERPAYMENT,
        expected_minor=max(0, totals.balance_minor),
        actual_minor=allocation.paid_minor,
        currency=charge.currency,
        event_ids=events,
    )

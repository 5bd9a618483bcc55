"""An obligation at an instant: what is charged, what payments count for it, and its status (contract section 5)."""

from typing import ClassVar

import msgspec

from domain.breaks.model import Break
from domain.deadlines import next_deadline
from domain.obligations.allocation import Allocation, allocate
from domain.obligations.breaks import breaks_without_charge, obligation_breaks
from domain.obligations.lateness import Late, Lateness, lateness_of
from domain.obligations.state import ObligationState, apply, new_obligation
from domain.obligations.totals import ObligationTotals, add_up, counting_payments
from domain.policy import Policy
from domain.records import InstallmentView, ObligationReconciliation, ObligationStatus
from domain.time import Micros

__all__ = ["ObligationState", "ObligationView", "apply", "new_obligation", "view"]


class ObligationView(msgspec.Struct, frozen=True):
    """An obligation at an instant: a function of its facts, that instant and the policy alone."""

    key_kind: ClassVar[str] = "obligation"

    key: str
    """The obligation_id."""
    reconciliation: ObligationReconciliation | None
    """At version 0: `domain.publishing` numbers it. None while no charge is known."""
    breaks: tuple[Break, ...]
    """The open breaks, by break id."""
    late: tuple[Late, ...]
    """The late installments, in order of payment."""
    next_deadline: Micros | None
    """The next instant at which the view changes by the clock alone."""


def view(state: ObligationState, now: Micros, policy: Policy) -> ObligationView:
    """Derive the view of an obligation at an instant."""
    obligation_id = state.obligation_id
    if state.charge is None:
        payments, expires_at = counting_payments(state, None, now)
        breaks, breaks_change_at = breaks_without_charge(state, payments, now, policy)
        return ObligationView(obligation_id, None, breaks, (), next_deadline(expires_at, breaks_change_at))
    totals = add_up(state, state.charge, now)
    allocation = allocate(obligation_id, totals)
    lateness = lateness_of(obligation_id, totals, allocation, now)
    breaks, breaks_change_at = obligation_breaks(state, totals, allocation, now, policy)
    return ObligationView(
        key=obligation_id,
        reconciliation=_reconciliation(state, totals, allocation, lateness, breaks),
        breaks=breaks,
        late=lateness.late,
        next_deadline=next_deadline(totals.next_deadline, lateness.next_deadline, breaks_change_at),
    )


def _reconciliation(
    state: ObligationState,
    totals: ObligationTotals,
    allocation: Allocation,
    lateness: Lateness,
    breaks: tuple[Break, ...],
) -> ObligationReconciliation:
    charge = totals.charge
    return ObligationReconciliation(
        obligation_id=state.obligation_id,
        version=0,
        lease_id=charge.lease_id,
        tenant_id=charge.tenant_id,
        property_id=charge.property_id,
        period=charge.period,
        status=_status(state, totals, allocation, lateness),
        currency=charge.currency,
        charged_minor=charge.amount_minor,
        adjusted_minor=totals.adjusted_minor,
        balance_minor=totals.balance_minor,
        installments=tuple(
            [
                InstallmentView(installment.installment_id, installment.due_date, amount, paid, pending)
                for installment, amount, paid, pending in zip(
                    allocation.installments, allocation.amounts, allocation.paid, allocation.pending, strict=True
                )
            ]
        ),
        paid_minor=allocation.paid_minor,
        pending_minor=allocation.pending_minor,
        posted_minor=totals.posted_minor,
        overpaid_minor=allocation.overpaid_minor,
        next_due_date=lateness.next_due_date,
        oldest_late_due_date=lateness.oldest_late_due_date,
        ageing_bucket=lateness.ageing_bucket,
        open_breaks=tuple([one.break_id for one in breaks]),
        rests_on=totals.rests_on,
    )


def _status(
    state: ObligationState, totals: ObligationTotals, allocation: Allocation, lateness: Lateness
) -> ObligationStatus:
    """Give the first status of contract section 5 that applies."""
    if state.cancellation is not None:
        return ObligationStatus.CANCELLED
    if allocation.overpaid_minor:
        return ObligationStatus.OVERPAID
    if lateness.late:
        return ObligationStatus.PAST_DUE
    if allocation.paid_minor >= totals.balance_minor:
        return ObligationStatus.PAID
    return ObligationStatus.PARTIALLY_PAID if allocation.paid_minor else ObligationStatus.OPEN

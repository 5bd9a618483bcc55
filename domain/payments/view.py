"""A payment at an instant: its status, and what it counts for at its obligations (contract section 4)."""

from typing import ClassVar

import msgspec

from domain.breaks.model import NO_CURRENCY, Break
from domain.decisions import decide
from domain.facts import PaymentApplication, ReferenceClaim
from domain.payments.allocations import Allotted, allot, applications, assignment_in_force, without_pending
from domain.payments.breaks import payment_breaks, settlement_deadline
from domain.payments.state import Initiation, PaymentState, apply, new_payment, resolved
from domain.payments.totals import PaymentTotals, add_up
from domain.policy import Policy
from domain.records import Initiated, PaymentReconciliation, PaymentStatus, Posted, Settled
from domain.time import FAR_FUTURE, FAR_PAST, Micros

__all__ = ["PaymentState", "PaymentView", "apply", "new_payment", "view"]


class PaymentView(msgspec.Struct, frozen=True, gc=False):
    """A payment at an instant: a function of its facts, that instant and the policy alone."""

    key_kind: ClassVar[str] = "payment"

    key: str
    """The payment_id."""
    reconciliation: PaymentReconciliation | None
    """At version 0: `domain.publishing` numbers it. None while no fact with a currency is known."""
    breaks: tuple[Break, ...]
    """The breaks whose condition holds, accepted ones included, by break id."""
    applications: tuple[PaymentApplication, ...]
    """One for each obligation that it is for or that was posted to, by obligation id, at revision 0."""
    claims: tuple[ReferenceClaim, ...]
    """What its initiation claims, at revision 0: one reference or none."""
    next_deadline: Micros | None
    """The next instant at which the view changes by the clock alone."""


def view(state: PaymentState, now: Micros, policy: Policy, clock: Micros = FAR_PAST) -> PaymentView:
    """Derive the view of a payment at an instant.

    Args:
        state: its facts.
        now: up to which everything is read: deadlines pass by it (contract section 9).
        policy: the deadlines.
        clock: the wall clock where it is ahead of `now`. Money is in flight once it says so: that raises nothing, and
            would otherwise be published a moment after each initiation.

    """
    if state.resolutions:
        state = resolved(state)
    totals = add_up(state)
    initiation = state.initiation
    assignment = assignment_in_force(state)
    allotted: Allotted = ()
    may_fly, settle_by, is_flying, flight_changes_at = 0, None, False, FAR_FUTURE
    if initiation is not None:
        amount = initiation.amount_minor
        if totals.collected_minor != amount:
            may_fly = _may_be_in_flight(initiation, totals)
            if may_fly or not totals.outcome or 0 < totals.collected_minor < amount:
                settle_by = settlement_deadline(initiation, policy)
            if may_fly and settle_by is not None:
                is_flying, flight_changes_at = _flight(initiation.occurred_at, settle_by, now, clock)
        allotted = allot(initiation, assignment, totals.standing_minor, may_fly)
    breaks, changes_at = payment_breaks(state, totals, allotted, assignment, settle_by, now, policy)
    changes_at = min(changes_at, flight_changes_at)
    if breaks and state.decisions:
        breaks, decisions_change_at = decide(breaks, state.decisions, now, policy)
        changes_at = min(changes_at, decisions_change_at)
    reconciliation: PaymentReconciliation | None = None
    if totals.currency != NO_CURRENCY:
        in_flight = may_fly if is_flying else 0
        in_force = allotted if in_flight == may_fly else without_pending(allotted)
        reconciliation = _reconciliation(state, totals, breaks, in_flight, in_force)
    return PaymentView(
        state.payment_id,
        reconciliation,
        breaks,
        applications(state, totals, allotted, assignment, settle_by),
        () if initiation is None else _claims(state.payment_id, initiation),
        None if changes_at == FAR_FUTURE else changes_at,
    )


def _may_be_in_flight(initiation: Initiation, totals: PaymentTotals) -> int:
    """Give the money that is in flight from the initiation until the settlement deadline (contract section 4)."""
    if totals.failed or totals.returned_in_any_currency:
        return 0
    gone_or_there = max(totals.gross_minor, totals.refunded_minor + totals.charged_back_minor)
    return max(0, initiation.amount_minor - gone_or_there)


def _flight(begins_at: Micros, settle_by: Micros, now: Micros, clock: Micros) -> tuple[bool, Micros]:
    """Say whether money is in flight at an instant, and when that changes by the clock alone."""
    if now < begins_at and clock < begins_at:
        return False, begins_at if begins_at < settle_by else FAR_FUTURE
    if now < settle_by:
        return True, settle_by
    return False, FAR_FUTURE


def _claims(payment_id: str, initiation: Initiation) -> tuple[ReferenceClaim, ...]:
    reference = initiation.processor_reference
    if reference is None:
        return ()
    return (
        ReferenceClaim(
            initiation.processor, reference, payment_id, 0, True, initiation.occurred_at, initiation.event_id
        ),
    )


def _reconciliation(
    state: PaymentState,
    totals: PaymentTotals,
    breaks: tuple[Break, ...],
    in_flight_minor: int,
    allocations: Allotted,
) -> PaymentReconciliation:
    initiation = state.initiation
    initiated: Initiated | None = None
    if initiation is not None:
        initiated = Initiated(
            initiation.obligation_id, initiation.installment_id, initiation.amount_minor, initiation.method
        )
    by_obligation: dict[str, int] = {}
    for obligation_id in sorted(totals.posted) if len(totals.posted) > 1 else totals.posted:
        amount = totals.posted[obligation_id].get(totals.currency)
        if amount is not None:
            by_obligation[obligation_id] = amount
    open_breaks = tuple([one.break_id for one in breaks if not one.is_accepted]) if breaks else ()
    return PaymentReconciliation(
        payment_id=state.payment_id,
        version=0,
        status=_status(state, totals, in_flight_minor, is_exception=bool(open_breaks)),
        currency=totals.currency,
        initiated=initiated,
        settled=Settled(
            totals.gross_minor,
            totals.fee_minor,
            totals.net_minor,
            totals.returned_minor,
            totals.refunded_minor,
            totals.charged_back_minor,
            totals.standing_minor,
        ),
        posted=Posted(totals.posted_minor, by_obligation),
        open_breaks=open_breaks,
        rests_on=totals.rests_on,
        in_flight_minor=in_flight_minor,
        allocations=allocations,
    )


def _status(state: PaymentState, totals: PaymentTotals, in_flight_minor: int, *, is_exception: bool) -> PaymentStatus:
    if is_exception:
        return PaymentStatus.EXCEPTION
    if not totals.outcome:
        return PaymentStatus.INITIATED
    if totals.standing_minor > 0:
        whole = not in_flight_minor and totals.posted_minor == totals.standing_minor
        is_reconciled = state.initiation is not None and whole
        return PaymentStatus.RECONCILED if is_reconciled else PaymentStatus.SETTLED
    if totals.charged_back_minor > 0:
        return PaymentStatus.CHARGED_BACK
    if totals.returned:
        return PaymentStatus.RETURNED
    if totals.refunded_minor > 0:
        return PaymentStatus.REFUNDED
    return PaymentStatus.FAILED

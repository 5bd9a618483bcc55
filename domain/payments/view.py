"""A payment at an instant: its status, and what it counts for at its obligations (contract section 4)."""

from typing import ClassVar

import msgspec

from domain.breaks.model import Break
from domain.deadlines import next_deadline
from domain.facts import PaymentApplication
from domain.payments.breaks import payment_breaks, settlement_deadline
from domain.payments.state import PaymentState, apply, new_payment
from domain.payments.totals import PaymentTotals, add_up
from domain.policy import Policy
from domain.records import Initiated, PaymentReconciliation, PaymentStatus, Posted, Settled
from domain.time import Micros

__all__ = ["PaymentState", "PaymentView", "apply", "new_payment", "view"]


class PaymentView(msgspec.Struct, frozen=True, gc=False):
    """A payment at an instant: a function of its facts, that instant and the policy alone."""

    key_kind: ClassVar[str] = "payment"

    key: str
    """The payment_id."""
    reconciliation: PaymentReconciliation
    """At version 0: `domain.publishing` numbers it."""
    breaks: tuple[Break, ...]
    """The open breaks, by break id."""
    applications: tuple[PaymentApplication, ...]
    """One for the obligation it was initiated for and for each that was posted to, by obligation id, at revision 0."""
    next_deadline: Micros | None
    """The next instant at which the view changes by the clock alone."""


def view(state: PaymentState, now: Micros, policy: Policy) -> PaymentView:
    """Derive the view of a payment at an instant. At least one fact must be known."""
    totals = add_up(state)
    settle_by: Micros | None = None
    if state.initiation is not None and not totals.outcome:
        settle_by = settlement_deadline(state.initiation, policy)
    breaks, breaks_change_at = payment_breaks(state, totals, settle_by, now, policy)
    return PaymentView(
        key=state.payment_id,
        reconciliation=_reconciliation(state, totals, breaks),
        breaks=breaks,
        applications=_applications(state, totals, settle_by),
        next_deadline=next_deadline(breaks_change_at),
    )


def _reconciliation(state: PaymentState, totals: PaymentTotals, breaks: tuple[Break, ...]) -> PaymentReconciliation:
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
    return PaymentReconciliation(
        payment_id=state.payment_id,
        version=0,
        status=_status(state, totals, breaks),
        currency=totals.currency,
        initiated=initiated,
        settled=Settled(
            gross_minor=totals.gross_minor,
            fee_minor=totals.fee_minor,
            net_minor=totals.net_minor,
            returned_minor=totals.returned_minor,
            refunded_minor=totals.refunded_minor,
            charged_back_minor=totals.charged_back_minor,
            standing_minor=totals.standing_minor,
        ),
        posted=Posted(totals.posted_minor, by_obligation),
        open_breaks=tuple([one.break_id for one in breaks]),
        rests_on=totals.rests_on,
    )


def _status(state: PaymentState, totals: PaymentTotals, breaks: tuple[Break, ...]) -> PaymentStatus:
    if breaks:
        return PaymentStatus.EXCEPTION
    if not totals.outcome:
        return PaymentStatus.INITIATED
    if totals.standing_minor > 0:
        whole = state.initiation is not None and totals.posted_minor == totals.standing_minor
        return PaymentStatus.RECONCILED if whole else PaymentStatus.SETTLED
    if totals.charged_back_minor > 0:
        return PaymentStatus.CHARGED_BACK
    if totals.returned:
        return PaymentStatus.RETURNED
    if totals.refunded_minor > 0:
        return PaymentStatus.REFUNDED
    return PaymentStatus.FAILED


def _applications(
    state: PaymentState, totals: PaymentTotals, settle_by: Micros | None
) -> tuple[PaymentApplication, ...]:
    initiation = state.initiation
    touched = totals.posted
    if initiation is None:
        initiated_for = None
    else:
        initiated_for = initiation.obligation_id
        if initiated_for not in touched:
            touched = {initiated_for: {}, **touched}
    applications: list[PaymentApplication] = []
    for obligation_id in sorted(touched) if len(touched) > 1 else touched:
        posted = touched[obligation_id]
        if len(posted) > 1:
            posted = dict(sorted(posted.items()))
        if initiation is None or obligation_id != initiated_for:
            applications.append(
                PaymentApplication.of_postings(
                    state.payment_id, obligation_id, totals.currency, posted, totals.rests_on
                )
            )
            continue
        in_flight = 0
        if not totals.outcome:
            in_flight = max(0, initiation.amount_minor - totals.reversed_minor)
        applications.append(
            PaymentApplication(
                payment_id=state.payment_id,
                obligation_id=obligation_id,
                revision=0,
                initiated=True,
                initiated_at=initiation.occurred_at,
                currency=totals.currency,
                installment_id=initiation.installment_id,
                standing_minor=totals.standing_minor,
                in_flight_minor=in_flight,
                pending_until=settle_by if in_flight else None,
                posted=posted,
                rests_on=totals.rests_on,
                initiation_event_id=initiation.event_id,
            )
        )
    return tuple(applications)

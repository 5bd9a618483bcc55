"""A payment: what is known of it, how it stands, and what it tells the obligations it touches (contract section 4)."""

from typing import ClassVar

import msgspec

from domain.breaks.model import Break
from domain.deadlines import Deadlines
from domain.facts import PaymentApplication
from domain.payments.breaks import payment_breaks, settlement_deadline
from domain.payments.state import PaymentState, apply, new_payment
from domain.payments.totals import PaymentTotals, add_up
from domain.policy import Policy
from domain.records import Initiated, PaymentReconciliation, PaymentStatus, Posted, Settled
from domain.time import Micros

__all__ = ["PaymentState", "PaymentView", "apply", "new_payment", "view"]


class PaymentView(msgspec.Struct, frozen=True):
    """A payment as it stands at an instant: a function of its facts, that instant and the policy alone."""

    key_kind: ClassVar[str] = "payment"

    key: str
    """The payment_id."""
    reconciliation: PaymentReconciliation
    """Of version 0: `domain.publishing` numbers it."""
    breaks: tuple[Break, ...]
    """The open ones, by break id."""
    applications: tuple[PaymentApplication, ...]
    """One for the obligation it was initiated for and for each that was posted to, by obligation id, of revision 0."""
    next_deadline: Micros | None
    """The earliest later instant at which the view changes by the clock alone."""


def view(state: PaymentState, now: Micros, policy: Policy) -> PaymentView:
    """Derive how a payment of which at least one fact is known stands at an instant."""
    totals = add_up(state)
    initiation = state.initiation
    settle_by: Micros | None = None
    in_flight = 0
    if initiation is not None and not totals.outcome:
        settle_by = settlement_deadline(initiation, policy)
        in_flight = max(0, initiation.amount_minor - totals.refunded_minor - totals.charged_back_minor)
    deadlines = Deadlines(now)
    breaks = payment_breaks(state, totals, settle_by, deadlines, policy)

    currency = totals.currency
    by_obligation: dict[str, int] = {}
    for obligation_id in sorted(totals.posted) if len(totals.posted) > 1 else totals.posted:
        amount = totals.posted[obligation_id].get(currency)
        if amount is not None:
            by_obligation[obligation_id] = amount
    reconciliation = PaymentReconciliation(
        state.payment_id,
        0,
        _status(state, totals, breaks),
        currency,
        None
        if initiation is None
        else Initiated(initiation.obligation_id, initiation.installment_id, initiation.amount_minor, initiation.method),
        Settled(
            totals.gross_minor,
            totals.fee_minor,
            totals.net_minor,
            totals.returned_minor,
            totals.refunded_minor,
            totals.charged_back_minor,
            totals.standing_minor,
        ),
        Posted(totals.posted_minor, by_obligation),
        tuple([b.break_id for b in breaks]),
        totals.rests_on,
    )
    return PaymentView(
        state.payment_id,
        reconciliation,
        breaks,
        _applications(state, totals, in_flight, settle_by),
        deadlines.next_deadline,
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
    state: PaymentState, totals: PaymentTotals, in_flight: int, settle_by: Micros | None
) -> tuple[PaymentApplication, ...]:
    initiation = state.initiation
    touched = totals.posted
    home = None if initiation is None else initiation.obligation_id
    if home is not None and home not in touched:
        touched = {home: {}, **touched}
    applications: list[PaymentApplication] = []
    for obligation_id in sorted(touched) if len(touched) > 1 else touched:
        posted = touched[obligation_id]
        if len(posted) > 1:
            posted = dict(sorted(posted.items()))
        if initiation is not None and obligation_id == home:
            application = PaymentApplication(
                state.payment_id,
                obligation_id,
                0,
                True,
                initiation.occurred_at,
                totals.currency,
                initiation.installment_id,
                totals.standing_minor,
                in_flight,
                settle_by if in_flight else None,
                posted,
                totals.rests_on,
                initiation.event_id,
            )
        else:
            application = PaymentApplication(
                state.payment_id, obligation_id, 0, False, 0, totals.currency, None, 0, 0, None, posted, totals.rests_on
            )
        applications.append(application)
    return tuple(applications)

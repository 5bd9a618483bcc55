"""A payment: what is known of it, how it stands, and what it tells the obligations it touches (contract section 4)."""

from typing import ClassVar

import msgspec

from domain.breaks.model import Break
from domain.deadlines import Alarm
from domain.facts import Micros, PaymentPart
from domain.payments.breaks import payment_breaks, settlement_deadline
from domain.payments.state import PaymentState, learn, new_payment
from domain.payments.totals import Money, add_up
from domain.policy import Policy
from domain.records import Initiated, PaymentReconciliation, PaymentStatus, Posted, Settled

__all__ = ["PaymentState", "PaymentView", "learn", "new_payment", "view"]


class PaymentView(msgspec.Struct, frozen=True):
    """A payment as it stands at an instant: a function of its facts, that instant and the policy alone."""

    key_kind: ClassVar[str] = "payment"

    key: str
    """The payment_id."""
    reconciliation: PaymentReconciliation
    """Of version 0: `domain.publishing` numbers it."""
    breaks: tuple[Break, ...]
    """The open ones, by break id."""
    parts: tuple[PaymentPart, ...]
    """One for the obligation it was initiated for and for each that was posted to, by obligation id, of revision 0."""
    next_deadline: Micros | None
    """The earliest later instant at which the view changes by the clock alone."""


def view(state: PaymentState, now: Micros, policy: Policy) -> PaymentView:
    """Derive how a payment of which at least one fact is known stands at an instant."""
    money = add_up(state)
    initiation = state.initiation
    settle_by: Micros | None = None
    in_flight = 0
    if initiation is not None and not money.outcome:
        settle_by = settlement_deadline(initiation, policy)
        in_flight = max(0, initiation.amount_minor - money.refunded_minor - money.charged_back_minor)
    alarm = Alarm(now)
    breaks = payment_breaks(state, money, settle_by, alarm, policy)

    currency = money.currency
    by_obligation: dict[str, int] = {}
    for obligation_id in sorted(money.posted) if len(money.posted) > 1 else money.posted:
        amount = money.posted[obligation_id].get(currency)
        if amount is not None:
            by_obligation[obligation_id] = amount
    reconciliation = PaymentReconciliation(
        state.payment_id,
        0,
        _status(state, money, breaks),
        currency,
        None
        if initiation is None
        else Initiated(initiation.obligation_id, initiation.installment_id, initiation.amount_minor, initiation.method),
        Settled(
            money.gross_minor,
            money.fee_minor,
            money.net_minor,
            money.returned_minor,
            money.refunded_minor,
            money.charged_back_minor,
            money.standing_minor,
        ),
        Posted(money.posted_minor, by_obligation),
        tuple([b.break_id for b in breaks]),
        money.rests_on,
    )
    return PaymentView(
        state.payment_id, reconciliation, breaks, _parts(state, money, in_flight, settle_by), alarm.next_deadline
    )


def _status(state: PaymentState, money: Money, breaks: tuple[Break, ...]) -> PaymentStatus:
    if breaks:
        return PaymentStatus.EXCEPTION
    if not money.outcome:
        return PaymentStatus.INITIATED
    if money.standing_minor > 0:
        whole = state.initiation is not None and money.posted_minor == money.standing_minor
        return PaymentStatus.RECONCILED if whole else PaymentStatus.SETTLED
    if money.charged_back_minor > 0:
        return PaymentStatus.CHARGED_BACK
    if money.returned:
        return PaymentStatus.RETURNED
    if money.refunded_minor > 0:
        return PaymentStatus.REFUNDED
    return PaymentStatus.FAILED


def _parts(state: PaymentState, money: Money, in_flight: int, settle_by: Micros | None) -> tuple[PaymentPart, ...]:
    initiation = state.initiation
    touched = money.posted
    home = None if initiation is None else initiation.obligation_id
    if home is not None and home not in touched:
        touched = {home: {}, **touched}
    parts: list[PaymentPart] = []
    for obligation_id in sorted(touched) if len(touched) > 1 else touched:
        posted = touched[obligation_id]
        if len(posted) > 1:
            posted = dict(sorted(posted.items()))
        if initiation is not None and obligation_id == home:
            part = PaymentPart(
                state.payment_id,
                obligation_id,
                0,
                True,
                initiation.occurred_at,
                money.currency,
                initiation.installment_id,
                money.standing_minor,
                in_flight,
                settle_by if in_flight else None,
                posted,
                money.rests_on,
                initiation.event_id,
            )
        else:
            part = PaymentPart(
                state.payment_id, obligation_id, 0, False, 0, money.currency, None, 0, 0, None, posted, money.rests_on
            )
        parts.append(part)
    return tuple(parts)

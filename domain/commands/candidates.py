"""Payments that the money of an unknown reference may be for, each with what speaks for it. None is applied."""

from collections.abc import Iterable

from domain.commands.naming import names
from domain.commands.proposals import PaymentSought, Proposal
from domain.formatting import amount_text, instant_text, listed
from domain.payments.breaks import settlement_deadline
from domain.payments.state import Initiation, PaymentState, outcomes
from domain.policy import Policy
from domain.time import DAY

SHOWN_MAX = 5
WINDOW = 60 * DAY
"""A payment that was initiated longer before the record, or after it, is not proposed."""


def is_one(state: PaymentState, sought: PaymentSought) -> bool:
    """Whether a payment was initiated with that amount, not long before, and has no outcome."""
    initiation = state.initiation
    if initiation is None:
        return False
    if (initiation.amount_minor, initiation.currency) != (sought.amount_minor, sought.currency):
        return False
    if sought.at is not None and not 0 <= sought.at - initiation.occurred_at <= WINDOW:
        return False
    return next(outcomes(state), None) is None


def of_payments(states: Iterable[PaymentState], sought: PaymentSought, policy: Policy) -> list[Proposal]:
    """Give the payments of which `is_one` is true, the likeliest first: without doubts, and the latest."""
    found = [
        (_proposed(state.payment_id, state.initiation, sought, policy), -state.initiation.occurred_at)
        for state in states
        if state.initiation is not None and is_one(state, sought)
    ]
    found.sort(key=lambda each: (len(each[0].doubts), each[1], each[0].key))
    return [proposed for proposed, _ in found[:SHOWN_MAX]]


def _proposed(payment_id: str, initiation: Initiation, sought: PaymentSought, policy: Policy) -> Proposal:
    reasons = [f"{amount_text(initiation.amount_minor, initiation.currency)}, without an outcome"]
    doubts: list[str] = []
    through = f"initiated {instant_text(initiation.occurred_at)} by {initiation.method} through {initiation.processor}"
    (reasons if initiation.processor == sought.processor else doubts).append(through)
    if sought.at is not None:
        settle_by = settlement_deadline(initiation, policy)
        if sought.at < settle_by:
            reasons.append("the record came within its settlement window")
        else:
            doubts.append(f"it was due to settle by {instant_text(settle_by)}")
    named = [
        each
        for each in (payment_id, initiation.obligation_id, initiation.tenant_id)
        if names(sought.processor_reference, each)
    ]
    if named:
        reasons.append(f"{listed(named)} is in the reference")
    if initiation.processor_reference not in (None, sought.processor_reference):
        doubts.append(f"it names reference {initiation.processor_reference}")
    return Proposal("payment", payment_id, tuple(reasons), tuple(doubts))

"""The deadlines that bear on a break, and how they are counted."""

from collections.abc import Iterator

import msgspec

from domain.calendar import banking_deadline, later
from domain.explain.context import Context, ObligationContext, PaymentContext
from domain.formatting import counted, end_of_day_text, instant_text
from domain.payments.breaks import settlement_deadline
from domain.payments.state import Initiation
from domain.policy import Policy
from domain.records import BreakClass
from domain.time import MINUTE, Micros

NEW_YORK = "America/New_York"
"""Banking days end at midnight there (contract section 4)."""


class ExplainedDeadline(msgspec.Struct, frozen=True):
    """A deadline that bears on a break."""

    at: Micros
    """Exclusive, microseconds since 1970."""
    name: str
    """`Settlement deadline`, `Posting deadline` or `Grace period`."""
    requirement: str
    """What is due, by when, and how that is counted."""
    passed: bool


def deadlines_of(context: Context, now: Micros) -> tuple[ExplainedDeadline, ...]:
    """Give the deadlines that bear on a break, in the order of time."""
    found = _of_payment(context) if isinstance(context, PaymentContext) else _of_obligation(context)
    return tuple(ExplainedDeadline(at, name, requirement, now >= at) for at, name, requirement in sorted(found))


def settlement_rule(initiation: Initiation, policy: Policy) -> str:
    """Say by when an outcome is due, and how that is counted."""
    at = settlement_deadline(initiation, policy)
    match initiation.method:
        case "INSTANT":
            minutes = policy.settlement_micros_instant // MINUTE
            return f"{instant_text(at)} ({counted(minutes, 'minute')} for INSTANT)"
        case "ACH_DEBIT":
            days = policy.settlement_banking_days_ach_debit
        case "CARD":
            days = policy.settlement_banking_days_card
        case "CHECK":
            days = policy.settlement_banking_days_check
        case "CASH":
            days = policy.settlement_banking_days_cash
    return f"{end_of_day_text(at, NEW_YORK)} ({counted(days, 'banking day')} for {initiation.method})"


def posting_rule(context: PaymentContext) -> tuple[Micros, str] | None:
    """Give the posting deadline, and how it is counted; None while nothing has settled and no posting was reversed.

    The break's own deadline where it has one: later events, such as the reversal that resolved it, move the deadline.
    """
    policy = context.policy
    at = context.mismatch.due_at
    if at is None:
        latest = context.totals.latest_settlement
        if latest is None:
            return None
        at = banking_deadline(latest, policy.posting_banking_days)
    days = counted(policy.posting_banking_days, "banking day")
    return at, f"{end_of_day_text(at, NEW_YORK)} ({days} after the latest settlement or posting reversal)"


def grace_text(policy: Policy) -> str:
    """Write the orphan grace."""
    return counted(policy.orphan_grace_micros // MINUTE, "minute")


def _of_payment(context: PaymentContext) -> Iterator[tuple[Micros, str, str]]:
    initiation, totals, mismatch, policy = context.state.initiation, context.totals, context.mismatch, context.policy
    subject = mismatch.subject[0]
    outcome_awaited = (subject == "settlement" and mismatch.due_at is not None) or (
        subject == "posting" and not totals.outcome
    )
    if outcome_awaited and initiation is not None:
        at = settlement_deadline(initiation, policy)
        due = f"outcome from {initiation.processor} due by {settlement_rule(initiation, policy)}"
        yield at, "Settlement deadline", due
    rule = posting_rule(context) if subject == "posting" else None
    if rule is not None:
        yield rule[0], "Posting deadline", f"ledger entry due by {rule[1]}"
    if mismatch.break_class is BreakClass.UNKEYED_MOVEMENT and totals.earliest_movement is not None:
        at = later(totals.earliest_movement, policy.orphan_grace_micros)
        yield at, "Grace period", f"initiation due within {grace_text(policy)} of the first movement"


def _of_obligation(context: ObligationContext) -> Iterator[tuple[Micros, str, str]]:
    if context.mismatch.due_at is None:
        return
    within = f"within {grace_text(context.policy)}"
    due = {
        BreakClass.OBLIGATION_UNKNOWN: f"charge due {within} of the payment's initiation",
        BreakClass.INSTALLMENT_UNKNOWN: f"plan due {within} of the payment's initiation",
    }.get(context.mismatch.break_class, f"charge, plan and adjustments due to agree {within}")
    yield context.mismatch.due_at, "Grace period", due

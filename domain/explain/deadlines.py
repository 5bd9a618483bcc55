"""The deadlines that bear on a break, and how they are counted."""

from collections.abc import Iterator

import msgspec

from domain.breaks.model import Break
from domain.calendar import banking_calendar, banking_deadline, later
from domain.explain.context import BankEntryContext, Context, ObligationContext, PaymentContext, PayoutContext
from domain.formatting import counted, end_of_day_text, instant_text
from domain.payments.breaks import settlement_deadline
from domain.payments.state import Initiation
from domain.policy import Policy
from domain.records import BreakClass
from domain.time import MINUTE, Micros


class ExplainedDeadline(msgspec.Struct, frozen=True):
    """A deadline that bears on a break."""

    at: Micros
    """Exclusive, microseconds since 1970."""
    name: str
    """`Settlement deadline`, `Posting deadline`, `Payout deadline` or `Grace period`."""
    requirement: str
    """What is due, by when, and how that is counted."""
    passed: bool


def deadlines_of(context: Context, now: Micros) -> tuple[ExplainedDeadline, ...]:
    """Give the deadlines that bear on a break, in the order of time."""
    if isinstance(context, PaymentContext):
        found = _of_payment(context)
    elif isinstance(context, ObligationContext):
        found = _of_obligation(context)
    elif isinstance(context, PayoutContext | BankEntryContext):
        found = _of_payout(context)
    else:
        found = _grace(context.mismatch, f"claim of a payment due within {grace_text(context.policy)} of the record")
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
    zone = banking_calendar(initiation.currency).zone
    return f"{end_of_day_text(at, zone)} ({counted(days, 'banking day')} for {initiation.method})"


def posting_rule(context: PaymentContext) -> tuple[Micros, str] | None:
    """Give the posting deadline, and how it is counted; None while nothing has settled and no posting was reversed.

    The break's own deadline where it has one: later events, such as the reversal that resolved it, move the deadline.
    """
    policy, currency = context.policy, context.totals.currency
    at = context.mismatch.due_at
    if at is None:
        latest = context.totals.latest_settlement
        if latest is None:
            return None
        at = banking_deadline(latest, policy.posting_banking_days, currency)
    days = counted(policy.posting_banking_days, "banking day")
    end = end_of_day_text(at, banking_calendar(currency).zone)
    return at, f"{end} ({days} after the latest settlement or posting reversal)"


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
    is_late_posting = subject == "posting" or mismatch.break_class is BreakClass.POSTING_MISALLOCATED
    rule = posting_rule(context) if is_late_posting else None
    if rule is not None:
        yield rule[0], "Posting deadline", f"ledger entry due by {rule[1]}"
    if mismatch.break_class is BreakClass.UNKEYED_MOVEMENT and totals.earliest_movement is not None:
        at = later(totals.earliest_movement, policy.orphan_grace_micros)
        yield at, "Grace period", f"initiation due within {grace_text(policy)} of the first movement"
    if mismatch.break_class is BreakClass.REVERSAL_UNMATCHED:
        yield from _grace(mismatch, f"posting due within {grace_text(policy)} of its reversal")


def _of_obligation(context: ObligationContext) -> Iterator[tuple[Micros, str, str]]:
    within = f"within {grace_text(context.policy)}"
    since = "of the payment's initiation, or of its assignment"
    due = {
        BreakClass.OBLIGATION_UNKNOWN: f"charge due {within} {since}",
        BreakClass.INSTALLMENT_UNKNOWN: f"plan due {within} {since}",
    }.get(context.mismatch.break_class, f"charge, plan and adjustments due to agree {within}")
    return _grace(context.mismatch, due)


def _of_payout(context: PayoutContext | BankEntryContext) -> Iterator[tuple[Micros, str, str]]:
    mismatch, policy = context.mismatch, context.policy
    if mismatch.due_at is None:
        return
    deposit = counted(policy.payout_deposit_banking_days, "banking day")
    due = {
        BreakClass.PAYOUT_SUM_MISMATCH: "lines due to add up, {end}, counted from the report",
        BreakClass.PAYOUT_UNREPORTED: "report due by {end} "
        f"({counted(policy.payout_unreported_banking_days, 'banking day')} after the latest line or entry)",
        BreakClass.DEPOSIT_MISSING: f"bank entry due by {{end}} ({deposit} after the arrival date)",
        BreakClass.DEPOSIT_AFTER_FAILURE: f"money due back by {{end}} ({deposit} after the failure)",
        BreakClass.BANK_ENTRY_UNEXPLAINED: f"payout due by {{end}} ({deposit} after the booking date)",
    }.get(mismatch.break_class)
    if due is not None:
        end = end_of_day_text(mismatch.due_at, banking_calendar(mismatch.currency).zone)
        yield mismatch.due_at, "Payout deadline", due.format(end=end)


def _grace(mismatch: Break, due: str) -> Iterator[tuple[Micros, str, str]]:
    if mismatch.due_at is not None:
        yield mismatch.due_at, "Grace period", due

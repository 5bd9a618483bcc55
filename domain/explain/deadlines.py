"""The deadlines that bear on a break, and how they are counted."""

from collections.abc import Iterator

import msgspec

from domain.breaks.model import Break
from domain.calendar import banking_calendar, banking_date, banking_deadline, end_of_banking_day_after, later
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
    """`Settlement deadline`, `Posting deadline`, `Deposit deadline`, …, or `Grace period`."""
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


_AT_THE_BANK = {
    BreakClass.PAYOUT_SUM_MISMATCH: ("Composition deadline", "lines due to add up", "after the report"),
    BreakClass.PAYOUT_UNREPORTED: ("Report deadline", "report due", "after the latest line or entry"),
    BreakClass.DEPOSIT_MISSING: ("Deposit deadline", "bank entry due", "after the arrival date"),
    BreakClass.DEPOSIT_AFTER_FAILURE: ("Deposit deadline", "money due back", "after the payout failed"),
    BreakClass.BANK_ENTRY_UNEXPLAINED: ("Matching deadline", "payout due to be known", "after the booking date"),
}


def rule_at_the_bank(context: PayoutContext | BankEntryContext) -> str | None:
    """Say by when a payout or an entry was due, and how that is counted; None if the break has no deadline."""
    mismatch, policy = context.mismatch, context.policy
    if mismatch.due_at is None or mismatch.break_class not in _AT_THE_BANK:
        return None
    if mismatch.break_class is BreakClass.PAYOUT_SUM_MISMATCH:
        days = _composition_days(context)
    elif mismatch.break_class is BreakClass.PAYOUT_UNREPORTED:
        days = policy.payout_unreported_banking_days
    else:
        days = policy.payout_deposit_banking_days
    end = end_of_day_text(mismatch.due_at, banking_calendar(mismatch.currency).zone)
    return f"{end} ({counted(days, 'banking day')} {_AT_THE_BANK[mismatch.break_class][2]})"


def _composition_days(context: PayoutContext | BankEntryContext) -> int:
    """Give how the deadline of the break was counted; a net that was not known then may be known now."""
    policy, mismatch = context.policy, context.mismatch
    report = context.totals.report if isinstance(context, PayoutContext) and context.totals is not None else None
    if report is not None:
        day = banking_date(report.occurred_at, report.currency)
        if end_of_banking_day_after(day, policy.payout_composition_banking_days, report.currency) == mismatch.due_at:
            return policy.payout_composition_banking_days
    return policy.payout_unreported_banking_days


def _of_payout(context: PayoutContext | BankEntryContext) -> Iterator[tuple[Micros, str, str]]:
    rule, due_at = rule_at_the_bank(context), context.mismatch.due_at
    if rule is not None and due_at is not None:
        name, what, _ = _AT_THE_BANK[context.mismatch.break_class]
        yield due_at, name, f"{what} by {rule}"


def _grace(mismatch: Break, due: str) -> Iterator[tuple[Micros, str, str]]:
    if mismatch.due_at is not None:
        yield mismatch.due_at, "Grace period", due

"""The rules of section 2 that version 2 of the contract added, each as a change that breaks it."""

from collections.abc import Callable
from typing import Any

import msgspec

from domain.facts import (
    Allocation,
    BankEntryBooked,
    BreakDecided,
    EntryMatched,
    InputFact,
    ObligationAdjusted,
    ObligationCharged,
    PaymentInitiated,
    PaymentReassigned,
    PlanChanged,
    ProcessorSettled,
    ReferenceAssigned,
)


def changed(fact: InputFact, **changes: Any) -> InputFact:
    """Return the fact with these fields replaced."""
    return msgspec.structs.replace(fact, **changes)


def milliseconds(fact: InputFact) -> InputFact | None:
    """Stamp the event with milliseconds where microseconds are meant: January 1970."""
    return changed(fact, occurred_at=fact.occurred_at // 1_000)


def last_century(fact: InputFact) -> InputFact | None:
    """Give a day before the year 2000."""
    match fact:
        case ObligationCharged(installments=()):
            return changed(fact, due_date=10_956, grace_ends_on=None)
        case ProcessorSettled(value_date=int()):
            return changed(fact, value_date=20)
    return None


def far_future(fact: InputFact) -> InputFact | None:
    """Stamp the event with nanoseconds where microseconds are meant: after the year 9988."""
    return changed(fact, occurred_at=fact.occurred_at * 1_000)


def grace_before_due_date(fact: InputFact) -> InputFact | None:
    """End the grace before the due date."""
    match fact:
        case ObligationCharged():
            return changed(fact, grace_ends_on=fact.due_date - 1)
        case PlanChanged(installments=(first, *others)):
            early = msgspec.structs.replace(first, grace_ends_on=first.due_date - 1)
            return changed(fact, installments=(early, *others))
    return None


def notification_of_change(fact: InputFact) -> InputFact | None:
    """Report a notification of change as a return."""
    if isinstance(fact, ProcessorSettled) and fact.outcome == "RETURNED":
        return changed(fact, reason_code="C01")
    return None


def unknown_settlement_currency(fact: InputFact) -> InputFact | None:
    """Name a settlement currency that ISO 4217 does not know."""
    return changed(fact, settlement_currency="QQQ") if isinstance(fact, ProcessorSettled) else None


def allocations_off(fact: InputFact) -> InputFact | None:
    """Allocate another sum than the payment's."""
    if isinstance(fact, PaymentInitiated):
        only = Allocation(fact.obligation_id, fact.installment_id, fact.amount_minor + 1)
        return changed(fact, allocations=(only,))
    return None


def allocations_elsewhere(fact: InputFact) -> InputFact | None:
    """Allocate first to something that the record itself is not for."""
    if isinstance(fact, PaymentInitiated):
        return changed(fact, allocations=(Allocation(f"{fact.obligation_id}-other", None, fact.amount_minor),))
    return None


def allocated_twice(fact: InputFact) -> InputFact | None:
    """Name an obligation and installment twice."""
    match fact:
        case PaymentReassigned():
            return changed(fact, allocations=(*fact.allocations, fact.allocations[0]))
        case PaymentInitiated() if fact.amount_minor > 1:
            one = Allocation(fact.obligation_id, fact.installment_id, 1)
            return changed(fact, allocations=(one, msgspec.structs.replace(one, amount_minor=fact.amount_minor - 1)))
    return None


def allocated_to_nothing(fact: InputFact) -> InputFact | None:
    """Give an empty list of allocations."""
    return changed(fact, allocations=()) if isinstance(fact, PaymentInitiated | PaymentReassigned) else None


def assignment_version_zero(fact: InputFact) -> InputFact | None:
    """Give an assignment the number of the initiation's own."""
    return changed(fact, assignment_version=0) if isinstance(fact, PaymentReassigned) else None


def reference_of_nothing(fact: InputFact) -> InputFact | None:
    """Assign no reference."""
    return changed(fact, processor_reference="") if isinstance(fact, ReferenceAssigned) else None


def dated_for_an_installment(fact: InputFact) -> InputFact | None:
    """Give an adjustment both a due date of its own and an installment."""
    if isinstance(fact, ObligationAdjusted):
        return changed(fact, amount_delta_minor=100, kind=None, due_date=20_700, installment_id="I-1")
    return None


def dated_credit(fact: InputFact) -> InputFact | None:
    """Give a credit a due date."""
    if isinstance(fact, ObligationAdjusted):
        return changed(fact, amount_delta_minor=-100, kind=None, due_date=20_700, installment_id=None)
    return None


def fee_below_zero(fact: InputFact) -> InputFact | None:
    """Make a fee of a credit."""
    if isinstance(fact, ObligationAdjusted):
        return changed(fact, amount_delta_minor=-100, kind="FEE", due_date=None, installment_id=None)
    return None


def fee_for_an_installment(fact: InputFact) -> InputFact | None:
    """Make a fee a change of an installment."""
    if isinstance(fact, ObligationAdjusted):
        return changed(fact, amount_delta_minor=100, kind="FEE", due_date=None, installment_id="I-1")
    return None


def accepts_nothing(fact: InputFact) -> InputFact | None:
    """Accept a break without its evidence."""
    if isinstance(fact, BreakDecided):
        return changed(
            fact, action="ACCEPT", break_class="settlement_missing", drift_minor=0, evidence=None, refers_to=None
        )
    return None


def approves_nothing(fact: InputFact) -> InputFact | None:
    """Approve no decision."""
    return changed(fact, action="APPROVE", refers_to=None) if isinstance(fact, BreakDecided) else None


def withdraws_nothing(fact: InputFact) -> InputFact | None:
    """Withdraw no decision."""
    return changed(fact, action="WITHDRAW", refers_to=None) if isinstance(fact, BreakDecided) else None


def half_a_payout(fact: InputFact) -> InputFact | None:
    """Name the processor of a payout, and not the payout."""
    return changed(fact, processor="acme", payout_id=None) if isinstance(fact, BankEntryBooked) else None


def matched_by_nobody(fact: InputFact) -> InputFact | None:
    """Match an entry without saying who did."""
    return changed(fact, actor="") if isinstance(fact, EntryMatched) else None


def decides_about_nothing(fact: InputFact) -> InputFact | None:
    """Decide about no break."""
    return changed(fact, break_id="") if isinstance(fact, BreakDecided) else None


NEW_RULES: dict[str, Callable[[InputFact], InputFact | None]] = {
    "milliseconds": milliseconds,
    "far_future": far_future,
    "last_century": last_century,
    "grace_before_due_date": grace_before_due_date,
    "notification_of_change": notification_of_change,
    "unknown_settlement_currency": unknown_settlement_currency,
    "allocations_off": allocations_off,
    "allocations_elsewhere": allocations_elsewhere,
    "allocated_twice": allocated_twice,
    "allocated_to_nothing": allocated_to_nothing,
    "assignment_version_zero": assignment_version_zero,
    "reference_of_nothing": reference_of_nothing,
    "dated_for_an_installment": dated_for_an_installment,
    "dated_credit": dated_credit,
    "fee_below_zero": fee_below_zero,
    "fee_for_an_installment": fee_for_an_installment,
    "accepts_nothing": accepts_nothing,
    "approves_nothing": approves_nothing,
    "withdraws_nothing": withdraws_nothing,
    "half_a_payout": half_a_payout,
    "matched_by_nobody": matched_by_nobody,
    "decides_about_nothing": decides_about_nothing,
}
"""A change that makes a good fact break one rule, or None where that rule is not about such a fact."""

"""Filling in what the record that holds leaves null (contract section 3)."""

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from domain.facts import (
    BankEntryBooked,
    BreakDecided,
    EntryMatched,
    InputFact,
    Installment,
    ObligationAdjusted,
    ObligationCancelled,
    ObligationCharged,
    ObligationReinstated,
    PaymentInitiated,
    PaymentPosted,
    PaymentReassigned,
    PayoutReported,
    PlanChanged,
    PostingReversed,
    ProcessorSettled,
    ReferenceAssigned,
)

SomeFact = TypeVar("SomeFact", bound=InputFact)

MONEY_OF_A_SETTLEMENT = ("fee_minor", "net_minor", "settlement_currency")


def filled_in(holds: SomeFact, agreeing: Iterable[InputFact]) -> SomeFact:
    """Return the record that holds with its nulls filled in.

    `agreeing` are the records of its identity that agree with it in every field of money or routing that both give, in
    the order of (occurred_at, event_id, content), itself among them.
    """
    filled: Any = holds
    for other in agreeing:
        match other:
            case PaymentInitiated():
                filled = with_fields(filled, other, "processor_reference")
                filled = with_allocations(filled, other)
            case ProcessorSettled():
                filled = with_fields(filled, other, "reason_code", "payout_id", "value_date", "original_reference")
                # Until a record gave some of the three, nothing of them was filled in: all comes from one record.
                if all(getattr(filled, name) == getattr(holds, name) for name in MONEY_OF_A_SETTLEMENT):
                    filled = with_settlement_money(filled, other)
            case PaymentPosted():
                filled = with_fields(filled, other, "installment_id")
            case ObligationCharged():
                filled = with_installments(with_fields(filled, other, "grace_ends_on"), other.installments)
            case PlanChanged():
                filled = with_installments(filled, other.installments)
            case ObligationAdjusted():
                filled = with_adjustment_terms(filled, other)
            case PayoutReported():
                filled = with_fields(filled, other, "account_id", "bank_reference")
            case BankEntryBooked():
                # Processor and payout are given both or neither, so they come from one record.
                filled = with_fields(filled, other, "value_date", "processor", "payout_id", "reference", "text")
            case PaymentReassigned() | PostingReversed() | ObligationCancelled() | ObligationReinstated():
                # Nothing of them that is nullable means anything to a view.
                pass
            case ReferenceAssigned() | EntryMatched() | BreakDecided():
                # A null of theirs says something: nobody, for ever.
                pass
    return filled  # type: ignore[no-any-return]


def with_fields(filled: Any, other: Any, *names: str) -> Any:
    """Return the record with those of these fields that it leaves null, as the other gives them."""
    missing = {
        name: getattr(other, name)
        for name in names
        if getattr(filled, name) is None and getattr(other, name) is not None
    }
    return msgspec.structs.replace(filled, **missing) if missing else filled


def with_allocations(filled: PaymentInitiated, other: PaymentInitiated) -> PaymentInitiated:
    """Fill in installment and allocations: allocations only with the installment that their first one is for."""
    if filled.allocations is None and other.allocations is not None:
        first = other.allocations[0]
        installment = other.installment_id if filled.installment_id is None else filled.installment_id
        if (first.obligation_id, first.installment_id) == (filled.obligation_id, installment):
            return msgspec.structs.replace(filled, installment_id=installment, allocations=other.allocations)
    if filled.installment_id is None and other.installment_id is not None and filled.allocations is None:
        return msgspec.structs.replace(filled, installment_id=other.installment_id)
    return filled


def with_settlement_money(filled: ProcessorSettled, other: ProcessorSettled) -> ProcessorSettled:
    """Fill in fee, net and settlement currency, from a record in the same settlement currency where any is given."""
    given = [name for name in MONEY_OF_A_SETTLEMENT if getattr(filled, name) is not None]
    if given and (filled.settlement_currency or filled.currency) != (other.settlement_currency or other.currency):
        return filled
    return with_fields(filled, other, *MONEY_OF_A_SETTLEMENT)  # type: ignore[no-any-return]


def with_installments(filled: Any, others: tuple[Installment, ...]) -> Any:
    """Fill in the last days of grace of installments of the same ids."""
    ends = {part.installment_id: part.grace_ends_on for part in others if part.grace_ends_on is not None}
    if not any(part.grace_ends_on is None and part.installment_id in ends for part in filled.installments):
        return filled
    parts = tuple(
        msgspec.structs.replace(part, grace_ends_on=ends.get(part.installment_id))
        if part.grace_ends_on is None
        else part
        for part in filled.installments
    )
    return msgspec.structs.replace(filled, installments=parts)


def with_adjustment_terms(filled: ObligationAdjusted, other: ObligationAdjusted) -> ObligationAdjusted:
    """Fill in installment, due date and kind, as far as section 2 allows them beside each other."""
    for name in ("installment_id", "due_date", "kind"):
        after = with_fields(filled, other, name)
        both = after.installment_id is not None and after.due_date is not None
        if not both and not (after.kind == "FEE" and after.installment_id is not None):
            filled = after
    return filled

"""What may resolve the breaks of a reference, the likeliest first (named in the catalogue; tried by `remedies`)."""

from collections.abc import Iterator
from typing import Any

from domain.explain.context import ReferenceContext
from domain.explain.corrective_events import Candidate, CorrectiveEvent
from domain.facts import PaymentInitiated, ProcessorSettled, ReferenceAssigned
from domain.references.state import claims, holder, tellings_in_order


def _assignment(context: ReferenceContext, payment_id: str | None) -> CorrectiveEvent:
    fields = {"processor": context.processor, "processor_reference": context.reference}
    if payment_id is not None:
        fields["payment_id"] = payment_id
    return CorrectiveEvent(ReferenceAssigned, fields)


def reference_is_claimed(context: ReferenceContext) -> Iterator[Candidate]:
    """Give the reference to a payment, or report the initiation or the record that names both."""
    yield Candidate("a person gives the reference to its payment", "a person", [_assignment(context, None)])
    first = tellings_in_order(context.state)[0]
    fields: dict[str, Any] = {
        "processor": context.processor,
        "processor_reference": context.reference,
        "currency": context.mismatch.currency,
    }
    if context.mismatch.actual_minor:
        fields["amount_minor"] = context.mismatch.actual_minor
    action = "the app reports the initiation that names the reference"
    yield Candidate(action, "the app", [CorrectiveEvent(PaymentInitiated, fields)])
    fields = {
        "processor": first.processor,
        "processor_reference": first.processor_reference,
        "outcome": first.outcome,
        "gross_minor": first.gross_minor,
        "fee_minor": first.fee_minor,
        "net_minor": first.net_minor,
        "currency": first.currency,
        "value_date": first.value_date,
        "original_reference": first.original_reference,
        "movement_id": first.movement_id,
        "settlement_currency": first.settlement_currency,
    }
    action = f"{context.processor} reports its record again, with the payment id"
    yield Candidate(action, context.processor, [CorrectiveEvent(ProcessorSettled, fields)])


def claim_is_decided(context: ReferenceContext) -> Iterator[Candidate]:
    """Decide for one of the payments. Records that name two payments themselves are withdrawn by nothing."""
    if len(context.state.attempt_claims) > 1:
        return
    held_by = holder(context.state)
    claimants = dict.fromkeys([held_by] if held_by is not None else [])
    claimants |= dict.fromkeys(payment_id for _, _, payment_id in sorted(claims(context.state)))
    for payment_id in claimants:
        action = f"a person gives the reference to payment {payment_id}"
        yield Candidate(action, "a person", [_assignment(context, payment_id)])

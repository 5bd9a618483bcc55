"""What is known of a payment, in sentences."""

from collections.abc import Iterator

from domain.explain.context import PaymentContext
from domain.explain.entries import TimelineEntry, entry_of, naming
from domain.facts import Allocation, Outcome
from domain.formatting import amount_text, listed
from domain.payments.state import Assignment, Initiation, Posting, Reversal, SettlementOutcome, identities

_METHODS = {
    "ACH_DEBIT": "an ACH debit",
    "CARD": "a card payment",
    "INSTANT": "an instant transfer",
    "CHECK": "a check payment",
    "CASH": "a cash payment",
}
OUTCOMES: dict[Outcome, str] = {
    "SETTLED": "settled",
    "FAILED": "reported a failure of",
    "RETURNED": "reported a return of",
    "REFUNDED": "refunded",
    "CHARGEBACK": "reported a chargeback of",
    "CHARGEBACK_REVERSED": "reported a chargeback reversal of",
    "RETURN_REVERSED": "reported that a return was taken back, of",
    "REFUND_REVERSED": "reported that a refund came back, of",
}


def payment_story(context: PaymentContext) -> Iterator[TimelineEntry]:
    """Give an entry for each fact of a payment, those included that it has by holding a reference."""
    currency = context.totals.currency
    without_payment_id = {
        telling.event_id for resolution in context.state.resolutions.values() for telling in resolution.records
    }
    for identity, accepted in identities(context.whole):
        match accepted:
            case Initiation():
                yield entry_of(context, accepted, "app", _initiation_text(accepted))
            case SettlementOutcome():
                _, processor, reference, outcome, *movement = identity
                text = outcome_text(accepted, processor, reference, outcome, movement[0] if movement else None)
                if without_payment_id.issuperset(accepted.event_ids()):
                    text = f"{text[:-1]}, without a payment id: this payment holds the reference."
                yield entry_of(context, accepted, f"processor {processor}", text)
            case Posting():
                installment = "" if accepted.installment_id is None else f"{naming(accepted.installment_id)},"
                text = (
                    f"The ledger posted {amount_text(accepted.amount_minor, accepted.currency)} to obligation "
                    f"{accepted.obligation_id}{installment} as posting {identity[1]}."
                )
                yield entry_of(context, accepted, "ledger", text)
            case Reversal():
                unknown = "" if accepted.posting_id in context.state.postings else ", a posting that is not known,"
                text = (
                    f"The ledger reversed {amount_text(accepted.amount_minor, accepted.currency)} of posting "
                    f"{accepted.posting_id}{unknown} as reversal {identity[1]}."
                )
                yield entry_of(context, accepted, "ledger", text)
            case Assignment():
                who = "Somebody" if accepted.actor is None else accepted.actor
                moved = listed(_allocation_text(each, currency) for each in accepted.allocations)
                text = f"{who} moved the payment (version {identity[1]}): {moved}; {accepted.reason}."
                yield entry_of(context, accepted, "people", text)


def _initiation_text(initiation: Initiation) -> str:
    text = (
        f"Tenant {initiation.tenant_id} initiated {_METHODS[initiation.method]} of "
        f"{amount_text(initiation.amount_minor, initiation.currency)} through {initiation.processor}"
    )
    if initiation.processor_reference is not None:
        text += f" (reference {initiation.processor_reference})"
    if initiation.allocations is not None:
        parts = listed(_allocation_text(each, initiation.currency) for each in initiation.allocations)
        return f"{text}: {parts}."
    return f"{text} for obligation {initiation.obligation_id}{naming(initiation.installment_id)}."


def _allocation_text(one: Allocation, currency: str) -> str:
    return f"{amount_text(one.amount_minor, currency)} for obligation {one.obligation_id}{naming(one.installment_id)}"


def outcome_text(
    reported: SettlementOutcome, processor: str, reference: str, outcome: str, movement_id: str | None
) -> str:
    """Write what a processor reported."""
    currency = reported.currency
    about = f"attempt {reported.original_reference or reference}"
    if reported.original_reference not in (None, reference):
        about += f", record {reference}"
    if movement_id is not None:
        about += f", movement {movement_id}"
    words = next(text for known, text in OUTCOMES.items() if known == outcome)
    text = f"{processor} {words} {amount_text(reported.gross_minor, currency)} ({about})"
    if outcome == "SETTLED":
        of_fee = reported.currency_of_fee
        if reported.fee_minor is not None:
            text += f", fee {amount_text(reported.fee_minor, of_fee)}"
        if reported.net_minor is not None:
            text += f", net {amount_text(reported.net_minor, of_fee)}"
        if reported.fee_minor is None and reported.net_minor is None:
            text += ", its fee not known yet"
    if reported.reason_code is not None:
        text += f", reason {reported.reason_code}"
    return text + "."

"""What may resolve the breaks of payouts and bank entries, the likeliest first (named in the catalogue)."""

from collections.abc import Iterator
from typing import Any

from domain.explain.context import BankEntryContext, PayoutContext
from domain.explain.corrective_events import Candidate, CorrectiveEvent
from domain.facts import BankEntryBooked, EntryMatched, PayoutReported, ProcessorSettled
from domain.ids import parts_of_key


def _of_payout(context: PayoutContext, **fields: Any) -> dict[str, Any]:
    return {"processor": context.processor, "payout_id": context.payout_id, **fields}


def lines_are_reported(context: PayoutContext) -> Iterator[Candidate]:
    """Report the line that is missing, or the net of one that is not known."""
    mismatch, processor = context.mismatch, context.processor
    missing = mismatch.expected_minor - mismatch.actual_minor
    unknown = [
        (reference, name, line)
        for reference, outcomes in context.state.lines.items()
        for name, line in outcomes.items()
        if line.net_minor is None
    ]
    if len(unknown) == 1:
        reference, name, line = unknown[0]
        outcome, _, movement_id = name.partition("/")
        fields = _of_payout(
            context,
            payment_id=line.payment_id,
            processor_reference=reference,
            outcome=outcome,
            gross_minor=line.gross_minor,
            net_minor=missing,
            currency=line.currency,
            movement_id=movement_id or None,
            original_reference=line.original_reference,
            settlement_currency=line.settlement_currency,
            value_date=line.value_date,
        )
        action = f"{processor} reports its record {reference} again, with the net amount"
        yield Candidate(action, processor, [CorrectiveEvent(ProcessorSettled, fields)])
    fields = _of_payout(context, net_minor=missing, currency=mismatch.currency, settlement_currency=None)
    yield Candidate(
        f"{processor} reports the line that is missing", processor, [CorrectiveEvent(ProcessorSettled, fields)]
    )


def payout_is_reported(context: PayoutContext) -> Iterator[Candidate]:
    """Report the payout."""
    fields = _of_payout(context, status="PAID", currency=context.mismatch.currency, other_minor=0)
    if context.mismatch.expected_minor:
        fields["amount_minor"] = context.mismatch.expected_minor
    action = f"{context.processor} reports the payout"
    yield Candidate(action, context.processor, [CorrectiveEvent(PayoutReported, fields)])


def entry_is_booked(context: PayoutContext) -> Iterator[Candidate]:
    """Book what is missing on the account, or what takes the surplus back."""
    mismatch = context.mismatch
    missing = mismatch.expected_minor - mismatch.actual_minor
    if not missing:
        return
    fields = _of_payout(context, amount_minor=missing, currency=mismatch.currency)
    accounts = {report.account_id for report in context.state.reports.values() if report.account_id is not None}
    if len(accounts) == 1:
        fields["account_id"] = accounts.pop()
    action = "the bank books the difference, and the entry names the payout"
    yield Candidate(action, "the bank", [CorrectiveEvent(BankEntryBooked, fields)])


def deposit_is_found(context: PayoutContext) -> Iterator[Candidate]:
    """Book the deposit, or report that the payout failed."""
    yield from entry_is_booked(context)
    report = context.state.reports["PAID"]
    fields = _of_payout(
        context,
        status="FAILED",
        amount_minor=report.amount_minor,
        other_minor=report.other_minor,
        currency=report.currency,
        arrival_date=report.arrival_date,
        account_id=report.account_id,
        bank_reference=report.bank_reference,
    )
    action = f"{context.processor} reports that the payout failed"
    yield Candidate(action, context.processor, [CorrectiveEvent(PayoutReported, fields)])


def entry_is_matched(context: BankEntryContext) -> Iterator[Candidate]:
    """Match the entry to one of the payouts that fit it, or to another one."""
    of_entry = {"account_id": context.account_id, "entry_id": context.entry_id}
    for candidate in context.mismatch.candidates:
        processor, payout_id = parts_of_key(candidate)
        fields = of_entry | {"processor": processor, "payout_id": payout_id}
        action = f"a person matches the entry to payout {payout_id} of {processor}"
        yield Candidate(action, "a person", [CorrectiveEvent(EntryMatched, fields)])
    action = "a person matches the entry to its payout"
    yield Candidate(action, "a person", [CorrectiveEvent(EntryMatched, dict(of_entry))])

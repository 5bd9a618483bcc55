"""What may resolve the breaks of payouts and bank entries, the likeliest first (named in the catalogue).

A payout knows the entries that belong to it, and no others; an entry knows which payouts fit it, and no others. So an
event about another entry or payout leaves open which one that is.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from domain.explain.context import BankEntryContext, PayoutContext
from domain.explain.corrective_events import Candidate, CorrectiveEvent
from domain.facts import BankEntryBooked, EntryMatched, PayoutOutcome, PayoutReported, ProcessorSettled
from domain.formatting import amount_text, counted, listed
from domain.ids import parts_of_key
from domain.outcomes import parts_of_outcome
from domain.payouts.state import Line, PayoutReport
from domain.payouts.totals import EntryLine, PayoutTotals
from domain.records import MatchedBy

LISTED_MAX = 5
"""Remedies name at most this many lines, entries or payouts: people do not correct more one by one."""

IF_NO_OTHER_FITS = "if no other entry fits this one"
"""Once no entry names a payout, its match group may match another entry to it, and the payout does not know which."""

_CONFIRMED = (MatchedBy.NAMED, MatchedBy.PERSON)


def _totals(context: PayoutContext) -> PayoutTotals:
    totals = context.totals
    if totals is None:
        raise ValueError(f"{context.mismatch.break_class} is open without a line, a report or an entry")
    return totals


# The events that remedies are made of


def _of_payout(context: PayoutContext, **fields: Any) -> dict[str, Any]:
    return {"processor": context.processor, "payout_id": context.payout_id, **fields}


def _again(context: PayoutContext, reference: str, name: str, line: Line, **changed: Any) -> dict[str, Any]:
    """Give the fields of a line that is reported again; of fee and net those that are known."""
    outcome, movement_id = parts_of_outcome(name)
    known = {name: value for name in ("fee_minor", "net_minor") if (value := getattr(line, name)) is not None}
    return _of_payout(
        context,
        payment_id=line.payment_id,
        processor_reference=reference,
        outcome=outcome,
        movement_id=movement_id or None,
        original_reference=line.original_reference,
        gross_minor=line.gross_minor,
        currency=line.currency,
        settlement_currency=line.settlement_currency,
        value_date=line.value_date,
        **known,
    ) | changed  # fmt: skip


def _report(context: PayoutContext, status: PayoutOutcome, report: PayoutReport, **changed: Any) -> dict[str, Any]:
    """Give the fields of a report with the terms of another one."""
    return _of_payout(
        context,
        status=status,
        amount_minor=report.amount_minor,
        other_minor=report.other_minor,
        currency=report.currency,
        arrival_date=report.arrival_date,
        account_id=report.account_id,
        bank_reference=report.bank_reference,
    ) | changed  # fmt: skip


def _confirmed(context: PayoutContext) -> list[CorrectiveEvent]:
    """Match the entry that only fits the payout to it: once another entry names the payout, it would be left."""
    return [
        CorrectiveEvent(EntryMatched, _of_payout(context, account_id=one.account_id, entry_id=one.entry_id))
        for one in _totals(context).entries
        if one.entry.matched_by not in _CONFIRMED
    ]


def _booked(context: PayoutContext, amount_minor: int) -> Candidate:
    """The bank books an entry that names the payout."""
    fields = _of_payout(context, amount_minor=amount_minor, currency=context.mismatch.currency)
    accounts = {report.account_id for report in context.state.reports.values() if report.account_id is not None}
    if len(accounts) == 1:
        fields["account_id"] = accounts.pop()
    amount = amount_text(amount_minor, context.mismatch.currency)
    action = f"the bank books {amount}, and the entry names the payout"
    return Candidate(action, "the bank", [*_confirmed(context), CorrectiveEvent(BankEntryBooked, fields)])


def _matched(context: PayoutContext, amount_minor: int) -> Candidate:
    """A person matches an entry to the payout that is on the account already."""
    currency = context.mismatch.currency
    event = CorrectiveEvent(EntryMatched, _of_payout(context), currency=currency, entry_minor=amount_minor)
    action = f"a person matches an entry of {amount_text(amount_minor, currency)} to the payout"
    return Candidate(action, "a person", [*_confirmed(context), event])


def _matched_elsewhere(entries: Iterable[EntryLine]) -> list[CorrectiveEvent]:
    """A person matches entries of this payout to another one."""
    return [CorrectiveEvent(EntryMatched, {"account_id": one.account_id, "entry_id": one.entry_id}) for one in entries]


def _elsewhere_text(entries: Iterable[EntryLine]) -> str:
    names = [one.entry_id for one in entries]
    return f"a person matches {'entry' if len(names) == 1 else 'entries'} {listed(names)} to another payout"


def _group_currency_without(context: PayoutContext, moved: Collection[EntryLine]) -> str | None:
    """Give the currency of the entry that the match group may find once these entries are moved; None: it finds none.

    Only a payout that no entry names, and of whose PAID the account is known, is in a group.
    """
    paid = context.state.reports.get("PAID")
    if paid is None or paid.account_id is None or len(moved) < len(_totals(context).entries):
        return None
    return paid.currency


# What may resolve a break


def lines_are_reported(context: PayoutContext) -> Iterator[Candidate]:
    """PayoutReport the nets that are not known, the line that is missing, or what belongs to no payment."""
    totals, processor = _totals(context), context.processor
    missing = context.mismatch.expected_minor - context.mismatch.actual_minor
    currency = totals.currency
    unknown = [
        (reference, name, line)
        for reference, outcomes in context.state.lines.items()
        for name, line in outcomes.items()
        if line.net_minor is None and line.currency_of_net == currency
    ]
    if len(unknown) == 1:
        reference, name, line = unknown[0]
        action = f"{processor} reports its record {reference} again, with its net"
        event = CorrectiveEvent(ProcessorSettled, _again(context, reference, name, line, net_minor=missing))
        yield Candidate(action, processor, [event])
    elif 1 < len(unknown) <= LISTED_MAX:
        action = (
            f"{processor} reports its {counted(len(unknown), 'record')} without a net again, with nets that add up to "
            f"{amount_text(missing, currency)}"
        )
        events = [
            CorrectiveEvent(ProcessorSettled, _again(context, *one), currency=currency, net_sum_minor=missing)
            for one in unknown
        ]
        yield Candidate(action, processor, events)
    fields = _of_payout(context, net_minor=missing, currency=currency, settlement_currency=None)
    action = f"{processor} reports the line that is missing"
    yield Candidate(action, processor, [CorrectiveEvent(ProcessorSettled, fields)])
    if len(context.state.reports) == 1 and totals.report is not None:
        other = totals.report.other_minor + missing
        fields = _report(context, "PAID", totals.report, other_minor=other)
        event = CorrectiveEvent(PayoutReported, fields, must_precede=totals.report.occurred_at)
        action = f"{processor} reports that {amount_text(other, currency)} in it belongs to no payment"
        yield Candidate(action, processor, [event])


def payout_is_reported(context: PayoutContext) -> Iterator[Candidate]:
    """PayoutReport the payout; or give the entry, if nothing else is known of it, to another payout."""
    totals, expected = _totals(context), context.mismatch.expected_minor
    fields = _of_payout(context, status="PAID", currency=totals.currency)
    if expected and not totals.unknown_lines:
        fields["amount_minor"] = expected
    if totals.lines:
        fields["other_minor"] = 0
    accounts = {one.account_id for one in totals.entries}
    if len(accounts) == 1:
        fields["account_id"] = accounts.pop()
    action = f"{context.processor} reports the payout"
    yield Candidate(action, context.processor, [CorrectiveEvent(PayoutReported, fields)])
    if not totals.lines and len(totals.entries) <= LISTED_MAX:
        yield Candidate(_elsewhere_text(totals.entries), "a person", _matched_elsewhere(totals.entries))


def deposit_is_found(context: PayoutContext) -> Iterator[Candidate]:
    """Find the deposit on the account, book it, or report that the payout failed."""
    amount = context.mismatch.expected_minor
    yield _matched(context, amount)
    yield _booked(context, amount)
    fields = _report(context, "FAILED", context.state.reports["PAID"])
    action = f"{context.processor} reports that the payout failed"
    yield Candidate(action, context.processor, [CorrectiveEvent(PayoutReported, fields)])


def deposits_add_up(context: PayoutContext) -> Iterator[Candidate]:
    """Give the entry that is too much to another payout, or find or book the difference."""
    difference = context.mismatch.expected_minor - context.mismatch.actual_minor
    entries = [one for one in _totals(context).entries if one.entry.currency == context.mismatch.currency]
    for one in [one for one in entries if one.entry.amount_minor == -difference][:LISTED_MAX]:
        yield Candidate(_elsewhere_text([one]), "a person", _matched_elsewhere([one]))
    if difference:
        yield _matched(context, difference)
        yield _booked(context, difference)


def deposit_goes_back(context: PayoutContext) -> Iterator[Candidate]:
    """Find or book what takes the money back; or report that the payout was paid after all."""
    totals, amount = _totals(context), context.mismatch.actual_minor
    yield _booked(context, -amount)
    yield _matched(context, -amount)
    if len(totals.entries) <= LISTED_MAX:
        action = _elsewhere_text(totals.entries)
        if _group_currency_without(context, totals.entries) == totals.currency:
            action += f", {IF_NO_OTHER_FITS}"
        yield Candidate(action, "a person", _matched_elsewhere(totals.entries))
    if "PAID" not in context.state.reports and totals.report is not None:
        fields = _report(context, "PAID", totals.report, amount_minor=amount)
        action = f"{context.processor} reports that the payout was paid after all"
        yield Candidate(action, context.processor, [CorrectiveEvent(PayoutReported, fields)])


def currencies_agree(context: PayoutContext) -> Iterator[Candidate]:
    """PayoutReport the lines in the payout's currency, and give its entries in another one to other payouts."""
    totals, processor = _totals(context), context.processor
    entries = [one for one in totals.entries if one.entry.currency != totals.currency]
    events: list[CorrectiveEvent] = []
    for reference, outcomes in context.state.lines.items():
        for name, line in outcomes.items():
            if line.currency_of_net != totals.currency and len(events) <= LISTED_MAX:
                events.append(_in_currency(context, totals.currency, reference, name, line))
    if len(events) + len(entries) > LISTED_MAX:
        return
    actions = [_elsewhere_text(entries)] if entries else []
    if events:
        what = listed([event.fields["processor_reference"] for event in events])
        actions.insert(0, f"{processor} reports {what} again, with fee and net in {totals.currency}")
    if entries and _group_currency_without(context, entries) not in {None, totals.currency}:
        actions[-1] += f", {IF_NO_OTHER_FITS}"
    by = processor if events else "a person"
    yield Candidate(" and ".join(actions), by, [*events, *_matched_elsewhere(entries)])


def _in_currency(context: PayoutContext, currency: str, reference: str, name: str, line: Line) -> CorrectiveEvent:
    """PayoutReport a line in another currency; where it says nothing of fee and net yet, that is filled in."""
    fields = _again(context, reference, name, line, settlement_currency=currency)
    says_nothing = line.fee_minor is None and line.net_minor is None and line.settlement_currency is None
    for field in ("fee_minor", "net_minor"):
        fields.pop(field, None)
    return CorrectiveEvent(
        ProcessorSettled, fields, currency=currency, must_precede=None if says_nothing else line.occurred_at
    )  # fmt: skip


def entry_is_matched(context: BankEntryContext) -> Iterator[Candidate]:
    """Match the entry to one of the payouts that fit it, or to another one; or report which one it names."""
    of_entry: dict[str, Any] = {"account_id": context.account_id, "entry_id": context.entry_id}
    for candidate in context.mismatch.candidates[:LISTED_MAX]:
        processor, payout_id = parts_of_key(candidate)
        fields = of_entry | {"processor": processor, "payout_id": payout_id}
        action = f"a person matches the entry to payout {payout_id} of {processor}, which fits"
        yield Candidate(action, "a person", [CorrectiveEvent(EntryMatched, fields)])
    other = "another payout" if context.mismatch.candidates else "its payout"
    yield Candidate(f"a person matches the entry to {other}", "a person", [CorrectiveEvent(EntryMatched, of_entry)])
    booking = context.state.booking
    if booking is not None:
        fields = of_entry | {
            "amount_minor": booking.amount_minor,
            "currency": booking.currency,
            "booking_date": booking.booking_date,
            "value_date": booking.value_date,
            "reference": booking.reference,
            "text": booking.text,
        }
        action = "the bank's statement is imported again, and the entry names its payout"
        yield Candidate(action, "the bank", [CorrectiveEvent(BankEntryBooked, fields)])

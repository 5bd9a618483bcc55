"""What is known of a payout or a bank entry, in sentences."""

from collections.abc import Iterator

from domain.explain.context import BankEntryContext, PayoutContext
from domain.explain.entries import TimelineEntry, entry_of
from domain.explain.payment_story import OUTCOMES
from domain.facts import PayoutOutcome
from domain.formatting import amount_text, counted
from domain.outcomes import parts_of_outcome
from domain.payouts.state import Line, PayoutReport
from domain.records import MatchedBy
from domain.time import iso_date

LINES_MAX = 20
"""A payout may have thousands of lines. Of more than these the timeline has only those without a net, in conflict or in
another currency, and one entry that adds up all others."""

_STATUSES: dict[PayoutOutcome, str] = {
    "PAID": "paid out {}",
    "FAILED": "reported that the payout of {} failed",
    "CANCELLED": "reported that the payout of {} was cancelled",
}
_MATCHED_BY = {
    MatchedBy.NAMED: "it names the payout",
    MatchedBy.REFERENCE: "its reference is the payout's",
    MatchedBy.AMOUNT: "amount and day fit this payout alone",
    MatchedBy.PERSON: "a person matched it",
}


def matched_text(matched_by: MatchedBy) -> str:
    """Say how an entry was matched to its payout."""
    return _MATCHED_BY[matched_by]


def payout_story(context: PayoutContext) -> Iterator[TimelineEntry]:
    """Give an entry for each report, line and bank entry of a payout."""
    source = f"processor {context.processor}"
    for status, report in context.state.reports.items():
        yield entry_of(context, report, source, _report_text(context, status, report))
    yield from _lines(context, source)
    for one in () if context.totals is None else context.totals.entries:
        amount = amount_text(one.entry.amount_minor, one.entry.currency)
        yield TimelineEntry(
            at=one.entry.occurred_at,
            source="the bank",
            text=f"The bank booked {amount} on account {one.account_id} on {iso_date(one.booking_date)} as entry "
            f"{one.entry_id}: {matched_text(one.entry.matched_by)}.",
            event_id=one.entry.event_id,
            is_evidence=one.entry.event_id in context.mismatch.event_ids,
        )


def _report_text(context: PayoutContext, status: PayoutOutcome, report: PayoutReport) -> str:
    what = amount_text(report.amount_minor, report.currency)
    what += f" to account {report.account_id}" if report.account_id is not None else ""
    text = f"{context.processor} {_STATUSES[status].replace('{}', what)}"
    if status == "PAID":
        text += f", arriving {iso_date(report.arrival_date)}"
    if report.bank_reference and status == "PAID":
        text += f', bank reference "{report.bank_reference}"'
    if report.other_minor:
        text += f"; {amount_text(report.other_minor, report.currency)} in it belongs to no payment"
    return f"{text}."


def _lines(context: PayoutContext, source: str) -> Iterator[TimelineEntry]:
    known = [
        (reference, name, line)
        for reference, outcomes in context.state.lines.items()
        for name, line in outcomes.items()
    ]  # fmt: skip
    currency = context.mismatch.currency if context.totals is None else context.totals.currency
    left_out = []
    for reference, name, line in known:
        is_plain = line.net_minor is not None and not line.conflict and line.currency_of_net == currency
        if is_plain and len(known) > LINES_MAX:
            left_out.append(line)
        else:
            yield entry_of(context, line, source, _line_text(context, reference, name, line))
    if left_out:
        events = context.mismatch.event_ids
        net = amount_text(sum(line.net_minor or 0 for line in left_out), currency)
        yield TimelineEntry(
            at=max(line.occurred_at for line in left_out),
            source=source,
            text=f"{context.processor} had reported {counted(len(left_out), 'further line')} by then, {net} net in "
            "all.",
            is_evidence=any(line.event_id in events for line in left_out),
        )


def _line_text(context: PayoutContext, reference: str, name: str, line: Line) -> str:
    outcome, movement_id = parts_of_outcome(name)
    attempt = f"attempt {line.original_reference or reference}"
    attempt += f", movement {movement_id}" if movement_id else ""
    payment = "" if line.payment_id is None else f" for payment {line.payment_id}"
    net = "its net is not known yet"
    if line.net_minor is not None:
        net = f"{amount_text(line.net_minor, line.currency_of_net)} in the payout"
    currency = line.currency if context.totals is None else context.totals.currency
    if line.currency_of_net != currency:
        net += f" (it counts zero, as it is not in {currency})"
    return (
        f"{context.processor} {OUTCOMES[outcome]} {amount_text(line.gross_minor, line.currency)}{payment} ({attempt}): "
        f"{net}."
    )


def bank_entry_story(context: BankEntryContext) -> Iterator[TimelineEntry]:
    """Give an entry for the booking, and for each match by a person."""
    booking = context.state.booking
    if booking is not None:
        said = f', reference "{booking.reference}"' if booking.reference else ""
        said += f', text "{booking.text}"' if booking.text else ""
        named = f", for payout {booking.payout_id} of {booking.processor}" if booking.payout_id is not None else ""
        text = (
            f"The bank booked {amount_text(booking.amount_minor, booking.currency)} on account {context.account_id} on "
            f"{iso_date(booking.booking_date)} as entry {context.entry_id}{named}{said}."
        )
        yield entry_of(context, booking, "the bank", text)
    for match in context.state.matches:
        yield TimelineEntry(
            at=match.occurred_at,
            source="people",
            text=f"{match.actor} matched it to payout {match.payout_id} of {match.processor}: {match.reason}.",
            event_id=match.event_id,
            is_evidence=match.event_id in context.mismatch.event_ids,
        )

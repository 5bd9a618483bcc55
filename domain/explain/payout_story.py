"""What is known of a payout or a bank entry, in sentences."""

from collections.abc import Iterator

from domain.explain.context import BankEntryContext, PayoutContext
from domain.explain.entries import TimelineEntry, entry_of
from domain.explain.payment_story import OUTCOMES
from domain.formatting import amount_text
from domain.payouts.state import Line, Report, identities
from domain.records import MatchedBy
from domain.time import iso_date

LINES_MAX = 50
"""A payout may have thousands of lines. Of more than these the timeline has only those that are in conflict, or whose
net is not known."""

_STATUSES = {"PAID": "paid out", "FAILED": "reported a failure of", "CANCELLED": "cancelled"}
_MATCHED_BY = {
    MatchedBy.NAMED: "it names the payout",
    MatchedBy.REFERENCE: "its reference is the payout's",
    MatchedBy.AMOUNT: "amount and day fit this payout alone",
    MatchedBy.PERSON: "a person matched it",
}


def payout_story(context: PayoutContext) -> Iterator[TimelineEntry]:
    """Give an entry for each report, line and bank entry of a payout."""
    state = context.state
    shows_all = sum(map(len, state.lines.values())) <= LINES_MAX
    for identity, accepted in identities(state):
        source = f"processor {context.processor}"
        if isinstance(accepted, Report):
            amount = amount_text(accepted.amount_minor, accepted.currency)
            other = f", {amount_text(accepted.other_minor, accepted.currency)} of it for no payment" * bool(
                accepted.other_minor
            )
            account = "" if accepted.account_id is None else f" on account {accepted.account_id}"
            text = (
                f"{context.processor} {_STATUSES[identity[1]]} {amount}{other}, arriving "
                f"{iso_date(accepted.arrival_date)}{account}."
            )
            yield entry_of(context, accepted, source, text)
        elif isinstance(accepted, Line) and (shows_all or accepted.net_minor is None or accepted.conflict):
            yield entry_of(context, accepted, source, _line_text(context, identity, accepted))
    for one in () if context.totals is None else context.totals.entries:
        amount = amount_text(one.entry.amount_minor, one.entry.currency)
        yield TimelineEntry(
            at=one.entry.occurred_at,
            source="the bank",
            text=f"The bank booked {amount} on account {one.account_id} on {iso_date(one.booking_date)} as entry "
            f"{one.entry_id}: {_MATCHED_BY[one.entry.matched_by]}.",
            event_id=one.entry.event_id,
            is_evidence=one.entry.event_id in context.mismatch.event_ids,
        )


def _line_text(context: PayoutContext, identity: tuple[str, ...], line: Line) -> str:
    _, reference, outcome, *_ = identity
    payment = "a payment that it does not name" if line.payment_id is None else f"payment {line.payment_id}"
    net = "its net is not known"
    if line.net_minor is not None:
        net = f"{amount_text(line.net_minor, line.currency_of_net)} of it is in the payout"
    return (
        f"{context.processor} {OUTCOMES[outcome]} {amount_text(line.gross_minor, line.currency)} of "  # type: ignore[index]
        f"{payment}, attempt {line.original_reference or reference}: {net}."
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

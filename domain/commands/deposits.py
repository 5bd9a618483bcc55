"""Payouts that an unexplained bank entry may be of, each with what speaks for it and against it. None is applied."""

from collections.abc import Iterable

from domain.bank_entries.state import Booking
from domain.commands.naming import names
from domain.commands.proposals import Proposal
from domain.formatting import amount_text
from domain.ids import parts_of_key
from domain.payouts.state import PayoutState
from domain.payouts.totals import PayoutTotals, add_up, open_to
from domain.time import Day, iso_date

SHOWN_MAX = 5
DAYS_BEFORE, DAYS_AFTER = 5, 45
"""Of a payout with that amount: how long before its arrival, and after it, the bank may book it."""


def is_one(state: PayoutState, account_id: str, booking: Booking) -> bool:
    """Whether an entry may be of a payout: by the amount that is left of it and the day, or by a name in its text."""
    return _proposal(state, account_id, booking) is not None


def of_payouts(states: Iterable[PayoutState], account_id: str, booking: Booking) -> list[Proposal]:
    """Give the payouts of which `is_one` is true, the likeliest first.

    Args:
        states: payouts.
        account_id: the account of the entry.
        booking: the entry.

    """
    found = [found for state in states if (found := _proposal(state, account_id, booking)) is not None]
    found.sort(key=lambda each: (len(each[1].doubts), -len(each[1].reasons), each[0], each[1].key))
    return [proposal for _, proposal in found[:SHOWN_MAX]]


def _proposal(state: PayoutState, account_id: str, booking: Booking) -> tuple[int, Proposal] | None:
    """Give the days between arrival and booking, and the proposal; None if nothing speaks for it."""
    group = open_to(state)
    totals = add_up(state, None if group is None else group[0])
    if totals is None:
        return None
    processor, payout_id = parts_of_key(state.payout_key)
    left, what = _left(totals)
    fits_amount = left == booking.amount_minor and totals.currency == booking.currency
    named = _names(totals, payout_id, booking)
    arrival = None if totals.report is None else totals.report.arrival_date
    days = 0 if arrival is None else booking.booking_date - arrival
    if not named and not (fits_amount and left and -DAYS_BEFORE <= days <= DAYS_AFTER):
        return None
    reasons = list(named)
    doubts: list[str] = []
    if fits_amount:
        reasons.insert(0, f"{amount_text(left, totals.currency)} {what}")
    elif not left:
        doubts.append("nothing of it is left to be booked")
    else:
        doubts.append(f"{amount_text(left, totals.currency)} {what}")
    if arrival is not None:
        near = -1 <= days <= 5
        (reasons if near else doubts).append(_day_text(arrival, days))
    if _is_in(processor, booking, whole=False):
        reasons.append(f"{processor} is in the text")
    account = None if totals.report is None else totals.report.account_id
    if account is not None:
        if account == account_id:
            reasons.append("to that account")
        else:
            doubts.append(f"it is to go to account {account}")
    return abs(days), Proposal("payout", state.payout_key, tuple(reasons), tuple(doubts))


def _left(totals: PayoutTotals) -> tuple[int, str]:
    """Give what the bank has yet to book of a payout, and how it is known."""
    report = totals.report
    if report is None:
        return totals.lines_minor - totals.deposited_minor, "in its lines, not reported as paid yet"
    if totals.status != "PAID":
        return -totals.deposited_minor, "to be taken back, since it failed or was cancelled"
    if totals.deposited_minor:
        return report.amount_minor - totals.deposited_minor, "left of what was paid out"
    return report.amount_minor, "paid out"


def _names(totals: PayoutTotals, payout_id: str, booking: Booking) -> list[str]:
    found = [f"{payout_id} is in the text"] if _is_in(payout_id, booking) else []
    reference = None if totals.report is None else totals.report.bank_reference
    if reference is not None and reference != payout_id and _is_in(reference, booking):
        found.append(f"its bank reference {reference} is in the text")
    return found


def _is_in(name: str, booking: Booking, *, whole: bool = True) -> bool:
    return any(names(text, name, whole=whole) for text in (booking.reference, booking.text))


def _day_text(arrival: Day, days: int) -> str:
    if not days:
        return f"arriving {iso_date(arrival)}, that day"
    far = f"{abs(days)} day{'s' if abs(days) > 1 else ''}"
    return f"arriving {iso_date(arrival)}, {far} {'before' if days > 0 else 'after'}"

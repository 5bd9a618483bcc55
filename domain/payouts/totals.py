"""What the facts of a payout come to (contract section 11): the report in force, and the sums of lines and entries."""

from typing import NamedTuple

import msgspec

from domain.facts import PayoutOutcome
from domain.ids import parts_of_key
from domain.outcomes import parts_of_outcome
from domain.payouts.state import Line, PayoutReport, PayoutState, lines
from domain.snapshots import EntryOfPayout, UnnamedPayout, match_key
from domain.time import Day, Micros

_STATUS_ORDER: dict[PayoutOutcome, int] = {"PAID": 0, "FAILED": 1, "CANCELLED": 2}


class EntryLine(NamedTuple):
    """A bank entry that belongs to a payout."""

    booking_date: Day
    entry_id: str
    account_id: str
    entry: EntryOfPayout


class PayoutTotals(msgspec.Struct, gc=False):
    """The totals of a payout at whatever instant: no deadline is in them."""

    currency: str
    currency_event_id: str
    """The event that gives it."""
    status: PayoutOutcome | None
    """Of the report in force."""
    report: PayoutReport | None
    """The one in force."""
    entries: tuple[EntryLine, ...]
    """By (booking_date, entry_id, account_id)."""
    lines: int = 0
    unknown_lines: int = 0
    lines_minor: int = 0
    deposited_minor: int = 0
    foreign: tuple[str, ...] = ()
    """The events of lines and entries in another currency."""
    latest_line: Micros | None = None
    """The latest `occurred_at` of a line."""
    rests_on: Micros = 0
    may_conflict: bool = False
    """Whether an identity was told repeatedly, or an event told of two."""

    @property
    def expected_minor(self) -> int:
        """What the payout should be: its lines, and what the report says belongs to no payment."""
        return self.lines_minor + (0 if self.report is None else self.report.other_minor)


def report_in_force(state: PayoutState) -> tuple[PayoutOutcome | None, PayoutReport | None]:
    """Give the latest report, PAID before FAILED before CANCELLED at one instant; and its status."""
    if not state.reports:
        return None, None
    return max(state.reports.items(), key=lambda item: (item[1].occurred_at, _STATUS_ORDER[item[0]]))


def is_named(state: PayoutState) -> bool:
    """Whether a bank entry names the payout."""
    return any(sent.entry is not None for sent in state.entries.values())


def open_to(state: PayoutState) -> tuple[str, UnnamedPayout] | None:
    """Give the match group of a payout that is PAID and that no entry names, by the terms of its PAID; else None."""
    paid = state.reports.get("PAID")
    if paid is None or paid.account_id is None or is_named(state):
        return None
    return (
        match_key(paid.account_id, paid.currency, paid.amount_minor),
        UnnamedPayout(paid.arrival_date, paid.bank_reference or None),
    )


def entries(state: PayoutState, group: str | None) -> tuple[EntryLine, ...]:
    """Give the entries that belong to a payout: those that name it, or the one that its match group matched to it."""
    found = [(key, sent.entry) for key, sent in state.entries.items()]
    matched = None if group is None else state.matches.get(group)
    if matched is not None:
        found.append((matched.bank_entry_key, matched.entry))
    placed = []
    for key, entry in found:
        if entry is not None:
            account_id, entry_id = parts_of_key(key)
            placed.append(EntryLine(entry.booking_date, entry_id, account_id, entry))
    return tuple(sorted(placed, key=lambda one: one[:3]))


def add_up(state: PayoutState, group: str | None) -> PayoutTotals | None:
    """Add up the facts of a payout; None if no line, report or entry is known.

    Args:
        state: the payout's.
        group: the key of its match group, if it is in one.

    """
    status, report = report_in_force(state)
    known = entries(state, group)
    giver: PayoutReport | Line | None = report
    if giver is None:
        giver = _first_line(state)
    if giver is not None:
        currency = giver.currency_of_net if isinstance(giver, Line) else giver.currency
        totals = PayoutTotals(currency, giver.event_id, status, report, known)
    elif known:
        first = known[0].entry
        totals = PayoutTotals(first.currency, first.event_id, status, report, known)
    else:
        return None
    foreign: list[str] = []
    event_ids = _add_lines(totals, state, foreign)
    for _, _, _, entry in known:
        totals.rests_on = max(totals.rests_on, entry.occurred_at, entry.matched_at)
        if entry.currency == totals.currency:
            totals.deposited_minor += entry.amount_minor
        else:
            foreign += entry.event_ids
    for one in state.reports.values():
        totals.rests_on = max(totals.rests_on, one.occurred_at)
        totals.may_conflict |= one.tellings is not None
        event_ids.add(one.event_id)
    totals.may_conflict |= len(event_ids) < totals.lines + len(state.reports)
    totals.foreign = tuple(foreign)
    return totals


def _first_line(state: PayoutState) -> Line | None:
    """Give the first line by (`occurred_at`, `event_id`, canonical content)."""
    first = min(((line.occurred_at, line.event_id) for line in lines(state)), default=None)
    tied = [
        (reference, name, line)
        for reference, outcomes in state.lines.items()
        for name, line in outcomes.items()
        if (line.occurred_at, line.event_id) == first
    ]
    return min(tied, key=_content)[2] if tied else None


def _content(item: tuple[str, str, Line]) -> bytes:
    reference, name, line = item
    outcome, movement_id = parts_of_outcome(name)
    content = {field: getattr(line, field) for field in line.__struct_fields__ if field != "tellings"}
    identity = {"processor_reference": reference, "outcome": outcome, "movement_id": movement_id or None}
    return msgspec.json.encode(content | identity, order="sorted")


def _add_lines(totals: PayoutTotals, state: PayoutState, foreign: list[str]) -> set[str]:
    """Add the lines, in one pass, since there may be tens of thousands; give their events."""
    currency = totals.currency
    number = unknown = total = 0
    latest: Micros | None = None
    event_ids: set[str] = set()
    for line in lines(state):
        number += 1
        if latest is None or line.occurred_at > latest:
            latest = line.occurred_at
        if line.tellings is not None:
            totals.may_conflict = True
        event_ids.add(line.event_id)
        net = line.net_minor
        if net is None:
            unknown += 1
        if (line.settlement_currency or line.currency) != currency:
            foreign.append(line.event_id)
        elif net is not None:
            total += net
    totals.lines, totals.unknown_lines, totals.lines_minor, totals.latest_line = number, unknown, total, latest
    if latest is not None:
        totals.rests_on = latest
    return event_ids

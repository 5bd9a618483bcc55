"""What a match group finds (contract section 11): by reference first, then by amount where just one fits both ways."""

from bisect import bisect_left, bisect_right
from collections import deque
from typing import ClassVar, NamedTuple

import msgspec

from domain.breaks.model import Break
from domain.ids import parts_of_key
from domain.matching.state import MatchState, apply, new_match
from domain.policy import Policy
from domain.records import MatchedBy
from domain.snapshots import EntryMatch, EntryOfPayout, MatchFinding, PayoutMatch, UnnamedEntry
from domain.time import FAR_PAST, Day, Micros

__all__ = ["MatchState", "MatchView", "apply", "new_match", "view"]

DAYS_BEFORE, DAYS_AFTER = 1, 5
"""An entry fits a payout from one day before its arrival date to five days after it."""

CANDIDATES_MAX = 100
"""More payouts than these are not named as candidates of one entry."""


class MatchView(msgspec.Struct, frozen=True, gc=False):
    """What a group found. No clock changes it, and people see it at the payouts and entries."""

    key_kind: ClassVar[str] = "match"
    reconciliation: ClassVar[None] = None
    breaks: ClassVar[tuple[Break, ...]] = ()
    next_deadline: ClassVar[None] = None

    key: str
    """The match_key."""
    snapshots: tuple[PayoutMatch | EntryMatch, ...]
    """What matched payouts and entries are told, and entries that have candidates, at revision 0."""


class _Entry(NamedTuple):
    """An open entry; they are gone through in this order."""

    booking_date: Day
    entry_id: str
    key: str
    terms: UnnamedEntry


class _Payout(NamedTuple):
    """An open payout; they are gone through in this order."""

    arrival_date: Day
    payout_id: str
    key: str
    bank_reference: str
    """Empty where there is none."""


def view(state: MatchState, now: Micros, policy: Policy, clock: Micros = FAR_PAST) -> MatchView:
    """Derive what a group finds from its entries and payouts alone."""
    entries = sorted(
        _Entry(kept.entry.booking_date, parts_of_key(key)[1], key, kept.entry)
        for key, kept in state.entries.items()
        if kept.entry is not None
    )
    payouts = sorted(
        _Payout(kept.payout.arrival_date, parts_of_key(key)[1], key, kept.payout.bank_reference or "")
        for key, kept in state.payouts.items()
        if kept.payout is not None
    )
    if not entries or not payouts:
        return MatchView(state.match_key, ())
    snapshots: list[PayoutMatch | EntryMatch] = []
    by_reference = _by_reference(entries, payouts)
    for entry, payout in by_reference:
        snapshots += _matched(state.match_key, entry, payout, MatchedBy.REFERENCE)
    taken = {one.key for pair in by_reference for one in pair}
    entries = [entry for entry in entries if entry.key not in taken]
    payouts = [payout for payout in payouts if payout.key not in taken]
    entry_days = [entry.booking_date for entry in entries]
    payout_days = [payout.arrival_date for payout in payouts]
    for entry in entries:
        first = bisect_left(payout_days, entry.booking_date - DAYS_AFTER)
        last = bisect_right(payout_days, entry.booking_date + DAYS_BEFORE)
        if last - first == 1 and _number_fitting(entry_days, payout_days[first]) == 1:
            snapshots += _matched(state.match_key, entry, payouts[first], MatchedBy.AMOUNT)
        elif last > first:
            candidates = tuple([payout.key for payout in payouts[first : min(last, first + CANDIDATES_MAX)]])
            snapshots.append(EntryMatch(entry.key, state.match_key, 0, MatchFinding(None, None, candidates)))
    return MatchView(state.match_key, tuple(snapshots))


def _number_fitting(days: list[Day], arrival_date: Day) -> int:
    """Count the entries that fit a payout of that day; `days` are theirs, in order."""
    return bisect_right(days, arrival_date + DAYS_AFTER) - bisect_left(days, arrival_date - DAYS_BEFORE)


def _by_reference(entries: list[_Entry], payouts: list[_Payout]) -> list[tuple[_Entry, _Payout]]:
    """Give each entry, in order, the first payout that fits, that has its reference, and that no entry has yet."""
    by_reference: dict[str, deque[_Payout]] = {}
    for payout in payouts:
        for reference in {payout.bank_reference, payout.payout_id} - {""}:
            by_reference.setdefault(reference, deque()).append(payout)
    found: list[tuple[_Entry, _Payout]] = []
    taken: set[str] = set()
    for entry in entries:
        waiting = by_reference.get(entry.terms.reference or "", _NONE)
        # Later entries fit later payouts: one that is too early for this entry fits none of the next ones either.
        while waiting and (waiting[0].key in taken or waiting[0].arrival_date + DAYS_AFTER < entry.booking_date):
            waiting.popleft()
        if waiting and waiting[0].arrival_date - DAYS_BEFORE <= entry.booking_date:
            payout = waiting.popleft()
            taken.add(payout.key)
            found.append((entry, payout))
    return found


_NONE: deque[_Payout] = deque()


def _matched(match_key: str, entry: _Entry, payout: _Payout, matched_by: MatchedBy) -> tuple[PayoutMatch, EntryMatch]:
    _, currency, amount = match_key.rsplit("/", 2)
    terms = entry.terms
    of_payout = EntryOfPayout(int(amount), currency, terms.booking_date, terms.occurred_at, terms.event_id, matched_by)
    return (
        PayoutMatch(payout.key, match_key, 0, entry.key, of_payout),
        EntryMatch(entry.key, match_key, 0, MatchFinding(payout.key, matched_by)),
    )

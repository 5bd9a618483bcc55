"""ACH debit entries and their returns, counted by day (NACHA Operating Rules, return rates).

An entry of an ACH_DEBIT payment is known to have been originated because it settled or was returned; it counts on the
day of the earlier of the two. An attempt that settled and came back repeatedly is as many entries: its first return is
of its first settlement, and so on. A return counts on the day of its RETURNED, also when it was dishonoured later. A
FAILED alone was never an entry, and an attempt without an outcome is none yet. Days are days in UTC.
"""

from collections.abc import Iterable
from enum import IntEnum
from itertools import zip_longest
from operator import add
from typing import NamedTuple, TypeAlias

import msgspec

from domain.payments.state import PaymentState, outcomes
from domain.payments.totals import AttemptKey, attempt_key
from domain.time import DAY, Day

WINDOW_DAYS = 60
"""NACHA's return rates look back over this many days."""

KEPT_DAYS = 75
"""Older days are forgotten. It exceeds the window, so that the clocks of two workers may differ."""

AHEAD_DAYS = 366
"""Entries dated further ahead of the clock are not counted, or false dates could fill a tally with days."""


class Kind(IntEnum):
    """An entry, or the category of a return; also the position in a day's counts, and packed."""

    ENTRY = 0
    UNAUTHORIZED = 1
    ADMINISTRATIVE = 2
    OTHER = 3


_KINDS = 4

_CATEGORY_OF_REASON = dict.fromkeys(("R05", "R07", "R10", "R11", "R29", "R51"), Kind.UNAUTHORIZED) | dict.fromkeys(
    ("R02", "R03", "R04"), Kind.ADMINISTRATIVE
)
"""NACHA's return reason codes; all others are OTHER."""

Event: TypeAlias = int
"""An entry or a return on a day, coded as `4 * day + kind`, as it is packed."""


def entry_events(state: PaymentState, today: Day) -> tuple[Event, ...]:
    """Give the entries and returns of a payment; none if it is not an ACH debit."""
    if state.initiation is None or state.initiation.method != "ACH_DEBIT":
        return ()
    reports = [each for each in outcomes(state) if each[0][2] in {"SETTLED", "RETURNED"}]
    if len(reports) == 1:  # as nearly always
        day = reports[0][1].occurred_at // DAY
        if reports[0][0][2] == "SETTLED":
            return (_KINDS * day + Kind.ENTRY,) if day <= today + AHEAD_DAYS else ()
    found: list[Event] = []
    settled: dict[AttemptKey, list[Day]] = {}
    returned: dict[AttemptKey, list[Day]] = {}
    for identity, reported in reports:
        day = reported.occurred_at // DAY
        if day > today + AHEAD_DAYS:
            continue
        if identity[2] == "SETTLED":
            settled.setdefault(attempt_key(identity, reported), []).append(day)
        else:
            returned.setdefault(attempt_key(identity, reported), []).append(day)
            category = _CATEGORY_OF_REASON.get(reported.reason_code or "", Kind.OTHER)
            found.append(_KINDS * day + category)
    for attempt in settled.keys() | returned.keys():
        pairs = zip_longest(sorted(settled.get(attempt, ())), sorted(returned.get(attempt, ())))
        found += [_KINDS * min(day for day in pair if day is not None) + Kind.ENTRY for pair in pairs]
    return tuple(sorted(found))


class EntryCounts(NamedTuple):
    """Entries, and returns by category."""

    entries: int = 0
    unauthorized: int = 0
    administrative: int = 0
    other: int = 0


class AchReturns(msgspec.Struct):
    """Entries and returns by day."""

    by_day: dict[Day, tuple[int, ...]] = {}
    """The counts of each day, in the order of `Kind`; days that came to 0 are left out."""
    forgotten: Day = 0
    """Days before this were forgotten, and nothing that concerns them changes the counts."""

    def copy(self) -> "AchReturns":
        """Give another of the same values, to be changed."""
        return AchReturns(self.by_day.copy(), self.forgotten)

    def forget(self, today: Day) -> None:
        """Drop the days that no window looks back on."""
        horizon = today - KEPT_DAYS
        if horizon > self.forgotten:
            self.forgotten = horizon
            for day in [day for day in self.by_day if day < horizon]:
                del self.by_day[day]

    def count(self, events: Iterable[Event], sign: int) -> None:
        """Add (1) or take back (-1) entries and returns."""
        for event in events:
            day, kind = divmod(event, _KINDS)
            if day < self.forgotten:
                continue
            counts = list(self.by_day.get(day, (0,) * _KINDS))
            counts[kind] += sign
            if any(counts):
                self.by_day[day] = tuple(counts)
            else:
                del self.by_day[day]

    def add(self, other: "AchReturns") -> None:
        """Add the counts of another, but for days that are forgotten here."""
        for day, counts in other.by_day.items():
            if day >= self.forgotten:
                self.by_day[day] = tuple(map(add, self.by_day.get(day, (0,) * _KINDS), counts))

    def in_window(self, today: Day) -> EntryCounts:
        """Give the counts of the last 60 days, of which today is one."""
        total: tuple[int, ...] = (0,) * _KINDS
        for day, counts in self.by_day.items():
            if today - WINDOW_DAYS < day <= today:
                total = tuple(map(add, total, counts))
        return EntryCounts(*total)

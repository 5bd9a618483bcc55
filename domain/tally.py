"""What the keys of a partition come to: counts and sums for gauges, kept up to date key by key.

A key contributes what it was last told to be: its status, its money, its open breaks, its live alerts. When that
changes, the old contribution is taken back and the new one added, so a tally is never worked out from all keys, and is
exact as long as the old contribution is known. Its breaks and alerts are in the key's `Published` anyway; the rest is
remembered there as `counted`.

Money is whole minor units of the currency that a name ends in. Days are days since 1970-01-01 in UTC.

ACH (NACHA Operating Rules, return rates): an entry is an attempt of an ACH_DEBIT payment that is known to have been
originated, because it settled or was returned; it counts on the day of the earlier of the two. A return counts on the
day of its RETURNED. A FAILED alone was never an entry, and an attempt without an outcome is none yet.
"""

from collections.abc import Iterable
from operator import add, neg, sub
from typing import Any, cast

import msgspec

from domain.breaks.model import Break
from domain.obligations.lateness import Late
from domain.obligations.view import ObligationState, ObligationView
from domain.payments.view import PaymentState, PaymentView
from domain.publishing import Counted, Published
from domain.time import DAY, Day

UNCHARGED: Counted = ("",)
"""What is counted of an obligation without a charge: nothing but its breaks. Not empty: it has been counted."""

_NO_OBLIGATION: Counted = ("", "", "", 0, 0)
_NO_PAYMENT: Counted = ("", "", 0, 0, 0)

SOURCES_PRESENT = (
    "",
    "initiated",
    "settled",
    "initiated_settled",
    "posted",
    "initiated_posted",
    "settled_posted",
    "initiated_settled_posted",
)
"""Which of the three have told of a payment: the app 1, a processor (whatever the outcome) 2, the ledger 4."""

UNAUTHORIZED, ADMINISTRATIVE, OTHER = 1, 2, 3
"""Kinds of returns; 0 is an entry."""

CATEGORY_OF_REASON = dict.fromkeys(("R05", "R07", "R10", "R11", "R29", "R51"), UNAUTHORIZED) | dict.fromkeys(
    ("R02", "R03", "R04"), ADMINISTRATIVE
)
"""NACHA's return reason codes; all others are OTHER."""

WINDOW_DAYS = 60
"""NACHA's return rates look back over so many days."""

KEPT_DAYS = 75
"""Days are forgotten when they are older: with room for clocks that do not agree."""

AHEAD_DAYS = 366
"""What is dated further ahead of the clock is not counted, or false dates could fill a tally with days."""


class Tally(msgspec.Struct, array_like=True):
    """The sum of what some keys contribute. Packs with `msgspec.msgpack` and unpacks to the same.

    Names in `sums`, each with what its vector holds: `status/<status>` (keys); `legs/<legs>` (keys); `money/<currency>`
    (standing, posted, Σ |standing - posted|); `ageing/<bucket>` (keys); `owed/<currency>` (balance, paid);
    `break/<class>/<currency>` (breaks, Σ |drift|, Σ drift); `late/<stage>/<currency>` (alerts, past due).
    """

    sums: dict[str, tuple[int, ...]] = {}
    """Vectors by name; what has come to 0 is left out."""
    ach: dict[Day, tuple[int, ...]] = {}
    """By day: ACH debit entries, and returns of each kind in the order of their numbers."""
    forgotten: Day = 0
    """Days before this are not in `ach` any more, and nothing that concerns them changes it."""

    def copy(self) -> "Tally":
        """Another tally of the same values, to be changed."""
        return Tally(self.sums.copy(), self.ach.copy(), self.forgotten)

    def forget(self, today: Day) -> None:
        """Let go of the days that no window looks back on any more."""
        horizon = today - KEPT_DAYS
        if horizon > self.forgotten:
            self.forgotten = horizon
            for day in [day for day in self.ach if day < horizon]:
                del self.ach[day]

    def put(self, name: str, vector: tuple[int, ...]) -> None:
        """Add a vector."""
        sums = self.sums
        held = sums.get(name)
        changed = vector if held is None else tuple(map(add, held, vector))
        if any(changed):
            sums[name] = changed
        elif held is not None:
            del sums[name]

    def count(self, name: str, number: int) -> None:
        """Add to a count: what `put` does with a vector of one, in a third of the time, some times for each event."""
        sums = self.sums
        held = sums.get(name)
        if held is not None:
            number += held[0]
        if number:
            sums[name] = (number,)
        elif held is not None:
            del sums[name]

    def add(self, other: "Tally") -> None:
        """Add all that another tally holds, but for days that are forgotten here."""
        for name, vector in other.sums.items():
            self.put(name, vector)
        for day, counts in other.ach.items():
            if day >= self.forgotten:
                self.ach[day] = tuple(map(add, self.ach.get(day, (0, 0, 0, 0)), counts))

    def put_entry(self, coded: int, sign: int) -> None:
        """Add (1) or take back (-1) an ACH entry or return, coded as `4 * day + kind`."""
        day, kind = divmod(coded, 4)
        if day < self.forgotten:
            return
        held = list(self.ach.get(day, (0, 0, 0, 0)))
        held[kind] += sign
        if any(held):
            self.ach[day] = tuple(held)
        else:
            del self.ach[day]

    def entries(self, today: Day) -> tuple[int, ...]:
        """ACH debit entries of the last 60 days (today is one of them), and the returns of each kind in these days."""
        found = (0, 0, 0, 0)
        for day, counts in self.ach.items():
            if today - WINDOW_DAYS < day <= today:
                found = tuple(map(add, found, counts))
        return found


def count_payment(tally: Tally, published: Published, state: PaymentState, view: PaymentView, today: Day) -> None:
    """Let a payment contribute what a view says, instead of what its `Published` says, and note that there.

    Before `domain.publishing.diff`, which forgets what was told before.

    Args:
        tally: changed in place.
        published: of the payment; changed in place.
        state: what the view was derived from.
        view: the payment as it stands now.
        today: the day by the service's clock.

    """
    before = published.counted
    told = view.reconciliation
    standing, posted = told.settled.standing_minor, told.posted.net_minor
    initiation = state.initiation
    sources_present = (
        (initiation is not None) | (2 if state.attempts else 0) | (4 if state.postings or state.reversals else 0)
    )
    now: Counted = (told.status.value, told.currency, standing, posted, sources_present)
    if initiation is not None and initiation.method == "ACH_DEBIT" and state.attempts:
        now += _entries(state, today)
    if now != before:
        _payment(tally, before or _NO_PAYMENT, now)
        published.counted = now
    if published.breaks or view.breaks:
        _count_breaks(tally, published, view.breaks, counted=bool(before))


def count_obligation(
    tally: Tally, published: Published, state: ObligationState, view: ObligationView, today: Day
) -> None:
    """The same of an obligation."""
    before = published.counted
    told = view.reconciliation
    now: Counted = UNCHARGED
    if told is not None:
        now = (told.status.value, told.ageing_bucket.value, told.currency, told.balance_minor, told.paid_minor)
    if now != before:
        _obligation(tally, _charged(before), _charged(now))
        published.counted = now
    if published.breaks or view.breaks:
        _count_breaks(tally, published, view.breaks, counted=bool(before))
    if published.late or view.late:
        if before and before != UNCHARGED:
            _late(tally, [alert.last for alert in published.late.values()], str(before[2]), -1)
        if told is not None:
            _late(tally, view.late, told.currency, 1)


def recounted(kind: type, published_of_keys: Iterable[Published], forgotten: Day) -> Tally:
    """The tally of these keys, worked out from what each of them contributes: what a tally must be equal to.

    Args:
        kind: `PaymentState` or `ObligationState`: what they are keys of.
        published_of_keys: of all keys.
        forgotten: as the tally has it.

    """
    tally = Tally(forgotten=forgotten)
    for published in published_of_keys:
        if not published.counted:
            continue
        if kind is PaymentState:
            _payment(tally, _NO_PAYMENT, published.counted)
        else:
            _obligation(tally, _NO_OBLIGATION, _charged(published.counted))
        for published_break in published.breaks.values():
            _put_break(tally, published_break.last, 1)
        if published.late:
            _late(tally, [alert.last for alert in published.late.values()], str(published.counted[2]), 1)
    return tally


def _payment(tally: Tally, before: Counted, now: Counted) -> None:
    """Let a payment contribute what it is now instead of what it was.

    What stays the same is left alone: this is done for each event.
    """
    was_status, was_currency, was_standing, was_posted, were_present, *was_entries = cast(Any, before)
    status, currency, standing, posted, sources_present, *entries = cast(Any, now)
    if status != was_status:
        _move(tally, "status", was_status, status)
    if sources_present != were_present:
        _move(tally, "legs", SOURCES_PRESENT[were_present], SOURCES_PRESENT[sources_present])
    was_money = was_standing, was_posted, abs(was_standing - was_posted)
    _pay(tally, "money", was_currency, was_money, currency, (standing, posted, abs(standing - posted)))
    if entries != was_entries:
        for coded in was_entries:
            tally.put_entry(coded, -1)
        for coded in entries:
            tally.put_entry(coded, 1)


def _obligation(tally: Tally, before: Counted, now: Counted) -> None:
    """The same of an obligation."""
    was_status, was_bucket, was_currency, was_balance, was_paid = cast(Any, before)
    status, bucket, currency, balance, paid = cast(Any, now)
    if status != was_status:
        _move(tally, "status", was_status, status)
    if bucket != was_bucket:
        _move(tally, "ageing", was_bucket, bucket)
    _pay(tally, "owed", was_currency, (was_balance, was_paid), currency, (balance, paid))


def _charged(counted: Counted) -> Counted:
    return counted if len(counted) > 1 else _NO_OBLIGATION


def _move(tally: Tally, kind: str, before: str, now: str) -> None:
    """A key is one of these now and no more of those; "" is none."""
    if before:
        tally.count(f"{kind}/{before}", -1)
    if now:
        tally.count(f"{kind}/{now}", 1)


def _pay(
    tally: Tally, kind: str, was_currency: str, before: tuple[int, ...], currency: str, now: tuple[int, ...]
) -> None:
    """A key has this money now instead of that; in the currency "" it has none."""
    if currency != was_currency:
        tally.put(f"{kind}/{was_currency}", tuple(map(neg, before)))
        tally.put(f"{kind}/{currency}", now)
    elif now != before:
        tally.put(f"{kind}/{currency}", tuple(map(sub, now, before)))


def _entries(state: PaymentState, today: Day) -> tuple[int, ...]:
    found: list[int] = []
    for references in state.attempts.values():
        for attempt in references.values():
            settled, returned = attempt.settled, attempt.returned
            days = [one.occurred_at // DAY for one in (settled, returned) if one is not None]
            if not days or max(days) > today + AHEAD_DAYS:
                continue
            found.append(4 * min(days))
            if returned is not None:
                category = CATEGORY_OF_REASON.get(returned.reason_code or "", OTHER)
                found.append(4 * (returned.occurred_at // DAY) + category)
    return tuple(found)


def _count_breaks(tally: Tally, published: Published, breaks: Iterable[Break], *, counted: bool) -> None:
    if counted:
        for published_break in published.breaks.values():
            _put_break(tally, published_break.last, -1)
    for one in breaks:
        _put_break(tally, one, 1)


def _put_break(tally: Tally, one: Break, sign: int) -> None:
    drift = one.actual_minor - one.expected_minor
    tally.put(f"break/{one.break_class}/{one.currency}", (sign, sign * abs(drift), sign * drift))


def _late(tally: Tally, late: Iterable[Late], currency: str, sign: int) -> None:
    for one in late:
        past_due = one.amount_due_minor - one.paid_minor - one.pending_minor
        tally.put(f"late/{one.stage}/{currency}", (sign, sign * past_due))

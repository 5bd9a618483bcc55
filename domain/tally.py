"""Aggregates of the keys of a partition, behind the gauges, updated incrementally as keys change.

A key contributes what was last published of it: its status, its money, its breaks, its live alerts. When that
changes, the old contribution is taken back and the new one is added. So a tally is exact as long as the old
contribution is known, and never computed from all keys. Breaks and alerts are in the key's `Published` anyway; the rest
is kept there as `counted`.

Money is integer minor units of the currency that a name ends in. Days are days since 1970-01-01 in UTC.
"""

from collections.abc import Iterable, Iterator
from operator import add, neg, sub
from typing import TypeAlias, TypeVar

import msgspec

from domain.ach_returns import AchReturns
from domain.bank_entries.view import BankEntryState, BankEntryView
from domain.breaks.model import Break
from domain.contributions import (
    NO_BANK_ENTRY,
    NO_OBLIGATION,
    NO_PAYMENT,
    NO_PAYOUT,
    NO_RECORD,
    NO_REFERENCE,
    BankEntryContribution,
    ObligationContribution,
    PaymentContribution,
    PayoutContribution,
    ReferenceContribution,
    bank_entry_contribution,
    counted_bank_entry,
    counted_obligation,
    counted_payment,
    counted_payout,
    counted_reference,
    obligation_contribution,
    payment_contribution,
    payout_contribution,
    reference_contribution,
)
from domain.obligations.lateness import Late
from domain.obligations.view import ObligationState, ObligationView
from domain.payments.view import PaymentState, PaymentView
from domain.payouts.view import PayoutState, PayoutView
from domain.publishing import Published
from domain.records import BreakClass, DecisionState
from domain.references.view import ReferenceState, ReferenceView
from domain.time import DAY, Day

Name: TypeAlias = tuple[str, ...]
"""The kind of a sum, then its labels. Packed joined by slashes, which no label contains."""

STATUS = "status"
"""By status: keys. The status of a bank entry is what it was matched by, or `UNMATCHED`."""
SOURCES = "legs"
"""By `SOURCES_PRESENT`: payments."""
MONEY = "money"
"""By currency: net settled, posted, and the sum over payments of their absolute difference."""
AGEING = "ageing"
"""By bucket: obligations."""
OWED = "owed"
"""By currency: balance, paid."""
BREAK = "break"
"""By class and currency: open breaks, the sum of absolute differences, the sum of differences."""
ACCEPTED = "accepted"
"""The same of breaks that people have accepted."""
DECISION = "decision"
"""By decision state: breaks on which people have decided something, open or accepted."""
WAITING = "waiting"
"""By what waits (`WAITING_FOR`) and the day since when: breaks."""
SUSPENSE = "suspense"
"""By currency: references that nobody holds, the gross of their SETTLED records."""
PAYOUT_MONEY = "payout_money"
"""By payout status and currency: lines and what belongs to no payment, on the bank account."""
UNDER_WAY = "under_way"
"""By currency: payouts that are PAID and in transit, the part of them that is not on the bank account."""
UNMATCHED_MONEY = "unmatched_money"
"""By currency: bank entries that belong to no payout, the sum of their absolute amounts."""
LATE = "late"
"""By stage and currency: alerts, the amount past due."""

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
"""Which sources have reported a payment: the app is bit 1, a processor (with any outcome) 2, the ledger 4."""


WAITING_FOR = ("suspense", "approval", "under_way", "unexplained")
"""Money for the payment that holds its reference, an acceptance for a second person, a payout in transit for the bank
account (since its arrival date), and a bank entry for its payout."""


class PackedTally(msgspec.Struct, array_like=True):
    """A tally as it is packed: in the changelog and in the store. Fields may only be appended, with a default."""

    sums: dict[str, tuple[int, ...]] = {}
    ach: dict[Day, tuple[int, ...]] = {}
    forgotten: Day = 0
    format: int = 1
    """The version of the contract that all states of the partition are written in (tables/packing.py)."""


class Tally(msgspec.Struct):
    """The sum of the contributions of some keys."""

    sums: dict[Name, tuple[int, ...]] = {}
    """Vectors by name; what has come to 0 is left out."""
    ach: AchReturns = msgspec.field(default_factory=AchReturns)
    format: int = 2
    """The version of the contract that all its states are written in; some may be in a later one."""

    def copy(self) -> "Tally":
        """Give another tally of the same values, to be changed."""
        return Tally(self.sums.copy(), self.ach.copy(), self.format)

    def packed(self) -> PackedTally:
        """Give the form to pack; it shares nothing that changes."""
        sums = {"/".join(name): vector for name, vector in self.sums.items()}
        return PackedTally(sums, self.ach.by_day.copy(), self.ach.forgotten, self.format)

    @classmethod
    def unpacked(cls, packed: PackedTally) -> "Tally":
        """Give the tally of a packed form, which it may share."""
        sums = {tuple(name.split("/")): vector for name, vector in packed.sums.items()}
        return cls(sums, AchReturns(packed.ach, packed.forgotten), packed.format)

    def of_kind(self, kind: str) -> Iterator[tuple[Name, tuple[int, ...]]]:
        """Give the labels and vectors of one kind of sums, sorted by name."""
        for name in sorted(self.sums):
            if name[0] == kind:
                yield name[1:], self.sums[name]

    def put(self, name: Name, vector: tuple[int, ...]) -> None:
        """Add a vector."""
        sums = self.sums
        known = sums.get(name)
        changed = vector if known is None else tuple(map(add, known, vector))
        if any(changed):
            sums[name] = changed
        elif known is not None:
            del sums[name]

    def count(self, name: Name, number: int) -> None:
        """Add to a count: `put` with a vector of one, in a third of the time, since it is called for every event."""
        sums = self.sums
        known = sums.get(name)
        if known is not None:
            number += known[0]
        if number:
            sums[name] = (number,)
        elif known is not None:
            del sums[name]

    def add(self, other: "Tally") -> None:
        """Add another tally, but for days that are forgotten here."""
        for name, vector in other.sums.items():
            self.put(name, vector)
        self.ach.add(other.ach)


C = TypeVar("C", PaymentContribution, ObligationContribution)


def count_payment(tally: Tally, published: Published, state: PaymentState, view: PaymentView, today: Day) -> None:
    """Replace the contribution of a payment by that of a view, and record it as counted.

    Call it before `domain.publishing.diff`, which drops the breaks published before.

    Args:
        tally: changed in place.
        published: of the payment; changed in place.
        state: the payment's.
        view: the payment as it is now.
        today: the day by the service's clock.

    """
    before = published.counted
    contribution = payment_contribution(state, view, today)
    now = NO_RECORD if view.reconciliation is None else contribution.packed()
    if now != before:
        _replace_payment(tally, counted_payment(before), contribution)
        published.counted = now
    if published.breaks or view.breaks:
        _replace_breaks(tally, published, view.breaks, was_counted=bool(before))


def count_obligation(
    tally: Tally, published: Published, state: ObligationState, view: ObligationView, today: Day
) -> None:
    """Replace the contribution of an obligation by that of a view, as `count_payment` does."""
    before = published.counted
    contribution = obligation_contribution(view)
    now = NO_RECORD if view.reconciliation is None else contribution.packed()
    if now != before:
        _replace_obligation(tally, counted_obligation(before), contribution)
        published.counted = now
    if published.breaks or view.breaks:
        _replace_breaks(tally, published, view.breaks, was_counted=bool(before))
    if published.late or view.late:
        alerts = [alert.last for alert in published.late.values()]
        _put_late(tally, alerts, counted_obligation(before).currency, -1)
        _put_late(tally, view.late, contribution.currency, 1)


def count_reference(tally: Tally, published: Published, view: ReferenceView) -> None:
    """Replace the contribution of a reference by that of a view, as `count_payment` does.

    A reference without a reconciliation and without a history, as nearly all are, contributes nothing and leaves no
    trace.
    """
    before = published.counted
    if view.reconciliation is None and not before:
        return
    contribution = reference_contribution(view)
    now = NO_RECORD if view.reconciliation is None else contribution.packed()
    if now != before:
        _replace_reference(tally, counted_reference(before), contribution)
        published.counted = now
    if published.breaks or view.breaks:
        _replace_breaks(tally, published, view.breaks, was_counted=bool(before))


def count_payout(tally: Tally, published: Published, view: PayoutView) -> None:
    """Replace the contribution of a payout by that of a view, as `count_payment` does."""
    before = published.counted
    contribution = payout_contribution(view)
    now = NO_RECORD if view.reconciliation is None else contribution.packed()
    if now != before:
        _replace_payout(tally, counted_payout(before), contribution)
        published.counted = now
    if published.breaks or view.breaks:
        _replace_breaks(tally, published, view.breaks, was_counted=bool(before))


def count_bank_entry(tally: Tally, published: Published, state: BankEntryState, view: BankEntryView) -> None:
    """Replace the contribution of a bank entry by that of a view, as `count_payment` does."""
    before = published.counted
    contribution = bank_entry_contribution(state, view)
    now = contribution.packed() if contribution.matched_by else NO_RECORD
    if now != before:
        _replace_bank_entry(tally, counted_bank_entry(before), contribution)
        published.counted = now
    if published.breaks or view.breaks:
        _replace_breaks(tally, published, view.breaks, was_counted=bool(before))


def recounted(kind: type, published_of_keys: Iterable[Published], forgotten: Day) -> Tally:
    """Compute the tally of some keys from the contribution of each: what an incremental tally must be equal to.

    Args:
        kind: the type of the states: `PaymentState`, …
        published_of_keys: of all keys.
        forgotten: as the tally has it.

    """
    tally = Tally(ach=AchReturns(forgotten=forgotten))
    for published in published_of_keys:
        if not published.counted:
            continue
        currency = ""
        if kind is PaymentState:
            _replace_payment(tally, NO_PAYMENT, counted_payment(published.counted))
        elif kind is ReferenceState:
            _replace_reference(tally, NO_REFERENCE, counted_reference(published.counted))
        elif kind is PayoutState:
            _replace_payout(tally, NO_PAYOUT, counted_payout(published.counted))
        elif kind is BankEntryState:
            _replace_bank_entry(tally, NO_BANK_ENTRY, counted_bank_entry(published.counted))
        else:
            contribution = counted_obligation(published.counted)
            currency = contribution.currency
            _replace_obligation(tally, NO_OBLIGATION, contribution)
        for published_break in published.breaks.values():
            _put_break(tally, published_break.last, 1)
        _put_late(tally, [alert.last for alert in published.late.values()], currency, 1)
    return tally


def _replace_payment(tally: Tally, before: PaymentContribution, now: PaymentContribution) -> None:
    """Leave alone what stays the same: this is done for every event."""
    if now.status != before.status:
        _move(tally, STATUS, before.status, now.status)
    if now.sources_present != before.sources_present:
        _move(tally, SOURCES, SOURCES_PRESENT[before.sources_present], SOURCES_PRESENT[now.sources_present])
    _replace_money(tally, MONEY, before, now)
    if now.ach != before.ach:
        tally.ach.count(before.ach, -1)
        tally.ach.count(now.ach, 1)


def _replace_obligation(tally: Tally, before: ObligationContribution, now: ObligationContribution) -> None:
    if now.status != before.status:
        _move(tally, STATUS, before.status, now.status)
    if now.ageing_bucket != before.ageing_bucket:
        _move(tally, AGEING, before.ageing_bucket, now.ageing_bucket)
    _replace_money(tally, OWED, before, now)


def _replace_reference(tally: Tally, before: ReferenceContribution, now: ReferenceContribution) -> None:
    if now.status != before.status:
        _move(tally, STATUS, before.status, now.status)
    if now.suspense != before.suspense:
        for contribution, sign in ((before, -1), (now, 1)):
            for currency, gross_minor in contribution.suspense:
                tally.put((SUSPENSE, currency), (sign, sign * gross_minor))


def _replace_payout(tally: Tally, before: PayoutContribution, now: PayoutContribution) -> None:
    if now.status != before.status:
        _move(tally, STATUS, before.status, now.status)
    for contribution, sign in ((before, -1), (now, 1)):
        if contribution.status:
            name = PAYOUT_MONEY, contribution.status, contribution.currency
            tally.put(name, (sign * contribution.collected_minor, sign * contribution.deposited_minor))
        if contribution.under_way_minor:
            tally.put((UNDER_WAY, contribution.currency), (sign, sign * contribution.under_way_minor))
            tally.count((WAITING, "under_way", str(contribution.arrival_date)), sign)


def _replace_bank_entry(tally: Tally, before: BankEntryContribution, now: BankEntryContribution) -> None:
    if now.matched_by != before.matched_by:
        _move(tally, STATUS, before.matched_by, now.matched_by)
    for contribution, sign in ((before, -1), (now, 1)):
        if contribution.currency:
            tally.put((UNMATCHED_MONEY, contribution.currency), (sign, sign * contribution.unmatched_minor))


def _move(tally: Tally, kind: str, before: str, now: str) -> None:
    """Count a key under one label instead of another; "" is none."""
    if before:
        tally.count((kind, before), -1)
    if now:
        tally.count((kind, now), 1)


def _replace_money(tally: Tally, kind: str, before: C, now: C) -> None:
    """Put the money under one currency instead of another; "" is none."""
    if now.currency == before.currency:
        change = tuple(map(sub, now.money, before.money))
        if any(change):
            tally.put((kind, now.currency), change)
        return
    if before.currency:
        tally.put((kind, before.currency), tuple(map(neg, before.money)))
    if now.currency:
        tally.put((kind, now.currency), now.money)


def _replace_breaks(tally: Tally, published: Published, breaks: Iterable[Break], *, was_counted: bool) -> None:
    if was_counted:
        for published_break in published.breaks.values():
            _put_break(tally, published_break.last, -1)
    for one in breaks:
        _put_break(tally, one, 1)


def _put_break(tally: Tally, one: Break, sign: int) -> None:
    difference = one.actual_minor - one.expected_minor
    name = ACCEPTED if one.is_accepted else BREAK, one.break_class, one.currency
    tally.put(name, (sign, sign * abs(difference), sign * difference))
    decision = one.decision
    if decision is not None:
        tally.count((DECISION, decision.state), sign)
        if decision.state is DecisionState.ACCEPT_REQUESTED:
            tally.count((WAITING, "approval", str(decision.at // DAY)), sign)
    waits = _WAITING_WITH.get(one.break_class)
    if waits is not None and one.due_at is not None and not one.is_accepted:
        tally.count((WAITING, waits, str(one.due_at // DAY)), sign)


_WAITING_WITH = {BreakClass.REFERENCE_UNKNOWN: "suspense", BreakClass.BANK_ENTRY_UNEXPLAINED: "unexplained"}


def _put_late(tally: Tally, late: Iterable[Late], currency: str, sign: int) -> None:
    """Add or take back alerts; without a currency there is no charge, and alerts are not counted."""
    if not currency:
        return
    for one in late:
        past_due = one.amount_due_minor - one.paid_minor - one.pending_minor
        tally.put((LATE, one.stage, currency), (sign, sign * past_due))

"""Aggregates of the keys of a partition, behind the gauges, updated incrementally as keys change.

A key contributes what was last published of it: its status, its money, its breaks, its live alerts. When that
changes, the old contribution is taken back and the new one is added. So a tally is exact as long as the old
contribution is known, and never computed from all keys. Breaks and alerts are in the key's `Published` anyway; the rest
is kept there as `counted`.

Money is integer minor units of the currency that a name ends in. Days are days since 1970-01-01 in UTC.
"""

from collections.abc import Iterable, Iterator
from operator import add, neg, sub
from typing import Any, TypeAlias, TypeVar

import msgspec

from domain.ach_returns import AchReturns, Event, entry_events
from domain.breaks.model import Break
from domain.obligations.lateness import Late
from domain.obligations.view import ObligationState, ObligationView
from domain.payments.view import PaymentState, PaymentView
from domain.publishing import Counted, Published
from domain.records import BreakClass, DecisionState, ReferenceStatus
from domain.references.view import ReferenceState, ReferenceView
from domain.time import DAY, Day

Name: TypeAlias = tuple[str, ...]
"""The kind of a sum, then its labels. Packed joined by slashes, which no label contains."""

STATUS = "status"
"""By status: keys."""
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


WAITING_FOR = ("suspense", "approval")
"""Money for the payment that holds its reference, and an acceptance for a second person."""


class PackedTally(msgspec.Struct, array_like=True):
    """A tally as it is packed: in the changelog and in the store. Fields may only be appended, with a default."""

    sums: dict[str, tuple[int, ...]] = {}
    ach: dict[Day, tuple[int, ...]] = {}
    forgotten: Day = 0


class Tally(msgspec.Struct):
    """The sum of the contributions of some keys."""

    sums: dict[Name, tuple[int, ...]] = {}
    """Vectors by name; what has come to 0 is left out."""
    ach: AchReturns = msgspec.field(default_factory=AchReturns)

    def copy(self) -> "Tally":
        """Give another tally of the same values, to be changed."""
        return Tally(self.sums.copy(), self.ach.copy())

    def packed(self) -> PackedTally:
        """Give the form to pack; it shares nothing that changes."""
        sums = {"/".join(name): vector for name, vector in self.sums.items()}
        return PackedTally(sums, self.ach.by_day.copy(), self.ach.forgotten)

    @classmethod
    def unpacked(cls, packed: PackedTally) -> "Tally":
        """Give the tally of a packed form, which it may share."""
        sums = {tuple(name.split("/")): vector for name, vector in packed.sums.items()}
        return cls(sums, AchReturns(packed.ach, packed.forgotten))

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


class PaymentContribution(msgspec.Struct, frozen=True, gc=False):
    """What a payment contributes beside its breaks."""

    status: str
    currency: str
    standing_minor: int
    posted_minor: int
    sources_present: int
    """Index in `SOURCES_PRESENT`."""
    ach: tuple[Event, ...]

    def packed(self) -> Counted:
        """Give the form that `Published` keeps."""
        return self.status, self.currency, self.standing_minor, self.posted_minor, self.sources_present, *self.ach

    @property
    def money(self) -> tuple[int, int, int]:
        """The vector of `MONEY`."""
        return self.standing_minor, self.posted_minor, abs(self.standing_minor - self.posted_minor)


class ObligationContribution(msgspec.Struct, frozen=True, gc=False):
    """What a charged obligation contributes beside its breaks and alerts."""

    status: str
    ageing_bucket: str
    currency: str
    balance_minor: int
    paid_minor: int

    def packed(self) -> Counted:
        """Give the form that `Published` keeps."""
        return self.status, self.ageing_bucket, self.currency, self.balance_minor, self.paid_minor

    @property
    def money(self) -> tuple[int, int]:
        """The vector of `OWED`."""
        return self.balance_minor, self.paid_minor


class ReferenceContribution(msgspec.Struct, frozen=True, gc=False):
    """What a reference with a reconciliation contributes beside its breaks."""

    status: str
    suspense: tuple[tuple[str, int], ...]
    """Gross by currency, while nobody holds it."""

    def packed(self) -> Counted:
        """Give the form that `Published` keeps."""
        return self.status, *(each for pair in self.suspense for each in pair)


C = TypeVar("C", PaymentContribution, ObligationContribution)

NO_RECORD: Counted = ("",)
"""The packed contribution of a key without a reconciliation: breaks alone. Not empty: it has been counted."""

_NO_PAYMENT = PaymentContribution(status="", currency="", standing_minor=0, posted_minor=0, sources_present=0, ach=())
_NO_OBLIGATION = ObligationContribution(status="", ageing_bucket="", currency="", balance_minor=0, paid_minor=0)
_NO_REFERENCE = ReferenceContribution(status="", suspense=())


def _payment_contribution(state: PaymentState, view: PaymentView, today: Day) -> PaymentContribution:
    reconciliation = view.reconciliation
    if reconciliation is None:
        return _NO_PAYMENT
    from_processor = bool(state.attempts or (state.resolutions and any(r.records for r in state.resolutions.values())))
    from_ledger = bool(state.postings or state.reversals)
    sources_present = (state.initiation is not None) | (2 if from_processor else 0) | (4 if from_ledger else 0)
    ach = entry_events(state, today) if from_processor else ()
    return PaymentContribution(
        reconciliation.status,
        reconciliation.currency,
        reconciliation.settled.standing_minor,
        reconciliation.posted.net_minor,
        sources_present,
        ach,
    )


def _obligation_contribution(view: ObligationView) -> ObligationContribution:
    reconciliation = view.reconciliation
    if reconciliation is None:
        return _NO_OBLIGATION
    return ObligationContribution(
        reconciliation.status,
        reconciliation.ageing_bucket,
        reconciliation.currency,
        reconciliation.balance_minor,
        reconciliation.paid_minor,
    )


def _reference_contribution(view: ReferenceView) -> ReferenceContribution:
    reconciliation = view.reconciliation
    if reconciliation is None:
        return _NO_REFERENCE
    is_suspense = reconciliation.status is ReferenceStatus.SUSPENSE
    return ReferenceContribution(
        reconciliation.status, tuple(sorted(reconciliation.gross_minor.items())) if is_suspense else ()
    )


def _counted_payment(counted: Counted) -> PaymentContribution:
    if not counted or counted == NO_RECORD:
        return _NO_PAYMENT
    fields: Any = counted
    status, currency, standing_minor, posted_minor, sources_present, *ach = fields
    return PaymentContribution(status, currency, standing_minor, posted_minor, sources_present, tuple(ach))


def _counted_obligation(counted: Counted) -> ObligationContribution:
    if not counted or counted == NO_RECORD:
        return _NO_OBLIGATION
    fields: Any = counted
    return ObligationContribution(*fields)


def _counted_reference(counted: Counted) -> ReferenceContribution:
    if not counted or counted == NO_RECORD:
        return _NO_REFERENCE
    fields: Any = counted
    status, *pairs = fields
    return ReferenceContribution(status, tuple(zip(pairs[::2], pairs[1::2], strict=True)))


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
    contribution = _payment_contribution(state, view, today)
    now = NO_RECORD if view.reconciliation is None else contribution.packed()
    if now != before:
        _replace_payment(tally, _counted_payment(before), contribution)
        published.counted = now
    if published.breaks or view.breaks:
        _replace_breaks(tally, published, view.breaks, was_counted=bool(before))


def count_obligation(
    tally: Tally, published: Published, state: ObligationState, view: ObligationView, today: Day
) -> None:
    """Replace the contribution of an obligation by that of a view, as `count_payment` does."""
    before = published.counted
    contribution = _obligation_contribution(view)
    now = NO_RECORD if view.reconciliation is None else contribution.packed()
    if now != before:
        _replace_obligation(tally, _counted_obligation(before), contribution)
        published.counted = now
    if published.breaks or view.breaks:
        _replace_breaks(tally, published, view.breaks, was_counted=bool(before))
    if published.late or view.late:
        alerts = [alert.last for alert in published.late.values()]
        _put_late(tally, alerts, _counted_obligation(before).currency, -1)
        _put_late(tally, view.late, contribution.currency, 1)


def count_reference(tally: Tally, published: Published, view: ReferenceView) -> None:
    """Replace the contribution of a reference by that of a view, as `count_payment` does.

    A reference without a reconciliation and without a history, as nearly all are, contributes nothing and leaves no
    trace.
    """
    before = published.counted
    if view.reconciliation is None and not before:
        return
    contribution = _reference_contribution(view)
    now = NO_RECORD if view.reconciliation is None else contribution.packed()
    if now != before:
        _replace_reference(tally, _counted_reference(before), contribution)
        published.counted = now
    if published.breaks or view.breaks:
        _replace_breaks(tally, published, view.breaks, was_counted=bool(before))


def recounted(kind: type, published_of_keys: Iterable[Published], forgotten: Day) -> Tally:
    """Compute the tally of some keys from the contribution of each: what an incremental tally must be equal to.

    Args:
        kind: `PaymentState`, `ObligationState` or `ReferenceState`: the kind of the keys.
        published_of_keys: of all keys.
        forgotten: as the tally has it.

    """
    tally = Tally(ach=AchReturns(forgotten=forgotten))
    for published in published_of_keys:
        if not published.counted:
            continue
        currency = ""
        if kind is PaymentState:
            _replace_payment(tally, _NO_PAYMENT, _counted_payment(published.counted))
        elif kind is ReferenceState:
            _replace_reference(tally, _NO_REFERENCE, _counted_reference(published.counted))
        else:
            contribution = _counted_obligation(published.counted)
            currency = contribution.currency
            _replace_obligation(tally, _NO_OBLIGATION, contribution)
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
    if one.break_class is BreakClass.REFERENCE_UNKNOWN and one.due_at is not None and not one.is_accepted:
        tally.count((WAITING, "suspense", str(one.due_at // DAY)), sign)


def _put_late(tally: Tally, late: Iterable[Late], currency: str, sign: int) -> None:
    """Add or take back alerts; without a currency there is no charge, and alerts are not counted."""
    if not currency:
        return
    for one in late:
        past_due = one.amount_due_minor - one.paid_minor - one.pending_minor
        tally.put((LATE, one.stage, currency), (sign, sign * past_due))

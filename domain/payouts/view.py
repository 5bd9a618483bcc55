"""A payout at an instant: its status, its breaks, and the match group that it is in (contract section 11)."""

from typing import ClassVar

import msgspec

from domain.breaks.model import Break
from domain.deadlines import next_deadline
from domain.decisions import decide
from domain.ids import parts_of_key
from domain.payouts.breaks import KEY_KIND, payout_breaks
from domain.payouts.state import PayoutState, apply, new_payout
from domain.payouts.totals import PayoutTotals, add_up, open_to
from domain.policy import Policy
from domain.records import PayoutEntryView, PayoutReconciliation, PayoutStatus
from domain.snapshots import OpenPayout
from domain.time import FAR_FUTURE, FAR_PAST, Micros

__all__ = ["PayoutState", "PayoutView", "apply", "new_payout", "view"]


class PayoutView(msgspec.Struct, frozen=True, gc=False):
    """A payout at an instant: a function of its facts, that instant and the policy alone."""

    key_kind: ClassVar[str] = KEY_KIND

    key: str
    """The payout_key."""
    reconciliation: PayoutReconciliation | None
    """At version 0: `domain.publishing` numbers it. None while no line, report or entry is known."""
    breaks: tuple[Break, ...]
    """The breaks whose condition holds, accepted ones included, by break id."""
    snapshots: tuple[OpenPayout, ...]
    """What its match group is told, at revision 0: one or none. It follows from reports and named entries alone."""
    next_deadline: Micros | None
    """The next instant at which the view changes by the clock alone."""


def view(state: PayoutState, now: Micros, policy: Policy, clock: Micros = FAR_PAST) -> PayoutView:
    """Derive the view of a payout at an instant. Nothing of it begins by the wall clock, so `clock` is not used."""
    group = open_to(state)
    totals = add_up(state, None if group is None else group[0])
    snapshots = () if group is None else (OpenPayout(group[0], state.payout_key, 0, group[1]),)
    if totals is None:
        return PayoutView(state.payout_key, None, (), snapshots, None)
    breaks, breaks_change_at = payout_breaks(state, totals, now, policy)
    decisions_change_at = FAR_FUTURE
    if breaks and state.decisions:
        breaks, decisions_change_at = decide(breaks, state.decisions, now, policy)
    return PayoutView(
        key=state.payout_key,
        reconciliation=_reconciliation(state, totals, breaks),
        breaks=breaks,
        snapshots=snapshots,
        next_deadline=next_deadline(breaks_change_at, decisions_change_at),
    )


def _reconciliation(state: PayoutState, totals: PayoutTotals, breaks: tuple[Break, ...]) -> PayoutReconciliation:
    processor, payout_id = parts_of_key(state.payout_key)
    report = totals.report
    open_breaks = tuple([one.break_id for one in breaks if not one.is_accepted])
    return PayoutReconciliation(
        processor=processor,
        payout_id=payout_id,
        version=0,
        status=_status(totals, is_exception=bool(open_breaks)),
        currency=totals.currency,
        amount_minor=None if report is None else report.amount_minor,
        lines=totals.lines,
        unknown_lines=totals.unknown_lines,
        lines_minor=totals.lines_minor,
        other_minor=0 if report is None else report.other_minor,
        deposited_minor=totals.deposited_minor,
        arrival_date=None if report is None else report.arrival_date,
        entries=tuple(
            [
                PayoutEntryView(one.account_id, one.entry_id, one.entry.amount_minor, one.entry.matched_by)
                for one in totals.entries
            ]
        ),
        open_breaks=open_breaks,
        rests_on=totals.rests_on,
    )


def _status(totals: PayoutTotals, *, is_exception: bool) -> PayoutStatus:
    report = totals.report
    if is_exception:
        return PayoutStatus.EXCEPTION
    if report is None:
        return PayoutStatus.COLLECTING
    if totals.status == "FAILED":
        return PayoutStatus.FAILED
    if totals.status == "CANCELLED":
        return PayoutStatus.CANCELLED
    is_whole = totals.expected_minor == report.amount_minor and not totals.unknown_lines
    is_there = report.account_id is None or totals.deposited_minor == report.amount_minor
    return PayoutStatus.RECONCILED if is_whole and is_there else PayoutStatus.IN_TRANSIT

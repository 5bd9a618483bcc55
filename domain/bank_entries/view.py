"""A bank entry at an instant: the payout that it belongs to, and whether it is explained (contract section 11)."""

from typing import ClassVar

import msgspec

from domain.bank_entries.state import (
    BankEntryState,
    Booking,
    apply,
    new_bank_entry,
    reused_event_ids,
)
from domain.breaks.model import NO_CURRENCY, Break, in_order, new_break
from domain.calendar import end_of_banking_day_after
from domain.deadlines import next_deadline, watch
from domain.decisions import decide
from domain.ids import parts_of_key, two_part_key
from domain.policy import Policy
from domain.records import BreakClass, MatchedBy
from domain.snapshots import EntryOfPayout, MatchFinding, OpenEntry, PayoutEntry, UnnamedEntry, match_key
from domain.time import FAR_FUTURE, FAR_PAST, Micros

__all__ = ["BankEntryState", "BankEntryView", "apply", "new_bank_entry", "view"]

KEY_KIND = "bank_entry"


class BankEntryView(msgspec.Struct, frozen=True, gc=False):
    """A bank entry at an instant: a function of its facts, that instant and the policy alone."""

    key_kind: ClassVar[str] = KEY_KIND
    reconciliation: ClassVar[None] = None
    """An entry has no record of its own: it is in that of its payout."""

    key: str
    """The bank_entry_key."""
    breaks: tuple[Break, ...]
    """The breaks whose condition holds, accepted ones included, by break id."""
    snapshots: tuple[PayoutEntry | OpenEntry, ...]
    """What the payout that it names is told, or else its match group, at revision 0; nothing before it is booked."""
    payout_key: str | None
    """The payout that it belongs to."""
    matched_by: MatchedBy | None
    next_deadline: Micros | None
    """The next instant at which the view changes by the clock alone."""


def view(state: BankEntryState, now: Micros, policy: Policy, clock: Micros = FAR_PAST) -> BankEntryView:
    """Derive the view of an entry at an instant. Nothing of it begins by the wall clock, so `clock` is not used."""
    booking = state.booking
    if booking is None:
        return BankEntryView(state.bank_entry_key, (), (), None, None, None)
    found = _conflicts(state, booking)
    changes_at = FAR_FUTURE
    payout_key, matched_by = named(state, booking)
    if payout_key is not None and matched_by is not None:
        snapshot: PayoutEntry | OpenEntry = PayoutEntry(
            payout_key, state.bank_entry_key, 0, _entry_of_payout(state, booking, matched_by)
        )
    else:
        group = group_of(state, booking)
        snapshot = OpenEntry(
            group,
            state.bank_entry_key,
            0,
            UnnamedEntry(booking.booking_date, booking.reference or None, booking.occurred_at, booking.event_id),
        )
        finding = _finding(state, group)
        payout_key, matched_by = finding.payout_key, finding.matched_by
        if payout_key is None:
            unexplained, changes_at = _unexplained(state, booking, finding, now, policy)
            found += unexplained
    breaks = in_order(found)
    decisions_change_at = FAR_FUTURE
    if breaks and state.decisions:
        breaks, decisions_change_at = decide(breaks, state.decisions, now, policy)
    return BankEntryView(
        key=state.bank_entry_key,
        breaks=breaks,
        snapshots=(snapshot,),
        payout_key=payout_key,
        matched_by=matched_by,
        next_deadline=next_deadline(changes_at, decisions_change_at),
    )


def named(state: BankEntryState, booking: Booking) -> tuple[str | None, MatchedBy | None]:
    """Give the payout that an entry names: by the latest match of a person, else by its own fields."""
    if state.matches:
        match = state.matches[-1]
        return two_part_key(match.processor, match.payout_id), MatchedBy.PERSON
    if booking.processor is not None and booking.payout_id is not None:
        return two_part_key(booking.processor, booking.payout_id), MatchedBy.NAMED
    return None, None


def group_of(state: BankEntryState, booking: Booking) -> str:
    """Give the key of the match group that an entry is in while it names no payout."""
    account_id, _ = parts_of_key(state.bank_entry_key)
    return match_key(account_id, booking.currency, booking.amount_minor)


def _finding(state: BankEntryState, group: str) -> MatchFinding:
    """What the match group found; nothing that another one found before counts."""
    sent = state.findings.get(group)
    return _NOTHING if sent is None or sent.finding is None else sent.finding


_NOTHING = MatchFinding(None, None)


def _entry_of_payout(state: BankEntryState, booking: Booking, matched_by: MatchedBy) -> EntryOfPayout:
    match = state.matches[-1] if state.matches else None
    return EntryOfPayout(
        booking.amount_minor,
        booking.currency,
        booking.booking_date,
        booking.occurred_at,
        booking.event_id,
        matched_by,
        0 if match is None else match.occurred_at,
        "" if match is None else match.event_id,
    )


def _unexplained(
    state: BankEntryState, booking: Booking, finding: MatchFinding, now: Micros, policy: Policy
) -> tuple[list[Break], Micros]:
    """An entry that belongs to no payout."""
    due_at = end_of_banking_day_after(booking.booking_date, policy.payout_deposit_banking_days, booking.currency)
    has_passed, changes_at = watch(due_at, now)
    if not has_passed:
        return [], changes_at
    one = new_break(
        KEY_KIND,
        state.bank_entry_key,
        ("entry",),
        BreakClass.BANK_ENTRY_UNEXPLAINED,
        currency=booking.currency,
        actual_minor=booking.amount_minor,
        due_at=due_at,
        event_ids=(booking.event_id,),
        candidates=finding.candidates,
    )
    return [one], changes_at


def _conflicts(state: BankEntryState, booking: Booking) -> list[Break]:
    """Give the `conflicting_fact` breaks (contract section 3)."""
    found = []
    if booking.conflict:
        found.append(
            new_break(
                KEY_KIND,
                state.bank_entry_key,
                ("fact", "BankEntryBooked"),
                BreakClass.CONFLICTING_FACT,
                currency=booking.currency,
                event_ids=booking.conflicting_event_ids(),
            )
        )
    found += [
        new_break(
            KEY_KIND,
            state.bank_entry_key,
            ("event", event_id),
            BreakClass.CONFLICTING_FACT,
            currency=NO_CURRENCY,
            event_ids=(event_id,),
        )
        for event_id in reused_event_ids(state)
    ]
    return found

"""The state of a bank entry: what the bank booked, who matched it, and what its match group found.

States are packed as arrays and stored: fields may only be appended, with a default.
"""

from bisect import bisect_left
from collections.abc import Iterator
from typing import ClassVar, Self, assert_never

import msgspec

from domain.decisions import Decisions, apply_decision
from domain.dedup import Accepted, merge
from domain.facts import BankEntryBooked, BreakDecided, EntryMatched
from domain.snapshots import BankEntryFact, EntryMatch, MatchFinding
from domain.time import Day, Micros


class Booking(Accepted, array_like=True, gc=False):
    """The accepted `BankEntryBooked`."""

    filled_in: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("value_date",),
        ("processor", "payout_id"),
        ("reference",),
        ("text",),
    )

    amount_minor: int
    currency: str
    booking_date: Day
    value_date: Day | None
    processor: str | None
    payout_id: str | None
    reference: str | None
    text: str | None
    tellings: "tuple[Booking, ...] | None" = None

    @classmethod
    def from_fact(cls, fact: BankEntryBooked) -> Self:
        """Take all fields but the key."""
        return cls(
            fact.event_id,
            fact.occurred_at,
            None,
            fact.amount_minor,
            fact.currency,
            fact.booking_date,
            fact.value_date,
            fact.processor,
            fact.payout_id,
            fact.reference,
            fact.text,
        )

    def material_terms(self) -> dict[str, object]:
        """Give money, dates and the payout; what the statement says in words is none of them."""
        terms: dict[str, object] = {
            "amount_minor": self.amount_minor,
            "currency": self.currency,
            "booking_date": self.booking_date,
            "value_date": self.value_date,
            "processor": self.processor,
            "payout_id": self.payout_id,
        }
        return {name: value for name, value in terms.items() if value is not None}


class Match(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An `EntryMatched`."""

    occurred_at: Micros
    event_id: str
    processor: str
    payout_id: str
    actor: str
    reason: str


class SentFinding(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The latest snapshot of what a match group found."""

    revision: int
    finding: MatchFinding | None


class BankEntryState(msgspec.Struct, array_like=True, gc=False):
    """The facts of a bank entry. It survives a round trip through `msgspec.msgpack`."""

    bank_entry_key: str
    booking: Booking | None = None
    matches: tuple[Match, ...] = ()
    """By people, the earliest first: the last one holds."""
    findings: dict[str, SentFinding] = {}
    """By match key. Only the group in which the entry is now counts."""
    decisions: Decisions = {}


def new_bank_entry(bank_entry_key: str) -> BankEntryState:
    """Create the state of a bank entry without facts."""
    return BankEntryState(bank_entry_key)


def apply(state: BankEntryState, fact: BankEntryFact) -> bool:
    """Apply a fact to a state, in place. Of the findings of one match group the highest revision counts.

    Returns:
        Whether anything changed; False for a redelivery.

    """
    if isinstance(fact, BankEntryBooked):
        booking = merge(state.booking, Booking.from_fact(fact))
        if booking is None:
            return False
        state.booking = booking
        return True
    if isinstance(fact, EntryMatch):
        known = state.findings.get(fact.match_key)
        if known is not None and known.revision >= fact.revision:
            return False
        state.findings[fact.match_key] = SentFinding(fact.revision, fact.finding)
        return True
    if isinstance(fact, EntryMatched):
        return _apply_match(state, fact)
    if isinstance(fact, BreakDecided):
        return apply_decision(state.decisions, fact)
    assert_never(fact)


def _apply_match(state: BankEntryState, fact: EntryMatched) -> bool:
    new = Match(fact.occurred_at, fact.event_id, fact.processor, fact.payout_id, fact.actor, fact.reason)
    known = state.matches
    place = bisect_left(known, _order(new), key=_order)
    if place < len(known) and known[place] == new:
        return False
    state.matches = (*known[:place], new, *known[place:])
    return True


_encode = msgspec.json.Encoder(order="sorted").encode


def _order(match: Match) -> tuple[Micros, str, bytes]:
    return match.occurred_at, match.event_id, _encode(msgspec.structs.asdict(match))


def reused_event_ids(state: BankEntryState) -> Iterator[str]:
    """Give the event ids that reported both the booking and a match (contract section 3)."""
    if state.booking is not None and state.matches:
        yield from sorted(set(state.booking.event_ids()) & {match.event_id for match in state.matches})


def facts(state: BankEntryState) -> int:
    """Count the facts of an entry but for its decisions."""
    return (state.booking is not None) + len(state.matches)

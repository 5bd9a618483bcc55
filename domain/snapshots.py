"""What payouts, bank entries and match groups send each other (contract section 11): snapshots, each by its sender.

A snapshot replaces the previous one of (sender, receiver); the highest `revision` counts, in whatever order they
arrive. One without content says that the sender has nothing to say to that receiver any more.

An entry that names a payout goes to the payout. One that names none, and a payout that no entry names, go to the group
of their account, currency and amount, which matches them and sends both what it found.
"""

from typing import ClassVar, Literal, Self, TypeAlias

import msgspec

from domain.facts import BankEntryBooked, BreakDecided, EntryMatched, PayoutReported, ProcessorSettled
from domain.records import MatchedBy
from domain.time import Day, Micros

SnapshotName: TypeAlias = Literal["PENT", "OENT", "OPAY", "PMAT", "EMAT"]


def match_key(account_id: str, currency: str, amount_minor: int) -> str:
    """Give the key of a match group: the entries and payouts of one account, currency and amount."""
    return f"{account_id.replace('%', '%25').replace('/', '%2F')}/{currency}/{amount_minor}"


class EntryOfPayout(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A bank entry, as the payout that it belongs to needs it."""

    amount_minor: int
    currency: str
    booking_date: Day
    occurred_at: Micros
    event_id: str
    matched_by: MatchedBy
    matched_at: Micros = 0
    """When a person matched it; 0 where nobody did."""
    match_event_id: str = ""

    @property
    def event_ids(self) -> tuple[str, ...]:
        """The events by which it belongs to the payout."""
        return (self.event_id, self.match_event_id) if self.match_event_id else (self.event_id,)


class UnnamedEntry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A bank entry that names no payout, as its match group needs it."""

    booking_date: Day
    reference: str | None
    occurred_at: Micros
    event_id: str


class UnnamedPayout(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A payout that no entry names, by the terms of its PAID, as its match group needs it."""

    arrival_date: Day
    bank_reference: str | None


class MatchFinding(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a match group found for an entry."""

    payout_key: str | None
    """The payout that it is matched to."""
    matched_by: MatchedBy | None
    candidates: tuple[str, ...] = ()
    """The payouts that fit, where it is matched to none."""


class PayoutEntry(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="PENT"):
    """A bank entry names a payout. Written only by the agent of the entry for the agent of the payout."""

    name: ClassVar[SnapshotName] = "PENT"

    payout_key: str
    bank_entry_key: str
    revision: int
    entry: EntryOfPayout | None

    @property
    def receiver(self) -> str:
        """The key that it is for."""
        return self.payout_key

    @classmethod
    def withdrawn(cls, sender: str, receiver: str, revision: int) -> Self:
        """The entry names that payout no longer."""
        return cls(receiver, sender, revision, None)


class OpenEntry(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="OENT"):
    """A bank entry names no payout. Written only by the agent of the entry for the agent of the match group."""

    name: ClassVar[SnapshotName] = "OENT"

    match_key: str
    bank_entry_key: str
    revision: int
    entry: UnnamedEntry | None

    @property
    def receiver(self) -> str:
        """The key that it is for."""
        return self.match_key

    @classmethod
    def withdrawn(cls, sender: str, receiver: str, revision: int) -> Self:
        """The entry is not of that group any more."""
        return cls(receiver, sender, revision, None)


class OpenPayout(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="OPAY"):
    """No entry names a payout that is PAID. Written only by the agent of the payout for that of the match group."""

    name: ClassVar[SnapshotName] = "OPAY"

    match_key: str
    payout_key: str
    revision: int
    payout: UnnamedPayout | None

    @property
    def receiver(self) -> str:
        """The key that it is for."""
        return self.match_key

    @classmethod
    def withdrawn(cls, sender: str, receiver: str, revision: int) -> Self:
        """The payout is not of that group any more."""
        return cls(receiver, sender, revision, None)


class PayoutMatch(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="PMAT"):
    """A group matched an entry to a payout. Written only by the agent of the match group for that of the payout."""

    name: ClassVar[SnapshotName] = "PMAT"

    payout_key: str
    match_key: str
    revision: int
    bank_entry_key: str = ""
    entry: EntryOfPayout | None = None

    @property
    def receiver(self) -> str:
        """The key that it is for."""
        return self.payout_key

    @classmethod
    def withdrawn(cls, sender: str, receiver: str, revision: int) -> Self:
        """No entry of that group is matched to the payout."""
        return cls(receiver, sender, revision)


class EntryMatch(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="EMAT"):
    """What a group found for an entry. Written only by the agent of the match group for the agent of the entry."""

    name: ClassVar[SnapshotName] = "EMAT"

    bank_entry_key: str
    match_key: str
    revision: int
    finding: MatchFinding | None

    @property
    def receiver(self) -> str:
        """The key that it is for."""
        return self.bank_entry_key

    @classmethod
    def withdrawn(cls, sender: str, receiver: str, revision: int) -> Self:
        """That group found nothing for the entry."""
        return cls(receiver, sender, revision, None)


PayoutFact = PayoutReported | ProcessorSettled | PayoutEntry | PayoutMatch | BreakDecided
"""What the state of a payout is made of; a ProcessorSettled that names it."""
BankEntryFact = BankEntryBooked | EntryMatched | EntryMatch | BreakDecided
"""What the state of a bank entry is made of."""
MatchFact = OpenEntry | OpenPayout
"""What the state of a match group is made of."""

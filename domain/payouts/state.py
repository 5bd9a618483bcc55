"""The state of a payout: its reports and lines, each identity once, and the bank entries that belong to it.

A payout may have tens of thousands of lines, so a line is kept small. States are packed as arrays and stored: fields
may only be appended, with a default.
"""

from collections.abc import Iterator
from typing import ClassVar, Self, assert_never

import msgspec

from domain.decisions import Decisions, apply_decision
from domain.dedup import Accepted, merge_into
from domain.facts import BreakDecided, PayoutOutcome, PayoutReported, ProcessorSettled
from domain.outcomes import OF_SETTLEMENT, currency_of_net, cut_reason, may_fill_in, outcome_name, parts_of_outcome
from domain.snapshots import EntryOfPayout, PayoutEntry, PayoutFact, PayoutMatch
from domain.time import FAR_FUTURE, Day

ENTRIES_MAX = 10_000
"""A payout keeps this many entries that name it, the first ones by day and key: an importer that reads one payout into
every entry must not make one state of all of them."""


class PayoutReport(Accepted, array_like=True, gc=False):
    """The accepted `PayoutReported` of a status."""

    filled_in: ClassVar[tuple[tuple[str, ...], ...]] = (("account_id",), ("bank_reference",))

    amount_minor: int
    other_minor: int
    currency: str
    arrival_date: Day
    account_id: str | None
    bank_reference: str | None
    tellings: "tuple[PayoutReport, ...] | None" = None

    @classmethod
    def from_fact(cls, fact: PayoutReported) -> Self:
        """Take all fields but the key and the status."""
        return cls(
            fact.event_id,
            fact.occurred_at,
            None,
            fact.amount_minor,
            fact.other_minor,
            fact.currency,
            fact.arrival_date,
            fact.account_id,
            fact.bank_reference,
        )

    def material_terms(self) -> dict[str, object]:
        """Give money, date and account; the reference is neither money nor routing."""
        terms: dict[str, object] = {
            "amount_minor": self.amount_minor,
            "other_minor": self.other_minor,
            "currency": self.currency,
            "arrival_date": self.arrival_date,
        }
        if self.account_id is not None:
            terms["account_id"] = self.account_id
        return terms


class Line(Accepted, array_like=True, gc=False):
    """The accepted `ProcessorSettled` that names the payout. Records that do not name it fill nothing in here."""

    filled_in: ClassVar[tuple[tuple[str, ...], ...]] = (
        OF_SETTLEMENT,
        ("payment_id",),
        ("value_date",),
        ("reason_code",),
        ("original_reference",),
    )

    payment_id: str | None
    gross_minor: int
    fee_minor: int | None
    net_minor: int | None
    currency: str
    value_date: Day | None
    reason_code: str | None
    original_reference: str | None
    settlement_currency: str | None
    tellings: "tuple[Line, ...] | None" = None

    @classmethod
    def from_fact(cls, fact: ProcessorSettled) -> Self:
        """Take all fields but the key and the identity."""
        return cls(
            fact.event_id,
            fact.occurred_at,
            None,
            fact.payment_id,
            fact.gross_minor,
            fact.fee_minor,
            fact.net_minor,
            fact.currency,
            fact.value_date,
            cut_reason(fact),
            fact.original_reference,
            fact.settlement_currency,
        )

    def material_terms(self) -> dict[str, object]:
        """Give money, dates and routing; at a payout the payment is routing, too."""
        terms: dict[str, object] = {
            "payment_id": self.payment_id,
            "gross_minor": self.gross_minor,
            "fee_minor": self.fee_minor,
            "net_minor": self.net_minor,
            "currency": self.currency,
            "value_date": self.value_date,
            "original_reference": self.original_reference,
            "settlement_currency": self.settlement_currency,
        }
        return {name: value for name, value in terms.items() if value is not None}

    @property
    def currency_of_net(self) -> str:
        """The currency of fee and net: that of the line."""
        return currency_of_net(self)

    def may_fill_in(self, other: Self, names: tuple[str, ...]) -> bool:
        """Refuse to mix fee and net of two settlement currencies (contract section 3)."""
        return may_fill_in(self, other, names)


class SentEntry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The latest snapshot of an entry that names the payout; withdrawn ones are kept, as the later they are."""

    revision: int
    entry: EntryOfPayout | None

    @property
    def day(self) -> Day:
        """Withdrawn ones are the last."""
        return FAR_FUTURE if self.entry is None else self.entry.booking_date


class SentMatch(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The latest snapshot of what a match group matched to the payout."""

    revision: int
    bank_entry_key: str
    entry: EntryOfPayout | None


class PayoutState(msgspec.Struct, array_like=True, gc=False):
    """The facts of a payout. It survives a round trip through `msgspec.msgpack`."""

    payout_key: str
    reports: dict[PayoutOutcome, PayoutReport] = {}
    """By status."""
    lines: dict[str, dict[str, Line]] = {}
    """By the processor's reference, then by outcome, or `outcome/movement_id` where it has one."""
    entries: dict[str, SentEntry] = {}
    """Those that name the payout, by bank entry key."""
    matches: dict[str, SentMatch] = {}
    """By match key. Only the group in which the payout is now counts."""
    decisions: Decisions = {}


def new_payout(payout_key: str) -> PayoutState:
    """Create the state of a payout without facts."""
    return PayoutState(payout_key)


def apply(state: PayoutState, fact: PayoutFact) -> bool:
    """Apply a fact to a state, in place. Of the snapshots of one sender the highest revision counts.

    Returns:
        Whether anything changed; False for a redelivery.

    """
    if isinstance(fact, ProcessorSettled):
        return _merge_line(state.lines, fact)
    if isinstance(fact, PayoutReported):
        return merge_into(state.reports, fact.status, PayoutReport.from_fact(fact))
    if isinstance(fact, PayoutEntry):
        named = state.entries.get(fact.bank_entry_key)
        if named is not None and named.revision >= fact.revision:
            return False
        return _keep_entry(state.entries, fact)
    if isinstance(fact, PayoutMatch):
        matched = state.matches.get(fact.match_key)
        if matched is not None and matched.revision >= fact.revision:
            return False
        state.matches[fact.match_key] = SentMatch(fact.revision, fact.bank_entry_key, fact.entry)
        return True
    if isinstance(fact, BreakDecided):
        return apply_decision(state.decisions, fact)
    assert_never(fact)


def _keep_entry(entries: dict[str, SentEntry], fact: PayoutEntry) -> bool:
    entries[fact.bank_entry_key] = SentEntry(fact.revision, fact.entry)
    if len(entries) <= ENTRIES_MAX:
        return True
    last = max(entries, key=lambda key: (entries[key].day, key))
    del entries[last]
    return last != fact.bank_entry_key


def _merge_line(lines: dict[str, dict[str, Line]], fact: ProcessorSettled) -> bool:
    outcomes = lines.get(fact.processor_reference)
    if outcomes is None:
        outcomes = lines[fact.processor_reference] = {}
    return merge_into(outcomes, outcome_name(fact), Line.from_fact(fact))


def lines(state: PayoutState) -> Iterator[Line]:
    """Give the lines, in any order."""
    for outcomes in state.lines.values():
        yield from outcomes.values()


def identities(state: PayoutState) -> Iterator[tuple[tuple[str, ...], Accepted]]:
    """Give every identity of a payout, as its record type and id, with the accepted record."""
    for status, report in state.reports.items():
        yield ("PayoutReported", status), report
    for reference, outcomes in state.lines.items():
        for name, line in outcomes.items():
            outcome, movement_id = parts_of_outcome(name)
            subject = ("ProcessorSettled", reference, outcome)
            yield ((*subject, movement_id) if movement_id else subject), line


def facts(state: PayoutState) -> int:
    """Count the identities of a payout and the entries that belong to it; not its decisions."""
    named = sum(1 for sent in state.entries.values() if sent.entry is not None)
    return len(state.reports) + sum(map(len, state.lines.values())) + named

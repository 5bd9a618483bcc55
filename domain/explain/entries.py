"""The entries of a timeline."""

import msgspec

from domain.dedup import Accepted
from domain.explain.context import Context
from domain.time import Micros


class TimelineEntry(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    rename={"duplicate_event_ids": "also_told_by", "is_evidence": "rests"},
):
    """Something that happened."""

    at: Micros
    """When it happened, as its record says; microseconds since 1970."""
    source: str
    """`app`, `processor …`, `ledger`, `people`, `the clock` or `rentmatch`."""
    text: str
    """What happened, in a sentence with amounts."""
    event_id: str | None = None
    """The event that reported it; None for the clock, and where the state does not know."""
    duplicate_event_ids: tuple[str, ...] = ()
    """Further events that reported the same record. The first counts, filled in from these where it says nothing."""
    conflicting: bool = False
    """The events differ in money or routing."""
    is_evidence: bool = False
    """The break rests on it."""


def in_time(entry: TimelineEntry) -> tuple[Micros, bool, str, str]:
    """Order entries: a break opens and is resolved after what it rests on."""
    return entry.at, entry.source == "rentmatch", entry.event_id or "", entry.text


def entry_of(context: Context, accepted: Accepted, source: str, text: str) -> TimelineEntry:
    """Give the entry of a record that holds."""
    event_ids = tuple(accepted.event_ids())
    return TimelineEntry(
        at=accepted.occurred_at,
        source=source,
        text=text,
        event_id=accepted.event_id,
        duplicate_event_ids=tuple(sorted(each for each in event_ids if each != accepted.event_id)),
        conflicting=accepted.conflict,
        is_evidence=not set(event_ids).isdisjoint(context.mismatch.event_ids),
    )


def naming(installment_id: str | None) -> str:
    """Say which installment is named."""
    return "" if installment_id is None else f", installment {installment_id}"

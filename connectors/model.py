"""What a format's reader finds in a file, and how a file is refused.

A format is a module with a pure function `read(content: bytes, options: …) -> Found` and the struct of its options;
`connectors/formats.py` lists them. Ids of events follow from content alone, so that importing a file twice, or a report
that was re-cut, changes nothing; `occurred_at` comes from the data, never from a clock.
"""

import msgspec

from connectors.payout_parts import PayoutParts
from domain.facts import InputFact


class Skipped(msgspec.Struct, frozen=True):
    """A line that is understood and reports nothing for the inputs: a notice of change, a prenote, a copy."""

    line: int
    reason: str
    raw: bytes


class NotUnderstood(msgspec.Struct, frozen=True):
    """A line that is not understood: it goes to the dead letters with its bytes."""

    line: int
    reason: str
    raw: bytes


class Control(msgspec.Struct, frozen=True):
    """A total or balance that the file states, and what its lines add up to."""

    name: str
    stated_minor: int
    found_minor: int
    currency: str


class Found(msgspec.Struct):
    """The content of one file."""

    facts: list[InputFact]
    skipped: list[Skipped]
    not_understood: list[NotUnderstood]
    controls: list[Control]
    notes: list[str]
    payouts: list[PayoutParts] = []
    """What the file says of payouts, for formats that have a payout in several files."""
    stated_in: dict[str, tuple[int, bytes]] = {}
    """By payout_id: the line and the bytes of the payout's own row."""
    doubtful_payouts: set[str | None] = set()
    """Payouts with a line that is not understood; None: such a line may be of any payout."""
    waiting: list[PayoutParts] = []
    """What has to be kept until other files are imported."""


class BrokenFile(ValueError):
    """The file cannot be used at all: the message has the line and what to do. Nothing of it is sent."""

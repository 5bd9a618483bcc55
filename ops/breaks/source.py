"""What `rentmatch exceptions` asks, whoever answers: a worker's HTTP API or the topics."""

from dataclasses import dataclass
from typing import Any, Protocol

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class BreakFilter:
    """Which breaks to list; None lets all through."""

    state: str = "open"
    """`open`, `resolved` or `any`."""
    break_class: str | None = None
    priority: int | None = None
    currency: str | None = None
    key: str | None = None
    limit: int = 50
    after: str | None = None
    """`next` of the page before: where to go on."""


@dataclass(frozen=True, slots=True)
class Page:
    """Breaks by priority, then the oldest first. `next` is None on the last page."""

    items: list[Json]
    """Mismatch alerts as JSON has them, with `property_id` where it is known."""
    next: str | None


class BreakSource(Protocol):
    """Answers, all with the JSON of the contract's records. Raises `Failure` where it cannot."""

    def page(self, filters: BreakFilter) -> Page:
        """Breaks, a page of them."""

    def history(self, break_id: str) -> list[Json]:
        """What was told of a break, as far as it is still known, the oldest first; nothing where there is no such."""

    def explanation(self, break_id: str) -> Json | None:
        """The story of a break; None where the source tells none."""

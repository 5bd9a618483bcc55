"""What `rentmatch exceptions` asks for, whether a worker's HTTP API or the topics answer."""

from dataclasses import dataclass
from typing import Any, Protocol

from domain.commands.proposals import Proposal

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class BreakFilter:
    """Which breaks to list; a field of None lets all through."""

    state: str = "open"
    """`open`, `accepted`, `resolved` or `any`."""
    break_class: str | None = None
    priority: int | None = None
    currency: str | None = None
    key: str | None = None
    decision: str | None = None
    """What people have decided: a state of decisions, or `none`."""
    assignee: str | None = None
    limit: int = 50
    after: str | None = None
    """`next` of the page before."""


@dataclass(frozen=True, slots=True)
class Page:
    """Breaks by priority, then the oldest first."""

    items: list[Json]
    """Mismatch alerts as JSON has them, with `property_id` where it is known."""
    next: str | None
    """Where the next page begins; None on the last page."""


class BreakSource(Protocol):
    """Answers in the JSON of the contract's records. Raises `Failure` where it cannot."""

    def page(self, filters: BreakFilter) -> Page:
        """List breaks, one page of them."""

    def history(self, break_id: str) -> list[Json]:
        """Give the kept alerts of a break, the oldest first; none if there is no such break."""

    def explanation(self, break_id: str) -> Json | None:
        """Explain a break; None where there is no such break, or the source does not explain it."""

    def decisions(self, alert: Json) -> list[Json]:
        """Give the decisions about a break, the earliest first, as its explanation has them."""

    def proposals(self, alert: Json) -> list[Proposal]:
        """Give what an unknown reference or an unexplained bank entry may be of, the likeliest first."""

    @property
    def none_proposed(self) -> str:
        """What to say where no payment can be proposed for a reference."""

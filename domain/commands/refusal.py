"""Why a person's command is refused, in words that fit a terminal and a page."""

from dataclasses import dataclass
from enum import StrEnum


class RefusalKind(StrEnum):
    """What kind of refusal it is."""

    CHANGED = "changed"
    """Something changed since the person looked, or somebody else was first."""
    NOT_ALLOWED = "not_allowed"
    NOT_FOUND = "not_found"
    INVALID = "invalid"
    """What is wanted makes no sense, or would have no effect."""
    UNAVAILABLE = "unavailable"
    """It cannot be checked or written now; the same may be tried again."""


class Hint(StrEnum):
    """What the person can do instead; the front end says how."""

    SEE_DECISIONS = "see_decisions"
    COMMENT = "comment"
    ACCEPT = "accept"
    APPROVE = "approve"
    WITHDRAW = "withdraw"
    NAME_DECISION = "name_decision"


class Refused(ValueError):
    """The command would have no effect, or not the one that is meant; the message says why."""

    def __init__(
        self,
        message: str,
        kind: RefusalKind = RefusalKind.INVALID,
        *,
        hint: Hint | None = None,
        decision_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind
        self.hint = hint
        self.decision_id = decision_id
        """The decision that the hint is about."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who decides, why, and the id of the record that it becomes."""

    actor: str
    reason: str
    record_id: str
    """The event_id, and of a decision also the decision_id. The same command again has the same id, and counts once."""

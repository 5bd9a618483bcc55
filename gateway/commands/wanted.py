"""What a person wants done, as a page sends it."""

from dataclasses import dataclass
from typing import TypeAlias

from domain.commands.moving import Target
from domain.time import Micros
from gateway.people.viewer import Permission


@dataclass(frozen=True, slots=True)
class AcknowledgeBreak:
    """Mark a break as seen."""

    break_id: str
    evidence: str | None
    """The evidence that the person saw; None: whatever it is."""
    until: Micros | None
    reason: str


@dataclass(frozen=True, slots=True)
class AssignBreak:
    """Give a break to a person to work; None: to nobody."""

    break_id: str
    assignee: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class CommentOnBreak:
    """Note something about a break."""

    break_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class AcceptBreak:
    """Accept a break exactly as the person saw it."""

    break_id: str
    evidence: str
    reason: str


@dataclass(frozen=True, slots=True)
class ApproveBreak:
    """Agree to what another person accepted; None: the latest acceptance that fits."""

    break_id: str
    evidence: str
    decision_id: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class WithdrawDecision:
    """Take a decision back; None: the only one that counts."""

    break_id: str
    decision_id: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class MatchBreak:
    """Give a reference in suspense to a payment, or a bank entry to a payout."""

    break_id: str
    target: str
    """A payment_id for a reference, `processor/payout_id` for a bank entry."""
    evidence: str
    reason: str


@dataclass(frozen=True, slots=True)
class MovePayment:
    """Give a payment's money to other obligations."""

    payment_id: str
    version: int
    """The version of the payment that the person saw."""
    targets: tuple[Target, ...]
    reason: str


Decision: TypeAlias = AcknowledgeBreak | AssignBreak | CommentOnBreak | AcceptBreak | ApproveBreak | WithdrawDecision
Wanted: TypeAlias = Decision | MatchBreak | MovePayment

NEEDED: dict[type[Wanted], Permission] = {
    AcknowledgeBreak: Permission.ACKNOWLEDGE,
    AssignBreak: Permission.ASSIGN,
    CommentOnBreak: Permission.COMMENT,
    AcceptBreak: Permission.ACCEPT,
    ApproveBreak: Permission.APPROVE,
    WithdrawDecision: Permission.WITHDRAW,
    MatchBreak: Permission.MATCH,
    MovePayment: Permission.MOVE,
}
"""What each needs."""


def name_of(wanted: Wanted) -> str:
    """What is wanted, in a word, as the audit log has it: `accept`, `move`."""
    return NEEDED[type(wanted)].value


def about(wanted: Wanted) -> str:
    """The id of the record that it is about."""
    return wanted.payment_id if isinstance(wanted, MovePayment) else wanted.break_id

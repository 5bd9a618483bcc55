"""What a page sends, as what a person wants."""

from collections.abc import Sequence
from typing import TypeVar

from strawberry import UNSET

from domain.commands.moving import Target
from gateway.commands.wanted import (
    AcceptBreak,
    AcknowledgeBreak,
    ApproveBreak,
    AssignBreak,
    CommentOnBreak,
    Decision,
    MatchBreak,
    MovePayment,
    Wanted,
    WithdrawDecision,
)
from gateway.graphql.schema.commands import CommandInput, MoveInput
from gateway.graphql.schema.enums import BulkAction

T = TypeVar("T")


def wanted_of(command: CommandInput) -> Wanted:
    """Give what a person wants; exactly one field of the input is set."""
    if (acknowledge := command.acknowledge) is not None:
        one = acknowledge.value
        return AcknowledgeBreak(one.break_id, one.evidence, _given(one.until), one.reason)
    if (assign := command.assign) is not None:
        return AssignBreak(assign.value.break_id, _given(assign.value.assignee), assign.value.reason)
    if (comment := command.comment) is not None:
        return CommentOnBreak(comment.value.break_id, comment.value.reason)
    if (accept := command.accept) is not None:
        return AcceptBreak(accept.value.break_id, accept.value.evidence, accept.value.reason)
    if (approve := command.approve) is not None:
        agreed = approve.value
        return ApproveBreak(agreed.break_id, agreed.evidence, _given(agreed.decision_id), agreed.reason)
    if (withdraw := command.withdraw) is not None:
        return WithdrawDecision(withdraw.value.break_id, _given(withdraw.value.decision_id), withdraw.value.reason)
    if (match := command.match) is not None:
        return MatchBreak(match.value.break_id, match.value.target, match.value.evidence, match.value.reason)
    if (move := command.move) is not None:
        return _move(move.value)
    raise AssertionError("the schema lets no empty command through")


def decisions_of(
    action: BulkAction, break_ids: Sequence[str], reason: str, assignee: str | None, until: int | None
) -> list[Decision]:
    """Give the same decision about many breaks."""
    match action:
        case BulkAction.ACKNOWLEDGE:
            return [AcknowledgeBreak(each, None, until, reason) for each in break_ids]
        case BulkAction.ASSIGN:
            return [AssignBreak(each, assignee, reason) for each in break_ids]
        case BulkAction.COMMENT:
            return [CommentOnBreak(each, reason) for each in break_ids]


def _move(move: MoveInput) -> MovePayment:
    targets = tuple(Target(to.obligation_id, _given(to.installment_id), _given(to.amount)) for to in move.to)
    return MovePayment(move.payment_id, move.version, targets, move.reason)


def _given(value: T | None) -> T | None:
    """A field that is absent is null."""
    return None if value is UNSET else value

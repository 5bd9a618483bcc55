"""What a person wants done, what will become of it, and what became of it."""

from typing import Annotated

import strawberry
from strawberry import ID

from gateway.graphql.schema.enums import RefusalKind
from gateway.graphql.schema.scalars import Instant, Minor, Version


@strawberry.input
class AcknowledgeInput:
    """Acknowledge a break."""

    break_id: ID
    evidence: str
    until: Instant | None = strawberry.UNSET
    reason: str


@strawberry.input
class AssignInput:
    """Assign a break."""

    break_id: ID
    assignee: str | None = strawberry.field(default=strawberry.UNSET, description="Null: to nobody.")
    reason: str


@strawberry.input
class CommentInput:
    """Comment on a break."""

    break_id: ID
    reason: str


@strawberry.input
class AcceptInput:
    """Accept a difference."""

    break_id: ID
    evidence: str = strawberry.field(description="The evidence that the person saw.")
    reason: str


@strawberry.input
class ApproveInput:
    """Approve what another person accepted."""

    break_id: ID
    evidence: str
    decision_id: ID | None = strawberry.field(
        default=strawberry.UNSET,
        description="The decision to approve; null: the latest by another person that fits.",
    )
    reason: str


@strawberry.input
class WithdrawInput:
    """Take a decision back."""

    break_id: ID
    decision_id: ID | None = strawberry.field(default=strawberry.UNSET, description="Null: the only one that counts.")
    reason: str


@strawberry.input
class MatchInput:
    """Give a reference in suspense to a payment, or a bank entry to a payout."""

    break_id: ID
    target: ID = strawberry.field(description="A payment id for a reference, processor/payout_id for a bank entry.")
    evidence: str
    reason: str


@strawberry.input
class MoveTarget:
    """A part of a payment's money, and where it goes."""

    obligation_id: ID
    installment_id: ID | None = strawberry.UNSET
    amount: Minor | None = strawberry.field(default=strawberry.UNSET, description="Null: the rest; at most one.")


@strawberry.input
class MoveInput:
    """Move a payment's money to other obligations."""

    payment_id: ID
    version: Version = strawberry.field(description="The version of the payment that the person saw.")
    to: list[MoveTarget]
    reason: str


@strawberry.input(one_of=True, description="Exactly one field is set.")
class CommandInput:
    """What a person wants done."""

    acknowledge: strawberry.Maybe[AcknowledgeInput]
    assign: strawberry.Maybe[AssignInput]
    comment: strawberry.Maybe[CommentInput]
    accept: strawberry.Maybe[AcceptInput]
    approve: strawberry.Maybe[ApproveInput]
    withdraw: strawberry.Maybe[WithdrawInput]
    match: strawberry.Maybe[MatchInput] = strawberry.field(
        description="Give a reference in suspense to a payment, or a bank entry to a payout."
    )
    move: strawberry.Maybe[MoveInput] = strawberry.field(description="Move a payment's money to other obligations.")


@strawberry.type
class Refusal:
    """Why a command is not carried out."""

    kind: RefusalKind
    message: str


@strawberry.type
class Forecast:
    """What would become of a command. Nothing is written."""

    allowed: bool = strawberry.field(description="Whether it may be done.")
    text: list[str] = strawberry.field(description="What will happen, in sentences.")
    refusal: Refusal | None = strawberry.field(description="Why not, if it may not be done.")


@strawberry.type(
    description="`decisionId` is that of the record. The effect is visible once it came through the pipeline: in "
    "`changes`, or as the decision of the break."
)
class Written:
    """A command that the broker has."""

    decision_id: ID
    topic: str
    text: list[str]


CommandResult = Annotated[Written | Refusal, strawberry.union("CommandResult")]
"""Expected failures are data, not errors."""


@strawberry.type
class BulkResult:
    """What became of one break of many."""

    break_id: ID
    decision_id: ID | None
    refusal: Refusal | None


@strawberry.type
class RefeedRefusal:
    """Why a dead letter was not fed again."""

    id: ID
    reason: str


@strawberry.type
class RefeedResult:
    """What became of dead letters that were to be fed again."""

    refed: list[ID]
    refused: list[RefeedRefusal]

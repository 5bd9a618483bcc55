"""Decisions about breaks, from the topic `decisions`."""

from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import ID

from domain.records import DecisionOnBreak as DecisionRecord
from gateway.graphql.context import Info
from gateway.graphql.schema.enums import BreakClass, DecisionAction, DecisionState, KeyKind
from gateway.graphql.schema.fields import field, field_named
from gateway.graphql.schema.money import Money, money
from gateway.graphql.schema.scalars import Instant, instant
from read_model.rows import DecisionRow

if TYPE_CHECKING:
    from gateway.graphql.schema.breaks import Break


@strawberry.type
class DecisionOnBreak:
    """What people have decided about a break: the furthest state that holds, and the decision that gives it."""

    state: DecisionState
    actor: str
    at: Instant
    approved_by: str | None
    reason: str
    assignee: str | None
    until: Instant | None


@strawberry.type
class Decision:
    """A decision about a break."""

    row: strawberry.Private[DecisionRow]
    id: ID
    at: Instant
    action: DecisionAction
    actor: str
    reason: str
    key_kind: KeyKind
    key: str
    break_id: ID
    break_class: BreakClass | None = strawberry.field(name="class", description="Of an ACCEPT: what is accepted.")
    evidence: str | None
    assignee: str | None
    until: Instant | None
    refers_to: ID | None
    withdrawn: bool = strawberry.field(description="Whether a later decision took it back.")

    @field
    async def drift(self, info: Info) -> Money | None:
        """Of an ACCEPT: the difference that is accepted; null where the break is not known."""
        minor = self.row.decision.drift_minor
        found = None if minor is None else await info.context.loaders.breaks.load(self.break_id)
        return None if minor is None or found is None else money(minor, found.currency)

    @field
    async def fits(self, info: Info) -> bool | None:
        """Of an ACCEPT: whether it is about the break as it is now; null where that is not known."""
        decision = self.row.decision
        found = await info.context.loaders.breaks.load(self.break_id) if decision.action == "ACCEPT" else None
        if found is None or found.evidence is None:
            return None
        alert = found.row.alert
        accepted = decision.break_class, decision.drift_minor, decision.evidence
        return accepted == (alert.break_class, alert.drift_minor, alert.evidence)

    @field_named("break")
    async def of_break(self, info: Info) -> Annotated["Break", strawberry.lazy("gateway.graphql.schema.breaks")] | None:
        """The break; null where it is not known."""
        return await info.context.loaders.breaks.load(self.break_id)


def decision_on(found: DecisionRecord | None) -> DecisionOnBreak | None:
    """Give what people have decided about a break; None for nothing."""
    if found is None:
        return None
    return DecisionOnBreak(
        state=DecisionState(found.state),
        actor=found.actor,
        at=Instant(found.at),
        approved_by=found.approved_by,
        reason=found.reason,
        assignee=found.assignee,
        until=instant(found.until),
    )


def decision_of(row: DecisionRow) -> Decision:
    """Give the object of a decision."""
    found = row.decision
    return Decision(
        row=row,
        id=ID(found.decision_id),
        at=Instant(found.occurred_at),
        action=DecisionAction(found.action),
        actor=found.actor,
        reason=found.reason,
        key_kind=KeyKind(found.key_kind),
        key=found.key,
        break_id=ID(found.break_id),
        break_class=None if found.break_class is None else BreakClass(found.break_class),
        evidence=found.evidence,
        assignee=found.assignee,
        until=instant(found.until),
        refers_to=None if found.refers_to is None else ID(found.refers_to),
        withdrawn=row.withdrawn,
    )

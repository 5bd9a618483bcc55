"""The filters of lists. A field that is absent or null does not narrow the list."""

import strawberry
from strawberry import ID

from gateway.graphql.schema.enums import (
    AgeingBucket,
    BreakClass,
    BreakState,
    DecisionAction,
    DecisionFilterState,
    KeyKind,
    LateStage,
    Method,
    ObligationStatus,
    PaymentStatus,
    PayoutStatus,
    ReferenceStatus,
)
from gateway.graphql.schema.scalars import Day, Instant, Minor


@strawberry.input
class BreakFilter:
    """Which breaks."""

    state: BreakState | None = BreakState.OPEN
    classes: list[BreakClass] | None = strawberry.UNSET
    priorities: list[int] | None = strawberry.UNSET
    currency: str | None = strawberry.UNSET
    key_kind: KeyKind | None = strawberry.UNSET
    key: str | None = strawberry.UNSET
    decision: DecisionFilterState | None = strawberry.UNSET
    assignee: str | None = strawberry.UNSET
    property: ID | None = strawberry.UNSET
    tenant: ID | None = strawberry.UNSET
    opened_before: Instant | None = strawberry.UNSET
    opened_after: Instant | None = strawberry.field(default=strawberry.UNSET, description="At or after.")
    min_gross: Minor | None = strawberry.field(default=strawberry.UNSET, description="Least |drift|; needs `currency`.")


@strawberry.input
class PaymentFilter:
    """Which payments."""

    status: PaymentStatus | None = strawberry.UNSET
    property: ID | None = strawberry.UNSET
    tenant: ID | None = strawberry.UNSET
    method: Method | None = strawberry.UNSET
    currency: str | None = strawberry.UNSET
    obligation: ID | None = strawberry.UNSET
    min_amount: Minor | None = strawberry.field(
        default=strawberry.UNSET,
        description="Least initiated amount, or gross where it is not initiated; needs `currency`.",
    )
    max_amount: Minor | None = strawberry.field(
        default=strawberry.UNSET,
        description="Largest initiated amount, or gross where it is not initiated; needs `currency`.",
    )
    latest_from: Instant | None = strawberry.field(
        default=strawberry.UNSET, description="Its latest event is at or after this instant."
    )
    latest_before: Instant | None = strawberry.field(
        default=strawberry.UNSET, description="Its latest event is before this instant."
    )


@strawberry.input
class ObligationFilter:
    """Which obligations."""

    status: ObligationStatus | None = strawberry.UNSET
    property: ID | None = strawberry.UNSET
    tenant: ID | None = strawberry.UNSET
    lease: ID | None = strawberry.UNSET
    period: str | None = strawberry.field(default=strawberry.UNSET, description="As in 2026-07.")
    ageing: AgeingBucket | None = strawberry.UNSET
    currency: str | None = strawberry.UNSET


@strawberry.input
class LateFilter:
    """Which late installments."""

    live: bool | None = strawberry.field(default=True, description="Null: those that ended, too.")
    stage: LateStage | None = strawberry.UNSET
    property: ID | None = strawberry.UNSET
    tenant: ID | None = strawberry.UNSET
    currency: str | None = strawberry.UNSET


@strawberry.input
class AgeingFilter:
    """Which rows of the ageing."""

    property: ID | None = strawberry.UNSET
    currency: str | None = strawberry.UNSET


@strawberry.input
class ReferenceFilter:
    """Which references."""

    status: ReferenceStatus | None = strawberry.UNSET
    processor: str | None = strawberry.UNSET
    payment: ID | None = strawberry.field(default=strawberry.UNSET, description="Those that this payment holds.")


@strawberry.input
class PayoutFilter:
    """Which payouts."""

    status: PayoutStatus | None = strawberry.UNSET
    processor: str | None = strawberry.UNSET
    currency: str | None = strawberry.UNSET
    account: str | None = strawberry.UNSET
    arrival_after: Day | None = strawberry.field(default=strawberry.UNSET, description="On or after.")
    arrival_before: Day | None = strawberry.UNSET


@strawberry.input
class DecisionFilter:
    """Which decisions."""

    actor: str | None = strawberry.UNSET
    action: DecisionAction | None = strawberry.UNSET
    key: str | None = strawberry.UNSET
    break_id: ID | None = strawberry.UNSET
    after: Instant | None = strawberry.field(default=strawberry.UNSET, description="At or after.")
    before: Instant | None = strawberry.UNSET
    waiting_for_me: bool | None = strawberry.field(
        default=False, description="Accepted by others, and waiting for an approval that the viewer may give."
    )


@strawberry.input
class AuditFilter:
    """Which entries of the audit log."""

    actor: str | None = strawberry.UNSET
    action: str | None = strawberry.UNSET
    after: Instant | None = strawberry.field(default=strawberry.UNSET, description="At or after.")
    before: Instant | None = strawberry.UNSET
    refused_only: bool | None = False

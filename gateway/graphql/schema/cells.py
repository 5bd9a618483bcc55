"""What is added up: open breaks, what is past due, and where the collected money is."""

import strawberry
from strawberry import ID

from gateway.graphql.schema.enums import AgeBucket, AgeingBucket, BreakClass, DecisionState, LateStage
from gateway.graphql.schema.money import Money
from gateway.graphql.schema.scalars import Day


@strawberry.type
class BreakCell:
    """The open breaks of a class, priority, currency, age and decision."""

    break_class: BreakClass = strawberry.field(name="class")
    title: str
    priority: int
    currency: str
    age: AgeBucket
    decision: DecisionState | None
    count: int
    gross: Money = strawberry.field(description="The sum of |drift|.")
    net: Money = strawberry.field(description="The sum of drift.")


@strawberry.type
class AgeingCell:
    """The obligations of a currency and ageing bucket."""

    currency: str
    bucket: AgeingBucket
    obligations: int
    balance: Money
    paid: Money
    pending: Money
    outstanding: Money = strawberry.field(
        description="The sum of what each still owes: an overpaid obligation does not pay another."
    )


@strawberry.type
class LateCell:
    """The live late installments of a stage and currency."""

    stage: LateStage
    currency: str
    installments: int
    outstanding: Money
    pending: Money


@strawberry.type(description="collected = onAccount + underWay + unexplained.")
class Collected:
    """Where the money is that was collected in a currency."""

    currency: str
    collected: Money
    on_account: Money
    under_way: Money
    unexplained: Money
    entries: Money = strawberry.field(description="Entries on the account that belong to no payout.")


@strawberry.type
class TrendDay:
    """What became of breaks on a UTC day."""

    day: Day
    opened: int
    resolved: int
    accepted: int


@strawberry.type
class AgeingRow:
    """The ageing of a property in a currency."""

    property_id: ID
    currency: str
    cells: list[AgeingCell]
    outstanding: Money
    open_breaks: int
    late_installments: int

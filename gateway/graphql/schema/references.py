"""Processors' references."""

from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import ID

from gateway.graphql.context import Info
from gateway.graphql.schema.enums import ReferenceStatus
from gateway.graphql.schema.fields import field
from gateway.graphql.schema.money import Money, money
from gateway.graphql.schema.scalars import Version
from read_model.rows import ReferenceRow

if TYPE_CHECKING:
    from gateway.graphql.schema.breaks import Break
    from gateway.graphql.schema.payments import Payment


@strawberry.type
class Reference:
    """A processor's reference with settlement records that name no payment."""

    id: ID = strawberry.field(description="processor/reference; `%` and `/` in the processor are percent-encoded.")
    version: Version
    processor: str
    processor_reference: str
    status: ReferenceStatus
    records: int = strawberry.field(description="How many settlement records without a payment id it has.")
    gross: list[Money] = strawberry.field(description="Of its SETTLED, one for each currency.")
    payment_id: ID | None = strawberry.field(description="The payment that holds it.")

    @field
    async def payment(
        self, info: Info
    ) -> Annotated["Payment", strawberry.lazy("gateway.graphql.schema.payments")] | None:
        """The payment that holds it."""
        return None if self.payment_id is None else await info.context.loaders.payments.load(self.payment_id)

    @field
    async def open_breaks(
        self, info: Info
    ) -> list[Annotated["Break", strawberry.lazy("gateway.graphql.schema.breaks")]]:
        """The open breaks of its key."""
        return await info.context.loaders.open_breaks.load(("reference", self.id))


def reference_of(row: ReferenceRow) -> Reference:
    """Give the object of a reference."""
    found = row.reference
    return Reference(
        id=ID(found.reference_key),
        version=Version(found.version),
        processor=found.processor,
        processor_reference=found.processor_reference,
        status=ReferenceStatus(found.status),
        records=found.records,
        gross=[money(minor, currency) for currency, minor in sorted(found.gross_minor.items())],
        payment_id=None if found.payment_id is None else ID(found.payment_id),
    )

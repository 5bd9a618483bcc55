"""Tenants, leases and properties: what the read model has under their ids."""

import strawberry
from strawberry import ID

from gateway.graphql.context import Info
from gateway.graphql.pages import checked_first, counted
from gateway.graphql.schema.breaks import Break, break_of
from gateway.graphql.schema.cells import AgeingCell, LateCell
from gateway.graphql.schema.fields import field
from gateway.graphql.schema.money import CountedConnection
from gateway.graphql.schema.obligations import LateInstallment, Obligation, late_installment_of, obligation_of
from gateway.graphql.schema.payments import Payment, payment_of
from gateway.graphql.schema.totals import ageing_cells, late_cells
from read_model.selections import BreakSelection, LateAlertSelection, ObligationSelection, PaymentSelection


async def _obligations(
    info: Info, only: ObligationSelection, first: int, after: str | None
) -> CountedConnection[Obligation]:
    read = info.context.read
    page = await read.list_obligations(only, after=after or None, limit=checked_first(first))
    return counted(page, obligation_of, lambda: read.count_obligations(only))


@strawberry.type
class Tenant:
    """A tenant."""

    id: ID

    @field
    async def obligations(
        self, info: Info, first: int, after: str | None = strawberry.UNSET
    ) -> CountedConnection[Obligation]:
        """By id."""
        return await _obligations(info, ObligationSelection(tenant_id=self.id), first, after)

    @field
    async def payments(
        self, info: Info, first: int, after: str | None = strawberry.UNSET
    ) -> CountedConnection[Payment]:
        """Those with an obligation of the tenant, the latest first."""
        read, only = info.context.read, PaymentSelection(tenant_id=self.id)
        page = await read.list_payments(only, after=after or None, limit=checked_first(first))
        return counted(page, payment_of, lambda: read.count_payments(only))

    @field
    async def open_breaks(self, info: Info, first: int) -> list[Break]:
        """The most pressing first."""
        page = await info.context.read.list_breaks(BreakSelection(tenant_id=self.id), limit=checked_first(first))
        return [break_of(row) for row in page.rows]

    @field
    async def late(self, info: Info, first: int) -> list[LateInstallment]:
        """The longest due first."""
        page = await info.context.read.list_late_alerts(
            LateAlertSelection(tenant_id=self.id), limit=checked_first(first)
        )
        return [late_installment_of(each) for each in page.rows]


@strawberry.type
class Lease:
    """A lease."""

    id: ID

    @field
    async def obligations(
        self, info: Info, first: int, after: str | None = strawberry.UNSET
    ) -> CountedConnection[Obligation]:
        """By id."""
        return await _obligations(info, ObligationSelection(lease_id=self.id), first, after)


@strawberry.type
class Property:
    """A property."""

    id: ID

    @field
    async def ageing(self, info: Info) -> list[AgeingCell]:
        """By currency and bucket."""
        return await ageing_cells(info, properties=[self.id])

    @field
    async def late(self, info: Info) -> list[LateCell]:
        """By stage and currency."""
        return await late_cells(info, properties=[self.id])

    @field
    async def obligations(
        self, info: Info, first: int, after: str | None = strawberry.UNSET
    ) -> CountedConnection[Obligation]:
        """By id."""
        return await _obligations(info, ObligationSelection(property_id=self.id), first, after)

    @field
    async def open_breaks(self, info: Info, first: int) -> list[Break]:
        """The most pressing first."""
        page = await info.context.read.list_breaks(BreakSelection(property_id=self.id), limit=checked_first(first))
        return [break_of(row) for row in page.rows]

"""The overview: what finance looks at first. Each part is added up only if it is asked for."""

from collections.abc import Sequence

import strawberry

from gateway.graphql.context import Info
from gateway.graphql.schema.cells import AgeingCell, BreakCell, Collected, LateCell, TrendDay
from gateway.graphql.schema.changes import Freshness
from gateway.graphql.schema.fields import field
from gateway.graphql.schema.totals import ageing_cells, break_cells, collected_cells, late_cells, trend_days


@strawberry.type
class Overview:
    """What finance looks at first."""

    properties: strawberry.Private[Sequence[str] | None]

    @field
    async def freshness(self, info: Info) -> Freshness:
        """How current it is."""
        return await info.context.operations.freshness()

    @field
    async def breaks(self, info: Info) -> list[BreakCell]:
        """Open breaks: one cell for each combination that occurs."""
        return await break_cells(info, properties=self.properties)

    @field
    async def ageing(self, info: Info) -> list[AgeingCell]:
        """Open obligations by currency and ageing bucket."""
        return await ageing_cells(info, properties=self.properties)

    @field
    async def late(self, info: Info) -> list[LateCell]:
        """Live late installments by stage and currency."""
        return await late_cells(info, properties=self.properties)

    @field
    async def collected(self, info: Info) -> list[Collected] | None:
        """One for each currency; null for some properties only, since a payout has money of many."""
        is_whole = info.context.viewer.properties is None and self.properties is None
        return await collected_cells(info) if is_whole else None

    @field
    async def trend(self, info: Info) -> list[TrendDay]:
        """The last 30 UTC days, the oldest first."""
        return await trend_days(info, properties=self.properties)

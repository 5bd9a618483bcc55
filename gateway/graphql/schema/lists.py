"""Lists with more than their page and count."""

from collections.abc import Awaitable, Callable

import strawberry

from gateway.graphql.context import Info
from gateway.graphql.pages import counted
from gateway.graphql.schema.breaks import Break, break_of
from gateway.graphql.schema.changes import Freshness
from gateway.graphql.schema.fields import field
from gateway.graphql.schema.money import Count, Edge, PageInfo
from read_model import rows
from read_model.rows import BreakRow, RowPage


@strawberry.type
class BreakConnection:
    """A page of breaks."""

    edges: list[Edge[Break]]
    page_info: PageInfo
    counting: strawberry.Private[Callable[[], Awaitable[Count]]]

    @field
    async def count(self) -> Count:
        """How many match, counted up to 10,001."""
        return await self.counting()

    @field
    async def freshness(self, info: Info) -> Freshness:
        """How current the list is."""
        return await info.context.operations.freshness()


def break_connection(page: RowPage[BreakRow], counting: Callable[[], Awaitable[rows.Count]]) -> BreakConnection:
    """Give a page of breaks."""
    found = counted(page, break_of, counting)
    return BreakConnection(edges=found.edges, page_info=found.page_info, counting=found.counting)

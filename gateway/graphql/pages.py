"""Pages of lists, as Relay connections."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from gateway.graphql.errors import bad_argument
from gateway.graphql.schema.money import Connection, Count, CountedConnection, Edge, PageInfo
from read_model import rows
from read_model.rows import RowPage

Row = TypeVar("Row")
Node = TypeVar("Node")

FIRST_MAX = 200
"""The most records of a page."""


def checked_first(first: int) -> int:
    """Give `first`, the number of records of a page.

    Raises:
        GatewayError: it is not from 1 to FIRST_MAX.

    """
    if not 1 <= first <= FIRST_MAX:
        raise bad_argument(f"`first` is {first}; it must be from 1 to {FIRST_MAX}")
    return first


def connection(page: RowPage[Row], node: Callable[[Row], Node]) -> Connection[Node]:
    """Give a page as a connection; `node` makes the object of a row."""
    return Connection(edges=_edges(page, node), page_info=_info(page))


def counted(
    page: RowPage[Row], node: Callable[[Row], Node], counting: Callable[[], Awaitable[rows.Count]]
) -> CountedConnection[Node]:
    """Give a page as a connection that counts if it is asked to."""

    async def count() -> Count:
        found = await counting()
        return Count(value=found.value, at_least=found.at_least)

    return CountedConnection(edges=_edges(page, node), page_info=_info(page), counting=count)


def _edges(page: RowPage[Row], node: Callable[[Row], Node]) -> list[Edge[Node]]:
    return [Edge(node=node(row), cursor=cursor) for row, cursor in zip(page.rows, page.cursors, strict=True)]


def _info(page: RowPage[Row]) -> PageInfo:
    return PageInfo(has_next_page=page.has_next, end_cursor=page.cursors[-1] if page.cursors else None)

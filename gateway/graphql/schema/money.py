"""Amounts, counts and pages."""

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import strawberry

from domain.currencies import EXPONENTS
from gateway.graphql.schema.fields import field
from gateway.graphql.schema.scalars import Minor

T = TypeVar("T")


@strawberry.type
class Money:
    """An amount with its currency."""

    minor: Minor
    currency: str
    decimals: int = strawberry.field(description="ISO 4217 decimals of the currency.")


def money(minor: int, currency: str) -> Money:
    """Give an amount. XXX, no currency, has no decimals."""
    return Money(minor=Minor(minor), currency=currency, decimals=EXPONENTS.get(currency, 0))


def money_or_none(minor: int | None, currency: str) -> Money | None:
    """Give an amount; None for None."""
    return None if minor is None else money(minor, currency)


@strawberry.type
class Count:
    """A number of records."""

    value: int
    at_least: bool = strawberry.field(description="True: there are at least `value`.")


@strawberry.type
class PageInfo:
    """Whether a list goes on, and after what."""

    has_next_page: bool
    end_cursor: str | None


@strawberry.type(description="An item of a page.")
class Edge(Generic[T]):
    """An item of a page."""

    node: T
    cursor: str


@strawberry.type(description="A page of a list.")
class Connection(Generic[T]):
    """A page of a list."""

    edges: list[Edge[T]]
    page_info: PageInfo


@strawberry.type(description="A page of a list, with the number of records that match.")
class CountedConnection(Generic[T]):
    """A page of a list, with the number of records that match."""

    edges: list[Edge[T]]
    page_info: PageInfo
    counting: strawberry.Private[Callable[[], Awaitable[Count]]]

    @field
    async def count(self) -> Count:
        """How many match, counted up to 10,001."""
        return await self.counting()

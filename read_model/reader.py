"""How a reader in a scope finds documents: there is no other way to MongoDB for it."""

from collections.abc import Callable, Collection, Iterator
from typing import TypeVar

from read_model.documents import STANDING
from read_model.finding import ReadModelUnavailable, find_standing
from read_model.mongo import Document, Mongo, MongoUnavailable, Sort
from read_model.orders import Order, both
from read_model.rows import COUNT_MAX, Count, RowPage
from read_model.scope import Scope
from read_model.shape import ShapeCheck

KEYS_PER_QUERY = 200
"""Keys in one query."""

T = TypeVar("T")


class ScopedReader:
    """Finds and counts documents in a scope.

    Args:
        mongo: the database.
        scope: whose documents are there.
        shape: refuses a read model of an earlier version; shared, so that it asks once.

    """

    def __init__(self, mongo: Mongo, scope: Scope, shape: ShapeCheck | None = None) -> None:
        self._mongo = mongo
        self._shape = shape or ShapeCheck(mongo)
        self.scope = scope

    async def _find(
        self,
        collection: str,
        where: Document,
        *,
        order: Order | None = None,
        sort: Sort = (),
        limit: int | None = None,
    ) -> list[Document]:
        """The current documents that match and are in the scope."""
        await self._shape()
        restricted = self.scope.restricted(collection, where)
        if restricted is None:
            return []
        sort = sort if order is None else order.sort
        return await find_standing(self._mongo, collection, restricted, sort=sort, limit=limit)

    async def _count(self, collection: str, where: Document) -> Count:
        """How many documents match and are in the scope."""
        await self._shape()
        restricted = self.scope.restricted(collection, where)
        if restricted is None:
            return Count(0, False)
        try:
            value = await self._mongo.count(collection, restricted | STANDING, limit=COUNT_MAX)
        except MongoUnavailable as error:
            raise ReadModelUnavailable(str(error)) from error
        return Count(value, value >= COUNT_MAX)

    async def _page(
        self,
        collection: str,
        where: Document,
        order: Order,
        after: str | None,
        limit: int,
        made: Callable[[Document], T],
    ) -> RowPage[T]:
        """The documents that match, from a cursor on."""
        found: list[Document] = []
        for part in [{}] if after is None else order.after(after):
            narrowed = both(where, part)
            if narrowed is not None and len(found) <= limit:
                found += await self._find(collection, narrowed, order=order, limit=limit + 1 - len(found))
        return page_of(found, order, limit, made)


def page_of(found: list[Document], order: Order, limit: int, made: Callable[[Document], T]) -> RowPage[T]:
    """The page of documents that were asked for with one more than the limit."""
    shown = found[:limit]
    return RowPage([made(one) for one in shown], [order.cursor_of(one) for one in shown], len(found) > limit)


def chunks(keys: Collection[str]) -> Iterator[list[str]]:
    """Different keys in parts, each for one query."""
    unique = sorted(set(keys))
    for start in range(0, len(unique), KEYS_PER_QUERY):
        yield unique[start : start + KEYS_PER_QUERY]

"""Finds the current documents and the versions of the read model."""

from collections.abc import Sequence

from read_model.documents import STANDING
from read_model.mongo import Document, Mongo, MongoUnavailable, Sort


class ReadModelUnavailable(Exception):
    """MongoDB did not answer in time. Retry."""


async def find_standing(
    mongo: Mongo,
    collection: str,
    where: Document,
    *,
    sort: Sort = (),
    limit: int | None = None,
    fields: Sequence[str] | None = None,
) -> list[Document]:
    """The documents that match and are no markers; the arguments are those of `Mongo.find`.

    Raises:
        ReadModelUnavailable: MongoDB did not answer in time.

    """
    try:
        return await mongo.find(collection, where | STANDING, sort=sort, limit=limit, fields=fields)
    except MongoUnavailable as error:
        raise ReadModelUnavailable(str(error)) from error

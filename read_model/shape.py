"""The shape of the read model that this version writes, and whether the read model has it.

A read model of an earlier version lacks fields and collections. The projector keeps writing to it, and what is written
has them; but lists and counts would leave the older documents out. So they are refused until it was rebuilt.
"""

from read_model.documents import KINDS
from read_model.finding import ReadModelUnavailable
from read_model.mongo import Mongo, MongoUnavailable

SHAPE = 2
"""Raised whenever documents get something that a query needs."""
SHAPES = "shapes"
"""The collection of the one document that says it."""
_ID = "read-model"

OUTDATED = (
    "the read model was written by an earlier version and lacks what this one needs: run "
    "`rentmatch rebuild-read-model` once, while projectors of this version run"
)
NOT_THERE = "the read model does not exist yet: start `rentmatch project-read-model`"


async def has_shape(mongo: Mongo) -> bool:
    """Whether the read model has the shape of this version.

    Raises:
        MongoUnavailable: retry.

    """
    return await _stored(mongo) == SHAPE


async def declare_shape(mongo: Mongo) -> None:
    """Say that the read model has the shape of this version.

    Raises:
        MongoUnavailable: retry.

    """
    await mongo.put(SHAPES, [{"_id": _ID, "shape": SHAPE}])


async def declare_if_new(mongo: Mongo) -> bool:
    """Declare the shape of a read model without documents. Whether the read model has the shape.

    Raises:
        MongoUnavailable: retry.

    """
    if await _stored(mongo) is None:
        for kind in KINDS:
            if await mongo.find(kind, {}, limit=1, fields=("_id",)):
                return False
        await mongo.put_absent(SHAPES, [{"_id": _ID, "shape": SHAPE}])
    return await has_shape(mongo)


async def _stored(mongo: Mongo) -> int | None:
    found = await mongo.find_one(SHAPES, _ID)
    return None if found is None else found["shape"]


class ShapeCheck:
    """Refuses to read a read model that lacks what is read. It asks until the answer is yes."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._is_right = False

    async def __call__(self) -> None:
        """Return if the read model has the shape.

        Raises:
            ReadModelUnavailable: it has not, or MongoDB does not answer.

        """
        if self._is_right:
            return
        try:
            stored = await _stored(self._mongo)
            is_new = stored is None and not [kind for kind in KINDS if await self._mongo.find(kind, {}, limit=1)]
        except MongoUnavailable as error:
            raise ReadModelUnavailable(str(error)) from error
        if stored != SHAPE:
            raise ReadModelUnavailable(NOT_THERE if is_new else OUTDATED)
        self._is_right = True

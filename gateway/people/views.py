"""Saved views: pages of the console with their filters, under names. A person has some; shared ones everybody has."""

import hashlib
from collections.abc import Callable
from typing import NamedTuple

from domain.time import Micros
from gateway.people.viewer import Viewer
from read_model.mongo import Document, Index, Mongo

COLLECTION = "gateway_views"
INDEXES = (Index("owner", (("owner", 1),)), Index("shared", (("shared", 1),)))

NAME_MAX = 100
PATH_MAX = 2_000
VIEWS_MAX = 200
"""Of a person."""


class ViewRefused(ValueError):
    """A view like this is not saved; the message says why."""


class StoredView(NamedTuple):
    """A saved view."""

    view_id: str
    name: str
    path: str
    """Path and query of the page."""
    shared: bool
    owner: str


class SavedViews:
    """All saved views.

    Args:
        mongo: where they are.
        clock: the time, microseconds since 1970.

    """

    def __init__(self, mongo: Mongo, clock: Callable[[], Micros]) -> None:
        self._mongo = mongo
        self._clock = clock

    async def of(self, viewer: Viewer) -> list[StoredView]:
        """A viewer's own views and the shared ones, by name.

        A view's filter may name records. So it is shared with those who see all properties that its owner sees.

        Raises:
            MongoUnavailable: there is no answer in time.

        """
        own = await self._mongo.find(COLLECTION, {"owner": viewer.name}, limit=VIEWS_MAX)
        shared = await self._mongo.find(COLLECTION, {"shared": True}, limit=VIEWS_MAX)
        visible = [document for document in shared if _sees_all_of(viewer, document)]
        found = {document["_id"]: _view(document) for document in (*visible, *own)}
        return sorted(found.values(), key=lambda view: (view.name.casefold(), view.owner))

    async def save(self, viewer: Viewer, *, name: str, path: str, shared: bool) -> StoredView:
        """Save a view; one of the viewer's with this name is replaced.

        Raises:
            ViewRefused: its name or its path cannot be used, or the viewer has too many.
            MongoUnavailable: it could not be stored.

        """
        if not 0 < len(name.strip()) <= NAME_MAX or not name.isprintable():
            raise ViewRefused(f"a view needs a name of 1 to {NAME_MAX} printable characters")
        is_ours = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
        if not is_ours or len(path) > PATH_MAX:
            raise ViewRefused(f"a view is a path of the console of at most {PATH_MAX:,} characters, as in /exceptions")
        view_id = hashlib.sha256(f"{viewer.name}\0{name.strip()}".encode()).hexdigest()[:32]
        own = await self._mongo.find(COLLECTION, {"owner": viewer.name}, fields=["owner"], limit=VIEWS_MAX)
        if len(own) >= VIEWS_MAX and await self._mongo.find_one(COLLECTION, view_id) is None:
            raise ViewRefused(f"you have {VIEWS_MAX} views already; delete one")
        view = StoredView(view_id, name.strip(), path, shared, viewer.name)
        document = {field: value for field, value in view._asdict().items() if field != "view_id"}
        properties = None if viewer.properties is None else sorted(viewer.properties)
        await self._mongo.put(
            COLLECTION, [{**document, "_id": view_id, "properties": properties, "saved_at": self._clock()}]
        )
        return view

    async def delete(self, viewer: Viewer, view_id: str) -> bool:
        """Delete a view of the viewer's; whether there was one.

        Raises:
            MongoUnavailable: it may still be there.

        """
        found = await self._mongo.find_one(COLLECTION, view_id)
        if found is None or found["owner"] != viewer.name:
            return False
        await self._mongo.delete(COLLECTION, {"_id": view_id, "owner": viewer.name})
        return True


def _sees_all_of(viewer: Viewer, document: Document) -> bool:
    """Whether a viewer sees all properties that the owner of a view saw when it was saved."""
    if viewer.properties is None:
        return True
    properties = document.get("properties")  # None: all
    return properties is not None and viewer.properties.issuperset(properties)


def _view(document: Document) -> StoredView:
    return StoredView(document["_id"], document["name"], document["path"], document["shared"], document["owner"])

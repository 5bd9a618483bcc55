"""The console's documents, by their ids. A session may send no others: what it asks is what the console asks.

The build of the console writes `persisted-documents.json`: the id and the text of each document. A page that was opened
before an upgrade goes on asking with the ids of its own build, so the gateways keep the documents of the last builds in
MongoDB, where the others find those of a build that is newer than their own.
"""

import hashlib
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from domain.time import SECOND, Micros
from gateway.graphql.errors import ErrorCode, GatewayError
from read_model.mongo import Mongo, MongoUnavailable

log = logging.getLogger(__name__)

COLLECTION = "gateway_documents"
BUILDS_KEPT = 5
LOOK_AGAIN: Micros = 10 * SECOND
"""The least time between two questions to MongoDB for ids that are not known."""

Manifest = Mapping[str, str]
"""The text of each document by its id, `sha256:…`."""


class ManifestError(ValueError):
    """The file of the console's documents cannot be read. The message names it and says what to do."""


def read_manifest(path: Path) -> Manifest:
    """Read the documents of a build of the console.

    Raises:
        ManifestError: there is no such file, or it is none.

    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except (OSError, msgspec.MsgspecError) as error:
        raise ManifestError(f"{path}: {error}; build the console with `make console`") from None


class Documents:
    """The documents that sessions may send.

    Args:
        manifest: those of this gateway's console.
        mongo: keeps those of the last builds.
        clock: the time, microseconds since 1970.

    """

    def __init__(self, manifest: Manifest, mongo: Mongo, clock: Callable[[], Micros]) -> None:
        self._own = dict(manifest)
        self._mongo = mongo
        self._clock = clock
        self._others: dict[str, str] = {}
        self._looked_at: Micros | None = None

    async def publish(self) -> None:
        """Keep this build's documents for the other gateways, and forget builds that are too old.

        Raises:
            MongoUnavailable: try again later.

        """
        if not self._own:
            return
        body = msgspec.json.encode(sorted(self._own.items()))
        build = {
            "_id": hashlib.sha256(body).hexdigest(),
            "at": self._clock(),
            "documents": [{"id": name, "text": text} for name, text in self._own.items()],
        }
        await self._mongo.put(COLLECTION, [build])
        kept = await self._mongo.find(COLLECTION, {}, sort=[("at", -1)], limit=BUILDS_KEPT)
        if len(kept) == BUILDS_KEPT:
            await self._mongo.delete(COLLECTION, {"at": {"$lt": kept[-1]["at"]}})

    async def text_of(self, document_id: str) -> str:
        """Give the text of a document.

        Raises:
            GatewayError: no build that is kept has it.

        """
        text = self._own.get(document_id) or self._others.get(document_id)
        if text is None and self._may_look():
            await self._look()
            text = self._others.get(document_id)
        if text is None:
            raise GatewayError(
                ErrorCode.STALE_DOCUMENT, "this page is of a console that the gateway does not know; load it again"
            )
        return text

    def _may_look(self) -> bool:
        return self._looked_at is None or self._clock() - self._looked_at >= LOOK_AGAIN

    async def _look(self) -> None:
        self._looked_at = self._clock()
        try:
            builds = await self._mongo.find(COLLECTION, {}, sort=[("at", -1)], limit=BUILDS_KEPT)
        except MongoUnavailable as error:
            log.warning("the documents of other builds cannot be read: %s", error)
            return
        self._others = {each["id"]: each["text"] for build in reversed(builds) for each in build["documents"]}

"""Writes records into the read model: in bulk, in any order, repeatedly. An older version changes nothing.

A record that cannot become a document is put aside in the collection `poisoned`, with its topic, partition, offset and
the reason. The other records are not affected.
"""

import asyncio
import hashlib
import logging
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from domain.records import Output
from domain.time import Micros
from read_model.documents import (
    HISTORY_INDEXES,
    INDEXES,
    KINDS,
    POISONED,
    DocumentKind,
    document_of,
    history_document_of,
    history_of,
    kind_of,
)
from read_model.mongo import Document, Mongo, MongoUnavailable

log = logging.getLogger(__name__)

POISONED_BYTES_KEPT = 64 * 1024
"""The stored part of a poisoned record's value. The stored hash is that of the whole value."""

Outcomes = Counter[tuple[str, str]]
"""The number of documents by collection and outcome: `written`, `older` or `poisoned`."""


@dataclass(frozen=True, slots=True)
class ReceivedRecord:
    """A record as it was read from an output topic."""

    kind: DocumentKind
    """The kind of the topic's records."""
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    record: Output | None
    """None if it could not be decoded."""
    reason: str = ""
    """Why it could not be decoded."""

    @property
    def place(self) -> str:
        """Its topic, partition and offset, as in the log and in `poisoned`."""
        return f"{self.topic}:{self.partition}:{self.offset}"


@dataclass(frozen=True, slots=True)
class Collections:
    """The collections that are written: the live ones, or those that a rebuild fills beside them."""

    current_suffix: str = ""
    history_suffix: str = ""
    overwrite_history: bool = False
    """Whether a version that is in the history is written again."""

    def current(self, kind: DocumentKind) -> str:
        """The collection of current documents."""
        return kind + self.current_suffix

    def history(self, kind: DocumentKind) -> str:
        """The collection of all versions."""
        return history_of(kind) + self.history_suffix


LIVE = Collections()


class ReadModelWriter:
    """Writes records. Several writers may write at the same time, even the same records.

    Args:
        mongo: the database.
        clock: microseconds since 1970; stamps the records that are put aside.
        collections: the collections.

    """

    def __init__(self, mongo: Mongo, clock: Callable[[], Micros], collections: Collections = LIVE) -> None:
        self._mongo = mongo
        self._clock = clock
        self._collections = collections

    async def prepare(self) -> None:
        """Create the indexes that do not exist.

        Raises:
            MongoUnavailable: retry.
            MongoConfigError: an existing index conflicts with one of ours.

        """
        for kind in KINDS:
            await self._mongo.ensure_indexes(self._collections.current(kind), INDEXES[kind])
            await self._mongo.ensure_indexes(self._collections.history(kind), HISTORY_INDEXES)

    async def write(self, arrived: Sequence[ReceivedRecord]) -> Outcomes:
        """Write records in any order. On return, a majority of the servers has acknowledged them.

        Raises:
            MongoUnavailable: some records may not be written; retry all.

        """
        by_kind: dict[DocumentKind, list[tuple[ReceivedRecord, Document]]] = {kind: [] for kind in KINDS}
        poisoned: dict[str, tuple[ReceivedRecord, str, str]] = {}
        for one in arrived:
            if one.record is None:
                poisoned[one.place] = (one, self._collections.current(one.kind), one.reason)
            else:
                by_kind[kind_of(one.record)].append((one, document_of(one.record)))
        outcomes: Outcomes = Counter()
        jobs = [self._write_kind(kind, pairs, outcomes, poisoned) for kind, pairs in by_kind.items() if pairs]
        # All end before an error is raised: no write may still be in progress when the same is retried.
        for ended in await asyncio.gather(*jobs, return_exceptions=True):
            if ended is not None:
                raise ended
        await self._put_aside(list(poisoned.values()), outcomes)
        return outcomes

    async def _write_kind(
        self,
        kind: DocumentKind,
        pairs: list[tuple[ReceivedRecord, Document]],
        outcomes: Outcomes,
        poisoned: dict[str, tuple[ReceivedRecord, str, str]],
    ) -> None:
        """Write the records of a kind: all versions into the history, then the newest of each key."""
        versions: dict[str, tuple[ReceivedRecord, Document]] = {}
        newest: dict[str, tuple[ReceivedRecord, Document]] = {}
        for one, document in pairs:
            version = history_document_of(document)
            versions[version["_id"]] = (one, version)
            known = newest.get(document["_id"])
            if known is None or known[1]["version"] < document["version"]:
                newest[document["_id"]] = (one, document)
        put_version = self._mongo.put if self._collections.overwrite_history else self._mongo.put_absent
        # The history first, so that a reader of a document finds its version there.
        for collection, put, written in (
            (self._collections.history(kind), put_version, list(versions.values())),
            (self._collections.current(kind), self._mongo.put_newest, list(newest.values())),
        ):
            result = await put(collection, [document for _, document in written])
            outcomes[collection, "written"] += result.written
            outcomes[collection, "older"] += result.older
            for refused in result.refused:
                one = written[refused.position][0]
                # Put aside once, though both collections refuse it; the current one, which comes last, is reported.
                poisoned[one.place] = (one, collection, refused.reason)

    async def _put_aside(self, poisoned: list[tuple[ReceivedRecord, str, str]], outcomes: Outcomes) -> None:
        if not poisoned:
            return
        result = await self._mongo.put(POISONED, [self._poisoned(one, where, why) for one, where, why in poisoned])
        for refused in result.refused:
            raise MongoUnavailable(f"the collection {POISONED} refuses a document: {refused.reason}")
        for one, where, why in poisoned:
            outcomes[where, "poisoned"] += 1
            log.error("put aside in %s, and missing in %s: %s: %s", POISONED, where, one.place, why)

    def _poisoned(self, one: ReceivedRecord, collection: str, reason: str) -> Document:
        value = one.value or b""
        return {
            "_id": one.place,
            "topic": one.topic,
            "partition": one.partition,
            "offset": one.offset,
            "collection": collection,
            "reason": reason,
            "key_base64": None if one.key is None else b64encode(one.key).decode(),
            "value_base64": b64encode(value[:POISONED_BYTES_KEPT]).decode(),
            "value_bytes": len(value),
            "value_sha256": hashlib.sha256(value).hexdigest(),
            "put_aside_at": self._clock(),
        }

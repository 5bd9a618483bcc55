"""Writes records into the read model: in bulk, in any order, repeatedly. An older version changes nothing.

A tombstone deletes the document of its key and leaves a marker, so that no older record brings it back; the history
keeps the versions that were published. A record that cannot become a document is put aside in the collection
`poisoned`, with its topic, partition, offset and the reason. The other records are not affected.
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
    RecordPlace,
    document_of,
    history_document_of,
    history_of,
    kind_of,
    marker_of,
    placed,
)
from read_model.mongo import Document, Mongo, MongoUnavailable

log = logging.getLogger(__name__)

POISONED_BYTES_KEPT = 64 * 1024
"""The stored part of a poisoned record's value. The stored hash is that of the whole value."""

Outcomes = Counter[tuple[str, str]]
"""The number of documents by collection and outcome: `written`, `older`, `deleted` or `poisoned`."""


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
    """None for a tombstone, and if it could not be decoded."""
    reason: str = ""
    """Why it could not be decoded."""

    @property
    def is_tombstone(self) -> bool:
        """Whether it says that its key is no more."""
        return self.value is None and not self.reason

    @property
    def place(self) -> RecordPlace:
        """Where it lies."""
        return RecordPlace(f"{self.topic}:{self.partition}", self.offset)

    @property
    def place_text(self) -> str:
        """Its topic, partition and offset, as in the log and in `poisoned`."""
        return f"{self.topic}:{self.partition}:{self.offset}"


_Pair = tuple[ReceivedRecord, Document]
"""A record and a document that is made of it."""


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
        by_kind: dict[DocumentKind, list[_Pair]] = {kind: [] for kind in KINDS}
        poisoned: dict[str, tuple[ReceivedRecord, str, str]] = {}
        for one in arrived:
            if one.record is not None:
                by_kind[kind_of(one.record)].append((one, document_of(one.record)))
            elif one.is_tombstone and one.key is not None:
                by_kind[one.kind].append((one, marker_of(one.key.decode(), one.place)))
            else:
                poisoned[one.place_text] = (one, self._collections.current(one.kind), one.reason)
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
        pairs: list[_Pair],
        outcomes: Outcomes,
        poisoned: dict[str, tuple[ReceivedRecord, str, str]],
    ) -> None:
        """Write the records of a kind: all versions into the history, then the newest of each key."""
        versions: dict[str, _Pair] = {}
        newest: dict[str, _Pair] = {}
        for one, document in pairs:
            if not one.is_tombstone:
                version = history_document_of(document)
                versions[version["_id"]] = (one, version)
            known = newest.get(document["_id"])
            if known is None or _is_older(known, (one, document)):
                newest[document["_id"]] = (one, document)
        put_version = self._mongo.put if self._collections.overwrite_history else self._mongo.put_absent
        history, current = self._collections.history(kind), self._collections.current(kind)
        put_newest = self._mongo.put_newest
        # The history first, so that a reader of a document finds its version there.
        for collection, put, written, outcome in (
            (history, put_version, list(versions.values()), "written"),
            (current, put_newest, [(one, placed(d, one.place)) for one, d in newest.values() if one.record], "written"),
            (current, put_newest, [pair for pair in newest.values() if pair[0].is_tombstone], "deleted"),
        ):
            if not written:
                continue
            result = await put(collection, [document for _, document in written])
            outcomes[collection, outcome] += result.written
            outcomes[collection, "older"] += result.older
            for refused in result.refused:
                one = written[refused.position][0]
                # Put aside once, though both collections refuse it; the current one, which comes last, is reported.
                poisoned[one.place_text] = (one, collection, refused.reason)

    async def _put_aside(self, poisoned: list[tuple[ReceivedRecord, str, str]], outcomes: Outcomes) -> None:
        if not poisoned:
            return
        result = await self._mongo.put(POISONED, [self._poisoned(one, where, why) for one, where, why in poisoned])
        for refused in result.refused:
            raise MongoUnavailable(f"the collection {POISONED} refuses a document: {refused.reason}")
        for one, where, why in poisoned:
            outcomes[where, "poisoned"] += 1
            log.error("put aside in %s, and missing in %s: %s: %s", POISONED, where, one.place_text, why)

    def _poisoned(self, one: ReceivedRecord, collection: str, reason: str) -> Document:
        value = one.value or b""
        return {
            "_id": one.place_text,
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


def _is_older(known: _Pair, new: _Pair) -> bool:
    """Whether a document is older than another one of its key, as `Mongo.put_newest` compares them."""
    if known[0].is_tombstone or new[0].is_tombstone:
        return known[0].place.partition != new[0].place.partition or known[0].offset < new[0].offset
    return bool(known[1]["version"] < new[1]["version"])

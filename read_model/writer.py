"""Writes records into the read model: in bulk, in any order, repeatedly. An older version changes nothing.

The documents are attributed to their properties (attribution.py), and the summaries that they are in are marked
(marks.py), before `write` returns.

A tombstone deletes the document of its key and leaves a marker, so that no older record brings it back; the history
keeps the versions that were published. A record that cannot become a document is put aside in the collection
`poisoned`, with its topic, partition, offset and the reason. The other records are not affected.
"""

import asyncio
import hashlib
import logging
from base64 import b64encode
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from domain.facts import BreakDecided
from domain.ids import parts_of_key
from domain.records import Output
from domain.time import Micros
from read_model import decisions, marks
from read_model.attribution import Attribution
from read_model.decisions import decision_document, later_than
from read_model.documents import (
    HISTORY_INDEXES,
    INDEXES,
    KINDS,
    POISONED,
    DocumentKind,
    Kind,
    RecordPlace,
    document_of,
    history_document_of,
    history_of,
    kind_of,
    marker_of,
    placed,
)
from read_model.mongo import Document, Mongo, MongoUnavailable
from read_model.shape import declare_if_new

log = logging.getLogger(__name__)

POISONED_BYTES_KEPT = 64 * 1024
"""The stored part of a poisoned record's value. The stored hash is that of the whole value."""

Outcomes = Counter[tuple[str, str]]
"""The number of documents by collection and outcome: `written`, `older`, `deleted`, `poisoned` or `invalid`."""


@dataclass(frozen=True, slots=True)
class ReceivedRecord:
    """A record as it was read from an output topic or from `decisions`."""

    kind: Kind
    """The kind of the topic's records."""
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    record: Output | BreakDecided | None
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


@dataclass(slots=True)
class _Batch:
    """What is written of some records."""

    versions: dict[DocumentKind, dict[str, _Pair]] = field(default_factory=lambda: defaultdict(dict))
    """For the histories, by `_id`."""
    newest: dict[Kind, dict[str, _Pair]] = field(default_factory=lambda: defaultdict(dict))
    """The newest of each key, markers included."""
    places: dict[tuple[Kind, str], list[RecordPlace]] = field(default_factory=lambda: defaultdict(list))
    """Of all records of a key."""
    poisoned: dict[str, tuple[ReceivedRecord, str, str]] = field(default_factory=dict)
    """By place: a record that cannot be a document, the collection that lacks it, and the reason."""
    invalid: int = 0

    def documents(self) -> dict[Kind, dict[str, Document]]:
        """The current documents, without the records."""
        return {kind: {key: document for key, (_, document) in some.items()} for kind, some in self.newest.items()}


@dataclass(frozen=True, slots=True)
class Collections:
    """The collections that are written: the live ones, or those that a rebuild fills beside them."""

    current_suffix: str = ""
    history_suffix: str = ""
    overwrite_history: bool = False
    """Whether a version that is in the history is written again."""

    def current(self, kind: Kind) -> str:
        """The collection of current documents, or of decisions."""
        return kind + self.current_suffix

    @property
    def summaries(self) -> str:
        """The collection of summaries."""
        return marks.SUMMARIES + self.current_suffix

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
        self._attribution = Attribution(mongo, collections.current)

    async def prepare(self) -> None:
        """Create the indexes that do not exist.

        Raises:
            MongoUnavailable: retry.
            MongoConfigError: an existing index conflicts with one of ours.

        """
        for kind in KINDS:
            await self._mongo.ensure_indexes(self._collections.current(kind), INDEXES[kind])
            await self._mongo.ensure_indexes(self._collections.history(kind), HISTORY_INDEXES)
        await self._mongo.ensure_indexes(self._collections.current("decisions"), decisions.INDEXES)
        await self._mongo.ensure_indexes(self._collections.summaries, marks.INDEXES)
        if self._collections is LIVE:
            await declare_if_new(self._mongo)

    async def write(self, arrived: Sequence[ReceivedRecord]) -> Outcomes:
        """Write records in any order. On return, a majority of the servers has acknowledged them.

        Raises:
            MongoUnavailable: some records may not be written; retry all.

        """
        batch = self._batch_of(arrived)
        attributed = await self._attribution.before(batch.documents(), batch.places)
        outcomes: Outcomes = Counter()
        jobs = [self._write_kind(kind, batch, outcomes) for kind in KINDS if kind in batch.newest]
        jobs.append(self._write_decisions(batch, outcomes))
        # All end before an error is raised: no write may still be in progress when the same is retried.
        for ended in await asyncio.gather(*jobs, return_exceptions=True):
            if ended is not None:
                raise ended
        groups = await self._attribution.after(attributed)
        groups["payouts"] = {parts_of_key(key)[0] for key in batch.newest.get("payouts", ())}
        marked = [(kind, of) for kind, some in groups.items() for of in some]
        if marked:
            await marks.mark(self._mongo, self._collections.summaries, marked)
        await self._put_aside(list(batch.poisoned.values()), outcomes)
        if batch.invalid:
            outcomes[self._collections.current("decisions"), "invalid"] += batch.invalid
        return outcomes

    def _batch_of(self, arrived: Sequence[ReceivedRecord]) -> _Batch:
        batch = _Batch()
        for one in arrived:
            if isinstance(one.record, BreakDecided):
                document = decision_document(one.record, one.place)
                known = batch.newest["decisions"].get(document["_id"])
                is_newest = known is None or document["order"] < known[1]["order"]
            elif one.record is not None:
                plain = document_of(one.record)
                version = history_document_of(plain)
                batch.versions[kind_of(one.record)][version["_id"]] = (one, version)
                document = placed(plain, one.place)
                is_newest = _is_newest(batch.newest[one.kind], one, document)
            elif one.kind == "decisions":
                batch.invalid += 1  # the workers make it a dead letter
                continue
            elif one.is_tombstone and one.key is not None:
                document = marker_of(one.key.decode(), one.place)
                is_newest = _is_newest(batch.newest[one.kind], one, document)
            else:
                batch.poisoned[one.place_text] = (one, self._collections.current(one.kind), one.reason)
                continue
            batch.places[one.kind, document["_id"]].append(one.place)
            if is_newest:
                batch.newest[one.kind][document["_id"]] = (one, document)
        return batch

    async def _write_kind(self, kind: DocumentKind, batch: _Batch, outcomes: Outcomes) -> None:
        """Write the records of a kind: all versions into the history, then the newest of each key."""
        newest = list(batch.newest[kind].values())
        put_version = self._mongo.put if self._collections.overwrite_history else self._mongo.put_absent
        history, current = self._collections.history(kind), self._collections.current(kind)
        put_newest = self._mongo.put_newest
        # The history first, so that a reader of a document finds its version there.
        for collection, put, written, outcome in (
            (history, put_version, list(batch.versions[kind].values()), "written"),
            (current, put_newest, [pair for pair in newest if pair[0].record is not None], "written"),
            (current, put_newest, [pair for pair in newest if pair[0].is_tombstone], "deleted"),
        ):
            if not written:
                continue
            result = await put(collection, [document for _, document in written])
            outcomes[collection, outcome] += result.written
            outcomes[collection, "older"] += result.older
            for refused in result.refused:
                one = written[refused.position][0]
                # Put aside once, though both collections refuse it; the current one, which comes last, is reported.
                batch.poisoned[one.place_text] = (one, collection, refused.reason)

    async def _write_decisions(self, batch: _Batch, outcomes: Outcomes) -> None:
        written = list(batch.newest["decisions"].values())
        if not written:
            return
        collection = self._collections.current("decisions")
        result = await self._mongo.put_newest(collection, [document for _, document in written], later_than)
        outcomes[collection, "written"] += result.written
        outcomes[collection, "older"] += result.older
        for refused in result.refused:
            one = written[refused.position][0]
            batch.poisoned[one.place_text] = (one, collection, refused.reason)

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


def _is_newest(newest: dict[str, _Pair], one: ReceivedRecord, document: Document) -> bool:
    """Whether a document is newer than the known one of its key, as `Mongo.put_newest` compares them."""
    known = newest.get(document["_id"])
    if known is None:
        return True
    if known[0].is_tombstone or one.is_tombstone:
        return known[0].place.partition != one.place.partition or known[0].offset < one.offset
    return bool(known[1]["version"] < document["version"])

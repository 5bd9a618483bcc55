"""MongoDB, as far as the read model needs it. No other module knows the driver (`encoding.py` knows BSON).

Motor is the default driver. It is at its end of life; PyMongo's own asynchronous client replaces it, has the same calls
and is one setting away (RENTMATCH_MONGO_DRIVER). Both retry a write once after a failover (`retryWrites`); the retries
over longer outages are those of read_model/retrying.py.

Documents are dicts of str, int, bool, None, lists and dicts. Whole numbers are written as int64, whatever their size,
and read as int. There are two errors.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bson import Int64
from bson import encode as bson_encode
from bson.raw_bson import RawBSONDocument
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import AsyncMongoClient, IndexModel, InsertOne, ReadPreference, ReplaceOne, UpdateOne
from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
    DuplicateKeyError,
    ExecutionTimeout,
    InvalidURI,
    OperationFailure,
    PyMongoError,
    WriteConcernError,
)
from pymongo.read_concern import ReadConcern

from read_model.encoding import RejectedDocument, encode, plain, sized
from streams.settings import Settings

Document = dict[str, Any]
Sort = Sequence[tuple[str, int]]
"""Fields and directions: 1 ascending, -1 descending."""
_Operation = ReplaceOne[Any] | InsertOne[Any] | UpdateOne

Driver = Literal["motor", "pymongo"]
_CLIENTS: Mapping[Driver, Any] = {"motor": AsyncIOMotorClient, "pymongo": AsyncMongoClient}

ANSWER_SECONDS = 5.0
"""MongoDB is unavailable if no server, or no primary, is found for this long."""

_DUPLICATE_KEY = 11000
_NAMESPACE_NOT_FOUND = 26
_INDEX_CONFLICTS = frozenset({85, 86})
_COLLECTION_REPLACED = frozenset({175, 11601, _NAMESPACE_NOT_FOUND})
"""Codes of a query whose collection was replaced while it ran."""
_OF_A_DOCUMENT = {
    2: "BadValue", 9: "FailedToParse", 22: "InvalidBSON", 121: "DocumentValidationFailure",
    10334: "BSONObjectTooLarge", 17419: "resulting document too large", 17420: "document to upsert too large",
}  # fmt: skip
"""Codes with which a server refuses a whole command because of one of its documents."""
_PASSING = {
    6: "HostUnreachable", 7: "HostNotFound", 13: "Unauthorized", 24: "LockTimeout", 46: "LockBusy",
    50: "MaxTimeMSExpired", 63: "StaleShardVersion", 64: "WriteConcernFailed", 89: "NetworkTimeout",
    91: "ShutdownInProgress", 112: "WriteConflict", 133: "FailedToSatisfyReadPreference", 189: "PrimarySteppedDown",
    262: "ExceededTimeLimit", 8000: "AtlasError", 9001: "SocketException", 10107: "NotWritablePrimary",
    11600: "InterruptedAtShutdown", 11601: "Interrupted", 11602: "InterruptedDueToReplStateChange",
    13388: "StaleConfig", 13435: "NotPrimaryNoSecondaryOk", 13436: "NotPrimaryOrSecondary", 14031: "OutOfDiskSpace",
}  # fmt: skip
"""Codes of a single write that do not concern its document."""


class MongoUnavailable(Exception):
    """MongoDB did not answer in time, or refused for a reason that does not concern the documents. Retry."""


class MongoConfigError(ValueError):
    """A URL is invalid or an index conflicts; a retry does not help. The message has the reason."""


@dataclass(slots=True)
class WriteResult:
    """The outcome of a batch: documents written, present in this or a newer version, or refused."""

    written: int = 0
    older: int = 0
    refused: list[RejectedDocument] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Index:
    """An index: its name and its fields with their directions."""

    name: str
    fields: tuple[tuple[str, int], ...]
    expires: bool = False
    """MongoDB deletes a document some time after the datetime in its only field."""


class Mongo:
    """A database. It belongs to one event loop.

    A majority of the replica set acknowledges a write, journaled. Queries prefer the primary, so that they see the
    latest writes. Without a primary they read from a secondary. They never see a write that could be rolled back.

    Args:
        url: a connection string; may contain a user and a password.
        database: the database's name.
        ca_file: PEM file of the authority that signed the server's certificate; turns TLS on.
        timeout_s: how long one operation may take in all, seconds.
        driver: the asynchronous driver.

    Raises:
        MongoConfigError: the URL is invalid.

    """

    def __init__(
        self,
        url: str,
        database: str,
        ca_file: Path | None = None,
        *,
        timeout_s: float = 60.0,
        driver: Driver = "motor",
    ) -> None:
        options: dict[str, Any] = {} if ca_file is None else {"tls": True, "tlsCAFile": str(ca_file)}
        try:
            self._client: Any = _CLIENTS[driver](
                url,
                appname="rentmatch",
                timeoutMS=int(timeout_s * 1_000),
                serverSelectionTimeoutMS=int(min(timeout_s, ANSWER_SECONDS) * 1_000),
                connectTimeoutMS=int(min(timeout_s, ANSWER_SECONDS) * 1_000),
                w="majority",
                journal=True,
                **options,
            )
        except (ConfigurationError, InvalidURI, ValueError, OSError) as error:
            raise MongoConfigError(str(error)) from None
        self._writing = self._client[database]
        self._reading = self._writing.with_options(
            read_preference=ReadPreference.PRIMARY_PREFERRED, read_concern=ReadConcern("majority")
        )

    async def close(self) -> None:
        """Close all connections."""
        closing = self._client.close()
        if closing is not None:  # Motor's is not asynchronous
            await closing

    async def ping(self) -> None:
        """Check that a server answers.

        Raises:
            MongoUnavailable: none does.

        """
        with _translated_errors():
            await self._reading.command("ping", read_preference=ReadPreference.PRIMARY_PREFERRED)

    # Reading

    async def find(
        self,
        collection: str,
        where: Document,
        *,
        sort: Sort = (),
        limit: int | None = None,
        fields: Sequence[str] | None = None,
    ) -> list[Document]:
        """The documents that match.

        Args:
            collection: the name of the collection.
            where: a filter of MongoDB.
            sort: the order.
            limit: the most documents; None for all.
            fields: the fields to return; None for all.

        Raises:
            MongoUnavailable: there is no answer in time.

        """
        if limit is not None and limit < 1:
            return []
        shown = None if fields is None else {"_id": 0, **dict.fromkeys(fields, 1)}

        async def ask() -> list[Document]:
            cursor = self._reading[collection].find(where, shown, sort=list(sort) or None, limit=limit or 0)
            return [plain(document) for document in await cursor.to_list(None)]

        with _translated_errors():
            try:
                return await ask()
            except OperationFailure as error:
                # A rebuild replaced the collection during the query: the new one has the complete answer.
                if error.code not in _COLLECTION_REPLACED:
                    raise
                return await ask()

    async def find_one(self, collection: str, key: str) -> Document | None:
        """The document with this `_id`, or None.

        Raises:
            MongoUnavailable: as `find`.

        """
        found = await self.find(collection, {"_id": key}, limit=1)
        return found[0] if found else None

    async def count(self, collection: str, where: Document, *, limit: int) -> int:
        """How many documents match; counting stops at the limit.

        Raises:
            MongoUnavailable: as `find`, or a rebuild replaced the collection meanwhile; retry.

        """
        with _translated_errors():
            # The driver's count_documents is an aggregation, which a server need not end at the limit.
            command = {"count": collection, "query": where, "limit": limit, "readConcern": {"level": "majority"}}
            told = await self._reading.command(command, read_preference=ReadPreference.PRIMARY_PREFERRED)
            return int(told["n"])

    async def collections(self) -> set[str]:
        """The names of all collections.

        Raises:
            MongoUnavailable: as `find`.

        """
        with _translated_errors():
            return set(await self._writing.list_collection_names())

    # Writing

    async def put_newest(
        self, collection: str, documents: Sequence[Document], older: Callable[[Document], Document] | None = None
    ) -> WriteResult:
        """Write each document, unless the one with its `_id` is as new or newer. Idempotent.

        Of two documents the one with the higher `version` is newer. Where one of them is a marker (`gone`), it is the
        one with the higher `offset` in the same `partition`; what comes from another partition is older. `older`, the
        filter of what a document replaces, may say otherwise.

        Raises:
            MongoUnavailable: some documents may not be written; retry all.

        """
        replaced = older or _older_than

        def replace(document: Document, raw: RawBSONDocument, upsert: bool) -> _Operation:
            return ReplaceOne(replaced(document), raw, upsert=upsert)

        result, encoded = WriteResult(), encode(documents)
        result.refused = encoded.refused
        # An upsert without a match tries to insert, and fails on the existing document: that one is newer, …
        there = await self._bulk(
            collection, {at: replace(documents[at], raw, True) for at, raw in encoded.raw.items()}, result
        )
        if there:
            # … or another writer has just inserted an older version. A replacement without upsert decides.
            before = result.written
            again = {at: replace(documents[at], encoded.raw[at], False) for at in there}
            await self._bulk(collection, again, result)
            result.older += len(there) - (result.written - before)
        return result

    async def put_absent(self, collection: str, documents: Sequence[Document]) -> WriteResult:
        """Write each document whose `_id` does not exist. Idempotent.

        Raises:
            MongoUnavailable: some documents may not be written; retry all.

        """
        result, encoded = WriteResult(), encode(documents)
        result.refused = encoded.refused
        operations = {at: InsertOne(raw) for at, raw in encoded.raw.items()}
        result.older = len(await self._bulk(collection, operations, result))
        return result

    async def put(self, collection: str, documents: Sequence[Document]) -> WriteResult:
        """Write each document, replacing the one with its `_id`. Idempotent.

        Raises:
            MongoUnavailable: some documents may not be written; retry all.

        """
        result, encoded = WriteResult(), encode(documents)
        result.refused = encoded.refused
        operations: dict[int, _Operation] = {
            at: ReplaceOne({"_id": documents[at]["_id"]}, raw, upsert=True) for at, raw in encoded.raw.items()
        }
        while operations := {at: operations[at] for at in await self._bulk(collection, operations, result)}:
            pass  # another writer inserted it between our match and our insert: now it can be replaced
        return result

    async def update(self, collection: str, where: Document, fields: Document) -> bool:
        """Set fields of a document that matches, in one step. Whether one did.

        Raises:
            MongoUnavailable: the outcome is unknown; retry.

        """
        with _translated_errors():
            done = await self._writing[collection].update_one(where, {"$set": sized(fields)})
            return bool(done.matched_count)

    async def update_each(
        self, collection: str, updates: Sequence[tuple[Document, Document]], *, upsert: bool = False
    ) -> None:
        """For each filter, which names an `_id`, set fields of the document that matches; with `upsert` make it.

        Raises:
            MongoUnavailable: some documents may not be updated; retry all.

        """
        result = WriteResult()
        operations: dict[int, _Operation] = {
            at: UpdateOne(where, {"$set": sized(fields)}, upsert=upsert) for at, (where, fields) in enumerate(updates)
        }
        while operations := {at: operations[at] for at in await self._bulk(collection, operations, result)}:
            pass  # another writer has just inserted it: now it can be updated
        for refused in result.refused:
            raise MongoUnavailable(f"{collection} refuses an update: {refused.reason}")

    async def delete(self, collection: str, where: Document) -> None:
        """Delete the documents that match.

        Raises:
            MongoUnavailable: the outcome is unknown; retry.

        """
        with _translated_errors():
            await self._writing[collection].delete_many(where)

    async def acquire_lease(self, collection: str, document: Document, free: Document) -> bool:
        """Write a lease, unless another owner's unexpired one exists. Whether it was acquired.

        Args:
            collection: the name of the collection.
            document: the lease; its `_id` names what it is for.
            free: matches a lease that may be replaced.


        Raises:
            MongoUnavailable: the outcome is unknown; retry.

        """
        with _translated_errors():
            try:
                await self._writing[collection].replace_one(
                    {"_id": document["_id"], **free}, RawBSONDocument(bson_encode(sized(document))), upsert=True
                )
            except DuplicateKeyError:
                return False
        return True

    async def _bulk(self, collection: str, operations: Mapping[int, _Operation], result: WriteResult) -> list[int]:
        """Execute operations in any order and count them in `result`. Returns those whose `_id` existed already."""
        if not operations:
            return []
        positions = list(operations)
        with _translated_errors():
            try:
                done = await self._writing[collection].bulk_write(list(operations.values()), ordered=False)
                reply: Mapping[str, Any] = done.bulk_api_result
            except BulkWriteError as error:
                reply = error.details or {}
            except OperationFailure as error:
                if error.code not in _OF_A_DOCUMENT:
                    raise
                return await self._bisect(collection, operations, result, error)
        for concern in reply["writeConcernErrors"]:
            raise MongoUnavailable(f"the write concern was not met: {concern.get('errmsg')}")
        taken, refused = [], []
        for failed in reply["writeErrors"]:
            position, reason = positions[failed["index"]], f"{failed.get('errmsg')} (code {failed['code']})"
            if failed["code"] in _PASSING:
                raise MongoUnavailable(reason)
            if failed["code"] == _DUPLICATE_KEY:
                taken.append(position)
            else:
                refused.append(RejectedDocument(position, reason))
        result.refused += refused
        result.written += reply["nInserted"] + reply["nUpserted"] + reply["nMatched"]
        return taken

    async def _bisect(
        self, collection: str, operations: Mapping[int, _Operation], result: WriteResult, error: OperationFailure
    ) -> list[int]:
        """Find the operations that make a server refuse a command, by executing halves of it."""
        positions = list(operations)
        if len(positions) == 1:
            result.refused.append(RejectedDocument(positions[0], _reason(error)))
            return []
        half = len(positions) // 2
        taken = []
        for part in (positions[:half], positions[half:]):
            taken += await self._bulk(collection, {at: operations[at] for at in part}, result)
        return taken

    # Collections

    async def ensure_indexes(self, collection: str, indexes: Iterable[Index]) -> None:
        """Create the indexes that do not exist.

        Raises:
            MongoUnavailable: the outcome is unknown; retry.
            MongoConfigError: another index has the same name or the same fields.

        """
        models = [
            IndexModel(list(index.fields), name=index.name, **({"expireAfterSeconds": 0} if index.expires else {}))
            for index in indexes
        ]
        with _translated_errors():
            try:
                await self._writing[collection].create_indexes(models)
            except OperationFailure as error:
                if error.code not in _INDEX_CONFLICTS:
                    raise
                raise MongoConfigError(f"{collection} has a conflicting index: {_reason(error)}") from None

    async def drop(self, collection: str) -> None:
        """Drop a collection, if it exists.

        Raises:
            MongoUnavailable: the outcome is unknown; retry.

        """
        with _translated_errors():
            await self._writing[collection].drop()

    async def replace_collection(self, fresh: str, live: str) -> None:
        """Replace a collection by another with its indexes, in one step for every reader. Idempotent.

        Raises:
            MongoUnavailable: the outcome is unknown; retry.

        """
        with _translated_errors():
            try:
                await self._writing[fresh].rename(live, dropTarget=True)
            except OperationFailure as error:
                if error.code != _NAMESPACE_NOT_FOUND:
                    raise


def _older_than(document: Document) -> Document:
    """Matches the stored document that this one replaces: the one with its `_id`, if that is older."""
    place = document.get("partition", ""), Int64(document.get("offset", 0))
    before = [{"partition": {"$ne": place[0]}}, {"offset": {"$lt": place[1]}}]
    if document.get("gone"):
        # A document of an earlier version has no place.
        return {"_id": document["_id"], "$and": [{"$or": [{"partition": {"$exists": False}}, *before]}]}
    # A single `$or` would do, but for the test server, which forgets its brackets.
    newer = {"_id": document["_id"], "version": {"$lt": Int64(document["version"])}}
    return {**newer, "$and": [{"$or": [{"gone": {"$exists": False}}, *before]}]}


def connect(settings: Settings, timeout_s: float) -> Mongo | None:
    """A client for the settings, which connects at the first operation; None where RENTMATCH_MONGO_URL is not set.

    Raises:
        MongoConfigError: the URL or the CA file is invalid.

    """
    if settings.mongo_url is None:
        return None
    url = settings.mongo_url.get_secret_value()
    return Mongo(
        url, settings.mongo_database, settings.mongo_ca_file, timeout_s=timeout_s, driver=settings.mongo_driver
    )


@contextmanager
def _translated_errors() -> Iterator[None]:
    """Translate any driver error raised in this block into MongoUnavailable, unless the block handles it.

    Raises:
        MongoUnavailable: the driver raised an error.

    """
    try:
        yield
    except PyMongoError as error:
        raise MongoUnavailable(_reason(error)) from error


def _reason(error: PyMongoError) -> str:
    """A line for logs and health. The driver's own text lists the whole topology, but no password."""
    text = str(error).partition(", Timeout:")[0].partition(", full error:")[0]
    if isinstance(error, ExecutionTimeout):
        text = f"timeout: {text}"
    if isinstance(error, WriteConcernError):
        text = f"the write concern was not met: {text}"
    return " ".join(text.split())[:500] or type(error).__name__

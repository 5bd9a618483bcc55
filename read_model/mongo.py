"""MongoDB, as far as the read model needs it. No other module knows the driver.

Motor is the default driver. It is at its end of life; PyMongo's own asynchronous client replaces it, has the same calls
and is one setting away (RENTMATCH_MONGO_DRIVER). Both retry a write once after a failover (`retryWrites`); the retries
over longer outages are those of read_model/retrying.py.

Documents are dicts of str, int, bool, None, lists and dicts. Whole numbers are written as int64, whatever their size,
and read as int. There are two errors.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from bson import Int64
from bson import encode as bson_encode
from bson.errors import InvalidDocument
from bson.raw_bson import RawBSONDocument
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import AsyncMongoClient, IndexModel, InsertOne, ReadPreference, ReplaceOne
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

from streams.settings import Settings

Document = dict[str, Any]
Sort = Sequence[tuple[str, int]]
"""Fields and directions: 1 rising, -1 falling."""
_Operation = ReplaceOne[Any] | InsertOne[Any]

Driver = Literal["motor", "pymongo"]
_CLIENTS: Mapping[Driver, Any] = {"motor": AsyncIOMotorClient, "pymongo": AsyncMongoClient}

DOCUMENT_BYTES_MAX = 16 * 1024 * 1024
"""MongoDB takes no larger document."""
ANSWER_SECONDS = 5.0
"""How long no server, or no primary, may be found before we say that MongoDB is away."""

_DUPLICATE_KEY = 11000
_NAMESPACE_NOT_FOUND = 26
_INDEX_CONFLICTS = frozenset({85, 86})
_COLLECTION_REPLACED = frozenset({175, 11601, _NAMESPACE_NOT_FOUND})
"""Codes with which a query ends whose collection was renamed away while it ran."""
_OF_A_DOCUMENT = {
    2: "BadValue", 9: "FailedToParse", 22: "InvalidBSON", 121: "DocumentValidationFailure",
    10334: "BSONObjectTooLarge", 17419: "resulting document too large", 17420: "document to upsert too large",
}  # fmt: skip
"""Codes with which a server may refuse a whole command because of what one of its documents holds."""
_PASSING = {
    6: "HostUnreachable", 7: "HostNotFound", 13: "Unauthorized", 24: "LockTimeout", 46: "LockBusy",
    50: "MaxTimeMSExpired", 63: "StaleShardVersion", 64: "WriteConcernFailed", 89: "NetworkTimeout",
    91: "ShutdownInProgress", 112: "WriteConflict", 133: "FailedToSatisfyReadPreference", 189: "PrimarySteppedDown",
    262: "ExceededTimeLimit", 8000: "AtlasError", 9001: "SocketException", 10107: "NotWritablePrimary",
    11600: "InterruptedAtShutdown", 11601: "Interrupted", 11602: "InterruptedDueToReplStateChange",
    13388: "StaleConfig", 13435: "NotPrimaryNoSecondaryOk", 13436: "NotPrimaryOrSecondary", 14031: "OutOfDiskSpace",
}  # fmt: skip
"""Codes of a single write that say nothing about its document."""


class MongoUnavailable(Exception):
    """MongoDB did not do it in time, or refuses for a reason that lies outside of the documents. To be tried again."""


class MongoConfigError(ValueError):
    """MongoDB cannot be used like this whatever time passes: a URL or an index that cannot be. The message says why."""


class RejectedDocument(NamedTuple):
    """A document that MongoDB does not take, by its place among those given, and why."""

    place: int
    reason: str


@dataclass(slots=True)
class WriteResult:
    """What became of documents: written, there in this or a newer version, or refused."""

    written: int = 0
    older: int = 0
    refused: list[RejectedDocument] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Index:
    """An index: its name and its fields with their directions."""

    name: str
    fields: tuple[tuple[str, int], ...]


class Mongo:
    """One database. To be used by one event loop.

    Writes are acknowledged by a majority of the replica set, journaled. Queries prefer the primary, so that they see
    what was just written, take a secondary while there is none, and see nothing that could be rolled back.

    Args:
        url: a connection string; may hold a user and a password.
        database: the database's name.
        ca_file: PEM file of the authority that signed the server's certificate; turns TLS on.
        timeout_s: how long one operation may take in all, seconds.
        driver: the asynchronous driver.

    Raises:
        MongoConfigError: the URL cannot be one.

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
        """See that a server answers.

        Raises:
            MongoUnavailable: none does.

        """
        with _asking():
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
        """The documents that fit.

        Args:
            collection: its name.
            where: a filter of MongoDB's.
            sort: in which order.
            limit: how many at most; None: all.
            fields: only these, where given.

        Raises:
            MongoUnavailable: it cannot be answered in time.

        """
        if limit is not None and limit < 1:
            return []
        shown = None if fields is None else {"_id": 0, **dict.fromkeys(fields, 1)}

        async def ask() -> list[Document]:
            cursor = self._reading[collection].find(where, shown, sort=list(sort) or None, limit=limit or 0)
            return [_plain(document) for document in await cursor.to_list(None)]

        with _asking():
            try:
                return await ask()
            except OperationFailure as error:
                # A rebuilt collection took its place in the middle of the answer: the new one has the whole answer.
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

    async def collections(self) -> set[str]:
        """The names of all collections.

        Raises:
            MongoUnavailable: as `find`.

        """
        with _asking():
            return set(await self._writing.list_collection_names())

    # Writing

    async def put_newest(self, collection: str, documents: Sequence[Document]) -> WriteResult:
        """Write each document, unless the one of its `_id` has the same or a higher `version`. May be repeated.

        Raises:
            MongoUnavailable: not all of it is known to be written; do it again.

        """

        def replace(document: Document, raw: RawBSONDocument, upsert: bool) -> _Operation:
            older = {"_id": document["_id"], "version": {"$lt": Int64(document["version"])}}
            return ReplaceOne(older, raw, upsert=upsert)

        result, encoded = WriteResult(), _encode(documents)
        result.refused = encoded.refused
        # An upsert whose filter does not match inserts, and hits the document that is there: that one is newer, …
        there = await self._bulk(
            collection, {at: replace(documents[at], raw, True) for at, raw in encoded.raw.items()}, result
        )
        if there:
            # … or was put there this moment by another writer, in an older version. Without the upsert it is decided.
            before = result.written
            again = {at: replace(documents[at], encoded.raw[at], False) for at in there}
            await self._bulk(collection, again, result)
            result.older += len(there) - (result.written - before)
        return result

    async def put_absent(self, collection: str, documents: Sequence[Document]) -> WriteResult:
        """Write each document whose `_id` is not there yet. May be repeated.

        Raises:
            MongoUnavailable: not all of it is known to be written; do it again.

        """
        result, encoded = WriteResult(), _encode(documents)
        result.refused = encoded.refused
        operations = {at: InsertOne(raw) for at, raw in encoded.raw.items()}
        result.older = len(await self._bulk(collection, operations, result))
        return result

    async def put(self, collection: str, documents: Sequence[Document]) -> WriteResult:
        """Write each document in place of the one of its `_id`. May be repeated.

        Raises:
            MongoUnavailable: not all of it is known to be written; do it again.

        """
        result, encoded = WriteResult(), _encode(documents)
        result.refused = encoded.refused
        operations: dict[int, _Operation] = {
            at: ReplaceOne({"_id": documents[at]["_id"]}, raw, upsert=True) for at, raw in encoded.raw.items()
        }
        while operations := {at: operations[at] for at in await self._bulk(collection, operations, result)}:
            pass  # another writer inserted it between our look and our insert: now it is there to be replaced
        return result

    async def delete(self, collection: str, where: Document) -> None:
        """Delete the documents that fit.

        Raises:
            MongoUnavailable: it is not known to be done; do it again.

        """
        with _asking():
            await self._writing[collection].delete_many(where)

    async def acquire_lease(self, collection: str, document: Document, free: Document) -> bool:
        """Put a document where none with its `_id` is, or in place of one that fits `free`. False: it is another's.

        Raises:
            MongoUnavailable: it is not known to be done; do it again.

        """
        with _asking():
            try:
                await self._writing[collection].replace_one(
                    {"_id": document["_id"], **free}, RawBSONDocument(bson_encode(_sized(document))), upsert=True
                )
            except DuplicateKeyError:
                return False
        return True

    async def _bulk(self, collection: str, operations: Mapping[int, _Operation], result: WriteResult) -> list[int]:
        """Do operations in any order, counting into `result`; gives those that found their `_id` taken."""
        if not operations:
            return []
        places = list(operations)
        with _asking():
            try:
                done = await self._writing[collection].bulk_write(list(operations.values()), ordered=False)
                told: Mapping[str, Any] = done.bulk_api_result
            except BulkWriteError as error:
                told = error.details or {}
            except OperationFailure as error:
                if error.code not in _OF_A_DOCUMENT:
                    raise
                return await self._bisect(collection, operations, result, error)
        for concern in told["writeConcernErrors"]:
            raise MongoUnavailable(f"the write concern was not met: {concern.get('errmsg')}")
        taken, refused = [], []
        for failed in told["writeErrors"]:
            place, reason = places[failed["index"]], f"{failed.get('errmsg')} (code {failed['code']})"
            if failed["code"] in _PASSING:
                raise MongoUnavailable(reason)
            if failed["code"] == _DUPLICATE_KEY:
                taken.append(place)
            else:
                refused.append(RejectedDocument(place, reason))
        result.refused += refused
        result.written += told["nInserted"] + told["nUpserted"] + told["nMatched"]
        return taken

    async def _bisect(
        self, collection: str, operations: Mapping[int, _Operation], result: WriteResult, error: OperationFailure
    ) -> list[int]:
        """Find the operations for whose sake a server refuses a command, by doing ever smaller parts of it."""
        places = list(operations)
        if len(places) == 1:
            result.refused.append(RejectedDocument(places[0], _reason(error)))
            return []
        half = len(places) // 2
        taken = []
        for part in (places[:half], places[half:]):
            taken += await self._bulk(collection, {at: operations[at] for at in part}, result)
        return taken

    # Collections

    async def ensure_indexes(self, collection: str, indexes: Iterable[Index]) -> None:
        """Create what is not there.

        Raises:
            MongoUnavailable: it is not known to be done; do it again.
            MongoConfigError: an index of the same name or fields is there and is another.

        """
        models = [IndexModel(list(index.fields), name=index.name) for index in indexes]
        with _asking():
            try:
                await self._writing[collection].create_indexes(models)
            except OperationFailure as error:
                if error.code not in _INDEX_CONFLICTS:
                    raise
                raise MongoConfigError(f"{collection} has an index that is in the way: {_reason(error)}") from None

    async def drop(self, collection: str) -> None:
        """Drop a collection; one that is not there is no error.

        Raises:
            MongoUnavailable: it is not known to be done; do it again.

        """
        with _asking():
            await self._writing[collection].drop()

    async def replace_collection(self, fresh: str, live: str) -> None:
        """Put a collection, with its indexes, in the place of another, in one step for every reader.

        Doing it again after it was done changes nothing.

        Raises:
            MongoUnavailable: it is not known to be done; do it again.

        """
        with _asking():
            try:
                await self._writing[fresh].rename(live, dropTarget=True)
            except OperationFailure as error:
                if error.code != _NAMESPACE_NOT_FOUND:
                    raise


class _Encoded(NamedTuple):
    raw: dict[int, RawBSONDocument]
    refused: list[RejectedDocument]


def _encode(documents: Sequence[Document]) -> _Encoded:
    """Documents as bytes, by their places. What cannot be a document is found here, before it could spoil a bulk."""
    encoded = _Encoded({}, [])
    for at, document in enumerate(documents):
        try:
            raw = bson_encode(_sized(document), check_keys=True)
        except (InvalidDocument, OverflowError) as error:
            encoded.refused.append(RejectedDocument(at, str(error)))
            continue
        if len(raw) > DOCUMENT_BYTES_MAX:
            encoded.refused.append(
                RejectedDocument(at, f"{len(raw)} bytes; MongoDB takes no document of more than {DOCUMENT_BYTES_MAX}")
            )
            continue
        encoded.raw[at] = RawBSONDocument(raw)
    return encoded


def _sized(value: Any) -> Any:
    """Whole numbers as int64: the driver would write a small one as int32, and the type would hang on the amount."""
    kind = type(value)
    if kind is int:
        return Int64(value)
    if kind is dict:
        return {name: _sized(part) for name, part in value.items()}
    if kind is list:
        return [_sized(part) for part in value]
    return value


def _plain(value: Any) -> Any:
    kind = type(value)
    if kind is Int64:
        return int(value)
    if kind is dict:
        return {name: _plain(part) for name, part in value.items()}
    if kind is list:
        return [_plain(part) for part in value]
    return value


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
def _asking() -> Iterator[None]:
    """What the driver cannot do in here is that MongoDB is not available, unless it is told apart inside.

    Raises:
        MongoUnavailable: whatever else the driver raised.

    """
    try:
        yield
    except PyMongoError as error:
        raise MongoUnavailable(_reason(error)) from error


def _reason(error: PyMongoError) -> str:
    """A line for logs and health. The driver's own texts list the whole topology, and never the password."""
    text = str(error).partition(", Timeout:")[0].partition(", full error:")[0]
    if isinstance(error, ExecutionTimeout):
        text = f"not done in time: {text}"
    if isinstance(error, WriteConcernError):
        text = f"the write concern was not met: {text}"
    return " ".join(text.split())[:500] or type(error).__name__

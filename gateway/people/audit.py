"""The audit log: every sign-in, decision, export and refusal, in the order in which they happened.

The collection `gateway_audit` of the read model's MongoDB holds one document an entry, numbered without gaps. Each
entry has a SHA-256 hash over its own content and the hash before it. So an entry that is changed or removed later,
other than the last ones, no longer fits the entries after it (`broken_link`). Several gateways append to one chain: the
number is the document's `_id`, so only one of two that append at the same moment gets it, and the other takes the next.
"""

import asyncio
import hashlib
import json
import logging
from collections.abc import Callable, Iterable
from typing import NamedTuple

from domain.time import Micros
from read_model.mongo import Document, Index, Mongo, MongoUnavailable

log = logging.getLogger(__name__)

COLLECTION = "gateway_audit"
INDEXES = (Index("number", (("number", -1),)), Index("actor", (("actor", 1), ("number", -1))))
FIRST_HASH = "0" * 64
"""The hash before the first entry."""
_NEWEST = (("number", -1),)  # not `_id`, by which the tests' server sorts as text
WAITING_MAX = 10_000
"""Entries that wait in memory for MongoDB. Beyond it the gateway answers no request that needs an entry."""
TEXT_MAX = 2_000
"""Characters of a field; longer ones are cut."""


class AuditUnavailable(Exception):
    """Entries wait for MongoDB, so nothing may be done now that needs an entry. The message is for people."""


class AuditRecord(NamedTuple):
    """An entry."""

    number: int
    """Counts from 1 without gaps."""
    at: Micros
    """Microseconds since 1970, by the clock of the gateway."""
    actor: str
    """The viewer's name; empty where nobody is known, as for a failed sign-in."""
    action: str
    """What was asked for: `sign_in`, `decide.accept`, `export.breaks`, …"""
    outcome: str
    """`done`, or `refused.` and the kind of the refusal."""
    about: str
    """Ids of records, comma-separated; no ids of people."""
    reason: str
    """What the person gave as the reason, or why it was refused."""
    hash: str
    """SHA-256 of this entry and the hash before it, hexadecimal."""


def hash_of(before: str, entry: AuditRecord) -> str:
    """The hash of an entry after the one with the hash `before`."""
    content = [before, entry.number, entry.at, entry.actor, entry.action, entry.outcome, entry.about, entry.reason]
    return hashlib.sha256(json.dumps(content, ensure_ascii=True, separators=(",", ":")).encode()).hexdigest()


def broken_link(entries: Iterable[AuditRecord], before: str = FIRST_HASH) -> int | None:
    """The number of the first entry that does not fit the one before it; None if all fit.

    Args:
        entries: consecutive entries in order.
        before: the hash before the first of them.

    """
    expected: int | None = None
    for entry in entries:
        if expected not in (None, entry.number) or hash_of(before, entry) != entry.hash:
            return entry.number
        before, expected = entry.hash, entry.number + 1
    return None


class AuditLog:
    """Appends to the audit log, and reads it.

    Args:
        mongo: the read model's MongoDB.
        clock: the time, microseconds since 1970.

    """

    def __init__(self, mongo: Mongo, clock: Callable[[], Micros]) -> None:
        self._mongo = mongo
        self._clock = clock
        self._appending = asyncio.Lock()
        self._waiting: list[AuditRecord] = []
        self._last: AuditRecord | None = None
        self._in_doubt: AuditRecord | None = None
        """An entry whose write was not answered."""

    @property
    def waiting(self) -> int:
        """Entries that MongoDB does not have yet."""
        return len(self._waiting)

    async def check(self) -> None:
        """Check, before something is done that needs an entry, that the log can be written.

        Raises:
            AuditUnavailable: entries wait for MongoDB; nothing may be done.

        """
        await self._write()
        if self._waiting:
            raise AuditUnavailable("the audit log cannot be written now, so nothing was done; try again in a moment")

    async def record(self, *, actor: str, action: str, outcome: str, about: str = "", reason: str = "") -> None:
        """Append an entry. While MongoDB is unavailable it waits in memory, and `check` refuses what comes next.

        Args:
            actor: the viewer's name; empty where nobody is known.
            action: what was asked for, as in `decide.accept`.
            outcome: `done`, or `refused.` and the kind of the refusal.
            about: ids of records, comma-separated; no ids of people.
            reason: what the person gave as the reason, or why it was refused.

        """
        # Half of a surrogate pair can come out of JSON and cannot be stored.
        who, what, became, ids, why = (
            text[:TEXT_MAX].encode(errors="replace").decode() for text in (actor, action, outcome, about, reason)
        )
        if len(self._waiting) >= WAITING_MAX:
            log.error("an entry of the audit log is lost: %d wait for MongoDB already", WAITING_MAX)
            return
        self._waiting.append(AuditRecord(0, self._clock(), who, what, became, ids, why, ""))
        await self._write()

    async def entries(self, where: Document, *, before: int | None = None, limit: int) -> list[AuditRecord]:
        """The newest entries that match, the newest first.

        Args:
            where: a filter of MongoDB over the fields of AuditRecord.
            before: only entries with a lower number.
            limit: the most entries.

        Raises:
            MongoUnavailable: there is no answer in time.

        """
        query = where if before is None else {**where, "number": {"$lt": before}}
        return [_entry(found) for found in await self._mongo.find(COLLECTION, query, sort=_NEWEST, limit=limit)]

    async def in_order(self, after: int, *, limit: int) -> list[AuditRecord]:
        """The entries after a number, in order.

        Raises:
            MongoUnavailable: there is no answer in time.

        """
        found = await self._mongo.find(COLLECTION, {"number": {"$gt": after}}, sort=[("number", 1)], limit=limit)
        return [_entry(one) for one in found]

    async def _write(self) -> None:
        """Write the waiting entries in order; those that cannot be written stay."""
        async with self._appending:
            try:
                while self._waiting:
                    await self._append(self._waiting[0])
                    del self._waiting[0]
            except MongoUnavailable as error:
                log.warning("%d entries of the audit log wait for MongoDB: %s", len(self._waiting), error)

    async def _append(self, entry: AuditRecord) -> None:
        if self._in_doubt is not None:
            found = await self._mongo.find(COLLECTION, {"_id": self._in_doubt.number}, limit=1)
            was_written = bool(found) and found[0]["hash"] == self._in_doubt.hash
            self._in_doubt = None
            if was_written:
                return
        while True:
            if self._last is None:
                newest = await self._mongo.find(COLLECTION, {}, sort=_NEWEST, limit=1)
                self._last = _entry(newest[0]) if newest else AuditRecord(0, 0, "", "", "", "", "", FIRST_HASH)
            numbered = entry._replace(number=self._last.number + 1)
            numbered = numbered._replace(hash=hash_of(self._last.hash, numbered))
            self._last, self._in_doubt = None, numbered
            result = await self._mongo.put_absent(COLLECTION, [_document(numbered)])
            self._in_doubt = None
            if result.refused:
                raise RuntimeError(f"MongoDB refuses an entry of the audit log: {result.refused[0].reason}")
            if result.written:
                self._last = numbered
                return
            log.debug("another gateway has written entry %d", numbered.number)


def _document(entry: AuditRecord) -> Document:
    return {"_id": entry.number, **entry._asdict()}


def _entry(document: Document) -> AuditRecord:
    return AuditRecord(**{name: document[name] for name in AuditRecord._fields})

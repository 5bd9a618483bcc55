"""Sessions of signed-in people.

The browser has a random id in a cookie that scripts cannot read. MongoDB has only the id's SHA-256 hash (collection
`gateway_sessions`), so whoever reads the database cannot act as anybody. Every gateway knows every session, and a
session that was ended is ended everywhere at once.
"""

import hashlib
import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from domain.time import HOUR, MINUTE, SECOND, Micros
from gateway.people.viewer import Role, Viewer
from read_model.mongo import Document, Index, Mongo

COLLECTION = "gateway_sessions"
INDEXES = (Index("expiry", (("expires", 1),), expires=True),)

ID_BYTES = 32
_ID = re.compile(r"[A-Za-z0-9_-]{43}")
"""An id: 256 bits in URL-safe base64."""
TOUCH_EVERY: Micros = MINUTE
"""The last use is stored at most this often."""


def hash_of_secret(secret: str) -> str:
    """What is stored of a secret: its SHA-256 hash. It has 256 random bits, so it needs no salt."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


class Identity(NamedTuple):
    """A person as the sign-in knows it."""

    name: str
    role: Role
    properties: frozenset[str] | None
    """The ids of the properties in scope; None for all."""


class StartedSession(NamedTuple):
    """A session that has just begun."""

    secret: str
    """The id for the cookie, which nothing else has."""
    ends_at: Micros
    """When it ends in any case."""


class Sessions:
    """All sessions.

    Args:
        mongo: where they are.
        clock: the time, microseconds since 1970.
        idle: a session ends when it was not used for this long, microseconds.
        longest: a session ends after this long in any case, microseconds.

    """

    def __init__(
        self, mongo: Mongo, clock: Callable[[], Micros], *, idle: Micros = 30 * MINUTE, longest: Micros = 12 * HOUR
    ) -> None:
        self._mongo = mongo
        self._clock = clock
        self._idle = idle
        self._longest = longest

    async def begin(self, identity: Identity) -> StartedSession:
        """Begin a session; each sign-in has an id of its own.

        Raises:
            MongoUnavailable: it could not be stored.

        """
        secret = secrets.token_urlsafe(ID_BYTES)
        now = self._clock()
        ends_at = now + self._longest
        await self._mongo.put(
            COLLECTION,
            [
                {
                    "_id": hash_of_secret(secret),
                    "name": identity.name,
                    "role": identity.role.value,
                    "properties": None if identity.properties is None else sorted(identity.properties),
                    "began_at": now,
                    "used_at": now,
                    "ends_at": ends_at,
                    "expires": datetime.fromtimestamp(ends_at / SECOND, UTC),
                }
            ],
        )
        return StartedSession(secret, ends_at)

    async def viewer(self, secret: str) -> Viewer | None:
        """The person of a session; None if there is no such session, or it has ended.

        Raises:
            MongoUnavailable: it cannot be found out now.

        """
        if _ID.fullmatch(secret) is None:
            return None
        id_hash = hash_of_secret(secret)
        found = await self._mongo.find_one(COLLECTION, id_hash)
        now = self._clock()
        if found is None or now >= min(found["ends_at"], found["used_at"] + self._idle):
            return None
        if now - found["used_at"] >= min(TOUCH_EVERY, self._idle // 4):
            # Only if it is still there: a session that is ended meanwhile stays ended.
            await self._mongo.update(COLLECTION, {"_id": id_hash}, {"used_at": now})
        return _viewer(found)

    async def is_open(self, id_hash: str) -> bool:
        """Whether a session has not ended. Asking is no use of it.

        Raises:
            MongoUnavailable: it cannot be found out now.

        """
        found = await self._mongo.find_one(COLLECTION, id_hash)
        return found is not None and self._clock() < min(found["ends_at"], found["used_at"] + self._idle)

    async def end(self, id_hash: str) -> bool:
        """End a session; whether there was one.

        Raises:
            MongoUnavailable: it may still be there.

        """
        found = await self._mongo.find_one(COLLECTION, id_hash)
        await self._mongo.delete(COLLECTION, {"_id": id_hash})
        return found is not None

    async def end_all_of(self, name: str) -> int:
        """End all sessions of a person; how many there were.

        Raises:
            MongoUnavailable: some may still be there.

        """
        found = await self._mongo.find(COLLECTION, {"name": name}, fields=["name"])
        await self._mongo.delete(COLLECTION, {"name": name})
        return len(found)


def _viewer(found: Document) -> Viewer:
    properties = found["properties"]
    return Viewer(
        name=found["name"],
        role=Role(found["role"]),
        properties=None if properties is None else frozenset(properties),
        session_id_hash=found["_id"],
        expires_at=found["ends_at"],
    )

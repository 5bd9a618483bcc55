"""API tokens of programs: `rmt_<id>_<secret>`.

The id is no secret: it names the token in lists and in the audit log. MongoDB has the SHA-256 hash of the secret only
(collection `gateway_tokens`). Role and properties are fixed when a token is made. A token acts for a program, so it
never accepts a difference or approves: two pairs of eyes are people's. That also keeps a person from being the second
person with a token of their own.
"""

import hmac
import re
import secrets
from collections.abc import Callable, Collection
from typing import NamedTuple

from domain.time import DAY, Micros
from gateway.people.sessions import hash_of_secret
from gateway.people.viewer import Role, Viewer
from read_model.mongo import Document, Mongo

COLLECTION = "gateway_tokens"

PREFIX = "rmt"
PROGRAMS = "token:"
"""Begins the name of each program, and of no person."""
_TOKEN = re.compile(rf"{PREFIX}_([0-9a-f]{{16}})_([A-Za-z0-9_-]{{43}})")
LONGEST: Micros = 366 * DAY
"""A token ends after this long at the latest."""
ROLES = (Role.VIEWER, Role.OPERATOR)
"""The roles that a token may have."""
NAME_MAX = 100
PROPERTIES_MAX = 1_000
ID_MAX = 512


class TokenRefused(ValueError):
    """A token like this is not made; the message says why."""


class StoredToken(NamedTuple):
    """A token, without its secret."""

    token_id: str
    name: str
    role: Role
    properties: frozenset[str] | None
    """The ids of the properties in scope; None for all."""
    free_queries: bool
    """GraphQL documents of its own are answered."""
    created_at: Micros
    created_by: str
    expires_at: Micros
    used_on: Micros | None
    """The day of the last use: its first instant."""
    revoked_at: Micros | None


class CreatedToken(NamedTuple):
    """A token that has just been made, with what is shown once."""

    stored: StoredToken
    secret: str
    """The whole token, as a program sends it."""


class Tokens:
    """All API tokens.

    Args:
        mongo: where they are.
        clock: the time, microseconds since 1970.

    """

    def __init__(self, mongo: Mongo, clock: Callable[[], Micros]) -> None:
        self._mongo = mongo
        self._clock = clock

    async def create(
        self,
        *,
        name: str,
        role: Role,
        properties: Collection[str] | None,
        free_queries: bool,
        expires_at: Micros,
        created_by: str,
    ) -> CreatedToken:
        """Make a token.

        Raises:
            TokenRefused: it may not be like this.
            MongoUnavailable: it could not be stored.

        """
        now = self._clock()
        _check(name, role, properties, expires_at - now)
        token_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
        stored = StoredToken(
            token_id=token_id,
            name=name,
            role=role,
            properties=None if properties is None else frozenset(properties),
            free_queries=free_queries,
            created_at=now,
            created_by=created_by,
            expires_at=expires_at,
            used_on=None,
            revoked_at=None,
        )
        await self._mongo.put(COLLECTION, [_document(stored, hash_of_secret(secret))])
        return CreatedToken(stored, f"{PREFIX}_{token_id}_{secret}")

    async def viewer(self, token: str) -> Viewer | None:
        """The program of a token; None if there is no such token, or it is expired or revoked.

        Raises:
            MongoUnavailable: it cannot be found out now.

        """
        parts = _TOKEN.fullmatch(token)
        if parts is None:
            return None
        found = await self._mongo.find_one(COLLECTION, parts[1])
        # Compared even if there is no such id, so that the time does not tell.
        known = "" if found is None else str(found["secret_hash"])
        fits = hmac.compare_digest(hash_of_secret(parts[2]), known)
        now = self._clock()
        if found is None or not fits or found["revoked_at"] is not None or now >= found["expires_at"]:
            return None
        today = now // DAY * DAY
        if found["used_on"] != today:
            await self._mongo.update(COLLECTION, {"_id": found["_id"]}, {"used_on": today})
        stored = _stored(found)
        return Viewer(
            name=PROGRAMS + stored.name,
            role=stored.role,
            properties=stored.properties,
            may_query_freely=stored.free_queries,
            token_id=stored.token_id,
            expires_at=stored.expires_at,
        )

    async def is_valid(self, token_id: str) -> bool:
        """Whether a token is neither expired nor revoked.

        Raises:
            MongoUnavailable: it cannot be found out now.

        """
        found = await self._mongo.find_one(COLLECTION, token_id)
        return found is not None and found["revoked_at"] is None and self._clock() < found["expires_at"]

    async def all(self) -> list[StoredToken]:
        """All tokens, the newest first; revoked and expired ones too.

        Raises:
            MongoUnavailable: there is no answer in time.

        """
        return [_stored(found) for found in await self._mongo.find(COLLECTION, {}, sort=[("created_at", -1)])]

    async def revoke(self, token_id: str) -> bool:
        """Revoke a token at once; whether there was one that was not revoked.

        Raises:
            MongoUnavailable: it may still be valid.

        """
        return await self._mongo.update(
            COLLECTION, {"_id": token_id, "revoked_at": None}, {"revoked_at": self._clock()}
        )


def _check(name: str, role: Role, properties: Collection[str] | None, lasts: Micros) -> None:
    if not 0 < len(name) <= NAME_MAX or not name.isprintable():
        raise TokenRefused(f"a token needs a name of 1 to {NAME_MAX} printable characters")
    if role not in ROLES:
        raise TokenRefused(
            f"a token may be {' or '.join(ROLES)}: what an approver or an admin does is done by people, who sign in"
        )
    if properties is not None and not properties:
        raise TokenRefused("name at least one property, or none at all for a token that may see all of them")
    if properties is not None and (
        len(properties) > PROPERTIES_MAX or any(not 0 < len(p) <= ID_MAX for p in properties)
    ):
        raise TokenRefused(f"at most {PROPERTIES_MAX:,} properties, whose ids have 1 to {ID_MAX} characters")
    if not 0 < lasts <= LONGEST:
        raise TokenRefused("a token ends in the future, and within a year")


def _document(stored: StoredToken, secret_hash: str) -> Document:
    fields = stored._asdict()
    del fields["token_id"]
    properties = None if stored.properties is None else sorted(stored.properties)
    return {
        **fields,
        "_id": stored.token_id,
        "role": stored.role.value,
        "properties": properties,
        "secret_hash": secret_hash,
    }


def _stored(found: Document) -> StoredToken:
    fields = {name: found[name] for name in StoredToken._fields if name != "token_id"}
    properties = found["properties"]
    fields |= {"role": Role(found["role"]), "properties": None if properties is None else frozenset(properties)}
    return StoredToken(token_id=found["_id"], **fields)

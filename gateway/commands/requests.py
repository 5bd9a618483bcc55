"""Requests that were carried out: the same request again is answered, not repeated, for a day.

The record that a request becomes has an id that follows from the person, the request and the command. So even a
request that comes again after a crash, between the broker's acknowledgement and this memory, becomes the same record,
and counts once.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import msgspec

from domain.commands.refusal import RefusalKind, Refused
from read_model.mongo import Index, Mongo
from streams.clocks import system_clock

COLLECTION = "gateway_requests"
KEPT = timedelta(hours=24)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
INDEX = Index("expires", (("expires_at", 1),), expires=True)


class CarriedOut(NamedTuple):
    """What a request became: of a decision about many breaks, of one of them."""

    about: str
    """The id of the break or the payment."""
    record_id: str
    topic: str
    text: list[str]


class RequestLog:
    """Remembers requests in MongoDB.

    Args:
        mongo: the read model's MongoDB.

    """

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._is_prepared = False

    async def find(self, request: "Request") -> list[CarriedOut] | None:
        """What a request became; None where it is not known.

        Raises:
            Refused: the same id was used for something else.
            MongoUnavailable: there is no answer in time.

        """
        found = await self._mongo.find_one(COLLECTION, request.id)
        if found is None:
            return None
        if found["command"] != request.command:
            raise reused()
        return [CarriedOut(**one) for one in found["carried_out"]]

    async def remember(self, request: "Request", carried_out: Sequence[CarriedOut]) -> None:
        """Remember what a request became.

        Raises:
            MongoUnavailable: it may not be remembered.

        """
        if not self._is_prepared:
            await self._mongo.ensure_indexes(COLLECTION, [INDEX])
            self._is_prepared = True
        document = {
            "_id": request.id,
            "command": request.command,
            "carried_out": [one._asdict() for one in carried_out],
            "expires_at": _EPOCH + timedelta(microseconds=system_clock()) + KEPT,
        }
        await self._mongo.put(COLLECTION, [document])


class Request(NamedTuple):
    """A request of a person."""

    id: str
    """Of the person and the request."""
    command: str
    """A hash of what is wanted."""

    def record_id(self, about: str) -> str:
        """The id of the record that it becomes; of another command under the same id it is another one."""
        return _hashed("record", self.id, self.command, about)


def request_of(person: str, request_id: str, wanted: object) -> Request:
    """Name a request.

    Args:
        person: the viewer's name.
        request_id: a UUID, made by the client for this command.
        wanted: the command.

    Raises:
        Refused: the id is no UUID.

    """
    try:
        uuid = UUID(request_id)
    except ValueError:
        raise Refused("requestId has to be a UUID, a new one for each command", RefusalKind.INVALID) from None
    content = msgspec.json.encode([type(wanted).__name__, wanted])
    return Request(_hashed("request", person, uuid.hex), hashlib.sha256(content).hexdigest())


def reused() -> Refused:
    """The refusal of an id that was used for something else."""
    return Refused("this requestId was used for another command; each command needs one of its own")


def _hashed(*parts: str) -> str:
    """The first 32 hex digits of SHA-256 over netstrings, as the contract makes its ids."""
    hashed = hashlib.sha256()
    for part in parts:
        text = part.encode(errors="replace")
        hashed.update(b"%d:%s," % (len(text), text))
    return hashed.hexdigest()[:32]

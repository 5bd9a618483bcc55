"""Asks the workers for what only they have: the committed state of a key, explanations, and how they are.

Any worker answers for any key: it forwards the query to the owner. So the first worker that answers is enough. A
missing answer is no exception here but a reason in `Answer.error`: a page shows the rest without it.
"""

import asyncio
import base64
import binascii
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar
from urllib.parse import quote

import aiohttp
import msgspec
from yarl import URL

from domain.bank_entries.state import Booking
from domain.ids import two_part_key
from domain.payouts.state import Line
from domain.publishing import Published
from domain.time import Micros
from streams.codec.json_form import instant_from_text
from streams.topology import TOPOLOGY
from tables.packing import Unpacker

log = logging.getLogger(__name__)

TIMEOUT_S = 3.0
"""For one answer, forwarding included."""
CONNECT_TIMEOUT_S = 1.0
QUERIES_MAX = 16
"""At a time: a worker answers 32, others' included."""
AVOIDED_S = 5.0
"""A worker that did not answer is asked last for this long."""
ANSWER_BYTES_MAX = 32 << 20
OTHER_VERSION = "the worker is of another version than this gateway"
NO_ROUTE = "there is no such route"
"""What a worker says, and a test compares, of a route that it does not have."""

T = TypeVar("T")


class Answer(NamedTuple, Generic[T]):
    """What the workers answered. Without a value and without an error there is no such thing."""

    value: T | None
    error: str | None = None
    """Why there is no answer, for people."""


class KeyedState(NamedTuple):
    """The committed state of a key. The caller owns it."""

    state: Any
    """Its type follows from the kind of the key: `PaymentState`, `ObligationState`, …"""
    published: Published
    caught_up_to: Micros | None
    """Microseconds since 1970; None before the partition has caught up for the first time."""


class PayoutLineItem(NamedTuple):
    """A line of a payout, under the name that it has among those of its reference."""

    processor_reference: str
    name: str
    """The outcome, or `outcome/movement_id`."""
    line: Line


class WorkerStatus(NamedTuple):
    """How a worker is."""

    url: str
    ready: bool
    reason: str | None
    """Why it is not ready."""
    caught_up_to: Micros | None
    partitions: int
    """That it owns."""


_UNPACK: Mapping[str, Unpacker[Any]] = {table.key_kind: Unpacker(table.state) for table in TOPOLOGY.tables}


class Workers:
    """The workers' live HTTP API.

    Args:
        urls: the roots of the workers' web servers; any of them may be down.
        token: the bearer token that they accept; None where they need none.
        timeout_s: for one answer, seconds.

    """

    def __init__(self, urls: Sequence[str], token: str | None = None, *, timeout_s: float = TIMEOUT_S) -> None:
        self._urls = tuple(url.rstrip("/") for url in urls)
        self._headers = {"Accept": "application/json"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        self._timeout_s = timeout_s
        self._avoided: dict[str, float] = {}
        self._client: aiohttp.ClientSession | None = None
        self._places = asyncio.Semaphore(QUERIES_MAX)

    async def explanation(self, kind: str, key: str, break_id: str) -> Answer[dict[str, Any]]:
        """The explanation of an open or accepted break, in the JSON of the API."""
        return await self._ask(f"/v1/exceptions/{_part(break_id)}/explanation", {"key_kind": kind, "key": key})

    async def state(self, kind: str, key: str) -> Answer[KeyedState]:
        """The committed state of a key, and what was last published of it."""
        found = await self._ask(f"/v1/states/{kind}/{_part(key)}")
        if found.value is None:
            return Answer(None, found.error)
        caught_up_to = found.value.get("live", {}).get("caught_up_to")
        try:
            state, published = _UNPACK[kind](base64.b64decode(found.value["packed"], validate=True))
            return Answer(
                KeyedState(state, published, None if caught_up_to is None else instant_from_text(caught_up_to))
            )
        except (msgspec.MsgspecError, binascii.Error, KeyError, ValueError, IndexError):
            log.warning("a worker's state of a %s cannot be read: is it of another version?", kind)
            return Answer(None, OTHER_VERSION)

    async def time_zone(self, obligation_id: str) -> Answer[str]:
        """The IANA zone of an obligation's property; no value where no charge is known."""
        found = await self.state("obligation", obligation_id)
        charge = None if found.value is None else found.value.state.charge
        return Answer(None if charge is None else charge.time_zone, found.error)

    async def booking(self, account_id: str, entry_id: str) -> Answer[Booking]:
        """What the bank booked as an entry; no value where only a match by a person is known."""
        found = await self.state("bank_entry", two_part_key(account_id, entry_id))
        return Answer(None if found.value is None else found.value.state.booking, found.error)

    async def payout_lines(self, payout_key: str) -> Answer[list[PayoutLineItem]]:
        """The lines of a payout, by reference and outcome."""
        found = await self.state("payout", payout_key)
        if found.value is None:
            return Answer(None, found.error)
        return Answer(
            [
                PayoutLineItem(reference, name, line)
                for reference, outcomes in sorted(found.value.state.lines.items())
                for name, line in sorted(outcomes.items())
            ]
        )

    async def statuses(self) -> list[WorkerStatus]:
        """How each worker is, in the order of the settings."""
        return list(await asyncio.gather(*map(self._status, self._urls)))

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _status(self, url: str) -> WorkerStatus:
        try:
            async with self._places:
                _, body = await self._get(url, "/readyz", {})
            found = msgspec.json.decode(body)
            is_ready = bool(found["ok"])
            return WorkerStatus(
                url,
                is_ready,
                None if is_ready else str(found["why"]),
                found.get("caught_up_to_micros"),
                found.get("partitions", 0),
            )
        except (aiohttp.ClientError, OSError, TimeoutError):
            return WorkerStatus(url, False, "it does not answer", None, 0)
        except (msgspec.DecodeError, KeyError, TypeError):
            return WorkerStatus(url, False, "it is not a rentmatch worker", None, 0)

    async def _ask(self, path: str, query: Mapping[str, str] | None = None) -> Answer[dict[str, Any]]:
        if not self._urls:
            return Answer(None, "no worker is configured: set RENTMATCH_GATEWAY_WORKERS")
        async with self._places:
            error = "no worker answers"
            for url in sorted(self._urls, key=self._is_avoided):
                try:
                    status, body = await self._get(url, path, query or {})
                except (aiohttp.ClientError, OSError, TimeoutError):
                    self._avoided[url] = time.monotonic() + AVOIDED_S
                    continue
                self._avoided.pop(url, None)
                if status == 200:
                    found: dict[str, Any] = msgspec.json.decode(body)
                    return Answer(found)
                code, message = _error(body)
                if (status, code) == (404, "not_found"):
                    return Answer(None, OTHER_VERSION if NO_ROUTE in message else None)
                log.info("a worker does not answer a live query: %s", code)
                error = message
            return Answer(None, error)

    def _is_avoided(self, url: str) -> bool:
        return self._avoided.get(url, 0.0) > time.monotonic()

    async def _get(self, url: str, path: str, query: Mapping[str, str]) -> tuple[int, bytes]:
        if self._client is None:
            self._client = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=QUERIES_MAX),
                timeout=aiohttp.ClientTimeout(total=self._timeout_s, connect=CONNECT_TIMEOUT_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        target = _url(url + path, query)
        async with self._client.get(target, headers=self._headers, allow_redirects=False) as answer:
            body = bytearray()
            async for chunk in answer.content.iter_chunked(1 << 16):
                body += chunk
                if len(body) > ANSWER_BYTES_MAX:
                    raise aiohttp.ClientPayloadError("the answer is too long")
            if answer.content_type != "application/json":
                raise aiohttp.ClientPayloadError("the answer is not JSON")
            return answer.status, bytes(body)


def _url(text: str, query: Mapping[str, str]) -> URL:
    return URL(text, encoded=True).update_query(query)  # encoded already: a %2F in a key stays


def _error(body: bytes) -> tuple[str, str]:
    try:
        error = msgspec.json.decode(body)["error"]
        return str(error["code"]), str(error["message"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return "unknown", "the server that was asked is no rentmatch worker"


def _part(text: str) -> str:
    return quote(text, safe="")

"""The one way in: every request of the worker's web server passes here, and every answer leaves here.

What a request may cost is bounded: its size, how many are worked on at a time, how long one takes, and how long its
client may take to read the answer. A client is told what it did wrong; of what we did wrong it is told an incident id.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

from gateway.rest.access import OPEN_PATHS, Access
from gateway.rest.errors import ApiError
from gateway.rest.http_metrics import UNMATCHED, HttpMetrics

log = logging.getLogger(__name__)

TARGET_CHARACTERS_MAX = 4_096
"""Of path and query together. Longer lines than 8190 bytes are refused by aiohttp's parser, as are longer headers."""
ANSWER_SECONDS_MAX = 10.0
READ_SECONDS_MAX = 10.0
"""How long a client may take to read an answer before its connection is cut."""
QUESTIONS_AT_ONCE_MAX = 32
UNREAD_BYTES_MAX = 64 << 20
"""Of all answers that clients are still reading, together."""

METHODS = frozenset({"GET", "HEAD"})
CLIENT_GONE = 499
"""The status, in log and metrics, of a request whose client did not take the answer."""

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Server": "rentmatch",
    "X-Content-Type-Options": "nosniff",
}
"""On every answer: amounts and ids of tenants belong into no cache, and nothing here is a page."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def json_response(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """An answer of JSON; `body` is what to encode, or bytes that are JSON already."""
    encoded = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return web.Response(body=encoded, status=status, headers=headers, content_type="application/json", charset="utf-8")


class RequestLimits:
    """The middleware of the web server."""

    def __init__(
        self,
        access: Access,
        metrics: HttpMetrics,
        *,
        at_once: int = QUESTIONS_AT_ONCE_MAX,
        answer_s: float = ANSWER_SECONDS_MAX,
        read_s: float = READ_SECONDS_MAX,
    ) -> None:
        self._access = access
        self._metrics = metrics
        self._at_once = at_once
        self._answer_s = answer_s
        self._read_s = read_s
        self._asked = 0
        self._unread = 0

    def middleware(self) -> Any:
        """What aiohttp's Application takes."""

        @web.middleware
        async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._pass(request, handler)

        return guarded

    async def _pass(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        started = time.monotonic()
        route = _route_of(request)
        status = CLIENT_GONE
        response: web.StreamResponse | None = None
        try:
            response = await self._answer(request, handler)
            if self._unread + (response.content_length or 0) > UNREAD_BYTES_MAX:
                response = _error(ApiError("busy", "too much that was answered is still being read"))
            response.headers.update(HEADERS)
            if await self._written(request, response):
                status = response.status
            return response
        finally:
            seconds = time.monotonic() - started
            self._metrics.answered(route, status, seconds)
            size = 0 if response is None else response.content_length or 0
            _tell(request.method, route, status, seconds, size)

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            if request.path in OPEN_PATHS:
                return await handler(request)
            _check_shape(request)
            self._access.check(request.headers.get("Authorization"), request.headers.get("Host"))
            return await self._bounded(request, handler)
        except ApiError as error:
            return _error(error)
        except web.HTTPNotFound:
            return _error(ApiError("not_found", "there is no such route; /v1/openapi.json lists all"))
        except web.HTTPMethodNotAllowed as error:
            answer = _error(ApiError("method_not_allowed", "this route takes GET and HEAD only"))
            answer.headers["Allow"] = error.headers.get("Allow", "GET,HEAD")
            return answer
        except TimeoutError:
            return _error(ApiError("timeout", f"no answer within {self._answer_s:.0f} s"))
        except web.HTTPException:
            raise
        except Exception as error:
            incident = uuid.uuid4().hex[:12]
            log.error("incident %s: %s %s", incident, request.method, _route_of(request), exc_info=error)
            return _error(ApiError("internal", f"incident {incident}; the worker's log has the cause"))

    async def _bounded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self._asked >= self._at_once:
            raise ApiError("busy", f"{self._at_once} questions are being answered already")
        self._asked += 1
        try:
            async with asyncio.timeout(self._answer_s):
                return await handler(request)
        finally:
            self._asked -= 1

    async def _written(self, request: web.Request, response: web.StreamResponse) -> bool:
        """Write the answer here, where it can be given up; aiohttp then finds it written. Whether it could be."""
        size = response.content_length or 0
        self._unread += size
        try:
            async with asyncio.timeout(self._read_s):
                await response.prepare(request)
                await response.write_eof()
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
            return False
        except ConnectionError:
            return False
        finally:
            self._unread -= size
        return True


def _check_shape(request: web.Request) -> None:
    if len(request.raw_path) > TARGET_CHARACTERS_MAX:
        raise ApiError("too_long", f"path and query are longer than {TARGET_CHARACTERS_MAX} bytes")
    if request.method not in METHODS:
        raise ApiError("method_not_allowed", "this route takes GET and HEAD only")
    if request.body_exists:
        raise ApiError("bad_request", "a question has no body")


def _error(error: ApiError) -> web.Response:
    answer = json_response(error.body(), error.status, error.headers)
    if error.code in ("bad_request", "too_long", "method_not_allowed"):
        answer.force_close()  # whatever follows on this connection is not waited for
    return answer


def _route_of(request: web.Request) -> str:
    """The template of the path, without the pattern of its parts; never the path itself, which holds ids."""
    resource = request.match_info.route.resource
    return UNMATCHED if resource is None else resource.canonical


def _tell(method: str, route: str, status: int, seconds: float, size: int) -> None:
    """One line a request, without ids, addresses or tokens; what supervisors ask all the time is told to nobody."""
    level = logging.DEBUG if route in OPEN_PATHS else logging.INFO
    told = {"method": method, "route": route, "status": status, "duration_ms": round(seconds * 1_000, 1), "bytes": size}
    log.log(
        level,
        "http method=%s route=%s status=%d duration_ms=%.1f bytes=%d",
        method, route, status, seconds * 1_000, size,
        extra={"http": told},
    )  # fmt: skip

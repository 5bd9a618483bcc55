"""The middleware of the worker's web server: every request and every response passes here.

It bounds what a request may cost: its size, the requests at a time, the time for the answer, and the time that the
client takes to read it. A client sees its own mistakes; of a bug it sees only an incident id.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web
from aiohttp.typedefs import Middleware

from gateway.rest.access import OPEN_PATHS, Access
from gateway.rest.errors import ApiError
from gateway.rest.http_metrics import UNMATCHED, HttpMetrics

log = logging.getLogger(__name__)

TARGET_BYTES_MAX = 4_096
"""Of path and query together."""
ANSWER_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 10.0
"""A client that reads its answer for longer is disconnected."""
REQUESTS_MAX = 32
"""Answered at a time."""
UNREAD_BYTES_MAX = 64 << 20
"""Of all answers that clients are still reading, together."""

METHODS = frozenset({"GET", "HEAD"})
CLIENT_GONE = 499
"""The status, in log and metrics, of a request whose client did not read the answer."""

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Server": "rentmatch",
    "X-Content-Type-Options": "nosniff",
}
"""Of every response: amounts and ids of tenants belong in no cache, and nothing here is a page."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def json_response(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """A response of JSON."""
    return web.Response(body=body, status=status, headers=headers, content_type="application/json", charset="utf-8")


def error_response(error: ApiError) -> web.Response:
    """The response of an error."""
    response = json_response(msgspec.json.encode(error.body), error.status, error.headers)
    response.headers.update(HEADERS)
    if error.code in ("bad_request", "too_long", "method_not_allowed"):
        response.force_close()  # the rest of what the client sends is not read
    return response


class RequestLimits:
    """The limits of all requests together.

    Args:
        access: who may ask.
        metrics: counts the requests.
        requests_max: requests that are answered at a time.
        answer_timeout_s: time for an answer, seconds.
        read_timeout_s: time for the client to read an answer, seconds.

    """

    def __init__(
        self,
        access: Access,
        metrics: HttpMetrics,
        *,
        requests_max: int = REQUESTS_MAX,
        answer_timeout_s: float = ANSWER_TIMEOUT_S,
        read_timeout_s: float = READ_TIMEOUT_S,
    ) -> None:
        self._access = access
        self._metrics = metrics
        self._requests_max = requests_max
        self._answer_timeout_s = answer_timeout_s
        self._read_timeout_s = read_timeout_s
        self._requests = 0
        self._unread_bytes = 0

    def middleware(self) -> Middleware:
        """The middleware for aiohttp's Application."""

        @web.middleware
        async def limited(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._respond(request, handler)

        return limited

    async def _respond(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        started = time.monotonic()
        route = _route_of(request)
        status = CLIENT_GONE
        response: web.StreamResponse | None = None
        try:
            response = await self._answer(request, handler)
            if self._unread_bytes + (response.content_length or 0) > UNREAD_BYTES_MAX:
                response = error_response(ApiError("busy", "clients are still reading too many bytes of answers"))
            response.headers.update(HEADERS)
            if await self._write(request, response):
                status = response.status
            return response
        finally:
            seconds = time.monotonic() - started
            self._metrics.answered(route, status, seconds)
            size = 0 if response is None else response.content_length or 0
            _log(request.method, route, status, seconds, size)

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            if request.path in OPEN_PATHS:
                return await handler(request)
            _check_shape(request)
            self._access.check(request.headers.get("Authorization"), request.headers.get("Host"))
            return await self._bounded(request, handler)
        except ApiError as error:
            return error_response(error)
        except web.HTTPNotFound:
            return error_response(ApiError("not_found", "there is no such route; /v1/openapi.json has all"))
        except web.HTTPMethodNotAllowed:
            return error_response(ApiError("method_not_allowed", "this route takes GET and HEAD only"))
        except TimeoutError:
            return error_response(ApiError("timeout", f"no answer within {self._answer_timeout_s:.0f} s"))
        except web.HTTPException:
            raise
        except Exception as error:
            incident = uuid.uuid4().hex[:12]
            log.error("incident %s: %s %s", incident, request.method, _route_of(request), exc_info=error)
            return error_response(ApiError("internal", f"incident {incident}; the worker's log has the cause"))

    async def _bounded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self._requests >= self._requests_max:
            raise ApiError("busy", f"{self._requests_max} requests are being answered already")
        self._requests += 1
        try:
            async with asyncio.timeout(self._answer_timeout_s):
                return await handler(request)
        finally:
            self._requests -= 1

    async def _write(self, request: web.Request, response: web.StreamResponse) -> bool:
        """Write the response within the timeout; aiohttp finds it written. Whether the client read it."""
        size = response.content_length or 0
        self._unread_bytes += size
        try:
            async with asyncio.timeout(self._read_timeout_s):
                await response.prepare(request)
                await response.write_eof()
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
            return False
        except ConnectionError:
            return False
        finally:
            self._unread_bytes -= size
        return True


def _check_shape(request: web.Request) -> None:
    if len(request.raw_path) > TARGET_BYTES_MAX:
        raise ApiError("too_long", f"path and query are longer than {TARGET_BYTES_MAX} bytes")
    if request.method not in METHODS:
        raise ApiError("method_not_allowed", "this route takes GET and HEAD only")
    if request.body_exists:
        raise ApiError("bad_request", "a GET request has no body")


def _route_of(request: web.Request) -> str:
    """The path's template, without the patterns of its parts; never the path, which contains ids."""
    resource = request.match_info.route.resource
    return UNMATCHED if resource is None else resource.canonical


def _log(method: str, route: str, status: int, seconds: float, size: int) -> None:
    """Log a request in one line, without ids, addresses or tokens. Probes are logged at DEBUG."""
    level = logging.DEBUG if route in OPEN_PATHS else logging.INFO
    fields = {
        "method": method, "route": route, "status": status, "duration_ms": round(seconds * 1_000, 1), "bytes": size,
    }  # fmt: skip
    log.log(
        level,
        "http method=%s route=%s status=%d duration_ms=%.1f bytes=%d",
        method, route, status, seconds * 1_000, size,
        extra={"http": fields},
    )  # fmt: skip

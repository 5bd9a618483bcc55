"""What every request passes: host, origin, who asks, how often; and every response: headers, log and metrics."""

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

from gateway.graphql.view import wants_events
from gateway.people.audit import AuditLog, AuditUnavailable
from gateway.people.rates import Rate, RateLimit
from gateway.people.sessions import Sessions
from gateway.people.tokens import Tokens
from gateway.people.viewer import Permission, Viewer
from gateway.web.errors import WebError
from gateway.web.metrics import GatewayMetrics
from gateway.web.origin import PublicOrigin
from read_model.mongo import MongoUnavailable

log = logging.getLogger(__name__)

OPEN_PATHS = frozenset({"/livez", "/readyz"})
"""Probes are no people."""
TARGET_BYTES_MAX = 8_192
"""Of path and query together."""
REQUESTS = Rate(burst=100, per_second=20)
"""Of a session or a token."""
GUESSES = Rate(burst=20, per_second=1 / 6)
"""Links, sign-ins and tokens of an address that were refused."""
SIGN_INS = Rate(burst=60, per_second=1)
"""Sign-ins that an address begins."""
UNMATCHED = "unmatched"

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Of every response. A page sets `Cache-Control` itself where it may be kept."""
SECURE_HEADERS = {"Strict-Transport-Security": "max-age=31536000"}
"""Besides, where browsers use https."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
VIEWER: web.RequestKey[Viewer] = web.RequestKey("viewer", Viewer)


class Guard:
    """The checks.

    Args:
        origin: how browsers reach the gateway.
        sessions: of people.
        tokens: of programs.
        audit: gets the refusals.
        metrics: count the requests.

    """

    def __init__(
        self, origin: PublicOrigin, sessions: Sessions, tokens: Tokens, audit: AuditLog, metrics: GatewayMetrics
    ) -> None:
        self.origin = origin
        self._sessions = sessions
        self._tokens = tokens
        self._audit = audit
        self._metrics = metrics
        self._viewers = RateLimit(REQUESTS)
        self._guesses = RateLimit(GUESSES)
        self._sign_ins = RateLimit(SIGN_INS)
        self._running: set[asyncio.Task[web.StreamResponse]] = set()
        self._headers = HEADERS | (SECURE_HEADERS if origin.is_secure else {})

    def middleware(self) -> Middleware:
        """The middleware for aiohttp's Application."""

        @web.middleware
        async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._respond(request, handler)

        return guarded

    async def set_headers(self, _: web.Request, response: web.StreamResponse) -> None:
        """Set the headers of every response; a signal of aiohttp, because streams begin before their handler ends."""
        for name, value in self._headers.items():
            response.headers.setdefault(name, value)
        response.headers["Server"] = "rentmatch"  # aiohttp has put its own there

    def protect(self, handler: Handler, permission: Permission = Permission.READ, *, streams: bool = False) -> Handler:
        """A handler that answers known viewers with a permission only, and has them as `request[VIEWER]`.

        Args:
            handler: the handler.
            permission: that the viewer needs.
            streams: it only reads, for as long as the client does, and ends when the client goes.

        """

        async def protected(request: web.Request) -> web.StreamResponse:
            request[VIEWER] = viewer = await self._known(request)
            wait_s = self._viewers.wait_s(viewer.session_id_hash or viewer.token_id or viewer.name)
            if wait_s:
                raise WebError("too_often", "too many requests; wait a moment", retry_after_s=wait_s)
            if not viewer.may(permission):
                await self.refused(viewer, request, f"needs {permission.value}")
                raise WebError("forbidden", f"your role, {viewer.role.value}, does not allow this")
            if streams or wants_events(request):
                return await handler(request)
            return await self._to_its_end(handler(request))

        return protected

    def limit_sign_in(self, request: web.Request) -> None:
        """Count a sign-in that begins.

        Raises:
            WebError: there were too many from this address.

        """
        self.limit_guesses(request)
        wait_s = self._sign_ins.wait_s(self.origin.client_of(request))
        if wait_s:
            raise WebError("too_often", "too many attempts; wait a moment", retry_after_s=wait_s)

    def limit_guesses(self, request: web.Request) -> None:
        """Refuse an address from which too much was refused.

        Raises:
            WebError: it has to wait.

        """
        wait_s = self._guesses.is_exhausted(self.origin.client_of(request))
        if wait_s:
            raise WebError("too_often", "too many attempts that were refused; wait a moment", retry_after_s=wait_s)

    def count_guess(self, request: web.Request) -> None:
        """Count a link, a sign-in or a token that was refused."""
        self._guesses.wait_s(self.origin.client_of(request))

    async def refused(self, viewer: Viewer | None, request: web.Request, why: str) -> None:
        """Put a refusal into the audit log."""
        name = "" if viewer is None else viewer.name
        await self._audit.record(actor=name, action=f"http.{_route_of(request)}", outcome="refused", reason=why)

    async def finish(self) -> None:
        """Wait for what was begun and whose client is gone."""
        if self._running:
            await asyncio.wait(self._running)

    async def _to_its_end(self, answering: Awaitable[web.StreamResponse]) -> web.StreamResponse:
        """A client that goes does not interrupt: a decision that is half written would be in nobody's audit log."""
        task = asyncio.ensure_future(answering)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.done() and not task.cancelled():
                return task.result()  # the client has read the answer and gone
            raise

    async def _known(self, request: web.Request) -> Viewer:
        authorization = request.headers.get("Authorization")
        if authorization is not None:
            return await self._program(request, authorization)
        secret = request.cookies.get(self.origin.cookie)
        viewer = None if secret is None else await self._sessions.viewer(secret)
        if viewer is None:
            raise WebError("signed_out", "sign in: nobody is signed in, or the session has ended")
        host = request.headers.get("Host")
        try:
            if request.method in ("GET", "HEAD"):
                self.origin.check_same_site(request.headers, host)
            else:
                self.origin.check_write(request.headers, host, request.content_type)
        except WebError as error:
            await self.refused(viewer, request, error.message)
            raise
        return viewer

    async def _program(self, request: web.Request, authorization: str) -> Viewer:
        scheme, _, token = authorization.partition(" ")
        viewer = await self._tokens.viewer(token.strip()) if scheme.lower() == "bearer" else None
        if viewer is None:
            self.limit_guesses(request)  # not before: others behind the same address do not lock a valid token out
            self.count_guess(request)
            await self.refused(None, request, "a token that is not valid")
            raise WebError("signed_out", "send `Authorization: Bearer rmt_…` with a token that is valid")
        return viewer

    async def _respond(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        began = time.monotonic()
        status = 499
        try:
            response = await self._answer(request, handler)
            status = response.status
            return response
        finally:
            route, seconds = _route_of(request), time.monotonic() - began
            self._metrics.requests.labels(route, str(status)).inc()
            if not wants_events(request):
                self._metrics.seconds.labels(route).observe(seconds)
            _log_request(request.method, route, status, seconds)

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            if request.path in OPEN_PATHS:
                return await handler(request)
            if len(request.raw_path) > TARGET_BYTES_MAX:
                raise WebError("bad_request", f"path and query are longer than {TARGET_BYTES_MAX} bytes")
            self.origin.check_host(request.headers.get("Host"))
            return await handler(request)
        except WebError as error:
            self._metrics.refused.labels(error.code).inc()
            return error.response()
        except AuditUnavailable as error:
            return self._refusal("unavailable", str(error), 5.0)
        except MongoUnavailable as error:
            log.warning("%s: %s", _route_of(request), error)
            return self._refusal("unavailable", "the read model does not answer now; try again in a moment", 5.0)
        except web.HTTPNotFound:
            return self._refusal("not_found", "there is no such page")
        except web.HTTPMethodNotAllowed:
            return self._refusal("method_not_allowed", "this page does not take this method")
        except web.HTTPRequestEntityTooLarge:
            return self._refusal("too_large", "the request is larger than it may be")
        except web.HTTPException as error:
            return self._refusal("bad_request", error.reason)
        except Exception as error:
            incident = uuid.uuid4().hex[:12]
            log.error("incident %s: %s %s", incident, request.method, _route_of(request), exc_info=error)
            return self._refusal("internal", f"incident {incident}; the gateway's log has the cause")

    def _refusal(self, code: str, message: str, retry_after_s: float | None = None) -> web.Response:
        self._metrics.refused.labels(code).inc()
        return WebError(code, message, retry_after_s=retry_after_s).response()


def _route_of(request: web.Request) -> str:
    """The path's template; never the path, which contains ids."""
    resource = request.match_info.route.resource
    return UNMATCHED if resource is None else resource.canonical


def _log_request(method: str, route: str, status: int, seconds: float) -> None:
    """One line a request, without ids, names, addresses or tokens. Probes are logged at DEBUG."""
    level = logging.DEBUG if route in OPEN_PATHS or route.startswith("/assets") else logging.INFO
    duration_ms = round(seconds * 1_000, 1)
    fields = {"method": method, "route": route, "status": status, "duration_ms": duration_ms}
    log.log(
        level, "http method=%s route=%s status=%d duration_ms=%.1f", method, route, status, duration_ms,
        extra={"http": fields},
    )  # fmt: skip

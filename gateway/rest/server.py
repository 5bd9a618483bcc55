"""Faust's web server with limits, without Faust's own pages, and with JSON for every error."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, ClassVar, cast

from aiohttp import web, web_protocol
from aiohttp.http_exceptions import LineTooLong
from faust.web.drivers import aiohttp as driver

from gateway.rest.errors import ApiError
from gateway.rest.handlers import ReconciliationApi
from gateway.rest.request_limits import TARGET_BYTES_MAX, RequestLimits, error_response

log = logging.getLogger(__name__)

CONNECTIONS_MAX = 512
"""Open at a time. Further ones are closed at once, so that files and memory are left for the broker."""
IDLE_TIMEOUT_S = 30.0
"""A connection without a complete request for this long is closed, even if headers arrive slowly."""
LINGER_S = 1.0
"""How long the rest of a request is read that needs none of it."""
STOP_TIMEOUT_S = 3.0
"""How long a stopping worker waits for requests that are being answered."""
REQUEST_LINE_BYTES_MAX = 8_192
HEADER_BYTES_MAX = 8_190
"""Differs from the request line's maximum, because aiohttp raises one error for both and gives only the maximum."""


class _Connection(web_protocol.RequestHandler):
    """A connection."""

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Answer in JSON what aiohttp's parser refuses; its own answer is plain text."""
        if request.writer.output_size > 0:
            raise ConnectionError("the connection ends in the middle of an answer")
        if status >= web.HTTPInternalServerError.status_code:
            log.error("an error outside of the limits", exc_info=exc)
            return error_response(ApiError("internal", "the worker's log has the cause"))
        log.debug("a malformed request", exc_info=exc)
        if isinstance(exc, LineTooLong) and REQUEST_LINE_BYTES_MAX in exc.args:
            return error_response(ApiError("too_long", f"path and query are longer than {TARGET_BYTES_MAX} bytes"))
        return error_response(ApiError("bad_request", "this is not an HTTP request that the server accepts"))


class _Refused(asyncio.Protocol):
    """A connection over the maximum."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close it without an answer."""
        cast(asyncio.Transport, transport).abort()  # uvloop's class is not a subclass


class WebServer(driver.Web):  # type: ignore[misc]
    """`app.web`: aiohttp behind Faust's interface, with limits."""

    # Faust's pages show topics, partitions and tables to anybody, and its `/` always answers OK.
    default_blueprints: ClassVar[tuple[()]] = ()
    production_blueprints: ClassVar[tuple[()]] = ()
    debug_blueprints: ClassVar[tuple[()]] = ()
    optional_blueprints: ClassVar[tuple[()]] = ()

    def __init__(self, app: Any, **kwargs: Any) -> None:
        super().__init__(app, **kwargs)
        self._runner = web.AppRunner(
            self.web_app,
            access_log=None,
            keepalive_timeout=IDLE_TIMEOUT_S,
            lingering_time=LINGER_S,
            shutdown_timeout=STOP_TIMEOUT_S,
            max_line_size=REQUEST_LINE_BYTES_MAX,
            max_field_size=HEADER_BYTES_MAX,
        )
        self._listening: asyncio.Server | None = None

    async def start_server(self) -> None:
        """Listen."""
        await self._runner.setup()
        server = self._runner.server
        assert server is not None
        conf = self.app.conf
        loop = asyncio.get_running_loop()
        self._listening = await loop.create_server(
            _bounded(server, CONNECTIONS_MAX),
            conf.web_bind,
            conf.web_port,
            ssl=conf.web_ssl_context,
            backlog=128,
        )

    async def stop_server(self) -> None:
        """Stop listening, and end the open connections."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        await super().stop_server()


def _bounded(server: web.Server, connections_max: int) -> Callable[[], asyncio.BaseProtocol]:
    """The factory of connections."""

    def connect() -> asyncio.BaseProtocol:
        if len(server.connections) >= connections_max:
            return _Refused()
        # As aiohttp's Server does, with our class.
        return _Connection(server, loop=asyncio.get_running_loop(), **server._kwargs)

    return connect


def serve_api(server: WebServer, limits: RequestLimits, api: ReconciliationApi) -> None:
    """Serve the API, and apply the limits to every request of the server."""
    application = server.web_app
    application.middlewares.append(limits.middleware())
    for pattern, handler in api.routes():
        application.router.add_get(pattern, handler)

    async def close(_: web.Application) -> None:
        await api.close()

    application.on_cleanup.append(close)

"""Faust's web server with our limits, and with none of Faust's own pages."""

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar, cast

from aiohttp import web
from faust.web.drivers import aiohttp as driver

from gateway.rest.handlers import ReconciliationApi
from gateway.rest.request_limits import RequestLimits

CONNECTIONS_MAX = 512
"""Open at a time; further ones are closed at once, so that files and memory are left for the broker."""
IDLE_SECONDS_MAX = 30.0
"""A connection without a whole request for this long is closed, be it that the headers come in drop by drop."""
LINGER_SECONDS = 1.0
"""How long what a client still sends is read on, behind a request that needs none of it."""
STOP_SECONDS = 3.0
"""How long the end of a worker waits for questions that are being answered."""


class _Refused(asyncio.Protocol):
    """A connection too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close it without a word."""
        cast(asyncio.Transport, transport).abort()  # uvloop's is one without being an instance


class WebServer(driver.Web):  # type: ignore[misc]
    """What `app.web` is: aiohttp behind Faust's interface, bounded."""

    # Faust's pages tell topics, partitions and tables to whoever asks, and its `/` answers OK whatever happens.
    default_blueprints: ClassVar[Any] = ()
    production_blueprints: ClassVar[Any] = ()
    debug_blueprints: ClassVar[Any] = ()
    optional_blueprints: ClassVar[Any] = ()

    def __init__(self, app: Any, **kwargs: Any) -> None:
        super().__init__(app, **kwargs)
        self._runner = web.AppRunner(
            self.web_app,
            access_log=None,
            keepalive_timeout=IDLE_SECONDS_MAX,
            lingering_time=LINGER_SECONDS,
            shutdown_timeout=STOP_SECONDS,
        )
        self._listening: asyncio.Server | None = None

    async def start_server(self) -> None:
        """Listen."""
        await self._runner.setup()
        conf = self.app.conf
        loop = asyncio.get_running_loop()
        self._listening = await loop.create_server(
            bounded(self._runner.server, CONNECTIONS_MAX),
            conf.web_bind,
            conf.web_port,
            ssl=conf.web_ssl_context,
            backlog=128,
        )

    async def stop_server(self) -> None:
        """Listen no more, and end what is open."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        await super().stop_server()


def bounded(server: Any, most: int) -> Callable[[], asyncio.BaseProtocol]:
    """What makes a connection's protocol, at most so many at a time. `server` is an aiohttp.web.Server."""

    def make() -> asyncio.BaseProtocol:
        return _Refused() if len(server.connections) >= most else server()

    return make


def serve_api(server: WebServer, limits: RequestLimits, questions: ReconciliationApi) -> None:
    """Answer the routes of the table, and let every request of the server pass the limits."""
    application = server.web_app
    application.middlewares.append(limits.middleware())
    for pattern, handler in questions.routes():
        application.router.add_get(pattern, handler)

    async def close(_: web.Application) -> None:
        await questions.close()

    application.on_cleanup.append(close)

"""The gateway's socket: limits of connections, and clients that go are noticed at once."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

from aiohttp import web

from sinks.serving import PortUnavailable

CONNECTIONS_MAX = 1_024
"""Open at a time. Further ones are closed at once, so that files and memory are left."""
IDLE_TIMEOUT_S = 75.0
"""Of a connection that is kept open between two requests."""
STOP_TIMEOUT_S = 5.0
"""How long a stopping gateway waits for requests that are being answered."""
LINE_BYTES_MAX = 16_384
FIELD_BYTES_MAX = 8_190


class _TooMany(asyncio.Protocol):
    """A connection over the maximum."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).abort()


@asynccontextmanager
async def listening(application: web.Application, host: str, port: int) -> AsyncIterator[int]:
    """Serve while the block runs; gives the port.

    Raises:
        PortUnavailable: the port is in use, or the address is not of this machine.

    """
    runner = web.AppRunner(
        application,
        access_log=None,
        # Without it a stream whose client is gone would only be noticed at its next message.
        handler_cancellation=True,
        keepalive_timeout=IDLE_TIMEOUT_S,
        shutdown_timeout=STOP_TIMEOUT_S,
        max_line_size=LINE_BYTES_MAX,
        max_field_size=FIELD_BYTES_MAX,
    )
    await runner.setup()
    server = runner.server
    assert server is not None
    try:
        try:
            listener = await asyncio.get_running_loop().create_server(_bounded(server), host, port, backlog=128)
        except OSError as error:
            raise PortUnavailable(
                f"RENTMATCH_GATEWAY_HOST, RENTMATCH_GATEWAY_PORT: {host}:{port}: {error.strerror}"
            ) from None
        try:
            yield listener.sockets[0].getsockname()[1]
        finally:
            listener.close()
    finally:
        await runner.cleanup()


def _bounded(server: web.Server) -> Callable[[], asyncio.BaseProtocol]:
    def connect() -> asyncio.BaseProtocol:
        return _TooMany() if len(server.connections) >= CONNECTIONS_MAX else server()

    return connect

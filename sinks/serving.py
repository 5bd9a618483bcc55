"""The web server of a process beside the workers: a projector, a watcher, a receiver of webhooks."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web


class PortUnavailable(Exception):
    """The web server cannot listen on its address; the message has the address and the reason."""


@asynccontextmanager
async def served(
    app: web.Application, host: str, port: int, *, names: str = "RENTMATCH_HTTP_HOST, RENTMATCH_HTTP_PORT"
) -> AsyncIterator[None]:
    """Serve while the block runs; with port 0 nothing is served.

    Args:
        app: with its routes.
        host: the address to listen on.
        port: the port.
        names: the settings of address and port, for messages.

    Raises:
        PortUnavailable: the port is in use, or the address is not of this machine.

    """
    if not port:
        yield
        return
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise PortUnavailable(f"{names}: {host}:{port}: {error.strerror}") from None
        yield
    finally:
        await runner.cleanup()

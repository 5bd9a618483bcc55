"""The projector's web server: the pages of a worker that need no token."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from aiohttp import web

from read_model.metrics import ReadModelMetrics
from read_model.projector import Projector
from sinks.pages import add_pages


class PortUnavailable(Exception):
    """The web server cannot listen on its address; the message has the address and the reason."""


@asynccontextmanager
async def served(projector: Projector, metrics: ReadModelMetrics, host: str, port: int) -> AsyncIterator[None]:
    """Serve while the block runs; with port 0 nothing is served.

    Raises:
        PortUnavailable: the port is in use, or the address is not of this machine.

    """
    app = web.Application()
    add_pages(app, live=projector.live, ready=projector.ready, families=metrics.families)
    async with AsyncExitStack() as closing:
        if port:
            runner = web.AppRunner(app, access_log=None)
            await runner.setup()
            closing.push_async_callback(runner.cleanup)
            try:
                await web.TCPSite(runner, host, port).start()
            except OSError as error:
                raise PortUnavailable(
                    f"RENTMATCH_HTTP_HOST, RENTMATCH_HTTP_PORT: {host}:{port}: {error.strerror}"
                ) from None
        yield

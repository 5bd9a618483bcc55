"""The projector's web server: /metrics, /livez, /readyz, as a worker has them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from aiohttp import web

from read_model.metrics import ReadModelMetrics
from read_model.projector import Projector
from sinks.health import Verdict


class PortUnavailable(Exception):
    """The web server cannot listen on its address; the message says on which and why."""


@asynccontextmanager
async def served(projector: Projector, metrics: ReadModelMetrics, host: str, port: int) -> AsyncIterator[None]:
    """Serve while the block runs; with port 0 nothing is served.

    Raises:
        PortUnavailable: something else listens there, or the address is not ours.

    """

    async def exposition(_: web.Request) -> web.Response:
        return web.Response(body=metrics.exposition(), headers={"Content-Type": "text/plain; version=0.0.4"})

    async def livez(_: web.Request) -> web.Response:
        return _answer(projector.live())

    async def readyz(_: web.Request) -> web.Response:
        return _answer(projector.ready())

    app = web.Application()
    app.add_routes([web.get("/metrics", exposition), web.get("/livez", livez), web.get("/readyz", readyz)])
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


def _answer(verdict: Verdict) -> web.Response:
    return web.json_response(verdict.as_json(), status=200 if verdict.good else 503)

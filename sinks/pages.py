"""The pages that need no token, of a worker and of a projector alike: /livez, /readyz and /metrics."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web
from prometheus_client.core import Metric

from sinks.health import HealthVerdict
from sinks.metrics import answer


def _no_details() -> Mapping[str, Any]:
    return {}


def add_pages(
    application: web.Application,
    *,
    live: Callable[[], HealthVerdict],
    ready: Callable[[], HealthVerdict],
    families: Callable[[], list[Metric]],
    details: Callable[[], Mapping[str, Any]] = _no_details,
) -> None:
    """Serve health and metrics.

    Args:
        application: gets the routes.
        live: the verdict of /livez.
        ready: the verdict of /readyz.
        families: the metrics of a scrape. They are sums already: a scrape reads no key.
        details: what both health pages have besides the verdict.

    """

    def health(judge: Callable[[], HealthVerdict]) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def page(_: web.Request) -> web.Response:
            verdict = judge()
            return web.json_response({**verdict.as_json(), **details()}, status=200 if verdict.good else 503)

        return page

    async def metrics(request: web.Request) -> web.Response:
        return answer(families(), request.headers.get("Accept", ""))

    application.router.add_get("/livez", health(live))
    application.router.add_get("/readyz", health(ready))
    application.router.add_get("/metrics", metrics)

"""The gateway's application: its routes behind the guard."""

from collections.abc import Callable, Mapping

from aiohttp import web
from prometheus_client.core import Metric

from gateway.web.console_files import ConsoleFile, add_console
from gateway.web.exports import Exports
from gateway.web.guard import Guard, Handler
from gateway.web.sign_in import SignIn
from sinks.health import HealthVerdict
from sinks.pages import add_pages

BODY_BYTES_MAX = 64 << 10
"""Of any request; GraphQL's own limit is below it."""
GRAPHQL_PATH = "/graphql"


def application(
    *,
    guard: Guard,
    sign_in: SignIn,
    graphql: Handler,
    exports: Exports,
    console: Mapping[str, ConsoleFile] | None,
    live: Callable[[], HealthVerdict],
    ready: Callable[[], HealthVerdict],
    families: Callable[[], list[Metric]],
) -> web.Application:
    """The application to serve.

    Args:
        guard: what every request passes.
        sign_in: its pages.
        graphql: answers GraphQL requests of known viewers (`request[VIEWER]`).
        exports: CSV and XLSX.
        console: the built console's files; None: the API alone.
        live: the verdict of /livez.
        ready: the verdict of /readyz.
        families: the metrics of a scrape.

    """
    app = web.Application(client_max_size=BODY_BYTES_MAX, middlewares=[guard.middleware()])
    app.on_response_prepare.append(guard.set_headers)
    add_pages(app, live=live, ready=ready, families=families)
    sign_in.add_to(app, guard)
    app.router.add_post(GRAPHQL_PATH, guard.protect(graphql))
    exports.add_to(app, guard)
    if console is not None:
        add_console(app, console)
    return app

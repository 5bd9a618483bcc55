"""The gateway's application: its routes behind the guard."""

from collections.abc import Callable, Mapping

from aiohttp import web

from gateway.web.console_files import ConsoleFile, add_console
from gateway.web.exports import Exports
from gateway.web.guard import Guard, Handler
from gateway.web.sign_in import SignIn
from sinks.health import HealthVerdict

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
    ready: Callable[[], HealthVerdict],
) -> web.Application:
    """The application to serve.

    Args:
        guard: what every request passes.
        sign_in: its pages.
        graphql: answers GraphQL requests of known viewers (`request[VIEWER]`).
        exports: CSV and XLSX.
        console: the built console's files; None: the API alone.
        ready: the verdict of /readyz. Reasons and metrics are for operators, on the port of the other processes' pages.

    """
    app = web.Application(client_max_size=BODY_BYTES_MAX, middlewares=[guard.middleware()])
    app.on_response_prepare.append(guard.set_headers)

    async def livez(_: web.Request) -> web.Response:
        return web.json_response({"ok": True})

    async def readyz(_: web.Request) -> web.Response:
        is_ready = ready().good
        return web.json_response({"ok": is_ready}, status=200 if is_ready else 503)

    app.router.add_get("/livez", livez)
    app.router.add_get("/readyz", readyz)
    sign_in.add_to(app, guard)
    app.router.add_post(GRAPHQL_PATH, guard.protect(graphql))
    exports.add_to(app, guard)
    if console is not None:
        add_console(app, console)
    return app

"""The pages of signing in and out. They are plain HTML without scripts; the console takes over afterwards."""

import html
import logging
from collections.abc import Callable
from urllib.parse import urlencode

from aiohttp import web

from gateway.people.audit import AuditLog
from gateway.people.local import PATH as LINK_PATH
from gateway.people.local import LocalLinks
from gateway.people.login import Provider, ProviderUnavailable
from gateway.people.roles import SignInRefused
from gateway.people.sessions import Identity, Sessions
from gateway.web.errors import WebError
from gateway.web.guard import VIEWER, Guard, Handler
from gateway.web.metrics import GatewayMetrics
from gateway.web.origin import PublicOrigin

log = logging.getLogger(__name__)

CALLBACK_PATH = "/sign-in/callback"
REFUSED = 403
"""The status of a sign-in that is refused."""
SIGN_IN_COOKIE_S = 600
RETURN_MAX = 2_000
VALUE_MAX = 8_000
"""Of a parameter that the provider sends."""

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} · rentmatch</title>
<link rel="stylesheet" href="/sign-in/style.css">
</head>
<body>
<main>
<p class="name">rentmatch</p>
<h1>{title}</h1>
{body}
</main>
</body>
</html>
"""
_STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { margin: 0; display: grid; min-height: 100vh; place-items: center; }
main { max-width: 26rem; padding: 2rem; }
.name { font-weight: 600; margin: 0 0 1.5rem; }
h1 { font-size: 1.25rem; margin: 0 0 .75rem; }
p { margin: 0 0 .75rem; }
a { color: LinkText; }
"""


def safe_return(path: str) -> str:
    """A path of the console to go back to; `/` where the given one could lead elsewhere."""
    is_ours = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if is_ours and len(path) <= RETURN_MAX else "/"


class SignIn:
    """The handlers.

    Args:
        origin: how browsers reach the gateway.
        sessions: where sign-ins end.
        audit: gets each sign-in, sign-out and refusal.
        metrics: count the sign-ins.
        provider: of people's accounts; None where people use the links.
        links: of this process; None where people sign in at the provider.

    """

    def __init__(
        self,
        *,
        origin: PublicOrigin,
        sessions: Sessions,
        audit: AuditLog,
        metrics: GatewayMetrics,
        provider: Provider | None,
        links: LocalLinks | None,
    ) -> None:
        self._origin = origin
        self._sessions = sessions
        self._audit = audit
        self._metrics = metrics
        self._provider = provider
        self._links = links
        self._sign_in_cookie = f"{origin.cookie}-sign-in"

    def add_to(self, application: web.Application, guard: Guard) -> None:
        """Add the routes."""

        def limited(handler: Handler, limit: Callable[[web.Request], None]) -> Handler:
            async def guarded(request: web.Request) -> web.StreamResponse:
                limit(request)
                response = await handler(request)
                if response.status == REFUSED:
                    guard.count_guess(request)
                return response

            return guarded

        application.router.add_get("/sign-in", limited(self.begin, guard.limit_sign_in))
        application.router.add_get("/sign-in/style.css", self.style)
        # A HEAD, as of what previews links, uses neither a code nor a link up.
        application.router.add_get(CALLBACK_PATH, limited(self.finish, guard.limit_guesses), allow_head=False)
        application.router.add_get(LINK_PATH, limited(self.use_link, guard.limit_guesses), allow_head=False)
        application.router.add_post("/sign-out", guard.protect(self.sign_out))

    async def style(self, _: web.Request) -> web.Response:
        """The style sheet of these pages."""
        return web.Response(text=_STYLE, content_type="text/css", headers={"Cache-Control": "max-age=3600"})

    async def begin(self, request: web.Request) -> web.Response:
        """Send the browser to the provider, or say where the link is."""
        return_to = safe_return(request.query.get("return", "/"))
        if self._provider is None:
            if self._links is not None:
                self._links.print_links()
            return _page(
                "Open the link in the terminal",
                "<p>This gateway has no sign-in provider, so only this machine can use it. It prints a link where it "
                "was started. Each link works once; a new one was printed just now if the last one was used.</p>",
            )
        try:
            started = await self._provider.begin(return_to)
        except ProviderUnavailable as error:
            return self._provider_unavailable(error)
        response = _redirect(started.location)
        self._set_cookie(response, self._sign_in_cookie, started.binding, SIGN_IN_COOKIE_S)
        return response

    async def finish(self, request: web.Request) -> web.Response:
        """Take what the provider sent, and begin a session."""
        if self._provider is None:
            raise WebError("not_found", "this gateway has no sign-in provider")
        query = {name: value for name, value in request.query.items() if len(value) <= VALUE_MAX}
        try:
            finished = await self._provider.finish(query, request.cookies.get(self._sign_in_cookie, ""))
        except ProviderUnavailable as error:
            return self._provider_unavailable(error)
        except SignInRefused as error:
            return await self._refuse(str(error))
        response = await self._begin_session(finished.identity, finished.return_to)
        response.del_cookie(self._sign_in_cookie, path="/", secure=self._origin.is_secure, httponly=True)
        return response

    async def use_link(self, request: web.Request) -> web.Response:
        """Begin a session for the person of a link that the gateway printed."""
        if self._links is None:
            raise WebError("not_found", "people sign in at the provider here")
        if "prefetch" in request.headers.get("Sec-Purpose", ""):
            raise WebError("busy", "a link works once, so it is not loaded in advance")
        identity = self._links.use(request.query.get("link", ""))
        if identity is None:
            return await self._refuse(
                "this link was used, has expired, or is of an earlier start of the gateway; "
                "the sign-in page prints a new one"
            )
        return await self._begin_session(identity, "/")

    async def sign_out(self, request: web.Request) -> web.Response:
        """End the session, and say where the browser ends it at the provider."""
        viewer = request[VIEWER]
        if viewer.session_id_hash is not None:
            await self._sessions.end(viewer.session_id_hash)
        await self._audit.record(actor=viewer.name, action="sign_out", outcome="done")
        location = None if self._provider is None else await self._provider.leaving(self._origin.root + "/")
        response = web.json_response({"location": location or "/"})
        response.del_cookie(self._origin.cookie, path="/", secure=self._origin.is_secure, httponly=True)
        return response

    async def _begin_session(self, identity: Identity, return_to: str) -> web.Response:
        await self._audit.check()
        session = await self._sessions.begin(identity)
        await self._audit.record(
            actor=identity.name, action="sign_in", outcome="done", reason=f"role {identity.role.value}"
        )
        self._metrics.sign_ins.labels("done").inc()
        response = _redirect(return_to)
        self._set_cookie(response, self._origin.cookie, session.secret, None)
        return response

    async def _refuse(self, why: str) -> web.Response:
        self._metrics.sign_ins.labels("refused").inc()
        await self._audit.record(actor="", action="sign_in", outcome="refused", reason=why)
        return _page("You are not signed in", f"<p>{html.escape(_sentence(why))}</p>{_AGAIN}", status=REFUSED)

    def _provider_unavailable(self, error: ProviderUnavailable) -> web.Response:
        self._metrics.sign_ins.labels("unavailable").inc()
        log.error("nobody can sign in, the provider does not answer as it should: %s", error)
        return _page(
            "Signing in is not possible now",
            f"<p>The provider does not answer. Who is signed in can go on working. Try again in a moment.</p>{_AGAIN}",
            status=503,
        )

    def _set_cookie(self, response: web.Response, name: str, value: str, max_age: int | None) -> None:
        response.set_cookie(
            name, value, max_age=max_age, path="/", secure=self._origin.is_secure, httponly=True, samesite="Lax"
        )


_AGAIN = f'<p><a href="/sign-in?{urlencode({"return": "/"})}">Sign in again</a></p>'


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


def _redirect(location: str) -> web.Response:
    return web.Response(status=303, headers={"Location": location})


def _page(title: str, body: str, status: int = 200) -> web.Response:
    return web.Response(text=_PAGE.format(title=html.escape(title), body=body), content_type="text/html", status=status)

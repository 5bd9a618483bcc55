"""Errors of the gateway's web server outside of GraphQL: one exception, one closed list of codes."""

import msgspec
from aiohttp import web

from gateway.rest.errors import ErrorBody, ErrorDetail

WEB_CODES: dict[str, tuple[int, str]] = {
    "bad_request": (400, "the request is malformed, or a parameter cannot be used"),
    "signed_out": (401, "nobody is signed in, the session has ended, or the token is not valid"),
    "forbidden": (403, "the request comes from another site, or the role does not allow it"),
    "not_found": (404, "there is no such page"),
    "method_not_allowed": (405, "the page does not take this method"),
    "too_large": (413, "the request is larger than it may be"),
    "wrong_host": (421, "the gateway does not answer under this name"),
    "too_often": (429, "too many requests; Retry-After has the seconds to wait"),
    "internal": (500, "a bug; the message has the incident id, under which the gateway's log has the cause"),
    "busy": (503, "the gateway already does as much as it may at a time"),
    "unavailable": (503, "what is needed for the answer does not answer now"),
}
"""The status and the meaning of each code."""


class WebError(Exception):
    """An error that is returned to the client, message included."""

    def __init__(self, code: str, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry_after_s = retry_after_s

    @property
    def status(self) -> int:
        """The HTTP status of the code."""
        return WEB_CODES[self.code][0]

    def response(self) -> web.Response:
        """The answer."""
        headers = {}
        if self.code == "signed_out":
            headers["WWW-Authenticate"] = 'Bearer realm="rentmatch"'
        if self.retry_after_s is not None:
            headers["Retry-After"] = str(max(1, round(self.retry_after_s + 0.5)))
        body = msgspec.json.encode(ErrorBody(ErrorDetail(self.code, self.message)))
        return web.Response(
            body=body, status=self.status, headers=headers, content_type="application/json", charset="utf-8"
        )

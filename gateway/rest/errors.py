"""Errors of the HTTP API: one exception, one closed list of codes."""

import msgspec

CODES: dict[str, tuple[int, str]] = {
    "bad_request": (400, "the request is malformed or has a body"),
    "bad_parameter": (400, "the value of a parameter is invalid; the message names the parameter"),
    "unknown_parameter": (400, "the route has no such parameter; the message names it"),
    "unauthorized": (401, "there is no bearer token, or it is not one of RENTMATCH_HTTP_TOKEN"),
    "not_found": (404, "there is no such route, or no record with this id"),
    "method_not_allowed": (405, "every route takes GET and HEAD only"),
    "too_long": (414, "path and query together are longer than 4096 bytes"),
    "wrong_host": (421, "without a token a worker answers only under the names of its own machine"),
    "internal": (500, "a bug; the message has the incident id, under which the worker's log has the cause"),
    "owner_refused": (502, "the worker that owns the key refused this worker: their tokens differ"),
    "busy": (503, "the worker is already answering as many requests as it takes at a time"),
    "moving": (503, "the key is moving between workers, or its worker does not answer"),
    "no_owner": (503, "no reachable worker is known to own the key; the message names the setting"),
    "no_read_model": (503, "this worker has no read model; the message names the setting"),
    "read_model_unavailable": (503, "the read model does not answer"),
    "timeout": (503, "the answer took too long"),
}
"""The status and the meaning of each error code."""

HEADERS_OF: dict[str, dict[str, str]] = {
    "unauthorized": {"WWW-Authenticate": 'Bearer realm="rentmatch"'},
    "method_not_allowed": {"Allow": "GET,HEAD"},
    "busy": {"Retry-After": "1"},
    "moving": {"Retry-After": "2"},
    "read_model_unavailable": {"Retry-After": "5"},
    "timeout": {"Retry-After": "5"},
}
"""The headers of an error, by its code. `Retry-After` is in seconds."""


class ErrorDetail(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The error. The message is for people and may change; the code does not."""

    code: str
    message: str


class ErrorBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of every error."""

    error: ErrorDetail


class ApiError(Exception):
    """An error that is returned to the client, message included."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.body = ErrorBody(ErrorDetail(code, message))

    @property
    def status(self) -> int:
        """The HTTP status of the code."""
        return CODES[self.code][0]

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the code."""
        return dict(HEADERS_OF.get(self.code, {}))

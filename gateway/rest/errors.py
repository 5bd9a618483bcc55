"""What the HTTP API says when it has no answer: one class, one closed list of codes."""

CODES: dict[str, tuple[int, str]] = {
    "bad_request": (400, "the request is malformed, or has a body"),
    "bad_parameter": (400, "a parameter has a value that it cannot have; the message names it"),
    "unknown_parameter": (400, "the route has no such parameter; the message names it"),
    "unauthorized": (401, "no bearer token, or not one of RENTMATCH_HTTP_TOKEN"),
    "not_found": (404, "no such route, or nothing is known of this id"),
    "method_not_allowed": (405, "every route takes GET and HEAD only"),
    "too_long": (414, "path and query together are longer than 4096 bytes"),
    "wrong_host": (421, "without a token a worker answers only to the names of its own machine"),
    "internal": (500, "a bug; the message holds the incident's id, which is in the worker's log with the cause"),
    "owner_refused": (502, "the worker that holds the key refused this one: their tokens differ"),
    "busy": (503, "as many questions as this worker takes at a time are being answered"),
    "moving": (503, "the key is on its way from one worker to another, or its worker does not answer"),
    "no_owner": (503, "no worker that can be asked holds the key; the message says what to set"),
    "no_read_model": (503, "this worker was given no read model; the message says what to set"),
    "read_model_unavailable": (503, "the read model does not answer"),
    "timeout": (503, "the answer took too long"),
}
"""Every error code with its status and when it comes."""

RETRY_AFTER_S = {"busy": 1, "moving": 2, "read_model_unavailable": 5, "timeout": 5}
"""What a client is told to wait before it asks again."""


class ApiError(Exception):
    """A question that is answered with an error; the message is for the client."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def status(self) -> int:
        """The HTTP status of the code."""
        return CODES[self.code][0]

    @property
    def headers(self) -> dict[str, str]:
        """The headers that belong to the code."""
        found = {}
        if self.code in RETRY_AFTER_S:
            found["Retry-After"] = str(RETRY_AFTER_S[self.code])
        if self.code == "unauthorized":
            found["WWW-Authenticate"] = 'Bearer realm="rentmatch"'
        return found

    def body(self) -> dict[str, dict[str, str]]:
        """The JSON that the client gets."""
        return {"error": {"code": self.code, "message": self.message}}

"""The errors that clients see: a code of a closed list, and a message for people.

Whatever else goes wrong is a bug: the client sees `internal` and an incident id, under which the log has the cause.
Neither the log nor an answer has the text of a document or the values of its variables, because ids of people may be
among them.
"""

from enum import StrEnum


class ErrorCode(StrEnum):
    """Why a request, or a field of it, was not answered: `extensions.code` of an error."""

    BAD_REQUEST = "bad_request"
    """The body is no GraphQL request as docs/graphql.md describes it."""
    INVALID_DOCUMENT = "invalid_document"
    """The document has a syntax error, or does not fit the schema or its variables."""
    LIMIT_EXCEEDED = "limit_exceeded"
    """The document asks for too much; `extensions.limit` names the limit."""
    STALE_DOCUMENT = "stale_document"
    """The id is of no document that this gateway knows: load the console again."""
    DOCUMENT_REQUIRED = "document_required"
    """The viewer may only send ids of documents."""
    BAD_ARGUMENT = "bad_argument"
    """An argument has a value that cannot be."""
    NOT_ALLOWED = "not_allowed"
    """The viewer lacks the permission."""
    UNAVAILABLE = "unavailable"
    """What is needed for the answer does not answer; try again."""
    BUSY = "busy"
    """The gateway answers as many requests as it may; try again."""
    TIMEOUT = "timeout"
    """The answer took too long; ask for less."""
    INTERNAL = "internal"
    """A bug; `extensions.incident` is in the log."""


class GatewayError(Exception):
    """An error that the client sees as it is.

    Args:
        code: the code.
        message: what is wrong and what to do, without values of other people.
        extensions: more members of the error's `extensions`.

    """

    def __init__(self, code: ErrorCode, message: str, **extensions: str | int) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.extensions = extensions


def bad_argument(message: str) -> GatewayError:
    """Give the error of an argument with a value that cannot be."""
    return GatewayError(ErrorCode.BAD_ARGUMENT, message)

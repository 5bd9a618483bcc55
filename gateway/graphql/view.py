"""Answers GraphQL requests over HTTP: one operation in a POST of JSON; a subscription is a stream of events."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any

import msgspec
from aiohttp import web
from graphql import OperationType
from strawberry import Schema
from strawberry.schema.exceptions import CannotGetOperationTypeError
from strawberry.types import ExecutionResult

from gateway.graphql.answers import bug, code_of, described, error_body
from gateway.graphql.checks import operation_of
from gateway.graphql.context import Context
from gateway.graphql.documents import Documents
from gateway.graphql.errors import ErrorCode, GatewayError

BODY_BYTES_MAX = 16 << 10
VARIABLES_BYTES_MAX = 8 << 10
ANSWER_TIMEOUT_S = 5.0
COMMAND_TIMEOUT_S = 30.0
"""For a mutation: it is better to wait for the broker than to leave open what became of it."""
READ_TIMEOUT_S = 10.0
"""A client that reads its answer for longer is disconnected."""
RUNNING_MAX = 16
"""Operations that are executed at a time."""
WAITING_MAX = 64
"""Operations that wait for their turn."""
UNREAD_BYTES_MAX = 64 << 20
"""Of all answers that clients are still reading, together."""
EVENT_STREAM = "text/event-stream"

_STATUS = {
    ErrorCode.DOCUMENT_REQUIRED: 403,
    ErrorCode.BUSY: 503,
    ErrorCode.TIMEOUT: 503,
    ErrorCode.UNAVAILABLE: 503,
    ErrorCode.INTERNAL: 500,
}
"""The HTTP status of a request that is refused as a whole; 400 for other codes."""
_RETRY_AFTER_S = {ErrorCode.BUSY: "1", ErrorCode.TIMEOUT: "5", ErrorCode.UNAVAILABLE: "5"}

Observed = Callable[[str, float], None]
"""Is given the outcome of a request, `ok` or the code of its first error, and the seconds that it took."""


Answer = tuple[dict[str, Any], int, dict[str, str]]
"""Body, status and headers."""


class GraphqlRequest(msgspec.Struct, rename="camel"):
    """The body of a request: the id of a document of the console, or a document."""

    document_id: str | None = None
    query: str | None = None
    operation_name: str | None = None
    variables: msgspec.Raw = msgspec.Raw(b"null")
    """Not decoded yet, since their length has a limit."""


class GraphqlView:
    """Answers requests of known viewers.

    Args:
        schema: the schema.
        documents: the console's.
        observed: is given the outcome of each request.

    """

    def __init__(self, schema: Schema, documents: Documents, observed: Observed = lambda _code, _seconds: None) -> None:
        self._schema = schema
        self._documents = documents
        self._observed = observed
        self._running = asyncio.Semaphore(RUNNING_MAX)
        self._present = 0
        self._unread_bytes = 0

    async def answer(self, request: web.Request, context: Context) -> web.StreamResponse:
        """Answer a request in a context. Whatever the client sends is answered; nothing is raised."""
        began = time.monotonic()
        outcome = "gone"
        try:
            try:
                text, wanted = await self._wanted(request, context)
                operation = operation_of(text).operation
                if operation is OperationType.SUBSCRIPTION:
                    _require_stream(request)
                    response = await self._stream(request, text, wanted, context)
                    outcome = "ok"
                    return response
                is_command = operation is OperationType.MUTATION
                if is_command and wants_events(request):
                    # A stream ends when its client goes. A command is carried out to its end.
                    raise GatewayError(
                        ErrorCode.BAD_REQUEST, "a mutation is answered with JSON: send `Accept: application/json`"
                    )
                result = await self._executed(text, wanted, context, is_command=is_command)
                body, status, headers = _body_of(result)
            except GatewayError as error:
                body, status, headers = _refusal(error)
            except Exception as error:
                body, status, headers = _refusal(bug(error, "a request"))
            outcome = code_of(body)
            return await self._write(request, msgspec.json.encode(body), status, headers)
        finally:
            self._observed(outcome, time.monotonic() - began)

    async def _wanted(self, request: web.Request, context: Context) -> tuple[str, GraphqlRequest]:
        """Read a request. Returns the text of its document, and the rest."""
        if request.content_type != "application/json":
            raise GatewayError(ErrorCode.BAD_REQUEST, "a request is a POST of application/json")
        wanted = _decoded(await _read(request))
        if wanted.document_id is not None:
            if wanted.query is not None:
                raise GatewayError(ErrorCode.BAD_REQUEST, "send `documentId` or `query`, not both")
            return await self._documents.text_of(wanted.document_id), wanted
        if not wanted.query:
            raise GatewayError(ErrorCode.BAD_REQUEST, "there is neither `documentId` nor `query`")
        if not context.viewer.may_query_freely:
            why = "sessions send the ids of the console's documents; an API token with the right sends its own"
            await context.people.refused(context.viewer, action="graphql.query", reason=why)
            raise GatewayError(ErrorCode.DOCUMENT_REQUIRED, why)
        return wanted.query, wanted

    async def _executed(
        self, text: str, wanted: GraphqlRequest, context: Context, *, is_command: bool
    ) -> ExecutionResult:
        variables = _variables(wanted)
        async with self._turn(COMMAND_TIMEOUT_S if is_command else ANSWER_TIMEOUT_S):
            try:
                return await self._schema.execute(
                    text, variable_values=variables, context_value=context, operation_name=wanted.operation_name
                )
            except CannotGetOperationTypeError:
                raise GatewayError(
                    ErrorCode.INVALID_DOCUMENT, "the document's operation is not the one of `operationName`"
                ) from None

    @asynccontextmanager
    async def _turn(self, timeout_s: float) -> AsyncIterator[None]:
        if self._present >= RUNNING_MAX + WAITING_MAX:
            raise GatewayError(ErrorCode.BUSY, "the gateway answers as many requests as it may; try again")
        self._present += 1
        try:
            async with asyncio.timeout(timeout_s), self._running:
                yield
        except TimeoutError:
            raise GatewayError(
                ErrorCode.TIMEOUT, f"there was no answer within {timeout_s:.0f} s; ask for less, or try again"
            ) from None
        finally:
            self._present -= 1

    async def _write(
        self, request: web.Request, body: bytes, status: int, headers: Mapping[str, str]
    ) -> web.StreamResponse:
        """Write an answer within the time-out; aiohttp finds it written."""
        if self._unread_bytes + len(body) > UNREAD_BYTES_MAX:
            refusal, status, headers = _refusal(
                GatewayError(ErrorCode.BUSY, "clients are still reading too many answers; try again")
            )
            body = msgspec.json.encode(refusal)
        response = web.Response(body=body, status=status, headers=headers, content_type="application/json")
        self._unread_bytes += len(body)
        try:
            async with asyncio.timeout(READ_TIMEOUT_S):
                await response.prepare(request)
                await response.write_eof()
        except (TimeoutError, ConnectionError):  # the client does not read, or it went
            if request.transport is not None:
                request.transport.abort()
        finally:
            self._unread_bytes -= len(body)
        return response

    async def _stream(
        self, request: web.Request, text: str, wanted: GraphqlRequest, context: Context
    ) -> web.StreamResponse:
        """Answer a subscription as events: graphql-sse, one connection for each operation."""
        variables = _variables(wanted)
        results = await self._schema.subscribe(
            text, variable_values=variables, context_value=context, operation_name=wanted.operation_name
        )
        response = web.StreamResponse(headers={"Content-Type": EVENT_STREAM, "X-Accel-Buffering": "no"})
        try:
            await response.prepare(request)
            async with aclosing(results):
                async for result in results:
                    body, _, _ = _body_of(result)
                    await response.write(b"event: next\ndata: " + msgspec.json.encode(body) + b"\n\n")
            await response.write(b"event: complete\ndata:\n\n")
            await response.write_eof()
        except ConnectionError:
            if request.transport is not None:  # the client went
                request.transport.abort()
        return response


def wants_events(request: web.Request) -> bool:
    """Whether the client takes a stream of events, and no JSON: a subscription.

    Clients that take both, as urql does for every query and command, are answered with JSON.
    """
    accepted = request.headers.get("Accept", "")
    return EVENT_STREAM in accepted and "application/json" not in accepted


def _require_stream(request: web.Request) -> None:
    if not wants_events(request):
        raise GatewayError(
            ErrorCode.BAD_REQUEST, f"a subscription is answered to `Accept: {EVENT_STREAM}` only, without JSON"
        )


def _body_of(result: ExecutionResult) -> Answer:
    body: dict[str, Any] = {"data": result.data}
    if result.errors:
        body["errors"] = described(result.errors)
    if result.data is not None or any(error.path for error in result.errors or ()):
        return body, 200, {}
    del body["data"]  # nothing was executed
    return body, _STATUS.get(ErrorCode(code_of(body)), 400), {}


def _refusal(error: GatewayError) -> Answer:
    retry_after = _RETRY_AFTER_S.get(error.code)
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return error_body(error), _STATUS.get(error.code, 400), headers


async def _read(request: web.Request) -> bytes:
    """Read a body. Its length is checked while reading, because a Content-Length need not be there, nor true."""
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            raise GatewayError(
                ErrorCode.LIMIT_EXCEEDED, f"the body is longer than {BODY_BYTES_MAX} bytes", limit="body"
            )
    return bytes(body)


def _decoded(body: bytes) -> GraphqlRequest:
    try:
        return msgspec.json.decode(body, type=GraphqlRequest)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise GatewayError(
            ErrorCode.BAD_REQUEST, f"the body is no request ({error}); it is one object: several are not answered"
        ) from None


def _variables(wanted: GraphqlRequest) -> dict[str, Any] | None:
    raw = wanted.variables
    if len(bytes(raw)) > VARIABLES_BYTES_MAX:
        raise GatewayError(
            ErrorCode.LIMIT_EXCEEDED, f"the variables are longer than {VARIABLES_BYTES_MAX} bytes", limit="variables"
        )
    try:
        return msgspec.json.decode(raw, type=dict[str, Any] | None)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise GatewayError(ErrorCode.BAD_REQUEST, f"`variables` cannot be read ({error})") from None

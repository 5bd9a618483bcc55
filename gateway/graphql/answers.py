"""Errors of an answer as the client sees them, and what the log has of them."""

import logging
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from graphql import FieldNode, GraphQLError

from gateway.graphql.errors import ErrorCode, GatewayError
from gateway.graphql.schema.scalars import NoScalar
from gateway.people.audit import AuditUnavailable
from read_model.finding import ReadModelUnavailable
from read_model.mongo import MongoUnavailable
from read_model.orders import InvalidCursor

log = logging.getLogger(__name__)

_AWAY = "the read model does not answer now; try again in a moment"


def described(errors: Iterable[GraphQLError]) -> list[dict[str, Any]]:
    """Give the errors of an answer as JSON, and log those that are bugs."""
    return [_described(each) for each in errors]


def error_body(error: GatewayError) -> dict[str, Any]:
    """Give the body of an answer to a request that is refused as a whole."""
    return {"errors": [_json(error)]}


def code_of(body: Mapping[str, Any]) -> str:
    """Give the code of the first error of a body; `ok` without errors."""
    errors = body.get("errors")
    return str(errors[0]["extensions"]["code"]) if errors else "ok"


def _described(error: GraphQLError) -> dict[str, Any]:
    found = _json(_gateway_error(error))
    if error.locations:
        found["locations"] = [{"line": each.line, "column": each.column} for each in error.locations]
    if error.path is not None:
        found["path"] = list(error.path)
    return found


def _gateway_error(error: GraphQLError) -> GatewayError:
    cause = _cause(error)
    if cause is None or isinstance(cause, NoScalar):
        return GatewayError(ErrorCode.INVALID_DOCUMENT, error.message)
    if isinstance(cause, GatewayError):
        return cause
    if isinstance(cause, InvalidCursor):
        return GatewayError(ErrorCode.BAD_ARGUMENT, f"`after`: {cause}; take `endCursor` of a page of this list")
    if isinstance(cause, ReadModelUnavailable | MongoUnavailable):
        log.warning("the read model does not answer: %s", cause)
        return GatewayError(ErrorCode.UNAVAILABLE, _AWAY)
    if isinstance(cause, AuditUnavailable):
        return GatewayError(ErrorCode.UNAVAILABLE, str(cause))
    return bug(cause, _field_of(error))


def bug(cause: BaseException, where: str) -> GatewayError:
    """Log a bug, and give the error that the client sees of it.

    Args:
        cause: what was raised.
        where: the field or the step; no text of the client.

    """
    incident = uuid.uuid4().hex[:12]
    log.error("incident %s: %s", incident, where, exc_info=cause)
    return GatewayError(ErrorCode.INTERNAL, f"incident {incident}; the gateway's log has the cause", incident=incident)


def _cause(error: GraphQLError) -> Exception | None:
    """Give what was raised below an error of GraphQL; None if it is GraphQL's own."""
    cause: Exception | None = error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause


def _field_of(error: GraphQLError) -> str:
    """Give the name that the schema has for the field, since an alias is a text of the client."""
    node = error.nodes[0] if error.nodes else None
    return node.name.value if error.path is not None and isinstance(node, FieldNode) else "execution"


def _json(error: GatewayError) -> dict[str, Any]:
    return {"message": error.message, "extensions": {"code": str(error.code), **error.extensions}}

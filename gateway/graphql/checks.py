"""The checks of every document on its way to execution, with what was parsed and validated kept for the next time."""

from collections.abc import Iterator
from functools import lru_cache

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    parse,
    specified_rules,
)
from graphql.validation import validate
from strawberry.extensions import SchemaExtension
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from gateway.graphql import limits
from gateway.graphql.context import Context
from gateway.graphql.errors import ErrorCode, GatewayError

DOCUMENTS_KEPT = 128
"""Parsed and validated documents. Each has at most 16 KiB of text."""
ERRORS_MAX = 5
"""Of a validation: it stops there."""

_RULES = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule)
"""Those that strawberry applies."""


class Checks(SchemaExtension):
    """Parses within the limits, measures, and validates. A refusal is a GatewayError."""

    def on_parse(self) -> Iterator[None]:
        """Parse and measure."""
        execution = self.execution_context
        context: Context = execution.context
        text = execution.query or ""
        execution.graphql_document = _parsed(text)
        found = limits.measure(_parsed(text), execution.schema._schema, execution.variables)
        limits.check(found, operation_of(text).operation, may_introspect=context.may_introspect)
        yield

    def on_validate(self) -> Iterator[None]:
        """Validate."""
        execution = self.execution_context
        if execution.graphql_document is not None:
            execution.pre_execution_errors = _validated(execution.schema._schema, execution.query or "")
        yield


def operation_of(text: str) -> OperationDefinitionNode:
    """Give the operation of a document.

    Raises:
        GatewayError: it cannot be parsed within the limits, or has not exactly one operation.

    """
    found = [each for each in _parsed(text).definitions if isinstance(each, OperationDefinitionNode)]
    if len(found) != 1:
        raise GatewayError(ErrorCode.INVALID_DOCUMENT, f"the document has {len(found)} operations instead of one")
    return found[0]


@lru_cache(DOCUMENTS_KEPT)
def _parsed(text: str) -> DocumentNode:
    limits.check_text(text)
    try:
        return parse(text)
    except GraphQLSyntaxError as error:
        raise GatewayError(ErrorCode.INVALID_DOCUMENT, error.message) from None


@lru_cache(DOCUMENTS_KEPT)
def _validated(schema: GraphQLSchema, text: str) -> list[GraphQLError]:
    return validate(schema, _parsed(text), _RULES, max_errors=ERRORS_MAX, hide_suggestions=True)

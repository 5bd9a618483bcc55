"""The schema of the process. Strawberry's types belong to one schema, so there is one a process."""

import sys
from functools import cache
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.name_converter import NameConverter
from strawberry.types import ExecutionContext

from gateway.graphql.checks import Checks
from gateway.graphql.schema.mutation import Mutation
from gateway.graphql.schema.query import Query
from gateway.graphql.schema.scalars import SCALARS
from gateway.graphql.schema.subscription import Subscription

_HEADING = "# The GraphQL schema of the gateway. `python -m gateway.graphql` prints it."


class _Names(NameConverter):
    """A counted connection of payments is a PaymentConnection, as an uncounted one would be."""

    def from_generic(self, *args: Any, **kwargs: Any) -> str:
        return super().from_generic(*args, **kwargs).replace("Counted", "")


class _Schema(strawberry.Schema):
    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Log nothing: strawberry would log the text of the document. gateway/graphql/answers.py logs bugs."""


def _describe_types() -> None:
    """Make the docstring of each type its description, where it has no other."""
    for module in [each for name, each in sys.modules.items() if name.startswith("gateway.graphql.schema.")]:
        for each in vars(module).values():
            definition = getattr(each, "__strawberry_definition__", None)
            if isinstance(each, type) and definition is not None and definition.description is None:
                definition.description = " ".join((each.__doc__ or "").split()) or None


@cache
def gateway_schema() -> strawberry.Schema:
    """Give the schema."""
    _describe_types()
    return _Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        extensions=[Checks],
        config=StrawberryConfig(scalar_map=SCALARS, name_converter=_Names(), disable_field_suggestions=True),
    )


def schema_text() -> str:
    """Give the schema in GraphQL's language, as docs/schema.graphql has it."""
    return f"{_HEADING}\n\n{gateway_schema().as_str()}\n"

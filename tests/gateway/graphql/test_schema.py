"""The schema is as docs/schema.graphql says, and its enums have what the domain's have."""

from enum import Enum
from pathlib import Path
from typing import get_args

import pytest
from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLObjectType, GraphQLSchema

from domain import facts, records
from gateway.graphql.schema import enums
from gateway.graphql.schema.factory import gateway_schema, schema_text
from read_model.queries import KEY_KINDS

PAGE = Path(__file__).resolve().parents[3] / "docs" / "schema.graphql"
PUBLISHED = Path(__file__).with_name("published_names.txt")


def names_of(schema: GraphQLSchema) -> set[str]:
    """Whatever a client's document may name: fields, arguments, fields of inputs, and values of enums."""
    found: set[str] = set()
    for each in schema.type_map.values():
        if each.name.startswith("__"):
            continue
        found.add(each.name)
        if isinstance(each, GraphQLObjectType):
            for name, field in each.fields.items():
                found |= {f"{each.name}.{name}", *(f"{each.name}.{name}({argument})" for argument in field.args)}
        elif isinstance(each, GraphQLInputObjectType):
            found |= {f"{each.name}.{name}" for name in each.fields}
        elif isinstance(each, GraphQLEnumType):
            found |= {f"{each.name}.{name}" for name in each.values}
    return found


def test_the_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == schema_text(), (
        "out of date; update it: python -m gateway.graphql > docs/schema.graphql"
    )


def test_no_name_that_clients_use_is_gone():
    """A field is deprecated before it goes; a new one is added to the list."""
    published = set(PUBLISHED.read_text(encoding="utf-8").split())
    found = names_of(gateway_schema()._schema)
    assert published - found == set(), "clients may use these"
    again = "from tests.gateway.graphql.test_schema import *; publish()"
    assert found - published == set(), f'new; add them: python -c "{again}"'


def publish() -> None:
    """Write the list."""
    PUBLISHED.write_text("".join(f"{name}\n" for name in sorted(names_of(gateway_schema()._schema))))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        *(
            (name, [(each.name, each.value) for each in getattr(records, name)])
            for name in (
                "AgeingBucket", "BreakClass", "BreakLifecycle", "DecisionState", "LateLifecycle", "LateStage",
                "MatchedBy", "ObligationStatus", "PaymentStatus", "PayoutStatus", "ReferenceStatus",
            )
        ),
        ("DecisionAction", [(each, each) for each in get_args(facts.DecisionAction)]),
        ("Method", [(each, each) for each in get_args(facts.Method)]),
        ("KeyKind", [(each.upper(), each) for each in KEY_KINDS]),
    ],
)  # fmt: skip
def test_an_enum_has_the_values_of_the_domain_and_unknown(name: str, values: list[tuple[str, str]]):
    found: type[Enum] = getattr(enums, name)
    assert [(each.name, each.value) for each in found] == [*values, ("UNKNOWN", "unknown")]
    assert found("of a newer worker") is found["UNKNOWN"]


def test_what_can_be_asked_is_described():
    schema = gateway_schema()._schema
    for name, each in schema.type_map.items():
        own = isinstance(each, GraphQLObjectType | GraphQLInputObjectType | GraphQLEnumType)
        assert not own or each.description, name
    for root in (schema.query_type, schema.mutation_type, schema.subscription_type):
        assert root is not None
        for name, field in root.fields.items():
            assert (field.description or "").endswith("."), f"{root.name}.{name}"

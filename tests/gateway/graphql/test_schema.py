"""The schema is as docs/schema.graphql says, and its enums have what the domain's have."""

import re
from enum import Enum
from pathlib import Path
from typing import get_args

import pytest
from graphql import GraphQLObjectType, build_schema

from domain import facts, records
from gateway.graphql.schema import enums
from gateway.graphql.schema.factory import gateway_schema, schema_text
from read_model.queries import KEY_KINDS

PAGE = Path(__file__).resolve().parents[3] / "docs" / "schema.graphql"


def fields_of(text: str) -> set[str]:
    schema = build_schema(text)
    objects = [each for each in schema.type_map.values() if isinstance(each, GraphQLObjectType)]
    return {f"{each.name}.{name}" for each in objects if not each.name.startswith("__") for name in each.fields}


def test_the_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == schema_text(), (
        "out of date; update it: python -m gateway.graphql > docs/schema.graphql"
    )


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


def test_every_field_of_an_object_is_described_or_says_it_by_its_name():
    """What a query, mutation or subscription does is described."""
    schema = gateway_schema()._schema
    for root in (schema.query_type, schema.mutation_type, schema.subscription_type):
        assert root is not None
        for name, field in root.fields.items():
            assert field.description, f"{root.name}.{name}"
            assert re.search(r"[.]$", field.description), f"{root.name}.{name}"

"""docs/graphql.md has the limits and the codes of the code."""

import re
from pathlib import Path

from gateway.graphql import limits, view
from gateway.graphql.errors import ErrorCode
from gateway.graphql.pages import FIRST_MAX

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "graphql.md").read_text(encoding="utf-8")

LIMITS = {
    "body": view.BODY_BYTES_MAX,
    "variables": view.VARIABLES_BYTES_MAX,
    "tokens": limits.TOKENS_MAX,
    "nesting": limits.NESTING_MAX,
    "steps": limits.STEPS_MAX,
    "fragments": limits.FRAGMENTS_MAX,
    "repeated": limits.REPEATED_MAX,
    "depth": limits.DEPTH_MAX,
    "aliases": limits.ALIASES_MAX,
    "roots": limits.ROOTS_MAX,
    "cost": limits.COST_MAX,
}


def table(name: str) -> list[list[str]]:
    (text,) = re.findall(rf"<!-- {name}: begin .*?-->\n(.*?)\n<!-- {name}: end -->", PAGE, re.DOTALL)
    return [[cell.strip(" `") for cell in row.strip("|").split("|")] for row in text.splitlines()[2:]]


def test_the_limits():
    assert {name: int(most.replace(",", "")) for name, most, _ in table("limits")} == LIMITS
    assert f"from 1 to {FIRST_MAX}" in PAGE


def test_the_codes():
    assert [code for code, _ in table("codes")] == list(ErrorCode)


def test_the_weights():
    dear = {field for (_, field), weight in limits.WEIGHTS.items() if weight == 50}
    assert {"explanation", "proposals", "history", "timeZone", "lineItems", "booked"} <= dear
    assert f"A `count` costs {limits.COUNT_COST}" in PAGE
    assert f"a mutation {limits.MUTATION_COST}" in PAGE
    assert f"counts as {limits.ASSUMED}" in PAGE

"""What a document may ask for: each limit, each way round it, and that a refusal is quick.

The bound of a refusal is wide, in lines of Python that it runs; what was measured is in docs/graphql.md.
"""

from contextlib import suppress
from typing import Any

import pytest
from graphql import OperationType, parse
from hypothesis import given
from hypothesis import strategies as st

from gateway.graphql import limits
from gateway.graphql.checks import Checks, operation_of
from gateway.graphql.errors import ErrorCode, GatewayError
from gateway.graphql.schema.factory import gateway_schema
from tests.gateway.graphql.conftest import Gateway
from tests.kit.lines_run import LinesRun

LINES_MAX = 1_000_000
"""The lines of Python that a refusal may run."""


def refused(document: str, variables: dict[str, Any] | None = None, *, may_introspect: bool = False) -> str:
    """The limit that refuses a document before validation; empty if none does."""
    with LinesRun() as lines:
        try:
            limits.check_text(document)
            parsed = parse(document)
            found = limits.measure(parsed, gateway_schema()._schema, variables)
            operation = parsed.definitions[0].operation if hasattr(parsed.definitions[0], "operation") else None
            limits.check(found, operation or OperationType.QUERY, may_introspect=may_introspect)
        except GatewayError as error:
            assert lines.count < LINES_MAX
            return str(error.extensions.get("limit", error.code))
    return ""


def measured(document: str, variables: dict[str, Any] | None = None) -> limits.Measures:
    return limits.measure(parse(document), gateway_schema()._schema, variables)


def chain(length: int, spread: int, inner: str = "id") -> str:
    """Fragments of which each spreads the next several times."""
    fragments = [f"fragment F{n} on Break {{ {f'...F{n + 1} ' * spread} }}" for n in range(length)]
    return "{ break(id: 1) { ...F0 } } " + " ".join(fragments) + f" fragment F{length} on Break {{ {inner} }}"


def nested(depth: int) -> str:
    return (
        "{ payment(id: 1) "
        + "{ obligations { payments(first: 1) " * (depth // 2)
        + "{ id }"
        + "} }" * (depth // 2)
        + "}"
    )


# Fragments


@pytest.mark.parametrize("length", [14, 30, 45])
def test_fragments_that_multiply_end_after_some_steps(length: int):
    assert refused(chain(length, 2)) == "steps"


def test_fragments_that_multiply_emptily_count_too():
    assert refused(chain(20, 3, "__typename")) == "steps"


def test_fragments_in_a_circle_are_refused():
    assert refused("{ break(id: 1) { ...A } } fragment A on Break { ...B } fragment B on Break { ...A }") == (
        ErrorCode.INVALID_DOCUMENT
    )


def test_a_fragment_that_nothing_spreads_is_walked_too():
    assert refused("{ break(id: 1) { id } } fragment A on Break { " + "id " * 900 + "}") == "repeated"
    assert refused("{ break(id: 1) { id } } fragment A on Break { ...A }") == ErrorCode.INVALID_DOCUMENT


def test_too_many_fragments():
    fragments = " ".join(f"fragment F{n} on Break {{ id }}" for n in range(limits.FRAGMENTS_MAX + 1))
    assert refused("{ break(id: 1) { id } } " + fragments) == "fragments"


def test_a_fragment_that_is_not_there_is_left_to_validation():
    assert refused("{ break(id: 1) { ...Nowhere } }") == ""


# Depth


def test_depth_is_the_same_through_fragments_and_inline_fragments():
    plain = "{ break(id: 1) { payment { obligations { payments(first: 1) { id } } } } }"
    inline = "{ break(id: 1) { ... on Break { payment { ... { obligations { payments(first: 1) { id } } } } } } }"
    spread = (
        "{ break(id: 1) { ...A } } fragment A on Break { payment { ...B } } "
        "fragment B on Payment { obligations { payments(first: 1) { id } } }"
    )
    assert {measured(each).depth for each in (plain, inline, spread)} == {5}


def test_too_deep():
    assert measured(nested(10)).depth == limits.DEPTH_MAX
    assert refused(nested(10)) == ""
    assert refused(nested(12)) == "depth"


def test_too_deep_through_fragments():
    hops = " ".join(
        f"fragment F{n} on Payment {{ obligations {{ payments(first: 1) {{ ...F{n + 1} }} }} }}" for n in range(6)
    )
    assert refused("{ payment(id: 1) { ...F0 } } " + hops + " fragment F6 on Payment { id }") == "depth"


def test_a_document_that_would_exhaust_the_parser_is_not_parsed():
    assert refused("{ a " * 450 + "}" * 450) == "nesting"
    assert refused("{ breaks(first: " + "[" * 400 + "]" * 400 + ") { __typename } }") == "nesting"
    assert refused("query ($a: " + "[" * 400 + "Int" + "]" * 400 + ") { __typename }") == "nesting"


# Tokens


def test_too_many_tokens():
    assert refused("{ break(id: 1) { " + "id " * (limits.TOKENS_MAX - 10) + "} }") == "repeated"
    assert refused("{ " + "a " * (limits.TOKENS_MAX - 1) + "}") == "tokens"


def test_tokens_count_in_every_form():
    assert refused("{ a(x: [" + "1," * limits.TOKENS_MAX + "]) }") == "tokens"
    assert refused("query (" + "$a: Int " * 400 + ") { a }") == "tokens"
    assert refused("{ a " + "@skip(if: true) " * 200 + "}") == "tokens"


def test_a_malformed_token_is_named():
    assert refused('{ a(x: "') == ErrorCode.INVALID_DOCUMENT


# Aliases, roots and repetitions


def test_too_many_aliases_wherever_they_are():
    aliases = " ".join(f"a{n}: id" for n in range(limits.ALIASES_MAX + 1))
    assert refused(f"{{ break(id: 1) {{ {aliases} }} }}") == "aliases"
    assert refused(f"{{ break(id: 1) {{ ...A }} }} fragment A on Break {{ {aliases} }}") == "aliases"
    assert refused(f"{{ break(id: 1) {{ ... on Break {{ {aliases} }} }} }}") == "aliases"
    few = "fragment A on Break { a: id b: id c: id d: id }"
    assert refused("{ break(id: 1) { ...A payment { openBreaks { ...A } } } } " + few) == ""
    spread = "x: payment { openBreaks { ...A } } y: payment { openBreaks { ...A } }"
    assert refused(f"{{ break(id: 1) {{ ...A {spread} z: payment {{ openBreaks {{ ...A }} }} }} }} " + few) == "aliases"


def test_too_many_roots():
    def roots(number: int) -> str:
        return " ".join(f"r{n}: break(id: 1) {{ id }}" for n in range(number))

    assert refused(f"{{ {roots(limits.ROOTS_MAX)} }}") == ""
    assert refused(f"{{ {roots(limits.ROOTS_MAX + 1)} }}") == "roots"
    assert refused(f"{{ ...A }} fragment A on Query {{ {roots(limits.ROOTS_MAX + 1)} }}") == "roots"
    assert refused(f"{{ ... {{ {roots(5)} }} ... {{ {roots(5)} }} }}") == "roots"


@pytest.mark.parametrize(
    "document",
    [
        "mutation { signOut again: signOut }",
        "mutation { ...A } fragment A on Mutation { signOut again: signOut }",
        "mutation { ... { signOut } ... { again: signOut } }",
        "mutation { signOut signOut }",
    ],
)
def test_a_mutation_has_one_field(document: str):
    assert refused(document) == "roots"
    assert refused("mutation { signOut }") == ""


def test_equal_fields_are_few():
    """Validation compares every two of them: 900 took the better part of a second."""
    assert refused("{ break(id: 1) { " + "id " * 900 + "} }") == "repeated"
    assert refused("{ break(id: 1) { " + "payment { id status } " * 100 + "} }") == "repeated"
    assert refused("{ break(id: 1) { " + "... { id } " * 200 + "} }") == "repeated"
    assert refused("{ break(id: 1) { id ...A ...B } } fragment A on Break { id } fragment B on Break { id key }") == ""


def test_a_few_unknown_fields_are_named_and_many_are_refused_at_once(gateway: Gateway):
    few = gateway.execute("{ break(id: 1) { " + " ".join(f"u{n}" for n in range(limits.UNKNOWN_MAX)) + " } }").errors
    assert [error.message for error in few or ()] == [
        f"Cannot query field 'u{n}' on type 'Break'." for n in range(limits.UNKNOWN_MAX)
    ]
    many = "{ break(id: 1) { " + " ".join(f"u{n}" for n in range(limits.UNKNOWN_MAX + 1)) + " } }"
    assert refused(many) == ErrorCode.INVALID_DOCUMENT
    assert refused("{ ...A } fragment A on Nothing { " + " ".join(f"u{n}" for n in range(90)) + " }") == (
        ErrorCode.INVALID_DOCUMENT
    )


# One operation


@pytest.mark.parametrize(
    "document",
    [
        "query A { __typename } query B { __typename }",
        "query A { __typename } mutation B { signOut }",
        "fragment A on Break { id }",
        "type Query { a: Int }",
        "",
        "{",
    ],
)
def test_a_document_has_one_operation(document: str):
    with pytest.raises(GatewayError) as error:
        operation_of(document)
    assert error.value.code is ErrorCode.INVALID_DOCUMENT


def test_a_document_defines_no_types():
    assert refused("query A { __typename } type B { a: Int }") == ErrorCode.INVALID_DOCUMENT


# Cost


@pytest.mark.parametrize(
    ("document", "variables", "cost"),
    [
        ("{ viewer { name } }", None, 1),
        ("{ break(id: 1) { id expected { minor } decision { state } } }", None, 1),
        ("{ breaks(first: 50) { edges { node { id } } } }", None, 1 + 50),
        ("{ breaks(first: 50) { count { value } edges { node { id } } pageInfo { endCursor } } }", None, 72),
        ("{ breaks(first: 50) { edges { node { payment { id } obligation { id } } } } }", None, 1 + 50 * 3),
        ("{ breaks(first: 10) { edges { node { openBreaks: eventIds } } } }", None, 11),
        ("{ obligations(first: 50) { edges { node { installments { id } } } } }", None, 1 + 50 * 4),
        ("{ obligations(first: 5) { edges { node { payments(first: 7) { allocations { obligationId } } } } } }", None,
         1 + 5 * (1 + 7 * 4)),
        ("{ break(id: 1) { explanation { story { text } } explanationError } }", None, 1 + 50 + 1 + 3),
        ("query ($n: Int!) { breaks(first: $n) { edges { node { id } } } }", {"n": 200}, 201),
        ("query ($n: Int! = 30) { breaks(first: $n) { edges { node { id } } } }", {}, 31),
        ("query ($n: Int! = 30) { breaks(first: $n) { edges { node { id } } } }", {"n": 9}, 10),
        ("query ($n: Int!) { breaks(first: $n) { edges { node { id } } } }", {}, 201),
        ("query ($n: Int!) { breaks(first: $n) { edges { node { id } } } }", {"n": "200"}, 201),
        ("{ breaks(first: 100000000) { edges { node { id } } } }", None, 201),
        ("{ breaks(first: -5) { edges { node { id } } } }", None, 1),
        ('{ search(text: "P") { id } }', None, 50 + 10),
        ("mutation { signOut }", None, 10),
    ],
)  # fmt: skip
def test_the_cost_is_the_objects_and_the_questions(document: str, variables: dict[str, Any] | None, cost: int):
    assert measured(document, variables).cost == cost


def test_lists_in_lists_cost_their_product():
    document = "{ obligations(first: 50) { edges { node { payments(first: 50) { id } } } } }"
    assert measured(document).cost == 1 + 50 * (1 + 50)
    assert refused(document) == "cost"
    variables = "query ($n: Int!) { obligations(first: 50) { edges { node { payments(first: $n) { id } } } } }"
    assert refused(variables, {"n": 50}) == "cost"
    assert refused(variables, {"n": 10}) == ""
    fragments = (
        "{ obligations(first: 50) { edges { node { ...A } } } } fragment A on Obligation { payments(first: 50) { id } }"
    )
    assert refused(fragments) == "cost"
    aliases = (
        "{ obligations(first: 50) { edges { node { a: payments(first: 20) { id } b: payments(first: 20) { id } } } } }"
    )
    assert refused(aliases) == "cost"


def test_questions_to_workers_are_few():
    assert refused("{ breaks(first: 50) { edges { node { explanation { missing } } } } }") == "cost"
    assert refused("{ breaks(first: 20) { edges { node { explanation { missing } } } } }") == ""
    assert refused("{ obligations(first: 50) { edges { node { timeZone } } } }") == "cost"


def test_every_weight_is_of_a_field():
    schema = gateway_schema()._schema
    for name, field in limits.WEIGHTS:
        assert field in schema.get_type(name).fields, f"{name}.{field}"  # type: ignore[union-attr]


# Introspection

INTROSPECTION = "{ __schema { types { name fields { name type { name ofType { name ofType { name } } } } } } }"


@pytest.mark.parametrize(
    "document",
    [
        INTROSPECTION,
        '{ __type(name: "Query") { name } }',
        "{ a: __schema { types { name } } }",
        "{ ...A } fragment A on Query { __schema { types { name } } }",
        "{ ... { __schema { types { name } } } }",
    ],
)
def test_introspection_is_off_but_for_some(document: str):
    assert refused(document) == "introspection"
    assert refused(document, may_introspect=True) == ""


def test_the_names_of_types_may_be_asked():
    assert refused("{ __typename break(id: 1) { __typename } }") == ""


# Anything

WORDS = [
    "{", "}", "(", ")", "[", "]", "...", "...F", "query", "mutation", "edges", "node", "id", "payment", "obligations",
    "$n", ":", "=", "!", "1", "null", "__schema", "__typename", "on", "|", "&", "... on Break", "fragment F on Break",
    "@skip(if: $v)", "break(id: 1)", "breaks(first: $n)", "a: id", "first: 5", '"x"', "{a: 1}",
    "query ($n: Int = 3)", "type T",
]  # fmt: skip


@given(st.lists(st.sampled_from(WORDS), max_size=60))
def test_whatever_is_sent_is_measured_or_refused(words: list[str]):
    text = " ".join(words)
    with suppress(GatewayError):  # and no other error
        operation_of(text)
        found = limits.measure(parse(text), gateway_schema()._schema, {"n": 7})
        assert found.steps <= limits.STEPS_MAX


@given(depth=st.integers(1, 4), sizes=st.lists(st.integers(1, 200), min_size=4, max_size=4), spread=st.booleans())
def test_the_cost_is_the_same_however_it_is_written(depth: int, sizes: list[int], spread: bool):
    """Fields in fragments cost what they cost in place."""
    inner, fragments = "id", []
    for level in range(depth):
        body = f"obligations {{ payments(first: {sizes[level]}) {{ {inner} }} }}"
        fragments.append(f"fragment F{level} on Payment {{ {body} }}")
        inner = f"...F{level}" if spread else body
    plain = measured(f"{{ payment(id: 1) {{ {inner} }} }} {' '.join(fragments) if spread else ''}")
    cost = 0
    for size in sizes[:depth]:
        cost = limits.ASSUMED * (1 + size * (1 + cost))
    assert plain.cost == 1 + cost


# In the schema


@pytest.mark.parametrize(
    "document",
    [
        chain(30, 2),
        "{ break(id: 1) { " + "id " * 900 + "} }",
        "{ a " * 450 + "}" * 450,
        " ".join(f"query Q{n} {{ __typename }}" for n in range(100)),
        "{ " + " ".join(f"unknown{n}" for n in range(400)) + " }",
        "{ breaks(first: 200) { edges { node { payment { obligations { payments(first: 200) { id } } } } } } }",
    ],
    ids=["fan-out", "equal", "deep", "operations", "unknown", "cost"],
)
def test_a_hostile_document_is_refused_quickly_and_nothing_is_read(gateway: Gateway, document: str):
    with LinesRun() as lines:
        result = gateway.execute(document)
    assert lines.count < LINES_MAX
    assert result.data is None
    assert result.errors
    assert sum(gateway.calls.values()) == 0


def test_no_suggestions_are_made(gateway: Gateway):
    result = gateway.execute("{ breaks(first: 1) { edges { node { idd } } } }")
    assert [error.message for error in result.errors or ()] == ["Cannot query field 'idd' on type 'Break'."]
    result = gateway.execute("{ breaks(first: 1, filter: { stat: OPEN }) { edges { node { id } } } }")
    assert "mean" not in str(result.errors)
    result = gateway.execute("{ breaks(first: 1, order: PRESING) { edges { node { id } } } }")
    assert "mean" not in str(result.errors)


def test_the_schema_has_the_checks():
    assert Checks in list(gateway_schema().extensions)

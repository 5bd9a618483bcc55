"""Objects and lists are those of the read model, and a page of them costs a few calls of it."""

from collections.abc import Iterator
from typing import Any

import pytest
from graphql import GraphQLObjectType, get_named_type

from gateway.graphql import limits
from gateway.graphql.schema.factory import gateway_schema
from streams import topics
from streams.codec.json_form import output_to_json
from tests.gateway.graphql.conftest import Gateway

LAST = {
    "payment": (topics.PAYMENT_RECONCILIATIONS, "payment_id"),
    "obligation": (topics.OBLIGATION_RECONCILIATIONS, "obligation_id"),
    "break": (topics.MISMATCH_ALERTS, "break_id"),
}

NOT_OF_THE_READ_MODEL = ("auditLog", "deadLetters")


def published(gateway: Gateway, kind: str) -> dict[str, dict[str, Any]]:
    """What the worker published last of each key."""
    topic, _ = LAST[kind]
    return {key: output_to_json(record) for key, record in gateway.month.last(topic).items()}


def minor(amount: dict[str, Any] | None) -> int | None:
    return None if amount is None else int(amount["minor"])


PAYMENTS = """
query ($first: Int!, $after: String) {
  payments(first: $first, after: $after) {
    pageInfo { hasNextPage endCursor }
    edges { node {
      id version status currency posted { minor currency decimals } inFlight { minor }
      initiated { obligationId amount { minor } method }
      settled { gross { minor } standing { minor } }
      allocations { obligationId standing { minor } }
    } }
  }
}
"""


def test_all_pages_of_payments_are_all_payments(gateway: Gateway):
    found: dict[str, Any] = {}
    after = None
    while True:
        page = gateway.data(PAYMENTS, {"first": 37, "after": after})["payments"]
        found |= {edge["node"]["id"]: edge["node"] for edge in page["edges"]}
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    expected = published(gateway, "payment")
    assert found.keys() == expected.keys()
    for payment_id, one in found.items():
        record = expected[payment_id]
        assert one["version"] == str(record["version"])
        assert one["status"] == record["status"].upper()
        assert one["posted"] == {
            "minor": str(record["posted"]["net_minor"]), "currency": record["currency"], "decimals": 2
        }  # fmt: skip
        assert minor(one["inFlight"]) == record["in_flight_minor"]
        assert minor(one["settled"]["gross"]) == record["settled"]["gross_minor"]
        assert minor(one["settled"]["standing"]) == record["settled"]["standing_minor"]
        assert (one["initiated"] is None) == (record["initiated"] is None)
        assert [minor(each["standing"]) for each in one["allocations"]] == [
            each["standing_minor"] for each in record["allocations"]
        ]


BREAKS = """
query ($first: Int!, $filter: BreakFilter) {
  breaks(first: $first, filter: $filter) {
    count { value atLeast }
    edges { node {
      id class priority keyKind key dueAt openedAt evidence drift { minor currency }
      payment { id obligations { id openBreaks { id } } openBreaks { id } references(first: 3) { id } }
      obligation { id payments(first: 2) { id } late { id } openBreaks { id } }
      reference { id openBreaks { id } }
      payout { id openBreaks { id } }
      bankEntry { id payout { id } openBreaks { id } }
    } }
  }
}
"""


def test_the_open_breaks_with_what_they_are_about(gateway: Gateway):
    found = gateway.data(BREAKS, {"first": 40})["breaks"]
    expected = {
        key: record
        for key, record in published(gateway, "break").items()
        if record["lifecycle"] in ("opened", "updated")
    }
    assert found["count"] == {"value": len(expected), "atLeast": False}
    nodes = [edge["node"] for edge in found["edges"]]
    places = [(one["priority"], one["openedAt"], one["id"]) for one in nodes]
    assert places == sorted(places)
    for one in nodes:
        record = expected[one["id"]]
        assert one["class"] == record["class"].upper()
        assert one["drift"] == {"minor": str(record["drift_minor"]), "currency": record["currency"]}
        assert (one["dueAt"], one["openedAt"]) == (record["due_at"], record["opened_at"])
        kind = {"bank_entry": "bankEntry"}.get(record["key_kind"], record["key_kind"])
        assert one[kind]["id"] == one["key"] or one[kind] is None
        assert one["id"] in [each["id"] for each in (one[kind] or {"openBreaks": [one]})["openBreaks"]]


def nested_fields() -> Iterator[tuple[str, str, str]]:
    """The fields of listed objects that are read for themselves, with a document that asks for each of a page."""
    query = gateway_schema()._schema.query_type
    assert query is not None
    for root, listing in query.fields.items():
        connection = get_named_type(listing.type)
        if not connection.name.endswith("Connection") or root in NOT_OF_THE_READ_MODEL:
            continue
        edge = get_named_type(connection.fields["edges"].type)
        node = get_named_type(edge.fields["node"].type)
        for name, field in node.fields.items():
            if not limits.is_resolved(field) or limits.WEIGHTS.get((node.name, name), 0) >= 50:
                continue
            selection = "{ __typename }" if isinstance(get_named_type(field.type), GraphQLObjectType) else ""
            arguments = "(first: 3)" if "first" in field.args else ""
            yield root, name, f"{{ {root}(first: 40) {{ edges {{ node {{ {name}{arguments} {selection} }} }} }} }}"


@pytest.mark.parametrize(
    ("root", "name", "document"), [pytest.param(*each, id=f"{each[0]}.{each[1]}") for each in nested_fields()]
)
def test_a_field_of_a_page_of_objects_costs_one_call(gateway: Gateway, root: str, name: str, document: str):
    """Nested objects are read together. Fields with a call each cost so much that few fit into a request."""
    gateway.data(document)
    assert sum(gateway.calls.values()) <= 2, f"{root}.{name}: {gateway.calls}"


@pytest.mark.parametrize("kind", ["payment", "obligation", "break"])
def test_a_record_by_its_id_and_none_for_another(gateway: Gateway, kind: str):
    expected = published(gateway, kind)
    key = sorted(expected)[0]
    history = "history(first: 5) { edges { node { version } } }"
    document = f"query ($id: ID!) {{ {kind}(id: $id) {{ id version {history} }} }}"
    one = gateway.data(document, {"id": key})[kind]
    assert (one["id"], one["version"]) == (key, str(expected[key]["version"]))
    versions = [int(edge["node"]["version"]) for edge in one["history"]["edges"]]
    assert versions[0] == expected[key]["version"]
    assert versions == sorted(versions, reverse=True)
    assert gateway.data(document, {"id": "nothing"}) == {kind: None}


EXPLAINED = """
query ($id: ID!) {
  break(id: $id) {
    explanation { expected missing story { at text rests } resolutions { what events { type fields } } worker timeZone }
    explanationError
  }
}
"""


def test_an_explanation_is_live_and_asked_once(gateway: Gateway):
    (one, *_) = gateway.data(BREAKS, {"first": 1})["breaks"]["edges"]
    found = gateway.data(EXPLAINED, {"id": one["node"]["id"]})["break"]
    assert found["explanation"]["worker"] == "alone"
    assert any(line["rests"] for line in found["explanation"]["story"])
    assert found["explanationError"] is None
    assert gateway.live.asked["explanation"] == 1


def test_a_worker_that_does_not_answer_leaves_the_rest_of_the_page(gateway: Gateway):
    (one, *_) = gateway.data(BREAKS, {"first": 1})["breaks"]["edges"]
    gateway.live.error = "no worker answers"
    try:
        found = gateway.data(EXPLAINED, {"id": one["node"]["id"]})["break"]
    finally:
        gateway.live.error = None
    assert found == {"explanation": None, "explanationError": "no worker answers"}

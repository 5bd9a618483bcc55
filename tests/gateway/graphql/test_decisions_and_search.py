"""Decisions about breaks, and what is found by the start of an id."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.people.viewer import Role, Viewer
from read_model.rows import DecisionRow, RowPage
from read_model.scoped import ScopedReadModel
from read_model.selections import DecisionSelection
from streams import topics
from tests.gateway.graphql.conftest import ANA, Gateway, decided

DECISIONS = """
query ($after: String, $filter: DecisionFilter) {
  decisions(first: 50, after: $after, filter: $filter) {
    pageInfo { hasNextPage endCursor }
    edges { node {
      id at action actor reason keyKind key breakId class drift { minor currency } evidence assignee until refersTo
      withdrawn fits break { id decision { state actor } }
    } }
  }
}
"""
SEARCH = "query ($text: String!, $first: Int!) { search(text: $text, first: $first) { kind id text } }"


def nodes(gateway: Gateway, only: dict[str, Any] | None = None, viewer: Viewer = ANA) -> list[dict[str, Any]]:
    """All decisions that match."""
    found: list[dict[str, Any]] = []
    after = None
    while True:
        page = gateway.data(DECISIONS, {"after": after, "filter": only}, viewer)["decisions"]
        found += [edge["node"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            return found


def test_all_decisions_the_latest_first(gateway: Gateway):
    facts = {(one.record.key, one.record.decision_id): one.record for one in decided(gateway.month) if one.record}  # type: ignore[union-attr]
    found = nodes(gateway)
    assert {(one["key"], one["id"]) for one in found} == facts.keys() != set()
    assert [one["at"] for one in found] == sorted((one["at"] for one in found), reverse=True)
    for one in found:
        fact: Any = facts[one["key"], one["id"]]
        assert (one["action"], one["actor"], one["reason"]) == (fact.action, fact.actor, fact.reason)
        assert (one["breakId"], one["assignee"], one["refersTo"]) == (fact.break_id, fact.assignee, fact.refers_to)
        assert one["break"] is None or one["break"]["id"] == fact.break_id
        assert (one["fits"] is None) == (fact.action != "ACCEPT" or one["break"] is None)
        if one["drift"] is not None:
            assert int(one["drift"]["minor"]) == fact.drift_minor


@pytest.mark.parametrize("name", ["actor", "action", "key", "breakId"])
def test_a_filter_of_decisions(gateway: Gateway, name: str):
    everything = nodes(gateway)
    value = everything[0][name]
    assert nodes(gateway, {name: value}) == [one for one in everything if one[name] == value]


def test_decisions_of_a_time(gateway: Gateway):
    everything = nodes(gateway)
    middle = everything[len(everything) // 2]["at"]
    assert nodes(gateway, {"after": middle}) == [one for one in everything if one["at"] >= middle]
    assert nodes(gateway, {"before": middle}) == [one for one in everything if one["at"] < middle]


def test_what_waits_for_me_waits_for_who_may_approve(gateway: Gateway, monkeypatch: pytest.MonkeyPatch):
    asked: list[DecisionSelection] = []

    async def listed(_: Any, only: DecisionSelection, **__: Any) -> RowPage[DecisionRow]:
        asked.append(only)
        return RowPage([], [], False)

    monkeypatch.setattr(ScopedReadModel, "list_decisions", listed)
    for role in (Role.OPERATOR, Role.APPROVER):
        viewer = Viewer("cyd", role, None, may_query_freely=True)
        assert nodes(gateway, {"waitingForMe": True, "key": "P-1"}, viewer) == []
    assert asked == [DecisionSelection(waiting_for="cyd", key="P-1")]


def test_the_decisions_of_breaks_are_one_call(gateway: Gateway):
    document = (
        "{ breaks(first: 50, filter: { state: ANY }) { edges { node { id decisions(first: 5) { id breakId } } } } }"
    )
    found = gateway.data(document)["breaks"]["edges"]
    assert gateway.calls["decisions_of_breaks"] == 1
    assert any(edge["node"]["decisions"] for edge in found)
    for edge in found:
        assert {one["breakId"] for one in edge["node"]["decisions"]} <= {edge["node"]["id"]}


def test_a_scope_hides_decisions(gateway: Gateway):
    nobody = replace(ANA, properties=frozenset({"nowhere"}))
    assert nodes(gateway, viewer=nobody) == []


@pytest.mark.parametrize(
    ("kind", "topic"),
    [
        ("PAYMENT", topics.PAYMENT_RECONCILIATIONS),
        ("OBLIGATION", topics.OBLIGATION_RECONCILIATIONS),
        ("REFERENCE", topics.REFERENCE_RECONCILIATIONS),
        ("PAYOUT", topics.PAYOUT_RECONCILIATIONS),
        ("BREAK", topics.MISMATCH_ALERTS),
    ],
)
def test_an_id_finds_its_record(gateway: Gateway, kind: str, topic: topics.Topic):
    key = sorted(gateway.month.last(topic))[0]
    found = gateway.data(SEARCH, {"text": f" {key} ", "first": 10})["search"]
    assert (kind, key) in [(hit["kind"], hit["id"]) for hit in found]
    assert all(hit["text"] for hit in found)
    if kind != "OBLIGATION":
        nobody = replace(ANA, properties=frozenset({"nowhere"}))
        assert gateway.data(SEARCH, {"text": key, "first": 10}, nobody)["search"] == []


def test_the_start_of_an_id_finds_some(gateway: Gateway):
    found = gateway.data(SEARCH, {"text": "P-00000", "first": 7})["search"]
    assert len(found) == 7
    assert all(hit["id"].startswith("P-00000") for hit in found if hit["kind"] == "PAYMENT")


@pytest.mark.parametrize("text", ["", "  ", ".*", "$where", "(", "P-\\d+", "'; drop"])
def test_what_is_no_id_finds_nothing(gateway: Gateway, text: str):
    assert gateway.data(SEARCH, {"text": text, "first": 10})["search"] == []


def test_a_search_has_limits(gateway: Gateway):
    assert gateway.execute(SEARCH, {"text": "x" * 513, "first": 10}).errors
    assert gateway.execute(SEARCH, {"text": "x", "first": 51}).errors

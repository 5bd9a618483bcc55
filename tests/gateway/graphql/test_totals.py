"""The overview and the ageing are the sums over the records."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import pytest

from gateway.people.viewer import Role, Viewer
from streams import topics
from streams.codec.json_form import instant_from_text, output_to_json
from tests.gateway.graphql.conftest import Gateway

HOUR = 3_600_000_000
OPEN = ("opened", "updated")

OVERVIEW = """
query ($properties: [ID!]) {
  overview(properties: $properties) {
    freshness { lag asOf }
    breaks { class title priority currency age decision count gross { minor currency } net { minor } }
    ageing { currency bucket obligations balance { minor } paid { minor } pending { minor } outstanding { minor } }
    late { stage currency installments outstanding { minor } pending { minor } }
    collected { currency collected { minor } onAccount { minor } underWay { minor } unexplained { minor } }
    trend { day opened resolved accepted }
  }
}
"""
AGEING = """
query ($first: Int!, $after: String, $filter: AgeingFilter) {
  ageing(first: $first, after: $after, filter: $filter) {
    pageInfo { hasNextPage endCursor }
    edges { node { propertyId currency openBreaks lateInstallments outstanding { minor }
      cells { currency bucket obligations outstanding { minor } } } }
  }
}
"""


def rows(gateway: Gateway, topic: topics.Topic) -> list[dict[str, Any]]:
    return [output_to_json(record) for record in gateway.month.last(topic).values()]


def open_breaks(gateway: Gateway) -> list[dict[str, Any]]:
    return [one for one in rows(gateway, topics.MISMATCH_ALERTS) if one["lifecycle"] in OPEN]


def summed(values: Iterable[tuple[Any, tuple[int, ...]]]) -> dict[Any, tuple[int, ...]]:
    sums: dict[Any, list[int]] = defaultdict(list)
    for place, amounts in values:
        sums[place] = [a + b for a, b in zip(sums[place] or [0] * len(amounts), amounts, strict=True)]
    return {place: tuple(amounts) for place, amounts in sums.items()}


def age_of(opened_at: str, now: int) -> str:
    hours = now // HOUR - instant_from_text(opened_at) // HOUR
    return next((name for most, name in ((24, "HOURS_24"), (168, "DAYS_7"), (720, "DAYS_30")) if hours < most), "OLDER")


def decision_of(alert: dict[str, Any]) -> str | None:
    return None if alert["decision"] is None else str(alert["decision"]["state"]).upper()


def test_the_open_breaks(gateway: Gateway):
    found = gateway.data(OVERVIEW)["overview"]
    now = gateway.month.world.now
    expected = summed(
        (
            (one["class"].upper(), one["priority"], one["currency"], age_of(one["opened_at"], now), decision_of(one)),
            (1, abs(one["drift_minor"]), one["drift_minor"]),
        )
        for one in open_breaks(gateway)
    )
    assert {
        (cell["class"], cell["priority"], cell["currency"], cell["age"], cell["decision"]): (
            cell["count"], int(cell["gross"]["minor"]), int(cell["net"]["minor"])
        )
        for cell in found["breaks"]
    } == expected  # fmt: skip
    assert all(cell["title"] and cell["gross"]["currency"] == cell["currency"] for cell in found["breaks"])
    assert len(found["trend"]) == 30
    opened = [one["opened_at"][:10] for one in rows(gateway, topics.MISMATCH_ALERTS)]
    days = [day["day"] for day in found["trend"]]
    assert days == sorted(days)
    assert [day["opened"] for day in found["trend"]] == [opened.count(day) for day in days]


def test_what_is_late(gateway: Gateway):
    found = gateway.data(OVERVIEW)["overview"]["late"]
    expected = summed(
        (
            (one["stage"].upper(), one["currency"]),
            (1, max(0, one["amount_due_minor"] - one["paid_minor"]), one["pending_minor"]),
        )
        for one in rows(gateway, topics.LATE_PAYMENT_ALERTS)
        if one["ended_at"] is None
    )
    assert {
        (cell["stage"], cell["currency"]): (
            cell["installments"], int(cell["outstanding"]["minor"]), int(cell["pending"]["minor"])
        )
        for cell in found
    } == expected  # fmt: skip


def test_where_the_money_is(gateway: Gateway):
    for cell in gateway.data(OVERVIEW)["overview"]["collected"]:
        parts = [int(cell[name]["minor"]) for name in ("onAccount", "underWay", "unexplained")]
        assert int(cell["collected"]["minor"]) == sum(parts)


def test_properties_of_the_overview_narrow_it(gateway: Gateway):
    everything = gateway.data(OVERVIEW)["overview"]
    properties = sorted({one["property_id"] for one in rows(gateway, topics.OBLIGATION_RECONCILIATIONS)})
    all_of_them = gateway.data(OVERVIEW, {"properties": properties})["overview"]
    assert all_of_them["ageing"] == everything["ageing"] != []
    assert all_of_them["late"] == everything["late"] != []
    assert all_of_them["collected"] is None
    assert gateway.data(OVERVIEW, {"properties": []})["overview"]["ageing"] == []
    one = gateway.data(OVERVIEW, {"properties": properties[:1]})["overview"]["ageing"]
    viewer = Viewer("ben", Role.VIEWER, frozenset(properties[:1]), may_query_freely=True)
    for wanted in (None, properties[:1], properties):
        found = gateway.data(OVERVIEW, {"properties": wanted}, viewer)["overview"]
        assert found["ageing"] == one
        assert found["collected"] is None
    assert gateway.data(OVERVIEW, {"properties": properties[1:2]}, viewer)["overview"]["ageing"] == []


@pytest.mark.parametrize("first", [3, 200])
def test_the_ageing_by_property(gateway: Gateway, first: int):
    found: list[dict[str, Any]] = []
    after = None
    while True:
        page = gateway.data(AGEING, {"first": first, "after": after})["ageing"]
        found += [edge["node"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    whole = gateway.data(OVERVIEW)["overview"]["ageing"]
    cells = summed(
        ((cell["currency"], cell["bucket"]), (cell["obligations"], int(cell["outstanding"]["minor"])))
        for row in found
        for cell in row["cells"]
    )
    assert cells == {
        (cell["currency"], cell["bucket"]): (cell["obligations"], int(cell["outstanding"]["minor"])) for cell in whole
    }
    assert len({(row["propertyId"], row["currency"]) for row in found}) == len(found)
    one = found[0]
    (only,) = gateway.data(AGEING, {"first": 9, "filter": {"property": one["propertyId"]}})["ageing"]["edges"]
    assert only["node"] == one
    property_page = "query ($id: ID!) { property(id: $id) { id ageing { bucket obligations } late { installments } } }"
    shown = gateway.data(property_page, {"id": one["propertyId"]})["property"]
    assert sum(cell["obligations"] for cell in shown["ageing"]) == sum(cell["obligations"] for cell in one["cells"])
    assert sum(cell["installments"] for cell in shown["late"]) == one["lateInstallments"]

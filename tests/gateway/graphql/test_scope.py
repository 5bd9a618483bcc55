"""A viewer with a property scope sees its properties' records, and of all others nothing."""

from typing import Any

import pytest

from gateway.people.viewer import Role, Viewer
from streams import topics
from streams.codec.json_form import output_to_json
from tests.gateway.graphql.conftest import Gateway


@pytest.fixture(scope="module")
def world(gateway: Gateway) -> "World":
    return World(gateway)


class World:
    """What the worker published, and whose it is."""

    def __init__(self, gateway: Gateway) -> None:
        month = gateway.month
        self.obligations = self._all(month, topics.OBLIGATION_RECONCILIATIONS)
        self.payments = self._all(month, topics.PAYMENT_RECONCILIATIONS)
        self.references = self._all(month, topics.REFERENCE_RECONCILIATIONS)
        self.payouts = self._all(month, topics.PAYOUT_RECONCILIATIONS)
        self.breaks = self._all(month, topics.MISMATCH_ALERTS)
        self.property = sorted({one["property_id"] for one in self.obligations.values()})[0]
        self.viewer = Viewer("ben", Role.ADMIN, frozenset({self.property}), may_query_freely=True)

    @staticmethod
    def _all(month: Any, topic: topics.Topic) -> dict[str, dict[str, Any]]:
        return {key: output_to_json(record) for key, record in month.last(topic).items()}

    def obligation_is_in(self, key: str) -> bool:
        return key in self.obligations and self.obligations[key]["property_id"] == self.property

    def payment_is_in(self, key: str | None) -> bool:
        if key not in self.payments:
            return False
        one = self.payments[key]
        touched = {*one["posted"]["by_obligation"], *(each["obligation_id"] for each in one["allocations"])}
        if one["initiated"]:
            touched.add(one["initiated"]["obligation_id"])
        return any(self.obligation_is_in(each) for each in touched)

    def break_is_in(self, one: dict[str, Any]) -> bool:
        match one["key_kind"]:
            case "obligation":
                return self.obligation_is_in(one["key"])
            case "payment":
                return self.payment_is_in(one["key"])
            case "reference":
                return self.payment_is_in(self.references.get(one["key"], {}).get("payment_id"))
        return False


LISTS = """
query ($after: String) {
  %s(first: 200, after: $after%s) { pageInfo { hasNextPage endCursor } count { value } edges { node { id } } }
}
"""


def ids(gateway: Gateway, viewer: Viewer, name: str, only: str = "") -> set[str]:
    """The ids of all pages of a list."""
    found: list[str] = []
    after = None
    while True:
        page = gateway.data(LISTS % (name, only), {"after": after}, viewer)[name]
        found += [edge["node"]["id"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            assert page["count"]["value"] == len(found) == len(set(found))
            return set(found)


def test_the_lists(gateway: Gateway, world: World):
    viewer = world.viewer
    assert ids(gateway, viewer, "obligations") == {key for key in world.obligations if world.obligation_is_in(key)}
    payments = {key for key in world.payments if world.payment_is_in(key)}
    assert ids(gateway, viewer, "payments") == payments != set()
    assert ids(gateway, viewer, "references") == {
        key for key, one in world.references.items() if one["payment_id"] in payments
    }
    assert ids(gateway, viewer, "payouts") == set()
    breaks = {key for key, one in world.breaks.items() if world.break_is_in(one)}
    assert ids(gateway, viewer, "breaks", ", filter: { state: ANY }") == breaks != set()


def test_what_is_outside_is_not_there(gateway: Gateway, world: World):
    outside = {
        "payment": [key for key in world.payments if not world.payment_is_in(key)],
        "obligation": [key for key in world.obligations if not world.obligation_is_in(key)],
        "reference": [key for key, one in world.references.items() if not world.payment_is_in(one["payment_id"])],
        "payout": list(world.payouts),
        "break": [key for key, one in world.breaks.items() if not world.break_is_in(one)],
        "bankEntry": [
            f"{entry['account_id']}/{entry['entry_id']}" for one in world.payouts.values() for entry in one["entries"]
        ],
        "property": [one["property_id"] for one in world.obligations.values() if one["property_id"] != world.property],
    }
    for kind, keys in outside.items():
        assert keys, kind
        for key in keys[:5]:
            selection = (
                "{ id explanation { missing } history(first: 1) { edges { cursor } } }" if kind == "break" else "{ id }"
            )
            found = gateway.data(f"query ($id: ID!) {{ {kind}(id: $id) {selection} }}", {"id": key}, world.viewer)
            assert found == {kind: None}
            assert gateway.live.asked.total() == 0


def test_a_payment_of_several_properties_shows_the_obligations_of_ones_own(gateway: Gateway, world: World):
    document = "{ payments(first: 200) { edges { node { id obligations { propertyId } openBreaks { id } } } } }"
    for edge in gateway.data(document, viewer=world.viewer)["payments"]["edges"]:
        assert {each["propertyId"] for each in edge["node"]["obligations"]} <= {world.property}


def test_a_property_that_is_named_does_not_widen_the_scope(gateway: Gateway, world: World):
    other = next(one["property_id"] for one in world.obligations.values() if one["property_id"] != world.property)
    for name in ("payments", "obligations", "lateInstallments", "breaks"):
        selection = "{ count { value } edges { cursor } }"
        document = f"query ($p: ID!) {{ {name}(first: 9, filter: {{ property: $p }}) {selection} }}"
        assert gateway.data(document, {"p": other}, world.viewer)[name] == {"count": {"value": 0}, "edges": []}


def test_an_empty_scope_sees_nothing(gateway: Gateway):
    nobody = Viewer("cyd", Role.VIEWER, frozenset(), may_query_freely=True)
    for name in ("payments", "obligations", "references", "payouts", "breaks"):
        assert ids(gateway, nobody, name) == set()

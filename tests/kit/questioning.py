"""Queries every endpoint of the HTTP API from outside and compares the answers with the simulator's truth."""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections import defaultdict
from typing import Any

from domain.ids import parts_of_key, two_part_key
from simulator.compare import differences_of, found_from_json
from simulator.truth import Truth
from simulator.truth_facts import Row

PAGE = 100


class Questions:
    """A client of a worker's API with a token."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._token = token

    def ask(self, path: str, *, token: str | None = "") -> tuple[int, Any]:
        """Return status and JSON; `token` None sends no token."""
        request = urllib.request.Request(f"{self._url}/v1/{path}")
        if token is not None:
            request.add_header("Authorization", f"Bearer {token or self._token}")
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def good(self, path: str) -> Any:
        """Return the JSON of an answer with status 200."""
        status, answer = self.ask(path)
        assert status == 200, (path, status, answer)
        return answer

    def all_of(self, path: str) -> list[dict[str, Any]]:
        """Return the items of all pages."""
        items: list[dict[str, Any]] = []
        after = ""
        while True:
            page = self.good(f"{path}{'&' if '?' in path else '?'}limit={PAGE}{after}")
            items += page["items"]
            if page["next"] is None:
                return items
            after = f"&after={urllib.parse.quote(page['next'])}"


def quoted(key: str) -> str:
    return urllib.parse.quote(key, safe="")


def read_model_is_behind(questions: Questions, truth: Truth) -> bool:
    """Return whether the read model lags behind the truth, by breaks, late alerts, and the record of every key."""
    status, _ = questions.ask("exceptions")
    if status != 200:
        return True
    if {one["break_id"] for one in questions.all_of("exceptions?state=open")} != set(truth.open_breaks):
        return True
    if {one["break_id"] for one in questions.all_of("exceptions?state=accepted")} != set(truth.accepted_breaks):
        return True
    if {one["alert_id"] for one in questions.all_of("late-alerts?state=live")} != set(truth.live_alerts):
        return True
    return bool(faults_of_items(questions, truth, live=False))


def faults_of_items(questions: Questions, truth: Truth, *, live: bool) -> list[str]:
    """Return how the records of single keys differ from the truth: in the read model, or `live`."""
    suffix = "?live=true" if live else ""
    records = []
    paths = [f"payments/{quoted(key)}" for key in truth.payments]
    paths += [f"obligations/{quoted(key)}" for key in truth.obligations]
    paths += ["references/" + "/".join(map(quoted, parts_of_key(key))) for key in truth.references]
    paths += ["payouts/" + "/".join(map(quoted, parts_of_key(key))) for key in truth.payouts]
    for path in paths:
        status, answer = questions.ask(f"{path}{suffix}")
        if status != 200:
            return [f"{path}: {status} {answer}"]
        records.append({name: value for name, value in answer.items() if name != "live"})
    found = found_from_json(records)
    return [
        str(fault)
        for fault in (
            *differences_of("payment", truth.payments, found.payments),
            *differences_of("obligation", truth.obligations, found.obligations),
            *differences_of("reference", truth.references, found.references),
            *differences_of("payout", truth.payouts, found.payouts),
        )
    ]


def check_lists(questions: Questions, truth: Truth) -> None:
    """Check open exceptions by filter, late alerts, obligations by tenant and property, and the ageing to the cent."""
    for name in ("class", "priority", "currency"):
        by_value: dict[Any, set[str]] = defaultdict(set)
        for row in truth.open_breaks.values():
            by_value[row[name]].add(row["break_id"])
        for value, expected in by_value.items():
            found = questions.all_of(f"exceptions?state=open&{name}={value}")
            assert {one["break_id"] for one in found} == expected, (name, value)
    found = questions.all_of("exceptions?state=open")
    drift = {row["break_id"]: row["drift_minor"] for row in truth.open_breaks.values()}
    assert {one["break_id"]: one["drift_minor"] for one in found} == drift
    for status in ("held", "suspense", "claimed_twice"):
        listed = questions.all_of(f"references?status={status}")
        found_keys = {two_part_key(one["processor"], one["processor_reference"]) for one in listed}
        assert found_keys == {key for key, row in truth.references.items() if row["status"] == status}, status
    for status in {row["status"] for row in truth.payouts.values()}:
        listed = questions.all_of(f"payouts?status={status}")
        found_keys = {two_part_key(one["processor"], one["payout_id"]) for one in listed}
        assert found_keys == {key for key, row in truth.payouts.items() if row["status"] == status}, status
    for field, path in (("tenant_id", "tenants"), ("property_id", "properties")):
        of: dict[str, set[str]] = defaultdict(set)
        for row in truth.obligations.values():
            of[row[field]].add(row["obligation_id"])
        for key, expected in of.items():
            items = questions.all_of(f"{path}/{quoted(key)}/obligations")
            assert {one["obligation_id"] for one in items} == expected, key
    check_ageing(questions, truth)
    assert questions.ask("exceptions", token=None)[0] == 401
    assert questions.ask("exceptions", token="wrong-" * 4)[0] == 401


def check_ageing(questions: Questions, truth: Truth) -> None:
    by_property: dict[str, list[Row]] = defaultdict(list)
    for row in truth.obligations.values():
        by_property[row["property_id"]].append(row)
    for property_id, rows in by_property.items():
        expected: dict[tuple[str, str], list[int]] = {}
        for row in rows:
            sums = expected.setdefault((row["currency"], row["ageing_bucket"]), [0, 0, 0, 0, 0])
            amounts = (1, row["balance_minor"], row["paid_minor"], row["pending_minor"])
            owed = max(0, row["balance_minor"] - row["paid_minor"])
            for at, amount in enumerate((*amounts, owed)):
                sums[at] += amount
        names = ("obligations", "balance_minor", "paid_minor", "pending_minor", "outstanding_minor")
        items = questions.good(f"properties/{quoted(property_id)}/ageing")["items"]
        found = {(one["currency"], one["ageing_bucket"]): [one[name] for name in names] for one in items}
        assert found == expected, property_id


def check_explanations(questions: Questions, truth: Truth) -> None:
    """Check that each open break has a timeline, and remedies or the reason why there are none."""
    seen = set()
    for row in truth.open_breaks.values():
        if row["class"] in seen:
            continue
        seen.add(row["class"])
        explained = questions.good(f"exceptions/{row['break_id']}/explanation")
        assert explained["break_id"] == row["break_id"]
        assert explained["class"] == row["class"]
        assert explained["story"]
    assert len(seen) > 8

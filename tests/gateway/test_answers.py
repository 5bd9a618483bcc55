"""Answers of the HTTP API, over a real socket: each route against the records of a month, and against its schema."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_spec_validator import validate

from app import SERVICE_VERSION, create_app
from domain.facts import PaymentInitiated, ProcessorSettled
from domain.ids import parts_of_key
from domain.time import DAY, rfc3339
from gateway.rest.answers import ResultPage
from gateway.rest.errors import CODES
from gateway.rest.handlers import OPERATIONS, ReconciliationApi
from gateway.rest.openapi import describe
from read_model.finding import ReadModelUnavailable
from streams import topics
from streams.codec.json_form import output_to_json
from streams.settings import Settings
from tests.kit.driver import Driver
from tests.kit.examples import examples
from tests.kit.serving import DESCRIPTION, Answer, InProcessLiveState, MemoryReadModel, Served

OPEN = ("opened", "updated")
OPENAPI = Path(__file__).resolve().parents[2] / "docs" / "openapi.json"


def rows(driver: Driver, topic: topics.Topic) -> dict[str, dict[str, Any]]:
    return {key: output_to_json(record) for key, record in driver.last(topic).items()}


def checked(operation_id: str, answer: Answer) -> Any:
    """The JSON of an answer, validated against the description of its route and status."""
    (path,) = [one.path for one in OPERATIONS if one.operation_id == operation_id]
    said = DESCRIPTION["paths"][path]["get"]["responses"][str(answer.status)]
    if "$ref" in said:
        said = DESCRIPTION["components"]["responses"][str(answer.status)]
    schema = said["content"]["application/json"]["schema"] | {"components": DESCRIPTION["components"]}
    jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(answer.json)
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    return answer.json


def path_of(key: str, kind: str = "payments") -> str:
    """The path of a record: a reference is two parts of it, and so is a payout."""
    return f"/v1/{kind}/" + "/".join(
        quote(part, safe="") for part in (parts_of_key(key) if kind in ("references", "payouts") else [key])
    )


def pages(served: Served, operation_id: str, path: str) -> Iterator[list[dict[str, Any]]]:
    after = ""
    while True:
        found = checked(operation_id, served.ask(path + after))
        yield found["items"]
        if found["next"] is None:
            return
        after = f"&after={quote(found['next'], safe='')}"


def test_a_record_from_the_read_model_is_the_published_record(month, served):
    for operation_id, path, topic in (
        ("payment", "payments", topics.PAYMENT_RECONCILIATIONS),
        ("obligation", "obligations", topics.OBLIGATION_RECONCILIATIONS),
        ("reference", "references", topics.REFERENCE_RECONCILIATIONS),
        ("payout", "payouts", topics.PAYOUT_RECONCILIATIONS),
        ("exception", "exceptions", topics.MISMATCH_ALERTS),
        ("late_alert", "late-alerts", topics.LATE_PAYMENT_ALERTS),
    ):
        known = rows(month, topic)
        assert len(known) > 10
        for key, row in list(known.items())[:15]:
            assert checked(operation_id, served.ask(path_of(key, path))) == row


@pytest.mark.parametrize(
    ("operation_id", "topic"),
    [
        ("payment", topics.PAYMENT_RECONCILIATIONS),
        ("obligation", topics.OBLIGATION_RECONCILIATIONS),
        ("reference", topics.REFERENCE_RECONCILIATIONS),
        ("payout", topics.PAYOUT_RECONCILIATIONS),
    ],
)
def test_a_live_record_is_the_published_record(month, served, operation_id, topic):
    for key, row in rows(month, topic).items():
        found = checked(operation_id, served.ask(f"{path_of(key, f'{operation_id}s')}?live=true"))
        live = found.pop("live")
        assert live["worker"] == "alone"
        assert 0 <= live["partition"] < 4
        assert live["facts"] > 0
        assert live["caught_up_to"] == rfc3339(month.world.now)
        assert found.pop("version") >= row["version"]
        assert found == {name: value for name, value in row.items() if name != "version"}


def test_an_explanation_comes_from_live_state(month, served):
    alerts = [row for row in rows(month, topics.MISMATCH_ALERTS).values() if row["lifecycle"] != "resolved"]
    assert {alert["key_kind"] for alert in alerts} >= {"payment", "obligation", "reference", "payout"}
    for alert in alerts:
        path = f"/v1/exceptions/{alert['break_id']}/explanation"
        found = checked("explanation", served.ask(path))
        assert set(found) == set(DESCRIPTION["components"]["schemas"]["Explanation"]["properties"])
        same = ("break_id", "key_kind", "key", "class", "drift_minor", "opened_at")
        assert [found[name] for name in same] == [alert[name] for name in same]
        assert served.ask(f"{path}?key_kind={alert['key_kind']}&key={alert['key']}").json == found


def test_a_resolved_break_has_no_explanation(month, served):
    resolved = [row for row in rows(month, topics.MISMATCH_ALERTS).values() if row["lifecycle"] == "resolved"]
    answer = served.ask(f"/v1/exceptions/{resolved[0]['break_id']}/explanation")
    assert (answer.status, answer.code) == (404, "not_found")


@pytest.mark.parametrize("limit", [1, 7, 500])
def test_pages_have_each_item_once_and_in_order(month, served, limit):
    known = rows(month, topics.MISMATCH_ALERTS).values()
    wanted = [row for row in known if row["lifecycle"] in OPEN]
    wanted.sort(key=lambda row: (row["priority"], row["opened_at"], row["break_id"]))
    found = list(pages(served, "exceptions", f"/v1/exceptions?limit={limit}"))
    assert all(len(items) <= limit for items in found)
    assert [item for items in found for item in items] == wanted
    assert len(wanted) > 5


def in_any_order(records: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(record, sort_keys=True) for record in records)


def test_filters_narrow_lists(month, served):
    alerts = list(rows(month, topics.MISMATCH_ALERTS).values())
    late = list(rows(month, topics.LATE_PAYMENT_ALERTS).values())
    owed = list(rows(month, topics.OBLIGATION_RECONCILIATIONS).values())
    paid_out = list(rows(month, topics.PAYOUT_RECONCILIATIONS).values())
    payout = paid_out[0]
    held = sorted(rows(month, topics.REFERENCE_RECONCILIATIONS).values(), key=lambda row: row["status"] != "held")
    assignee = next(row["decision"]["assignee"] for row in alerts if row["decision"] and row["decision"]["assignee"])
    assigned = [row for row in alerts if row["decision"] is not None and row["decision"]["assignee"] == assignee]
    one = next(row for row in alerts if row["lifecycle"] == "resolved")
    tenant, prop = owed[3]["tenant_id"], owed[3]["property_id"]
    about = f"class={one['class']}&key_kind={one['key_kind']}&key={one['key']}"
    same = (one["class"], one["key_kind"], one["key"], "resolved")
    narrow = [row for row in alerts if (row["class"], row["key_kind"], row["key"], row["lifecycle"]) == same]
    still = [row for row in alerts if row["lifecycle"] in OPEN]
    for operation_id, path, wanted in (
        ("exceptions", "exceptions?state=any", alerts),
        ("exceptions", f"exceptions?state=resolved&{about}", narrow),
        ("exceptions", "exceptions?priority=3", [row for row in still if row["priority"] == 3]),
        ("exceptions", "exceptions?key_kind=reference", [row for row in still if row["key_kind"] == "reference"]),
        ("exceptions", "exceptions?decision=none", [row for row in still if row["decision"] is None]),
        ("exceptions", f"exceptions?state=any&assignee={assignee}", assigned),
        ("references", "references?", held),
        ("references", "references?status=held", [row for row in held if row["status"] == "held"]),
        ("references", f"references?payment={held[0]['payment_id']}", [held[0]]),
        ("payouts", "payouts?", paid_out),
        (
            "payouts",
            f"payouts?status={payout['status']}&processor={payout['processor']}&currency={payout['currency']}",
            [row for row in paid_out if all(row[at] == payout[at] for at in ("status", "processor", "currency"))],
        ),
        ("exceptions", "exceptions?currency=USD", [row for row in still if row["currency"] == "USD"]),
        ("late_alerts", "late-alerts?", [row for row in late if row["ended_at"] is None]),
        ("late_alerts", "late-alerts?state=ended", [row for row in late if row["ended_at"] is not None]),
        ("late_alerts", "late-alerts?state=any&stage=days_90", [row for row in late if row["stage"] == "days_90"]),
        ("tenant_obligations", f"tenants/{tenant}/obligations?", [row for row in owed if row["tenant_id"] == tenant]),
        (
            "property_obligations",
            f"properties/{prop}/obligations?status=paid",
            [row for row in owed if (row["property_id"], row["status"]) == (prop, "paid")],
        ),
    ):
        items = [item for items in pages(served, operation_id, f"/v1/{path}&limit=500") for item in items]
        assert in_any_order(items) == in_any_order(wanted), path
        assert items, f"{path} asks for nothing that is there"


def test_ageing_adds_up(month, served):
    owed = rows(month, topics.OBLIGATION_RECONCILIATIONS).values()
    for prop in {row["property_id"] for row in owed}:
        found = checked("ageing", served.ask(f"/v1/properties/{prop}/ageing"))
        assert found["next"] is None
        assert sum(row["obligations"] for row in found["items"]) == sum(row["property_id"] == prop for row in owed)


@pytest.mark.parametrize(
    ("operation_id", "path", "topic", "key"),
    [
        ("payment_history", "payments", topics.PAYMENT_RECONCILIATIONS, "payment_id"),
        ("obligation_history", "obligations", topics.OBLIGATION_RECONCILIATIONS, "obligation_id"),
        ("reference_history", "references", topics.REFERENCE_RECONCILIATIONS, "reference_key"),
        ("payout_history", "payouts", topics.PAYOUT_RECONCILIATIONS, "payout_key"),
        ("exception_history", "exceptions", topics.MISMATCH_ALERTS, "break_id"),
    ],
)
def test_a_history_has_every_version_newest_first(month, served, operation_id, path, topic, key):
    versions: dict[str, list[dict[str, Any]]] = {}
    for record in month.emitted(topic):
        versions.setdefault(getattr(record, key), []).append(output_to_json(record))
    longest = max(versions, key=lambda one: len(versions[one]))
    assert len(versions[longest]) > 1
    for limit in (1, 500):
        found = list(pages(served, operation_id, f"{path_of(longest, path)}/history?limit={limit}"))
        assert [item for items in found for item in items] == versions[longest][::-1]


def initiation(payment_id: str) -> PaymentInitiated:
    given = {
        "event_id": f"e-{len(payment_id)}", "occurred_at": 20_605 * DAY, "payment_id": payment_id,
        "tenant_id": "T", "property_id": "H", "obligation_id": "O", "installment_id": None, "amount_minor": 100,
        "currency": "USD", "method": "CARD", "processor": "acme", "processor_reference": None,
    }  # fmt: skip
    return PaymentInitiated(**given)


def test_a_reference_may_contain_any_character():
    driver = Driver(partitions=2, now=20_605 * DAY)
    settled = {
        "event_id": "e", "occurred_at": 20_605 * DAY, "payment_id": None, "outcome": "SETTLED", "gross_minor": 100,
        "fee_minor": None, "net_minor": None, "currency": "USD", "reason_code": None, "payout_id": None,
        "value_date": None,
    }  # fmt: skip
    keys = [(processor, reference) for processor in STRANGE[:6] for reference in STRANGE[:6]]
    for processor, reference in keys:
        driver.pipe(ProcessorSettled(**settled, processor=processor, processor_reference=reference))
    driver.run()
    owner = InProcessLiveState(driver.worker, "w", "", {})
    with Served(ReconciliationApi(MemoryReadModel(driver), owner, "0")) as served:
        for processor, reference in keys:
            for live in ("", "?live=true"):
                path = f"/v1/references/{quote(processor, safe='')}/{quote(reference, safe='')}{live}"
                found = served.ask(path).json
                assert (found.get("processor"), found.get("processor_reference")) == (processor, reference)
                assert found["gross_minor"] == {"USD": 100}
        listed = [item for items in pages(served, "references", "/v1/references?limit=7") for item in items]
        assert sorted((item["processor"], item["processor_reference"]) for item in listed) == sorted(keys)


STRANGE = ["a/b", "a%2Fb", "ü {x} ?&#+ %", "..x", "{}", "a b\n", "\U0001f600" * 100, "x" * 512]


def test_ids_may_contain_any_character():
    driver = Driver(partitions=2)
    driver.pipe(*map(initiation, STRANGE))
    driver.run()
    owner = InProcessLiveState(driver.worker, "w", "", {})
    with Served(ReconciliationApi(MemoryReadModel(driver), owner, "0")) as served:
        for payment_id in STRANGE:
            for live in ("", "?live=true"):
                answer = served.ask(f"/v1/payments/{quote(payment_id, safe='')}{live}")
                assert (answer.status, answer.json.get("payment_id")) == (200, payment_id)


def test_a_page_has_a_maximum_size_in_bytes():
    items = [{"id": str(number), "text": "x" * 1_000} for number in range(11)]

    def page(some: list[dict[str, str]], bytes_max: int = 1 << 20) -> Any:
        return json.loads(ResultPage(some, 10, lambda item: item["id"]).encode(bytes_max))

    found = page(items, 2_500)
    assert (len(found["items"]), found["next"]) == (3, "2")
    assert page(items, 1)["next"] == "0"
    assert page(items[:3])["next"] is None
    assert page([]) == {"items": [], "next": None}


def test_without_a_read_model_the_error_names_the_setting(month):
    owner = InProcessLiveState(month.worker, "w", "", {})
    payment_id = next(iter(rows(month, topics.PAYMENT_RECONCILIATIONS)))
    with Served(ReconciliationApi(None, owner, "0")) as served:
        for path in ("/v1/exceptions", f"/v1/payments/{payment_id}", "/v1/properties/x/ageing"):
            answer = served.ask(path)
            assert (answer.status, answer.code) == (503, "no_read_model")
            assert "RENTMATCH_MONGO_URL" in answer.json["error"]["message"]
        assert served.ask(f"/v1/payments/{payment_id}?live=true").status == 200


def test_an_unavailable_read_model_is_a_503(month):
    model = MemoryReadModel(month)
    model.fail = ReadModelUnavailable("mongo://user:secret@host")
    with Served(ReconciliationApi(model, None, "0")) as served:
        answer = served.ask("/v1/exceptions")
        assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, "read_model_unavailable", "5")
        assert b"secret" not in answer.body
    assert model.closed


def test_every_route_is_described_and_served(served):
    assert {route.path for route in OPERATIONS} == set(DESCRIPTION["paths"])
    for route in OPERATIONS:
        assert set(DESCRIPTION["paths"][route.path]) == {"get"}
        path = route.path.replace("{key_kind}", "payment")
        answer = served.ask(path.replace("{", "").replace("}", ""))
        checked(route.operation_id, answer)
        found = "{" not in route.path or route.operation_id.endswith(("history", "obligations", "ageing"))
        assert answer.status == (200 if found else 404), route.path


def test_the_description_is_openapi(served):
    found = served.ask("/v1/openapi.json").json
    assert found == DESCRIPTION
    validate(found)


def described() -> str:
    description = msgspec.to_builtins(describe(OPERATIONS, SERVICE_VERSION))
    return json.dumps(description, indent=1) + "\n"


def test_the_description_in_docs_is_up_to_date():
    again = "from tests.gateway.test_answers import *; OPENAPI.write_text(described())"
    assert OPENAPI.read_text(encoding="utf-8") == described(), f'out of date; update it: python -c "{again}"'


def test_a_worker_serves_none_of_fausts_pages():
    app = create_app(Settings(http_port=1))
    app.web.init_server()  # where Faust would add its pages
    served = {(route.method, route.resource.canonical) for route in app.web.web_app.router.routes()}
    ours = {route.path for route in OPERATIONS} | {"/livez", "/readyz", "/metrics"}
    assert {path for _, path in served} == ours
    assert {method for method, _ in served} == {"GET", "HEAD"}


@pytest.mark.parametrize(
    ("path", "longest"),
    [
        ("payments/{}", 512),
        ("references/acme/{}", 512),
        ("exceptions?key={}", 2_049),
        ("tenants/T/obligations?after={}", 512),
        ("references?after={}", 2_049),
        ("payouts/acme/{}", 512),
        ("payouts?after={}", 2_049),
    ],
)
def test_the_length_of_an_id_is_counted_in_characters_as_described(served, path, longest):
    assert served.ask(f"/v1/{path.format('x' * (longest + 1))}").code == "bad_parameter"
    # 250 emojis have 1,000 bytes of UTF-8. Percent-encoded, 512 of them are longer than a URL may be.
    for allowed in ("x" * 512, "\U0001f600" * 250):
        assert served.ask(f"/v1/{path.format(quote(allowed))}").status in (200, 404)


def parameters(operation_id: str) -> dict[str, dict[str, Any]]:
    (path,) = [one.path for one in OPERATIONS if one.operation_id == operation_id]
    return {one["name"]: one["schema"] for one in DESCRIPTION["paths"][path]["get"]["parameters"]}


@pytest.mark.parametrize(
    ("operation_id", "path"),
    [
        ("exceptions", "exceptions?state=any&limit=1"),
        ("late_alerts", "late-alerts?state=any&limit=1"),
        ("payment_history", "payments/{payment_id}/history?limit=1"),
    ],
)
def test_a_cursor_matches_its_pattern_and_every_match_is_a_cursor(month, served, operation_id, path):
    pattern = parameters(operation_id)["after"]["pattern"]
    versions = Counter(record.payment_id for record in month.emitted(topics.PAYMENT_RECONCILIATIONS))
    path = f"/v1/{path.format(payment_id=versions.most_common(1)[0][0])}"
    assert re.search(pattern, checked(operation_id, served.ask(path))["next"])
    if "memory" not in served.name:
        matches = st.from_regex(pattern, fullmatch=True).filter(lambda text: not text.endswith("\n"))

        @examples(30)
        @given(matches)
        def every_match_is_taken(after: str) -> None:
            assert served.ask(f"{path}&after={quote(after)}").status == 200

        every_match_is_taken()
    for wrong in ("x", "1.2", "", "1" * 99, "1\n"):
        assert served.ask(f"{path}&after={quote(wrong)}").code == "bad_parameter"


def test_currencies_have_a_pattern_that_a_line_feed_does_not_match(served):
    assert parameters("exceptions")["currency"] == {"type": "string", "pattern": "^[A-Z]{3}$", "maxLength": 3}
    assert served.ask("/v1/exceptions?currency=USD").status == 200
    for wrong in ("usd", "US", "USDX", "USD%0A", "%0AUSD"):
        assert served.ask(f"/v1/exceptions?currency={wrong}").code == "bad_parameter"
    for schema in ("AgeingRow", "Explanation", "MismatchAlert", "Payment", "PaymentReconciliation"):
        assert DESCRIPTION["components"]["schemas"][schema]["properties"]["currency"]["pattern"] == "^[A-Z]{3}$"


def test_the_headers_of_errors_are_described():
    found = {status: set(one.get("headers", ())) for status, one in DESCRIPTION["components"]["responses"].items()}
    assert {status: names for status, names in found.items() if names} == {
        "401": {"WWW-Authenticate"}, "405": {"Allow"}, "503": {"Retry-After"},
    }  # fmt: skip


def test_every_error_code_is_described():
    for status, _ in CODES.values():
        assert str(status) in DESCRIPTION["paths"]["/v1/exceptions"]["get"]["responses"]

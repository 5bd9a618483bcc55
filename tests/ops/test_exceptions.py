"""`rentmatch exceptions`: from the topics and from an API, and explanations as finance people read them."""

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from confluent_kafka import Producer

from domain.currencies import EXPONENTS
from domain.facts import PostingReversed
from domain.formatting import amount_text
from domain.ids import break_id
from streams import topics
from streams.codec.json_form import fact_from_json, instant_from_text, output_to_json
from streams.partitioning import partition_of
from streams.topology import TOPOLOGY
from tables.store import TALLY_KEY
from tests.kit.command_line import Run
from tests.kit.documents import example_input
from tests.kit.driver import Driver
from tests.kit.scenario_tables import read_facts

NOW = "2026-07-08T12:00:00Z"
BREAK = "0dd83c3cf0c88bcef4f159e2f0f4a0ab"
"""The break of the example in docs/connecting.md: returned, and still posted."""
WITH_CLOCK = {"RENTMATCH_CLOCK": NOW, "RENTMATCH_HTTP_PORT": "0"}


def parsed(stdout: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stdout.splitlines()]


def put_on(broker: str, driver: Driver) -> None:
    """Copy what the driver's worker wrote to a broker, changelogs to the partitions where a worker puts them."""
    producer = Producer({"bootstrap.servers": broker, "log_level": 2})
    changelogs = tuple(table.changelog for table in TOPOLOGY.tables)
    for topic in (topics.MISMATCH_ALERTS, topics.PAYOUT_RECONCILIATIONS, *changelogs):
        name = f"here.{topic.name}"
        count = len(producer.list_topics(name, timeout=10).topics[name].partitions)
        for record in driver.world.broker.records(topic):
            key = record.key or b""
            if key == TALLY_KEY:
                continue
            where = partition_of(key.decode(), count) if topic in changelogs else -1
            producer.produce(name, record.value, key, partition=where)
    assert producer.flush(30) == 0


@pytest.fixture
def driver() -> Driver:
    """The example of docs/connecting.md, and a payment of another currency that nobody initiated."""
    driver = Driver(now=instant_from_text(NOW))
    driver.pipe(*(fact_from_json(record) for _, record in example_input()))
    driver.pipe(*read_facts("2026-07-07 10:00 P-7 SETTLED 1234.00 JPY"))
    driver.run()
    return driver


@pytest.fixture
def written(run: Run, mock_broker: str, driver: Driver) -> Run:
    """The command line over a broker that has what the driver wrote."""
    put_on(mock_broker, driver)
    return run


def test_the_list_is_by_priority_and_age_with_exact_amounts(written: Run) -> None:
    shown = written("exceptions", "list", "--from-topics", "--properties", env=WITH_CLOCK)
    assert shown.exit_code == 0, shown.output
    assert [line.replace("│", "").split() for line in shown.stdout.splitlines() if BREAK in line or "JPY" in line] == [
        ["1", "reversed_after_posting", "payment", "P-9", "USD", "850.00", "0", "min", "2026-07-08", "04:00", "UTC",
         "open", "-", "H-3", BREAK],
        ["1", "unkeyed_movement", "payment", "P-7", "JPY", "123,400", "0", "min", "2026-07-07", "10:30", "UTC",
         "open", "-", "-",
         break_id("payment", "P-7", ("payment",))],
    ]  # fmt: skip


def test_filters_and_pages(written: Run) -> None:
    def ids(*words: str) -> list[str]:
        found = written("exceptions", "list", "--from-topics", "--json", *words, env=WITH_CLOCK)
        assert found.exit_code == 0, found.output
        return [alert["key"] for alert in parsed(found.stdout)]

    assert ids() == ["P-9", "P-7"]
    assert ids("--class", "unkeyed_movement") == ["P-7"]
    assert ids("--currency", "USD") == ["P-9"]
    assert ids("--key", "P-7") == ["P-7"]
    assert ids("--priority", "2") == []
    assert ids("--state", "resolved") == []
    assert ids("--state", "any") == ["P-9", "P-7"]

    first = written("exceptions", "list", "--from-topics", "--json", "--limit", "1", env=WITH_CLOCK)
    assert [alert["key"] for alert in parsed(first.stdout)] == ["P-9"]
    cursor = first.stderr.partition("--after '")[2].partition("'")[0]
    assert ids("--limit", "1", "--after", cursor) == ["P-7"]

    nothing = written("exceptions", "list", "--from-topics", "--priority", "2", env=WITH_CLOCK)
    assert (nothing.exit_code, nothing.stdout, nothing.stderr) == (0, "", "no breaks match\n")


def test_an_explanation_in_json_is_the_same_as_the_domain_gives(written: Run, driver: Driver) -> None:
    found = written("exceptions", "explain", BREAK, "--from-topics", "--json", env=WITH_CLOCK)
    assert found.exit_code == 0, found.output
    (explanation,) = parsed(found.stdout)
    (alert,) = (one for one in driver.last(topics.MISMATCH_ALERTS).values() if one.break_id == BREAK)
    published = output_to_json(alert)
    shared = set(published) & set(explanation) - {"type"}
    assert shared >= {"break_id", "class", "priority", "drift_minor", "currency", "due_at", "opened_at", "subject"}
    assert {name: explanation[name] for name in shared} == {name: published[name] for name in shared}
    assert explanation["property_id"] == "H-3"
    assert [entry["event_id"] for entry in explanation["story"]] == ["e-2", "e-3", "e-4", "e-5", None, None]
    assert explanation["resolutions"][0]["events"][0]["fields"] == {
        "payment_id": "P-9", "obligation_id": "O-17", "posting_id": "J-1", "amount_minor": 85_000, "currency": "USD",
    }  # fmt: skip


def test_history_and_explanation_of_a_resolved_break(run: Run, mock_broker: str, driver: Driver) -> None:
    later = instant_from_text("2026-07-10T09:30:00Z")
    driver.advance(later)
    driver.pipe(
        PostingReversed(
            event_id="e-6",
            occurred_at=later,
            obligation_id="O-17",
            reversal_id="V-1",
            posting_id="J-1",
            payment_id="P-9",
            amount_minor=85_000,
            currency="USD",
            reason="returned, R01",
        )
    )
    driver.run()
    put_on(mock_broker, driver)
    env = {"RENTMATCH_CLOCK": "2026-07-20T00:00:00Z", "RENTMATCH_HTTP_PORT": "0"}

    shown = run("exceptions", "show", BREAK, "--from-topics", env=env)
    assert shown.exit_code == 0, shown.output
    assert "opened 2026-07-08 12:00 UTC, resolved 2026-07-10 09:30 UTC, after 1 d" in shown.stdout
    assert [line.split()[3] for line in shown.stdout.splitlines()[-2:]] == ["opened", "resolved"]
    records = parsed(run("exceptions", "show", BREAK, "--from-topics", "--json", env=env).stdout)
    assert [record["lifecycle"] for record in records] == ["opened", "resolved"]

    explained = run("exceptions", "explain", BREAK, "--from-topics", "--json", env=env)
    (explanation,) = parsed(explained.stdout)
    assert explanation["resolved_at"] == "2026-07-10T09:30:00.000000Z"
    assert explanation["resolutions"] == []
    assert [entry["event_id"] for entry in explanation["story"]][-2:] == ["e-6", None]
    assert explanation["story"][-1]["text"] == "Break resolved."
    assert [alert["key"] for alert in parsed(
        run("exceptions", "list", "--from-topics", "--state", "resolved", "--json", env=env).stdout
    )] == ["P-9"]  # fmt: skip


HOSTILE = "\x1b[2J\x9b2J\u202e\r\n9:9  forged \x07"
"""Clears a screen, reverses text, and begins a line of its own."""


def test_hostile_ids_are_escaped_for_people_and_kept_in_json(run: Run, mock_broker: str) -> None:
    driver = Driver(now=instant_from_text(NOW))
    for number, fact in enumerate(read_facts("""
        2026-07-01 15:00 P1 initiated 850.00 for O1 naming A1
        2026-07-02 20:00 P1 SETTLED 850.00 fee 1.20
        2026-07-02 21:00 P1 posted 850.00 to O1 as L1
        2026-07-06 14:00 P1 RETURNED 850.00 because R01
    """)):  # fmt: skip
        texts = {
            name: f"{value} {HOSTILE}"
            for name in fact.__struct_fields__
            if name.endswith("_id") or name in {"processor", "processor_reference", "reason_code"}
            if isinstance(value := getattr(fact, name), str)
        }
        driver.pipe(msgspec.structs.replace(fact, **texts | {"event_id": f"e-{number} {HOSTILE}"}))
    driver.run()
    put_on(mock_broker, driver)

    def printed(*words: str) -> str:
        found = run("exceptions", *words, "--from-topics", env=WITH_CLOCK)
        assert found.exit_code == 0, found.output
        return str(found.stdout)

    of_payment = [alert for alert in parsed(printed("list", "--json")) if alert["key_kind"] == "payment"]
    assert {alert["key"] for alert in of_payment} == {f"P1 {HOSTILE}"}
    for alert in of_payment:
        one = alert["break_id"]
        shown = printed("list", "--properties") + printed("show", one) + printed("explain", one)
        assert shown.replace("\n", "").isprintable()
        assert r"P1 \x1b[2J\x9b2J\u202e\r\n9:9  forged \x07" in shown
        assert not any(line.startswith("9:9") for line in shown.splitlines())
        (explanation,) = parsed(printed("explain", one, "--json"))
        assert explanation["story"][0]["event_id"] == f"e-0 {HOSTILE}"


def test_an_unknown_break_id(written: Run) -> None:
    for verb in ("show", "explain"):
        missing = written("exceptions", verb, "0" * 32, "--from-topics", env=WITH_CLOCK)
        assert missing.exit_code == 1
        assert "there is no break" in missing.stderr
        assert "exceptions list --state any" in missing.stderr


def test_wrong_arguments(run: Run) -> None:
    for words, said in (
        (("list", "--from-topics", "--url", "http://here:1"), "two sources"),
        (("list", "--url", "here:6066"), "not the root of a server"),
        (("list", "--url", "http://me:secret@here:1"), "not the root of a server"),
        (("list", "--from-topics", "--after", "nonsense"), "--after"),
        (("list", "--class", "nonsense"), "--class"),
    ):
        wrong = run("exceptions", *words)
        assert wrong.exit_code == 2, words
        assert said in wrong.stderr


# An API

TOKEN = "0123456789abcdef"


class Api(BaseHTTPRequestHandler):
    """Speaks as docs/http-api.md has it, about one break."""

    alert: dict[str, Any]
    explanation: dict[str, Any] | None
    asked: list[tuple[str, dict[str, list[str]]]]
    broken: tuple[int, str] | None = None

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        self.asked.append((url.path, parse_qs(url.query)))
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self._answer(401, {"error": {"code": "unauthorized", "message": "no"}})
        if self.broken is not None:
            return self._answer(self.broken[0], {"error": {"code": "x", "message": self.broken[1]}})
        resolved = {**self.alert, "lifecycle": "resolved", "resolved_at": "2026-07-09T12:00:00.000000Z"}
        found: dict[str, Any] = {
            "/v1/exceptions": {"items": [{**self.alert, "property_id": "H-3"}], "next": "go on"},
            f"/v1/exceptions/{BREAK}/explanation": self.explanation,
            f"/v1/exceptions/{BREAK}/history": {"items": [resolved, self.alert], "next": None},
        }
        answer = found.get(url.path)
        return (
            self._answer(404, {"error": {"code": "not_found", "message": "-"}})
            if answer is None
            else self._answer(200, answer)
        )

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def api(driver: Driver) -> Iterator[type[Api]]:
    """A server with the example's break; `api.port` is where."""
    (alert,) = (one for one in driver.last(topics.MISMATCH_ALERTS).values() if one.break_id == BREAK)

    class Served(Api):
        pass

    Served.asked = []
    Served.alert, Served.explanation = output_to_json(alert), {"type": "Explanation", "break_id": BREAK}
    server = ThreadingHTTPServer(("127.0.0.1", 0), Served)
    Served.port = server.server_port  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield Served
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_api_is_used_when_it_answers(bare_run: Run, api: Any) -> None:
    env = {"RENTMATCH_HTTP_PORT": str(api.port), "RENTMATCH_HTTP_TOKEN": f"{TOKEN},{'f' * 16}", "RENTMATCH_CLOCK": NOW}
    listed = bare_run("exceptions", "list", "--priority", "1", "--class", "posting_missing", "--limit", "7", env=env)
    assert listed.exit_code == 0, listed.output
    assert "H-3" in listed.stdout
    assert listed.stderr == "there are more: continue with the same options and --after 'go on'\n"
    query = {"state": ["open"], "priority": ["1"], "class": ["posting_missing"], "limit": ["7"]}
    assert api.asked[-1] == ("/v1/exceptions", query)

    explained = bare_run("exceptions", "explain", BREAK, "--json", env=env)
    assert parsed(explained.stdout) == [api.explanation]
    shown = bare_run("exceptions", "show", BREAK, "--json", "--url", f"http://127.0.0.1:{api.port}/", env=env)
    assert [record["lifecycle"] for record in parsed(shown.stdout)] == ["opened", "resolved"]

    mine = bare_run("exceptions", "list", "--assignee", "ana", "--decision", "assigned", "--state", "accepted", env=env)
    assert mine.exit_code == 0, mine.output
    query = {"state": ["accepted"], "decision": ["assigned"], "assignee": ["ana"], "limit": ["50"]}
    assert api.asked[-1] == ("/v1/exceptions", query)

    api.explanation = None
    resolved = bare_run("exceptions", "explain", BREAK, env=env)
    assert resolved.exit_code == 1
    assert f"rentmatch exceptions show {BREAK}" in resolved.stderr
    missing = bare_run("exceptions", "explain", "0" * 32, env=env)
    assert missing.exit_code == 1
    assert "there is no break" in missing.stderr


def test_refusals_of_a_named_api(bare_run: Run, api: Any) -> None:
    url = f"http://127.0.0.1:{api.port}"
    env = {"RENTMATCH_HTTP_TOKEN": TOKEN}

    refused = bare_run("exceptions", "list", "--url", url, env={"RENTMATCH_HTTP_TOKEN": "f" * 16})
    assert refused.exit_code == 1
    assert "set RENTMATCH_HTTP_TOKEN" in refused.stderr

    api.broken = (503, "the read model does not answer; ask again")
    down = bare_run("exceptions", "list", "--url", url, env=env)
    assert down.exit_code == 1
    assert "the read model does not answer; ask again. `--from-topics` reads from the broker" in down.stderr

    api.broken = (400, "limit is wrong")
    wrong = bare_run("exceptions", "list", "--url", url, env=env)
    assert wrong.exit_code == 2
    assert "limit is wrong" in wrong.stderr

    nobody = bare_run("exceptions", "list", "--url", "http://127.0.0.1:9", env=env)
    assert nobody.exit_code == 1
    assert "no API answers at http://127.0.0.1:9" in nobody.stderr


def test_the_topics_are_read_when_the_api_does_not_answer(written: Run, api: Any) -> None:
    api.broken = (503, "no read model")
    env = WITH_CLOCK | {"RENTMATCH_HTTP_PORT": str(api.port), "RENTMATCH_HTTP_TOKEN": TOKEN}
    listed = written("exceptions", "list", "--json", env=env)
    assert listed.exit_code == 0, listed.output
    assert [alert["key"] for alert in parsed(listed.stdout)] == ["P-9", "P-7"]
    assert listed.stderr == f"reading the topics (http://127.0.0.1:{api.port}: no read model)\n"


def test_the_page_for_operations_shows_the_real_explanation(written: Run) -> None:
    page = (Path(__file__).parents[2] / "docs" / "exceptions.md").read_text()
    shown = re.search(rf"```console\n\$ rentmatch exceptions explain {BREAK}\n(.*?)```", page, re.DOTALL)
    assert shown is not None
    explained = written("exceptions", "explain", BREAK, "--from-topics", env=WITH_CLOCK)
    assert explained.exit_code == 0
    assert explained.stdout == shown[1], explained.stdout


def test_amounts_have_the_decimals_of_their_currency() -> None:
    shown = {currency: amount_text(1_234_567, currency) for currency in ("USD", "JPY", "KWD", "CLF", "EUR")}
    assert shown == {
        "USD": "USD 12,345.67", "JPY": "JPY 1,234,567", "KWD": "KWD 1,234.567", "CLF": "CLF 123.4567",
        "EUR": "EUR 12,345.67",
    }  # fmt: skip
    assert [amount_text(minor, "KWD") for minor in (0, -5, -1_005)] == ["KWD 0.000", "KWD -0.005", "KWD -1.005"]
    decimals: dict[int, set[str]] = {}
    for currency in EXPONENTS:
        decimals.setdefault(len(amount_text(1, currency).partition(".")[2]), set()).add(currency)
    none = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
    assert decimals.pop(0) == set(none.split())
    assert decimals.pop(3) == {"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"}
    assert decimals.pop(4) == {"CLF", "UYW"}
    assert set(decimals) == {2}

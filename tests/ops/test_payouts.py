"""`rentmatch payouts list|show`: from the topics and from an API, each line and the labelled remainder."""

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ops.payouts.details import remainder_text
from streams import topics
from streams.codec.json_form import instant_from_text, output_to_json
from tests.kit.command_line import Run
from tests.kit.driver import Driver
from tests.kit.scenario_tables import read_facts
from tests.ops.test_exceptions import NOW, WITH_CLOCK, parsed, put_on

FACTS = """
    2026-07-01 15:00 P-1 SETTLED 850.00 fee 1.50 ref ch_1 payout po_1
    2026-07-01 16:00 P-2 SETTLED 700.00 fee unknown ref ch_2 payout po_1
    2026-07-01 17:00 acme/re_9 REFUNDED 50.00 net -50.00 original ch_0 movement m1 payout po_1
    2026-07-02 15:00 acme/po_1 reported PAID 1495.50 other -2.00 arriving 2026-07-03 account A ref ACME_4711
    2026-07-06 15:00 A/n1 booked 1495.50 on 2026-07-06 ref ACME_4711
    2026-07-01 15:00 P-3 SETTLED 100.00 fee 1.00 ref ch_3 payout po_2
    2026-07-02 15:00 acme/po_2 reported PAID 90.00 arriving 2026-07-03 account A
    2026-07-01 15:00 P-4 SETTLED 100.00 EUR fee 1.00 ref tx_4 via other payout po/3
    2026-07-03 15:00 B%2F1/n2 booked 99.00 EUR on 2026-07-03 names other/po/3
"""


@pytest.fixture
def driver() -> Driver:
    driver = Driver(now=instant_from_text(NOW))
    driver.pipe(*read_facts(FACTS))
    driver.run()
    return driver


@pytest.fixture
def written(run: Run, mock_broker: str, driver: Driver) -> Run:
    put_on(mock_broker, driver)
    return run


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("│")]


def test_the_list_has_the_remainder_of_each_payout(written: Run) -> None:
    shown = written("payouts", "list", "--from-topics", env=WITH_CLOCK)
    assert shown.exit_code == 0, shown.output
    assert [cells(line) for line in shown.stdout.splitlines() if "/po" in line] == [
        ["acme/po_1", "in_transit", "2026-07-03", "3 (1 without a net)", "USD 796.50", "USD 1,495.50", "USD 699.00",
         "USD 1,495.50", "0"],
        ["acme/po_2", "exception", "2026-07-03", "1", "USD 99.00", "USD 90.00", "USD -9.00", "USD 0.00", "2"],
        ["other/po/3", "collecting", "-", "1", "EUR 99.00", "-", "-", "EUR 99.00", "0"],
    ]  # fmt: skip


def test_filters_and_pages(written: Run) -> None:
    def keys(*words: str) -> list[str]:
        found = written("payouts", "list", "--from-topics", "--json", *words, env=WITH_CLOCK)
        assert found.exit_code == 0, found.output
        return [payout["payout_id"] for payout in parsed(found.stdout)]

    assert keys() == ["po_1", "po_2", "po/3"]
    assert keys("--status", "exception") == ["po_2"]
    assert keys("--processor", "other") == keys("--currency", "EUR") == keys("--account", "B/1") == ["po/3"]
    assert keys("--limit", "2") == ["po_1", "po_2"]
    first = written("payouts", "list", "--from-topics", "--limit", "2", env=WITH_CLOCK)
    assert "--after 'acme/po_2'" in first.stderr
    assert keys("--after", "acme/po_2") == ["po/3"]
    nothing = written("payouts", "list", "--from-topics", "--status", "failed", env=WITH_CLOCK)
    assert (nothing.exit_code, nothing.stdout, nothing.stderr) == (0, "", "no payouts match\n")


def test_a_payout_is_shown_with_each_line_and_the_labelled_remainder(written: Run) -> None:
    shown = written("payouts", "show", "acme/po_1", env=WITH_CLOCK)
    assert shown.exit_code == 0, shown.output
    page = (Path(__file__).parents[2] / "docs" / "payouts.md").read_text()
    said = re.search(r"```console\n\$ rentmatch payouts show acme/po_1\n(.*?)```", page, re.DOTALL)
    assert said is not None
    assert shown.stdout == said[1], shown.stdout


def test_breaks_and_lines_that_are_left_out(written: Run) -> None:
    short = written("payouts", "show", "acme/po_1", "--lines", "1", env=WITH_CLOCK)
    assert "ch_2" in short.stdout  # the one without a net comes first
    assert "ch_1" not in short.stdout
    assert "and 2 more, USD 798.50 in all; --lines shows more" in short.stdout
    wrong = written("payouts", "show", "acme/po_2", env=WITH_CLOCK).stdout
    assert "remainder  USD -9.00  no line explains it" in wrong
    assert "no bank entry belongs to it yet; it arrives 2026-07-03" in wrong
    listed = [line.split()[1:] for line in wrong.partition("Breaks")[2].splitlines()[2:]]
    assert sorted(listed) == [["deposit_missing", "open"], ["payout_sum_mismatch", "open"]]


def test_a_payout_in_json(written: Run) -> None:
    found = written("payouts", "show", "acme/po_1", "--json", env=WITH_CLOCK)
    (payout,) = parsed(found.stdout)
    assert {name: payout[name] for name in ("type", "status", "lines", "unknown_lines", "remainder_minor")} == {
        "type": "Payout", "status": "in_transit", "lines": 3, "unknown_lines": 1, "remainder_minor": 69_900,
    }  # fmt: skip
    assert payout["remainder"] == "it may be the line whose net is not known yet"
    assert [(one["processor_reference"], one["counts_minor"]) for one in payout["line_items"]] == [
        ("ch_1", 84_850), ("ch_2", None), ("re_9", -5_000),
    ]  # fmt: skip
    assert payout["line_items"][2]["movement_id"] == "m1"
    assert payout["line_items"][2]["payment_id"] is None
    (report,) = payout["reports"]
    assert (report["status"], report["in_force"], report["bank_reference"]) == ("PAID", True, "ACME_4711")
    (entry,) = payout["entries"]
    assert (entry["entry_id"], entry["matched_by"], entry["booking_date"]) == ("n1", "reference", "2026-07-06")

    (unreported,) = parsed(written("payouts", "show", "other/po/3", "--json", env=WITH_CLOCK).stdout)
    assert (unreported["amount_minor"], unreported["remainder"]) == (None, "the payout is not reported yet")
    assert (unreported["reports"], unreported["deposited_minor"]) == ([], 9_900)


def test_the_json_agrees_with_what_was_published(written: Run, driver: Driver) -> None:
    for key, record in driver.last(topics.PAYOUT_RECONCILIATIONS).items():
        (payout,) = parsed(written("payouts", "show", key, "--json", env=WITH_CLOCK).stdout)
        published = output_to_json(record)
        published.pop("type")
        entries = published.pop("entries")
        assert [{name: one[name] for name in known} for one, known in zip(payout["entries"], entries, strict=True)] == (
            entries
        )
        assert {name: payout[name] for name in published} == published


def test_wrong_arguments(written: Run) -> None:
    missing = written("payouts", "show", "acme/po_9", env=WITH_CLOCK)
    assert missing.exit_code == 1
    assert "nothing is known of payout acme/po_9; `rentmatch payouts list` lists all" in missing.stderr
    wrong = written("payouts", "show", "po_9", env=WITH_CLOCK)
    assert wrong.exit_code == 2
    assert "'po_9' is not a key of two parts" in wrong.stderr


@pytest.mark.parametrize(
    ("remainder", "unknown", "said"),
    [
        (None, 0, "the payout is not reported yet"),
        (0, 0, "every part of it is explained"),
        (0, 2, "it adds up without the 2 lines whose nets are not known yet"),
        (5, 1, "it may be the line whose net is not known yet"),
        (-5, 0, "no line explains it: a record that was not reported, a fee, a reserve, an amount carried over"),
    ],
)
def test_what_a_remainder_is_called(remainder: int | None, unknown: int, said: str) -> None:
    assert remainder_text(remainder, unknown) == said


class Api(BaseHTTPRequestHandler):
    """Speaks as docs/http-api.md has it, about payouts."""

    payouts: list[dict[str, Any]]
    asked: list[tuple[str, dict[str, list[str]]]]

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        self.asked.append((url.path, parse_qs(url.query)))
        found: dict[str, Any] = {
            "/v1/exceptions": {"items": [], "next": None},
            "/v1/payouts": {"items": self.payouts, "next": "other/po/3"},
            "/v1/payouts/other/po%2F3": self.payouts[-1],
        }
        answer = found.get(url.path)
        data = json.dumps({"error": {"code": "not_found", "message": "-"}} if answer is None else answer).encode()
        self.send_response(404 if answer is None else 200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def api(driver: Driver) -> Iterator[Any]:
    class Served(Api):
        pass

    Served.asked = []
    records = driver.last(topics.PAYOUT_RECONCILIATIONS)
    Served.payouts = [output_to_json(records[key]) for key in sorted(records)]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Served)
    Served.port = server.server_port  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield Served
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_api_is_used_when_it_answers(bare_run: Run, api: Any) -> None:
    env = {"RENTMATCH_HTTP_PORT": str(api.port), "RENTMATCH_CLOCK": NOW}
    listed = bare_run("payouts", "list", "--processor", "other", "--account", "B/1", "--json", env=env)
    assert listed.exit_code == 0, listed.output
    assert [payout["remainder_minor"] for payout in parsed(listed.stdout)] == [69_900, -900, None]
    assert "--after 'other/po/3'" in listed.stderr
    assert api.asked[-1] == ("/v1/payouts", {"processor": ["other"], "account": ["B/1"], "limit": ["50"]})

    url = f"http://127.0.0.1:{api.port}"
    shown = bare_run("payouts", "show", "other/po/3", "--url", url, env=env)
    assert shown.exit_code == 0, shown.output
    assert "expected   EUR 99.00" in shown.stdout
    assert "the API does not give the lines of a payout" in shown.stderr
    missing = bare_run("payouts", "show", "other/po_9", "--url", url, env=env)
    assert missing.exit_code == 1


def test_hostile_names_are_escaped(run: Run, mock_broker: str) -> None:
    hostile = "po\x1b[2J\u202e"
    driver = Driver(now=instant_from_text(NOW))
    driver.pipe(*read_facts(f"2026-07-01 15:00 P-1 SETTLED 850.00 ref ch_1 payout {hostile}"))
    driver.run()
    put_on(mock_broker, driver)
    for words in (("list", "--from-topics"), ("show", f"acme/{hostile}")):
        shown = run("payouts", *words, env=WITH_CLOCK)
        assert shown.exit_code == 0, shown.output
        assert shown.stdout.replace("\n", "").isprintable()
        assert r"po\x1b[2J\u202e" in shown.stdout

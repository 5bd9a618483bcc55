"""`rentmatch import`: all is checked before anything is sent, again changes nothing, no line is lost."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.kit.command_line import Run
from tests.kit.reading import read_all
from tests.kit.stripe_report import MONTH, charge, report, row

MAPPING = """
record = "ObligationCancelled"
fields = { occurred_at = "At", obligation_id = "Rent", reason = "Why" }
"""


@pytest.fixture
def month(tmp_path: Path) -> Path:
    path = tmp_path / "july.csv"
    path.write_bytes(report(*MONTH))
    return path


def records(run: Run, topic: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run("read", topic, "--json").stdout.splitlines()]


def test_a_report_is_published_and_summed_up(run: Run, month: Path) -> None:
    result = run("import", "stripe-payouts", str(month), "--account", "chk")
    assert result.exit_code == 0, result.output
    assert result.stderr.splitlines() == [
        "july.csv: its totals do not add up; see the controls above", "7 records published",
    ]  # fmt: skip
    for text in (
        "ProcessorSettled SETTLED", "PayoutReported PAID", "fee: it belongs to the payout",
        "USD 2,007.23", "USD 2,006.73", "USD -0.50", "USD 2,008.73 in 5 lines", "USD -2.00",
    ):  # fmt: skip
        assert text in result.stdout, text
    assert len(records(run, "processor-settled")) == 6
    (payout,) = records(run, "payouts")
    assert (payout["payout_id"], payout["account_id"], payout["amount_minor"]) == ("po_1", "chk", 200_723)


def test_again_the_same_records_are_sent(run: Run, month: Path) -> None:
    for _ in range(2):
        assert run("import", "stripe-payouts", str(month)).exit_code == 0
    found = records(run, "processor-settled")
    assert len(found) == 12
    assert len({json.dumps(record, sort_keys=True) for record in found}) == 6


@pytest.mark.parametrize("order", [("lines", "list"), ("list", "lines", "list")])
def test_a_payout_in_two_files_comes_to_one_record_in_any_order(
    run: Run, tmp_path: Path, order: tuple[str, ...]
) -> None:
    (tmp_path / "lines").write_bytes(report(charge(1, "50.00", "1.00"), row("txn_2", "fee", "-0.25")))
    (tmp_path / "list").write_bytes(report(row("txn_3", "payout", "-48.75", source_id="po_1")))
    for number, name in enumerate(order):
        result = run("import", "stripe-payouts", str(tmp_path / name), "--account", "chk", "--strict")
        assert result.exit_code == 0, result.output
        assert ("reported with what earlier imports have of it" in result.stdout) == (number > 0)
        waits = number == 0
        assert ("payout po_1 waits:" in result.stdout) == waits
        assert ("waiting" in result.stdout or "not in this file" in result.stdout) == waits
        assert ("USD 49.00 in 1 line" in result.stdout) == (not waits or name == "lines")
    sent = {json.dumps(record, sort_keys=True) for record in records(run, "payouts")}
    together = run(
        "import", "stripe-payouts", *(str(tmp_path / name) for name in ("list", "lines")), "--account", "chk"
    )
    assert together.exit_code == 0, together.output
    shown = [line for line in together.stdout.splitlines() if line.startswith("po_1 ")]
    assert [line.split("│")[-1].strip() for line in shown] == [
        "none",
        "none",
    ]  # no remainder, by the lines of both files
    assert {json.dumps(record, sort_keys=True) for record in records(run, "payouts")} == sent
    assert [json.loads(each)["other_minor"] for each in sent] == [-25]


def test_a_line_that_is_not_understood_is_a_dead_letter_once(run: Run, mock_broker: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    path.write_bytes(report(charge(1, "1.00"), charge(2, "one", net="1"), charge(3, "3.00")))
    for _ in range(2):
        result = run("import", "stripe-payouts", str(path))
        assert result.exit_code == 1
        assert "2 records published; 1 lines are not understood" in result.stderr
        assert "'one' is not an amount" in result.stdout
    (letter,) = read_all(mock_broker, "here.dead-letter")
    assert letter.value == report(charge(2, "one", net="1")).split(b"\n", 1)[1]
    headers = dict(letter.headers)
    assert headers["rentmatch.error.class"] == b"unreadable_line"
    assert headers["rentmatch.import.file"] == b"odd.csv"
    assert headers["rentmatch.source.offset"] == b"3"
    listed = run("dead-letters", "list", "--class", "unreadable_line").stdout
    assert "import.stripe-payouts" in listed
    shown = run("dead-letters", "show", f"{letter.partition}:{letter.offset}").stdout
    assert "line 3 of odd.csv" in shown
    assert "import" in shown


def test_a_broken_file_sends_nothing_of_any_file(run: Run, month: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.csv"
    broken.write_bytes(report(charge(1, "1.00")) + b'"txn_2,\n')
    result = run("import", "stripe-payouts", str(month), str(broken))
    assert result.exit_code == 1
    assert "broken.csv: line 3: " in result.stderr
    assert "Nothing was sent." in result.stderr
    assert records(run, "processor-settled") == []


def test_a_dry_run_needs_no_broker(run: Run, bare_run: Run, month: Path) -> None:
    away = {"RENTMATCH_BROKER": "127.0.0.1:1"}
    result = bare_run("import", "stripe-payouts", str(month), "--dry-run", "--json", env=away)
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert found["records"]["ProcessorSettled SETTLED"] == 3
    assert (found["dry_run"], found["published"]) == (True, 0)
    assert found["payouts"][0]["remainder_minor"] == 50
    assert [control["adds_up"] for control in found["controls"]] == [False]
    assert records(run, "processor-settled") == []


def test_strict_refuses_what_is_not_clear(run: Run, month: Path) -> None:
    result = run("import", "stripe-payouts", str(month), "--strict")
    assert result.exit_code == 1
    assert "nothing was sent (--strict)" in result.stderr
    assert records(run, "processor-settled") == []


def test_a_mapping_file(run: Run, tmp_path: Path) -> None:
    mapping, path = tmp_path / "rents.toml", tmp_path / "rents.csv"
    mapping.write_text(MAPPING)
    path.write_text("At,Rent,Why\n2026-07-01T10:00:00Z,O-1,moved out\n")
    assert run("import", "csv", str(path), "--mapping", str(mapping)).exit_code == 0
    (record,) = records(run, "ledger-events")
    assert (record["type"], record["obligation_id"], record["reason"]) == ("ObligationCancelled", "O-1", "moved out")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--option", "zone"), "write it as NAME=VALUE"),
        (("--option", "zone=UTC"), "no option 'zone'; it has payment_id_column"),
        (("--option", "payouts_from_lines=perhaps"), "payouts_from_lines"),
    ],
)
def test_a_wrong_option_is_named(bare_run: Run, month: Path, words: tuple[str, ...], says: str) -> None:
    result = bare_run("import", "stripe-payouts", str(month), "--dry-run", *words)
    assert (result.exit_code, says in result.stderr) == (2, True), result.stderr


def test_without_a_broker_nothing_is_done(bare_run: Run, month: Path, impatient: None) -> None:
    result = bare_run("import", "stripe-payouts", str(month), env={"RENTMATCH_BROKER": "127.0.0.1:1"})
    assert result.exit_code == 1
    assert "127.0.0.1:1" in result.stderr

"""`simulate` by file, by stdout and straight to the broker says the same records; the truth goes along."""

import json
from pathlib import Path

from simulator.deliver import value_of
from simulator.scenario import simulate
from streams import topics
from streams.codec.codec import Codec
from tests.kit.command_line import Run
from tests.kit.reading import read_all

SIZE = ("--seed", "3", "--obligations", "120")


def expected() -> dict[str, list[tuple[bytes, bytes]]]:
    """Keys and values by topic, as the simulator has them."""
    codec = Codec()
    found: dict[str, list[tuple[bytes, bytes]]] = {topic.name: [] for topic in topics.INPUTS}
    for delivery in simulate(3, 120).deliveries:
        found[delivery.topic].append((delivery.key.encode(), value_of(delivery, codec.encode)))
    return found


def on_broker(broker: str, topic: str) -> list[tuple[bytes | None, bytes | None]]:
    return [(record.key, record.value) for record in read_all(broker, "here." + topic)]


def test_files_published_are_byte_for_byte_the_scenario(run: Run, mock_broker: str, tmp_path: Path) -> None:
    made = run("simulate", *SIZE, "--out", str(tmp_path / "month"), "--truth", str(tmp_path / "truth.json"))
    assert made.exit_code == 0, made.output
    texts = b""
    for name, records in expected().items():
        text = (tmp_path / "month" / f"{name}.jsonl").read_bytes()
        texts += text
        assert run("publish", name, stdin=text).exit_code == 0
        assert sorted(on_broker(mock_broker, name)) == sorted(records)
    assert b'"_raw"' in texts  # bad input is among it

    truth = json.loads((tmp_path / "truth.json").read_text())
    assert truth["seed"] == 3
    assert truth["obligations"]
    assert truth["payments"]
    assert truth["open_breaks"]
    assert truth["injected"]


def test_to_broker_says_the_same(run: Run, mock_broker: str) -> None:
    made = run("simulate", *SIZE, "--to-broker")
    total = sum(len(records) for records in expected().values())
    assert (made.exit_code, made.stderr) == (0, f"{total} records published\n")
    for name, records in expected().items():
        assert sorted(on_broker(mock_broker, name)) == sorted(records)


def test_to_stdout_in_order_of_arrival(bare_run: Run) -> None:
    made = bare_run("simulate", *SIZE)
    assert made.exit_code == 0
    assert made.stdout == bare_run("simulate", *SIZE).stdout
    rows = [json.loads(line) for line in made.stdout.splitlines()]
    assert len(rows) == sum(len(records) for records in expected().values())
    arrivals = [row["_kafka"]["arrives_at"] for row in rows]
    assert arrivals == sorted(arrivals)
    assert {row["_kafka"]["topic"] for row in rows} == {topic.name for topic in topics.INPUTS}


def test_truth_at_another_instant_and_under_other_deadlines(bare_run: Run, tmp_path: Path) -> None:
    def open_breaks(at: str, env: dict[str, str]) -> int:
        path = tmp_path / "truth.json"
        out = str(tmp_path / "month")
        assert bare_run("simulate", *SIZE, "--out", out, "--truth", str(path), "--at", at, env=env).exit_code == 0
        return len(json.loads(path.read_text())["open_breaks"])

    june = open_breaks("2026-06-01T00:00:00Z", {})
    assert june < open_breaks("2026-09-01T00:00:00Z", {})
    patient = {"RENTMATCH_POSTING_BANKING_DAYS": "365", "RENTMATCH_SETTLEMENT_BANKING_DAYS_CARD": "365"}
    assert open_breaks("2026-09-01T00:00:00Z", patient) < open_breaks("2026-09-01T00:00:00Z", {})


def test_mistakes(bare_run: Run, tmp_path: Path) -> None:
    assert bare_run("simulate", "--to-broker", "--out", "x").exit_code == 2
    assert bare_run("simulate", "--at", "2026-06-01T00:00:00Z").exit_code == 2
    assert bare_run("simulate", "--truth", str(tmp_path / "t"), "--at", "soon").exit_code == 2
    assert bare_run("simulate", "--obligations", "0").exit_code == 2
    (tmp_path / "file").write_text("")
    blocked = bare_run("simulate", *SIZE, "--out", str(tmp_path / "file" / "folder"))
    assert blocked.exit_code == 1
    assert "cannot write" in blocked.stderr

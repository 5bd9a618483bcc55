"""Each benchmark runs, at a size that proves nothing about speed: figures are there, and none is nonsense."""

import json
from pathlib import Path

import pytest

from benchmarks import __main__ as command_line
from benchmarks.loop_delay import add_delays
from benchmarks.report import Figure, Result, median_of, text_of
from connectors.formats import MODULES

SMALL = [
    "--events=3000", "--naive-events=300", "--keys=2000", "--payments=500", "--profile-events=1000",
    "--rates=200", "--seconds=3", "--entries=1500",
]  # fmt: skip


def run(kafka: str, path: Path, which: str) -> dict[str, dict[str, float]]:
    file = path / "results.json"
    command_line.main([*which.split(), *SMALL, f"--broker={kafka}", f"--json={file}"])
    written = json.loads(file.read_text(encoding="utf-8"))
    return {
        result["benchmark"]: {" | ".join(filter(None, (figure["name"], figure["column"]))): figure["value"]
                              for figure in result["figures"]}
        for result in written["results"]
    }  # fmt: skip


@pytest.mark.kafka
def test_the_backlog_is_compared_with_the_naive_job(kafka: str, tmp_path: Path) -> None:
    found = run(kafka, tmp_path, "naive backlog")
    assert found["naive"]["events"] == 300
    assert found["backlog"]["events"] == 3000
    assert found["backlog"]["CPU a million events"] > 0
    assert found["backlog"]["peak memory"] > 10
    per_million = found["naive"]["CPU a million events"] / found["backlog"]["CPU a million events"]
    assert found["backlog"]["CPU against naive"] == pytest.approx(per_million)


@pytest.mark.kafka
def test_recovery_reads_every_key_once_and_none_on_the_same_disk(kafka: str, tmp_path: Path) -> None:
    found = run(kafka, tmp_path, "recovery")["recovery"]
    assert found["from nothing: records read"] == 2000
    assert found["same disk: records read"] == 0


@pytest.mark.kafka
def test_every_event_has_an_output_in_the_latency_run(kafka: str, tmp_path: Path) -> None:
    found = run(kafka, tmp_path, "latency")["latency"]
    assert found["events counted"] == 200 * 3
    assert 0 < found["payment events: p50"] <= found["payment events: p99"] <= found["payment events: p99.9"]
    assert found["payment events: p99.9"] <= found["payment events: max"]
    assert 0 < found["ledger events: p50"] <= found["ledger events: max"]


@pytest.mark.kafka
def test_a_worker_measures_its_event_loop(kafka: str, tmp_path: Path) -> None:
    found = run(kafka, tmp_path, "loop-delay")["loop-delay"]
    assert found["delays measured"] > 100
    assert 0 < found["delay of the event loop: p50"] <= found["delay of the event loop: p99"]
    assert found["delay of the event loop: p99.9"] <= found["delay of the event loop: max"] < 60_000


def test_delays_above_what_is_allowed_are_counted() -> None:
    result = Result("loop-delay", "")
    add_delays(result, [1_000] * 998 + [51_000, 80_000])
    assert {figure.name.split(": ")[-1]: figure.value for figure in result.figures} == {
        "p50": 1, "p99": 1, "p99.9": 80, "max": 80, "delays above it": 2, "delays measured": 1_000,
    }  # fmt: skip
    assert [figure.is_met for figure in result.figures] == [None, None, None, False, None, None]


@pytest.mark.kafka
def test_two_workers_read_what_one_does(kafka: str, tmp_path: Path) -> None:
    assert run(kafka, tmp_path, "scaling")["scaling"]["two against one"] > 0


def test_memory_and_profile_need_no_broker(tmp_path: Path) -> None:
    found = run("nobody:1", tmp_path, "memory profile")
    memory = found["memory"]
    assert memory["a payment decoded, by what Python allocates"] > memory["a payment packed"] > 100
    assert memory["a hot payment, in the store's cache"] > memory["a payment packed"]
    assert 0 < memory["any payment on disk, outside the store's cache"] < 20
    shares = [value for name, value in found["profile"].items() if name.startswith("share of ")]
    assert sum(shares) == pytest.approx(100)
    assert found["profile"]["share of domain"] > 1


def test_each_attempt_costs_a_small_state(tmp_path: Path) -> None:
    found = run("nobody:1", tmp_path, "references")["references"]
    assert 0.05 < found["changelog records that claims add"] < 0.5
    assert found["bytes of such a record, with its key"] < 300


def test_every_format_is_imported(tmp_path: Path) -> None:
    found = run("nobody:1", tmp_path, "imports")["imports"]
    assert set(found) == {f"{name}: entries a second" for name in MODULES}
    assert min(found.values()) > 100


def test_figures_are_rounded_to_significant_digits() -> None:
    assert [text_of(value) for value in (0.01234, 1.239, 45.678, 123.4, 2_000_000)] == [
        "0.0123", "1.24", "45.68", "123", "2,000,000",
    ]  # fmt: skip


def test_ratios_show_whether_the_target_is_met() -> None:
    ours, naive = Result("backlog", ""), Result("naive", "")
    for result, throughput, cpu_s in ((ours, 50_000.0, 20.0), (naive, 400.0, 1_900.0)):
        result.add("throughput", throughput, "events/s")
        result.add("CPU a million events", cpu_s, "s")
    command_line.compare(ours, naive)
    assert ours.figures[-2:] == [
        Figure("throughput against naive", 125.0, "times", ">= 100", True),
        Figure("CPU against naive", 95.0, "times less", ">= 100", False),
    ]


def test_several_rounds_are_summed_up_by_median_and_spread() -> None:
    rounds = []
    for value in (90.0, 40.0, 55.0):
        result = Result("backlog", "some events", details={"value": value})
        result.add("CPU", value, "s", "<= 60", value <= 60)
        rounds.append(result)
    found = median_of(rounds)
    assert found.figures == [Figure("CPU", 55.0, "s", "<= 60", True, 40.0, 90.0)]
    assert found.details["rounds"] == [{"value": 90.0}, {"value": 40.0}, {"value": 55.0}]

"""What the workers tell at /metrics, summed over them, held to the truth on a real Kafka: to the cent, after a kill -9,
a rebalance, and from an empty disk, before any new event."""

import json
import random
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simulator.scenario import Scenario, simulate
from simulator.truth import truth
from tests.kit import gauges
from tests.kit.deployment import AuditedDeployment, Feed
from tests.kit.environment import TEST_SEED
from tools.group_monitor import READ

pytestmark = pytest.mark.kafka

SEED = TEST_SEED or 1
SOON_S = 60


def test_the_gauges_summed_over_all_workers_equal_the_truth(kafka: str, topic_prefix: str, tmp_path: Path) -> None:
    scenario = simulate(SEED, 500)
    rng = random.Random(SEED)
    expected = gauges.expected(truth(scenario, scenario.closes_at), scenario.deliveries)
    everything_occurs(expected)
    with installation_of(kafka, topic_prefix, tmp_path, scenario) as deployment:
        deployment.worker("a")
        deployment.worker("b", supervised=True)
        deployment.wait_members(2)
        feed = Feed(deployment, scenario.deliveries, 8, rng)
        deployment.watch(rng.uniform(1, 4))
        deployment.workers["b"].kill()
        deployment.worker("c")
        feed.finish(hurry=True)
        deployment.wait_members(3)
        deployment.wait_settled()
        soon(lambda: shares(deployment), [1, 1, 1])  # a rebalance in which nobody got anything would prove little
        soon(lambda: scraped(deployment), expected)
        counters_tell_what_was_committed(deployment, scenario)

        # What a worker held goes to the others, who know it from the changelog: nothing new is read.
        assert deployment.workers["c"].terminate() == 0
        deployment.dismiss("c")
        deployment.wait_members(2)
        soon(lambda: scraped(deployment), expected)

        # From nothing: the first answer that is ready is exact.
        for worker_id in "ab":
            deployment.workers[worker_id].kill()
            deployment.dismiss(worker_id)
            shutil.rmtree(deployment.directory_of(worker_id) / "state")
        deployment.worker("a").wait_ready()
        assert scraped(deployment) == expected
        machinery_is_told(deployment)
        deployment.check(scenario)


def installation_of(kafka: str, prefix: str, directory: Path, scenario: Scenario) -> AuditedDeployment:
    return AuditedDeployment(
        kafka, prefix, directory, clock=scenario.closes_at, session_timeout_ms=2_500, commit_interval_ms=50
    )


def everything_occurs(expected: dict[gauges.Sample, int]) -> None:
    """A month in which a gauge stays at 0 would prove nothing of it."""
    told = {name for name, _ in expected}
    assert told == set(gauges.OF_STATE)
    assert {("administrative",), ("unauthorized",), ("other",)} >= {
        labels for name, labels in expected if name == "rentmatch_ach_returns_60d"
    }


def running(deployment: AuditedDeployment) -> list[str]:
    return [worker.url for worker in deployment.workers.values() if worker.exit_code is None]


def scraped(deployment: AuditedDeployment) -> dict[gauges.Sample, int]:
    return gauges.scraped(running(deployment))


def soon(look: Callable[[], Any], expected: Any) -> None:
    """A group that rebalances counts nothing twice, but for a moment it counts less."""
    until = time.monotonic() + SOON_S
    while (found := look()) != expected:
        if time.monotonic() > until:
            assert found == expected
        time.sleep(0.1)


def samples(url: str) -> dict[tuple[str, tuple[str, ...]], float]:
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in gauges.families_at(url)
        for sample in family.samples
    }


def shares(deployment: AuditedDeployment) -> list[float]:
    return sorted(samples(url)["rentmatch_partitions", ("payment-facts",)] for url in running(deployment))


def counters_tell_what_was_committed(deployment: AuditedDeployment, scenario: Scenario) -> None:
    """Of the processes that still run; the one that was killed took its counts along."""
    of = [samples(url) for url in running(deployment)]
    told = deployment.outputs().records
    for topic, records in told.items():
        counted = sum(each["rentmatch_outputs_total", (topic,)] for each in of)
        assert 0 < counted <= len(records)
    events = sum(value for each in of for (name, _), value in each.items() if name == "rentmatch_events_total")
    assert 0 < events <= len(scenario.deliveries)
    for since in ("occurred", "broker"):
        assert sum(each["rentmatch_event_latency_seconds_count", (since,)] for each in of) > 0
    for each in of:
        assert each["rentmatch_commits_total", ()] == each["rentmatch_commit_duration_seconds_count", ()]
        assert each["rentmatch_rebalances_total", ()] >= 1


def machinery_is_told(deployment: AuditedDeployment) -> None:
    (url,) = running(deployment)

    def looked() -> bool:
        now = samples(url)
        return ("rentmatch_input_last_record_timestamp_seconds", ("ledger-events",)) in now

    soon(looked, True)
    now = samples(url)
    inputs = ("payment-initiated", "processor-settled", "ledger-events")  # which every scenario has records on
    for topic in READ:
        assert now["rentmatch_partitions", (topic,)] == 3
        assert now["rentmatch_input_lag_records", (topic,)] == 0
    clock_s = deployment.clock / 1e6 if deployment.clock else 0
    assert now["rentmatch_caught_up_timestamp_seconds", ()] == pytest.approx(clock_s)
    for topic in inputs:
        assert now["rentmatch_input_caught_up_timestamp_seconds", (topic,)] == pytest.approx(clock_s)
        assert time.time() - 300 < now["rentmatch_input_last_record_timestamp_seconds", (topic,)] <= time.time()
    assert (now["rentmatch_live", ()], now["rentmatch_ready", ()]) == (1, 1)
    assert now["rentmatch_recovery_records_remaining", ()] == 0
    assert now["rentmatch_recovery_seconds", ()] > 0


def test_health_and_metrics_endpoints(kafka: str, topic_prefix: str, tmp_path: Path) -> None:
    """OpenMetrics is told to whom asks for it."""
    scenario = simulate(SEED, 1)
    with installation_of(kafka, topic_prefix, tmp_path, scenario) as deployment:
        worker = deployment.worker("a")
        worker.wait_ready()
        for path, state in (("/readyz", "reconciling"), ("/livez", "working")):
            with urllib.request.urlopen(worker.url + path, timeout=5) as response:
                told = json.load(response)
            assert (told["ok"], told["state"]) == (True, state)
        asking = urllib.request.Request(
            f"{worker.url}/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0"}
        )
        with urllib.request.urlopen(asking, timeout=5) as response:
            assert response.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
            assert response.read().endswith(b"# EOF\n")

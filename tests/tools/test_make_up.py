"""`make up` from start to end: fed a month, a worker killed, audited against the truth, and stopped.

One test, because starting takes most of the time. Everything is observed from outside, as an operator would.
"""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient

from domain.time import Micros, rfc3339
from simulator.deliver import Delivery, value_of
from simulator.scenario import Scenario, simulate
from simulator.truth import truth_of_deliveries
from streams import topics
from streams.codec.codec import codec_of
from streams.settings import Settings, load
from tests.kit import gauges, wire
from tests.kit.deployment import AuditedDeployment
from tests.kit.questioning import (
    Questions,
    check_explanations,
    check_lists,
    faults_of_items,
    read_model_is_behind,
)
from tools.local.processes import Process, wait_until
from tools.local.worker import REPOSITORY

pytestmark = pytest.mark.kafka

PARTITIONS = 4
GROUP = "group"

SETTINGS = {
    "APPLICATION_ID": GROUP,
    "PARTITIONS": str(PARTITIONS),
    # A death costs the session and the transaction that it left open: short, so that the test need not wait.
    "SESSION_TIMEOUT_MS": "4000",
    "TRANSACTION_TIMEOUT_MS": "5000",
    "PROGRESS_INTERVAL_MS": "200",
}


class Topology:
    """A `make up` that runs, in a folder of its own."""

    def __init__(self, folder: Path, clock: Micros) -> None:
        self.folder = folder
        settings = SETTINGS | {"CLOCK": rfc3339(clock)}
        words = [word for name, value in settings.items() for word in ("--set", f"RENTMATCH_{name}={value}")]
        self.runner = Process(
            self._line("up", "--free-ports", *words), folder.with_suffix(".log"), cwd=REPOSITORY, env=dict(os.environ)
        )
        self.runner.start()

    def _line(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "tools.local", words[0], "--folder", str(self.folder), *words[1:]]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run another command on it."""
        return subprocess.run(
            self._line(*words), cwd=REPOSITORY, capture_output=True, text=True, timeout=150, check=False
        )

    def status(self) -> dict[str, Any]:
        """Return its status; an empty one until it has written one."""
        path = self.folder / "status.json"
        found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"is_well": False, "parts": []}
        return found

    def part(self, name: str) -> dict[str, Any]:
        (found,) = (part for part in self.status()["parts"] if part["name"] == name)
        return dict(found)

    def wait_well(self) -> None:
        wait_until(lambda: bool(self.status()["is_well"]), 180, "all to be well", process=self.runner)

    def variables(self) -> dict[str, str]:
        """Return the variables that `source …/env` sets."""
        text = subprocess.run(
            ["bash", "-c", f"source {self.folder}/env && env -0"], capture_output=True, text=True, check=True, env={}
        ).stdout
        pairs = (line.partition("=") for line in text.split("\0"))
        return {name: value for name, _, value in pairs if name.startswith("RENTMATCH_")}

    def processes(self) -> set[int]:
        """Return every process whose command line or environment names the folder."""
        found = set()
        for place in Path("/proc").glob("[0-9]*"):
            try:
                text = (place / "cmdline").read_bytes() + (place / "environ").read_bytes()
            except OSError:
                continue
            if str(self.folder).encode() in text:
                found.add(int(place.name))
        return found


class Attached(AuditedDeployment):
    """Publishes through the schema registry of a running `make up`, waits for it, and audits it."""

    def __init__(self, topology: Topology, settings: Settings, directory: Path) -> None:
        super().__init__(
            settings.broker, "", directory, clock=settings.standing_clock,
            partitions=PARTITIONS, schema_registry_url=settings.schema_registry_url,
        )  # fmt: skip
        self._topology = topology
        self._codec = codec_of(settings)

    def feed(self, deliveries: tuple[Delivery, ...]) -> None:
        self.publish_values((d, value_of(d, self._codec.encode), -1) for d in deliveries)

    def caught_up_to(self) -> Micros | None:
        found = [json_of(f"{self._topology.part(name)['address']}/readyz") for name in ("worker-1", "worker-2")]
        return max((at for answer in found if (at := (answer or {}).get("caught_up_to_micros"))), default=None)


def json_of(url: str) -> Any:
    """Return the JSON of a page; None if it does not answer."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return json.load(response)
    except OSError:
        return None


@pytest.fixture
def scenario() -> Scenario:
    return simulate(11, 200)


@pytest.fixture
def topology(topology_tools: None, tmp_path: Path, scenario: Scenario) -> Iterator[Topology]:
    topology = Topology(tmp_path / "up", scenario.closes_at)
    yield topology
    topology.runner.kill()


def test_a_month_through_the_whole_topology(topology: Topology, scenario: Scenario, tmp_path: Path) -> None:
    topology.wait_well()
    assert topology.run("status").returncode == 0
    second = topology.run("up")
    assert second.returncode == 1
    assert f"in process {topology.runner.pid}" in second.stderr

    settings = load(topology.variables())
    check_replication(settings)
    with Attached(topology, settings, tmp_path) as deployment:
        half = len(scenario.deliveries) // 2
        deployment.feed(scenario.deliveries[:half])
        kill_in_the_middle(topology, deployment, "worker-1")
        deployment.feed(scenario.deliveries[half:])
        deployment.wait_settled()
        topology.wait_well()
        outputs = deployment.check(scenario)
        assert {row["class"] for row in outputs.of("mismatch-alerts")} >= set(scenario.injected)

    check_registry(settings)
    check_answers(topology, settings, scenario)
    check_prometheus(topology)
    bring_down(topology)


def kill_in_the_middle(topology: Topology, deployment: Attached, name: str) -> None:
    before = topology.part(name)
    deployment.wait_progress(1)
    os.kill(before["pid"], signal.SIGKILL)
    wait_until(lambda: topology.part(name)["starts"] == before["starts"] + 1, 60, f"{name} to be started again")
    assert f"{name} was killed by signal 9; it restarts in 1 s" in topology.runner.log.read_text()
    assert topology.part(name)["pid"] != before["pid"]


def check_replication(settings: Settings) -> None:
    known = AdminClient({"bootstrap.servers": settings.broker}).list_topics(timeout=10).topics
    ours = {settings.topic(topic) for topic in topics.ALL}
    assert ours <= set(known)
    replicas = {len(part.replicas) for name in ours for part in known[name].partitions.values()}
    assert replicas == {3}


def check_registry(settings: Settings) -> None:
    subjects = json_of(f"{settings.schema_registry_url}/subjects")
    assert {f"{settings.topic(topic)}-value" for topic in topics.OUTPUTS} <= set(subjects)
    for topic in topics.OUTPUTS:
        latest = json_of(f"{settings.schema_registry_url}/subjects/{settings.topic(topic)}-value/versions/latest")
        name = json.loads(latest["schema"])["name"]
        assert name in wire.schemas() or f"rentmatch.v1.{name}" in wire.schemas()


def check_answers(topology: Topology, settings: Settings, scenario: Scenario) -> None:
    """The API and the metrics equal the truth: counts, sums and single items, also after a worker was killed."""
    truth = truth_of_deliveries(scenario.deliveries, scenario.closes_at, settings.policy)
    workers = [str(topology.part(name)["address"]) for name in ("worker-1", "worker-2")]
    token = settings.http_tokens[0].decode()
    first, second = (Questions(url, token) for url in workers)
    wait_until(lambda: not read_model_is_behind(first, truth), 60, "the read model to have the month")
    check_lists(second, truth)
    check_explanations(first, truth)
    assert faults_of_items(second, truth, live=True) == []
    assert gauges.scraped(workers) == gauges.expected(truth, scenario.deliveries)


def check_prometheus(topology: Topology) -> None:
    url = topology.part("prometheus")["address"]
    expected = {topology.part(name)["address"] + "/metrics" for name in ("worker-1", "worker-2", "projector")}
    assert json_of(topology.part("gateway")["address"] + "/readyz") == {"ok": True}
    jobs = json_of(f"{url}/api/v1/targets")["data"]["activeTargets"]
    expected |= {target["scrapeUrl"] for target in jobs if target["labels"]["job"] == "rentmatch-gateway"}
    assert len(expected) == 4

    def scraped() -> dict[str, str]:
        targets = json_of(f"{url}/api/v1/targets")["data"]["activeTargets"]
        return {target["scrapeUrl"]: target["health"] for target in targets}

    wait_until(lambda: scraped() == dict.fromkeys(expected, "up"), 60, f"Prometheus to have all of {expected}")
    rules = json_of(f"{url}/api/v1/rules")["data"]["groups"]
    assert {group["name"] for group in rules} >= {"rentmatch-money-alerts", "rentmatch-machinery-alerts"}, rules
    assert [rule["lastError"] for group in rules for rule in group["rules"] if rule.get("lastError")] == []


def bring_down(topology: Topology) -> None:
    ran = topology.processes()
    assert len(ran) >= 9  # three brokers, registry, read model's server, two workers, Prometheus, and the runner
    done = topology.run("down")
    assert done.returncode == 0, done.stderr
    assert topology.runner.wait(5) == 0
    assert topology.processes() == set()
    log = topology.runner.log.read_text()
    # On a busy machine the last brokers may wait for a quorum longer than they are given; what they hold is on disk.
    assert [line for line in log.splitlines() if "is killed" in line and "kafka-" not in line] == []
    for worker in ("worker-1", "worker-2"):
        assert f"{worker} has exited with status 0" in log
    assert log.index("worker-2 has exited") < log.index("kafka-1 has exited")
    status = topology.run("status")
    assert (status.returncode, "nothing is running" in status.stderr) == (1, True)

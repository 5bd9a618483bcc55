"""In the middle of a month the state moves to another number of partitions, and nobody outside can tell."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from simulator.scenario import simulate
from streams.topology import TOPOLOGY
from tests.kit.deployment import AuditedDeployment
from tools.local.kafka import create_topic
from tools.local.processes import wait_until
from tools.local.worker import REPOSITORY

pytestmark = pytest.mark.kafka

MOVED = tuple(topic.name for topic in TOPOLOGY.upstream)
"""The topics that the group reads and whose number of partitions changes."""


def repartition(deployment: AuditedDeployment, *words: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("RENTMATCH_")}
    return subprocess.run(
        [sys.executable, "-m", "ops.cli", "repartition", "--yes", *words],
        env=inherited | deployment.env, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("partitions", [pytest.param(1, marks=pytest.mark.soak), 7])
def test_repartition_in_the_middle_of_a_month(kafka: str, topic_prefix: str, tmp_path: Path, partitions: int) -> None:
    scenario = simulate(partitions, 250)
    half = len(scenario.deliveries) // 2
    # The session is long enough for a to read what is published while b is frozen and still a member.
    with AuditedDeployment(
        kafka, topic_prefix, tmp_path, clock=scenario.closes_at, partitions=3, session_timeout_ms=6_000
    ) as deployment:
        deployment.worker("a")
        deployment.worker("b")
        deployment.publish(scenario.deliveries[:half])
        deployment.wait_progress(half // 2)
        refused = repartition(deployment, "--partitions", str(partitions))
        assert refused.returncode == 1
        assert "workers are in the group" in refused.stderr
        # While b is frozen, a leaves facts in the internal topics that nobody will have read when both are killed.
        deployment.workers["b"].freeze()
        ends = deployment.monitor.ends(["payment-facts"], stable=True)
        deployment.publish(scenario.deliveries[half : half + 300])
        # What a routes to its own partitions does not go through the topic.
        wait_until(
            lambda: deployment.monitor.ends(["payment-facts"], stable=True) != ends, 30, "facts that b does not read"
        )
        for worker_id in "ab":
            deployment.workers[worker_id].kill()
            deployment.dismiss(worker_id)
        deployment.wait_members(0)
        deployment.publish(scenario.deliveries[half + 300 : half + 400])

        moved = repartition(deployment, "--partitions", str(partitions))
        assert moved.returncode == 0, moved.stderr
        assert " and 0 facts" not in moved.stderr
        renamed = dict(line.split("=", 1) for line in moved.stdout.splitlines())
        assert renamed["RENTMATCH_TOPIC_PAYMENT_FACTS"] == f"payment-facts-p{partitions}"

        old = deployment.worker("a")
        assert old.wait(60) == 1
        assert "these topics were repartitioned" in old.tail()
        deployment.dismiss("a")
        again = repartition(deployment, "--partitions", str(partitions))
        assert again.returncode == 1
        assert "was copied to that number of partitions before" in again.stderr

        deployment.env.update(renamed)
        for topic in MOVED:
            deployment.monitor.move(topic, deployment.name(f"{topic}-p{partitions}"), partitions)
        deployment.worker("a")
        deployment.publish(scenario.deliveries[half + 400 :])
        deployment.wait_settled()
        deployment.check(scenario)


def test_topics_of_an_interrupted_repartition_are_reported_and_deleted_on_request(
    kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    scenario = simulate(5, 30)
    with AuditedDeployment(kafka, topic_prefix, tmp_path, clock=scenario.closes_at, partitions=2) as deployment:
        worker = deployment.worker("a")
        deployment.publish(scenario.deliveries)
        deployment.wait_settled()
        assert worker.terminate() == 0
        deployment.dismiss("a")

        create_topic(kafka, f"{topic_prefix}payments-changelog-p5", 5)
        refused = repartition(deployment, "--partitions", "5")
        assert refused.returncode == 1
        assert "left by an interrupted run" in refused.stderr
        moved = repartition(deployment, "--partitions", "5", "--again")
        assert moved.returncode == 0, moved.stderr
        deployment.env.update(line.split("=", 1) for line in moved.stdout.splitlines())
        for topic in MOVED:
            deployment.monitor.move(topic, deployment.name(f"{topic}-p5"), 5)
        before = deployment.outputs().records
        deployment.worker("a")
        deployment.wait_settled()
        assert deployment.outputs().records == before  # nothing is published again
        deployment.check(scenario)

"""A worker that is told to stop leaves the group at once, whatever the group is doing."""

import re
import time
from pathlib import Path

import pytest

from simulator.scenario import simulate
from tests.kit.deployment import AuditedDeployment, wait_log

pytestmark = pytest.mark.kafka

LEAVES_WITHIN_S = 5.0


def test_a_worker_leaves_the_group_at_once_during_a_rebalance(kafka: str, topic_prefix: str, tmp_path: Path) -> None:
    """A member that does not answer holds up a rebalance until its session ends; who is ended meanwhile is not held."""
    scenario = simulate(1, 20)
    with AuditedDeployment(
        kafka, topic_prefix, tmp_path, clock=scenario.closes_at, session_timeout_ms=25_000
    ) as deployment:
        leaving = deployment.worker("leaving")
        silent = deployment.worker("silent")
        deployment.publish(scenario.deliveries)
        deployment.wait_members(2)
        for worker in (leaving, silent):
            worker.wait_ready()
        since = leaving.log.stat().st_size
        silent.freeze()
        deployment.worker("new")
        wait_log(deployment, "leaving", re.compile(r"\(Re-\)joining group"), since)
        deployment.wait_members(3)

        began = time.monotonic()
        assert leaving.terminate() == 0
        deployment.wait_members(2, timeout_s=LEAVES_WITHIN_S)
        assert time.monotonic() - began < LEAVES_WITHIN_S

        deployment.dismiss("leaving")
        silent.thaw()
        deployment.wait_settled()
        deployment.check()

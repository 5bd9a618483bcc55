"""A worker that is told to stop leaves the group at once, whatever the group does; one that must die is soon gone."""

import re
import time
from pathlib import Path

import pytest

from simulator.scenario import simulate
from streams.transport.commit_loop import STOPS
from tests.conftest import MakeCluster
from tests.kit.deployment import AuditedDeployment, wait_log
from tests.kit.faulty_worker import HANGS
from tools.local.worker import WorkerProcess

pytestmark = pytest.mark.kafka

LEAVES_WITHIN_S = 5.0
DIES_WITHIN_S = 2.0


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


@pytest.mark.parametrize("fault", ["raise:{payment}", "hang:before-offsets:3:last"])
def test_a_worker_that_must_die_is_soon_gone(fault: str, kafka: str, topic_prefix: str, tmp_path: Path) -> None:
    """Whether its threads are idle or hang for ever in librdkafka. The next one goes on from what is committed."""
    scenario = simulate(1, 20)
    payment = next(d.key for d in scenario.deliveries if d.topic == "payment-initiated" and not d.is_bad)
    with AuditedDeployment(kafka, topic_prefix, tmp_path, clock=scenario.closes_at) as deployment:
        dying = deployment.worker(fault=fault.format(payment=payment))
        deployment.publish(scenario.deliveries)
        _is_soon_gone(dying)
        deployment.worker()
        deployment.wait_settled()
        deployment.check()


def test_a_worker_that_must_die_is_soon_gone_although_the_broker_is_frozen(
    kafka_cluster_factory: MakeCluster, topic_prefix: str, tmp_path: Path
) -> None:
    scenario = simulate(1, 20)
    cluster = kafka_cluster_factory()
    with AuditedDeployment(cluster.bootstrap, topic_prefix, tmp_path, clock=scenario.closes_at) as deployment:
        dying = deployment.worker(fault="hang:before-offsets:3:last")
        deployment.publish(scenario.deliveries)
        _wait_in_log(dying, HANGS)
        cluster.pause()
        _is_soon_gone(dying)
        cluster.resume()
        deployment.worker()
        deployment.wait_settled()
        deployment.check()


def _is_soon_gone(dying: WorkerProcess) -> None:
    _wait_in_log(dying, STOPS)
    began = time.monotonic()
    assert dying.wait(10) == 1
    assert time.monotonic() - began < DIES_WITHIN_S, dying.tail()


def _wait_in_log(worker: WorkerProcess, text: str) -> None:
    until = time.monotonic() + 60
    while text not in worker.log.read_text(encoding="utf-8"):
        assert time.monotonic() < until, worker.tail()
        time.sleep(0.02)

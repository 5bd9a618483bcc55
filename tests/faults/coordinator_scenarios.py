"""A fault scenario for clusters of any size: the node that coordinates the group dies, and no worker does."""

import logging
import time

from tests.faults.fault_scenarios import FaultBench
from tests.kit.output_watch import OutputWatch
from tests.kit.verifier import KEYS
from tools.local.kafka import KafkaCluster

log = logging.getLogger(__name__)

SESSION_MS = 10_000
TRANSACTION_MS = 15_000
"""As in production: what a worker must outlive is a coordinator that is away for less."""

AWAY_S = (5.0, 8.0)
"""How long one node of several is away. After 4 s the cluster drops it from its metadata. A single node comes back at
once, which takes it some 9 s."""

AFTER_S = 12.0
"""The node comes back to its cluster and is left in peace for so long: another death would hide what this one does."""

GAP_S = 30.0
"""Outputs are written at least this often; half of it was measured on two busy cores. Some 5 to 9 s are the cluster's,
which must notice the death and choose leaders. Another 5 s pass until a call is considered hung."""


def group_coordinator_dies(bench: FaultBench, cluster: KafkaCluster) -> None:
    """The group's coordinator is killed and comes back. Producers may wait for its old handle forever (decision 14)."""
    scenario = bench.scenario()
    with bench.deployment(
        scenario, replication_factor=cluster.nodes, session_timeout_ms=SESSION_MS, transaction_timeout_ms=TRANSACTION_MS
    ) as deployment:
        # Longer than it takes anywhere: when there is nothing to write any more, a gap means nothing.
        feed = bench.feed(deployment, scenario, 120 * bench.strikes)
        for worker_id in "ab":
            deployment.worker(worker_id)
        deployment.wait_members(2)
        for worker in deployment.workers.values():
            worker.wait_ready()
        watch = OutputWatch(bench.bootstrap, [deployment.name(topic) for topic in KEYS], deployment.settings.partitions)
        gaps = []
        deployment.watch(2)
        for _ in range(bench.strikes):
            deployment.watch(bench.rng.uniform(0, 2))
            began = time.monotonic()
            node = deployment.monitor.coordinator()
            cluster.kill(node)
            # A worker that ends by itself is an error here: none is supervised.
            away_s = bench.rng.uniform(*AWAY_S)
            deployment.watch(away_s if cluster.nodes > 1 else 0)
            cluster.restart(node)
            deployment.watch(AFTER_S)
            gaps.append(watch.longest_gap_s(began, time.monotonic()))
        assert feed.is_alive(), "all was published before the last node was back"
        feed.finish(hurry=True)
        deployment.wait_settled(180)
        watch.stop()
        deployment.check()
        log.warning("nothing was written for at most %s s", ", ".join(f"{gap:.1f}" for gap in gaps))
        assert max(gaps) < GAP_S, f"nothing was written for {max(gaps):.1f} s when the group's coordinator died"
        for worker in deployment.workers.values():
            assert worker.terminate() == 0

"""A row of the fault matrix for clusters of any size: the node that coordinates the group dies, and no worker."""

import logging
import time

from tests.faults.fault_scenarios import Stage
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


def group_coordinator_dies(stage: Stage, cluster: KafkaCluster) -> None:
    """The group's coordinator is killed and comes back. Producers may wait for its old handle forever (decision 14)."""
    scenario = stage.scenario()
    with stage.installation(
        scenario, replication_factor=cluster.nodes, session_timeout_ms=SESSION_MS, transaction_timeout_ms=TRANSACTION_MS
    ) as installation:
        # Longer than it takes anywhere: when there is nothing to write any more, a gap means nothing.
        feed = stage.feed(installation, scenario, 120 * stage.strikes)
        for worker_id in "ab":
            installation.worker(worker_id)
        installation.wait_members(2)
        for worker in installation.workers.values():
            worker.wait_ready()
        watch = OutputWatch(
            stage.bootstrap, [installation.name(topic) for topic in KEYS], installation.settings.partitions
        )
        gaps = []
        installation.watch(2)
        for _ in range(stage.strikes):
            installation.watch(stage.rng.uniform(0, 2))
            began = time.monotonic()
            node = installation.monitor.coordinator()
            cluster.kill(node)
            # A worker that ends by itself is an error here: none is supervised.
            away_s = stage.rng.uniform(*AWAY_S)
            installation.watch(away_s if cluster.nodes > 1 else 0)
            cluster.restart(node)
            installation.watch(AFTER_S)
            gaps.append(watch.longest_gap_s(began, time.monotonic()))
        assert feed.is_alive(), "all was published before the last node was back"
        feed.finish(hurry=True)
        installation.wait_settled(180)
        watch.stop()
        installation.check()
        log.warning("nothing was written for at most %s s", ", ".join(f"{gap:.1f}" for gap in gaps))
        assert max(gaps) < GAP_S, f"nothing was written for {max(gaps):.1f} s when the group's coordinator died"
        for worker in installation.workers.values():
            assert worker.terminate() == 0

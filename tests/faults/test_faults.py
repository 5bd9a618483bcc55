"""The short form of the fault matrix (docs/fault-matrix.md): each scenario once. RENTMATCH_TEST_SEED selects a seed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import MakeCluster
from tests.faults import (
    coordinator_scenarios,
    environment_scenarios,
    fault_scenarios,
    takeover_scenarios,
    version_2_scenarios,
)
from tests.faults.fault_scenarios import FaultBench, FaultScenario
from tests.kit.environment import TEST_SEED
from tools.local.kafka import KafkaCluster

pytestmark = pytest.mark.kafka

SEED = TEST_SEED or 1


@contextmanager
def reporting_seed(seed: int) -> Iterator[None]:
    """Add to every failure how to reproduce it."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"reproduce with RENTMATCH_TEST_SEED={seed}")
        raise


WORKER_FAULTS: list[FaultScenario] = [
    fault_scenarios.kill_any_worker_at_any_moment,
    fault_scenarios.die_between_the_steps_of_a_transaction,
    fault_scenarios.die_for_good_with_a_transaction_open,
    fault_scenarios.two_takeovers_after_an_open_transaction,
    fault_scenarios.zombie,
    fault_scenarios.zombie_inside_a_transaction,
    fault_scenarios.zombie_with_a_commit_in_hand,
    fault_scenarios.zombie_with_its_records_on_the_way,
    fault_scenarios.term_in_the_middle_of_a_batch,
    fault_scenarios.workers_join_and_leave,
    takeover_scenarios.standby_takes_over,
    takeover_scenarios.rolling_restart,
    fault_scenarios.recovery_from_zero,
    environment_scenarios.produce_refused,
    environment_scenarios.nothing_is_acknowledged,
    environment_scenarios.own_code_raises,
    environment_scenarios.aborted_transactions,
    environment_scenarios.disk_full,
    version_2_scenarios.claim_moves_while_a_worker_dies,
    version_2_scenarios.decision_in_an_aborted_transaction,
]


@pytest.mark.parametrize("fault", WORKER_FAULTS, ids=lambda fault: fault.__name__)
def test_a_worker_fault(fault: FaultScenario, kafka: str, topic_prefix: str, tmp_path: Path) -> None:
    with reporting_seed(SEED):
        fault(FaultBench(kafka, topic_prefix, tmp_path, SEED))


def test_broker_restart(expendable_cluster: KafkaCluster, topic_prefix: str, tmp_path: Path) -> None:
    cluster = expendable_cluster
    with reporting_seed(SEED):
        fault_scenarios.broker_restart(FaultBench(cluster.bootstrap, topic_prefix, tmp_path, SEED), cluster)


def test_broker_away(expendable_cluster: KafkaCluster, topic_prefix: str, tmp_path: Path) -> None:
    cluster = expendable_cluster
    with reporting_seed(SEED):
        fault_scenarios.broker_away(FaultBench(cluster.bootstrap, topic_prefix, tmp_path, SEED), cluster, seconds=15)


def test_changelog_compaction(kafka_cluster_factory: MakeCluster, topic_prefix: str, tmp_path: Path) -> None:
    cluster = kafka_cluster_factory(extra_properties=environment_scenarios.CLEANER)
    with reporting_seed(SEED):
        environment_scenarios.changelog_compaction(FaultBench(cluster.bootstrap, topic_prefix, tmp_path, SEED))


def test_group_coordinator_dies(expendable_cluster: KafkaCluster, topic_prefix: str, tmp_path: Path) -> None:
    cluster = expendable_cluster
    with reporting_seed(SEED):
        coordinator_scenarios.group_coordinator_dies(
            FaultBench(cluster.bootstrap, topic_prefix, tmp_path, SEED), cluster
        )


def test_group_coordinator_of_three_nodes_dies(
    kafka_cluster_factory: MakeCluster, topic_prefix: str, tmp_path: Path
) -> None:
    cluster = kafka_cluster_factory(nodes=3)
    with reporting_seed(SEED):
        coordinator_scenarios.group_coordinator_dies(
            FaultBench(cluster.bootstrap, topic_prefix, tmp_path, SEED), cluster
        )

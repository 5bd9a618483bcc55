"""The long form of the fault matrix: `make soak`. RENTMATCH_TEST_SEED=7 plays one seed alone, as a failure tells it."""

from pathlib import Path

import pytest

from tests.conftest import MakeCluster
from tests.faults import coordinator_scenarios, environment_scenarios, fault_scenarios, long_scenarios
from tests.faults.fault_scenarios import Row, Stage
from tests.faults.test_faults import WORKER_ROWS, told_seed
from tests.kit.environment import TEST_SEED

pytestmark = [pytest.mark.kafka, pytest.mark.soak, pytest.mark.timeout(1_800)]

SEEDS = [TEST_SEED] if TEST_SEED is not None else list(range(101, 104))
STRIKES = 3
OBLIGATIONS = 300


def stage(bootstrap: str, prefix: str, directory: Path, seed: int) -> Stage:
    return Stage(bootstrap, prefix, directory, seed, OBLIGATIONS, STRIKES)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("row", WORKER_ROWS, ids=lambda row: row.__name__)
def test_a_worker_fault(row: Row, seed: int, kafka: str, topic_prefix: str, tmp_path: Path) -> None:
    with told_seed(seed):
        row(stage(kafka, topic_prefix, tmp_path, seed))


@pytest.mark.parametrize("seed", SEEDS)
def test_broker_restart(seed: int, kafka_cluster_factory: MakeCluster, topic_prefix: str, tmp_path: Path) -> None:
    cluster = kafka_cluster_factory()
    with told_seed(seed):
        fault_scenarios.broker_restart(stage(cluster.bootstrap, topic_prefix, tmp_path, seed), cluster)


@pytest.mark.parametrize("seed", SEEDS)
def test_broker_away(seed: int, kafka_cluster_factory: MakeCluster, topic_prefix: str, tmp_path: Path) -> None:
    cluster = kafka_cluster_factory()
    with told_seed(seed):
        fault_scenarios.broker_away(stage(cluster.bootstrap, topic_prefix, tmp_path, seed), cluster, seconds=60)


@pytest.mark.parametrize("seed", SEEDS)
def test_changelog_compaction(seed: int, kafka_cluster_factory: MakeCluster, topic_prefix: str, tmp_path: Path) -> None:
    cluster = kafka_cluster_factory(extra_properties=environment_scenarios.CLEANER)
    with told_seed(seed):
        environment_scenarios.changelog_compaction(stage(cluster.bootstrap, topic_prefix, tmp_path, seed))


@pytest.mark.parametrize("seed", SEEDS)
def test_everything_at_once(seed: int, kafka_cluster_factory: MakeCluster, topic_prefix: str, tmp_path: Path) -> None:
    cluster = kafka_cluster_factory()
    with told_seed(seed):
        long_scenarios.everything_at_once(stage(cluster.bootstrap, topic_prefix, tmp_path, seed), cluster)


@pytest.mark.parametrize("seed", SEEDS)
def test_node_of_three_dies(seed: int, kafka_cluster_factory: MakeCluster, topic_prefix: str, tmp_path: Path) -> None:
    cluster = kafka_cluster_factory(nodes=3)
    with told_seed(seed):
        long_scenarios.node_of_three_dies(stage(cluster.bootstrap, topic_prefix, tmp_path, seed), cluster)


@pytest.mark.parametrize("nodes", [1, 3])
@pytest.mark.parametrize("seed", SEEDS)
def test_group_coordinator_dies(
    seed: int, nodes: int, kafka_cluster_factory: MakeCluster, topic_prefix: str, tmp_path: Path
) -> None:
    cluster = kafka_cluster_factory(nodes=nodes)
    with told_seed(seed):
        coordinator_scenarios.group_coordinator_dies(stage(cluster.bootstrap, topic_prefix, tmp_path, seed), cluster)

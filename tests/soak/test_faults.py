"""The long form of the fault matrix: `make soak`. RENTMATCH_TEST_SEED=7 runs one seed only, as a failure reports it."""

from pathlib import Path

import pytest

from tests.conftest import MakeCluster
from tests.faults import coordinator_scenarios, environment_scenarios, fault_scenarios, long_scenarios
from tests.faults.fault_scenarios import FaultBench, FaultScenario
from tests.faults.test_faults import WORKER_FAULTS, reporting_seed
from tests.kit.environment import TEST_SEED

pytestmark = [pytest.mark.kafka, pytest.mark.soak, pytest.mark.timeout(1_800)]

SEEDS = [TEST_SEED] if TEST_SEED is not None else list(range(101, 104))
STRIKES = 3
OBLIGATIONS = 300


def bench_of(bootstrap: str, prefix: str, directory: Path, seed: int) -> FaultBench:
    return FaultBench(bootstrap, prefix, directory, seed, OBLIGATIONS, STRIKES)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("fault", WORKER_FAULTS, ids=lambda fault: fault.__name__)
def test_a_worker_fault(fault: FaultScenario, seed: int, kafka: str, topic_prefix: str, tmp_path: Path) -> None:
    with reporting_seed(seed):
        fault(bench_of(kafka, topic_prefix, tmp_path, seed))


@pytest.mark.parametrize("seed", SEEDS)
def test_broker_restart(seed: int, kafka_cluster_factory: MakeCluster, topic_prefix: str, tmp_path: Path) -> None:
    cluster = kafka_cluster_factory()
    with reporting_seed(seed):
        fault_scenarios.broker_restart(bench_of(cluster.bootstrap, topic_prefix, tmp_path, seed), cluster)


@pytest.mark.parametrize("seed", SEEDS)
def test_broker_away(seed: int, kafka_cluster_factory: MakeCluster, topic_prefix: str, tmp_path: Path) -> None:
    cluster = kafka_cluster_factory()
    with reporting_seed(seed):
        fault_scenarios.broker_away(bench_of(cluster.bootstrap, topic_prefix, tmp_path, seed), cluster, seconds=60)


@pytest.mark.parametrize("seed", SEEDS)
def test_changelog_compaction(seed: int, kafka_cluster_factory: MakeCluster, topic_prefix: str, tmp_path: Path) -> None:
    cluster = kafka_cluster_factory(extra_properties=environment_scenarios.CLEANER)
    with reporting_seed(seed):
        environment_scenarios.changelog_compaction(bench_of(cluster.bootstrap, topic_prefix, tmp_path, seed))


@pytest.mark.parametrize("seed", SEEDS)
def test_everything_at_once(seed: int, kafka_cluster_factory: MakeCluster, topic_prefix: str, tmp_path: Path) -> None:
    cluster = kafka_cluster_factory()
    with reporting_seed(seed):
        long_scenarios.everything_at_once(bench_of(cluster.bootstrap, topic_prefix, tmp_path, seed), cluster)


@pytest.mark.parametrize("seed", SEEDS)
def test_node_of_three_dies(seed: int, kafka_cluster_factory: MakeCluster, topic_prefix: str, tmp_path: Path) -> None:
    cluster = kafka_cluster_factory(nodes=3)
    with reporting_seed(seed):
        long_scenarios.node_of_three_dies(bench_of(cluster.bootstrap, topic_prefix, tmp_path, seed), cluster)


@pytest.mark.parametrize("nodes", [1, 3])
@pytest.mark.parametrize("seed", SEEDS)
def test_group_coordinator_dies(
    seed: int, nodes: int, kafka_cluster_factory: MakeCluster, topic_prefix: str, tmp_path: Path
) -> None:
    cluster = kafka_cluster_factory(nodes=nodes)
    with reporting_seed(seed):
        coordinator_scenarios.group_coordinator_dies(bench_of(cluster.bootstrap, topic_prefix, tmp_path, seed), cluster)

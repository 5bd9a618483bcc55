"""The short form of the fault matrix (docs/fault-matrix.md): each row once. RENTMATCH_TEST_SEED plays another seed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import MakeCluster
from tests.infra.environment import TEST_SEED
from tests.kafka import rows, rows_of_surroundings, rows_of_taking_over
from tests.kafka.rows import Row, Stage

pytestmark = pytest.mark.kafka

SEED = TEST_SEED or 1


@contextmanager
def told_seed(seed: int) -> Iterator[None]:
    """Whatever goes wrong tells how to play it again."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"played again by RENTMATCH_TEST_SEED={seed}")
        raise


WORKER_ROWS: list[Row] = [
    rows.kill_any_worker_at_any_moment,
    rows.die_between_the_steps_of_a_transaction,
    rows.die_for_good_with_a_transaction_open,
    rows.two_take_over_behind_an_open_transaction,
    rows.zombie,
    rows.zombie_inside_a_transaction,
    rows.zombie_with_a_commit_in_hand,
    rows.zombie_with_its_records_on_the_way,
    rows.term_in_the_middle_of_a_batch,
    rows.workers_join_and_leave,
    rows_of_taking_over.standby_takes_over,
    rows_of_taking_over.rolling_restart,
    rows.recovery_from_zero,
    rows_of_surroundings.produce_refused,
    rows_of_surroundings.nothing_is_acknowledged,
    rows_of_surroundings.own_code_raises,
    rows_of_surroundings.aborted_transactions,
    rows_of_surroundings.disk_full,
]


@pytest.mark.parametrize("row", WORKER_ROWS, ids=lambda row: row.__name__)
def test_a_worker_fault(row: Row, kafka: str, topic_prefix: str, tmp_path: Path) -> None:
    with told_seed(SEED):
        row(Stage(kafka, topic_prefix, tmp_path, SEED))


def test_broker_restart(kafka_cluster_factory: MakeCluster, topic_prefix: str, tmp_path: Path) -> None:
    cluster = kafka_cluster_factory()
    with told_seed(SEED):
        rows.broker_restart(Stage(cluster.bootstrap, topic_prefix, tmp_path, SEED), cluster)


def test_broker_away(kafka_cluster_factory: MakeCluster, topic_prefix: str, tmp_path: Path) -> None:
    cluster = kafka_cluster_factory()
    with told_seed(SEED):
        rows.broker_away(Stage(cluster.bootstrap, topic_prefix, tmp_path, SEED), cluster, seconds=15)


def test_changelog_compaction(kafka_cluster_factory: MakeCluster, topic_prefix: str, tmp_path: Path) -> None:
    cluster = kafka_cluster_factory(extra_properties=rows_of_surroundings.CLEANER)
    with told_seed(SEED):
        rows_of_surroundings.changelog_compaction(Stage(cluster.bootstrap, topic_prefix, tmp_path, SEED))

"""An installation of version 1 is upgraded while it runs: one worker after the other, with input coming in."""

import re
from pathlib import Path

import pytest

from tests.kit import version_1
from tests.kit.deployment import wait_log
from tests.kit.environment import TEST_SEED
from tests.kit.rolling_upgrade import Installation, facts_of_version_2, month_of_version_1, reopened
from tools.group_monitor import INPUTS

pytestmark = pytest.mark.kafka

SEED = TEST_SEED or 3
OBLIGATIONS = 60

RECOVERED = re.compile(r"recovered \d+ records")
NOT_READ = "Expected `array` of length 2, got 3"
"""How a worker of version 1 ends that has to read a state of version 2."""


@pytest.fixture(scope="session")
def code_1(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code of version 1."""
    return version_1.unpack(tmp_path_factory.mktemp("version-1"))


@pytest.mark.parametrize(
    ("workers", "partitions"),
    [("ab", 3), *(pytest.param("abc", number, marks=pytest.mark.soak) for number in (3, 4, 7))],
)
def test_a_rolling_upgrade_ends_in_the_truth_of_version_2(
    kafka: str, topic_prefix: str, tmp_path: Path, code_1: Path, workers: str, partitions: int
) -> None:
    before, during = month_of_version_1(code_1, SEED, OBLIGATIONS)
    clock = version_1.closes_at(code_1, SEED, OBLIGATIONS, tmp_path)
    with Installation(kafka, topic_prefix, tmp_path, clock=clock, code=code_1, partitions=partitions) as installation:
        for worker_id in workers:
            installation.worker(worker_id, code=code_1)
        installation.give(before)
        installation.wait_members(len(workers))
        installation.wait_settled()
        installation.provision()
        was = installation.outputs()

        for number, worker_id in enumerate(workers):
            # Another worker that ends is an error here, of either version.
            assert installation.workers[worker_id].terminate() == 0
            installation.worker(worker_id)
            installation.wait_members(len(workers))
            for worker in installation.workers.values():
                worker.wait_ready()
            installation.give(during[number :: len(workers) - 1] if number < len(workers) - 1 else [])
        installation.wait_settled()
        upgraded = installation.check_upgraded(whole=False)
        assert reopened(was, upgraded, [line.delivery for line in during]) == []

        installation.publish(facts_of_version_2(upgraded, installation.deliveries, SEED))
        installation.wait_settled()
        installation.check_upgraded(whole=False)

        # What version 1 did not keep is on the inputs, while they are retained.
        for worker in installation.workers.values():
            assert worker.terminate() == 0
        installation.monitor.rewind(INPUTS)
        installation.worker("a")
        installation.wait_settled()
        installation.check_upgraded(whole=True)


@pytest.mark.soak
@pytest.mark.parametrize("workers", ["ab", "abc"])
def test_the_first_new_worker_is_killed(
    kafka: str, topic_prefix: str, tmp_path: Path, code_1: Path, workers: str
) -> None:
    """What it has written goes to workers of version 1: they stop, and are replaced by version 2."""
    before, during = month_of_version_1(code_1, SEED, OBLIGATIONS)
    clock = version_1.closes_at(code_1, SEED, OBLIGATIONS, tmp_path)
    with Installation(
        kafka, topic_prefix, tmp_path, clock=clock, code=code_1, session_timeout_ms=2_500
    ) as installation:
        for worker_id in workers:
            installation.worker(worker_id, code=code_1)
        installation.give(before)
        installation.wait_members(len(workers))
        installation.wait_settled()
        installation.provision()

        assert installation.workers["a"].terminate() == 0
        installation.supervised |= {*workers}  # which starts version 2 instead
        since = (installation.directory_of("a") / "worker.log").stat().st_size
        killed = installation.worker("a", supervised=True)
        wait_log(installation, "a", RECOVERED, since)
        installation.give(during[::2])
        killed.kill()
        installation.watch(5)
        installation.give(during[1::2])
        installation.watch(5)
        for worker_id in workers[1:]:
            if worker_id not in dict(installation.deaths):
                assert installation.workers[worker_id].terminate() == 0
                installation.worker(worker_id)
        installation.wait_members(len(workers))
        installation.wait_settled()
        installation.check_upgraded(whole=False)
        for worker_id, status in installation.deaths:
            log = (installation.directory_of(worker_id) / "worker.log").read_text(encoding="utf-8")
            assert (worker_id, status) == ("a", -9) or (status == 1 and NOT_READ in log)

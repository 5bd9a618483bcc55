"""An installation of version 1 is upgraded while it runs: one worker after the other, with input coming in."""

from pathlib import Path

import pytest

from tests.kit import version_1
from tests.kit.environment import TEST_SEED
from tests.kit.rolling_upgrade import Installation, facts_of_version_2, month_of_version_1, reopened

pytestmark = pytest.mark.kafka

SEED = TEST_SEED or 3


@pytest.fixture(scope="session")
def code_1(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code of version 1."""
    return version_1.unpack(tmp_path_factory.mktemp("version-1"))


@pytest.mark.parametrize("obligations", [60])
def test_a_rolling_upgrade_ends_in_the_truth_of_version_2(
    kafka: str, topic_prefix: str, tmp_path: Path, code_1: Path, obligations: int
) -> None:
    before, during = month_of_version_1(code_1, SEED, obligations)
    clock = version_1.closes_at(code_1, SEED, obligations, tmp_path)
    with Installation(kafka, topic_prefix, tmp_path, clock=clock, code=code_1) as installation:
        for worker_id in "ab":
            installation.worker(worker_id, code=code_1)
        installation.give(before)
        installation.wait_members(2)
        installation.wait_settled()
        installation.provision()
        was = installation.outputs()

        for worker_id, lines in zip("ab", (during, []), strict=True):
            # Another worker that ends is an error, of either version.
            assert installation.workers[worker_id].terminate() == 0
            installation.worker(worker_id)
            installation.wait_members(2)
            for worker in installation.workers.values():
                worker.wait_ready()
            installation.give(lines)
        installation.wait_settled()
        upgraded = installation.check_upgraded(whole=False)
        assert reopened(was, upgraded, [line.delivery for line in during]) == []

        installation.publish(facts_of_version_2(upgraded, installation.deliveries, SEED))
        installation.wait_settled()
        installation.check_upgraded(whole=False)

        # What version 1 did not keep is on the inputs, while they are retained.
        for worker in installation.workers.values():
            assert worker.terminate() == 0
        installation.monitor.rewind()
        installation.worker("a")
        installation.wait_settled()
        installation.check_upgraded(whole=True)

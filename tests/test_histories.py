"""Seeded histories in process: no broker, a deterministic scheduler, every way to die. See tests/histories.py."""

import pytest

from tests.histories import History
from tests.infra.environment import TEST_SEED

FIRST = TEST_SEED or 1
COUNT = 400
CHUNK = 50


@pytest.mark.parametrize("first", range(FIRST, FIRST + COUNT, CHUNK))
def test_every_history_ends_in_the_truth(first):
    for seed in range(first, first + CHUNK):
        try:
            History(seed).play()
        except AssertionError as error:
            raise AssertionError(f"history {seed} (python -m tests.histories {seed}): {error}") from error

"""Seeded histories in process: no broker, a deterministic scheduler, every way to die. See tests/kit/histories.py."""

import pytest

from tests.kit.environment import TEST_SEED
from tests.kit.histories import OFFSETS_FIRST, History

FIRST = TEST_SEED or 1
COUNT = 400
CHUNK = 50

ZOMBIES = 100
OBLIGATIONS = 12
"""Of a history of zombies: enough keys for two others to have some of them each."""

LOOKED_FOR = 300
"""One history in about thirty shows the wrong order of steps."""


@pytest.mark.parametrize("first", range(FIRST, FIRST + COUNT, CHUNK))
def test_every_history_ends_in_the_truth(first):
    for seed in range(first, first + CHUNK):
        try:
            History(seed).play()
        except AssertionError as error:
            raise AssertionError(f"history {seed} (python -m tests.kit.histories {seed}): {error}") from error


@pytest.mark.parametrize("first", range(FIRST, FIRST + ZOMBIES, CHUNK))
def test_every_history_of_zombies_ends_in_the_truth(first):
    for seed in range(first, first + CHUNK):
        try:
            History(seed, obligations=OBLIGATIONS).play_zombies()
        except AssertionError as error:
            raise AssertionError(f"history {seed} of zombies: {error}") from error


def test_histories_find_offsets_that_are_sent_before_the_records():
    """What a row of the fault matrix shows on a real broker, the scheduler finds by itself."""
    assert any(
        not _ends_well(History(seed, obligations=OBLIGATIONS, order=OFFSETS_FIRST))
        for seed in range(FIRST, FIRST + LOOKED_FOR)
    )


def _ends_well(history: History) -> bool:
    try:
        history.play_zombies()
    except AssertionError:
        return False
    return True

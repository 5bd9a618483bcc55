"""The command line, as a fixture; and a short wait for a broker that is not there."""

import pytest

from streams.broker import cluster
from tests.kit.command_line import bare_run, run

__all__ = ["bare_run", "impatient", "run"]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker is given up after a second, where a test only needs that it is given up."""
    monkeypatch.setattr(cluster, "ANSWER_SECONDS_MAX", 1.0)

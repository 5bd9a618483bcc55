"""The environment variables of the tests, read once.

These variables are for the tests alone. They are removed from the environment, because the service refuses to start
with a RENTMATCH_ variable that is none of its settings. Processes that pytest-xdist starts find them by another name.
"""

import os
from pathlib import Path

from tools.local import cache


def _taken(name: str) -> str:
    value = os.environ.pop(f"RENTMATCH_{name}", "") or os.environ.get(f"TESTS_{name}", "")
    os.environ[f"TESTS_{name}"] = value
    return value


REQUIRE_KAFKA: bool = _taken("REQUIRE_KAFKA") == "1"
"""A missing Java or broker is a failure rather than a loud skip."""

TEST_BROKER: str | None = _taken("TEST_BROKER") or None
"""A running broker to test against, host:port; by default the tests start their own."""

CACHE: Path = Path(_taken("TEST_CACHE") or cache.folder)
"""Where downloaded programs are kept between runs."""

_seed = _taken("TEST_SEED")
TEST_SEED: int | None = int(_seed) if _seed else None
"""The seed to begin with, instead of each test's own: how a failure is played again."""

"""What the environment tells the tests, taken once.

These variables are for the tests alone. They are removed from the environment, because the service refuses to start
with a RENTMATCH_ variable that is none of its settings.
"""

import os
from pathlib import Path

from ops.local import cache

REQUIRE_KAFKA: bool = os.environ.pop("RENTMATCH_REQUIRE_KAFKA", "") == "1"
"""A missing Java or broker is a failure rather than a loud skip."""

TEST_BROKER: str | None = os.environ.pop("RENTMATCH_TEST_BROKER", None)
"""A running broker to test against, host:port; by default the tests start their own."""

CACHE: Path = Path(os.environ.pop("RENTMATCH_TEST_CACHE", "") or cache.folder)
"""Where downloaded programs are kept between runs."""

TEST_SEED: int | None = int(os.environ["RENTMATCH_TEST_SEED"]) if os.environ.get("RENTMATCH_TEST_SEED") else None
"""The seed to begin with, instead of each test's own: how a failure is played again."""
os.environ.pop("RENTMATCH_TEST_SEED", None)

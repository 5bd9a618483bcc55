"""Where fetched programs are kept between runs, and how they get there whole."""

import fcntl
import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

folder: Path = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rentmatch"
"""The cache. tests/conftest.py may point it elsewhere."""

announce: Callable[[str], object] = print
"""Where progress is told. tests/conftest.py points it past pytest's capture: a silent minute looks like a hang."""


class MissingToolError(RuntimeError):
    """Something needed is not on this machine and cannot be fetched; the message says what to install."""


def cached(kind: str, what: str, fill: Callable[[Path], None]) -> Path:
    """Give the cache's folder for `what`; where it is not there yet, `fill(folder)` puts its content into an empty one.

    It is filled beside its place and renamed, so that a torn download is never taken for whole.
    """
    done = folder / f"{kind}-{hashlib.sha256(what.encode()).hexdigest()[:16]}"
    if done.exists():
        return done
    folder.mkdir(parents=True, exist_ok=True)
    with _only_one(folder / "lock"):
        if not done.exists():
            announce(f"fetching {what.replace(chr(10), ', ')} into {folder}")
            started = time.monotonic()
            with tempfile.TemporaryDirectory(dir=folder, prefix="partial-") as partial:
                target = Path(partial) / "content"
                target.mkdir()
                fill(target)
                target.rename(done)
            announce(f"fetched in {time.monotonic() - started:.1f} s")
    return done


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file; the system lets go of it when a process dies."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

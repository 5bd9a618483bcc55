"""The cache of fetched programs, each complete or absent."""

import fcntl
import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

folder: Path = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rentmatch"
"""The cache's folder. tests/conftest.py may change it."""

announce: Callable[[str], object] = print
"""Prints progress. tests/conftest.py bypasses pytest's capture with it: a silent minute looks like a hang."""


class MissingToolError(RuntimeError):
    """Something needed is not on this machine and cannot be fetched; the message says what to install."""


def cached(kind: str, what: str, fill: Callable[[Path], None]) -> Path:
    """Return the cache's folder for `what`; if it is missing, `fill(folder)` first fills an empty one.

    The folder is filled under another name and then renamed, so that an interrupted download is never used.
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
    """Hold an exclusive lock on a file; the system releases it when the process dies."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

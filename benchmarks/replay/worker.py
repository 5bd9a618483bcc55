"""A worker whose clock another process sets: `python -m benchmarks.replay.worker FILE`.

It is `rentmatch worker` in all else. The file holds the instant, as `write_clock` writes it. So a year passes in an
hour, and the deadlines of its days fire when all events before them have been read.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

from domain.time import Micros
from ops.commands.worker import run
from streams.settings import load

WIDTH = 8


def write_clock(path: Path, now: Micros) -> None:
    """Set the clock: eight bytes in place, so that a reader has the old instant or the new one."""
    flags = os.O_WRONLY | os.O_CREAT
    file = os.open(path, flags, 0o644)
    try:
        os.pwrite(file, now.to_bytes(WIDTH, "big"), 0)
    finally:
        os.close(file)


def clock_in(path: Path) -> Callable[[], Micros]:
    """Return a clock that reads the file each time."""
    file = os.open(path, os.O_RDONLY)
    return lambda: int.from_bytes(os.pread(file, WIDTH, 0), "big")


if __name__ == "__main__":
    run(load(), with_web=True, clock=clock_in(Path(sys.argv[1])))

"""The state folder and the stable name of a worker, among those that share a state directory."""

import fcntl
import os
import socket
from pathlib import Path
from typing import IO, NamedTuple
from zlib import crc32

SLOTS_MAX = 1_000


class Slot(NamedTuple):
    """A folder that this process alone uses while it holds `lock` open, and the worker's name for the broker."""

    folder: Path
    name: str
    lock: IO[str]


class NoSlot(RuntimeError):
    """The folder asked for is in use by another worker."""


def take(state_dir: Path, application_id: str, worker_id: str | None) -> Slot:
    """Lock the folder of `worker_id`, or the first free one of this host.

    A worker that starts again takes the same folder, and so finds its state; the kernel frees the lock of one that
    died. The name is the transactional id: starting again with it fences the former process.

    Raises:
        NoSlot: the worker id is in use, or the folder cannot be made.

    """
    base = state_dir / application_id
    try:
        base.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NoSlot(f"the state directory {base} cannot be made ({error}); set RENTMATCH_STATE_DIR") from error
    names = [worker_id] if worker_id else [f"worker-{number}" for number in range(SLOTS_MAX)]
    for name in names:
        folder = base / name
        folder.mkdir(exist_ok=True)
        lock = open(folder / "lock", "a+")  # noqa: SIM115 - held for the life of the process
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            continue
        lock.seek(0)
        lock.truncate()
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        # Two state directories on one host both have a worker-0, which must not fence each other off.
        stable = worker_id or f"{socket.gethostname()}-{crc32(str(base.resolve()).encode()):08x}-{name}"
        return Slot(folder, f"{application_id}-{stable}", lock)
    raise NoSlot(
        f"worker id {worker_id!r} is in use by another worker on {base}; give each its own RENTMATCH_WORKER_ID"
    )

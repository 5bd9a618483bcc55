"""The files of a watched directory: which are complete, and where they go.

A file is complete when its size, time and identity have not changed for a while, between two looks of ours: what an
upload says of its own times is not trusted. It leaves the directory by one rename, after its report is on disk. So at
whatever moment the process is killed, the file is either still there, and is imported again, which changes nothing, or
it is moved and has its report.
"""

import fcntl
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, NamedTuple

import msgspec

from ops.watching.feeds import is_incomplete

LOCK_NAME = ".rentmatch-watch.lock"
STATE_NAME = ".rentmatch-watch.json"
REPORT_SUFFIX = ".report.json"
DONE, FAILED = "done", "failed"


class WatchedTwice(RuntimeError):
    """Another process watches the directory."""


class Signature(NamedTuple):
    """What changes when a file is written or replaced."""

    inode: int
    size: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file in the directory."""

    path: Path
    signature: Signature


class Inbox:
    """A directory that files arrive in. At most one process has it.

    Args:
        directory: it must exist; `done` and `failed` are made in it.
        settle_s: how long a file must stay unchanged.
        ignored: names of files that are no arrivals: the configuration and what it names.

    Raises:
        WatchedTwice: another process watches it.
        OSError: it cannot be written.

    """

    def __init__(self, directory: Path, settle_s: float, ignored: frozenset[str]) -> None:
        self._directory = directory
        self._settle_s = settle_s
        self._ignored = ignored
        self._since: dict[str, tuple[Signature, float]] = {}
        for name in (DONE, FAILED):
            (directory / name).mkdir(exist_ok=True)
        self._lock: IO[str] = open(directory / LOCK_NAME, "a+")  # noqa: SIM115 - held for the life of the process
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise WatchedTwice(f"another process watches {directory}; one is enough") from None

    def close(self) -> None:
        """Let another process have the directory."""
        self._lock.close()

    def look(self, now_s: float) -> tuple[list[Arrival], int]:
        """The complete files, the oldest first, and how many are not complete yet.

        Args:
            now_s: of a clock that never goes back.

        """
        found: dict[str, Signature] = {}
        with os.scandir(self._directory) as entries:
            for entry in entries:
                if entry.name in self._ignored or is_incomplete(entry.name):
                    continue
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if stat.S_ISREG(status.st_mode):
                    found[entry.name] = _signature(status)
        self._since = {
            name: self._since[name] if self._since.get(name, (None, 0.0))[0] == signature else (signature, now_s)
            for name, signature in found.items()
        }
        complete = [
            Arrival(self._directory / name, signature)
            for name, (signature, since) in self._since.items()
            if now_s - since >= self._settle_s
        ]
        complete.sort(key=lambda arrival: (arrival.signature.modified_ns, arrival.path.name))
        return complete, len(found) - len(complete)

    def is_unchanged(self, arrival: Arrival) -> bool:
        """Whether a file is still the one that was found."""
        try:
            return _signature(arrival.path.stat()) == arrival.signature
        except OSError:
            return False

    def put_away(self, arrival: Arrival, outcome: str, report: Mapping[str, Any]) -> Path:
        """Write the report, then move the file beside it.

        Args:
            arrival: the file.
            outcome: DONE or FAILED.
            report: as JSON; `sha256` is the file's.

        Returns:
            Where the file is now.

        """
        folder = self._directory / outcome
        target = self._free(folder, arrival.path.name, str(report.get("sha256", "")))
        _write(folder / (target.name + REPORT_SUFFIX), msgspec.json.format(msgspec.json.encode(report)))
        os.rename(arrival.path, target)
        _sync(folder)
        _sync(self._directory)
        self._since.pop(arrival.path.name, None)
        return target

    @staticmethod
    def _free(folder: Path, name: str, digest: str) -> Path:
        """A name that is free, or that of the same content."""
        stem, dot, suffix = name.partition(".")
        number = 1
        while True:
            target = folder / (name if number == 1 else f"{stem}.{number}{dot}{suffix}")
            if not target.exists() or (digest and sha256(target.read_bytes()).hexdigest() == digest):
                return target
            number += 1

    # State: small, and rebuilt from nothing if it is lost.

    def load_state(self) -> dict[str, Any]:
        """What `save_state` saved last; empty without any."""
        try:
            found = msgspec.json.decode((self._directory / STATE_NAME).read_bytes())
        except (OSError, msgspec.DecodeError):
            return {}
        return found if isinstance(found, dict) else {}

    def save_state(self, state: Mapping[str, Any]) -> None:
        """Save a small state."""
        _write(self._directory / STATE_NAME, msgspec.json.encode(state))


def _signature(status: os.stat_result) -> Signature:
    return Signature(status.st_ino, status.st_size, status.st_mtime_ns)


def _write(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    partial = path.with_name(f".{path.name}.tmp")
    with open(partial, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    """Make renames in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

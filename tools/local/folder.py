"""The folder of `make up`: data, logs, the status, and a lock that shows which process runs it."""

import contextlib
import fcntl
import json
import os
import secrets
import shlex
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


class AlreadyRunningError(RuntimeError):
    """Another process uses this folder; the message names it."""


class Folder:
    """`.rentmatch/up`. The process that runs `make up` locks it; the system releases the lock when it dies."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.data = self.path / "data"
        """The parts' data, kept for the next start."""
        self.logs = self.path / "logs"
        self.env = self.path / "env"
        """A file to `source`."""
        self._lock = self.path / "lock"
        self._status = self.path / "status.json"
        self._token = self.path / "token"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock.

        Raises:
            AlreadyRunningError: another process does.

        """
        self.path.mkdir(parents=True, exist_ok=True)
        with self._lock.open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise AlreadyRunningError(f"already running, in process {self.runner()}") from None
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            self._status.unlink(missing_ok=True)  # that of an earlier run
            try:
                yield
            finally:
                file.truncate(0)

    def runner(self) -> int | None:
        """Return the id of the process that holds the lock; None if there is none."""
        with contextlib.suppress(FileNotFoundError), self._lock.open("r") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(file.read() or "0") or None
        return None

    def wipe(self) -> None:
        """Delete everything but the lock, which must be held."""
        for path in self.path.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path != self._lock:
                path.unlink()

    def token(self) -> str:
        """Return the API's secret token, which stays the same until the folder is wiped."""
        if not self._token.exists():
            self._write(self._token, secrets.token_urlsafe(24))
        return self._token.read_text(encoding="utf-8")

    def write_env(self, variables: Mapping[str, str]) -> None:
        """Write the file to `source`, for its owner only: it contains the token."""
        self._write(self.env, "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()))

    def write_status(self, status: Any) -> None:
        """Write the state of all parts as JSON."""
        self._write(self._status, json.dumps(status, indent=1) + "\n")

    def status(self) -> Any:
        """Return the status written last; None if there is none."""
        try:
            return json.loads(self._status.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None

    def _write(self, path: Path, text: str) -> None:
        """Replace a file atomically."""
        beside = path.with_name(f"{path.name}.new")
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        beside.rename(path)

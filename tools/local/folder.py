"""The folder in which a topology lives: data, logs, who runs it and how it stands."""

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
    """Another process runs the topology of this folder; the message says which."""


class Folder:
    """`.rentmatch/up`. Whoever runs the topology holds a lock on it, which the system lets go of when it dies."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.data = self.path / "data"
        """What the parts keep; it is there again at the next start."""
        self.logs = self.path / "logs"
        self.env = self.path / "env"
        """A file to `source`."""
        self._lock = self.path / "lock"
        self._status = self.path / "status.json"
        self._token = self.path / "token"

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock.

        Raises:
            AlreadyRunningError: another process does.

        """
        self.path.mkdir(parents=True, exist_ok=True)
        with self._lock.open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise AlreadyRunningError(f"it is up already, run by process {self.runner()}") from None
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            self._status.unlink(missing_ok=True)  # what it says is of another run
            try:
                yield
            finally:
                file.truncate(0)

    def runner(self) -> int | None:
        """The process that runs the topology; None where nobody does."""
        try:
            with self._lock.open("r") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return int(file.read() or "0") or None
        except FileNotFoundError:
            pass
        return None

    def wipe(self) -> None:
        """Forget everything but the lock; hold it."""
        for path in self.path.iterdir():
            if path == self._lock:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()

    def token(self) -> str:
        """A secret of this topology's own; it stays the same until the folder is wiped."""
        if not self._token.exists():
            self._write(self._token, secrets.token_urlsafe(24))
        return self._token.read_text(encoding="utf-8")

    def write_env(self, variables: Mapping[str, str]) -> None:
        """Write the file to `source`; it may hold a secret, so nobody else may read it."""
        lines = [f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()]
        self._write(self.env, "".join(lines))

    def write_status(self, status: Any) -> None:
        """Write how everything stands, as JSON, for `status` and other tools."""
        self._write(self._status, json.dumps(status, indent=1) + "\n")

    def status(self) -> Any:
        """What was written last; None if nothing ever was."""
        try:
            return json.loads(self._status.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None

    def _write(self, path: Path, text: str) -> None:
        """Replace a file whole, so that no reader ever meets half of it."""
        beside = path.with_name(f"{path.name}.new")
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        beside.rename(path)

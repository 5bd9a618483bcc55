"""A rentmatch worker as an operator runs it: a process of its own, told everything by its environment."""

import os
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.local.processes import Child, free_ports, wait_until

REPOSITORY = Path(__file__).resolve().parents[2]

COMMAND = (sys.executable, "-m", "ops.cli", "worker")


class WorkerProcess:
    """A worker that can be killed, frozen, ended and started again on the same state.

    `env` holds the RENTMATCH_ settings; none are taken over from the environment of the tests. Unless given,
    RENTMATCH_STATE_DIR is `directory`/state and RENTMATCH_HTTP_PORT is a free port, and both stay through a restart.
    """

    def __init__(self, directory: Path, env: Mapping[str, str], *, command: Sequence[str] = COMMAND) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("RENTMATCH_")}
        own = {"RENTMATCH_STATE_DIR": str(directory / "state")}
        if "RENTMATCH_HTTP_PORT" not in env:
            own["RENTMATCH_HTTP_PORT"] = str(free_ports(1)[0])
        self.env = {**inherited, "PYTHONUNBUFFERED": "1", **own, **env}
        self.log = directory / "worker.log"
        self._command = tuple(command)
        self._child: Child | None = None

    @property
    def url(self) -> str:
        """The root of its web server, without a slash at the end."""
        return f"http://127.0.0.1:{self.env['RENTMATCH_HTTP_PORT']}"

    @property
    def exit_code(self) -> int | None:
        """The exit status, minus the signal's number if one ended it; None while it runs."""
        return self._running().exit_code

    @property
    def pid(self) -> int:
        """The process id."""
        return self._running().pid

    def start(self) -> None:
        """Start it, or start it again once it has ended. Its log is appended to.

        Raises:
            RuntimeError: it runs already.

        """
        if self._child is not None and self._child.exit_code is None:
            raise RuntimeError("this worker runs already")
        self._child = Child(self._command, self.log, cwd=REPOSITORY, env=self.env)

    def wait_ready(self, timeout_s: float = 60) -> None:
        """Wait until `/readyz` answers 200.

        Raises:
            RuntimeError: the worker ended first; the message holds the end of its log.
            TimeoutError: it was not ready within `timeout_s`.

        """
        wait_until(self._ready, timeout_s, "the worker to be ready", child=self._running())

    def kill9(self) -> None:
        """SIGKILL."""
        self._running().kill()

    def term(self, timeout_s: float = 30) -> int:
        """SIGTERM, wait for the end, give the exit status.

        Raises:
            TimeoutError: it had to be killed.

        """
        return self._running().terminate(timeout_s)

    def wait(self, timeout_s: float = 60) -> int:
        """Wait until it ends by itself, give the exit status.

        Raises:
            TimeoutError: it still runs.

        """
        return self._running().wait(timeout_s)

    def stop_cont(self, frozen: bool) -> None:
        """SIGSTOP if `frozen`, else SIGCONT: the way to make a zombie and to wake it."""
        if frozen:
            self._running().freeze()
        else:
            self._running().thaw()

    def log_tail(self, lines: int = 60) -> str:
        """The last lines of its log."""
        return self._running().tail(lines)

    def close(self) -> None:
        """Kill it if it still runs; safe to call at any time."""
        if self._child is not None:
            self._child.kill()

    def _running(self) -> Child:
        if self._child is None:
            raise RuntimeError("this worker was never started")
        return self._child

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, OSError):
            return False

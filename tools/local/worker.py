"""A rentmatch worker as a process of its own, configured by its environment alone."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.local.processes import Process, answers_200, free_ports, wait_until

REPOSITORY = Path(__file__).resolve().parents[2]

COMMAND = (sys.executable, "-m", "ops.cli", "worker")


class WorkerProcess(Process):
    """A worker that can be started again on the same state.

    `env` holds its RENTMATCH_ settings; those of this process are not inherited. RENTMATCH_STATE_DIR is
    `directory`/state and RENTMATCH_HTTP_PORT a free port unless given, and both stay the same through a restart.
    `code` is the folder that its code is in.
    """

    def __init__(
        self, directory: Path, env: Mapping[str, str], *, command: Sequence[str] = COMMAND, code: Path = REPOSITORY
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("RENTMATCH_")}
        own = {"RENTMATCH_STATE_DIR": str(directory / "state")}
        if "RENTMATCH_HTTP_PORT" not in env:
            own["RENTMATCH_HTTP_PORT"] = str(free_ports(1)[0])
        self.env = {**inherited, "PYTHONUNBUFFERED": "1", **own, **env}
        super().__init__(command, directory / "worker.log", cwd=code, env=self.env)

    @property
    def url(self) -> str:
        """The root of its web server, without a slash at the end."""
        return f"http://127.0.0.1:{self.env['RENTMATCH_HTTP_PORT']}"

    def wait_ready(self, timeout_s: float = 60) -> None:
        """Wait until `/readyz` answers 200.

        Raises:
            RuntimeError: the worker exited first; the message ends with its log.
            TimeoutError: it was not ready within `timeout_s`.

        """
        wait_until(lambda: answers_200(f"{self.url}/readyz"), timeout_s, "the worker to be ready", process=self)

"""Child processes that can be killed, frozen and started again, and that never outlive this process (Linux only)."""

import ctypes
import os
import random
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ops.ports import is_free

_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    # Linux sends this signal when the parent dies, so that not even a SIGKILL leaves a broker running. The parent is
    # the thread that forked: start processes from a thread that lives as long as they may.
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """A command that runs with its output in a file. Signals go to this one process, by its id."""

    def __init__(self, command: Sequence[str], log: Path, *, cwd: Path, env: Mapping[str, str] | None = None) -> None:
        self.log = log
        self._command, self._cwd = tuple(command), cwd
        self._env = None if env is None else dict(env)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, or start it again after it has exited; its log is appended to.

        Raises:
            RuntimeError: it is running.

        """
        if self.is_running:
            raise RuntimeError(f"{self._command} is running already")
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=self._cwd,
                env=self._env,
                process_group=0,  # Ctrl-C reaches only this process, which stops its children in order
                preexec_fn=_die_with_parent,  # noqa: PLW1509  # one system call, takes no lock another thread may hold
            )

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not exited."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id."""
        return self._started().pid

    @property
    def exit_code(self) -> int | None:
        """The exit status, minus the signal's number if one ended it; None while it runs."""
        return self._started().poll()

    def kill(self) -> None:
        """Send SIGKILL if it runs, frozen or not, and wait until it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)

    def ask_to_end(self) -> None:
        """Send SIGTERM without waiting."""
        self._started().terminate()

    def terminate(self, timeout_s: float = 30) -> int:
        """Send SIGTERM, wait, and return the exit status.

        Raises:
            TimeoutError: it had not exited after `timeout_s`; it has been killed.

        """
        self.ask_to_end()
        try:
            return self._started().wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise TimeoutError(f"did not exit within {timeout_s} s of SIGTERM\n{self.tail()}") from None

    def wait(self, timeout_s: float = 60) -> int:
        """Wait until it exits by itself, and return the exit status.

        Raises:
            TimeoutError: it still runs after `timeout_s`.

        """
        try:
            return self._started().wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"still runs after {timeout_s} s\n{self.tail()}") from None

    def freeze(self) -> None:
        """Send SIGSTOP, and wait for it: the process behaves as in a long garbage collection or on a suspended machine.

        The kernel stops a process some time after the signal is sent; until then it may still answer.
        """
        os.kill(self.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def thaw(self) -> None:
        """Send SIGCONT."""
        os.kill(self.pid, signal.SIGCONT)

    def tail(self, lines: int = 60) -> str:
        """Return the last lines of its log, under a heading."""
        if not self.log.exists():
            return f"--- {self.log.name}: no output"
        text = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
        status = None if self._process is None else self._process.poll()
        return "\n".join([f"--- the last lines of {self.log.name} (exit status {status})", *text])

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            raise RuntimeError(f"{self._command} was never started")
        return self._process


def wait_until(holds: Callable[[], bool], timeout_s: float, what: str, *, process: Process | None = None) -> None:
    """Poll until `holds()`; `what` completes "waited for …".

    Raises:
        TimeoutError: it did not hold within `timeout_s`.
        RuntimeError: the process exited first.

    """
    until = time.monotonic() + timeout_s
    while not holds():
        if process is not None and process.exit_code is not None:
            raise RuntimeError(f"exited before {what}\n{process.tail()}")
        if time.monotonic() > until:
            raise TimeoutError(f"waited {timeout_s} s in vain for {what}" + (f"\n{process.tail()}" if process else ""))
        time.sleep(0.05)


def answers_200(url: str) -> bool:
    """Return whether a page answers 200 within two seconds."""
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def free_ports(count: int) -> list[int]:
    """Return distinct TCP ports that are free now.

    They lie below the range from which Linux numbers outgoing connections (32768 up): a passing client could take a
    port of that range while a killed broker is down, and the broker could not come back.
    """
    ports: list[int] = []
    # The operating system's randomness: two test runs must not try the same ports.
    order = random.SystemRandom()
    while len(ports) < count:
        port = order.randrange(15_000, 32_000)
        if port not in ports and is_free(port):
            ports.append(port)
    return ports

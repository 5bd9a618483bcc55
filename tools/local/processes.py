"""Child processes that are started, stopped, frozen and killed: never left behind, whatever ends us (Linux only)."""

import ctypes
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ops.ports import is_free

_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    # Linux sends this signal when the parent dies, so that not even a SIGKILL of ours leaves a broker running.
    # It does so when the thread that forked ends: start children from a thread that lives as long as they may.
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Child:
    """A process with its output in a file. All signals go to this one process, by its id."""

    def __init__(self, command: Sequence[str], log: Path, *, cwd: Path, env: Mapping[str, str] | None = None) -> None:
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=cwd,
                env=None if env is None else dict(env),
                process_group=0,  # Ctrl-C is for us; children are ended in order
                preexec_fn=_die_with_parent,  # noqa: PLW1509  # one system call, takes no lock another thread may hold
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """The exit status, minus the signal's number if one ended it; None while it runs."""
        return self._process.poll()

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone. Works on a frozen process too."""
        if self.exit_code is None:
            self._process.kill()
        self._process.wait(30)

    def ask_to_end(self) -> None:
        """SIGTERM, without waiting."""
        if self.exit_code is None:
            self._process.terminate()

    def terminate(self, timeout_s: float = 30) -> int:
        """SIGTERM, wait, and give the exit status.

        Raises:
            TimeoutError: it was still there after `timeout_s`; it has been killed.

        """
        self.ask_to_end()
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise TimeoutError(f"did not end within {timeout_s} s of SIGTERM\n{self.tail()}") from None

    def wait(self, timeout_s: float) -> int:
        """Wait for its own end and give the exit status.

        Raises:
            TimeoutError: it still runs after `timeout_s`.

        """
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"still runs after {timeout_s} s\n{self.tail()}") from None

    def freeze(self) -> None:
        """SIGSTOP, as a long garbage collection or a suspended machine would."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        os.kill(self.pid, signal.SIGCONT)

    def tail(self, lines: int = 40) -> str:
        """The last lines of its output, under a heading."""
        if not self.log.exists():
            return f"--- {self.log.name}: no output"
        text = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
        return "\n".join([f"--- the last lines of {self.log.name} (exit status {self.exit_code})", *text])


def wait_until(holds: Callable[[], bool], timeout_s: float, what: str, *, child: Child | None = None) -> None:
    """Poll until `holds()`.

    Raises:
        TimeoutError: it did not hold within `timeout_s`.
        RuntimeError: the child ended before it held.

    """
    until = time.monotonic() + timeout_s
    while not holds():
        if child is not None and child.exit_code is not None:
            raise RuntimeError(f"ended before {what}\n{child.tail()}")
        if time.monotonic() > until:
            raise TimeoutError(f"waited {timeout_s} s in vain for {what}" + (f"\n{child.tail()}" if child else ""))
        time.sleep(0.05)


def free_ports(count: int) -> list[int]:
    """Distinct TCP ports that nobody listens on now.

    They are taken from below the range from which Linux numbers outgoing connections (32768 up): a port from within it
    could be lost to a passing client while a killed broker is down, and the broker must come back on its own.
    """
    ports: list[int] = []
    # The operating system's randomness: two test runs at once must not walk the same ports.
    order = random.SystemRandom()
    while len(ports) < count:
        port = order.randrange(15_000, 32_000)
        if port not in ports and is_free(port):
            ports.append(port)
    return ports

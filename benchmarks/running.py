"""Runs worker processes over published inputs and measures them from outside."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import usage
from benchmarks.deployment import MeasuredDeployment
from tools.local.processes import Process
from tools.local.worker import WorkerProcess

RECOVERED = re.compile(r"recovered (\d+) records of (\d+) partitions in ([\d.]+) s")

LOOK_EVERY_S = 0.25


@dataclass(frozen=True)
class Cost:
    """The cost of reading everything, from the moment when all workers had recovered."""

    seconds: float
    cpu_s: float
    start_seconds: float
    """From the start of the processes until all were recovered."""
    start_cpu_s: float
    peak_bytes: int
    """Of the largest process."""
    cpu_by_thread: dict[str, float]
    """Over the whole life of the processes."""


def wait_for(process: Process, pattern: "re.Pattern[str]", timeout_s: float, start: int = 0) -> "re.Match[str]":
    """Wait for a line in a process's log, from a position in it.

    Raises:
        RuntimeError: the process exited first.
        TimeoutError: it did not come.

    """
    until = time.monotonic() + timeout_s
    while True:
        found = pattern.search(_log(process.log, start))
        if found:
            return found
        if process.exit_code is not None:
            raise RuntimeError(f"it exited with {process.exit_code}\n{process.tail()}")
        if time.monotonic() > until:
            raise TimeoutError(f"no line like {pattern.pattern!r}\n{process.tail()}")
        time.sleep(0.01)


def run_until_read(
    deployment: MeasuredDeployment,
    workers: Sequence[WorkerProcess],
    *,
    started: "re.Pattern[str]" = RECOVERED,
    settles: bool = True,
    timeout_s: float = 3_600,
) -> Cost:
    """Start workers, wait until the group has read everything, and stop them.

    With `settles`, also until each says at /readyz that all deadlines up to its clock have fired.

    Raises:
        RuntimeError: a worker exited.
        TimeoutError: it took too long.

    """
    begin = time.monotonic()
    for worker in workers:
        worker.start()
    try:
        for worker in workers:
            wait_for(worker, started, 120)
        start_seconds = time.monotonic() - begin
        start_cpu_s = sum(usage.cpu_seconds(worker.pid) for worker in workers)
        _wait_until_read(deployment, workers, settles=settles, until=begin + timeout_s)
        seconds = time.monotonic() - begin - start_seconds
        cpu_s = sum(usage.cpu_seconds(worker.pid) for worker in workers) - start_cpu_s
        by_thread: dict[str, float] = {}
        for worker in workers:
            for name, spent in usage.cpu_seconds_by_thread(worker.pid).items():
                by_thread[name] = by_thread.get(name, 0.0) + spent
        peak = max(usage.peak_bytes(worker.pid) for worker in workers)
        for worker in workers:
            worker.terminate(60)
    finally:
        for worker in workers:
            worker.kill()
    return Cost(seconds, cpu_s, start_seconds, start_cpu_s, peak, by_thread)


def _wait_until_read(
    deployment: MeasuredDeployment, workers: Sequence[WorkerProcess], *, settles: bool, until: float
) -> None:
    while True:
        time.sleep(LOOK_EVERY_S)
        if deployment.is_read() and (not settles or all(_is_ready(worker) for worker in workers)):
            return
        for worker in workers:
            if worker.exit_code is not None:
                raise RuntimeError(f"a worker exited with {worker.exit_code}\n{worker.tail()}")
        if time.monotonic() > until:
            tails = "\n".join(worker.tail() for worker in workers)
            raise TimeoutError(f"not everything was read\n{tails}")


def _is_ready(worker: WorkerProcess) -> bool:
    try:
        worker.wait_ready(0.5)
    except TimeoutError:
        return False
    return True


def _log(path: Path, start: int) -> str:
    if not path.exists():
        return ""
    with path.open("rb") as log:
        log.seek(start)
        return log.read().decode(errors="replace")

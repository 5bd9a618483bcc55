"""How long a worker's event loop keeps its other work waiting while the worker reads a backlog.

Whoever waits for the loop waits that long: health checks, questions to the worker, heartbeats, a rebalance, SIGTERM.

`python -m benchmarks.loop_delay FILE` is a worker that measures its own loop: a task sleeps for a millisecond, over and
over, and notes how much later it was woken. So a delay is all that the task had to wait for: the slice of a commit,
Python's lock, and a core of a machine on which the broker works too.
"""

import asyncio
import sys
import time
from array import array
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from benchmarks.backlog import CPU, MILLION
from benchmarks.code import described
from benchmarks.deployment import MeasuredDeployment
from benchmarks.events import Backlog, publish
from benchmarks.latency import PERCENTILES, percentile
from benchmarks.report import Result
from benchmarks.running import run_until_read
from domain.time import SECOND, Micros
from ops.commands.worker import run
from streams.settings import load

SLEEP_S = 0.001

DELAY_MAX_MS = 50
"""Of issue 14."""


def sampler(file: Path) -> Callable[[], Awaitable[None]]:
    """Return a task that notes the delays, in microseconds, until it is cancelled, and then writes them to a file."""

    async def sample() -> None:
        delays = array("q")
        try:
            while True:
                began = time.monotonic()
                await asyncio.sleep(SLEEP_S)
                delays.append(round((time.monotonic() - began - SLEEP_S) * SECOND))
        finally:
            file.write_bytes(delays.tobytes())

    return sample


def run_loop_delay(broker: str, directory: Path, backlog: Backlog, *, code: Path) -> Result:
    """Let one worker read the backlog and measure its event loop.

    Raises:
        RuntimeError: the worker exited.

    """
    events = len(backlog.records)
    deployment = MeasuredDeployment(broker, clock=backlog.closes_at)
    file = directory / "delays"
    try:
        publish(deployment, backlog.records)
        command = (sys.executable, "-m", "benchmarks.loop_delay", str(file))
        cost = run_until_read(deployment, [deployment.worker(directory / "worker", code=code, command=command)])
    finally:
        deployment.remove()
    delays = array("q", file.read_bytes())
    what = f"{events:,} events of a simulated month, one worker in a backlog; {described(code)}"
    result = Result("loop-delay", what)
    add_delays(result, delays)
    result.add(CPU, cost.cpu_s / events * MILLION, "s")
    return result


def add_delays(result: Result, delays: Sequence[Micros]) -> None:
    """Add how long the event loop's other work waited."""
    for name, share in PERCENTILES:
        result.add(f"delay of the event loop: {name}", percentile(delays, share), "ms")
    most = percentile(delays, 1.0)
    result.add("delay of the event loop: max", most, "ms", f"<= {DELAY_MAX_MS}", most <= DELAY_MAX_MS)
    result.add("delays above it", sum(delay > DELAY_MAX_MS * 1_000 for delay in delays), "")
    result.add("delays measured", len(delays), "")


if __name__ == "__main__":
    run(load(), with_web=True, tasks=[sampler(Path(sys.argv[1]))])

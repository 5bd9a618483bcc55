"""A rolling restart of three workers under a steady load: the longest gap in the outputs of a partition."""

import statistics
import time
from pathlib import Path

from benchmarks.deployment import MeasuredDeployment
from benchmarks.gaps import Gap, under_load, wait_for_outputs
from benchmarks.report import Result
from benchmarks.running import RECOVERED, wait_for

WORKERS = 3

SETTLE_S = 3.0
"""Pause between two restarts, so that their gaps do not overlap."""


def run_rolling(broker: str, directory: Path, *, rate: int, code: Path) -> Result:
    """Measure the longest gap of an output while workers leave and come back."""
    deployment = MeasuredDeployment(broker)
    workers = [deployment.worker(directory / f"rolling-{number}", code=code) for number in range(WORKERS)]
    result = Result(
        "rolling", f"{rate:,} events/s, {WORKERS} workers, each ended with SIGTERM and started again in turn"
    )
    stops: list[float] = []
    starts: list[float] = []
    leaving: list[Gap] = []
    joining: list[Gap] = []
    try:
        for worker in workers:
            worker.start()
            wait_for(worker, RECOVERED, 60)
            worker.wait_ready(60)
        with under_load(deployment, rate, 60 * WORKERS + 60) as reader:
            time.sleep(SETTLE_S)
            calm = reader.longest(time.monotonic() - SETTLE_S, time.monotonic())[0].seconds
            began = time.monotonic()
            for worker in workers:
                asked = time.monotonic()
                status = worker.terminate(60)
                if status != 0:
                    raise RuntimeError(f"a worker ended with {status}\n{worker.tail()}")
                stops.append(time.monotonic() - asked)
                # The others take over before it restarts, as when a machine is patched.
                wait_for_outputs(reader, time.monotonic(), 60)
                time.sleep(SETTLE_S)
                leaving += reader.longest(asked, time.monotonic() - 0.1)
                log_start = worker.log.stat().st_size
                started = time.monotonic()
                worker.start()
                wait_for(worker, RECOVERED, 60, log_start)
                starts.append(time.monotonic() - started)
                wait_for_outputs(reader, time.monotonic(), 60)
                time.sleep(SETTLE_S)
                joining += reader.longest(started, time.monotonic() - 0.1)
            whole = time.monotonic() - began
    finally:
        for worker in workers:
            worker.kill()
        deployment.remove()
    longest = max(gap.seconds for gap in leaving + joining)
    result.add("longest gap of a partition", longest, "s")
    for name, gaps in (("a worker leaves", leaving), ("it comes back", joining)):
        result.add(f"{name}: longest gap", max(gap.seconds for gap in gaps), "s")
        result.add(f"{name}: longest gap of the median partition", statistics.median(g.seconds for g in gaps), "s")
    result.add("longest gap before anything was done", calm, "s")
    result.add("SIGTERM to the end of the process, at most", max(stops), "s")
    result.add("start of the process to recovered, at most", max(starts), "s")
    result.add("all three restarted within", whole, "s")
    result.details |= {"stops_s": stops, "starts_s": starts}
    return result

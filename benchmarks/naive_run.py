"""Measures the naive job of benchmarks/naive.py over some events."""

import re
import sys
from pathlib import Path

from benchmarks.deployment import MeasuredDeployment
from benchmarks.events import Backlog, publish
from benchmarks.report import Result
from benchmarks.running import run_until_read
from tools.local.worker import WorkerProcess

MILLION = 1_000_000

READY = re.compile(r"Worker ready")


def run_naive(broker: str, directory: Path, backlog: Backlog) -> Result:
    """Measure one worker of the naive job."""
    events = len(backlog.records)
    deployment = MeasuredDeployment(broker)
    env = {
        "BENCH_BROKER": broker,
        "BENCH_NAME": deployment.name,
        "BENCH_INPUTS": deployment.inputs,
        "BENCH_PARTITIONS": str(deployment.settings.partitions),
    }
    command = (
        sys.executable,
        "-m",
        "benchmarks.naive",
        "--datadir",
        str(directory / "faust"),
        "worker",
        "--without-web",
        "-l",
        "info",
    )
    try:
        publish(deployment, backlog.records)
        worker = WorkerProcess(directory / "naive", env, command=command)
        cost = run_until_read(deployment, [worker], started=READY, settles=False)
    finally:
        deployment.remove()
    result = Result("naive", f"{events:,} events by stock Faust, a record at a time, at least once, no deadlines")
    result.add("events", events, "")
    result.add("wall time", cost.seconds, "s")
    result.add("throughput", events / cost.seconds, "events/s")
    result.add("CPU", cost.cpu_s, "s")
    result.add("CPU a million events", cost.cpu_s / events * MILLION, "s")
    result.add("peak memory", cost.peak_bytes / 2**20, "MiB")
    return result

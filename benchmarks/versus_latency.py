"""The latency of rentmatch and of its peers at a steady rate, each under the same plan of events (latency.py)."""

from pathlib import Path

from benchmarks.deployment import MeasuredDeployment
from benchmarks.latency import COMMIT_MS, KINDS, PERCENTILES, measure_latency, percentile
from benchmarks.peers.model import Peer
from benchmarks.running import wait_for
from benchmarks.versus_backlog import PARTITIONS
from benchmarks.versus_table import Measure, Sample

WARM_UP_S = 20
"""Longer than rentmatch needs: a JVM compiles meanwhile."""

TARGET_RATE = 2_000
"""The target is about this rate."""


def measures(rate: int) -> list[Measure]:
    """The rows of a rate's table."""
    found = [
        Measure(f"{name}: {percent}", "ms", ratio_max=1.0 if percent == "p99" and rate == TARGET_RATE else None)
        for name in KINDS.values()
        for percent, _ in PERCENTILES
    ]
    return [*found, Measure("CPU", "% of a core"), Measure("p99 until the broker has an event", "ms")]


def measure(broker: str, directory: Path, peer: Peer, *, rate: int, seconds: int) -> Sample:
    """Measure a program at a rate, in topics of its own; nothing if its outputs do not say what they include.

    Raises:
        RuntimeError: it exited, or some events are in no output.

    """
    if peer.rests_on is None or peer.recovered is None:
        return {}
    deployment = MeasuredDeployment(broker, partitions=PARTITIONS, RENTMATCH_COMMIT_INTERVAL_MS=str(COMMIT_MS))
    process = peer.process(deployment, directory)
    try:
        process.start()
        wait_for(process, peer.recovered, 120)
        measured = measure_latency(deployment, process, peer.rests_on, rate=rate, seconds=seconds, warm_up_s=WARM_UP_S)
        process.terminate(60)
    finally:
        process.kill()
        deployment.remove()
    sample: Sample = {
        f"{name}: {percent}": percentile(measured.whole(kind), share)
        for kind, name in KINDS.items()
        for percent, share in PERCENTILES
    }
    sample["CPU"] = measured.busy * 100
    sample["p99 until the broker has an event"] = percentile(measured.sender.delivered, 0.99)
    return sample

"""One of two workers dies: the longest gap in the outputs of its keys, with and without a standby replica."""

import re
import time
from pathlib import Path

from benchmarks.deployment import MeasuredDeployment
from benchmarks.gaps import Gap, under_load, wait_for_outputs
from benchmarks.recovery import Templates, write_changelogs
from benchmarks.report import Result
from benchmarks.running import RECOVERED, wait_for

WARM = re.compile(r"standby of (\d+) partitions is warm")

QUIET_S = 1.0
"""Keys without output from this long after the death to this long before the session expires are the dead worker's; the
other worker's keys continue until then."""


def run_failover(broker: str, directory: Path, *, keys: int, rate: int, code: Path, session_s: float = 6.0) -> Result:
    """Measure without and with standbys."""
    templates = Templates()
    result = Result(
        "failover",
        f"kill -9 of one of two workers that keep {keys:,} keys, at {rate:,} events/s; "
        f"session {session_s:.0f} s, transaction timeout as long",
    )
    for standbys in (0, 1):
        name = ("without standbys", "with standbys")[standbys]
        gaps, found = _one(broker, directory / str(standbys), templates, keys, rate, session_s, standbys, code)
        dead = [gap for gap in gaps if gap.dead]
        alive = [gap for gap in gaps if not gap.dead]
        longest = max(gap.gap.seconds for gap in dead)
        result.add(f"{name}: longest gap of the dead worker's keys", longest, "s")
        result.add(f"{name}: the same, the session apart", longest - session_s, "s")
        if alive:
            result.add(f"{name}: longest gap of the other's keys", max(gap.gap.seconds for gap in alive), "s")
        result.add(f"{name}: recovery of the one that takes over", float(found[3]), "s")
        result.add(f"{name}: records that it read", int(found[1]), "")
    return result


class _Gap:
    """A partition's longest gap, and whether it belonged to the dead worker."""

    def __init__(self, gap: Gap, quiet_since: float, quiet_until: float) -> None:
        self.gap = gap
        self.dead = gap.began < quiet_since and gap.ended > quiet_until


def _one(
    broker: str,
    directory: Path,
    templates: Templates,
    keys: int,
    rate: int,
    session_s: float,
    standbys: int,
    code: Path,
) -> tuple[list[_Gap], "re.Match[str]"]:
    session_ms = str(round(session_s * 1_000))
    deployment = MeasuredDeployment(
        broker,
        RENTMATCH_STANDBY_REPLICAS=str(standbys),
        RENTMATCH_SESSION_TIMEOUT_MS=session_ms,
        RENTMATCH_TRANSACTION_TIMEOUT_MS=session_ms,
    )
    stays, dies = workers = [deployment.worker(directory / name, code=code) for name in ("stays", "dies")]
    try:
        write_changelogs(deployment, templates, keys)
        # The one that stays comes second: its disk must hold nothing of the other's share but what a standby keeps.
        for worker in (dies, stays):
            worker.start()
            wait_for(worker, RECOVERED, 180)
            worker.wait_ready(60)
        if standbys:
            wait_for(stays, WARM, 180)
        with under_load(deployment, rate, 300) as reader:
            time.sleep(2)
            log_start = stays.log.stat().st_size
            killed = time.monotonic()
            dies.kill()
            found = wait_for(stays, RECOVERED, 120, log_start)
            wait_for_outputs(reader, time.monotonic(), 60)
            time.sleep(1)
            gaps = reader.longest(killed, time.monotonic() - 0.1)
    finally:
        for worker in workers:
            worker.kill()
        deployment.remove()
    return [_Gap(gap, killed + QUIET_S, killed + session_s - QUIET_S) for gap in gaps], found

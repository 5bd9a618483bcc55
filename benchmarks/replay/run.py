"""A year of rent, replayed through one worker on one broker: does it cost at the end what it costs at the beginning?

The events are made on the fly (benchmarks/replay/year.py) and published in the order of the year's hours. The worker's
clock follows them, so that deadlines fire and late alerts escalate as in life. The bench waits whenever the group is
`LEAD` records behind. Old records of the inputs are deleted by size: that is safe here, since a partition keeps
`RETAINED_BYTES`, and all that is unread takes less. What a worker must keep, it keeps: its states, the changelogs and
the outputs grow with every obligation, and nothing else does.

At the end of each month all of it is read, and the month's figures are taken. At the end of the year the last record of
each key is compared with what the scripts of the year say, and a second worker recovers everything from nothing.

3,000,000 obligations took 37 minutes on a quiet machine (commit 9d2c856, rules compiled), then a quarter of an hour to
check and three minutes to recover. They need 20 GB in the temporary folder (TMPDIR), most of it the broker's. A small
year is not flat, and that says nothing: its first quarter fills the caches, and a month is few commits. From about
1,000,000 obligations on, the verdict counts.
"""

import shutil
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path

from confluent_kafka import KafkaException
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console

from benchmarks import usage
from benchmarks.code import described
from benchmarks.deployment import MeasuredDeployment
from benchmarks.replay.last_records import LastRecords, read_last_records
from benchmarks.replay.months import Reading, ReplayedMonth, add_quarters, cells, show_months
from benchmarks.replay.publishing import Publisher
from benchmarks.replay.worker import write_clock
from benchmarks.replay.year import Year
from benchmarks.report import Result
from benchmarks.running import RECOVERED, wait_for
from benchmarks.versus_backlog import WrongResult
from domain.time import SECOND, Micros
from streams import topics
from streams.topics import TopicRole
from tools.group_monitor import GroupMonitor
from tools.local.processes import wait_until
from tools.local.worker import WorkerProcess

INPUTS = (topics.PAYMENT_INITIATED, topics.PROCESSOR_SETTLED, topics.LEDGER_EVENTS)

LEAD = 200_000
"""Records that the worker may be behind: enough that its commits are those of a backlog."""

RETAINED_BYTES = 128 << 20
"""That the broker keeps at least of each partition of an input."""

SEGMENT_BYTES = 16 << 20

CHUNK = 5_000
"""Records that are published at a time, and the least number between two settings of the clock."""

LOOKS_A_LEAD = 10
"""How often the group's offsets are asked for while `LEAD` records are published."""

STEP_S = 0.05

STUCK_S = 600
"""A worker that reads nothing for this long while the bench waits is stuck."""

BLOCK = 512
"""Bytes: Linux counts what a file takes on disk in these. Its size would count what Kafka only reserves for indexes."""

QUIET_S = 3.0
"""No output is written for this long after the last deadline has been passed to the tables: they have all fired."""

RECOVERY_S = 3_600


def run_replay(
    broker: str,
    directory: Path,
    console: Console,
    *,
    obligations: int,
    months: int,
    code: Path,
    data: Path | None = None,
) -> Result:
    """Replay the year, measure each month, and check what came out.

    Args:
        broker: its address.
        directory: for the worker's log and store.
        console: shows each month when it is over.
        obligations: of the whole year; about 12.8 events each.
        months: that they are spread over.
        code: the folder of the worker's code.
        data: where the broker keeps its logs, to measure their size; None: they are not measured.

    Raises:
        WrongResult: an output is not what the year says.
        RuntimeError: the worker exited, or is stuck.

    """
    year = Year(obligations, months)
    deployment = MeasuredDeployment(broker)
    clock = directory / "clock"
    write_clock(clock, year.starts_at(0))
    replay = _Replay(deployment, year, _worker(deployment, directory / "year", clock, code), clock)
    try:
        found = []
        for month in replay.months():
            found.append(month)
            console.print(" ".join(("month", *cells(month))), style="dim")
        stored = found[-1].store_bytes
        outcomes, live = read_last_records(deployment)
        wrong = outcomes.differences(year.expected())
        if wrong:
            raise WrongResult("\n".join([*wrong, replay.worker.tail()]))
        shutil.rmtree(directory / "year" / "state")  # the next worker needs as much disk again
        recovery = _recovery(deployment, directory / "recovering", clock, code)
        on_broker = _bytes_on_broker(deployment, data) if data else {}
    finally:
        replay.close()
        deployment.remove()
    what = f"{year.obligations:,} obligations over {months} months, one worker, all outcomes right; {described(code)}"
    show_months(found, console)
    result = Result("replay", what)
    add_quarters(result, found)
    result.add("peak memory of the year", replay.peak, "MiB")
    result.add("store on disk, an obligation", stored / year.obligations, "B")
    _add_live(result, live, year.obligations)
    for role, size in on_broker.items():
        result.add(f"{role} topics on the broker, an obligation", size / year.obligations, "B")
    for name, (value, unit) in recovery.items():
        result.add(name, value, unit)
    result.details |= {
        "months": [asdict(month) for month in found],
        "keys": {name: one.keys for name, one in live.items() if one.keys},
        "bytes of keys and last values": {name: one.size for name, one in live.items() if one.keys},
    }
    return result


class _Replay:
    """The year on its way through the worker."""

    def __init__(self, deployment: MeasuredDeployment, year: Year, worker: WorkerProcess, clock: Path) -> None:
        self.worker = worker
        self.peak = 0.0
        """The most memory that the worker has had, MiB."""
        self._deployment, self._year, self._clock = deployment, year, clock
        self._state = Path(worker.env["RENTMATCH_STATE_DIR"])
        self._monitor = GroupMonitor(deployment.settings)
        for topic in INPUTS:
            self._monitor.configure(topic.name, retention_bytes=str(RETAINED_BYTES), segment_bytes=str(SEGMENT_BYTES))
        self._publisher = Publisher(deployment)
        self._read = 0
        self._looked_at = self._flushed_at = 0
        self._peak_of_month = 0

    def close(self) -> None:
        """End the worker, however it went."""
        self.worker.kill()
        self._monitor.close()

    def months(self) -> Iterator[ReplayedMonth]:
        """Run the year; yield each month when it has been read."""
        self.worker.start()
        wait_for(self.worker, RECOVERED, 120)
        year = self._year
        before = self._reading()
        for number in range(year.months):
            is_last = number == year.months - 1
            until = year.closes_at if is_last else year.starts_at(number + 1)
            waited = self._publish(year.starts_at(number), until)
            waited += self._drain(until)
            if is_last:
                self._wait_for_quiet()
            after = self._reading()
            yield ReplayedMonth.between(number + 1, before, after, peak_bytes=self._peak_of_month, waited_s=waited)
            before, self._peak_of_month = after, 0
        self.peak = usage.peak_bytes(self.worker.pid) / 2**20
        self.worker.terminate(60)

    def _publish(self, since: Micros, until: Micros) -> float:
        """Publish what arrives in this time; return for how long the worker was waited for, in seconds."""
        waited = 0.0
        for ends_at, events in self._year.hours(since, until):
            while self._publisher.publish(islice(events, CHUNK)):
                if self._publisher.published - self._looked_at >= LEAD // LOOKS_A_LEAD:
                    waited += self._wait_for_lag(LEAD)
            if self._publisher.published - self._flushed_at >= CHUNK:
                self._pass_time(ends_at)
        return waited

    def _pass_time(self, until: Micros) -> None:
        """Let the clock follow, once the broker has everything that arrived until then."""
        self._publisher.flush()
        self._flushed_at = self._publisher.published
        write_clock(self._clock, until)

    def _drain(self, until: Micros) -> float:
        """Wait until all is read, and the watermark has reached this instant."""
        begin = time.monotonic()
        self._pass_time(until)
        self._wait_for_lag(0)
        wait_until(self._is_caught_up, STUCK_S, f"the watermark to reach {until}", process=self.worker)
        return time.monotonic() - begin

    def _is_caught_up(self) -> bool:
        self._sample()
        now = int.from_bytes(self._clock.read_bytes(), "big")
        return _scrape(self.worker).get("rentmatch_caught_up_timestamp_seconds", 0.0) >= now // SECOND

    def _wait_for_lag(self, most: int) -> float:
        """Wait until the group is at most this many records behind; return for how long."""
        begin = moved_at = time.monotonic()
        self._looked_at = self._publisher.published
        while True:
            self._sample()
            read, now = self._records_read(), time.monotonic()
            if read != self._read:
                self._read, moved_at = read, now
            self._check_retention()
            if self._publisher.published - read <= most:
                return now - begin
            if self.worker.exit_code is not None:
                raise RuntimeError(f"the worker exited with {self.worker.exit_code}\n{self.worker.tail()}")
            if now - moved_at > STUCK_S:
                raise RuntimeError(f"the worker has read nothing for {STUCK_S} s\n{self.worker.tail()}")
            time.sleep(STEP_S)

    def _records_read(self) -> int:
        """The group's offsets in the inputs; as last known while a transaction is open on them."""
        names = {topic.name for topic in INPUTS}
        try:
            return sum(offset for (name, _), offset in self._monitor.committed().items() if name in names)
        except KafkaException:
            return self._read

    def _check_retention(self) -> None:
        """Make sure that no unread record can be deleted, even if all that are unread are in one partition.

        Raises:
            RuntimeError: records are too large for that.

        """
        unread = self._publisher.published - self._read
        if unread * self._publisher.largest > RETAINED_BYTES:
            raise RuntimeError(
                f"{unread:,} unread records of up to {self._publisher.largest} bytes may take more than the "
                f"{RETAINED_BYTES:,} bytes that a partition keeps: raise RETAINED_BYTES in benchmarks/replay/run.py"
            )

    def _wait_for_quiet(self) -> None:
        """Wait until the last deadlines have fired: nothing more is written."""
        seen, quiet_since = self._deployment.ends(*topics.OUTPUTS), time.monotonic()
        while time.monotonic() - quiet_since < QUIET_S:
            time.sleep(STEP_S * 5)
            ends = self._deployment.ends(*topics.OUTPUTS)
            if ends != seen:
                seen, quiet_since = ends, time.monotonic()

    def _sample(self) -> None:
        self._peak_of_month = max(self._peak_of_month, usage.resident_bytes(self.worker.pid))

    def _reading(self) -> Reading:
        self._sample()
        scraped = _scrape(self.worker)
        return Reading(
            at_s=time.monotonic(),
            events=self._publisher.published,
            cpu_s=usage.cpu_seconds(self.worker.pid),
            resident_bytes=usage.resident_bytes(self.worker.pid),
            store_bytes=_bytes_below(self._state),
            states=int(scraped.get("rentmatch_commit_keys_sum", 0)),
            commits=int(scraped.get("rentmatch_commits_total", 0)),
            outputs=int(scraped.get("rentmatch_outputs_total", 0)),
        )


def _worker(deployment: MeasuredDeployment, directory: Path, clock: Path, code: Path) -> WorkerProcess:
    command = (sys.executable, "-m", "benchmarks.replay.worker", str(clock))
    return deployment.worker(directory, code=code, command=command)


def _recovery(deployment: MeasuredDeployment, directory: Path, clock: Path, code: Path) -> dict[str, tuple[float, str]]:
    """Recover the state of the year on an empty disk."""
    worker = _worker(deployment, directory, clock, code)
    worker.start()
    try:
        found = wait_for(worker, RECOVERED, RECOVERY_S)
        peak = usage.peak_bytes(worker.pid)
        worker.terminate(60)
    finally:
        worker.kill()
    return {
        "recovery of the year from nothing": (float(found[3]), "s"),
        "recovery: records read": (float(found[1]), ""),
        "recovery: peak memory": (peak / 2**20, "MiB"),
    }


def _add_live(result: Result, live: dict[str, LastRecords], obligations: int) -> None:
    """Add what the last records of the compacted topics take."""
    for role in (TopicRole.CHANGELOG, TopicRole.OUTPUT):
        of_role = [live[topic.name] for topic in topics.ALL if topic.role is role and topic.name in live]
        keys, size = sum(one.keys for one in of_role), sum(one.size for one in of_role)
        result.add(f"last records of all {role} topics, an obligation", keys / obligations, "keys")
        result.add("the same, not compressed, an obligation", size / obligations, "B")


def _scrape(worker: WorkerProcess) -> dict[str, float]:
    """The metrics of a worker by name, summed over their labels."""
    with urllib.request.urlopen(f"{worker.url}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0.0) + sample.value
    return found


def _bytes_below(folder: Path) -> int:
    """The bytes that a folder's files take on disk; one that goes meanwhile, as RocksDB's do, takes none."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_blocks * BLOCK if path.is_file() else 0
        except FileNotFoundError:
            continue
    return total


def _bytes_on_broker(deployment: MeasuredDeployment, data: Path) -> dict[str, int]:
    """The bytes of the deployment's topics on one broker, by role."""
    found: dict[str, int] = {}
    for topic in topics.ALL:
        size = sum(_bytes_below(folder) for folder in data.glob(f"{deployment.topic(topic)}-[0-9]*"))
        found[topic.role.value] = found.get(topic.role.value, 0) + size
    return found

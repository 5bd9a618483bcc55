"""Rows of the fault matrix in which workers take over from each other: warm standbys, and a rolling restart. The others
are in rows.py."""

import itertools
import re
import shutil
import time

from streams.broker.cluster import identity
from streams.topology import TOPOLOGY
from tables.store import TALLY_KEY, Store, TablePartition
from tests.faults.fault_scenarios import Stage
from tests.kit.deployment import Feed, Installation
from tests.kit.reading import read_all
from tests.kit.verifier import KEYS
from tools.local.worker import WorkerProcess

TABLES = {table.id: table.changelog.name for table in TOPOLOGY.tables}
"""Each table's changelog, by the letter that the store gives the table."""

WARM = re.compile(r"standby of \d+ partitions is warm")
RECOVERED = re.compile(r"recovered (\d+) records of (\d+) partitions in [\d.]+ s, (\d+) standby")

TAIL_PART = 4
"""Who takes over from a warm store reads less than one part in so many of the changelog."""

GAP_S = 10.0
"""While workers are restarted in turn, outputs are written at least this often: a third of the session, so that a
worker that leaves without a word fails the row. What the gap really is, `python -m benchmarks rolling` measures."""


def standby_takes_over(stage: Stage) -> None:
    """With a standby of each partition: the owner is killed, the standby takes over from its warm store; and back; the
    standby's disk is lost; the owner dies inside a transaction, and what the standby kept of it is looked at."""
    scenario = stage.scenario()
    with stage.installation(scenario, standby_replicas=1, transaction_timeout_ms=6_000) as installation:
        size = len(scenario.deliveries) // (2 * stage.strikes) + 1
        parts = [scenario.deliveries[at : at + size] for at in range(0, len(scenario.deliveries), size)]
        for worker_id in "ab":
            installation.worker(worker_id)
        for _ in range(stage.strikes):
            first, second = stage.rng.sample("ab", 2)
            feed = Feed(installation, parts.pop(0), 10, stage.rng)
            _wait_warm(installation, first, second)
            installation.watch(stage.rng.uniform(1, 3))
            _dies_and_is_succeeded(installation, first, second)

            # The one that took over becomes the standby of some again, and the one that was killed of the others.
            _starts_and_warms(installation, first, second)

            installation.workers[first].kill9()
            shutil.rmtree(installation.directory_of(first) / "state")
            _starts_and_warms(installation, first, second)
            _dies_and_is_succeeded(installation, second, first)

            feed.finish()
            feed = Feed(installation, parts.pop(0), 30, stage.rng)  # for as many commits as it may take
            # From its second commit on, with records at the broker that will be aborted; the standby follows them.
            dying = installation.worker(second, fault=f"kill:flushed:{stage.rng.randint(2, 12)}")
            assert dying.wait(60) == -9, dying.log_tail()
            time.sleep(0.3)  # for the standby to take what it can see of them
            installation.workers[first].kill9()
            for worker_id in (first, second):
                stores_hold_what_is_committed(installation, worker_id)
            for worker_id in (first, second):
                installation.worker(worker_id)
            feed.finish(hurry=True)
        installation.wait_settled()
        installation.check()
        for worker_id in "ab":
            assert installation.workers[worker_id].term() == 0
        for worker_id in "ab":
            stores_hold_what_is_committed(installation, worker_id)


def _wait_warm(installation: Installation, *worker_ids: str, since: dict[str, int] | None = None) -> None:
    for worker_id in worker_ids:
        wait_log(installation, worker_id, WARM, (since or {}).get(worker_id, 0))


def wait_log(
    installation: Installation, worker_id: str, pattern: "re.Pattern[str]", since: int, timeout_s: float = 60
) -> "re.Match[str]":
    """Wait for a line in a worker's log behind a position."""
    worker = installation.workers[worker_id]
    until = time.monotonic() + timeout_s
    while True:
        with worker.log.open("rb") as log:
            log.seek(since)
            found = pattern.search(log.read().decode(errors="replace"))
        if found:
            return found
        assert time.monotonic() < until, f"no line {pattern.pattern!r} in {timeout_s} s\n{worker.log_tail()}"
        installation.watch(0.05)


def _position(worker: WorkerProcess) -> int:
    return worker.log.stat().st_size


def _starts_and_warms(installation: Installation, starting: str, other: str) -> None:
    """Start a worker beside the other one; each keeps a warm standby of what the other owns."""
    since = {
        other: _position(installation.workers[other]),
        starting: _position(installation.workers[starting]),
    }
    installation.dismiss(starting)
    installation.worker(starting)
    _wait_warm(installation, starting, other, since=since)


def _dies_and_is_succeeded(installation: Installation, dying: str, successor: str) -> None:
    """Kill a worker; its standby has all partitions then, and has read but the end of their changelogs for it."""
    since = _position(installation.workers[successor])
    installation.workers[dying].kill9()
    # Killed for good as far as the row is concerned: it is started again when its time comes.
    gone = installation.workers.pop(dying)
    found = wait_log(installation, successor, RECOVERED, since)
    installation.workers[dying] = gone
    taken, partitions, standbys = map(int, found.groups())
    assert (partitions, standbys) == (2 * installation.settings.partitions, 0), found[0]
    written = sum(len(read_all(installation.bootstrap, installation.name(name))) for name in TABLES.values())
    assert taken * TAIL_PART < written, f"{found[0]}: of {written} in the changelogs"


def stores_hold_what_is_committed(installation: Installation, worker_id: str) -> None:
    """Hold the local store of a worker that has ended to its changelogs: each partition is what their committed
    records up to its offset make, and nothing else."""
    settings = installation.settings
    folder = installation.directory_of(worker_id) / "state" / f"{settings.topic_prefix}{settings.application_id}"
    store = Store(folder / worker_id / "store", identity(settings, TOPOLOGY.changelogs.values()))
    try:
        for letter, changelog in TABLES.items():
            records = read_all(installation.bootstrap, installation.name(changelog))
            stable = installation.onlooker.ends([changelog], stable=True)
            for number in range(settings.partitions):
                place = TablePartition(letter, number)
                offset = store.offset(place)
                assert offset <= stable[changelog, number], f"{worker_id} {changelog}[{number}]: knows of what is open"
                committed = {
                    record.key or b"": record.value
                    for record in records
                    if record.partition == number and record.offset < offset
                }
                assert store.tally(place) == committed.pop(TALLY_KEY, None)
                held = {key.encode(): value for key, value in store.items(place)}
                assert held == {key: value for key, value in committed.items() if value is not None}
    finally:
        store.close()


def rolling_restart(stage: Stage) -> None:
    """Three workers under load are ended with SIGTERM and started again, one after the other."""
    scenario = stage.scenario()
    with stage.installation(scenario, session_timeout_ms=30_000) as installation:
        # Longer than it takes anywhere: when there is nothing to tell any more, a gap means nothing.
        feed = stage.feed(installation, scenario, 80 * stage.strikes)
        for worker_id in "abc":
            installation.worker(worker_id)
        installation.wait_members(3)
        installation.wait_progress(len(scenario.deliveries) // 10)
        for worker in installation.workers.values():
            worker.wait_ready()
        began_ms = time.time() * 1_000
        for _ in range(stage.strikes):
            for worker_id in stage.rng.sample("abc", 3):
                assert installation.workers[worker_id].term() == 0
                installation.wait_members(2, timeout_s=3)
                installation.watch(stage.rng.uniform(0, 1))
                installation.worker(worker_id)
                installation.wait_members(3)
                # As docs/operations.md has it: the next one only when all are ready again.
                for worker in installation.workers.values():
                    worker.wait_ready()
        ended_ms = time.time() * 1_000
        assert feed.is_alive(), "all was published before the last worker was back"
        feed.finish(hurry=True)
        installation.wait_settled()
        installation.check()
        gap_s = longest_gap_s(installation, began_ms, ended_ms)
        assert gap_s < GAP_S, f"nothing was written for {gap_s:.1f} s while workers were restarted"


def longest_gap_s(installation: Installation, began_ms: float, ended_ms: float) -> float:
    """The longest time between two records of the outputs, by the time that their producers gave them."""
    stamps = sorted(
        record.timestamp_ms
        for topic in KEYS
        for record in read_all(installation.bootstrap, installation.name(topic))
        if began_ms <= record.timestamp_ms <= ended_ms
    )
    edges = [began_ms, *stamps, ended_ms]
    return max(after - before for before, after in itertools.pairwise(edges)) / 1_000

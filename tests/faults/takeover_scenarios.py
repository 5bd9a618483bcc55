"""Fault scenarios with planned takeovers: warm standbys, a rolling restart. The others are in fault_scenarios.py."""

import itertools
import re
import shutil
import time

from streams.broker.cluster import identity
from streams.topology import TOPOLOGY
from tables.store import TALLY_KEY, Store, TablePartition
from tests.faults.fault_scenarios import FaultBench
from tests.kit.deployment import AuditedDeployment, Feed, wait_log
from tests.kit.reading import read_all
from tests.kit.verifier import KEYS
from tools.local.worker import WorkerProcess

TABLES = {table.id: table.changelog.name for table in TOPOLOGY.tables}
"""Each table's changelog, by the letter that the store gives the table."""

WARM = re.compile(r"standby of \d+ partitions is warm")
RECOVERED = re.compile(r"recovered (\d+) records of (\d+) partitions in [\d.]+ s, (\d+) standby")

TAIL_PART = 4
"""A takeover from a warm store reads less than the n-th part of the changelog."""

GAP_S = 10.0
"""While workers are restarted in turn, outputs are written at least this often: a third of the session, so that a
worker that does not leave the group fails the scenario. The gap itself, `python -m benchmarks rolling` measures."""


def standby_takes_over(bench: FaultBench) -> None:
    """With a standby of each partition: the owner is killed, the standby takes over from its warm store; and back; the
    standby's disk is lost; the owner dies inside a transaction, and what the standby kept of it is looked at."""
    scenario = bench.scenario()
    with bench.deployment(scenario, standby_replicas=1, transaction_timeout_ms=6_000) as deployment:
        size = len(scenario.deliveries) // (2 * bench.strikes) + 1
        parts = [scenario.deliveries[at : at + size] for at in range(0, len(scenario.deliveries), size)]
        for worker_id in "ab":
            deployment.worker(worker_id)
        for _ in range(bench.strikes):
            first, second = bench.rng.sample("ab", 2)
            feed = Feed(deployment, parts.pop(0), 10, bench.rng)
            _wait_warm(deployment, first, second)
            deployment.watch(bench.rng.uniform(1, 3))
            _dies_and_is_succeeded(deployment, first, second)

            # The one that took over becomes the standby of some again, and the one that was killed of the others.
            _starts_and_warms(deployment, first, second)

            deployment.workers[first].kill()
            shutil.rmtree(deployment.directory_of(first) / "state")
            _starts_and_warms(deployment, first, second)
            _dies_and_is_succeeded(deployment, second, first)

            feed.finish(hurry=True)
            feed = Feed(deployment, parts.pop(0), 30, bench.rng)  # for as many commits as it may take
            # From its second commit on, with records at the broker that will be aborted; the standby follows them.
            dying = deployment.worker(second, fault=f"kill:flushed:{bench.rng.randint(2, 12)}")
            assert dying.wait(60) == -9, dying.tail()
            time.sleep(0.3)  # for the standby to take what it can see of them
            deployment.workers[first].kill()
            for worker_id in (first, second):
                stores_hold_what_is_committed(deployment, worker_id)
            for worker_id in (first, second):
                deployment.worker(worker_id)
            feed.finish(hurry=True)
        deployment.wait_settled()
        deployment.check()
        for worker_id in "ab":
            assert deployment.workers[worker_id].terminate() == 0
        for worker_id in "ab":
            stores_hold_what_is_committed(deployment, worker_id)


def _wait_warm(deployment: AuditedDeployment, *worker_ids: str, since: dict[str, int] | None = None) -> None:
    for worker_id in worker_ids:
        wait_log(deployment, worker_id, WARM, (since or {}).get(worker_id, 0))


def _position(worker: WorkerProcess) -> int:
    return worker.log.stat().st_size


def _starts_and_warms(deployment: AuditedDeployment, starting: str, other: str) -> None:
    """Start a worker beside the other one; each keeps a warm standby of what the other owns."""
    since = {
        other: _position(deployment.workers[other]),
        starting: _position(deployment.workers[starting]),
    }
    deployment.dismiss(starting)
    deployment.worker(starting)
    _wait_warm(deployment, starting, other, since=since)


def _dies_and_is_succeeded(deployment: AuditedDeployment, dying: str, successor: str) -> None:
    """Kill a worker; its standby has all partitions then, and has read but the end of their changelogs for it."""
    since = _position(deployment.workers[successor])
    deployment.workers[dying].kill()
    # Killed for good as far as the supervisor is concerned: the scenario restarts it later.
    gone = deployment.workers.pop(dying)
    found = wait_log(deployment, successor, RECOVERED, since)
    deployment.workers[dying] = gone
    taken, partitions, standbys = map(int, found.groups())
    assert (partitions, standbys) == (len(TABLES) * deployment.settings.partitions, 0), found[0]
    written = sum(len(read_all(deployment.bootstrap, deployment.name(name))) for name in TABLES.values())
    assert taken * TAIL_PART < written, f"{found[0]}: of {written} in the changelogs"


def stores_hold_what_is_committed(deployment: AuditedDeployment, worker_id: str) -> None:
    """Hold the local store of a worker that has ended to its changelogs: each partition is what their committed
    records up to its offset make, and nothing else."""
    settings = deployment.settings
    folder = deployment.directory_of(worker_id) / "state" / f"{settings.topic_prefix}{settings.application_id}"
    store = Store(folder / worker_id / "store", identity(settings, [table.changelog for table in TOPOLOGY.tables]))
    try:
        for letter, changelog in TABLES.items():
            records = read_all(deployment.bootstrap, deployment.name(changelog))
            stable = deployment.monitor.ends([changelog], stable=True)
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


def rolling_restart(bench: FaultBench) -> None:
    """Three workers under load are ended with SIGTERM and started again, one after the other."""
    scenario = bench.scenario()
    with bench.deployment(scenario, session_timeout_ms=30_000) as deployment:
        # Longer than needed: a gap means nothing once there is nothing left to publish.
        feed = bench.feed(deployment, scenario, 80 * bench.strikes)
        for worker_id in "abc":
            deployment.worker(worker_id)
        deployment.wait_members(3)
        deployment.wait_progress(len(scenario.deliveries) // 10)
        for worker in deployment.workers.values():
            worker.wait_ready()
        began_ms = time.time() * 1_000
        for _ in range(bench.strikes):
            for worker_id in bench.rng.sample("abc", 3):
                assert deployment.workers[worker_id].terminate() == 0
                deployment.wait_members(2, timeout_s=10)
                deployment.watch(bench.rng.uniform(0, 1))
                deployment.worker(worker_id)
                deployment.wait_members(3)
                # As docs/operations.md has it: the next one only when all are ready again.
                for worker in deployment.workers.values():
                    worker.wait_ready()
        ended_ms = time.time() * 1_000
        assert feed.is_alive(), "all was published before the last worker was back"
        feed.finish(hurry=True)
        deployment.wait_settled()
        deployment.check()
        gap_s = longest_gap_s(deployment, began_ms, ended_ms)
        assert gap_s < GAP_S, f"nothing was written for {gap_s:.1f} s while workers were restarted"


def longest_gap_s(deployment: AuditedDeployment, began_ms: float, ended_ms: float) -> float:
    """The longest time between two records of the outputs, by the time that their producers gave them."""
    stamps = sorted(
        record.timestamp_ms
        for topic in KEYS
        for record in read_all(deployment.bootstrap, deployment.name(topic))
        if began_ms <= record.timestamp_ms <= ended_ms
    )
    edges = [began_ms, *stamps, ended_ms]
    return max(after - before for before, after in itertools.pairwise(edges)) / 1_000

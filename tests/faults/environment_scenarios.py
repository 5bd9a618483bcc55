"""Fault scenarios around the workers: refused records, a full disk, an exception in our own code, aborted transactions
of other producers, compaction. The others are in fault_scenarios.py."""

import ctypes
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from benchmarks.usage import resident_bytes
from domain.facts import PaymentInitiated
from domain.time import DAY, Micros
from simulator.deliver import Delivery, value_of
from simulator.scenario import simulate
from streams.topology import TOPOLOGY
from tests.faults.fault_scenarios import FaultBench
from tests.kit import wire
from tests.kit.deployment import AuditedDeployment
from tests.kit.reading import read_all
from tools.local.processes import wait_until

CLEANER = {"log.cleaner.backoff.ms": "200", "log.cleaner.min.compaction.lag.ms": "0"}
"""Properties of a broker that compacts as soon as it can."""

NO_DEADLINE = b"\xff" * 8
"""How a changelog value begins that the clock alone never changes (tables/store.py)."""

UNACKNOWLEDGED = 60_000
"""Payments that wait to be read while nothing is acknowledged."""

UNACKNOWLEDGED_S = 12.0
"""For so long: with nothing to stop it a worker would read most of them."""

GROWTH_MAX_MIB = 60
"""By how much a worker may grow meanwhile. It grew by 27 when tried, and by 73 when nothing kept it from reading on."""


def produce_refused(bench: FaultBench) -> None:
    """A topic refuses records of the usual size for a while: the worker stops loudly, each time, until it is mended."""
    scenario = bench.scenario()
    topic = bench.rng.choice(
        ["payment-reconciliations", "obligation-reconciliations", "payments-changelog", "references-changelog"]
    )
    half = len(scenario.deliveries) // 2
    with bench.deployment(scenario) as deployment:
        deployment.publish(scenario.deliveries[:half], rng=bench.rng, spread=True)
        deployment.worker("a", supervised=True)
        deployment.wait_progress(half)
        deployment.monitor.configure(topic, max_message_bytes="90")
        deployment.publish(scenario.deliveries[half:], rng=bench.rng, spread=True)
        wait_until(lambda: _deaths(deployment) >= 2, 90, "the worker to have stopped twice")
        assert {status > 0 for _, status in deployment.deaths} == {True}
        assert "too large" in (deployment.directory_of("a") / "worker.log").read_text(encoding="utf-8").lower()
        deployment.monitor.configure(topic, max_message_bytes="")
        deployment.wait_settled()
        deployment.check()


def nothing_is_acknowledged(bench: FaultBench) -> None:
    """A long backlog waits, and what is written is not acknowledged: the worker stops reading and stays small.

    When it is acknowledged again, it goes on by itself. (A broker that reads and does not acknowledge cannot be had: it
    takes `min.insync.replicas` for the number of replicas, if that is less.)
    """
    scenario = bench.scenario()
    strangers = [_stranger(number, scenario.closes_at) for number in range(UNACKNOWLEDGED * bench.strikes)]
    gate = bench.directory / "nothing-is-acknowledged"
    with bench.deployment(scenario, transaction_timeout_ms=60_000, state_memory_mib=48) as deployment:
        worker = deployment.worker(fault=f"wait:produce:{gate}")
        deployment.publish(scenario.deliveries, rng=bench.rng)
        deployment.wait_settled()
        gate.touch()
        before = resident_bytes(worker.pid)
        deployment.publish(strangers)
        peak = 0
        until = time.monotonic() + UNACKNOWLEDGED_S
        while time.monotonic() < until:
            deployment.watch(0.2)
            peak = max(peak, resident_bytes(worker.pid))
        grown = (peak - before) / 2**20
        assert sum(deployment.monitor.lag().values()) == len(strangers), "something was acknowledged"
        gate.unlink()
        deployment.wait_settled(180)
        assert grown < GROWTH_MAX_MIB, f"the worker grew by {grown:.0f} MiB while nothing was acknowledged"
        deployment.check()


def _stranger(number: int, at: Micros) -> Delivery:
    """A payment of its own, of which nothing else is ever heard."""
    payment_id = f"U-{number:07}"
    fact = PaymentInitiated(
        event_id=f"E-{payment_id}", occurred_at=at - DAY, payment_id=payment_id, tenant_id="T-1", property_id="PR-1",
        obligation_id=f"O-{payment_id}", installment_id=None, amount_minor=50_000 + number, currency="USD",
        method="ACH_DEBIT", processor="stranger", processor_reference=None,
    )  # fmt: skip
    return Delivery("payment-initiated", payment_id, at - DAY, fact)


def _deaths(deployment: AuditedDeployment) -> int:
    deployment.supervise()
    return len(deployment.deaths)


def own_code_raises(bench: FaultBench) -> None:
    """An exception in our own code: the worker stops, its offset stays, and a mended worker goes on from there."""
    scenario = bench.scenario()
    victim = bench.rng.choice([d.key for d in scenario.deliveries if d.topic == "payment-initiated" and not d.is_bad])
    with bench.deployment(scenario) as deployment:
        deployment.publish(scenario.deliveries, rng=bench.rng, spread=True)
        for _ in range(2):
            worker = deployment.worker(fault=f"raise:{victim}")
            assert worker.wait(60) > 0
            assert f"a fault was built in for {victim}" in worker.tail(400)
        assert deployment.monitor.lag() != {}
        assert victim not in deployment.outputs().last().payments
        deployment.worker()
        deployment.wait_settled()
        deployment.check()


def aborted_transactions(bench: FaultBench) -> None:
    """A producer of inputs aborts every other transaction: what it aborted never happened, and leaves only gaps."""
    scenario = bench.scenario()
    with bench.deployment(scenario) as deployment:
        producer = Producer({"bootstrap.servers": bench.bootstrap, "transactional.id": bench.prefix, "linger.ms": 1})
        producer.init_transactions(30)
        deployment.worker()
        deliveries, at = scenario.deliveries, 0
        lies = simulate(bench.seed + 1_000, bench.obligations).deliveries
        failed: list[Any] = []
        while at < len(deliveries):
            some = deliveries[at : at + bench.rng.randint(1, 200)]
            good = bench.rng.random() < 0.5
            producer.begin_transaction()
            for delivery in some if good else lies[at : at + len(some)]:
                producer.produce(
                    deployment.name(delivery.topic), value_of(delivery, lambda fact, _: wire.encode(fact)),
                    delivery.key.encode(), bench.rng.randrange(deployment.settings.partitions),
                    on_delivery=deployment.noting(delivery, failed) if good else None,
                )  # fmt: skip
            assert producer.flush(30) == 0
            if good:
                producer.commit_transaction(30)
                at += len(some)
            else:
                producer.abort_transaction(30)
        assert failed == []
        deployment.wait_settled()
        deployment.check(scenario)


def disk_full(bench: FaultBench) -> None:
    """The disk of the local store is full: the worker stops loudly; with room again, nothing was lost."""
    scenario = bench.scenario()
    with bench.deployment(scenario) as deployment:
        state = deployment.directory_of("a") / "state"
        with small_disk(state) as filler:
            feed = bench.feed(deployment, scenario, 8)
            deployment.worker()
            deployment.wait_progress(bench.rng.randrange(len(scenario.deliveries) // 2))
            filler.write_bytes(b"")
            with filler.open("ab", buffering=0) as file:
                fill(file.fileno())
            worker = deployment.workers["a"]
            assert worker.wait(90) > 0
            assert "no space left" in worker.tail(400).lower()
            filler.unlink()
            deployment.worker()
            feed.finish(hurry=True)
            deployment.wait_settled()
            deployment.check()
            assert deployment.workers["a"].terminate() == 0


def fill(file: int) -> None:
    """Write until the disk is full, to the last byte."""
    for size in (1 << 20, 1 << 12, 1):
        try:
            while True:
                os.write(file, bytes(size))
        except OSError:
            continue


@contextmanager
def small_disk(at: Path, mebibytes: int = 48) -> Iterator[Path]:
    """A file system of its own at a folder, in memory; gives the path of a file on it, to fill it with."""
    at.mkdir(parents=True)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", bytes(at), b"tmpfs", 0, f"size={mebibytes}m".encode()) != 0:
        pytest.skip(f"NO FULL DISK TESTED: a file system cannot be mounted here ({os.strerror(ctypes.get_errno())})")
    try:
        yield at / "filler"
    finally:
        # Lazily: a worker that is left after a failure may still have files open there.
        libc.umount2(bytes(at), 2)


def changelog_compaction(bench: FaultBench) -> None:
    """The cleaner drops what was overwritten and what was deleted; recovery from zero then ends in the same state.

    The cluster's cleaner must be quick: `CLEANER`.
    """
    scenario = bench.scenario()
    third = len(scenario.deliveries) // 3
    changelogs = tuple(table.changelog.name for table in TOPOLOGY.tables)
    with bench.deployment(scenario) as deployment:
        feed = bench.feed(deployment, scenario, 4)
        deployment.worker()
        feed.finish(hurry=True)
        deployment.wait_settled()
        assert deployment.workers["a"].terminate() == 0

        before = {changelog: read_all(bench.bootstrap, deployment.name(changelog)) for changelog in changelogs}
        producer = Producer({"bootstrap.servers": bench.bootstrap})
        for changelog, records in before.items():
            # A stranger with somebody's state, and then without any: a null value forgets the key.
            waiting = [record for record in records if (record.value or NO_DEADLINE)[:8] != NO_DEADLINE]
            donor = bench.rng.choice(waiting or records)
            for value in (donor.value, None):
                producer.produce(deployment.name(changelog), value, b"X-nobody", donor.partition)
        assert producer.flush(30) == 0
        for changelog in changelogs:
            deployment.monitor.configure(
                changelog,
                segment_ms="500", min_cleanable_dirty_ratio="0.01", delete_retention_ms="100", segment_bytes="1048576",
            )  # fmt: skip

        def cleaned() -> bool:
            # A segment is only closed by a later record, and only closed ones are cleaned.
            for changelog in changelogs:
                for partition in range(deployment.settings.partitions):
                    producer.produce(deployment.name(changelog), None, b"X-nobody", partition)
            assert producer.flush(30) == 0
            for changelog in changelogs:
                left = read_all(bench.bootstrap, deployment.name(changelog))
                states = [record for record in left if record.value is not None]
                # By partition, too: each has a tally, under the same key.
                if len(states) > len({(record.partition, record.key) for record in before[changelog]}):
                    return False
                if any(record.key == b"X-nobody" for record in states):
                    return False
            return True

        until = time.monotonic() + 90
        while not cleaned():
            assert time.monotonic() < until, "the cleaner has not dropped all that was overwritten"
            time.sleep(1)
        assert sum(map(len, before.values())) > sum(len({r.key for r in records}) for records in before.values())
        shutil.rmtree(deployment.directory_of("a") / "state")
        deployment.worker()
        # Duplicates change nothing, so a correctly recovered state publishes nothing.
        published = deployment.outputs().records
        deployment.publish(scenario.deliveries[:third], rng=bench.rng, spread=True)
        deployment.wait_settled()
        assert deployment.outputs().records == published
        deployment.check()

"""Contract section 9 on a real broker: a backlog or a silent input raises no alert that a timely reader would not."""

import random
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from confluent_kafka import Producer

from simulator.anomalies import NONE
from simulator.scenario import RECORDED_DAYS, first_of_month, simulate
from tests.kit.deployment import AuditedDeployment

pytestmark = pytest.mark.kafka

ALERTS = ("mismatch-alerts", "late-payment-alerts")


def last_month_recorded(now: datetime) -> date:
    """The latest month whose recording is a week old, at least."""
    months = (first_of_month(now.date(), -back) for back in range(1, 12))
    return next(month for month in months if month + timedelta(days=RECORDED_DAYS + 7) <= now.date())


def test_a_backlog_of_rent_paid_on_time_opens_no_break(kafka: str, topic_prefix: str, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    scenario = simulate(5, 300, start=last_month_recorded(now), anomalies=NONE)
    with AuditedDeployment(kafka, topic_prefix, tmp_path, clock=None, progress_interval_ms=20) as deployment:
        # While a foreign transaction is open on it, nobody gets to the end of this partition: a backlog in pieces.
        foreign = Producer(
            {"bootstrap.servers": kafka, "transactional.id": topic_prefix, "transaction.timeout.ms": 120_000}
        )
        foreign.init_transactions(30)
        foreign.begin_transaction()
        foreign.produce(deployment.name("processor-settled"), b"never committed", b"key", 1)
        assert foreign.flush(30) == 0
        deployment.worker("a")
        deployment.worker("b")
        deliveries = list(scenario.deliveries)
        random.Random(5).shuffle(deliveries)
        piece = len(deliveries) // 6 + 1
        for at in range(0, len(deliveries), piece):
            deployment.publish(deliveries[at : at + piece], rng=random.Random(at), spread=True)
            deployment.watch(1)
        foreign.abort_transaction(30)
        deployment.wait_settled()
        outputs = deployment.check(scenario, at=time.time_ns() // 1_000)
    assert [outputs.of(topic) for topic in ALERTS] == [[], []]
    # The backlog was met half-read: rent that was long due was told unpaid, without an alert.
    assert any(row["status"] == "open" for row in outputs.of("obligation-reconciliations"))
    assert {row["status"] for row in outputs.last().obligations.values()} == {"paid"}


@pytest.mark.parametrize("silent", ["processor-settled", "payment-initiated", "ledger-events"])
def test_a_silent_input_partition_holds_the_watermark_back(
    kafka: str, topic_prefix: str, tmp_path: Path, silent: str
) -> None:
    scenario = simulate(6, 80)
    with AuditedDeployment(kafka, topic_prefix, tmp_path, clock=scenario.closes_at) as deployment:
        # What a foreign producer leaves open holds back all that is written behind it, for who reads committed.
        foreign = Producer(
            {"bootstrap.servers": kafka, "transactional.id": topic_prefix, "transaction.timeout.ms": 120_000}
        )
        foreign.init_transactions(30)
        foreign.begin_transaction()
        foreign.produce(deployment.name(silent), b"never committed", b"key", 1)
        assert foreign.flush(30) == 0
        deployment.publish(scenario.deliveries, rng=random.Random(6), spread=True)
        deployment.worker()
        held_back = (silent, 1)
        until = time.monotonic() + 60
        while set(deployment.monitor.lag()) != {held_back}:
            assert time.monotonic() < until, deployment.monitor.lag()
            time.sleep(0.1)
        time.sleep(2)
        assert set(deployment.monitor.lag()) == {held_back}
        assert deployment.caught_up_to() is None
        outputs = deployment.outputs()
        assert outputs.of("late-payment-alerts") == []
        assert [row for row in outputs.of("mismatch-alerts") if row["due_at"] is not None] == []
        assert len(outputs.of("payment-reconciliations")) > 0

        foreign.abort_transaction(30)
        deployment.wait_settled()
        outputs = deployment.check(scenario)
    assert [row for row in outputs.of("late-payment-alerts") if row["lifecycle"] != "opened"] == []
    assert len(outputs.last().live_alerts) > 0
    assert any(row["due_at"] is not None for row in outputs.of("mismatch-alerts"))

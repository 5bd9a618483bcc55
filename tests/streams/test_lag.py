"""How much there is to read, and for how long there has been something: from the broker's answers, as long as they are
fresh. The broker here is the driver's, in memory; tests/kafka/test_metrics.py asks a real one."""

import asyncio
import time

import pytest

from domain.facts import ObligationCharged
from streams import topics
from streams.transport import lag
from streams.transport.batch import TopicPartition
from streams.transport.lag import LagMonitor, LagSnapshot
from tests.kit.driver import Driver

LEDGER = TopicPartition(topics.LEDGER_EVENTS, 0)


def charge(number: int) -> ObligationCharged:
    return ObligationCharged(
        event_id=f"e{number}",
        occurred_at=0,
        obligation_id=f"O{number}",
        lease_id="L",
        tenant_id="T",
        property_id="P",
        period="2026-06",
        amount_minor=900,
        currency="USD",
        due_date=20_605,
        time_zone="UTC",
        grace_days=5,
        installments=(),
    )


class Asked:
    """An observer over a driver; `hidden` records lie behind an open transaction, `away` is a broker that is silent."""

    def __init__(self) -> None:
        self.driver = Driver(partitions=1)
        self.hidden = 0
        self.away = False
        self.lag_monitor = LagMonitor(self.driver.worker.engine, self._answer)

    def _answer(self, read: list[TopicPartition], _: object) -> LagSnapshot:
        if self.away:
            raise TimeoutError("no answer")
        ends = {source: self.driver.world.broker.end(source) for source in read}
        return LagSnapshot(ends, ends | {LEDGER: ends[LEDGER] - self.hidden}, {topics.LEDGER_EVENTS: 7})

    def observe(self) -> None:
        asyncio.run(self.lag_monitor.poll())


def test_lag_falls_as_records_are_processed_and_idleness_begins_when_none_is_left() -> None:
    asked = Asked()
    asked.driver.pipe(*map(charge, range(5)))
    asked.observe()
    assert (asked.lag_monitor.lag()[topics.LEDGER_EVENTS], asked.lag_monitor.unread()) == (5, 5)
    began = asked.lag_monitor.idle_at
    asked.driver.worker.read(LEDGER, 3)
    assert asked.lag_monitor.lag()[topics.LEDGER_EVENTS] == 2
    asked.observe()
    assert asked.lag_monitor.idle_at == began
    asked.driver.worker.read(LEDGER, 3)
    assert asked.lag_monitor.unread() == 0
    asked.observe()
    assert asked.lag_monitor.idle_at > began


def test_unreadable_offsets_count_as_lag_but_not_as_work() -> None:
    asked = Asked()
    asked.driver.pipe(*map(charge, range(5)))
    asked.hidden = 5
    asked.observe()
    assert (asked.lag_monitor.lag()[topics.LEDGER_EVENTS], asked.lag_monitor.unread()) == (5, 0)


def test_an_outdated_answer_is_ignored(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    asked = Asked()
    assert asked.lag_monitor.silent_s() is None
    asked.driver.pipe(*map(charge, range(5)))
    asked.observe()
    asked.away = True
    asked.observe()
    assert "no answer" in caplog.text
    assert asked.lag_monitor.unread() == 5
    now = time.monotonic() + lag.FRESH_S + 1
    monkeypatch.setattr(lag.time, "monotonic", lambda: now)
    assert asked.lag_monitor.unread() == 0
    silent_s = asked.lag_monitor.silent_s()
    assert silent_s is not None
    assert silent_s > lag.FRESH_S

"""The committed state of a key: read from the store of its owner, as of the watermark of its table."""

import asyncio

import pytest

from domain.facts import ProcessorSettled, ReferenceAssigned
from domain.records import PaymentReconciliation, ReferenceReconciliation
from domain.time import DAY, HOUR, NOT_CAUGHT_UP
from streams import topics
from streams.transport.batch import TopicPartition
from tables.committed import CommittedReader, KeySnapshot, NotOwned
from tests.kit.driver import Driver

JUNE_1 = 20_605 * DAY


def settled() -> ProcessorSettled:
    return ProcessorSettled(
        event_id="S",
        occurred_at=JUNE_1,
        payment_id=None,
        processor="acme",
        processor_reference="ch/1",
        outcome="SETTLED",
        gross_minor=150_000,
        fee_minor=None,
        net_minor=None,
        currency="USD",
        reason_code=None,
        payout_id=None,
        value_date=None,
    )


def reader_of(driver: Driver) -> CommittedReader:
    worker = driver.worker
    return CommittedReader(worker.store, worker.engine, driver.world.broker.partitions, driver.world.settings.policy)


def read(reader: CommittedReader, kind: str, key: str) -> KeySnapshot | None:
    return asyncio.run(reader.read(kind, key, lambda snapshot: snapshot))


def test_a_reference_and_the_payment_that_holds_it() -> None:
    driver = Driver(now=JUNE_1 + HOUR)
    driver.pipe(settled(), ReferenceAssigned("A", JUNE_1, "p1", "acme", "ch/1"))
    driver.run()
    reader = reader_of(driver)
    reference, payment = read(reader, "reference", "acme/ch/1"), read(reader, "payment", "p1")
    assert reference is not None
    assert payment is not None
    assert (reference.facts, payment.facts) == (2, 1)
    assert reference.watermark == payment.watermark == JUNE_1 + HOUR
    found = reference.reconciliation()
    assert isinstance(found, ReferenceReconciliation)
    assert (found.payment_id, found.version > 0) == ("p1", True)
    record = payment.reconciliation()
    assert isinstance(record, PaymentReconciliation)
    assert record.settled.standing_minor == 150_000
    assert read(reader, "reference", "acme/other") is None
    reader.close()


def test_a_payment_is_as_of_the_earlier_watermark_of_its_two_topics() -> None:
    driver = Driver(partitions=1, now=JUNE_1 + HOUR)
    driver.pipe(settled(), ReferenceAssigned("A", JUNE_1, "p1", "acme", "ch/1"))
    worker = driver.worker
    for _ in range(20):
        worker.read_watermarks()
        worker.ask()
        for source in list(worker.engine.expected):
            worker.read(source, 10)
        worker.commit()
        if worker.engine.watermarks.stored(TopicPartition(topics.PAYMENT_FACTS, 0)) > NOT_CAUGHT_UP:
            break
    reader = reader_of(driver)
    snapshot = read(reader, "payment", "p1")
    assert snapshot is not None
    assert snapshot.watermark == NOT_CAUGHT_UP
    assert reader.source_of("payment", "p1").topic is topics.PAYMENT_FACTS
    reader.close()


def test_a_key_of_another_worker_is_not_read() -> None:
    driver = Driver(now=JUNE_1)
    reader = reader_of(driver)
    assert reader.owns("payment", "p1")
    driver.worker.engine.revoked()
    assert not reader.owns("payment", "p1")
    with pytest.raises(NotOwned):
        read(reader, "payment", "p1")
    reader.close()

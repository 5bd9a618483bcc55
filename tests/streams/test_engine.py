"""Batches count once and in order; time passes only behind everything that came before it."""

import pytest

from domain.facts import ObligationAdjusted, ObligationCharged, PaymentInitiated, PaymentPosted, ProcessorSettled
from domain.obligations.view import ObligationState
from domain.payments.view import PaymentState
from domain.tally import STATUS, Tally
from domain.time import DAY, HOUR, NOT_CAUGHT_UP
from streams import topics
from streams.transport import watermarks
from streams.transport.batch import Batch, TopicPartition
from streams.transport.engine import Verdict
from tests.kit.driver import Crash, Driver, Worker, World, all_sources

JUNE_1 = 20_605 * DAY
LEDGER = TopicPartition(topics.LEDGER_EVENTS, 0)


def charge(number=1, due=20_605):
    return ObligationCharged(
        event_id=f"E{number}",
        occurred_at=JUNE_1 - DAY,
        obligation_id=f"O{number}",
        lease_id="L",
        tenant_id="T",
        property_id="P",
        period="2026-06",
        amount_minor=1_000,
        currency="USD",
        due_date=due,
        time_zone="UTC",
        grace_days=5,
        installments=(),
    )


def worker_of(world):
    world.broker.generation += 1
    worker = Worker(world)
    worker.assign(all_sources(world), world.broker.generation)
    return worker


def test_a_stale_batch_is_dropped_and_a_gap_is_reported():
    world = World(partitions=1)
    worker = worker_of(world)
    for number in range(5):
        world.pipe(charge(number))
    engine = worker.engine
    read = world.broker.read
    assert engine.process(read(LEDGER, engine.epoch, 2, 2)) is Verdict.GAP
    assert engine.process(read(LEDGER, engine.epoch, 0, 2)) is Verdict.PROCESSED
    assert engine.process(read(LEDGER, engine.epoch, 0, 2)) is Verdict.STALE
    assert engine.process(read(LEDGER, engine.epoch - 1, 2, 2)) is Verdict.STALE
    assert engine.process(read(LEDGER, engine.epoch, 1, 4)) is Verdict.PROCESSED
    assert engine.expected[LEDGER] == 5
    worker.run_until_idle()
    assert len(world.last(topics.OBLIGATION_RECONCILIATIONS)) == 5
    assert len(world.emitted(topics.OBLIGATION_RECONCILIATIONS)) == 5


def test_after_a_revoking_rebalance_no_batch_is_processed():
    world = World(partitions=1)
    worker = worker_of(world)
    world.pipe(charge())
    batch = world.broker.read(LEDGER, worker.engine.epoch, 0, 10)
    worker.engine.revoked()
    assert worker.engine.process(batch) is Verdict.STALE
    assert worker.engine.buffered() == 0


def test_a_revoking_rebalance_drops_facts_and_dead_letters_that_wait_for_the_commit():
    world = World(partitions=1)
    worker = worker_of(world)
    engine = worker.engine
    engine.assigned(7, {LEDGER: 0}, {})  # the obligations are another worker's
    world.pipe(charge())
    world.pipe(b"not a record", topics.LEDGER_EVENTS, 0)
    batch = world.broker.read(LEDGER, 7, 0, 10)
    engine.process(batch)
    assert engine.buffered() == 2
    engine.revoked()
    assert engine.buffered() == 0
    engine.assigned(8, {LEDGER: 0}, {})
    engine.process(Batch(LEDGER, 8, 0, 2, []))
    assert engine.prepare_commit() is None


def test_a_commit_of_before_a_rebalance_does_not_end_the_one_in_flight():
    world = World(partitions=1)
    worker = worker_of(world)
    engine = worker.engine
    positions = dict(engine.expected)
    world.pipe(charge())
    engine.process(world.broker.read(LEDGER, engine.epoch, 0, 10))
    before = engine.prepare_commit()
    engine.revoked()
    engine.assigned(7, positions, {})
    engine.process(world.broker.read(LEDGER, 7, 0, 10))
    commit = engine.prepare_commit()
    engine.committed(before)
    assert engine.in_flight is commit
    assert [table.tallies.committed[0] for table in worker.tables.values()] == [Tally()] * len(worker.tables)
    assert commit.offsets == {LEDGER: 1}
    engine.committed(commit)
    assert engine.in_flight is None
    assert sum(number for _, (number,) in worker.tables[ObligationState].tallies.committed[0].of_kind(STATUS)) == 1


def test_every_commit_carries_offsets_even_if_only_deadlines_fired():
    driver = Driver(partitions=1, now=JUNE_1)
    driver.pipe(charge())
    driver.run()
    driver.world.now = JUNE_1 + 2 * DAY
    commits = 0
    while True:
        driver.worker.read_watermarks()
        driver.worker.ask()
        commit = driver.worker.engine.prepare_commit()
        if commit is None:
            break
        assert commit.offsets
        commits += 1
        driver.world.broker.transact(driver.worker.generation, commit)
        driver.worker.write(commit)
        driver.worker.engine.committed(commit)
    assert commits >= 3
    assert [alert.stage for alert in driver.emitted(topics.LATE_PAYMENT_ALERTS)] == ["past_due"]


def test_no_deadline_fires_while_the_watermark_of_an_input_partition_is_behind():
    world = World(partitions=2, now=JUNE_1 + 10 * DAY)
    worker = worker_of(world)
    world.pipe(charge())
    stalled = TopicPartition(topics.PROCESSOR_SETTLED, 1)
    world.broker.publish(topics.PROCESSOR_SETTLED, b"k", b"what is in here is not known yet", 1)

    def turn():
        worker.read_watermarks()
        worker.ask()
        for source in list(worker.engine.expected):
            if source != stalled:
                worker.read(source, 100)
        worker.commit()

    for _ in range(20):
        turn()
    assert worker.engine.watermarks.min_watermark() is None
    assert len(world.emitted(topics.OBLIGATION_RECONCILIATIONS)) == 1
    assert not world.emitted(topics.LATE_PAYMENT_ALERTS)
    worker.run_until_idle()
    assert [alert.stage for alert in world.emitted(topics.LATE_PAYMENT_ALERTS)] == ["fee_eligible"]


def test_the_watermark_survives_a_crash_but_not_a_reset_of_the_group():
    driver = Driver(partitions=1, now=JUNE_1 + 10 * DAY)
    driver.pipe(charge())
    driver.run()
    assert driver.worker.engine.watermarks.min_watermark() == JUNE_1 + 10 * DAY
    driver.crash(Crash.BEFORE_TRANSACTION)
    assert driver.worker.engine.watermarks.of(topics.OBLIGATION_FACTS) == {0: JUNE_1 + 10 * DAY}

    driver.world.broker.offsets.clear()
    driver.crash(Crash.BEFORE_TRANSACTION)
    assert driver.worker.engine.watermarks.of(topics.OBLIGATION_FACTS) == {0: NOT_CAUGHT_UP}


def test_a_week_old_backlog_of_paid_rent_opens_no_break():
    driver = Driver(partitions=3, now=JUNE_1 + 7 * DAY)
    for number in range(30):
        due = JUNE_1 - 5 * HOUR
        driver.pipe(
            charge(number),
            PaymentInitiated(
                event_id=f"I{number}",
                occurred_at=due,
                payment_id=f"P{number}",
                tenant_id="T",
                property_id="P",
                obligation_id=f"O{number}",
                installment_id=None,
                amount_minor=1_000,
                currency="USD",
                method="CARD",
                processor="x",
                processor_reference=None,
            ),
            ProcessorSettled(
                event_id=f"S{number}",
                occurred_at=due + HOUR,
                payment_id=f"P{number}",
                processor="x",
                processor_reference=f"R{number}",
                outcome="SETTLED",
                gross_minor=1_000,
                fee_minor=10,
                net_minor=990,
                currency="USD",
                reason_code=None,
                payout_id=None,
                value_date=None,
            ),
            PaymentPosted(
                event_id=f"T{number}",
                occurred_at=due + 2 * HOUR,
                obligation_id=f"O{number}",
                posting_id=f"B{number}",
                payment_id=f"P{number}",
                installment_id=None,
                amount_minor=1_000,
                currency="USD",
            ),
        )
    # In the worst order: what is owed first, everything else last, a little at a time.
    for _ in range(4):
        driver.worker.ask()
        driver.worker.read_watermarks()
        driver.worker.read(LEDGER, 7)
        driver.worker.commit()
        driver.crash(Crash.BEFORE_STORE)
    driver.run(most=3)
    assert not driver.emitted(topics.LATE_PAYMENT_ALERTS)
    assert not driver.emitted(topics.MISMATCH_ALERTS)
    states = driver.last(topics.OBLIGATION_RECONCILIATIONS)
    assert {record.status for record in states.values()} == {"paid"}
    assert {record.status for record in driver.last(topics.PAYMENT_RECONCILIATIONS).values()} == {"reconciled"}


def test_a_clock_jump_fires_deadlines_in_commits_of_bounded_size(monkeypatch):
    monkeypatch.setattr("tables.keyed.DEADLINES_MAX", 7)
    driver = Driver(partitions=1, now=JUNE_1)
    driver.pipe(*(charge(number) for number in range(60)))
    driver.run()
    driver.world.now = JUNE_1 + 10 * DAY
    sizes = []
    while driver.worker.engine.watermarks.min_watermark() != JUNE_1 + 10 * DAY:
        driver.worker.read_watermarks()
        driver.worker.ask()
        before = len(driver.emitted(topics.LATE_PAYMENT_ALERTS))
        for source in list(driver.worker.engine.expected):
            driver.worker.read(source, 100)
        driver.worker.commit()
        sizes.append(len(driver.emitted(topics.LATE_PAYMENT_ALERTS)) - before)
    assert sum(sizes) == 60
    assert max(sizes) == 7


def test_keys_that_learn_nothing_new_are_steps_too():
    """A backlog may be nothing but redelivery, and the event loop has to have its turns then, too."""
    driver = Driver(partitions=1, now=JUNE_1)
    charges = [charge(number) for number in range(60)]
    driver.pipe(*charges)
    driver.run()
    driver.pipe(*charges)
    engine = driver.worker.engine
    for source in list(engine.expected):
        driver.worker.read(source, 100)
    assert engine.buffered() == 60
    assert sum(1 for _ in engine.settle()) >= 60
    assert engine.in_flight is not None
    assert not engine.in_flight.keys


def test_a_late_alert_survives_a_crash_during_a_clock_jump(monkeypatch):
    monkeypatch.setattr("tables.keyed.DEADLINES_MAX", 7)
    driver = Driver(partitions=1, now=JUNE_1)
    driver.pipe(*(charge(number) for number in range(20)))
    driver.run()
    driver.world.now = JUNE_1 + 10 * DAY
    while not driver.emitted(topics.LATE_PAYMENT_ALERTS):
        driver.worker.read_watermarks()
        driver.worker.ask()
        driver.worker.commit()
    told = {alert.obligation_id for alert in driver.emitted(topics.LATE_PAYMENT_ALERTS)}
    assert len(told) == 7
    driver.crash(Crash.BEFORE_TRANSACTION)
    # The recovered worker is touched by facts before it has caught up again.
    for number in range(20):
        driver.pipe(
            ObligationAdjusted(
                event_id=f"A{number}",
                occurred_at=JUNE_1,
                obligation_id=f"O{number}",
                adjustment_id="A",
                amount_delta_minor=-100,
                currency="USD",
                reason="credit",
            )
        )
    for source in list(driver.worker.engine.expected):
        driver.worker.read(source, 100)
    driver.worker.commit()
    driver.run()
    assert not [alert for alert in driver.emitted(topics.LATE_PAYMENT_ALERTS) if alert.lifecycle == "cured"]
    assert {alert.obligation_id for alert in driver.last(topics.LATE_PAYMENT_ALERTS).values()} == {
        f"O{number}" for number in range(20)
    }


def paid(number=1, payment_id="P1"):
    return ProcessorSettled(
        event_id=f"S{number}",
        occurred_at=JUNE_1,
        payment_id=payment_id,
        processor="x",
        processor_reference=f"R{number}",
        outcome="SETTLED",
        gross_minor=1_000,
        fee_minor=10,
        net_minor=990,
        currency="USD",
        reason_code=None,
        payout_id=None,
        value_date=None,
    )


FACTS = TopicPartition(topics.PAYMENT_FACTS, 0)
RESOLUTIONS = TopicPartition(topics.PAYMENT_RESOLUTIONS, 0)


@pytest.mark.parametrize("missing", [FACTS, RESOLUTIONS])
def test_a_partition_of_a_table_is_not_processed_before_it_is_there_in_all_its_topics(missing):
    """As in a group of two versions, where the assignor gives the topics that only one knows to that one."""
    world = World(partitions=2, now=JUNE_1 + 10 * DAY)
    first, second = Worker(world), Worker(world)
    sources = all_sources(world)
    first.assign([source for source in sources if source != missing], world.broker.generation)
    second.assign([missing], world.broker.generation)
    other = RESOLUTIONS if missing == FACTS else FACTS
    assert other not in first.engine.expected
    assert TopicPartition(topics.PAYMENT_FACTS, 1) in first.engine.expected
    assert second.engine.expected == {}
    for number in range(20):
        world.pipe(paid(number, f"P{number}"))
    for _ in range(5):
        first.run_until_idle()
        second.run_until_idle()
    done = set(world.last(topics.PAYMENT_RECONCILIATIONS))
    assert 0 < len(done) < 20
    payments = first.tables[PaymentState]
    assert (payments.owns(0), payments.owns(1)) == (False, True)
    assert first.engine.watermarks.min_watermark() is None, "nothing is late while a partition waits"
    for worker in (first, second):
        worker.engine.revoked()
    first.assign(sources, world.broker.generation)
    first.run_until_idle()
    assert set(world.last(topics.PAYMENT_RECONCILIATIONS)) == {f"P{number}" for number in range(20)}
    assert len(world.emitted(topics.PAYMENT_RECONCILIATIONS)) >= 20
    assert first.engine.watermarks.min_watermark() == JUNE_1 + 10 * DAY


def test_deadlines_of_a_table_wait_for_its_late_input_too():
    """A settlement record without a payment id is on its way to the payment that would otherwise be a break."""
    world = World(partitions=1, now=JUNE_1 + 30 * DAY)
    worker = worker_of(world)
    world.pipe(
        PaymentInitiated(
            event_id="I",
            occurred_at=JUNE_1,
            payment_id="P1",
            tenant_id="T",
            property_id="P",
            obligation_id="O1",
            installment_id=None,
            amount_minor=1_000,
            currency="USD",
            method="CARD",
            processor="x",
            processor_reference="R1",
        )
    )
    world.pipe(paid(1, None))

    def turn():
        worker.read_watermarks()
        worker.ask()
        for source in list(worker.engine.expected):
            if source != RESOLUTIONS:
                worker.read(source, 100)
        worker.commit()

    for _ in range(20):
        turn()
    of = worker.engine.watermarks.of
    assert of(topics.PAYMENT_FACTS) == of(topics.REFERENCE_FACTS) == {0: JUNE_1 + 30 * DAY}
    assert of(topics.PAYMENT_FACTS, topics.PAYMENT_RESOLUTIONS) == {0: NOT_CAUGHT_UP}
    assert not world.emitted(topics.MISMATCH_ALERTS)
    worker.run_until_idle()
    assert of(topics.PAYMENT_FACTS, topics.PAYMENT_RESOLUTIONS) == {0: JUNE_1 + 30 * DAY}
    classes = [alert.break_class for alert in world.emitted(topics.MISMATCH_ALERTS)]
    assert "settlement_missing" not in classes
    assert worker.engine.watermarks.min_watermark() == JUNE_1 + 30 * DAY


def test_many_deadlines_at_once_hold_back_what_waits_for_the_table(monkeypatch):
    monkeypatch.setattr("tables.keyed.DEADLINES_MAX", 3)
    driver = Driver(partitions=1, now=JUNE_1)
    driver.pipe(*(paid(number, f"P{number}") for number in range(20)))
    driver.advance(JUNE_1 + HOUR)
    found = driver.emitted(topics.MISMATCH_ALERTS)
    assert [alert.break_class for alert in found] == ["unkeyed_movement"] * 20
    assert driver.worker.engine.watermarks.min_watermark() == JUNE_1 + HOUR


def test_a_late_input_that_is_new_to_a_pipeline_with_data_sets_no_view_back():
    """The first start of a version that knows the topic: what its predecessor has published is not retracted."""
    driver = Driver(partitions=1, now=JUNE_1)
    driver.pipe(paid())
    driver.advance(JUNE_1 + DAY)
    assert [alert.lifecycle for alert in driver.emitted(topics.MISMATCH_ALERTS)] == ["opened"]
    new = {watermarks.key_of(source) for source in (RESOLUTIONS, TopicPartition(topics.REFERENCE_FACTS, 0))}
    marks = driver.world.broker.logs[topics.PROGRESS, 0]
    marks[:] = [record if record is None or record.key not in new else None for record in marks]
    driver.crash(Crash.BEFORE_TRANSACTION)
    of = driver.worker.engine.watermarks.of
    assert of(topics.PAYMENT_FACTS, topics.PAYMENT_RESOLUTIONS) == of(topics.PAYMENT_FACTS) == {0: JUNE_1 + DAY}
    assert of(topics.REFERENCE_FACTS) == {0: NOT_CAUGHT_UP}
    driver.pipe(paid(2))
    driver.run()
    assert [alert.lifecycle for alert in driver.emitted(topics.MISMATCH_ALERTS)] == ["opened", "updated"]
    driver.advance(JUNE_1 + 2 * DAY)
    assert driver.worker.engine.watermarks.min_watermark() == JUNE_1 + 2 * DAY


def test_new_input_partitions_hold_the_watermark_back_until_they_are_read():
    world = World(partitions=1, now=JUNE_1 + 10 * DAY)
    worker = worker_of(world)
    more = world.broker.partitions | {topics.PROCESSOR_SETTLED: 2}
    worker.engine.watermarks.repartitioned(more)
    world.pipe(charge())
    worker.run_until_idle()
    assert worker.engine.watermarks.min_watermark() is None
    assert not world.emitted(topics.LATE_PAYMENT_ALERTS)


def test_an_internal_topic_must_keep_its_partitions():
    driver = Driver(partitions=2, now=JUNE_1)
    driver.pipe(charge())
    driver.run()
    driver.worker.engine.watermarks.repartitioned(driver.world.broker.partitions | {topics.PAYMENT_FACTS: 3})
    driver.worker._heard = 0
    with pytest.raises(watermarks.Repartitioned, match="payment-facts had 2 partitions and now has 3"):
        driver.worker.read_watermarks()


def test_a_deadline_of_a_key_that_came_after_a_search_without_any_fires():
    driver = Driver(partitions=1, now=JUNE_1 - DAY)
    driver.run()
    driver.pipe(charge())
    driver.run()
    driver.advance(JUNE_1 + 30 * DAY)
    assert len(driver.emitted(topics.LATE_PAYMENT_ALERTS)) == 1


def test_a_batch_that_begins_before_the_position_keeps_the_headers_of_the_rest():
    world = World(partitions=1)
    worker = worker_of(world)
    engine = worker.engine
    for number in range(3):
        world.pipe(b"not a record", topics.LEDGER_EVENTS, 0, [("number", b"%d" % number)])
    engine.process(world.broker.read(LEDGER, engine.epoch, 0, 1))
    engine.process(world.broker.read(LEDGER, engine.epoch, 0, 3))
    commit = engine.prepare_commit()
    assert [headers[0] for _, _, headers in commit.dead_letters] == [("number", b"%d" % number) for number in range(3)]

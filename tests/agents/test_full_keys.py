"""A key that holds all it can keep takes no more facts: they become dead letters, and the worker goes on."""

from agents import keyed_agent
from domain.facts import Installment, ObligationAdjusted, ObligationCharged, PlanChanged
from streams import topics
from streams.codec.dead_letters import DeadLetter, DeadLetterClass
from streams.transport.batch import TopicPartition
from tests.kit.driver import Driver

LONG = 480


def plan(version):
    return tuple(Installment(f"{version}-{number}-".ljust(LONG, "x"), number, 1_000, 20_000) for number in range(5_000))


def charged(obligation_id="O1", installments=()):
    return ObligationCharged(
        event_id="E0",
        occurred_at=10**15,
        obligation_id=obligation_id,
        lease_id="L",
        tenant_id="T",
        property_id="P",
        period="2026-06",
        amount_minor=5_000_000,
        currency="USD",
        due_date=20_000,
        time_zone="America/New_York",
        grace_days=5,
        installments=installments,
    )


def test_a_full_key_refuses_and_others_go_on():
    driver = Driver(now=2 * 10**15)
    plans = [PlanChanged(f"E{version}", 10**15 + version, "O1", version, plan(version)) for version in (1, 2, 3, 4)]
    driver.pipe(charged(installments=plan(0)), *plans)
    driver.run()
    late = ObligationAdjusted(
        event_id="EA",
        occurred_at=10**15,
        obligation_id="O1",
        adjustment_id="A1",
        amount_delta_minor=-500,
        currency="USD",
        reason="credit",
    )
    driver.pipe(
        late,
        charged("O2"),
        ObligationAdjusted(
            event_id="EB",
            occurred_at=10**15,
            obligation_id="O2",
            adjustment_id="A1",
            amount_delta_minor=-500,
            currency="USD",
            reason="credit",
        ),
    )
    driver.run()

    letters = list(driver.world.broker.records(topics.DEAD_LETTER))
    assert letters
    for letter in letters:
        told = DeadLetter.parse(letter.headers)
        assert told.error_class is DeadLetterClass.KEY_FULL
        assert told.source_topic == "ledger-events"
        sent = [charged(installments=plan(0)), *plans, late]
        assert driver.world.codec.decode_input(topics.LEDGER_EVENTS, letter.value) in sent
    obligations = driver.last(topics.OBLIGATION_RECONCILIATIONS)
    assert obligations["O2"].balance_minor == 4_999_500
    assert obligations["O1"].charged_minor == 5_000_000
    assert all(
        len(record.value or b"") < 16 << 20 for topic in topics.ALL for record in driver.world.broker.records(topic)
    )


def test_a_dead_letter_of_a_revoked_transaction_is_written_once(monkeypatch):
    monkeypatch.setattr(keyed_agent, "KEY_BYTES_MAX", LONG)
    driver = Driver(partitions=1, now=2 * 10**15)
    driver.pipe(charged(installments=plan(0)[:1]))
    engine = driver.worker.engine
    epoch, positions = engine.epoch, dict(engine.expected)
    engine.process(driver.world.broker.read(TopicPartition(topics.LEDGER_EVENTS, 0), epoch, 0, 10))
    engine.revoked()
    engine.assigned(epoch, positions, {})
    driver.run()
    assert len(list(driver.world.broker.records(topics.DEAD_LETTER))) == 1


def test_ten_thousand_installments_fit_and_are_paid():
    installments = tuple(Installment(f"I{number}", number, 100, 20_000 + number // 100) for number in range(10_000))
    driver = Driver(now=10**15)
    driver.pipe(
        ObligationCharged(
            event_id="E0",
            occurred_at=10**15,
            obligation_id="O1",
            lease_id="L",
            tenant_id="T",
            property_id="P",
            period="2026-06",
            amount_minor=1_000_000,
            currency="USD",
            due_date=20_000,
            time_zone="UTC",
            grace_days=5,
            installments=installments,
        )
    )
    driver.run()
    record = driver.last(topics.OBLIGATION_RECONCILIATIONS)["O1"]
    assert len(record.installments) == 10_000
    assert not list(driver.world.broker.records(topics.DEAD_LETTER))

"""Settlement records without a payment id: held, found, handed over once, and taken back (contract section 10)."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from agents import keyed_agent
from domain.facts import (
    BreakDecided,
    InputFact,
    PaymentInitiated,
    ProcessorSettled,
    ReferenceAssigned,
    ReferenceResolution,
)
from domain.ids import break_id
from domain.records import (
    MismatchAlert,
    Output,
    PaymentReconciliation,
    ReferenceReconciliation,
    ReferenceStatus,
)
from domain.references.view import ReferenceState
from domain.time import DAY, HOUR, Micros
from streams import topics
from streams.codec import bundles
from streams.codec.dead_letters import DeadLetter, DeadLetterClass
from tests.kit.driver import Crash, Driver, Worker, World, units

NOON = 20_605 * DAY + 16 * HOUR
KEY = "acme/ch_1"


def initiated(
    payment_id: str = "p1", at: Micros = NOON - DAY, reference: str | None = "ch_1", event_id: str | None = None
) -> PaymentInitiated:
    return PaymentInitiated(
        event_id=event_id or f"I-{payment_id}",
        occurred_at=at,
        payment_id=payment_id,
        tenant_id="t1",
        property_id="h1",
        obligation_id="o1",
        installment_id=None,
        amount_minor=150_000,
        currency="USD",
        method="CARD",
        processor="acme",
        processor_reference=reference,
    )


def settled(
    payment_id: str | None = None,
    event_id: str = "S",
    at: Micros = NOON,
    outcome: str = "SETTLED",
    gross: int = 150_000,
) -> ProcessorSettled:
    return ProcessorSettled(
        event_id=event_id,
        occurred_at=at,
        payment_id=payment_id,
        processor="acme",
        processor_reference="ch_1",
        outcome=outcome,  # type: ignore[arg-type]
        gross_minor=gross,
        fee_minor=None,
        net_minor=None,
        currency="USD",
        reason_code=None,
        payout_id=None,
        value_date=None,
    )


def assigned(payment_id: str = "p1", at: Micros = NOON + HOUR, event_id: str = "A") -> ReferenceAssigned:
    return ReferenceAssigned(event_id, at, payment_id, "acme", "ch_1", "kim", "seen in the portal")


def decided(action: str, decision_id: str, actor: str, subject: str, **more: object) -> BreakDecided:
    return BreakDecided(
        event_id=f"E-{decision_id}",
        occurred_at=NOON + 2 * HOUR,
        decision_id=decision_id,
        key_kind="reference",
        key=KEY,
        break_id=break_id("reference", KEY, (subject,)),
        action=action,  # type: ignore[arg-type]
        actor=actor,
        reason="checked",
        **more,  # type: ignore[arg-type]
    )


def standing(driver: Driver | World) -> dict[str, int]:
    """What stands of each payment."""
    found = {}
    for key, record in driver.last(topics.PAYMENT_RECONCILIATIONS).items():
        assert isinstance(record, PaymentReconciliation)
        found[key] = record.settled.standing_minor
    return found


def reference(driver: Driver | World) -> ReferenceReconciliation:
    record = driver.last(topics.REFERENCE_RECONCILIATIONS)[KEY]
    assert isinstance(record, ReferenceReconciliation)
    return record


def handed_over(world: World) -> list[tuple[str, int]]:
    """Each resolution on its topic: the payment, and how many records it has by it."""
    unpack: Callable[[bytes], list[ReferenceResolution]] = bundles.decoder_of(topics.PAYMENT_RESOLUTIONS)
    return [
        (fact.payment_id, len(fact.records))
        for record in world.broker.records(topics.PAYMENT_RESOLUTIONS)
        for fact in unpack(record.value or b"")
    ]


def alerts(driver: Driver, of_class: str) -> list[MismatchAlert]:
    found: list[Output] = driver.emitted(topics.MISMATCH_ALERTS)
    return [one for one in found if isinstance(one, MismatchAlert) and one.break_class == of_class]


def test_a_record_without_a_payment_is_held_and_reported_after_the_grace() -> None:
    driver = Driver(now=NOON)
    driver.pipe(settled())
    driver.run()
    assert (reference(driver).status, reference(driver).payment_id) == (ReferenceStatus.SUSPENSE, None)
    assert alerts(driver, "reference_unknown") == []
    driver.advance(NOON + HOUR)
    (alert,) = alerts(driver, "reference_unknown")
    assert (alert.key_kind, alert.key, alert.drift_minor, alert.currency) == ("reference", KEY, 150_000, "USD")
    assert standing(driver) == {}
    assert handed_over(driver.world) == []


@pytest.mark.parametrize(
    "claim",
    [
        pytest.param([initiated()], id="by initiation"),
        pytest.param([initiated(reference=None), assigned()], id="by assignment"),
        pytest.param(
            [initiated(reference=None), settled("p1", "S0", NOON - HOUR, "FAILED", 0)], id="by a settlement record"
        ),
    ],
)
def test_it_is_handed_over_once_to_the_payment_that_claims_it(claim: list[InputFact]) -> None:
    driver = Driver(now=NOON)
    driver.pipe(settled())
    driver.advance(NOON + HOUR)
    driver.pipe(*claim)
    driver.run()
    assert (reference(driver).status, reference(driver).payment_id) == (ReferenceStatus.HELD, "p1")
    assert standing(driver) == {"p1": 150_000}
    assert [alert.lifecycle for alert in alerts(driver, "reference_unknown")] == ["opened", "resolved"]
    driver.pipe(*claim, settled())
    driver.run()
    driver.crash(Crash.BEFORE_TRANSACTION, lose_disk=True)
    driver.advance(NOON + 10 * DAY)
    assert handed_over(driver.world) == [("p1", 1)]
    assert standing(driver) == {"p1": 150_000}


def test_an_earlier_claim_takes_it_back_and_a_person_decides_otherwise() -> None:
    driver = Driver(now=NOON)
    driver.pipe(settled(), initiated("p2", NOON - DAY))
    driver.run()
    assert standing(driver) == {"p2": 150_000}
    driver.pipe(initiated("p1", NOON - 2 * DAY))
    driver.run()
    assert standing(driver) == {"p1": 150_000, "p2": 0}
    assert reference(driver).payment_id == "p1"
    assert reference(driver).status is ReferenceStatus.CLAIMED_TWICE, "two payments claim it, and nobody has decided"
    driver.pipe(assigned("p2"))
    driver.run()
    assert standing(driver) == {"p1": 0, "p2": 150_000}
    assert reference(driver).status is ReferenceStatus.HELD
    sent = handed_over(driver.world)
    assert [one for one in sent if one[0] == "p1"] == [("p1", 1), ("p1", 0)]
    assert [one for one in sent if one[0] == "p2"] == [("p2", 1), ("p2", 0), ("p2", 1)]


def test_an_initiation_that_turns_out_to_name_another_reference_withdraws_its_claim() -> None:
    driver = Driver(now=NOON)
    driver.pipe(settled(), initiated("p1", NOON - DAY, event_id="I-late"))
    driver.run()
    assert standing(driver) == {"p1": 150_000}
    driver.pipe(initiated("p1", NOON - 2 * DAY, "ch_2", event_id="I-early"))
    driver.run()
    assert reference(driver).payment_id is None
    assert standing(driver) == {"p1": 0}


def test_a_record_told_with_and_without_a_payment_counts_once() -> None:
    driver = Driver(now=NOON)
    driver.pipe(settled(), initiated(reference=None), settled("p1", "S-again", NOON + HOUR))
    driver.run()
    assert standing(driver) == {"p1": 150_000}
    assert (reference(driver).payment_id, reference(driver).records) == ("p1", 1)


def test_a_settlement_told_for_two_payments_is_reported_at_once() -> None:
    driver = Driver(now=NOON)
    driver.pipe(initiated("p1", reference=None), settled("p1", "S1"))
    driver.run()
    assert driver.last(topics.REFERENCE_RECONCILIATIONS) == {}
    driver.pipe(initiated("p2", reference=None), settled("p2", "S2"))
    driver.run()
    (alert,) = alerts(driver, "reference_claimed_twice")
    assert (alert.priority, alert.event_ids) == (1, ("S1", "S2"))
    assert reference(driver).status is ReferenceStatus.CLAIMED_TWICE
    assert handed_over(driver.world) == []


@pytest.mark.parametrize("where", Crash)
@pytest.mark.parametrize("lose_disk", [False, True])
@pytest.mark.parametrize("commits_before", range(4))
def test_a_crash_between_the_hand_over_and_the_payment(where: Crash, lose_disk: bool, commits_before: int) -> None:
    """The worker dies in each commit on the way of the record: to the reference, to its holder, to the obligation."""
    driver = Driver(now=NOON)
    driver.pipe(settled(), initiated("p2", NOON - DAY), initiated("p1", NOON - 2 * DAY))

    def read() -> None:
        driver.worker.read_watermarks()
        driver.worker.ask()
        for source in list(driver.worker.engine.expected):
            driver.worker.read(source, 10)

    for _ in range(commits_before):
        read()
        driver.worker.commit()
    read()
    driver.crash(where, lose_disk=lose_disk)
    driver.run()
    driver.advance(NOON + HOUR)
    assert {key: value for key, value in standing(driver).items() if value} == {"p1": 150_000}
    assert reference(driver).payment_id == "p1"
    assert handed_over(driver.world) == [("p1", 1)]


def test_keys_of_several_workers() -> None:
    """Every fact and every answer travels to another worker, in whatever order their commits come."""
    world = World(partitions=4, now=NOON)
    shares = units(world)
    workers = [Worker(world) for _ in range(3)]
    for number, worker in enumerate(workers):
        worker.assign([source for share in shares[number::3] for source in share], world.broker.generation)
    for number in range(40):
        payment_id, name = f"p{number}", f"ch_{number}"
        world.pipe(initiated(payment_id, reference=name))
        world.pipe(replace(settled(event_id=f"S{number}"), processor_reference=name))
    for _ in range(10):
        for worker in workers:
            worker.run_until_idle()
    assert standing(world) == {f"p{number}": 150_000 for number in range(40)}
    assert sorted(handed_over(world)) == sorted((f"p{number}", 1) for number in range(40))


def test_an_accepted_break_is_not_open() -> None:
    driver = Driver(now=NOON)
    driver.pipe(settled())
    driver.advance(NOON + HOUR)
    (opened,) = alerts(driver, "reference_unknown")
    accept = decided(
        "ACCEPT",
        "d1",
        "kim",
        "reference",
        break_class=opened.break_class.value,
        drift_minor=opened.drift_minor,
        evidence=opened.evidence,
    )
    driver.pipe(accept)
    driver.run()
    assert reference(driver).open_breaks == (opened.break_id,)
    driver.pipe(decided("APPROVE", "d2", "lee", "reference", refers_to="d1"))
    driver.run()
    assert reference(driver).open_breaks == ()
    driver.pipe(settled(event_id="S2", outcome="REFUNDED", gross=1_000))
    driver.run()
    states = [
        (alert.lifecycle, alert.decision and alert.decision.state) for alert in alerts(driver, "reference_unknown")
    ]
    assert states == [
        ("opened", None),
        ("updated", "accept_requested"),
        ("accepted", "accepted"),
        ("opened", None),
    ]
    assert reference(driver).open_breaks == (opened.break_id,)


def test_decisions_reach_the_key_that_they_are_about() -> None:
    driver = Driver(now=NOON)
    driver.pipe(initiated(), settled("p1", "S1"), settled("p1", "S2", NOON, "FAILED", 0))
    driver.run()
    (opened,) = alerts(driver, "conflicting_fact")
    assign = decided("ASSIGN", "d1", "kim", "any", assignee="lee")
    driver.pipe(replace(assign, key_kind="payment", key="p1", break_id=opened.break_id))
    driver.run()
    _, updated = alerts(driver, "conflicting_fact")
    assert updated.decision is not None
    assert (updated.decision.state, updated.decision.assignee) == ("assigned", "lee")


def test_a_payment_that_is_left_without_a_fact_is_withdrawn() -> None:
    driver = Driver(now=NOON)
    driver.pipe(settled(), assigned("p9"))
    driver.run()
    assert standing(driver) == {"p9": 150_000}
    driver.pipe(assigned("p1", NOON + 2 * HOUR, "A2"))
    driver.run()
    assert standing(driver) == {"p1": 150_000}
    assert driver.world.broker.last(topics.PAYMENT_RECONCILIATIONS).keys() == {b"p1"}
    values = [r.value for r in driver.world.broker.records(topics.PAYMENT_RECONCILIATIONS) if r.key == b"p9"]
    assert len(values) == 2
    assert values[1] is None


def test_what_a_payment_has_by_a_reference_changes_no_claim() -> None:
    """The promise of a late input: else the watermarks of the two tables would have to wait for each other."""
    driver = Driver(now=NOON)
    driver.pipe(initiated())
    driver.run()
    table = driver.worker.tables[ReferenceState]
    (claim,) = (
        entry.state.initiation_claims["p1"].revision
        for number in range(3)
        for entry in (table.entry(number, KEY),)
        if entry.state.initiation_claims
    )
    driver.pipe(settled(), settled(event_id="S2", outcome="REFUNDED", gross=50_000))
    driver.advance(NOON + 20 * DAY)
    assert standing(driver) == {"p1": 100_000}
    entries = [table.entry(number, KEY) for number in range(3)]
    assert [e.state.initiation_claims["p1"].revision for e in entries if e.state.initiation_claims] == [claim]


def test_a_full_reference_refuses_records_and_decisions_but_takes_claims(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyed_agent, "KEY_BYTES_MAX", 500)
    driver = Driver(now=NOON)
    driver.pipe(*(settled(event_id=f"S{number}".ljust(300, "x"), at=NOON + number) for number in range(3)))
    driver.run()
    driver.pipe(settled(event_id="S9"), decided("COMMENT", "d1", "kim", "reference"), initiated(), settled("p1", "S1"))
    driver.run()
    letters = [DeadLetter.parse(record.headers) for record in driver.world.broker.records(topics.DEAD_LETTER)]
    assert {letter.error_class for letter in letters} == {DeadLetterClass.KEY_FULL}
    sent = [
        driver.world.codec.decode_input(topic, record.value)
        for record in driver.world.broker.records(topics.DEAD_LETTER)
        for topic in (topics.PROCESSOR_SETTLED, topics.DECISIONS)
        if DeadLetter.parse(record.headers).source_topic == topic.name
    ]
    assert settled(event_id="S9") in sent
    assert decided("COMMENT", "d1", "kim", "reference") in sent
    assert reference(driver).payment_id == "p1"
    assert standing(driver) == {"p1": 150_000}

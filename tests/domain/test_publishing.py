"""Publishing: each change once, under rising versions, and every end."""

import msgspec
import pytest

from domain import publishing
from domain.facts import (
    BreakDecided,
    ObligationCharged,
    PaymentApplication,
    PaymentInitiated,
    ProcessorSettled,
    ReferenceClaim,
    ReferenceResolution,
)
from domain.obligations import view as obligation
from domain.payments import view as payment
from domain.payments.view import PaymentState
from domain.policy import Policy
from domain.publishing import Changes, Published
from domain.records import (
    BreakClass,
    BreakLifecycle,
    LateLifecycle,
    LatePaymentAlert,
    LateStage,
    MismatchAlert,
    ObligationReconciliation,
    PaymentReconciliation,
)
from domain.tally import SOURCES, Tally, count_payment, recounted
from domain.time import FAR_PAST, NOT_CAUGHT_UP
from tests.kit.domain_world import World
from tests.kit.scenario_tables import read_facts
from tests.kit.scenario_words import instant

ISSUES = """
2026-01-05 15:00  P1 initiated 100.00 CARD for O1
2026-01-06 15:00  P1 SETTLED 100.00
2026-01-06 16:00  P1 posted 100.00 to O1 as L1
2026-01-06 16:01  P1 posted 100.00 to O1 as L2
2026-01-07 15:00  P1 RETURNED 100.00
2026-01-08 15:00  P1 reversed 100.00 of L1 as V1
2026-01-08 15:00  P1 reversed 100.00 of L2 as V2
"""


def mismatches(world: World) -> list[MismatchAlert]:
    return [one for one in world.outputs if isinstance(one, MismatchAlert)]


def lates(world: World) -> list[LatePaymentAlert]:
    return [one for one in world.outputs if isinstance(one, LatePaymentAlert)]


def test_a_break_keeps_its_id_and_opening_when_it_is_reclassified_and_is_resolved_as_last_known() -> None:
    facts = read_facts(ISSUES)
    world = World()
    for fact in facts[:4]:
        world.apply(fact)
    world.publish(instant("2026-01-06 17:00"))
    world.apply(facts[4])
    world.publish(instant("2026-01-09 05:00"))
    for fact in facts[5:]:
        world.apply(fact)
    world.publish(instant("2026-01-10 12:00"))

    opened, updated, resolved = [one for one in mismatches(world) if one.key == "P1"]
    assert (opened.break_class, opened.lifecycle) == (BreakClass.DUPLICATE_POSTING, BreakLifecycle.OPENED)
    assert (updated.break_class, updated.lifecycle) == (BreakClass.REVERSED_AFTER_POSTING, BreakLifecycle.UPDATED)
    assert (resolved.break_class, resolved.lifecycle) == (BreakClass.REVERSED_AFTER_POSTING, BreakLifecycle.RESOLVED)
    assert opened.break_id == updated.break_id == resolved.break_id
    assert opened.opened_at == updated.opened_at == resolved.opened_at == instant("2026-01-06 17:00")
    assert opened.resolved_at is updated.resolved_at is None
    assert resolved.resolved_at == instant("2026-01-10 12:00")
    assert (updated.expected_minor, updated.actual_minor, updated.drift_minor) == (0, 20000, 20000)
    assert (resolved.expected_minor, resolved.actual_minor, resolved.drift_minor) == (0, 20000, 20000)
    assert updated.due_at == instant("2026-01-09 05:00")
    assert [one.priority for one in (opened, updated, resolved)] == [1, 1, 1]
    assert opened.version < updated.version < resolved.version


def test_a_break_that_opens_and_closes_between_two_views_is_not_published() -> None:
    world = World()
    for fact in read_facts(ISSUES):
        world.apply(fact)
    world.publish(instant("2026-02-01 00:00"))
    assert mismatches(world) == []


def test_an_unchanged_key_publishes_nothing_and_keeps_its_version() -> None:
    world = World()
    for fact in read_facts(ISSUES):
        world.apply(fact)
        world.publish(NOT_CAUGHT_UP)
    versions = {key: published.version for key, published in world.histories.items()}
    emitted = len(world.outputs)
    world.publish(NOT_CAUGHT_UP)
    assert len(world.outputs) == emitted
    assert {key: published.version for key, published in world.histories.items()} == versions


def test_every_record_of_one_change_has_the_version_given() -> None:
    (initiated, *_) = read_facts("2026-01-05 15:00  P1 initiated 100.00 CARD for O1")
    state = payment.new_payment("P1")
    assert isinstance(initiated, PaymentInitiated)
    payment.apply(state, initiated)
    published = Published()
    changes = publishing.diff(published, payment.view(state, instant("2026-02-01 00:00"), Policy()), 77, 1234)
    record, alert = changes.outputs
    assert isinstance(record, PaymentReconciliation)
    assert isinstance(alert, MismatchAlert)
    assert (record.version, alert.version, changes.facts[0].revision, published.version) == (
        1234,
        1234,
        1234,
        1234,
    )
    assert record.open_breaks == (alert.break_id,)
    assert (alert.key_kind, alert.key, alert.subject) == ("payment", "P1", ("settlement",))
    assert alert.opened_at == 77


LATE = """
2026-01-20 12:00  O1 charged 100.00 due 2026-02-01 grace 5 plan A1:100.00:2026-02-01
"""


def test_a_late_alert_is_opened_escalated_published_again_and_cured() -> None:
    world = World()
    for fact in read_facts(LATE):
        world.apply(fact)
    world.publish(instant("2026-02-02 04:59"))
    assert lates(world) == []
    world.publish(instant("2026-02-02 05:00"))
    for fact in read_facts("2026-02-02 06:00  P1 initiated 40.00 INSTANT for O1\n2026-02-02 06:01  P1 SETTLED 40.00"):
        world.apply(fact)
    world.publish(instant("2026-02-02 07:00"))
    world.publish(instant("2026-02-07 05:00"))
    for fact in read_facts("2026-02-08 06:00  P2 initiated 10.00 CARD for O1"):
        world.apply(fact)
    world.publish(instant("2026-02-08 07:00"))
    for fact in read_facts("2026-02-09 06:00  P3 initiated 60.00 INSTANT for O1\n2026-02-09 06:00  P3 SETTLED 60.00"):
        world.apply(fact)
    world.publish(instant("2026-02-09 07:00"))

    published = [(one.lifecycle, one.stage, one.paid_minor, one.pending_minor) for one in lates(world)]
    assert published == [
        (LateLifecycle.OPENED, LateStage.PAST_DUE, 0, 0),
        (LateLifecycle.OPENED, LateStage.PAST_DUE, 4000, 0),
        (LateLifecycle.ESCALATED, LateStage.FEE_ELIGIBLE, 4000, 0),
        (LateLifecycle.ESCALATED, LateStage.FEE_ELIGIBLE, 4000, 1000),
        (LateLifecycle.CURED, LateStage.FEE_ELIGIBLE, 10000, 0),
    ]
    assert {one.alert_id for one in lates(world)} == {lates(world)[0].alert_id}
    assert {one.opened_at for one in lates(world)} == {instant("2026-02-02 05:00")}
    assert [one.ended_at for one in lates(world)] == [None] * 4 + [instant("2026-02-09 07:00")]
    last = lates(world)[-1]
    assert (last.obligation_id, last.installment_id, last.period, last.tenant_id, last.property_id, last.currency) == (
        "O1", "A1", "2026-03", "T", "H", "USD",
    )  # fmt: skip
    assert last.due_at == instant("2026-02-02 05:00")


def test_a_reopened_alert_keeps_its_id_and_opens_at_the_current_stage() -> None:
    world = World()
    for fact in read_facts(LATE + "2026-02-01 15:00  P1 initiated 100.00 for O1\n2026-02-03 15:00  P1 SETTLED 100.00"):
        world.apply(fact)
    world.publish(instant("2026-02-03 16:00"))
    assert lates(world) == []
    for fact in read_facts("2026-03-10 13:00  P1 RETURNED 100.00"):
        world.apply(fact)
    world.publish(instant("2026-03-10 13:00"))
    for fact in read_facts("2026-03-11 13:00  P2 initiated 100.00 INSTANT for O1\n2026-03-11 13:00  P2 SETTLED 100.00"):
        world.apply(fact)
    world.publish(instant("2026-03-11 14:00"))
    for fact in read_facts("2026-04-20 13:00  P2 CHARGEBACK 100.00"):
        world.apply(fact)
    world.publish(instant("2026-04-20 14:00"))
    assert [(one.lifecycle, one.stage) for one in lates(world)] == [
        (LateLifecycle.OPENED, LateStage.DAYS_30),
        (LateLifecycle.CURED, LateStage.DAYS_30),
        (LateLifecycle.OPENED, LateStage.DAYS_60),
    ]
    assert len({one.alert_id for one in lates(world)}) == 1


@pytest.mark.parametrize(
    ("what", "fact"),
    [
        ("moved", "2026-02-03 12:00  O1 replanned 1 plan A1:100.00:2026-03-01"),
        ("gone", "2026-02-03 12:00  O1 replanned 1 plan B1:100.00:2026-02-01"),
        ("zero", "2026-02-03 12:00  O1 adjusted -100.00 as D1"),
        ("obligation cancelled", "2026-02-03 12:00  O1 cancelled"),
    ],
)
def test_an_alert_is_cancelled_when_its_installment_is(what: str, fact: str) -> None:
    world = World()
    for one in read_facts(LATE):
        world.apply(one)
    world.publish(instant("2026-02-02 12:00"))
    for one in read_facts(fact):
        world.apply(one)
    world.publish(instant("2026-02-03 13:00"))
    first = lates(world)[0]
    of_first = [one for one in lates(world) if one.alert_id == first.alert_id]
    assert [one.lifecycle for one in of_first] == [LateLifecycle.OPENED, LateLifecycle.CANCELLED], what
    assert of_first[1].ended_at == instant("2026-02-03 13:00")
    assert of_first[1].amount_due_minor == 10000
    others = [one for one in lates(world) if one.alert_id != first.alert_id]
    assert [one.lifecycle for one in others] == ([LateLifecycle.OPENED] if what == "gone" else [])


def test_a_moved_installment_that_is_late_again_is_another_alert() -> None:
    world = World()
    for one in read_facts(LATE):
        world.apply(one)
    world.publish(instant("2026-02-02 12:00"))
    for one in read_facts("2026-02-03 12:00  O1 replanned 1 plan A1:100.00:2026-02-10"):
        world.apply(one)
    world.publish(instant("2026-02-11 12:00"))
    opened, opened_again, cancelled = lates(world)
    assert cancelled.alert_id == opened.alert_id != opened_again.alert_id
    assert cancelled.lifecycle == LateLifecycle.CANCELLED
    assert opened_again.lifecycle == LateLifecycle.OPENED


def test_an_obligation_that_a_payment_no_longer_touches_gets_an_empty_application() -> None:
    late_one, early_one, settled = read_facts(
        "2026-01-05 15:00  P1 initiated 100.00 CARD for O2\n"
        "2026-01-05 14:00  P1 initiated 100.00 CARD for O1\n"
        "2026-01-05 16:00  P1 SETTLED 100.00"
    )
    assert isinstance(late_one, PaymentInitiated)
    assert isinstance(early_one, PaymentInitiated)
    assert isinstance(settled, ProcessorSettled)
    state, published = payment.new_payment("P1"), Published()

    def publish(version: int) -> Changes:
        return publishing.diff(published, payment.view(state, NOT_CAUGHT_UP, Policy()), 0, version)

    payment.apply(state, late_one)
    assert [(application.obligation_id, application.in_flight_minor) for application in publish(1).facts] == [
        ("O2", 10000)
    ]
    payment.apply(state, early_one)
    moved, emptied = publish(2).facts
    assert (moved.obligation_id, moved.in_flight_minor, moved.revision) == ("O1", 10000, 2)
    assert emptied == PaymentApplication(
        payment_id="P1",
        obligation_id="O2",
        revision=2,
        initiated=False,
        initiated_at=0,
        currency="USD",
        installment_id=None,
        standing_minor=0,
        in_flight_minor=0,
        pending_until=None,
        posted={},
        rests_on=FAR_PAST,
    )
    payment.apply(state, settled)
    assert [application.obligation_id for application in publish(3).facts] == ["O1"]


def test_an_obligation_no_longer_rests_on_a_payment_that_left_it() -> None:
    world = World()
    facts = read_facts(
        "2026-01-01 12:00  O2 charged 100.00 due 2026-02-01\n"
        "2026-01-05 15:00  P1 initiated 100.00 CARD for O2\n"
        "2026-01-05 14:00  P1 initiated 100.00 CARD for O1"
    )
    rests_on = []
    for fact in facts:
        world.apply(fact)
        world.publish(NOT_CAUGHT_UP)
        record = world.obligation_views["O2"].reconciliation
        assert record is not None
        rests_on.append(record.rests_on)
    assert rests_on == [instant("2026-01-01 12:00"), instant("2026-01-05 15:00"), instant("2026-01-01 12:00")]


def test_an_obligation_without_a_charge_has_breaks_but_no_record() -> None:
    world = World()
    for fact in read_facts("2026-01-05 15:00  P1 initiated 100.00 CARD for O1"):
        world.apply(fact)
    world.publish(instant("2026-01-05 16:00"))
    assert [one.break_class for one in mismatches(world)] == [BreakClass.OBLIGATION_UNKNOWN]
    assert not any(isinstance(one, ObligationReconciliation) for one in world.outputs)
    for fact in read_facts("2026-01-06 15:00  O1 charged 100.00 due 2026-02-01"):
        world.apply(fact)
    world.publish(instant("2026-01-06 16:00"))
    assert [one.lifecycle for one in mismatches(world)] == [BreakLifecycle.OPENED, BreakLifecycle.RESOLVED]
    assert any(isinstance(one, ObligationReconciliation) for one in world.outputs)


def test_published_is_small_and_survives_packing() -> None:
    world = World()
    for fact in read_facts(ISSUES + LATE):
        world.apply(fact)
    world.publish(instant("2026-03-01 00:00"))
    for published in world.histories.values():
        packed = msgspec.msgpack.encode(published)
        assert msgspec.msgpack.decode(packed, type=Published) == published
        assert len(packed) < 200


def test_an_earlier_charge_moves_the_alert() -> None:
    (first,) = read_facts("2026-01-20 12:00  O1 charged 100.00 due 2026-02-01")
    (earlier,) = read_facts("2026-01-20 11:00  O1 charged 100.00 due 2026-02-02")
    assert isinstance(first, ObligationCharged)
    assert isinstance(earlier, ObligationCharged)
    state, published = obligation.new_obligation("O1"), Published()
    now = instant("2026-02-10 00:00")
    obligation.apply(state, first)
    publishing.diff(published, obligation.view(state, now, Policy()), now, 1)
    obligation.apply(state, earlier)
    outputs = publishing.diff(published, obligation.view(state, now, Policy()), now, 2).outputs
    alerts = [(one.lifecycle, one.due_date) for one in outputs if isinstance(one, LatePaymentAlert)]
    assert alerts == [(LateLifecycle.OPENED, earlier.due_date), (LateLifecycle.CANCELLED, first.due_date)]


def test_a_claim_is_sent_once_and_withdrawn_when_the_initiation_names_another_reference() -> None:
    late_one, early_one, settled = read_facts(
        "2026-01-05 15:00  P1 initiated 100.00 CARD for O1 ref R1\n"
        "2026-01-05 14:00  P1 initiated 100.00 CARD for O1 ref a/b\n"
        "2026-01-05 16:00  P1 SETTLED 100.00 ref R1"
    )
    state, published = payment.new_payment("P1"), Published()

    def claims(version: int) -> list[object]:
        changes = publishing.diff(published, payment.view(state, NOT_CAUGHT_UP, Policy()), 0, version)
        return [fact for fact in changes.facts if isinstance(fact, ReferenceClaim)]

    payment.apply(state, late_one)
    first = ReferenceClaim("acme", "R1", "P1", 1, True, late_one.occurred_at, late_one.event_id)
    assert claims(1) == [first]
    payment.apply(state, settled)
    assert claims(2) == [], "what is settled changes no claim"
    payment.apply(state, early_one)
    assert claims(3) == [
        ReferenceClaim("acme", "a/b", "P1", 3, True, early_one.occurred_at, early_one.event_id),
        ReferenceClaim("acme", "R1", "P1", 3, False, FAR_PAST, ""),
    ]
    assert published.claims.keys() == {"acme/a/b"}


def test_a_payment_without_a_fact_with_a_currency_has_no_record_any_more() -> None:
    (settled,) = read_facts("2026-01-06 15:00  acme/R1 SETTLED 100.00")
    state, published, tally = payment.new_payment("P1"), Published(), Tally()

    def publish(version: int, *records: ProcessorSettled) -> Changes:
        payment.apply(state, ReferenceResolution("P1", "acme/R1", version, records))
        view = payment.view(state, NOT_CAUGHT_UP, Policy())
        count_payment(tally, published, state, view, 0)
        changes = publishing.diff(published, view, 0, version)
        assert tally == recounted(PaymentState, [published], 0)
        return changes

    assert isinstance(settled, ProcessorSettled)
    given = publish(1, settled)
    assert [type(one) for one in given.outputs] == [PaymentReconciliation]
    assert given.withdrawn is None
    assert dict(tally.of_kind(SOURCES)) == {("settled",): (1,)}
    taken = publish(2)
    assert (taken.outputs, taken.withdrawn, published.version) == ([], PaymentReconciliation, 2)
    assert tally == Tally()
    assert publish(3).withdrawn is None, "it is withdrawn once"
    (again,) = publish(4, settled).outputs
    assert again.version == 4


def accepting(
    published: MismatchAlert, decision_id: str, action: str, actor: str, on: str | None = None
) -> BreakDecided:
    is_accept = action == "ACCEPT"
    return BreakDecided(
        event_id=f"E-{decision_id}",
        occurred_at=instant("2026-01-06 18:00"),
        decision_id=decision_id,
        key_kind="payment",
        key="P1",
        break_id=published.break_id,
        action=action,  # type: ignore[arg-type]
        actor=actor,
        reason="the ledger is corrected next month",
        break_class=published.break_class.value if is_accept else None,
        drift_minor=published.drift_minor if is_accept else None,
        evidence=published.evidence if is_accept else None,
        refers_to=on,
    )


def test_an_accepted_break_is_not_open_and_opens_again_when_it_changes() -> None:
    facts = read_facts(ISSUES)
    world = World()
    for fact in facts[:4]:
        world.apply(fact)
    world.publish(instant("2026-01-06 17:00"))
    (opened,) = [one for one in mismatches(world) if one.key == "P1"]
    world.apply(accepting(opened, "d1", "ACCEPT", "ana"))
    world.publish(instant("2026-01-06 18:00"))
    world.apply(accepting(opened, "d2", "APPROVE", "bo", "d1"))
    world.publish(instant("2026-01-06 19:00"))
    record = world.payment_views["P1"].reconciliation
    assert record is not None
    assert (record.open_breaks, record.status) == ((), "settled")
    world.apply(facts[4])
    world.publish(instant("2026-01-09 05:00"))
    for fact in facts[5:]:
        world.apply(fact)
    world.publish(instant("2026-01-10 12:00"))
    history = [one for one in mismatches(world) if one.key == "P1"]
    assert [(one.lifecycle.value, one.decision and one.decision.state.value) for one in history] == [
        ("opened", None),
        ("updated", "accept_requested"),
        ("accepted", "accepted"),
        ("opened", None),
        ("resolved", None),
    ]
    _, requested, accepted, again, resolved = history
    assert requested.opened_at == accepted.opened_at == opened.opened_at
    assert again.opened_at == resolved.opened_at == instant("2026-01-09 05:00")
    assert accepted.decision is not None
    assert (accepted.decision.actor, accepted.decision.approved_by) == ("ana", "bo")
    assert accepted.resolved_at is None
    assert again.evidence != accepted.evidence

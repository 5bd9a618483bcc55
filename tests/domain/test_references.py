"""References (contract section 10): who holds one, what is handed over, and when that is in doubt."""

import itertools
import random

import msgspec
import pytest

from domain import publishing
from domain.facts import (
    AttemptClaim,
    BreakDecided,
    ProcessorSettled,
    ReferenceAssigned,
    ReferenceClaim,
    ReferenceFact,
    ReferenceResolution,
)
from domain.ids import break_id, evidence_of, two_part_key
from domain.policy import Policy
from domain.publishing import Published
from domain.records import (
    BreakClass,
    BreakLifecycle,
    DecisionState,
    MismatchAlert,
    ReferenceReconciliation,
    ReferenceStatus,
)
from domain.references import state as reference_state
from domain.references.state import CLAIMS_MAX
from domain.references.view import ReferenceState, ReferenceView, apply, new_reference, view
from domain.tally import ACCEPTED, BREAK, DECISION, STATUS, SUSPENSE, Tally, count_reference, recounted
from domain.time import DAY, HOUR, MINUTE, NOT_CAUGHT_UP, Micros

KEY = "acme/ch_1"
NOON = 20_605 * DAY + 12 * HOUR
LATER = NOON + 10 * DAY
POLICY = Policy()


def settled(
    event_id: str = "S1",
    at: Micros = NOON,
    *,
    reference: str = "ch_1",
    outcome: str = "SETTLED",
    gross: int = 150_000,
    currency: str = "USD",
    original: str | None = None,
    movement: str | None = None,
    payment_id: str | None = None,
) -> ProcessorSettled:
    return ProcessorSettled(
        event_id=event_id,
        occurred_at=at,
        payment_id=payment_id,
        processor="acme",
        processor_reference=reference,
        outcome=outcome,  # type: ignore[arg-type]
        gross_minor=gross,
        fee_minor=None,
        net_minor=None,
        currency=currency,
        reason_code=None,
        payout_id=None,
        value_date=None,
        original_reference=original,
        movement_id=movement,
    )


def by_settlement(payment_id: str, event_id: str = "C1", at: Micros = NOON) -> AttemptClaim:
    return AttemptClaim("acme", "ch_1", payment_id, at, event_id)


def by_initiation(
    payment_id: str, event_id: str = "I1", at: Micros = NOON, revision: int = 1, *, claimed: bool = True
) -> ReferenceClaim:
    return ReferenceClaim("acme", "ch_1", payment_id, revision, claimed, at, event_id)


def assigned(payment_id: str, event_id: str = "A1", at: Micros = NOON) -> ReferenceAssigned:
    return ReferenceAssigned(event_id, at, payment_id, "acme", "ch_1", "kim", "seen in the portal")


def state_of(*facts: ReferenceFact) -> ReferenceState:
    state = new_reference(KEY)
    for fact in facts:
        apply(state, fact)
    return state


def at(now: Micros, *facts: ReferenceFact) -> ReferenceView:
    return view(state_of(*facts), now, POLICY)


def record(seen: ReferenceView) -> ReferenceReconciliation:
    assert seen.reconciliation is not None
    return seen.reconciliation


def classes(seen: ReferenceView) -> list[BreakClass]:
    return [one.break_class for one in seen.breaks]


def decided(
    action: str, event_id: str = "D1", decision_id: str = "d1", actor: str = "kim", **more: object
) -> BreakDecided:
    return BreakDecided(
        event_id=event_id,
        occurred_at=NOON + HOUR,
        decision_id=decision_id,
        key_kind="reference",
        key=KEY,
        break_id=break_id("reference", KEY, ("claim",)),
        action=action,  # type: ignore[arg-type]
        actor=actor,
        reason="checked",
        **more,  # type: ignore[arg-type]
    )


def test_a_reference_whose_records_name_one_payment_has_no_record() -> None:
    seen = at(LATER, by_settlement("p1"), by_settlement("p1", "C2", NOON + HOUR), by_initiation("p1"))
    assert seen == ReferenceView(KEY, None, (), (), None)


def test_a_claim_of_a_payment_that_has_claimed_earlier_changes_nothing() -> None:
    state = state_of(by_settlement("p1"))
    assert not apply(state, by_settlement("p1"))
    assert not apply(state, by_settlement("p1", "C0", NOON + 1))
    assert apply(state, by_settlement("p1", "C0", NOON - 1))
    assert reference_state.facts(state) == 1


def test_a_record_without_a_payment_is_in_suspense_and_unknown_after_the_grace() -> None:
    early = at(NOON + 30 * MINUTE - 1, settled())
    assert record(early).status is ReferenceStatus.SUSPENSE
    assert early.next_deadline == NOON + 30 * MINUTE
    late = at(NOON + 30 * MINUTE, settled())
    assert record(late) == ReferenceReconciliation(
        "acme", "ch_1", 0, None, ReferenceStatus.SUSPENSE, 1, {"USD": 150_000}, (late.breaks[0].break_id,)
    )
    (unknown,) = late.breaks
    assert unknown.break_class is BreakClass.REFERENCE_UNKNOWN
    assert unknown.subject == ("reference",)
    assert (unknown.expected_minor, unknown.actual_minor, unknown.currency) == (0, 150_000, "USD")
    assert unknown.due_at == NOON + 30 * MINUTE
    assert unknown.event_ids == ("S1",)
    assert unknown.break_id == break_id("reference", KEY, ("reference",))
    assert late.next_deadline is None
    assert late.resolutions == ()


def test_unknown_money_is_in_the_currency_of_the_first_settled_record() -> None:
    seen = at(
        LATER,
        settled("S0", NOON - HOUR, outcome="FAILED", gross=0, currency="EUR"),
        settled("S1", NOON),
        settled("S2", NOON + HOUR, movement="b", gross=5_000),
        settled("S3", NOON + HOUR, movement="c", gross=7_000, currency="EUR"),
    )
    assert (seen.breaks[0].actual_minor, seen.breaks[0].currency) == (155_000, "USD")
    assert seen.breaks[0].due_at == NOON - HOUR + 30 * MINUTE
    assert record(seen).gross_minor == {"EUR": 7_000, "USD": 155_000}
    assert record(seen).records == 4


def test_without_a_settled_record_nothing_is_in_suspense_but_the_reference_is_unknown() -> None:
    seen = at(LATER, settled("S1", outcome="RETURNED", original="ch_1", reference="rt_1", currency="EUR"))
    assert (seen.breaks[0].actual_minor, seen.breaks[0].currency) == (0, "EUR")
    assert record(seen).gross_minor == {}


def test_a_record_told_again_is_one_record_and_both_tellings_are_handed_over() -> None:
    first, again = settled("S1"), settled("S2", NOON + HOUR)
    seen = at(LATER, again, first, again, by_initiation("p1"))
    assert record(seen).records == 1
    assert seen.resolutions == (ReferenceResolution("p1", KEY, 0, (first, again)),)
    state = state_of(first)
    assert not apply(state, first)
    assert apply(state, msgspec.structs.replace(first, payout_id="po_1")), "another content is another telling"


@pytest.mark.parametrize("claim", [by_initiation("p1"), by_settlement("p1"), assigned("p1")])
def test_each_kind_of_claim_holds_a_reference(claim: ReferenceFact) -> None:
    seen = at(LATER, settled(), claim)
    assert record(seen).payment_id == "p1"
    assert record(seen).status is ReferenceStatus.HELD
    assert seen.breaks == ()
    assert seen.resolutions == (ReferenceResolution("p1", KEY, 0, (settled(),)),)


def test_the_first_claim_holds_and_the_latest_assignment_before_all_claims() -> None:
    assert record(at(LATER, settled(), by_initiation("p2", "I2", NOON - 1), by_settlement("p1"))).payment_id == "p2"
    assert record(at(LATER, settled(), by_initiation("p2", "I2"), by_settlement("p1"))).payment_id == "p1", "event id"
    assert record(at(LATER, settled(), by_initiation("p2", "I"), by_settlement("p1", "I"))).payment_id == "p1"
    facts = settled(), by_settlement("p1", at=NOON - DAY), assigned("p2", "A1", NOON), assigned("p3", "A0", NOON + 1)
    assert record(at(LATER, *facts)).payment_id == "p3"
    assert record(at(LATER, *facts, assigned("p4", "A1", NOON + 1))).payment_id == "p4"


def test_a_withdrawn_claim_holds_nothing_and_an_older_snapshot_does_not_bring_it_back() -> None:
    state = state_of(settled(), by_initiation("p1", revision=5), by_initiation("p1", revision=7, claimed=False))
    assert not apply(state, by_initiation("p1", revision=6))
    assert record(view(state, NOON, POLICY)).payment_id is None
    assert apply(state, by_initiation("p1", revision=8))
    assert record(view(state, NOON, POLICY)).payment_id == "p1"


def test_settlement_records_that_name_two_payments_are_claimed_twice_at_once() -> None:
    seen = at(NOT_CAUGHT_UP, by_settlement("p1", "C1"), by_settlement("p2", "C2"))
    (twice,) = seen.breaks
    assert (twice.break_class, twice.subject, twice.currency) == (
        BreakClass.REFERENCE_CLAIMED_TWICE,
        ("claim",),
        "XXX",
    )
    assert (twice.expected_minor, twice.actual_minor, twice.due_at) == (0, 0, None)
    assert twice.event_ids == ("C1", "C2")
    assert record(seen) == ReferenceReconciliation(
        "acme", "ch_1", 0, "p1", ReferenceStatus.CLAIMED_TWICE, 0, {}, (twice.break_id,)
    )
    settled_by_assignment = at(LATER, by_settlement("p1", "C1"), by_settlement("p2", "C2"), assigned("p2"))
    assert classes(settled_by_assignment) == [BreakClass.REFERENCE_CLAIMED_TWICE], "both payments count it all the same"


def test_claims_of_two_payments_are_one_too_many_only_if_a_record_needs_a_holder_and_nobody_decided() -> None:
    claims = by_initiation("p1", "I1"), by_settlement("p2", "C2")
    assert at(LATER, *claims).reconciliation is None
    seen = at(LATER, *claims, settled())
    assert classes(seen) == [BreakClass.REFERENCE_CLAIMED_TWICE]
    assert seen.breaks[0].event_ids == ("C2", "I1")
    assert record(seen).payment_id == "p2"
    assert seen.resolutions[0].payment_id == "p2", "the first claim holds meanwhile"
    assert at(LATER, *claims, settled(), assigned("p1")).breaks == ()
    assert at(LATER, by_initiation("p1"), by_settlement("p1"), settled()).breaks == ()
    assert at(LATER, by_initiation("p1", claimed=False), by_settlement("p2"), settled()).breaks == ()


def test_an_accepted_break_keeps_the_record_and_frees_the_status() -> None:
    claims = by_settlement("p1", "C1"), by_settlement("p2", "C2")
    accept = decided(
        "ACCEPT",
        break_class="reference_claimed_twice",
        drift_minor=0,
        evidence=evidence_of("reference_claimed_twice", ("C1", "C2")),
    )
    requested = at(LATER, *claims, accept)
    assert requested.breaks[0].decision is not None
    assert requested.breaks[0].decision.state is DecisionState.ACCEPT_REQUESTED, "priority 1 needs four eyes"
    assert record(requested).status is ReferenceStatus.CLAIMED_TWICE
    approve = decided("APPROVE", "D2", "d2", "lee", refers_to="d1")
    accepted = at(LATER, *claims, accept, approve)
    assert accepted.breaks[0].is_accepted
    assert record(accepted).status is ReferenceStatus.HELD
    assert record(accepted).open_breaks == ()
    again = at(LATER, *claims, accept, approve, by_settlement("p3", "C3"))
    assert again.breaks[0].decision is None, "another payment is another case"


def test_a_reference_that_all_payments_name_keeps_the_first_claims_only() -> None:
    claims: list[ReferenceFact] = []
    for number in range(CLAIMS_MAX + 50):
        claims.append(by_settlement(f"p{number:04}", f"C{number:04}", NOON + number))
        claims.append(by_initiation(f"p{number:04}", f"I{number:04}", NOON - DAY + number))
    states = []
    for seed in range(3):
        random.Random(seed).shuffle(claims)
        states.append(state_of(settled(), *claims))
    for state in states:
        assert (
            state.attempt_claims.keys()
            == state.initiation_claims.keys()
            == {f"p{number:04}" for number in range(CLAIMS_MAX)}
        )
        assert view(state, LATER, POLICY) == view(states[0], LATER, POLICY)
    assert not apply(states[0], by_settlement("p9999", "C9999", NOON + DAY)), "it is not written again and again"
    assert apply(states[0], by_settlement("p9999", "C9999", NOON - DAY))


def test_withdrawn_claims_make_room_for_others() -> None:
    withdrawn = [by_initiation(f"p{number:04}", claimed=False) for number in range(CLAIMS_MAX)]
    state = state_of(*withdrawn, by_initiation("p9999"))
    assert reference_state.holder(state) == "p9999"


def facts_of_many_kinds() -> list[ReferenceFact]:
    return [
        settled("S1"),
        settled("S2", NOON + HOUR),
        settled("S3", NOON + HOUR, outcome="RETURNED", gross=50_000),
        by_settlement("p1", "C1", NOON + HOUR),
        by_settlement("p1", "C0", NOON + HOUR),
        by_settlement("p2", "C2", NOON + 2 * HOUR),
        by_initiation("p3", "I3", NOON - HOUR, 3),
        by_initiation("p3", "I3", NOON - HOUR, 4, claimed=False),
        assigned("p2", "A1"),
        assigned("p1", "A2"),
        decided("ASSIGN", assignee="kim"),
    ]


def test_the_order_of_arrival_and_repetitions_do_not_matter() -> None:
    expected = at(LATER, *facts_of_many_kinds())
    dice = random.Random(11)
    for _ in range(200):
        facts = facts_of_many_kinds() + dice.sample(facts_of_many_kinds(), 4)
        dice.shuffle(facts)
        state = state_of(*facts)
        packed = msgspec.msgpack.encode(state)
        assert view(msgspec.msgpack.decode(packed, type=ReferenceState), LATER, POLICY) == expected
        assert not any(apply(state, fact) for fact in facts)


def test_the_state_of_an_ordinary_attempt_is_small() -> None:
    state = new_reference(two_part_key("acme", "ch_" + "1" * 24))
    apply(state, AttemptClaim("acme", "ch_" + "1" * 24, "1" * 36, NOON, "2" * 36))
    assert len(msgspec.msgpack.encode((state, Published()))) < 160


class Consumer:
    """Publishes views one after another, and keeps what has been sent."""

    def __init__(self) -> None:
        self.published = Published()
        self.tally = Tally()
        self.versions = itertools.count(1)

    def __call__(self, *facts: ReferenceFact, now: Micros = LATER) -> publishing.Changes:
        seen = at(now, *facts)
        count_reference(self.tally, self.published, seen)
        changes = publishing.diff(self.published, seen, now, next(self.versions))
        again = publishing.diff(self.published, seen, now, next(self.versions))
        assert (again.outputs, list(again.facts), again.withdrawn) == ([], [], None)
        assert self.tally == recounted(ReferenceState, [self.published], 0)
        self.published = msgspec.msgpack.decode(msgspec.msgpack.encode(self.published), type=Published)
        return changes


def test_an_ordinary_reference_publishes_nothing_and_counts_nothing() -> None:
    publish = Consumer()
    changes = publish(by_settlement("p1"))
    assert (changes.outputs, list(changes.facts), changes.withdrawn) == ([], [], None)
    assert publish.published == Published()
    assert publish.tally == Tally()


def test_a_resolution_is_sent_once_and_taken_back_from_the_former_holder() -> None:
    publish = Consumer()
    assert list(publish(settled()).facts) == []
    (sent,) = publish(settled(), by_initiation("p2")).facts
    assert sent == ReferenceResolution("p2", KEY, 3, (settled(),))
    given, taken = publish(settled(), by_initiation("p2"), by_settlement("p1", at=NOON - 1)).facts
    assert given == ReferenceResolution("p1", KEY, 5, (settled(),))
    assert taken == ReferenceResolution("p2", KEY, 5, ())
    (taken,) = publish(settled()).facts
    assert taken == ReferenceResolution("p1", KEY, 7, ())


def test_a_break_is_opened_accepted_opened_again_and_resolved_and_the_record_withdrawn() -> None:
    publish = Consumer()
    claims = by_settlement("p1", "C1"), by_settlement("p2", "C2")
    accept = decided(
        "ACCEPT",
        break_class="reference_claimed_twice",
        drift_minor=0,
        evidence=evidence_of("reference_claimed_twice", ("C1", "C2")),
    )
    approve = decided("APPROVE", "D2", "d2", "lee", refers_to="d1")

    def alert(*facts: ReferenceFact, now: Micros = LATER) -> MismatchAlert:
        alerts = [one for one in publish(*facts, now=now).outputs if isinstance(one, MismatchAlert)]
        assert len(alerts) == 1
        return alerts[0]

    opened = alert(*claims)
    assert (opened.key_kind, opened.key, opened.lifecycle, opened.priority) == (
        "reference",
        KEY,
        BreakLifecycle.OPENED,
        1,
    )
    assert opened.evidence == evidence_of("reference_claimed_twice", ("C1", "C2"))
    name = BREAK, "reference_claimed_twice", "XXX"
    assert publish.tally.sums == {name: (1, 0, 0), (STATUS, "claimed_twice"): (1,)}
    accepted = alert(*claims, accept, approve, now=LATER + 1)
    assert (accepted.lifecycle, accepted.opened_at, accepted.resolved_at) == (BreakLifecycle.ACCEPTED, LATER, None)
    assert accepted.decision is not None
    assert accepted.decision.approved_by == "lee"
    assert publish.tally.sums == {
        (ACCEPTED, *name[1:]): (1, 0, 0),
        (DECISION, DecisionState.ACCEPTED): (1,),
        (STATUS, "held"): (1,),
    }
    again = alert(*claims, accept, approve, by_settlement("p3", "C3"), now=LATER + 2)
    assert (again.lifecycle, again.opened_at) == (BreakLifecycle.OPENED, LATER + 2)
    assert alert(*claims, accept, approve, now=LATER + 3).lifecycle is BreakLifecycle.ACCEPTED
    ended = publish(by_settlement("p1", "C1"), now=LATER + 4)
    (resolved,) = ended.outputs
    assert isinstance(resolved, MismatchAlert)
    assert (resolved.lifecycle, resolved.resolved_at) == (BreakLifecycle.RESOLVED, LATER + 4)
    assert ended.withdrawn is ReferenceReconciliation
    assert publish.tally == Tally()


def test_money_in_suspense_is_counted_by_currency() -> None:
    publish = Consumer()
    records = settled(), settled("S2", movement="b", gross=7_000, currency="EUR")
    publish(*records)
    assert dict(publish.tally.of_kind(SUSPENSE)) == {("EUR",): (1, 7_000), ("USD",): (1, 150_000)}
    assert dict(publish.tally.of_kind(STATUS)) == {("suspense",): (1,)}
    publish(*records, assigned("p1"))
    assert dict(publish.tally.of_kind(SUSPENSE)) == {}
    assert dict(publish.tally.of_kind(STATUS)) == {("held",): (1,)}

"""Invariants over generated facts: order, duplicates and packing do not matter; deadlines are exact; money adds up."""

import copy
import random
from typing import Any

import msgspec
from hypothesis import event, example, given
from hypothesis import strategies as st

from domain.facts import (
    BreakDecided,
    ObligationAdjusted,
    ObligationCancelled,
    ObligationCharged,
    ObligationReinstated,
    PaymentApplication,
    PlanChanged,
)
from domain.obligations import view as obligation
from domain.obligations.view import ObligationState
from domain.payments import view as payment
from domain.payments.view import PaymentState
from domain.policy import Policy
from domain.publishing import Published, View
from domain.records import ObligationStatus
from domain.references import view as reference
from domain.references.view import ReferenceState
from domain.time import HOUR, NOT_CAUGHT_UP, Micros
from tests.kit.domain_world import Fact, World
from tests.kit.examples import examples
from tests.kit.fact_strategies import START, histories, instants_to_look_at

FAR: Micros = START + 1000 * 24 * HOUR
OF_OBLIGATIONS = ObligationCharged | PlanChanged | ObligationAdjusted | ObligationCancelled | ObligationReinstated
LITTLE_TIME = examples(200)


def repacked(world: World) -> None:
    """Pack and unpack every state and `Published`, and check that nothing changes."""
    for book, kind in (
        (world.payments, PaymentState),
        (world.references, ReferenceState),
        (world.obligations, ObligationState),
        (world.histories, Published),
    ):
        for key, state in book.items():
            packed = msgspec.msgpack.encode(state)
            book[key] = msgspec.msgpack.decode(packed, type=kind)
            assert book[key] == state


def views(world: World) -> dict[tuple[str, str], View]:
    # A key that only ever received what was taken back again has a state, but nothing is published of it.
    return {(v.key_kind, v.key): v for v in world.views() if v.reconciliation is not None or v.breaks}


def settled(facts: list[Fact], now: Micros) -> World:
    world = World()
    for fact in facts:
        world.apply(fact)
    world.publish(now)
    return world


@LITTLE_TIME
@given(facts=histories, now=instants_to_look_at, data=st.data())
def test_order_duplicates_batches_and_packing_do_not_matter(
    facts: list[Fact], now: Micros, data: st.DataObject
) -> None:
    reference = settled(facts, now)

    again = data.draw(st.lists(st.sampled_from(facts), max_size=10))
    delivered = data.draw(st.permutations(facts + again))
    publishes = data.draw(st.sets(st.integers(0, len(delivered)), max_size=4))
    packs = data.draw(st.sets(st.integers(0, len(delivered)), max_size=2))
    world = World()
    for index, fact in enumerate(delivered):
        world.apply(fact)
        if index in publishes:
            world.publish(min(now, START + index * HOUR))
        if index in packs:
            repacked(world)
    world.publish(now)
    assert views(world) == views(reference)


@LITTLE_TIME
@given(facts=histories)
def test_applying_a_fact_twice_changes_nothing(facts: list[Fact]) -> None:
    world = World()
    for fact in facts:
        world.apply(fact)
    before = copy.deepcopy((world.payments, world.references, world.obligations))
    for fact in facts:
        assert not world.apply(fact)
    assert (world.payments, world.references, world.obligations) == before


@LITTLE_TIME
@given(facts=histories)
def test_apply_returns_whether_a_view_can_have_changed(facts: list[Fact]) -> None:
    world = World()
    for fact in facts:
        world.publish(FAR)
        before = views(world)
        changed = world.apply(fact)
        world.publish(FAR)
        assert changed or views(world) == before


@LITTLE_TIME
@given(facts=histories, chance=st.randoms(use_true_random=False))
def test_a_view_changes_only_at_its_next_deadline(facts: list[Fact], chance: random.Random) -> None:
    policy = Policy()
    world = settled(facts, NOT_CAUGHT_UP)
    states: list[tuple[Any, Any]] = [(payment.view, s) for s in world.payments.values()]
    states += [(reference.view, s) for s in world.references.values()]
    states += [(obligation.view, s) for s in world.obligations.values()]
    for view, state in states:
        now, seen = NOT_CAUGHT_UP, 0
        while True:
            at_now = view(state, now, policy)
            deadline = at_now.next_deadline
            last = FAR if deadline is None else deadline - 1
            assert deadline is None or now < deadline < FAR
            assert view(state, last, policy) == at_now
            if now < last:
                between = chance.randint(max(now, START - 1000 * HOUR), max(last, START - 1000 * HOUR))
                assert view(state, min(between, last), policy) == at_now
            if deadline is None:
                break
            now, seen = deadline, seen + 1
        event(f"deadlines: {min(seen, 8)}")


@LITTLE_TIME
@given(facts=histories, now=instants_to_look_at)
def test_money_adds_up(facts: list[Fact], now: Micros) -> None:
    world = settled(facts, now)
    for key, view in world.obligation_views.items():
        record = view.reconciliation
        if record is None:
            continue
        given_ = {
            pid: application.shares
            for pid, v in world.payment_views.items()
            for application in v.applications
            if application.obligation_id == key and application.currency == record.currency
        }
        standing = {pid: sum(share.standing_minor for share in shares) for pid, shares in given_.items()}
        assert record.balance_minor == (
            0 if record.status is ObligationStatus.CANCELLED else record.charged_minor + record.adjusted_minor
        )
        assert sum(one.amount_minor for one in record.installments) == max(0, record.balance_minor)
        for one in record.installments:
            assert 0 <= sum(one.paid.values()) + sum(one.pending.values()) <= one.amount_minor
            assert all(amount > 0 for amount in (*one.paid.values(), *one.pending.values()))
            assert set(one.paid) | set(one.pending) <= {pid for pid, shares in given_.items() if shares}
        placed = sum(sum(one.paid.values()) for one in record.installments)
        assert record.paid_minor == sum(standing.values())
        assert placed == min(record.paid_minor, max(0, record.balance_minor))
        assert record.overpaid_minor == max(0, record.paid_minor - record.balance_minor)
        assert record.pending_minor == sum(sum(one.pending.values()) for one in record.installments)
        for pid, stands in standing.items():
            assert sum(one.paid.get(pid, 0) for one in record.installments) <= stands
        event(f"status: {record.status}")


@LITTLE_TIME
@given(facts=histories, now=instants_to_look_at)
def test_a_key_and_subject_has_one_break_and_the_record_lists_it(facts: list[Fact], now: Micros) -> None:
    world = settled(facts, now)
    for view in world.views():
        ids = [one.break_id for one in view.breaks]
        assert ids == sorted(set(ids))
        assert len({one.subject for one in view.breaks}) == len(ids)
        assert all(one.event_ids == tuple(sorted(set(one.event_ids))) for one in view.breaks)
        assert all("" not in one.event_ids for one in view.breaks)
        if view.reconciliation is not None:
            assert list(view.reconciliation.open_breaks) == [one.break_id for one in view.breaks if not one.is_accepted]
        for one in view.breaks:
            event(f"break: {one.break_class}")


@LITTLE_TIME
@given(facts=histories, publishes=st.lists(instants_to_look_at, max_size=6), chance=st.randoms(use_true_random=False))
def test_applications_may_arrive_in_any_order(
    facts: list[Fact], publishes: list[Micros], chance: random.Random
) -> None:
    world = World()
    for index, fact in enumerate(facts):
        world.apply(fact)
        if index % 3 == 0:
            world.publish(publishes[index % len(publishes)] if publishes else NOT_CAUGHT_UP)
    world.publish(FAR)

    late_reader = World()
    delivered: list[Fact | PaymentApplication] = [*world.applications, *world.applications]
    delivered += [fact for fact in facts if isinstance(fact, OF_OBLIGATIONS)]
    delivered += [fact for fact in facts if isinstance(fact, BreakDecided) and fact.key_kind == "obligation"]
    chance.shuffle(delivered)
    for fact in delivered:
        obligation.apply(late_reader.obligation_state(fact.obligation_id), fact)
    late_reader.publish(FAR)
    assert late_reader.obligation_views == world.obligation_views


@LITTLE_TIME
@given(facts=histories, now=instants_to_look_at)
@example(facts=[], now=NOT_CAUGHT_UP)
def test_an_unchanged_view_publishes_nothing(facts: list[Fact], now: Micros) -> None:
    world = settled(facts, now)
    emitted, applications = len(world.outputs), len(world.applications)
    world.publish(now)
    assert (len(world.outputs), len(world.applications)) == (emitted, applications)

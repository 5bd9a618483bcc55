"""What holds whatever happens: no order, no duplicate and no packing matters; deadlines are honest; money adds up."""

import copy
import random

import msgspec
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from domain.facts import PaymentApplication
from domain.obligations import view as obligation
from domain.obligations.view import ObligationState, ObligationView
from domain.payments import view as payment
from domain.payments.view import PaymentState, PaymentView
from domain.policy import Policy
from domain.publishing import Published
from domain.records import ObligationStatus
from domain.time import HOUR, NOT_CAUGHT_UP, Micros
from tests.kit.domain_world import Fact, World
from tests.kit.fact_strategies import START, histories, instants_to_look_at

FAR: Micros = START + 1000 * 24 * HOUR
LITTLE_TIME = settings(deadline=None, max_examples=200)


def repacked(world: World) -> None:
    """Put all that is remembered through its packed form, and check that this changes nothing."""
    for book, kind in (
        (world.payments, PaymentState),
        (world.obligations, ObligationState),
        (world.histories, Published),
    ):
        for key, state in book.items():
            packed = msgspec.msgpack.encode(state)
            book[key] = msgspec.msgpack.decode(packed, type=kind)
            assert book[key] == state


def views(world: World) -> dict[str, PaymentView | ObligationView]:
    # An obligation that was only ever told empty parts is known to the world, but nothing is told of it.
    told = {k: v for k, v in world.obligation_views.items() if v.reconciliation is not None or v.breaks}
    return {**world.payment_views, **told}


def settled(facts: list[Fact], now: Micros) -> World:
    world = World()
    for fact in facts:
        world.apply(fact)
    world.look(now)
    return world


@LITTLE_TIME
@given(facts=histories, now=instants_to_look_at, data=st.data())
def test_order_duplicates_batches_and_packing_do_not_matter(
    facts: list[Fact], now: Micros, data: st.DataObject
) -> None:
    reference = settled(facts, now)

    again = data.draw(st.lists(st.sampled_from(facts), max_size=10))
    told = data.draw(st.permutations(facts + again))
    looks = data.draw(st.sets(st.integers(0, len(told)), max_size=4))
    packs = data.draw(st.sets(st.integers(0, len(told)), max_size=2))
    world = World()
    for index, fact in enumerate(told):
        world.apply(fact)
        if index in looks:
            world.look(min(now, START + index * HOUR))
        if index in packs:
            repacked(world)
    world.look(now)
    assert views(world) == views(reference)


@LITTLE_TIME
@given(facts=histories)
def test_learning_twice_changes_nothing(facts: list[Fact]) -> None:
    world = World()
    for fact in facts:
        world.apply(fact)
    before = copy.deepcopy((world.payments, world.obligations))
    for fact in facts:
        assert not world.apply(fact)
    assert (world.payments, world.obligations) == before


@LITTLE_TIME
@given(facts=histories)
def test_learning_says_whether_a_view_can_have_changed(facts: list[Fact]) -> None:
    world = World()
    for fact in facts:
        world.look(FAR)
        before = views(world)
        changed = world.apply(fact)
        world.look(FAR)
        assert changed or views(world) == before


@LITTLE_TIME
@given(facts=histories, chance=st.randoms(use_true_random=False))
def test_a_view_changes_only_at_its_next_deadline(facts: list[Fact], chance: random.Random) -> None:
    policy = Policy()
    world = settled(facts, NOT_CAUGHT_UP)
    states = [(payment.view, s) for s in world.payments.values()] + [
        (obligation.view, s) for s in world.obligations.values()
    ]
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
        counting = {
            pid: v.applications
            for pid, v in world.payment_views.items()
            if v.reconciliation.initiated is not None
            and v.reconciliation.initiated.obligation_id == key
            and v.reconciliation.currency == record.currency
        }
        standing = {pid: world.payment_views[pid].reconciliation.settled.standing_minor for pid in counting}
        assert record.balance_minor == (
            0 if record.status is ObligationStatus.CANCELLED else record.charged_minor + record.adjusted_minor
        )
        assert sum(one.amount_minor for one in record.installments) == max(0, record.balance_minor)
        for one in record.installments:
            assert 0 <= sum(one.paid.values()) + sum(one.pending.values()) <= one.amount_minor
            assert all(amount > 0 for amount in (*one.paid.values(), *one.pending.values()))
            assert set(one.paid) | set(one.pending) <= set(counting)
        placed = sum(sum(one.paid.values()) for one in record.installments)
        assert record.paid_minor == placed + record.overpaid_minor
        assert record.pending_minor == sum(sum(one.pending.values()) for one in record.installments)
        assert record.paid_minor == sum(standing.values())
        for pid, stands in standing.items():
            assert sum(one.paid.get(pid, 0) for one in record.installments) <= stands
        # Nothing is overpaid while an installment lacks standing money.
        assert not record.overpaid_minor or placed == max(0, record.balance_minor)
        event(f"status: {record.status}")


@LITTLE_TIME
@given(facts=histories, now=instants_to_look_at)
def test_a_key_and_subject_has_one_break_and_the_record_lists_it(facts: list[Fact], now: Micros) -> None:
    world = settled(facts, now)
    for view in (*world.payment_views.values(), *world.obligation_views.values()):
        ids = [one.break_id for one in view.breaks]
        assert ids == sorted(set(ids))
        assert len({one.subject for one in view.breaks}) == len(ids)
        assert all(one.event_ids == tuple(sorted(set(one.event_ids))) for one in view.breaks)
        assert all("" not in one.event_ids for one in view.breaks)
        if view.reconciliation is not None:
            assert list(view.reconciliation.open_breaks) == ids
        for one in view.breaks:
            event(f"break: {one.break_class}")


@LITTLE_TIME
@given(facts=histories, looks=st.lists(instants_to_look_at, max_size=6), chance=st.randoms(use_true_random=False))
def test_parts_may_come_in_any_order(facts: list[Fact], looks: list[Micros], chance: random.Random) -> None:
    world = World()
    for index, fact in enumerate(facts):
        world.apply(fact)
        if index % 3 == 0:
            world.look(looks[index % len(looks)] if looks else NOT_CAUGHT_UP)
    world.look(FAR)

    late_reader = World()
    told: list[Fact | PaymentApplication] = [*world.applications, *world.applications]
    told += [fact for fact in facts if hasattr(fact, "lease_id") or not hasattr(fact, "payment_id")]
    chance.shuffle(told)
    for fact in told:
        obligation.apply(late_reader.remembered(fact.obligation_id), fact)
    late_reader.look(FAR)
    assert late_reader.obligation_views == world.obligation_views


@LITTLE_TIME
@given(facts=histories, now=instants_to_look_at)
@example(facts=[], now=NOT_CAUGHT_UP)
def test_looking_again_tells_nothing(facts: list[Fact], now: Micros) -> None:
    world = settled(facts, now)
    emitted, applications = len(world.outputs), len(world.applications)
    world.look(now)
    assert (len(world.outputs), len(world.applications)) == (emitted, applications)

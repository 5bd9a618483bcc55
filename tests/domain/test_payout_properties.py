"""Invariants of payouts, bank entries and match groups: order, repetitions, packing and the moments of publication."""

import random
from itertools import permutations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.bank_entries.view import BankEntryState
from domain.matching import state as matching_state
from domain.matching import view as matching
from domain.matching.view import MatchState, new_match
from domain.payouts import state as payout_state
from domain.payouts import view as payout
from domain.payouts.view import PayoutState
from domain.policy import Policy
from domain.publishing import Published, View
from domain.records import MatchedBy
from domain.snapshots import (
    EntryMatch,
    EntryOfPayout,
    OpenEntry,
    OpenPayout,
    PayoutEntry,
    PayoutMatch,
    UnnamedEntry,
    UnnamedPayout,
    match_key,
)
from domain.tally import Tally, count_bank_entry, count_payout, recounted
from domain.time import DAY
from tests.kit.domain_world import Fact, World
from tests.kit.examples import examples
from tests.kit.payout_strategies import instants_to_look_at, payout_histories

KINDS = {"payout", "bank_entry"}
GROUP = match_key("A", "USD", 100)


def views(world: World) -> dict[tuple[str, str], View]:
    return {
        (view.key_kind, view.key): view
        for view in world.views()
        if view.key_kind in KINDS and (view.reconciliation is not None or view.breaks)
    }


def at_once(facts: list[Fact], now: int) -> dict[tuple[str, str], View]:
    world = World()
    for fact in facts:
        world.apply(fact)
    world.publish(now)
    return views(world)


@examples(300)
@given(facts=payout_histories, now=instants_to_look_at, dice=st.randoms(use_true_random=False))
def test_order_repetitions_and_publications_on_the_way_do_not_matter(
    facts: list[Fact], now: int, dice: random.Random
) -> None:
    """What a snapshot said before is taken back: the world that publishes all the time is that which publishes once."""
    world = World()
    delivered = [*facts, *dice.sample(facts, len(facts) // 2)]
    dice.shuffle(delivered)
    for fact in delivered:
        world.apply(fact)
        if dice.random() < 0.5:
            world.publish(dice.choice((now, now - 3 * DAY)))
    world.publish(now)
    assert views(world) == at_once(facts, now)


@examples(150)
@given(facts=payout_histories, now=instants_to_look_at)
def test_states_survive_packing_at_any_moment(facts: list[Fact], now: int) -> None:
    world = World()
    for fact in facts:
        world.apply(fact)
        world.publish(now)
        for book, kind in (
            (world.payouts, PayoutState),
            (world.bank_entries, BankEntryState),
            (world.groups, MatchState),
            (world.histories, Published),
        ):
            for key, state in book.items():  # type: ignore[attr-defined]
                book[key] = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=kind)  # type: ignore[index]
                assert book[key] == state  # type: ignore[index]
    assert views(world) == at_once(facts, now)


@examples(200)
@given(facts=payout_histories, now=instants_to_look_at, publishes=st.sets(st.integers(0, 25)))
def test_a_deadline_changes_a_view_at_its_very_instant(facts: list[Fact], now: int, publishes: set[int]) -> None:
    world = World()
    for fact in facts:
        world.apply(fact)
    world.publish(now)
    for view in list(world.views()):
        if view.key_kind not in KINDS or view.next_deadline is None:
            continue
        assert view.next_deadline > now
        world.publish(view.next_deadline - 1)
        before = (world.payout_views | world.bank_entry_views)[view.key]  # type: ignore[operator]
        assert msgspec.structs.replace(before, next_deadline=None) == msgspec.structs.replace(view, next_deadline=None)
        world.publish(view.next_deadline)
        after = (world.payout_views | world.bank_entry_views)[view.key]  # type: ignore[operator]
        assert after != before
        world.publish(now)


@examples(200)
@given(facts=payout_histories, now=instants_to_look_at, publishes=st.sets(st.integers(0, 25)))
def test_an_incremental_tally_equals_a_recomputed_one(facts: list[Fact], now: int, publishes: set[int]) -> None:
    world = Counted()
    for number, fact in enumerate(facts):
        world.apply(fact)
        if number in publishes:
            world.publish(now)
    world.publish(now + 9 * DAY)
    for kind, state in (("payout", PayoutState), ("bank_entry", BankEntryState)):
        published = [one for key, one in world.histories.items() if key[0] == kind]
        assert world.tallies[kind] == recounted(state, published, world.tallies[kind].ach.forgotten)


class Counted(World):
    """Counts as the agents do: before the difference is published."""

    def __init__(self) -> None:
        super().__init__()
        self.tallies = {"payout": Tally(), "bank_entry": Tally()}

    def _publish(self, view: View, now: int) -> list[str]:
        published = self.histories.setdefault((view.key_kind, view.key), Published())
        if view.key_kind == "payout":
            count_payout(self.tallies["payout"], published, view)  # type: ignore[arg-type]
        elif view.key_kind == "bank_entry":
            count_bank_entry(self.tallies["bank_entry"], published, self.bank_entries[view.key], view)  # type: ignore[arg-type]
        return super()._publish(view, now)


def open_entry(name: str, day: int, reference: str | None = None, revision: int = 1) -> OpenEntry:
    return OpenEntry(GROUP, f"A/{name}", revision, UnnamedEntry(day, reference, 0, f"e-{name}"))


def open_payout(name: str, day: int, reference: str | None = None, revision: int = 1) -> OpenPayout:
    return OpenPayout(GROUP, f"acme/{name}", revision, UnnamedPayout(day, reference))


def found(*facts: OpenEntry | OpenPayout) -> dict[str, str | tuple[str, ...]]:
    """What the group says to each entry: its payout, or its candidates."""
    state = new_match(GROUP)
    for fact in facts:
        matching.apply(state, fact)
    snapshots = matching.view(state, 0, Policy()).snapshots
    told = [each for each in snapshots if isinstance(each, EntryMatch)]
    of_payouts = {each.payout_key: each.bank_entry_key for each in snapshots if isinstance(each, PayoutMatch)}
    matched = {
        each.finding.payout_key: each.bank_entry_key for each in told if each.finding and each.finding.payout_key
    }
    assert of_payouts == matched, "both are told the same"
    return {
        each.bank_entry_key: each.finding.payout_key or each.finding.candidates
        for each in told
        if each.finding is not None
    }


def test_a_match_does_not_depend_on_the_order_of_arrival() -> None:
    facts = (open_entry("n1", 5), open_entry("n2", 5, "REF"), open_payout("y1", 5), open_payout("y2", 6, "REF"))
    expected = {"A/n1": "acme/y1", "A/n2": "acme/y2"}
    assert all(found(*order) == expected for order in permutations(facts))


def test_an_earlier_snapshot_that_comes_late_changes_nothing() -> None:
    withdrawn = OpenEntry(GROUP, "A/n1", 2, None)
    for order in permutations((open_entry("n1", 5), withdrawn, open_payout("y1", 5))):
        assert found(*order) == {}


def test_a_chain_of_entries_and_payouts_is_left_to_people() -> None:
    """Each fits its neighbours: nothing is matched, though one pairing would use up all of them."""
    facts = [open_entry("n1", 0), open_payout("y1", 0), open_entry("n2", 5), open_payout("y2", 5)]
    assert found(*facts) == {"A/n1": ("acme/y1",), "A/n2": ("acme/y1", "acme/y2")}


def test_a_key_with_signs_of_its_own() -> None:
    key = match_key("a/b%", "USD", -100)
    assert key == "a%2Fb%25/USD/-100"
    state = new_match(key)
    matching.apply(state, OpenEntry(key, "a%2Fb%25/n/1", 1, UnnamedEntry(5, None, 0, "e")))
    matching.apply(state, OpenPayout(key, "acme/po/1", 1, UnnamedPayout(5, None)))
    (of_payout, of_entry) = matching.view(state, 0, Policy()).snapshots
    assert isinstance(of_payout, PayoutMatch)
    assert isinstance(of_entry, EntryMatch)
    assert (of_payout.payout_key, of_entry.bank_entry_key) == ("acme/po/1", "a%2Fb%25/n/1")
    assert of_payout.entry == EntryOfPayout(-100, "USD", 5, 0, "e", MatchedBy.AMOUNT)


def test_a_group_keeps_its_first_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching_state, "GROUP_MAX", 3)
    facts = [open_entry(f"n{day}", day) for day in (7, 1, 9, 3, 5)]
    for order in permutations(facts):
        state = new_match(GROUP)
        for fact in order:
            matching.apply(state, fact)
        assert set(state.entries) == {"A/n1", "A/n3", "A/n5"}


def test_a_payout_keeps_its_first_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payout_state, "ENTRIES_MAX", 2)
    state = payout.new_payout("acme/po1")
    for day in (7, 1, 3):
        entry = EntryOfPayout(100, "USD", day, 0, f"e{day}", MatchedBy.NAMED)
        payout.apply(state, PayoutEntry("acme/po1", f"A/n{day}", 1, entry))
    assert set(state.entries) == {"A/n1", "A/n3"}


def test_thousands_of_equal_ones_take_no_time() -> None:
    """Linear, not quadratic: rents of one amount that tenants pay to the account, and a processor's payouts of it."""
    state = new_match(GROUP)
    for number in range(5_000):
        matching.apply(state, open_entry(f"n{number:05}", number % 20, "REF"))
        matching.apply(state, open_payout(f"y{number:05}", number % 20, "REF" if number % 2 else None))
    snapshots = matching.view(state, 0, Policy()).snapshots
    told = [each.finding for each in snapshots if isinstance(each, EntryMatch) and each.finding is not None]
    assert sum(finding.payout_key is not None for finding in told) == 2_500
    assert max(len(finding.candidates) for finding in told) == 100

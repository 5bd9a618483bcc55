"""The tallies of payouts and bank entries: updated key by key they equal those that are recomputed from all keys."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from domain import publishing
from domain.bank_entries.view import BankEntryState
from domain.facts import BankEntryBooked, BreakDecided, EntryMatched, PayoutReported
from domain.ids import evidence_of
from domain.payouts.view import PayoutState
from domain.publishing import Published
from domain.tally import Tally, count_bank_entry, count_payout, recounted
from domain.time import DAY, HOUR, NOT_CAUGHT_UP, Micros
from tables.tallies import pack_tally, unpack_tally
from tests.kit.domain_world import Fact, World
from tests.kit.examples import examples
from tests.kit.payout_strategies import ARRIVAL, START, instants_to_look_at, payout_histories


class Counted:
    """The payouts and bank entries of a world, counted whenever they are published."""

    def __init__(self) -> None:
        self.world = World()
        self.payouts = Tally()
        self.bank_entries = Tally()
        self.published: dict[tuple[str, str], Published] = {}

    def publish(self, now: Micros) -> None:
        self.world.publish(now)
        for key, view in self.world.payout_views.items():
            published = self.published.setdefault(("payout", key), Published())
            count_payout(self.payouts, published, view)
            publishing.diff(published, view, now, self.world.version)
        for key, entry in self.world.bank_entry_views.items():
            published = self.published.setdefault(("bank_entry", key), Published())
            count_bank_entry(self.bank_entries, published, self.world.bank_entries[key], entry)
            publishing.diff(published, entry, now, self.world.version)

    def apply(self, *facts: Fact) -> None:
        for fact in facts:
            self.world.apply(fact)

    def histories(self, kind: str) -> list[Published]:
        return [published for (of, _), published in self.published.items() if of == kind]


@examples(200)
@given(facts=payout_histories, now=instants_to_look_at, publishes=st.sets(st.integers(0, 12), max_size=5))
def test_an_incremental_tally_equals_a_recomputed_one(facts: list[Fact], now: Micros, publishes: set[int]) -> None:
    counted, at_once = Counted(), Counted()
    for number, fact in enumerate(facts):
        counted.apply(fact)
        if number in publishes:
            counted.publish(now if number % 2 else NOT_CAUGHT_UP)
    counted.publish(now)
    at_once.apply(*facts)
    at_once.publish(now)
    for kind, state, tally, other in (
        ("payout", PayoutState, counted.payouts, at_once.payouts),
        ("bank_entry", BankEntryState, counted.bank_entries, at_once.bank_entries),
    ):
        assert tally == recounted(state, counted.histories(kind), 0)
        assert tally == unpack_tally(pack_tally(tally)) == other


PAID = PayoutReported(
    event_id="y1",
    occurred_at=START,
    processor="acme",
    payout_id="po1",
    status="PAID",
    amount_minor=9_700,
    other_minor=9_700,
    currency="USD",
    arrival_date=ARRIVAL,
    account_id="A",
)
BOOKED = BankEntryBooked(
    event_id="b1",
    occurred_at=START + DAY,
    account_id="A",
    entry_id="n1",
    amount_minor=-550,
    currency="USD",
    booking_date=ARRIVAL,
)


def test_money_is_under_way_until_it_is_on_the_account_and_an_entry_is_unmatched_until_a_person_matches_it() -> None:
    counted = Counted()
    counted.apply(PAID, BOOKED)
    counted.publish(NOT_CAUGHT_UP)
    assert counted.payouts.sums == {
        ("status", "in_transit"): (1,), ("payout_money", "in_transit", "USD"): (9_700, 0),
        ("under_way", "USD"): (1, 9_700), ("waiting", "under_way", str(ARRIVAL)): (1,),
    }  # fmt: skip
    assert counted.bank_entries.sums == {("status", "unmatched"): (1,), ("unmatched_money", "USD"): (1, 550)}

    # Its deadline passes: the entry waits since then. So does that of the payout, which is under way no longer.
    late = (ARRIVAL + 20) * DAY
    counted.publish(late)
    waiting = [name for name in counted.bank_entries.sums if name[0] == "waiting"]
    assert [name[1] for name in waiting] == ["unexplained"]
    assert ARRIVAL + 2 <= int(waiting[0][2]) <= ARRIVAL + 6
    assert counted.payouts.sums == {
        ("status", "exception"): (1,), ("payout_money", "exception", "USD"): (9_700, 0),
        ("break", "deposit_missing", "USD"): (1, 9_700, -9_700),
    }  # fmt: skip

    counted.apply(EntryMatched("m1", START + 2 * DAY, "A", "n1", "acme", "po1", "kim", "the bank's fee"))
    counted.apply(msgspec.structs.replace(BOOKED, event_id="b2", entry_id="n2", amount_minor=9_700, processor="acme",
                                          payout_id="po1"))  # fmt: skip
    counted.publish(late)
    assert counted.bank_entries.sums == {("status", "person"): (1,), ("status", "named"): (1,)}
    assert counted.payouts.sums == {
        ("status", "exception"): (1,), ("payout_money", "exception", "USD"): (9_700, 9_150),
        ("break", "deposit_amount_mismatch", "USD"): (1, 550, -550),
    }  # fmt: skip


def test_a_deposit_that_people_have_accepted_is_not_waited_for() -> None:
    counted = Counted()
    counted.apply(PAID, msgspec.structs.replace(BOOKED, amount_minor=9_150, processor="acme", payout_id="po1"))
    counted.publish(START + 9 * DAY)
    (one,) = counted.world.payout_views["acme/po1"].breaks
    decision: dict[str, Any] = {
        "key_kind": "payout",
        "key": "acme/po1",
        "break_id": one.break_id,
        "reason": "the bank's fee",
    }
    counted.apply(
        BreakDecided(
            event_id="d1", occurred_at=START + HOUR, decision_id="D1", action="ACCEPT", actor="ana",
            break_class=one.break_class, drift_minor=-550, evidence=evidence_of(one.break_class, one.event_ids),
            **decision,
        ),
        BreakDecided(
            event_id="d2", occurred_at=START + 2 * HOUR, decision_id="D2", action="APPROVE", actor="ben",
            refers_to="D1", **decision,
        ),
    )  # fmt: skip
    counted.publish(START + 9 * DAY)
    assert counted.payouts.sums == {
        ("status", "in_transit"): (1,), ("payout_money", "in_transit", "USD"): (9_700, 9_150),
        ("accepted", "deposit_amount_mismatch", "USD"): (1, 550, -550), ("decision", "accepted"): (1,),
    }  # fmt: skip

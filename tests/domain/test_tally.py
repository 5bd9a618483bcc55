"""A tally that is updated key by key equals one that is recomputed from all keys."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from domain import publishing
from domain.ach_returns import AHEAD_DAYS, KEPT_DAYS, AchReturns
from domain.facts import PaymentApplication
from domain.obligations import view as obligation
from domain.obligations.view import ObligationState, new_obligation
from domain.payments import view as payment
from domain.payments.view import PaymentState, new_payment
from domain.policy import Policy
from domain.publishing import Published
from domain.references.view import ReferenceState
from domain.tally import Tally, count_obligation, count_payment, count_reference, recounted
from domain.time import DAY, NOT_CAUGHT_UP, Micros
from tables.tallies import pack_tally, unpack_tally
from tests.kit.domain_world import Fact, World
from tests.kit.examples import examples
from tests.kit.fact_strategies import START, histories, instants_to_look_at
from tests.kit.scenario_tables import read_facts
from tests.kit.scenario_words import day, instant

TODAY = START // DAY
POLICY = Policy()


class Counted:
    """All keys of a world, counted whenever they are published."""

    def __init__(self) -> None:
        self.world = World()
        self.payments = Tally()
        self.obligations = Tally()
        self.references = Tally()
        self.published: dict[tuple[str, str], Published] = {}

    def publish(self, now: Micros, today: int = TODAY) -> None:
        self.world.publish(now)
        for tally in (self.payments, self.obligations, self.references):
            tally.ach.forget(today)
        for key, view in self.world.payment_views.items():
            published = self.published.setdefault(("payment", key), Published())
            count_payment(self.payments, published, self.world.payments[key], view, today)
            publishing.diff(published, view, now, self.world.version)
        for key, resolving in self.world.reference_views.items():
            published = self.published.setdefault(("reference", key), Published())
            count_reference(self.references, published, resolving)
            publishing.diff(published, resolving, now, self.world.version)
        for key, owed in self.world.obligation_views.items():
            published = self.published.setdefault(("obligation", key), Published())
            count_obligation(self.obligations, published, self.world.obligations[key], owed, today)
            publishing.diff(published, owed, now, self.world.version)

    def histories(self, kind: str) -> list[Published]:
        return [published for (of, _), published in self.published.items() if of == kind]


def packed_and_unpacked(tally: Tally) -> Tally:
    return unpack_tally(pack_tally(tally))


@examples(200)
@given(facts=histories, now=instants_to_look_at, publishes=st.sets(st.integers(0, 12), max_size=5))
def test_an_incremental_tally_equals_a_recomputed_one(facts: list[Fact], now: Micros, publishes: set[int]) -> None:
    counted = Counted()
    for number, fact in enumerate(facts):
        counted.world.apply(fact)
        if number in publishes:
            counted.publish(now if number % 2 else NOT_CAUGHT_UP)
    counted.publish(now)
    at_once = Counted()
    for fact in facts:
        at_once.world.apply(fact)
    at_once.publish(now)

    for kind, state, tally in (
        ("payment", PaymentState, counted.payments),
        ("obligation", ObligationState, counted.obligations),
        ("reference", ReferenceState, counted.references),
    ):
        assert tally == recounted(state, counted.histories(kind), tally.ach.forgotten)
        assert tally == packed_and_unpacked(tally)
    assert (counted.payments, counted.obligations, counted.references) == (
        at_once.payments,
        at_once.obligations,
        at_once.references,
    )
    # What a view says when nothing is known of a key, nobody sees; but a tally must come back to nothing.
    before = recounted(PaymentState, counted.histories("payment"), counted.payments.ach.forgotten)
    for published in counted.histories("payment"):
        alone = recounted(PaymentState, [published], counted.payments.ach.forgotten)
        for name, vector in alone.sums.items():
            before.put(name, tuple(-value for value in vector))
        for on, counts in alone.ach.by_day.items():
            for kind_of_entry, count in enumerate(counts):
                for _ in range(count):
                    before.ach.count([4 * on + kind_of_entry], -1)
    assert before == Tally(ach=AchReturns(forgotten=counted.payments.ach.forgotten))


def test_a_payment_counts_as_last_published() -> None:
    counted = Counted()
    facts = read_facts("""
        2026-01-05 15:00  P1 initiated 100.00 CARD for O1
        2026-01-06 15:00  P1 SETTLED 100.00
        2026-01-06 16:00  P1 posted 100.00 to O1 as L1
        2026-01-07 15:00  P1 RETURNED 100.00
    """)
    counted.world.apply(facts[0])
    counted.publish(NOT_CAUGHT_UP)
    assert counted.payments.sums == {("status", "initiated"): (1,), ("legs", "initiated"): (1,)}
    for fact in facts[1:3]:
        counted.world.apply(fact)
    counted.publish(NOT_CAUGHT_UP)
    assert counted.payments.sums == {
        ("status", "reconciled"): (1,), ("legs", "initiated_settled_posted"): (1,),
        ("money", "USD"): (10_000, 10_000, 0),
    }  # fmt: skip
    counted.world.apply(facts[3])
    counted.publish(instant("2026-01-09 05:00"))
    assert counted.payments.sums == {
        ("status", "exception"): (1,), ("legs", "initiated_settled_posted"): (1,),
        ("money", "USD"): (0, 10_000, 10_000),
        ("break", "reversed_after_posting", "USD"): (1, 10_000, 10_000),
    }  # fmt: skip
    assert counted.obligations.sums == {}


ENTRIES = """
2026-01-05 15:00  P1 initiated 100.00 ACH_DEBIT for O1
2026-01-06 15:00  P1 SETTLED 100.00 ref R1
2026-01-08 15:00  P1 RETURNED 100.00 ref R1
2026-01-09 15:00  P1 FAILED 100.00 ref R2
2026-01-10 15:00  P1 RETURNED 100.00 ref R3
2026-01-05 15:00  P2 initiated 100.00 CARD for O1
2026-01-06 15:00  P2 SETTLED 100.00 ref R1
"""


def entries_of(reasons: dict[str, str | None], today: int) -> Tally:
    counted = Counted()
    for fact in read_facts(ENTRIES):
        reason = reasons.get(getattr(fact, "processor_reference", None) or "")
        returned = getattr(fact, "outcome", None) == "RETURNED"
        counted.world.apply(msgspec.structs.replace(fact, reason_code=reason) if returned else fact)
    counted.publish(NOT_CAUGHT_UP, today)
    return counted.payments


def test_an_ach_entry_counts_on_the_day_it_is_known_from_and_a_failure_alone_is_none() -> None:
    today = day("2026-01-20")
    tally = entries_of({"R1": "R10", "R3": "R03"}, today)
    assert tally.ach.by_day == {
        day("2026-01-06"): (1, 0, 0, 0),
        day("2026-01-08"): (0, 1, 0, 0),
        day("2026-01-10"): (1, 0, 1, 0),
    }
    assert tally.ach.in_window(today) == (2, 1, 1, 0)
    assert entries_of({"R1": "R01", "R3": None}, today).ach.in_window(today) == (2, 0, 0, 2)


def test_the_window_moves_with_the_clock_and_old_days_are_forgotten() -> None:
    tally = entries_of({"R1": "R51", "R3": "R04"}, day("2026-01-20"))
    assert tally.ach.in_window(day("2026-01-06") - 1) == (0, 0, 0, 0)
    assert tally.ach.in_window(day("2026-01-06") + 59) == (2, 1, 1, 0)
    assert tally.ach.in_window(day("2026-01-06") + 60) == (1, 1, 1, 0)
    assert tally.ach.in_window(day("2026-01-10") + 60) == (0, 0, 0, 0)
    tally.ach.forget(day("2026-01-08") + KEPT_DAYS)
    assert set(tally.ach.by_day) == {day("2026-01-08"), day("2026-01-10")}
    # An entry of a forgotten day was forgotten with it: there is nothing to take back.
    tally.ach.count([4 * day("2026-01-06")], -1)
    assert set(tally.ach.by_day) == {day("2026-01-08"), day("2026-01-10")}


def test_false_dates_cannot_fill_a_tally() -> None:
    assert entries_of({}, day("2026-01-05") - AHEAD_DAYS - 30).ach.by_day == {}


def test_of_two_reports_of_a_return_the_same_reason_is_accepted_in_any_order() -> None:
    """They are one record's identity, instant and event; only the reason differs. No conflict, and no chance either."""
    facts = read_facts(ENTRIES)[:3]
    returned = facts.pop()
    reports = [msgspec.structs.replace(returned, reason_code=reason) for reason in ("R01", "R10")]
    found = []
    for order in (reports, reports[::-1]):
        state = new_payment("P1")
        for fact in (*facts, *order):
            payment.apply(state, fact)
        view = payment.view(state, NOT_CAUGHT_UP, POLICY)
        assert view.breaks == ()
        tally = Tally()
        count_payment(tally, Published(), state, view, day("2026-01-20"))
        found.append(tally)
    assert found[0] == found[1]


def test_an_obligation_without_a_charge_counts_by_its_breaks_alone() -> None:
    state = new_obligation("O1")
    obligation.apply(
        state,
        PaymentApplication(
            payment_id="P1",
            obligation_id="O1",
            revision=1,
            initiated=True,
            initiated_at=START,
            currency="USD",
            installment_id=None,
            standing_minor=700,
            in_flight_minor=0,
            pending_until=None,
            posted={},
            rests_on=START,
            initiation_event_id="e1",
        ),
    )
    tally, published = Tally(), Published()
    view = obligation.view(state, START + DAY, POLICY)
    count_obligation(tally, published, state, view, TODAY)
    publishing.diff(published, view, START, 1)
    assert tally.sums == {("break", "obligation_unknown", "USD"): (1, 700, 700)}
    charge = read_facts("2026-06-01 15:00  O1 charged 7.00 due 2026-07-15")[0]
    obligation.apply(state, charge)
    view = obligation.view(state, START + DAY, POLICY)
    count_obligation(tally, published, state, view, TODAY)
    assert tally.sums == {("status", "paid"): (1,), ("ageing", "current"): (1,), ("owed", "USD"): (700, 700)}


def test_a_key_that_was_never_counted_is_not_taken_back() -> None:
    """A key from before there were tallies: its breaks are in its `Published`, but in no tally."""
    counted = Counted()
    for fact in read_facts("2026-01-06 16:00  P1 posted 100.00 to O1 as L1"):
        counted.world.apply(fact)
    counted.publish(instant("2026-01-09 05:00"))
    (published,) = counted.histories("payment")
    assert len(published.breaks) == 1
    fields = msgspec.msgpack.decode(msgspec.msgpack.encode(published))
    counted_at = Published.__struct_fields__.index("counted")
    older = msgspec.msgpack.decode(msgspec.msgpack.encode(fields[:counted_at]), type=Published)
    assert (older.counted, older.breaks) == ((), published.breaks)
    tally = Tally()
    state = counted.world.payments["P1"]
    count_payment(tally, older, state, counted.world.payment_views["P1"], TODAY)
    assert tally.sums == counted.payments.sums


def test_the_packed_contribution_is_small() -> None:
    """A stored payment has about 400 bytes; the hot path must not carry much more."""
    counted = Counted()
    for fact in read_facts(ENTRIES)[:3]:
        counted.world.apply(fact)
    counted.publish(NOT_CAUGHT_UP)
    assert len(msgspec.msgpack.encode(counted.published["payment", "P1"].counted)) < 40

"""Changes of a ledger's rows as facts: what an insertion, an update and a deletion of each record's row adds."""

import random
from decimal import Decimal
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from connectors.ledger.changes import Change, MappingError
from connectors.ledger.row_state import RowState
from connectors.ledger.translation import Translator
from domain.facts import (
    ObligationAdjusted,
    ObligationCancelled,
    ObligationCharged,
    ObligationReinstated,
    PaymentPosted,
    PlanChanged,
    PostingReversed,
)
from domain.time import DAY, SECOND
from tests.kit.ledger_rows import (
    MAPPING,
    NOW,
    Ledger,
    adjustment,
    charge,
    charged,
    ledger_mapping,
    posted_by_payment,
    posting,
    reversal,
    reversed_too_often,
)


class World:
    """A ledger, and what has been reported of it."""

    def __init__(self, mapping: str = MAPPING) -> None:
        self.ledger = Ledger()
        self.translator = Translator(ledger_mapping(mapping))
        self.states: dict[str, RowState] = {}
        self.facts: list[Any] = []

    def apply(self, *changes: Change) -> list[Any]:
        """The facts that these changes add, all of which must be understood."""
        added: list[Any] = []
        for change in changes:
            done = self.translator.apply(change, self.states)
            assert [error.message for error in done.refused] == []
            added += done.facts
        self.facts += added
        return added

    def refusal(self, change: Change) -> str:
        done = self.translator.apply(change, self.states)
        assert done.facts == []
        (error,) = done.refused
        return error.message


@pytest.fixture
def world() -> World:
    return World()


def test_an_inserted_posting_is_posted_under_its_own_id(world: World) -> None:
    (fact,) = world.apply(world.ledger.written("posting", posting(7, "100.50")))
    assert isinstance(fact, PaymentPosted)
    assert (fact.posting_id, fact.payment_id, fact.obligation_id) == ("7", "P7", "O1")
    assert (fact.amount_minor, fact.currency) == (10_050, "USD")
    assert fact.occurred_at == 20_635 * DAY + 9 * 3600 * SECOND


def test_an_update_of_posted_money_is_a_reversal_and_a_new_posting(world: World) -> None:
    world.apply(world.ledger.written("posting", posting(7, "100.00")))
    undone, done = world.apply(world.ledger.written("posting", posting(7, "80.00")))
    assert isinstance(undone, PostingReversed)
    assert isinstance(done, PaymentPosted)
    assert (undone.posting_id, undone.amount_minor, done.amount_minor) == ("7", 10_000, 8_000)
    assert undone.occurred_at == done.occurred_at == NOW
    assert done.posting_id not in ("7", undone.posting_id)
    again, third = world.apply(world.ledger.written("posting", posting(7, "100.00")))
    assert (again.posting_id, again.amount_minor) == (done.posting_id, 8_000)
    assert third.posting_id not in ("7", done.posting_id)
    assert posted_by_payment(world.facts) == {"P7": 10_000}


@pytest.mark.parametrize("changed", [{"payment": "P8"}, {"charge": "O2"}])
def test_a_posting_that_moves_is_reversed_where_it_was(world: World, changed: dict[str, str]) -> None:
    world.apply(world.ledger.written("posting", posting(7)))
    undone, done = world.apply(world.ledger.written("posting", posting(7, **changed)))
    assert (undone.payment_id, undone.obligation_id) == ("P7", "O1")
    assert (done.payment_id, done.obligation_id) == (changed.get("payment", "P7"), changed.get("charge", "O1"))


def test_an_update_that_moves_no_money_adds_nothing(world: World) -> None:
    world.apply(world.ledger.written("posting", posting(7)))
    assert world.apply(world.ledger.written("posting", posting(7, note="checked", posted_at="2026-07-02T00:00Z"))) == []


@pytest.mark.parametrize("gone", ["deleted", "void", "zero"])
def test_a_posting_that_is_gone_is_reversed_and_may_come_back(world: World, gone: str) -> None:
    world.apply(world.ledger.written("posting", posting(7)))
    change = {
        "deleted": world.ledger.deleted("posting", 7),
        "void": world.ledger.written("posting", posting(7, status="void")),
        "zero": world.ledger.written("posting", posting(7, "0.00")),
    }[gone]
    (undone,) = world.apply(change)
    assert (undone.posting_id, undone.amount_minor) == ("7", 10_000)
    assert world.apply(world.ledger.deleted("posting", 7)) == []
    (back,) = world.apply(world.ledger.written("posting", posting(7)))
    assert back.posting_id.startswith("7~")
    assert posted_by_payment(world.facts) == {"P7": 10_000}


def test_a_row_that_never_counted_adds_nothing(world: World) -> None:
    assert (
        world.apply(world.ledger.written("posting", posting(7, status="void")), world.ledger.deleted("posting", 7))
        == []
    )


def test_a_row_may_become_another_record(world: World) -> None:
    world.apply(world.ledger.written("posting", posting(1)), world.ledger.written("posting", posting(2, payment="P1")))
    facts = world.apply(world.ledger.written("posting", reversal(2, of=1)))
    assert [type(fact) for fact in facts] == [PostingReversed, PostingReversed]
    assert posted_by_payment(world.facts) == {}


@pytest.mark.parametrize(
    ("amounts", "left"),
    [
        (["-40.00"], 6_000),
        (["-40.00", "-10.00"], 9_000),
        (["-40.00", "-10.00", "-70.00"], 3_000),
        (["-100.00", "-30.00", "-90.00", "-20.00", "-100.00"], 0),
        (["-40.00", None], 10_000),
        (["-40.00", None, "-60.00"], 4_000),
        (["-40.00", None, None, "-40.00", "-50.00"], 5_000),
    ],
)
def test_a_reversal_that_changes_never_reverses_more_than_there_is(
    world: World, amounts: list[str | None], left: int
) -> None:
    world.apply(world.ledger.written("posting", posting(1)))
    for amount in amounts:
        gone = world.ledger.deleted("posting", 2)
        world.apply(gone if amount is None else world.ledger.written("posting", reversal(2, 1, amount)))
    assert posted_by_payment(world.facts) == ({"P1": left} if left else {})
    assert reversed_too_often(world.facts) == set()


def test_a_reversal_that_moves_to_another_posting(world: World) -> None:
    world.apply(*(world.ledger.written("posting", posting(number)) for number in (1, 3)))
    world.apply(world.ledger.written("posting", reversal(2, 1, "-40.00")))
    world.apply(world.ledger.written("posting", reversal(2, 3, "-40.00")))
    assert posted_by_payment(world.facts) == {"P1": 10_000, "P3": 6_000}


def test_an_adjustment_that_changes_is_adjusted_by_the_difference(world: World) -> None:
    (first,) = world.apply(world.ledger.written("adjustment", adjustment(1, "-20.00")))
    assert (first.adjustment_id, first.amount_delta_minor, first.kind) == ("1", -2_000, "RENT")
    (more,) = world.apply(world.ledger.written("adjustment", adjustment(1, "-50.00")))
    assert (more.amount_delta_minor, more.installment_id) == (-3_000, None)
    (back,) = world.apply(world.ledger.deleted("adjustment", 1))
    assert back.amount_delta_minor == 5_000
    assert charged(world.facts) == 0


def test_a_fee_that_changes_is_changed_as_the_installment_that_it_is(world: World) -> None:
    world.apply(world.ledger.written("adjustment", adjustment(1, "50.00", kind="late", due="2026-07-10")))
    (less,) = world.apply(world.ledger.written("adjustment", adjustment(1, "20.00", kind="late", due="2026-07-10")))
    assert (less.amount_delta_minor, less.installment_id, less.due_date, less.kind) == (-3_000, "1", None, None)
    moved = world.apply(world.ledger.written("adjustment", adjustment(1, "20.00", kind="late", due="2026-07-20")))
    assert [(fact.amount_delta_minor, fact.installment_id, fact.kind) for fact in moved] == [
        (-2_000, "1", None),
        (2_000, None, "FEE"),
    ]
    (gone,) = world.apply(world.ledger.deleted("adjustment", 1))
    assert gone.installment_id == moved[1].adjustment_id


PLAN = '[{"id": "A", "amount": "450.00", "due": "2026-07-01"}, {"id": "B", "amount": "450.00", "due": "2026-07-15"}]'


def test_a_charge_with_its_plan(world: World) -> None:
    (fact,) = world.apply(world.ledger.written("charge", charge(plan=PLAN)))
    assert isinstance(fact, ObligationCharged)
    assert (fact.obligation_id, fact.amount_minor, fact.due_date) == ("L1/2026-07", 90_000, 20_635)
    assert (fact.time_zone, fact.grace_days) == ("America/New_York", 5)
    assert [(i.installment_id, i.sequence, i.amount_minor) for i in fact.installments] == [
        ("A", 1, 45_000),
        ("B", 2, 45_000),
    ]


def test_a_charge_that_changes_is_adjusted_and_planned_anew(world: World) -> None:
    world.apply(world.ledger.written("charge", charge(plan=PLAN)))
    more, plan = world.apply(
        world.ledger.written("charge", charge(amount="950.00", plan=PLAN.replace("450", "475", 2)))
    )
    assert isinstance(more, ObligationAdjusted)
    assert isinstance(plan, PlanChanged)
    assert (more.amount_delta_minor, plan.plan_version) == (5_000, 1)
    (second,) = world.apply(world.ledger.written("charge", charge(amount="950.00", plan=None)))
    assert (second.plan_version, second.installments) == (2, ())
    assert charged(world.facts) == 95_000


def test_what_no_record_changes_of_a_charge_is_told_again_and_conflicts(world: World) -> None:
    world.apply(world.ledger.written("charge", charge()))
    more, again = sorted(
        world.apply(world.ledger.written("charge", charge(amount="950.00", due="2026-07-05"))),
        key=lambda fact: type(fact).__name__,
    )
    assert (more.amount_delta_minor, again.due_date, again.amount_minor) == (5_000, 20_639, 90_000)


def test_a_charge_that_is_deleted_is_cancelled_and_may_come_back(world: World) -> None:
    world.apply(world.ledger.written("charge", charge()))
    (gone,) = world.apply(world.ledger.deleted("charge", 1))
    assert isinstance(gone, ObligationCancelled)
    back, more = world.apply(world.ledger.written("charge", charge(amount="910.00")))
    assert isinstance(back, ObligationReinstated)
    assert more.amount_delta_minor == 1_000
    (again,) = world.apply(world.ledger.deleted("charge", 1))
    assert again.cancellation_id != gone.cancellation_id


def test_cancellations_and_reinstatements_are_each_others_opposite(world: World) -> None:
    for table, own, other in (
        ("cancellation", ObligationCancelled, ObligationReinstated),
        ("reinstatement", ObligationReinstated, ObligationCancelled),
    ):
        row = {"id": 4, "charge": "O1", "note": "moved out"}
        facts = world.apply(
            world.ledger.written(table, row), world.ledger.deleted(table, 4), world.ledger.written(table, row)
        )
        assert [type(fact) for fact in facts] == [own, other, own]


def test_a_plan_without_a_version_of_its_own_is_counted(world: World) -> None:
    parts = [{"installment_id": "A", "amount_minor": 10, "due_date": "2026-07-01", "sequence": 3}]
    row = {"id": 1, "charge": "O1", "parts": parts}
    facts = world.apply(
        world.ledger.written("plan", row),
        world.ledger.written("plan", row),
        world.ledger.written("plan", row | {"parts": [*parts, parts[0] | {"installment_id": "B"}]}),
        world.ledger.deleted("plan", 1),
        world.ledger.written("plan", row),
    )
    assert [(fact.plan_version, len(fact.installments)) for fact in facts] == [(1, 1), (2, 2), (3, 0), (4, 1)]


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"installment_id": None, "amount_minor": 1, "due_date": "2026-07-01"}, "installment_id is null"),
        ({"installment_id": "A", "amount_minor": 0, "due_date": "2026-07-01"}, "amount_minor is 0"),
        ({"installment_id": "A", "amount_minor": 1, "due_date": None}, "due_date is null"),
        ({"installment_id": "A", "amount_minor": 1}, "has no column 'due_date'"),
        ({"installment_id": "A", "amount_minor": 1, "due_date": "soon"}, "not a date"),
        ("x", "not a list of objects"),
    ],
)
def test_installments_that_cannot_be_read(world: World, part: Any, message: str) -> None:
    change = world.ledger.written("plan", {"id": 1, "charge": "O1", "parts": [part]})
    assert message in world.refusal(change)


def test_a_version_of_a_plan_that_is_deleted_is_not_understood() -> None:
    world = World(MAPPING.replace('installments = "parts"', 'installments = "parts"\nplan_version = "id"'))
    world.apply(world.ledger.written("plan", {"id": 2, "charge": "O1", "parts": "[]"}))
    assert "no record takes a version back" in world.refusal(world.ledger.deleted("plan", 2))


def test_a_snapshot_of_what_is_known_adds_nothing_and_corrects_what_was_missed(world: World) -> None:
    world.apply(world.ledger.written("posting", posting(1)))
    assert world.apply(world.ledger.read("posting", posting(1))) == []
    assert len(world.apply(world.ledger.read("posting", posting(1, "90.00")))) == 2
    assert posted_by_payment(world.facts) == {"P1": 9_000}


def test_ids_follow_from_content_and_position_alone() -> None:
    ledger = Ledger()
    changes = [ledger.written("posting", posting(1)), ledger.written("posting", posting(1, "90.00"))]
    found = [World().apply(*changes) for _ in range(2)]
    assert found[0] == found[1]
    assert len({fact.event_id for fact in found[0]}) == 3


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (posting(1, "1.005"), "the currency has 2"),
        (posting(1, "-5.00"), "amount_minor is -500"),
        (posting(1) | {"amount": 12.5}, "is a float, which cannot hold money"),
        (posting(1) | {"amount": "EtZE"}, "may be Debezium's bytes or text"),
        (posting(1) | {"amount": "1234"}, "may be Debezium's bytes or text"),
        (posting(1, payment=None), "payment_id is null"),
        (posting(1, payment=""), "payment_id is ''"),
        (posting(1, posted_at="yesterday"), "is no instant"),
        (posting(1, posted_at=12), "no instant of the years"),
        (posting(1, charge=b"\x01"), "is no text"),
    ],
)
def test_what_cannot_be_read_is_refused_and_the_row_stays_as_it_was(row: dict[str, Any], message: str) -> None:
    world = World()
    assert message in world.refusal(world.ledger.written("posting", row))
    world.apply(world.ledger.written("posting", posting(1)))
    assert message in world.refusal(world.ledger.written("posting", row))
    (gone,) = world.apply(world.ledger.deleted("posting", 1))
    assert gone.amount_minor == 10_000


def test_a_column_that_is_not_there_stops_the_process(world: World) -> None:
    row = posting(1)
    del row["payment"]
    with pytest.raises(MappingError, match="has no column 'payment'"):
        world.translator.apply(world.ledger.written("posting", row), world.states)


@pytest.mark.parametrize("value", [1_782_896_400, 1_782_896_400_000, 1_782_896_400_000_000, 1_782_896_400_000_000_000])
def test_a_bare_number_is_an_instant_by_its_size(world: World, value: int) -> None:
    (fact,) = world.apply(world.ledger.written("posting", posting(1, posted_at=value)))
    assert fact.occurred_at == 1_782_896_400 * SECOND


def test_an_instant_without_a_zone_is_of_the_mapping_s_zone() -> None:
    zoned = 'occurred_at = { column = "posted_at", zone = "America/New_York" }'
    world = World(MAPPING.replace('occurred_at = "posted_at"', zoned))
    for number, value in enumerate(["2026-07-01T05:00:00", 1_782_882_000_000], start=1):
        (fact,) = world.apply(world.ledger.written("posting", posting(number, posted_at=value)))
        assert fact.occurred_at == 20_635 * DAY + 9 * 3600 * SECOND


AMOUNTS = st.sampled_from(["10.00", "20.00", "30.00"])
STEPS = st.lists(
    st.tuples(st.integers(1, 3), st.sampled_from(["write", "void", "delete", "read"]), AMOUNTS), max_size=14
)


@hypothesis.given(steps=STEPS, seed=st.integers(0, 2**32))
def test_redelivery_changes_nothing_and_the_sum_is_the_ledger_s(steps: list[Any], seed: int) -> None:
    ledger, rows, log = Ledger(), dict[int, dict[str, Any]](), list[Change]()
    for number, step, amount in steps:
        if step == "delete":
            rows.pop(number, None)
            log.append(ledger.deleted("posting", number))
            continue
        row = posting(number, amount, status="void" if step == "void" else "posted")
        rows[number] = row
        log.append(ledger.read("posting", row) if step == "read" else ledger.written("posting", row))
    once, more, order = World(), World(), random.Random(seed)
    once.apply(*log)
    for end in range(1, len(log) + 1):
        more.apply(log[end - 1])
        more.apply(*log[order.randint(0, end) : end])  # the source restarts and delivers again
    assert more.facts == once.facts
    truth = {f"P{n}": int(Decimal(row["amount"]) * 100) for n, row in rows.items() if row["status"] == "posted"}
    assert posted_by_payment(once.facts) == truth
    assert reversed_too_often(once.facts) == set()

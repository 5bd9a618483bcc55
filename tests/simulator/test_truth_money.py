"""A payment's money under version 2: attempts, excess, in flight, where it goes, what the ledger did (section 4)."""

from typing import Any

import pytest

from domain.facts import InputFact
from simulator.truth import Truth
from tests.kit.build_scenario import at, charged, initiated, outcome, posted, reversed_posting, seen
from tests.simulator.building import (
    LATE,
    RENT,
    classes,
    given,
    reassigned,
    settled,
    the_charge,
    the_initiation,
    the_posting,
    then,
)

CHARGE, START, POSTED = the_charge(), the_initiation(), the_posting()


def settled_of(truth: Truth) -> dict[str, int]:
    row: dict[str, int] = truth.payments["P-1"]["settled"]
    return row


def standing(*facts: InputFact) -> int:
    return settled_of(seen(LATE, CHARGE, START, *facts))["standing_minor"]


def paid_out(truth: Truth) -> list[tuple[str, int, int]]:
    parts = truth.payments["P-1"]["allocations"]
    return [(part["obligation_id"], part["standing_minor"], part["pending_minor"]) for part in parts]


def test_a_return_before_its_settlement_is_owed() -> None:
    early = then("RETURNED", "2026-05-31T15:00Z", 40_000)
    assert standing(early, settled()) == RENT - 40_000
    assert standing(early, settled(), then("RETURN_REVERSED", "2026-06-03T15:00Z", 40_000)) == RENT


def test_a_reversed_return_leaves_what_is_owed_first() -> None:
    facts = [then("RETURNED", "2026-05-30T15:00Z", 40_000), then("RETURN_REVERSED", "2026-05-31T15:00Z", 50_000)]
    assert standing(*facts, settled()) == RENT
    truth = seen(LATE, CHARGE, START, *facts, settled())
    assert classes(truth)["reversal_excess"] == (0, 10_000)


def test_a_failure_takes_all_of_its_attempt_and_none_of_another() -> None:
    failed = then("FAILED", "2026-06-02T15:00Z", 0, processor_reference="R-2")
    both = [settled("R-1", amount=100_000), settled("R-2", amount=50_000)]
    assert standing(*both, failed) == 100_000
    assert standing(settled("R-1"), then("FAILED", "2026-06-02T15:00Z", 0, original_reference="R-1")) == 0


@pytest.mark.parametrize(
    ("kind", "reversal", "subject"),
    [
        ("REFUNDED", "REFUND_REVERSED", "REFUND"),
        ("CHARGEBACK", "CHARGEBACK_REVERSED", "CHARGEBACK"),
        ("RETURNED", "RETURN_REVERSED", "RETURN"),
    ],
)
def test_what_comes_back_above_what_had_gone_is_excess(kind: str, reversal: str, subject: str) -> None:
    facts = [settled(), POSTED, then(kind, "2026-06-03T15:00Z", 50_000), then(reversal, "2026-06-04T15:00Z", 50_700)]
    (row,) = seen(LATE, CHARGE, START, *facts).open_breaks.values()
    assert (row["class"], row["subject"], row["actual_minor"]) == ("reversal_excess", ["excess", subject], 700)
    assert standing(*facts) == RENT


def test_a_chargeback_takes_no_more_than_was_settled_once_that_is_known() -> None:
    disputed = then("CHARGEBACK", "2026-05-30T15:00Z", 200_000)
    assert settled_of(seen(LATE, CHARGE, START, disputed))["charged_back_minor"] == 200_000
    truth = seen(LATE, CHARGE, START, disputed, settled())
    assert settled_of(truth)["charged_back_minor"] == RENT
    assert classes(truth) == {"chargeback_excess": (0, 50_000)}
    won = then("CHARGEBACK_REVERSED", "2026-06-03T15:00Z", 200_000)
    assert classes(seen(LATE, CHARGE, START, disputed, settled(), won, POSTED)) == {}


def test_the_second_of_two_captures_is_awaited() -> None:
    facts = [CHARGE, START, settled(amount=100_000, when="2026-05-30T15:00Z")]
    truth = seen("2026-06-02T12:00Z", *facts)
    row = truth.payments["P-1"]
    assert (row["status"], row["in_flight_minor"], paid_out(truth)) == ("settled", 50_000, [("O-1", 100_000, 50_000)])
    assert truth.live_alerts == {}
    assert "settlement_amount_mismatch" in classes(seen(LATE, *facts))


@pytest.mark.parametrize(
    "fact",
    [
        then("FAILED", "2026-05-30T15:00Z", 0, processor_reference="R-9"),
        then("RETURNED", "2026-05-30T15:00Z", 1, currency="CAD"),
    ],
)
def test_nothing_is_in_flight_once_something_failed_or_came_back(fact: InputFact) -> None:
    assert seen("2026-06-01T12:00Z", CHARGE, START, fact).payments["P-1"]["in_flight_minor"] == 0


def test_standing_money_fills_the_allocations_in_order_and_money_in_flight_the_room_left() -> None:
    allocations = (given("O-1", 100_000), given("O-2", 30_000), given("O-3", 20_000))
    start = the_initiation(allocations=allocations)
    part = settled(amount=110_000, when="2026-05-30T15:00Z")
    truth = seen("2026-06-01T12:00Z", start, part)
    assert paid_out(truth) == [("O-1", 100_000, 0), ("O-2", 10_000, 20_000), ("O-3", 0, 20_000)]
    more = settled(amount=200_000, when="2026-05-30T15:00Z")
    assert paid_out(seen(LATE, start, more))[-1] == ("O-3", 70_000, 0)


def test_the_highest_assignment_holds_whenever_it_came() -> None:
    two = charged(RENT, obligation_id="O-2")
    facts: list[InputFact] = [CHARGE, two, START, settled()]
    facts += [
        reassigned(2, given("O-2", RENT), when="2026-06-05T12:00Z"),
        reassigned(1, given("O-3", RENT), when="2026-06-09T12:00Z"),
    ]
    truth = seen(LATE, *facts, the_posting(obligation_id="O-2"))
    assert paid_out(truth) == [("O-2", RENT, 0)]
    assert truth.open_breaks == {}
    assert [row["status"] for row in truth.obligations.values()] == ["past_due", "paid"]


def test_before_a_fact_with_a_currency_there_is_no_record() -> None:
    one = reassigned(1, given("O-2", RENT))
    truth = seen(LATE, one)
    assert (truth.payments, truth.open_breaks) == ({}, {})
    other = reassigned(1, given("O-3", RENT))
    (row,) = seen(LATE, one, other).open_breaks.values()
    assert (row["subject"], row["currency"]) == (["fact", "PaymentReassigned", "1"], "XXX")


def test_grace_of_the_obligations_breaks_counts_from_the_assignment() -> None:
    facts = [START, settled(), reassigned(1, given("O-2", RENT), when="2026-06-10T12:00Z")]
    assert "obligation_unknown" not in classes(seen("2026-06-10T12:29Z", CHARGE, *facts))
    rows = seen("2026-06-10T12:30Z", CHARGE, *facts).open_breaks.values()
    assert {(row["class"], row["key"], row["actual_minor"]) for row in rows if row["key_kind"] == "obligation"} == {
        ("obligation_unknown", "O-2", RENT)
    }


def test_posted_as_allocated_or_misallocated() -> None:
    two = charged(RENT, obligation_id="O-2")
    start = the_initiation(allocations=(given("O-1", 100_000), given("O-2", 50_000)))
    facts = [CHARGE, two, start, settled()]
    wrong = [the_posting(amount=80_000), the_posting("G-2", amount=70_000, obligation_id="O-2")]
    rows = [row for row in seen(LATE, *facts, *wrong).open_breaks.values() if row["class"] == "posting_misallocated"]
    assert {(row["subject"][1], row["expected_minor"], row["actual_minor"]) for row in rows} == {
        ("O-1", 100_000, 80_000),
        ("O-2", 50_000, 70_000),
    }
    assert classes(seen("2026-06-02T12:00Z", *facts, *wrong)) == {}
    astray = [*wrong, reversed_posting("G-2", amount=70_000), the_posting("G-3", amount=70_000, obligation_id="O-9")]
    assert "posting_misallocated" not in classes(seen(LATE, *facts, *astray))
    assert classes(seen(LATE, *facts, *astray))["obligation_mismatch"] == (0, 70_000)


def test_a_reversal_of_an_unknown_posting_waits_and_moves_no_deadline() -> None:
    waiting = reversed_posting("G-9", "2026-06-12T12:00Z", 700, currency="USD")
    facts = [CHARGE, START, settled(), waiting]
    assert "posting_missing" in classes(seen("2026-06-12T12:29Z", *facts))
    truth = seen("2026-06-12T12:30Z", *facts)
    assert classes(truth)["reversal_unmatched"] == (0, 700)
    known = the_posting("G-9")
    assert classes(seen(LATE, *facts[:3], known, waiting)) == {"posting_amount_mismatch": (RENT, RENT - 700)}


@pytest.mark.parametrize(
    ("currency", "before", "due"),
    [
        # From Thursday 30 April on: Friday 1 May is a holiday of TARGET, Monday 4 May one of England.
        ("EUR", "2026-05-05T21:59Z", "2026-05-05T22:00Z"),
        ("GBP", "2026-05-05T22:59Z", "2026-05-05T23:00Z"),
        ("JPY", "2026-05-04T23:59Z", "2026-05-05T00:00Z"),
    ],
)
def test_deadlines_by_the_calendar_of_the_currency(currency: str, before: str, due: str) -> None:
    start = initiated(when="2026-04-30T09:00Z", method="CARD", currency=currency)
    assert seen(before, start).payments["P-1"]["status"] == "initiated"
    (row,) = [row for row in seen(due, start).open_breaks.values() if row["key_kind"] == "payment"]
    assert (row["class"], row["due_at"]) == ("settlement_missing", at(due))


def test_a_fee_in_another_settlement_currency_is_neither_summed_nor_compared() -> None:
    fields: dict[str, Any] = {"fee_minor": 31, "net_minor": 124_000, "settlement_currency": "EUR"}
    truth = seen(LATE, CHARGE, START, settled(**fields), POSTED)
    assert truth.open_breaks == {}
    assert (settled_of(truth)["fee_minor"], settled_of(truth)["net_minor"]) == (0, 0)


def test_a_fee_variance_of_a_movement_names_it() -> None:
    wrong = settled(fee_minor=100, net_minor=RENT, movement_id="m7")
    (row,) = seen(LATE, CHARGE, START, wrong, POSTED).open_breaks.values()
    assert row["subject"] == ["fee", "bank", "R-1", "m7"]


def test_a_negative_fee_is_a_rebate() -> None:
    truth = seen(LATE, CHARGE, START, settled(fee_minor=-50, net_minor=RENT + 50), POSTED)
    assert (settled_of(truth)["fee_minor"], truth.open_breaks) == (-50, {})


def test_the_property_of_the_initiation_is_that_of_the_charge() -> None:
    facts = [CHARGE, the_initiation(property_id="PR-9"), settled(), POSTED]
    assert classes(seen(LATE, *facts)) == {"property_mismatch": (0, RENT)}
    moved = reassigned(1, given("O-1", RENT))
    assert classes(seen(LATE, *facts, moved)) == {}
    assert classes(seen(LATE, CHARGE, the_initiation(tenant_id="T-9"), settled(), POSTED)) == {}


def test_two_settlements_of_one_live_attempt_are_a_duplicate() -> None:
    facts = [settled(movement_id="1"), settled(movement_id="2", when="2026-06-02T15:00Z"), POSTED]
    assert classes(seen(LATE, CHARGE, START, *facts))["duplicate_settlement"] == (RENT, 2 * RENT)


def test_an_outcome_in_another_currency_is_known_and_takes_part_in_nothing() -> None:
    foreign = outcome("RETURNED", "2026-06-03T15:00Z", RENT, currency="CAD")
    truth = seen(LATE, CHARGE, START, settled(), posted(amount=RENT), foreign)
    assert settled_of(truth)["standing_minor"] == RENT
    assert classes(truth) == {"currency_mismatch": (0, 0)}

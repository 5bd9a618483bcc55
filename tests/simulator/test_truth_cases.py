"""The small inputs that went wrong under version 1 of the contract, and what is right."""

import msgspec

from domain.facts import InputFact
from tests.kit.build_scenario import adjusted, at, cancelled, day, part, reversed_posting, seen
from tests.kit.build_scenario import charged as charged_for
from tests.kit.build_scenario import initiated as initiated_for
from tests.simulator.building import (
    LATE,
    RENT,
    classes,
    given,
    outcome_of,
    reinstated,
    settled,
    the_charge,
    the_initiation,
    the_posting,
    then,
)

RECONCILED: tuple[int, str, str, dict[str, tuple[int, int]]] = (RENT, "reconciled", "paid", {})
CHARGE, START, POSTED = the_charge(), the_initiation(), the_posting()
CARD = the_initiation(method="CARD")


def test_settled_returned_and_settled_again_with_movement_ids() -> None:
    again = settled(when="2026-06-08T15:00Z", movement_id="m3")
    back = then("RETURNED", "2026-06-03T15:00Z", reason_code="R01", movement_id="m2")
    assert outcome_of(CHARGE, START, settled(movement_id="m1"), back, again, POSTED) == RECONCILED


def test_two_refunds_of_one_reference() -> None:
    facts = [CHARGE, CARD, settled(), POSTED]
    for number, when in (("a", "2026-06-03"), ("b", "2026-06-05")):
        facts.append(then("REFUNDED", f"{when}T15:00Z", 20_000, movement_id=number))
        facts.append(reversed_posting(when=f"{when}T16:00Z", amount=20_000, reversal_id=f"V-{number}"))
    assert outcome_of(*facts)[:2] == (110_000, "reconciled")
    assert seen(LATE, *facts).open_breaks == {}


def test_told_again_after_its_opposite_of_another_attempt_is_no_conflict() -> None:
    back = then("RETURNED", "2026-06-03T15:00Z", processor_reference="x")
    facts = [CHARGE, START, settled("x"), back, settled("y", "2026-06-05T15:00Z"), the_posting()]
    again = msgspec.structs.replace(back, event_id="again", occurred_at=at("2026-06-09T15:00Z"))
    assert outcome_of(*facts, again)[3] == {}


def test_told_again_after_its_opposite_of_its_own_attempt_is_a_conflict() -> None:
    back = then("RETURNED", "2026-06-03T15:00Z")
    facts = [CHARGE, START, settled(), back, settled(when="2026-06-05T15:00Z", movement_id="2"), POSTED]
    assert outcome_of(*facts)[3] == {}
    again = msgspec.structs.replace(back, event_id="again", occurred_at=at("2026-06-09T15:00Z"))
    truth = seen(LATE, *facts, again)
    (row,) = truth.open_breaks.values()
    assert row["subject"] == ["fact", "ProcessorSettled", "bank", "R-1", "RETURNED"]
    assert row["event_ids"] == sorted((back.event_id, facts[4].event_id))


def test_a_refund_that_came_back() -> None:
    facts: list[InputFact] = [
        CHARGE,
        CARD,
        settled(),
        POSTED,
        then("REFUNDED", "2026-06-03T15:00Z", processor_reference="re_1"),
        reversed_posting(amount=RENT),
        then("REFUND_REVERSED", "2026-06-09T15:00Z", processor_reference="re_1"),
        the_posting("G-2", "2026-06-09T16:00Z"),
    ]
    assert outcome_of(*facts) == RECONCILED


def test_a_dishonoured_return() -> None:
    facts: list[InputFact] = [
        CHARGE,
        START,
        settled(),
        POSTED,
        then("RETURNED", "2026-06-03T15:00Z", reason_code="R01"),
        reversed_posting(amount=RENT),
        then("RETURN_REVERSED", "2026-06-08T15:00Z", reason_code="R61"),
        the_posting("G-2", "2026-06-08T16:00Z"),
    ]
    assert outcome_of(*facts) == RECONCILED


def test_two_reversals_of_one_posting() -> None:
    reversals = [reversed_posting(amount=RENT, reversal_id=name) for name in ("rv1", "rv2")]
    facts = [CHARGE, START, settled(), POSTED, then("RETURNED", "2026-06-03T15:00Z"), *reversals]
    standing, status, _, breaks = outcome_of(*facts)
    assert (standing, status, breaks) == (0, "exception", {"posting_over_reversed": (RENT, 2 * RENT)})
    (row,) = seen(LATE, *facts).open_breaks.values()
    assert row["priority"] == 1


def test_a_chargeback_above_the_settlement() -> None:
    facts: list[InputFact] = [
        CHARGE,
        CARD,
        settled(),
        POSTED,
        then("CHARGEBACK", "2026-06-03T15:00Z", 151_200),
        then("CHARGEBACK_REVERSED", "2026-06-08T15:00Z", RENT),
    ]
    assert outcome_of(*facts) == (RENT, "exception", "paid", {"chargeback_excess": (0, 1_200)})


def test_failed_and_settled_at_one_instant() -> None:
    assert outcome_of(CHARGE, START, then("FAILED", "2026-06-01T15:00Z", 0), settled(), POSTED) == (
        RENT,
        "exception",
        "paid",
        {"conflicting_fact": (0, 0)},
    )


def test_a_further_charge_with_its_own_due_date() -> None:
    charge = charged_for(RENT, due="2026-04-01", occurred_at=at("2026-03-25T12:00Z"))
    facts: list[InputFact] = [
        charge,
        initiated_for(when="2026-03-30T14:00Z", amount=RENT),
        settled(when="2026-04-01T15:00Z"),
        the_posting(when="2026-04-01T16:00Z"),
        adjusted(4_200, when="2026-06-15T12:00Z", due_date=day("2026-07-01")),
    ]
    truth = seen("2026-06-15T18:00Z", *facts)
    assert (truth.live_alerts, truth.open_breaks) == ({}, {})
    slots = truth.obligations["O-1"]["installments"]
    assert [(slot["installment_id"], slot["amount_minor"]) for slot in slots] == [("O-1", RENT), ("A-1", 4_200)]


def test_a_credit_for_an_installment() -> None:
    plan = (part("A", "2026-06-01", 75_000, 1), part("B", "2026-06-28", 75_000, 2))
    truth = seen(LATE, charged_for(RENT, *plan), adjusted(-75_000, installment_id="A"))
    slots = truth.obligations["O-1"]["installments"]
    assert [slot["amount_minor"] for slot in slots] == [0, 75_000]
    assert (truth.live_alerts, truth.open_breaks, truth.obligations["O-1"]["status"]) == ({}, {}, "open")


def test_one_payment_for_two_months() -> None:
    july = charged_for(RENT, due="2026-07-01", obligation_id="O-2", period="2026-07")
    facts: list[InputFact] = [
        CHARGE,
        july,
        initiated_for(when="2026-05-29T14:00Z", amount=2 * RENT, allocations=(given("O-1", RENT), given("O-2", RENT))),
        settled(amount=2 * RENT),
        POSTED,
        the_posting("G-2", obligation_id="O-2"),
    ]
    truth = seen("2026-07-10T12:00Z", *facts)
    assert truth.payments["P-1"]["status"] == "reconciled"
    assert [row["status"] for row in truth.obligations.values()] == ["paid", "paid"]
    assert (truth.open_breaks, truth.live_alerts) == ({}, {})


def test_a_credit_above_the_rent_is_owed_back() -> None:
    truth = seen(LATE, the_charge(), adjusted(-2 * RENT))
    assert classes(truth) == {"overpayment": (-RENT, 0)}
    assert truth.obligations["O-1"]["overpaid_minor"] == RENT


def test_cancelled_and_reinstated() -> None:
    facts = [CHARGE, START, settled(), POSTED, cancelled("2026-06-02T12:00Z"), reinstated()]
    assert outcome_of(*facts) == RECONCILED
    again = cancelled("2026-06-04T12:00Z")
    again = msgspec.structs.replace(again, cancellation_id="X-2")
    assert outcome_of(*facts, again)[2:] == ("cancelled", {"overpayment": (0, RENT)})


def test_a_post_dated_cheque_hides_no_debt() -> None:
    august = charged_for(RENT, due="2026-08-01", period="2026-08")
    cheque = initiated_for(when="2026-09-15T12:00Z", amount=RENT, method="CHECK")
    truth = seen("2026-08-20T12:00Z", august, cheque)
    assert truth.obligations["O-1"]["status"] == "past_due"
    assert truth.obligations["O-1"]["pending_minor"] == 0
    assert truth.payments["P-1"]["status"] == "initiated"


def test_a_value_date_that_was_told_later_is_filled_in() -> None:
    one = settled()
    two = settled(when="2026-06-03T15:00Z", value_date=day("2026-06-03"))
    assert outcome_of(CHARGE, START, one, two, POSTED) == RECONCILED


def test_a_partial_return() -> None:
    facts = [CHARGE, START, settled(), POSTED, then("RETURNED", "2026-06-03T15:00Z", 50_000)]
    ledger = reversed_posting(amount=50_000)
    assert outcome_of(*facts, ledger)[0] == 100_000
    assert outcome_of(*facts, ledger)[3] == {"settlement_amount_mismatch": (RENT, 100_000)}
    assert outcome_of(*facts, ledger, when="2026-06-05T12:00Z")[3] == {}


def test_other_days_of_grace_are_a_conflict() -> None:
    again = msgspec.structs.replace(CHARGE, event_id="again", grace_days=15)
    assert outcome_of(CHARGE, again, START, settled(), POSTED)[3] == {"conflicting_fact": (0, 0)}


def test_rent_money_pays_no_fee_before_rent() -> None:
    halves = (part("A", "2026-04-01", 75_000, 1), part("B", "2026-04-15", 75_000, 2))
    charge = charged_for(RENT, *halves, due="2026-04-01", occurred_at=at("2026-03-25T12:00Z"))
    facts: list[InputFact] = [
        charge,
        adjusted(7_500, "FEE-1", "2026-04-07T12:00Z", kind="FEE"),
        initiated_for(when="2026-04-14T14:00Z", amount=RENT),
        settled(when="2026-04-14T15:00Z"),
        the_posting(when="2026-04-14T16:00Z"),
    ]
    row = seen("2026-04-20T12:00Z", *facts).obligations["O-1"]
    paid = {slot["installment_id"]: sum(slot["paid"].values()) for slot in row["installments"]}
    assert paid == {"A": 75_000, "FEE-1": 0, "B": 75_000}
    assert [slot["due_date"] for slot in row["installments"]] == [
        day("2026-04-01"),
        day("2026-04-07"),
        day("2026-04-15"),
    ]

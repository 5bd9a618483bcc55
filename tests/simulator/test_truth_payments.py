"""Hand-checked payments (contract sections 3, 4 and 7). The charge is known throughout, so only payments speak."""

import pytest

from domain.facts import InputFact
from simulator.truth import truth_of_facts
from tests.kit.build_scenario import (
    at,
    breaks,
    charged,
    initiated,
    outcome,
    posted,
    reversed_posting,
    seen,
)

LATER = "2026-07-15T12:00Z"
CHARGE = charged(85_000)


def payment(when: str, *facts: InputFact) -> dict[str, object]:
    return seen(when, CHARGE, *facts).payments["P-1"]


def payment_breaks(when: str, *facts: InputFact) -> dict[str, tuple[int, int]]:
    truth = seen(when, CHARGE, *facts)
    own = {key: row for key, row in truth.open_breaks.items() if row["key_kind"] == "payment"}
    assert sorted(own) == truth.payments["P-1"]["open_breaks"]
    found = {row["class"]: (row["expected_minor"], row["actual_minor"]) for row in own.values()}
    assert len(found) == len(own)
    return found


def test_settled_and_posted_is_reconciled_to_the_last_field() -> None:
    facts = (initiated(), outcome(fee_minor=500), posted())
    assert payment(LATER, *facts) == {
        "payment_id": "P-1",
        "status": "reconciled",
        "currency": "USD",
        "initiated": {
            "obligation_id": "O-1",
            "installment_id": None,
            "amount_minor": 85_000,
            "method": "ACH_DEBIT",
        },
        "settled": {
            "gross_minor": 85_000,
            "fee_minor": 500,
            "net_minor": 84_500,
            "returned_minor": 0,
            "refunded_minor": 0,
            "charged_back_minor": 0,
            "standing_minor": 85_000,
        },
        "posted": {"net_minor": 85_000, "by_obligation": {"O-1": 85_000}},
        "open_breaks": [],
        "rests_on": at("2026-06-03T16:00Z"),
        "in_flight_minor": 0,
        "allocations": [
            {
                "obligation_id": "O-1",
                "installment_id": None,
                "amount_minor": 85_000,
                "standing_minor": 85_000,
                "pending_minor": 0,
            }
        ],
    }


@pytest.mark.parametrize(
    ("method", "start", "deadline"),
    [
        # Five banking days after Monday the 1st end with Monday the 8th, at midnight in New York (04:00 UTC).
        ("ACH_DEBIT", "2026-06-01T14:00Z", "2026-06-09T04:00Z"),
        # 02:00 UTC on Tuesday is still Monday evening in New York.
        ("ACH_DEBIT", "2026-06-02T02:00Z", "2026-06-09T04:00Z"),
        # From Friday the 12th: 15, 16, 17, 18, then over Juneteenth (a Friday) to Monday the 22nd.
        ("ACH_DEBIT", "2026-06-12T14:00Z", "2026-06-23T04:00Z"),
        # A Saturday counts as Monday the 15th; two more days are Wednesday.
        ("CARD", "2026-06-13T14:00Z", "2026-06-18T04:00Z"),
        # Independence Day 2026 is a Saturday: Friday 3 July is a banking day.
        ("CARD", "2026-07-01T14:00Z", "2026-07-04T04:00Z"),
        ("CASH", "2026-06-01T14:00Z", "2026-06-03T04:00Z"),
        # Ten days: 2-5, 8-12, and Monday the 15th.
        ("CHECK", "2026-06-01T14:00Z", "2026-06-16T04:00Z"),
        ("INSTANT", "2026-06-06T23:30Z", "2026-06-07T00:30Z"),
    ],
)
def test_a_payment_without_outcome_is_missing_from_its_deadline_on(method: str, start: str, deadline: str) -> None:
    fact = initiated(when=start, method=method)
    just_before = seen(deadline, CHARGE, fact).at - 1
    due = at(deadline)
    assert [row["due_at"] for row in seen(deadline, CHARGE, fact).open_breaks.values()] == [due]
    assert payment_breaks(deadline, fact) == {"settlement_missing": (85_000, 0)}
    before = truth_of_facts([CHARGE, fact], just_before)
    assert before.open_breaks == {}
    assert before.payments["P-1"]["status"] == "initiated"


def test_posted_on_trust_is_worse_than_missing() -> None:
    facts = (initiated(), posted())
    assert payment_breaks("2026-06-09T03:59Z", *facts) == {}
    assert payment_breaks("2026-06-09T04:00Z", *facts) == {"posting_without_settlement": (85_000, 0)}


def test_a_failure_before_the_settlement_is_a_retry_and_one_after_it_voids() -> None:
    early, late = outcome("FAILED", "2026-06-02T15:00Z", 0), outcome("FAILED", "2026-06-04T15:00Z", 0)
    assert payment(LATER, initiated(), early, outcome(), posted())["status"] == "reconciled"
    voided = payment(LATER, initiated(), late, outcome())
    assert voided["status"] == "failed"
    assert voided["settled"]["returned_minor"] == 85_000  # type: ignore[index]
    assert voided["settled"]["standing_minor"] == 0  # type: ignore[index]


def test_a_return_takes_back_its_own_attempt_only() -> None:
    facts = (
        initiated(),
        outcome("SETTLED", processor_reference="R-1"),
        outcome("SETTLED", processor_reference="R-2"),
        outcome("RETURNED", "2026-06-04T15:00Z", processor_reference="R-1"),
        posted(),
    )
    row = payment(LATER, *facts)
    assert row["settled"]["standing_minor"] == 85_000  # type: ignore[index]
    assert row["status"] == "reconciled"


def test_a_return_of_an_attempt_that_never_settled_takes_back_nothing() -> None:
    facts = (initiated(), outcome(processor_reference="R-2"), outcome("RETURNED"), posted())
    assert payment(LATER, *facts)["status"] == "reconciled"
    assert payment(LATER, initiated(), outcome("RETURNED"))["status"] == "returned"


def test_two_live_attempts_are_a_duplicate_and_one_too_large_is_a_mismatch() -> None:
    second = outcome(processor_reference="R-2")
    both = (initiated(), outcome(), second, posted(), posted("G-2"))
    assert payment_breaks(LATER, *both) == {"duplicate_settlement": (85_000, 170_000)}
    large = (initiated(), outcome(amount=86_000), posted(amount=86_000))
    assert payment_breaks(LATER, *large) == {"settlement_amount_mismatch": (85_000, 86_000)}
    small = (initiated(), outcome(amount=84_000), posted(amount=84_000))
    assert payment_breaks(LATER, *small) == {"settlement_amount_mismatch": (85_000, 84_000)}


def test_refunded_and_charged_back_beyond_what_was_collected() -> None:
    facts = (
        initiated(),
        outcome(),
        outcome("REFUNDED", "2026-06-04T15:00Z", 50_000),
        outcome("CHARGEBACK", "2026-06-05T15:00Z", 85_000),
    )
    assert payment_breaks(LATER, *facts) == {"over_reversed": (85_000, 135_000)}
    won = outcome("CHARGEBACK_REVERSED", "2026-06-08T15:00Z", 85_000)
    row = payment(LATER, *facts, won, posted(amount=35_000))
    assert (row["status"], row["settled"]["charged_back_minor"]) == ("reconciled", 0)  # type: ignore[index]


def test_charged_back_returned_refunded_failed_in_that_order() -> None:
    refund = outcome("REFUNDED", "2026-06-04T15:00Z")
    other = {"processor_reference": "R-2"}
    assert payment(LATER, initiated(), outcome(), outcome("CHARGEBACK"))["status"] == "charged_back"
    assert payment(LATER, initiated(), outcome(), outcome("RETURNED"))["status"] == "returned"
    assert payment(LATER, initiated(), outcome(), refund)["status"] == "refunded"
    assert payment(LATER, initiated(), outcome("FAILED", amount=0))["status"] == "failed"
    mixed = (initiated(), outcome(), outcome("RETURNED"), outcome("FAILED", amount=0, **other))
    assert payment(LATER, *mixed)["status"] == "returned"


def test_money_that_left_must_leave_the_ledger_by_the_end_of_the_next_banking_day() -> None:
    # Returned on Friday 5 June: the posting deadline is the end of Monday the 8th.
    facts = (initiated(), outcome(), posted(), outcome("RETURNED", "2026-06-05T15:00Z"))
    assert payment(LATER, *facts, reversed_posting())["status"] == "returned"
    assert payment_breaks("2026-06-09T03:59Z", *facts) == {}
    assert payment_breaks("2026-06-09T04:00Z", *facts) == {"reversed_after_posting": (0, 85_000)}


def test_a_reversal_moves_the_posting_deadline() -> None:
    # Settled Wednesday 3 June: posting due by Thursday's end. A reversal on Friday gives until Monday's.
    facts = (initiated(), outcome())
    assert payment_breaks("2026-06-05T03:59Z", *facts) == {}
    assert payment_breaks("2026-06-05T04:00Z", *facts) == {"posting_missing": (85_000, 0)}
    corrected = (*facts, posted(), reversed_posting())
    assert payment_breaks("2026-06-09T03:59Z", *corrected) == {}
    assert payment_breaks("2026-06-09T04:00Z", *corrected) == {"posting_missing": (85_000, 0)}


def test_over_posting_shows_at_once_and_under_posting_only_past_the_deadline() -> None:
    at_once = "2026-06-03T17:00Z"
    assert payment_breaks(at_once, initiated(), outcome(), posted(amount=90_000)) == {
        "posting_amount_mismatch": (85_000, 90_000)
    }
    assert payment_breaks(at_once, initiated(), posted(), posted("G-2")) == {"duplicate_posting": (85_000, 170_000)}
    short = (initiated(), outcome(), posted(amount=80_000))
    assert payment_breaks("2026-06-05T03:59Z", *short) == {}
    assert payment_breaks("2026-06-05T04:00Z", *short) == {"posting_amount_mismatch": (85_000, 80_000)}


def test_over_posting_is_measured_against_gross_not_against_what_stands() -> None:
    # 40,000 went back: 85,000 stays posted in time, and only past the deadline the ledger is late.
    facts = (initiated(), outcome(), posted(), outcome("REFUNDED", "2026-06-04T15:00Z", 40_000))
    assert payment_breaks("2026-06-04T16:00Z", *facts) == {}
    assert payment_breaks("2026-06-06T04:00Z", *facts) == {"reversed_after_posting": (45_000, 85_000)}


def test_a_retry_that_succeeded_does_not_make_over_posting_a_reversal() -> None:
    retry = outcome("FAILED", "2026-06-02T15:00Z", 0)
    facts = (initiated(), retry, outcome(), posted(), posted("G-2"))
    assert payment_breaks(LATER, *facts) == {"duplicate_posting": (85_000, 170_000)}


def test_a_posting_is_net_of_its_reversals_and_never_below_zero() -> None:
    facts = (initiated(), outcome(), posted(), reversed_posting(amount=90_000), posted("G-2"))
    row = payment(LATER, *facts)
    assert row["posted"] == {"net_minor": 85_000, "by_obligation": {"O-1": 85_000}}
    assert payment_breaks(LATER, *facts) == {"posting_over_reversed": (85_000, 90_000)}
    waiting = payment(LATER, initiated(), outcome(), posted(), reversed_posting("G-unknown"))
    assert waiting["posted"]["net_minor"] == 85_000  # type: ignore[index]


def test_another_currency_counts_as_zero_and_silences_settlement_and_posting() -> None:
    foreign = outcome(currency="CAD", amount=99_000)
    row = payment(LATER, initiated(), foreign)
    assert row["settled"]["gross_minor"] == 0  # type: ignore[index]
    assert payment_breaks(LATER, initiated(), foreign) == {"currency_mismatch": (0, 0)}
    # What failed or came back and is still posted is a break all the same.
    failed = outcome("FAILED", "2026-06-03T15:00Z", 0, processor_reference="R-2")
    assert payment_breaks(LATER, initiated(), foreign, failed, posted()) == {
        "currency_mismatch": (0, 0),
        "reversed_after_posting": (0, 85_000),
    }


def test_a_foreign_posting_reversed_to_zero_is_forgotten() -> None:
    wrong, right = posted(currency="CAD"), posted("G-2")
    partly = (initiated(), outcome(), wrong, right, reversed_posting(currency="CAD", amount=84_999))
    assert payment_breaks(LATER, *partly) == {"currency_mismatch": (0, 0)}
    assert payment_breaks(LATER, *partly[:-1], reversed_posting(currency="CAD")) == {}


def test_unkeyed_money_opens_after_the_grace_and_stands_beside_fee_and_conflict_only() -> None:
    first = outcome(fee_minor=100, net_minor=84_000)
    facts = (first, posted(amount=99_000, currency="CAD"))
    assert set(payment_breaks("2026-06-03T15:29:59Z", *facts)) == {"fee_variance"}
    assert payment_breaks("2026-06-03T15:30Z", *facts) == {
        "unkeyed_movement": (0, 85_000),
        "fee_variance": (84_900, 84_000),
    }
    assert payment_breaks(LATER, posted(amount=700)) == {"unkeyed_movement": (0, 700)}
    assert payment(LATER, *facts)["initiated"] is None


def test_each_other_obligation_that_was_posted_to_is_a_break_of_its_own() -> None:
    facts = (
        initiated(),
        outcome(),
        posted(amount=35_000),
        posted("G-2", amount=20_000, obligation_id="O-2"),
        posted("G-3", amount=10_000, obligation_id="O-2"),
        posted("G-4", amount=20_000, obligation_id="O-3"),
    )
    rows = [row for row in seen(LATER, CHARGE, *facts).open_breaks.values() if row["key_kind"] == "payment"]
    assert {row["class"] for row in rows} == {"obligation_mismatch"}
    assert {(*row["subject"], row["actual_minor"]) for row in rows} == {
        ("obligation", "O-2", 30_000),
        ("obligation", "O-3", 20_000),
    }


def test_breaks_of_several_subjects_stand_together() -> None:
    facts = (initiated(), outcome(amount=60_000, net_minor=59_000), posted(amount=60_000), posted("G-2", amount=1))
    assert payment_breaks(LATER, *facts) == {
        "settlement_amount_mismatch": (85_000, 60_000),
        "duplicate_posting": (60_000, 60_001),
        "fee_variance": (60_000, 59_000),
    }


def test_priorities_and_drift() -> None:
    rows = seen(LATER, CHARGE, initiated(), outcome(), outcome(processor_reference="R-2")).open_breaks.values()
    found = {row["class"]: (row["priority"], row["drift_minor"]) for row in rows if row["key_kind"] == "payment"}
    assert found == {"duplicate_settlement": (1, 85_000), "posting_missing": (3, -170_000)}


def test_breaks_helper_sees_what_the_payment_lists() -> None:
    truth = seen(LATER, CHARGE, initiated())
    assert breaks(truth) == {"settlement_missing": (85_000, 0)}

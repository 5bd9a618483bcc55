"""Settlement records without a payment id (contract section 10)."""

import itertools

import msgspec

from domain.facts import InputFact
from simulator.truth import Truth
from tests.kit.build_scenario import at, initiated, outcome, seen
from tests.simulator.building import (
    LATE,
    RENT,
    assigned,
    classes,
    the_charge,
    the_initiation,
    the_posting,
    unnamed,
)

CHARGE = the_charge()
KEY = "bank/R-1"


def reference(truth: Truth) -> dict[str, object]:
    return truth.references[KEY]


def test_nobody_holds_it() -> None:
    facts = [unnamed(), unnamed("RETURNED", "2026-06-02T15:00Z", 50_000)]
    assert seen("2026-06-01T15:29Z", *facts).open_breaks == {}
    truth = seen("2026-06-01T15:30Z", *facts)
    (row,) = truth.open_breaks.values()
    assert (row["class"], row["priority"], row["subject"], row["key_kind"], row["key"]) == (
        "reference_unknown",
        1,
        ["reference"],
        "reference",
        KEY,
    )
    assert (row["expected_minor"], row["actual_minor"], row["currency"]) == (0, RENT, "USD")
    assert truth.references == {
        KEY: {
            "processor": "bank",
            "processor_reference": "R-1",
            "payment_id": None,
            "status": "suspense",
            "records": 2,
            "gross_minor": {"USD": RENT},
            "open_breaks": [row["break_id"]],
        }
    }
    assert truth.payments == {}


def test_an_initiation_claims_it() -> None:
    truth = seen(LATE, CHARGE, the_initiation(processor_reference="R-1"), unnamed(), the_posting())
    assert (truth.open_breaks, truth.payments["P-1"]["status"]) == ({}, "reconciled")
    assert (reference(truth)["status"], reference(truth)["payment_id"]) == ("held", "P-1")


def test_a_reference_that_the_initiation_gives_later_claims_at_the_first_records_time() -> None:
    first = the_initiation()
    later = msgspec.structs.replace(
        first, event_id="later", occurred_at=at("2026-06-05T12:00Z"), processor_reference="R-1"
    )
    rival = initiated("P-2", "2026-06-01T12:00Z", RENT, processor_reference="R-1")
    truth = seen(LATE, CHARGE, first, later, rival, unnamed())
    assert reference(truth)["payment_id"] == "P-1"


def test_a_settlement_that_names_its_payment_claims_its_attempt() -> None:
    named = outcome("SETTLED", "2026-06-01T15:00Z", RENT)
    refund = unnamed("REFUNDED", "2026-06-03T15:00Z", 50_000, processor_reference="re_1", original_reference="R-1")
    truth = seen(LATE, CHARGE, the_initiation(), named, refund)
    assert truth.payments["P-1"]["settled"]["refunded_minor"] == 50_000
    assert reference(truth)["gross_minor"] == {}
    assert list(truth.references) == [KEY]


def test_a_person_outdoes_every_other_claim_and_the_latest_holds() -> None:
    facts: list[InputFact] = [
        CHARGE,
        the_initiation(processor_reference="R-1"),
        unnamed(),
        assigned("R-1", "P-2", "2026-06-10T12:00Z"),
    ]
    assert reference(seen(LATE, *facts))["payment_id"] == "P-2"
    assert "unkeyed_movement" in classes(seen(LATE, *facts))
    truth = seen(LATE, *facts, assigned("R-1", "P-1", "2026-06-11T12:00Z"), the_posting())
    assert (reference(truth)["payment_id"], truth.open_breaks) == ("P-1", {})
    assert "P-2" not in truth.payments


def test_two_claims_and_nobody_decided() -> None:
    facts: list[InputFact] = [
        CHARGE,
        the_initiation(processor_reference="R-1"),
        initiated("P-2", "2026-05-29T15:00Z", RENT, processor_reference="R-1"),
        the_posting(),
    ]
    assert "reference_claimed_twice" not in classes(seen(LATE, *facts))
    truth = seen(LATE, *facts, unnamed())
    assert (reference(truth)["status"], reference(truth)["payment_id"]) == ("claimed_twice", "P-1")
    (row,) = [row for row in truth.open_breaks.values() if row["key_kind"] == "reference"]
    assert (row["class"], row["subject"], row["currency"]) == ("reference_claimed_twice", ["claim"], "XXX")
    assert row["event_ids"] == sorted(fact.event_id for fact in facts[1:3])
    decided = seen(LATE, *facts, unnamed(), assigned("R-1"))
    assert reference(decided)["status"] == "held"


def test_one_settlement_for_two_payments_stays_a_break() -> None:
    named = [outcome("SETTLED", "2026-06-01T15:00Z", RENT, name) for name in ("P-1", "P-2")]
    truth = seen(LATE, CHARGE, the_initiation(), *named, assigned("R-1"))
    assert "reference_claimed_twice" in classes(truth)
    assert (reference(truth)["records"], reference(truth)["status"]) == (0, "claimed_twice")


def test_told_with_and_without_a_payment_id_is_one_record() -> None:
    without = msgspec.structs.replace(unnamed(), fee_minor=None, net_minor=None)
    named = outcome("SETTLED", "2026-06-02T15:00Z", RENT, fee_minor=100)
    truth = seen(LATE, CHARGE, the_initiation(), without, named, the_posting())
    assert truth.payments["P-1"]["settled"]["gross_minor"] == RENT
    assert truth.payments["P-1"]["settled"]["fee_minor"] == 100
    assert (reference(truth)["records"], truth.open_breaks) == (1, {})


def test_keys_of_two_parts_are_escaped() -> None:
    (key,) = seen(LATE, unnamed(processor="a/b%", processor_reference="c/d")).references
    assert key == "a%2Fb%25/c/d"


def test_the_order_of_arrival_changes_nothing() -> None:
    facts = [
        CHARGE,
        the_initiation(processor_reference="R-1"),
        unnamed(),
        unnamed("RETURNED", "2026-06-03T15:00Z"),
        assigned("R-1", "P-2"),
        the_posting(),
    ]
    expected = seen(LATE, *facts)
    assert all(seen(LATE, *order) == expected for order in itertools.permutations(facts))

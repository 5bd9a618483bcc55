"""Filling in: what a later record of an identity gives that the first left out (contract section 3)."""

from typing import Any

import msgspec
import pytest

from domain.facts import Installment, ObligationAdjusted, ObligationCharged, PaymentInitiated, ProcessorSettled
from simulator.truth_facts import Known, known_of
from tests.kit.build_scenario import adjusted, charged, day, initiated, outcome, part
from tests.simulator.building import given


def again(fact: Any, minutes: int = 10, **changes: Any) -> Any:
    """The record told later, with other fields."""
    return msgspec.structs.replace(
        fact, event_id=f"{fact.event_id}+{minutes}", occurred_at=fact.occurred_at + minutes * 60_000_000, **changes
    )


def settlement(*facts: ProcessorSettled) -> ProcessorSettled:
    (held,) = known(*facts).held
    assert isinstance(held, ProcessorSettled)
    return held


def known(*facts: Any) -> Known:
    return known_of("P-1", facts)


BARE = msgspec.structs.replace(outcome(amount=10_000), fee_minor=None, net_minor=None)


def test_fee_and_net_are_filled_in_from_one_record() -> None:
    fee_only = again(BARE, 1, fee_minor=100)
    both = again(BARE, 2, fee_minor=120, net_minor=9_880)
    held = settlement(BARE, fee_only, both)
    assert (held.fee_minor, held.net_minor) == (100, None)
    assert (settlement(BARE, both).fee_minor, settlement(BARE, both).net_minor) == (120, 9_880)


def test_what_is_missing_beside_a_fee_comes_in_its_settlement_currency_only() -> None:
    fee = msgspec.structs.replace(BARE, fee_minor=100)
    euros = again(fee, 1, fee_minor=None, net_minor=8_300, settlement_currency="EUR")
    dollars = again(fee, 2, fee_minor=None, net_minor=9_900)
    assert settlement(fee, euros).net_minor is None
    assert settlement(fee, euros, dollars).net_minor == 9_900
    assert known(fee, euros).contradicted == ()


def test_a_record_that_differs_fills_in_nothing() -> None:
    other = again(BARE, 1, gross_minor=10_001, fee_minor=100, net_minor=9_901, payout_id="PO-1")
    assert settlement(BARE, other) == BARE
    ((held, events),) = known(BARE, other).contradicted
    assert (held, events) == (BARE, (BARE.event_id, other.event_id))


def test_two_later_records_may_contradict_each_other() -> None:
    one, two = again(BARE, 1, value_date=day("2026-06-03")), again(BARE, 2, value_date=day("2026-06-04"))
    repeated = again(one, 3)
    assert settlement(BARE, one, two).value_date == day("2026-06-03")
    ((_, events),) = known(BARE, one, two, repeated).contradicted
    assert events == (one.event_id, two.event_id)


def test_a_null_contradicts_nothing_and_other_texts_are_no_matter_of_money() -> None:
    later = again(BARE, 1, original_reference="ch_1", payout_id="PO-1", reason_code="x", payment_id=None)
    assert known(BARE, later).contradicted == ()
    assert settlement(BARE, later).original_reference == "ch_1"


def initiation(*facts: PaymentInitiated) -> PaymentInitiated:
    (held,) = known(*facts).held
    assert isinstance(held, PaymentInitiated)
    return held


def test_allocations_come_with_their_installment_only() -> None:
    first = initiated(amount=100)
    named = again(first, 1, installment_id="I-1")
    both = (given("O-1", 60, "I-1"), given("O-1", 40))
    for_one = again(first, 2, installment_id="I-1", allocations=both)
    unnamed = again(first, 3, allocations=(given("O-1", 60), given("O-2", 40)))
    assert initiation(first, for_one).installment_id == "I-1"
    assert initiation(first, for_one).allocations == both
    assert initiation(first, named, unnamed).allocations is None
    assert initiation(first, unnamed, named).allocations is None
    earlier = again(unnamed, -2)
    assert initiation(first, earlier).allocations == unnamed.allocations
    assert initiation(first, earlier, for_one).allocations == unnamed.allocations
    assert initiation(first, earlier, for_one).installment_id is None


@pytest.mark.parametrize(
    ("terms", "filled"),
    [
        (({"installment_id": "I-1"}, {"due_date": 20_700}), ("I-1", None, None)),
        (({"due_date": 20_700}, {"installment_id": "I-1"}), (None, 20_700, None)),
        (({"installment_id": "I-1"}, {"kind": "FEE"}), ("I-1", None, None)),
        (({"kind": "FEE"}, {"installment_id": "I-1"}), (None, None, "FEE")),
        (({"kind": "FEE"}, {"due_date": 20_700}), (None, 20_700, "FEE")),
        (({"kind": "RENT"}, {"installment_id": "I-1"}), ("I-1", None, "RENT")),
    ],
)
def test_an_adjustment_is_filled_in_as_far_as_its_terms_may_stand_together(
    terms: tuple[dict[str, Any], ...], filled: tuple[Any, ...]
) -> None:
    first = adjusted(500)
    (held,) = known_of("O-1", [first, *(again(first, n, **more) for n, more in enumerate(terms, 1))]).held
    assert isinstance(held, ObligationAdjusted)
    assert (held.installment_id, held.due_date, held.kind) == filled


def test_the_grace_of_installments_is_filled_in_by_their_ids() -> None:
    parts = (part("A", "2026-06-01", 50), part("B", "2026-06-15", 50, 2))
    late = msgspec.structs.replace(parts[1], grace_ends_on=day("2026-06-20"))
    first = charged(100, *parts)
    told = again(first, 1, installments=(late, parts[0]), grace_ends_on=day("2026-06-06"))
    known_ = known_of("O-1", [first, told])
    (held,) = known_.held
    assert isinstance(held, ObligationCharged)
    assert held.installments == (parts[0], late)
    assert held.grace_ends_on == day("2026-06-06")
    assert known_.contradicted == ()
    other = again(told, 1, installments=(parts[0], Installment("B", 2, 50, day("2026-06-15"), day("2026-06-21"))))
    assert len(known_of("O-1", [first, told, other]).contradicted) == 1

"""A payment's facts in any order: filling in, records of a reference, attempts gone through, allocations."""

import random

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from domain.facts import PaymentFact, ProcessorSettled, ReferenceResolution
from domain.payments import view as payment
from domain.payments.state import PaymentState, SettlementOutcome, identities, outcomes
from domain.payments.view import PaymentView
from domain.policy import Policy
from domain.time import NOT_CAUGHT_UP
from tests.kit.examples import examples
from tests.kit.fact_strategies import instants_to_look_at, payment_facts, settlements

EXAMPLES = examples(300)

of_one_payment: st.SearchStrategy[PaymentFact] = payment_facts.map(
    lambda fact: msgspec.structs.replace(fact, payment_id="P1") if hasattr(fact, "payment_id") else fact
).filter(lambda fact: isinstance(fact, PaymentFact) and getattr(fact, "key_kind", "payment") == "payment")
of_a_reference = st.builds(
    lambda revision, records: ReferenceResolution("P1", "acme/R1", revision, tuple(records)),
    st.integers(1, 100),
    st.lists(settlements(st.none()), max_size=4),
)
histories = st.lists(st.one_of(of_one_payment, of_one_payment, of_a_reference), min_size=1, max_size=20)


def state_of(facts: list[PaymentFact]) -> PaymentState:
    state = payment.new_payment("P1")
    for fact in facts:
        payment.apply(state, fact)
    return state


def looked_at(state: PaymentState, now: int = NOT_CAUGHT_UP) -> PaymentView:
    return payment.view(state, now, Policy())


def one_resolution_for_each_revision(facts: list[PaymentFact]) -> list[PaymentFact]:
    """A reference numbers its snapshots: no revision has two contents."""
    known: dict[int, ReferenceResolution] = {}
    return [known.setdefault(fact.revision, fact) if isinstance(fact, ReferenceResolution) else fact for fact in facts]


@EXAMPLES
@given(facts=histories, now=instants_to_look_at, chance=st.randoms(use_true_random=False))
def test_the_state_does_not_depend_on_order_or_duplicates(
    facts: list[PaymentFact], now: int, chance: random.Random
) -> None:
    facts = one_resolution_for_each_revision(facts)
    expected = state_of(facts)
    delivered = [*facts, *chance.sample(facts, len(facts) // 2)]
    chance.shuffle(delivered)
    state = payment.new_payment("P1")
    for fact in delivered:
        payment.apply(state, fact)
        if chance.random() < 0.1:
            state = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=PaymentState)
    assert state == expected
    assert looked_at(state, now) == looked_at(expected, now)


@EXAMPLES
@given(
    facts=st.lists(of_one_payment, max_size=12),
    records=st.lists(settlements(st.none()), max_size=6),
    now=instants_to_look_at,
)
def test_a_record_of_a_reference_is_as_if_it_had_named_the_payment(
    facts: list[PaymentFact], records: list[ProcessorSettled], now: int
) -> None:
    named = [msgspec.structs.replace(record, payment_id="P1") for record in records]
    keys = {record.reference_key for record in records}
    resolutions = [
        ReferenceResolution("P1", key, 1, tuple(record for record in records if record.reference_key == key))
        for key in sorted(keys)
    ]
    by_name, by_reference = state_of([*facts, *named]), state_of([*facts, *resolutions])
    assert looked_at(by_reference, now) == looked_at(by_name, now)
    assert sorted(outcomes(by_reference), key=str) == sorted(outcomes(by_name), key=str)
    # Once the reference is another payment's, nothing is left of its records.
    for key in keys:
        payment.apply(by_reference, ReferenceResolution("P1", key, 2, ()))
    assert looked_at(by_reference, now) == looked_at(state_of(facts), now)


@EXAMPLES
@given(facts=st.lists(of_one_payment, min_size=1, max_size=12))
def test_what_is_filled_in_comes_from_the_first_that_gives_it_and_agrees(facts: list[PaymentFact]) -> None:
    """Against the text of contract section 3, field by field."""
    for _, accepted in identities(state_of(facts)):
        first, *later = accepted.told
        agreeing = [
            one
            for one in later
            if not any(
                name in first.material_terms() and first.material_terms()[name] != value
                for name, value in one.material_terms().items()
            )
        ]
        for group in accepted.filled_in:
            # Allocations and fees come together with other fields: they are checked below.
            for name in group if len(group) == 1 and group != ("allocations",) else ():
                givers = [getattr(one, name) for one in agreeing if getattr(one, name) is not None]
                if getattr(first, name) is not None:
                    assert getattr(accepted, name) == getattr(first, name)
                elif not (name == "installment_id" and getattr(first, "allocations", None) is not None):
                    assert getattr(accepted, name) == (givers[0] if givers else None)
        if isinstance(accepted, SettlementOutcome):
            for name in ("fee_minor", "net_minor"):
                amount, currency = getattr(accepted, name), accepted.currency_of_fee
                assert amount is None or any(
                    getattr(one, name) == amount and one.currency_of_fee == currency for one in (first, *agreeing)
                )
        if getattr(accepted, "allocations", None) is not None and hasattr(accepted, "obligation_id"):
            head = accepted.allocations[0]
            assert (head.obligation_id, head.installment_id) == (accepted.obligation_id, accepted.installment_id)
            assert sum(one.amount_minor for one in accepted.allocations) == accepted.amount_minor


@EXAMPLES
@given(facts=histories, now=instants_to_look_at)
def test_money_is_conserved(facts: list[PaymentFact], now: int) -> None:
    state = state_of(one_resolution_for_each_revision(facts))
    view = looked_at(state, now)
    record = view.reconciliation
    assert (record is None) == (not any(hasattr(accepted, "currency") for _, accepted in identities(state)))
    if record is None:
        return
    sums = record.settled
    collected = sums.gross_minor - sums.returned_minor
    assert 0 <= sums.returned_minor <= sums.gross_minor
    assert sums.refunded_minor >= 0
    assert sums.charged_back_minor >= 0
    assert sums.standing_minor == max(0, collected - sums.refunded_minor - sums.charged_back_minor)
    if any(identity[2] == "SETTLED" for identity, _ in outcomes(state)):
        assert sums.charged_back_minor <= sums.gross_minor
    assert record.posted.net_minor == sum(record.posted.by_obligation.values())
    if record.initiated is None:
        assert record.allocations == ()
        assert record.in_flight_minor == 0
        return
    assert sum(one.standing_minor for one in record.allocations) == sums.standing_minor
    assert sum(one.pending_minor for one in record.allocations) == record.in_flight_minor
    for one in record.allocations[:-1]:
        assert one.standing_minor + one.pending_minor <= one.amount_minor
    shares = sorted((share for each in view.applications for share in each.shares), key=lambda share: share.place)
    assert [share.standing_minor for share in shares] == [one.standing_minor for one in record.allocations]
    named = {one.obligation_id for one in record.allocations}
    posted = {each.obligation_id for each in state.postings.values()}
    assert {each.obligation_id for each in view.applications} == named | posted

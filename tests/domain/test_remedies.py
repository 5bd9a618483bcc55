"""Remedies work: sending the events that an explanation names resolves the break, for good."""

from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import event, given

from domain.breaks.catalogue import CATALOGUE
from domain.explain.explanation import as_json, explain, find
from domain.explain.obligation_remedies import FOR_NOTHING_ELSE
from domain.explain.payout_remedies import IF_NO_OTHER_FITS
from domain.facts import (
    AttemptClaim,
    BankEntryBooked,
    EntryMatched,
    PaymentInitiated,
    PaymentPosted,
    PaymentReassigned,
    PostingReversed,
    ProcessorSettled,
    ReferenceAssigned,
)
from domain.obligations import view as obligation
from domain.obligations.view import ObligationState
from domain.payments import view as payment
from domain.payments.view import PaymentState
from domain.policy import Policy
from domain.records import BreakClass, MatchedBy
from domain.references import view as reference
from domain.references.view import ReferenceState
from domain.time import HOUR, Micros, rfc3339
from simulator.anomalies import Anomalies
from simulator.scenario import simulate
from streams.codec.json_form import fact_from_json, instant_from_text
from tests.kit.domain_world import BankOf, Fact, World
from tests.kit.examples import examples
from tests.kit.fact_strategies import histories, instants_to_look_at
from tests.kit.payout_strategies import instants_to_look_at as instants_at_the_bank
from tests.kit.payout_strategies import payout_histories
from tests.kit.scenario_tables import FOLDER, read, read_facts

POLICY = Policy()
LONG_AFTER = 400 * 24 * HOUR
OF_PAYMENTS = PaymentInitiated | PaymentReassigned | ProcessorSettled | PaymentPosted | PostingReversed
LATEST_REVISION = 1 << 62
FOUND_BY_GROUP = {MatchedBy.REFERENCE, MatchedBy.AMOUNT}

EVERY_CLASS = {
    (key_kind, row.break_class) for row in CATALOGUE.values() for form in row.forms for key_kind in form.key_kinds
}


STAYS_SOMETIMES = {BreakClass.REFERENCE_CLAIMED_TWICE, BreakClass.CURRENCY_MISMATCH}
"""Records that name two payments themselves are withdrawn by nothing; many lines in another currency are not listed."""


class ExplainedBreak(NamedTuple):
    """A break and the explanation of it, as JSON."""

    key_kind: str
    key: str
    break_class: BreakClass
    break_id: str
    explanation: dict[str, Any]


def state_of(world: World, key_kind: str, key: str) -> Any:
    by_kind: dict[str, dict[str, Any]] = {
        "payment": world.payments,
        "obligation": world.obligations,
        "reference": world.references,
        "payout": world.payouts,
        "bank_entry": world.bank_entries,
    }
    return by_kind[key_kind][key]


def explained(world: World, now: Micros, key_kinds: Collection[str] = ()) -> Iterator[ExplainedBreak]:
    for view in world.views():
        if key_kinds and view.key_kind not in key_kinds:
            continue
        for one in view.breaks:
            explanation = as_json(explain(state_of(world, view.key_kind, view.key), one, now, POLICY))
            yield ExplainedBreak(view.key_kind, view.key, one.break_class, one.break_id, explanation)


def built(event: dict[str, Any], name: str, now: Micros) -> Fact:
    """The event that a remedy describes, with its open fields filled in; checked as an input would be."""
    obj = {"type": event["type"], **event["fields"]}
    for field in event["free"]:
        match field:
            case (
                "event_id"
                | "posting_id"
                | "reversal_id"
                | "adjustment_id"
                | "reinstatement_id"
                | "movement_id"
                | "payment_id"
                | "entry_id"
            ):
                obj[field] = f"new {field} {name}"
            case "occurred_at" if event["before"] is not None:
                obj[field] = rfc3339(instant_from_text(event["before"]) - 1)
            case "occurred_at":
                obj[field] = rfc3339(now + 1)  # after what has happened
            case "net_minor" if event["net_sum_minor"] is not None:
                obj[field] = event["net_sum_minor"] if name.endswith(".0") else 0
            case "payout_id" if event["type"] in {"BankEntryBooked", "EntryMatched"}:
                obj[field] = f"some {field} {name}"
            case "account_id" if event["type"] != "PayoutReported":
                obj[field] = "some account"
            case "other_minor":
                obj[field] = 0
            case "arrival_date" | "booking_date":
                obj[field] = "2026-03-01"
            case "outcome":
                obj[field] = "SETTLED"
            case "account_id" | "bank_reference" | "reference" | "text":
                obj[field] = None
            case "processor_reference" | "processor" | "tenant_id" | "property_id" | "lease_id" | "reason" | "actor":
                obj[field] = f"some {field} {name}"
            case "obligation_id":
                obj[field] = "O1"
            case "amount_minor" | "gross_minor" | "amount_delta_minor":
                obj[field] = 77
            case "fee_minor":
                obj[field] = 3
            case "allocations" if event["type"] == "PaymentReassigned":
                obj[field] = allocations(event["keeps"])
            case (
                "installment_id"
                | "reason_code"
                | "payout_id"
                | "value_date"
                | "allocations"
                | "original_reference"
                | "settlement_currency"
                | "grace_ends_on"
                | "kind"
                | "cancellation_id"
            ):
                obj[field] = None
            case "installments":
                names = event["plan_has"] or ([] if event["plan_sum_minor"] is None else ["any"])
                obj[field] = [
                    {"installment_id": each, "sequence": at, "amount_minor": 1, "due_date": "2026-03-01"}
                    for at, each in enumerate(names)
                ]
                if event["plan_sum_minor"] is not None:
                    obj[field][-1]["amount_minor"] += event["plan_sum_minor"] - len(names)
            case "method":
                obj[field] = "CARD"
            case "due_date":
                obj[field] = "2026-03-01"
            case "period":
                obj[field] = "2026-03"
            case "time_zone":
                obj[field] = "America/New_York"
            case "grace_days":
                obj[field] = 5
            case "assignment_version":
                obj[field] = 1 << 20
            case "net_minor":
                pass  # it follows from the others
            case _:
                raise AssertionError(f"{event['type']}.{field} is open, and nothing says what to fill in")
    if "net_minor" in event["free"]:
        obj.setdefault("net_minor", obj["gross_minor"] - (obj["fee_minor"] or 0))
    return fact_from_json(obj)


def allocations(keeps: dict[str, Any]) -> list[dict[str, Any]]:
    """Allocations that leave so much with an obligation, and give the rest to another."""
    kept = {"obligation_id": keeps["obligation_id"], "installment_id": None, "amount_minor": keeps["amount_minor"]}
    elsewhere = {"obligation_id": "another obligation", "installment_id": None, "amount_minor": 1}
    return [kept, elsewhere] if keeps["amount_minor"] else [elsewhere]


def built_all(remedy: dict[str, Any], number: int, now: Micros) -> list[Fact]:
    """The events of a remedy; before a match of an entry that is left to people there is such an entry."""
    facts: list[Fact] = []
    for at, each in enumerate(remedy["events"]):
        fact = built(each, f"{number}.{at}", now)
        if isinstance(fact, EntryMatched) and each["entry_minor"] is not None:
            entry = (f"booked {number}", now, fact.account_id, fact.entry_id, each["entry_minor"])
            facts.append(BankEntryBooked(*entry, remedy["currency"], booking_date=0))
        facts.append(fact)
    return facts


def bank_after(world: World, one: ExplainedBreak, facts: list[Fact]) -> World:
    """A copy of the payouts and entries of a world to which facts were applied; nothing is published yet."""
    after = BankOf(world)
    if one.key_kind == "payout":
        after.payout_state(one.key)
    else:
        after.bank_entry_state(one.key)
    for fact in facts:
        assert after.apply(fact), f"{fact} changes nothing"
    return after


def another_entry_fits(world: World, one: ExplainedBreak, facts: list[Fact], now: Micros) -> bool:
    """Whether the payout's match group finds an entry for it once these facts are applied."""
    after = bank_after(world, one, facts)
    for _ in range(2):
        after.settle_payouts(now)
    found = after.payout_views[one.key].reconciliation
    return found is not None and any(each.matched_by in FOUND_BY_GROUP for each in found.entries)


def is_resolved_at_the_bank(world: World, one: ExplainedBreak, facts: list[Fact], now: Micros) -> bool:
    """The same for a break of a payout or an entry: with all of them, since they answer each other."""
    smaller = bank_after(world, one, facts)
    for at in (now, now + LONG_AFTER):
        for _ in range(2):
            smaller.settle_payouts(at)
        if find(state_of(smaller, one.key_kind, one.key), one.break_id, at, POLICY) is not None:
            return False
    return True


def is_resolved(world: World, one: ExplainedBreak, facts: list[Fact], now: Micros) -> bool:
    """Whether the break is resolved once these facts are applied to the keys that they are about."""
    if one.key_kind in {"payout", "bank_entry"}:
        return is_resolved_at_the_bank(world, one, facts, now)
    obligations: dict[str, ObligationState] = {}
    payments: dict[str, PaymentState] = {}
    references: dict[str, ReferenceState] = {}
    state = copied(state_of(world, one.key_kind, one.key))
    match one.key_kind:
        case "payment":
            payments[one.key] = state
        case "obligation":
            obligations[one.key] = state
        case _:
            references[one.key] = state
    for fact in facts:
        if isinstance(fact, ReferenceAssigned):
            assert reference.apply(references[fact.reference_key], fact)
        elif isinstance(fact, OF_PAYMENTS):
            if isinstance(fact, ProcessorSettled) and fact.reference_key in references:
                assert fact.payment_id is not None
                claim = AttemptClaim(
                    fact.processor, fact.attempt_reference, fact.payment_id, fact.occurred_at, fact.event_id
                )
                assert reference.apply(references[fact.reference_key], claim)
            if fact.payment_id not in payments:
                known = world.payments.get(fact.payment_id, payment.new_payment(fact.payment_id))
                payments[fact.payment_id] = copied(known)
            assert payment.apply(payments[fact.payment_id], fact)
        else:
            assert obligation.apply(obligations[fact.obligation_id], fact)
    for at in (now, now + LONG_AFTER):
        for paid in payments.values():
            view = payment.view(paid, at, POLICY)
            given = {each.obligation_id: each for each in view.applications}
            for obligation_id, owed in obligations.items():
                application = given.get(obligation_id)
                if application is None:
                    owed.applications.pop(paid.payment_id, None)
                    continue
                owed.applications.pop(paid.payment_id, None)
                obligation.apply(owed, msgspec.structs.replace(application, revision=LATEST_REVISION))
            for claimed in view.claims:
                if claimed.reference_key in references:
                    claim_now = msgspec.structs.replace(claimed, revision=LATEST_REVISION)
                    reference.apply(references[claimed.reference_key], claim_now)
        if find(state, one.break_id, at, POLICY) is not None:
            return False
    return True


def is_for_nothing_else(world: World, facts: list[Fact]) -> bool:
    """Whether the payments of these facts have one allocation each, as a remedy asks for."""
    for fact in facts:
        if isinstance(fact, ProcessorSettled) and fact.payment_id in world.payment_views:
            found = world.payment_views[fact.payment_id].reconciliation
            if found is not None and len(found.allocations) > 1:
                return False
    return True


def copied(state: Any) -> Any:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=type(state))


def check(world: World, now: Micros, key_kinds: Collection[str] = ()) -> Counter[tuple[str, BreakClass]]:
    """Try every remedy, or those of these kinds of keys; count those tried, by key kind and class."""
    tried: Counter[tuple[str, BreakClass]] = Counter()
    for one in explained(world, now, key_kinds):
        about = f"{one.key_kind} {one.key} {one.break_class}"
        if one.explanation["stays"]:
            assert CATALOGUE[one.break_class].is_permanent or one.break_class in STAYS_SOMETIMES, about
            assert one.explanation["resolutions"] == [], about
            assert "accept" in one.explanation["advice"], about
            tried[one.key_kind, one.break_class] += 1
            continue
        assert not CATALOGUE[one.break_class].is_permanent, about
        assert one.explanation["resolutions"], f"{about}: no remedy"
        for number, remedy in enumerate(one.explanation["resolutions"]):
            assert remedy["events"], about
            facts = built_all(remedy | {"currency": one.explanation["currency"]}, number, now)
            if FOR_NOTHING_ELSE in remedy["what"] and not is_for_nothing_else(world, facts):
                continue
            if IF_NO_OTHER_FITS in remedy["what"] and another_entry_fits(world, one, facts, now):
                continue
            assert is_resolved(world, one, facts, now), (
                f"{about}: this does not resolve it: {remedy}\n{one.explanation}"
            )
            tried[one.key_kind, one.break_class] += 1
    return tried


def test_remedies_of_every_scenario() -> None:
    tried: Counter[tuple[str, BreakClass]] = Counter()
    for path in sorted(FOLDER.glob("*.txt")):
        for scenario in read(path) if path.stem != "README" else ():
            for expectation in scenario.expectations:
                world = World(POLICY)
                for fact in expectation.facts:
                    world.apply(fact)
                world.publish(expectation.now)
                tried += check(world, expectation.now)
    assert set(tried) == EVERY_CLASS, "a class of the catalogue occurs in no scenario"


def test_remedies_of_a_simulated_month() -> None:
    scenario = simulate(11, 900, anomalies=Anomalies().times(2))
    world = World(POLICY)
    for delivery in scenario.deliveries:
        if delivery.fact is not None and not delivery.is_bad:
            world.apply(delivery.fact)
    world.publish(scenario.closes_at)
    tried = check(world, scenario.closes_at)
    assert {name for _, name in tried} >= set(map(BreakClass, scenario.injected))
    assert set(tried) == EVERY_CLASS, "the simulator injects no break of a class of the catalogue"


@examples(150)
@given(facts=histories, now=instants_to_look_at)
def test_remedies_of_generated_histories(facts: list[Fact], now: Micros) -> None:
    world = World(POLICY)
    for fact in facts:
        world.apply(fact)
    # Remedies come after what has happened.
    now = max([now, *(fact.occurred_at for fact in facts)]) + 1
    world.publish(now)
    for _, name in check(world, now):
        event(f"tried: {name}")


@examples(300)
@given(facts=payout_histories, now=instants_at_the_bank)
def test_remedies_of_generated_payouts(facts: list[Fact], now: Micros) -> None:
    world = World(POLICY)
    for fact in facts:
        world.apply(fact)
    now = max([now, *(fact.occurred_at for fact in facts)]) + 1
    world.publish(now)
    for _, name in check(world, now, ("payout", "bank_entry")):
        event(f"tried: {name}")


@pytest.mark.parametrize(("other_amount", "fits"), [("436.50", True), ("436.49", False)])
def test_another_entry_may_take_the_place_of_the_one_that_is_moved(other_amount: str, fits: bool) -> None:
    """A payout does not know what its match group would find next, so the remedy names the condition."""
    world = World(POLICY)
    for fact in read_facts(f"""
        2026-03-03 16:00 acme/Y1 reported PAID 436.50 arriving 2026-03-04 account A
        2026-03-04 15:00 A/N1 booked 436.50 on 2026-03-04 names acme/Y1
        2026-03-04 15:00 A/N2 booked {other_amount} on 2026-03-04 ref Y1
        2026-03-05 16:00 acme/Y1 reported FAILED 436.50 arriving 2026-03-04 account A
    """):
        world.apply(fact)
    now = instant_from_text("2026-03-20T12:00:00Z")
    world.publish(now)
    (one,) = (each for each in explained(world, now) if each.break_class is BreakClass.DEPOSIT_AFTER_FAILURE)
    (moved,) = (each for each in one.explanation["resolutions"] if "to another payout" in each["what"])
    assert moved["what"] == f"a person matches entry N1 to another payout, {IF_NO_OTHER_FITS}"
    facts = built_all(moved | {"currency": "USD"}, 0, now)
    assert another_entry_fits(world, one, facts, now) is fits
    assert is_resolved(world, one, facts, now) is not fits


def test_a_reference_that_two_initiations_claim_is_decided_by_a_person() -> None:
    world = World(POLICY)
    for fact in read_facts("""
        2026-03-02 15:00 P1 initiated 450.00 for O1 ref R9
        2026-03-02 16:00 P2 initiated 450.00 for O2 ref R9
        2026-03-03 15:00 acme/R9 SETTLED 450.00
    """):
        world.apply(fact)
    now = instant_from_text("2026-03-04T12:00:00Z")
    world.publish(now)
    (one,) = (each for each in explained(world, now) if each.break_class is BreakClass.REFERENCE_CLAIMED_TWICE)
    assert [remedy["events"][0]["fields"]["payment_id"] for remedy in one.explanation["resolutions"]] == ["P1", "P2"]
    assert check(world, now)["reference", BreakClass.REFERENCE_CLAIMED_TWICE] == 2


def test_a_wrong_remedy_would_be_noticed() -> None:
    world = World(POLICY)
    scenario = next(each for each in read(FOLDER / "payment_breaks.txt") if each.title == "posting_missing")
    expectation = scenario.expectations[-1]
    for fact in expectation.facts:
        world.apply(fact)
    world.publish(expectation.now)
    (one,) = (each for each in explained(world, expectation.now) if each.key_kind == "payment")
    ((posting,),) = (each["events"] for each in one.explanation["resolutions"])
    assert is_resolved(world, one, [built(posting, "right", expectation.now)], expectation.now)
    short = {**posting, "fields": {**posting["fields"], "amount_minor": posting["fields"]["amount_minor"] - 1}}
    assert not is_resolved(world, one, [built(short, "short", expectation.now)], expectation.now)
    with pytest.raises(ValueError, match="amount_minor"):
        built({**posting, "fields": {**posting["fields"], "amount_minor": 0}}, "bad", expectation.now)

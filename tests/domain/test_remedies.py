"""The advice is true: whoever sends the events that an explanation names sees the break go, and it stays gone."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import event, given, settings

from domain.explain.explanation import as_json, explain, find
from domain.facts import PaymentInitiated, PaymentPosted, PostingReversed, ProcessorSettled
from domain.obligations import view as obligation
from domain.obligations.view import ObligationState
from domain.payments import view as payment
from domain.payments.view import PaymentState
from domain.policy import Policy
from domain.records import BreakClass
from domain.time import HOUR, Micros, rfc3339
from simulator.anomalies import Anomalies
from simulator.scenario import simulate
from streams.codec.json_form import fact_from_json, instant_from_text
from tests.kit.domain_world import Fact, World
from tests.kit.fact_strategies import histories, instants_to_look_at
from tests.kit.scenario_tables import FOLDER, read

POLICY = Policy()
LONG_AFTER = 400 * 24 * HOUR
OF_PAYMENTS = PaymentInitiated | ProcessorSettled | PaymentPosted | PostingReversed

EVERY_CLASS = {("payment", name) for name in BreakClass} - {
    ("payment", BreakClass(name))
    for name in ("obligation_unknown", "installment_unknown", "plan_sum_mismatch", "overpayment")
} | {
    ("obligation", BreakClass(name))
    for name in (
        "obligation_unknown", "currency_mismatch", "installment_unknown", "plan_sum_mismatch", "overpayment",
        "conflicting_fact",
    )
}  # fmt: skip


class ExplainedBreak(NamedTuple):
    """A break and the explanation of it, as JSON."""

    key_kind: str
    key: str
    break_class: BreakClass
    break_id: str
    explanation: dict[str, Any]


def explained(world: World, now: Micros) -> Iterator[ExplainedBreak]:
    for view in (*world.payment_views.values(), *world.obligation_views.values()):
        state = world.payments[view.key] if view.key_kind == "payment" else world.obligations[view.key]
        for one in view.breaks:
            explanation = as_json(explain(state, one, now, POLICY))
            yield ExplainedBreak(view.key_kind, view.key, one.break_class, one.break_id, explanation)


def built(wanted: dict[str, Any], name: str, now: Micros) -> Fact:
    """The event that the advice describes, with what it leaves free filled in; checked as an input would be."""
    obj = {"type": wanted["type"], **wanted["fields"]}
    for field in wanted["free"]:
        match field:
            case "event_id" | "posting_id" | "reversal_id" | "adjustment_id":
                obj[field] = f"new {field} {name}"
            case "occurred_at" if wanted["before"] is not None:
                obj[field] = rfc3339(instant_from_text(wanted["before"]) - 1)
            case "occurred_at":
                obj[field] = rfc3339(now)
            case "processor_reference" | "processor" | "tenant_id" | "property_id" | "lease_id" | "reason":
                obj[field] = f"some {field} {name}"
            case "obligation_id":
                obj[field] = "O1"
            case "amount_minor" | "gross_minor" | "amount_delta_minor":
                obj[field] = 77
            case "fee_minor":
                obj[field] = 3
            case "installment_id" | "reason_code" | "payout_id" | "value_date":
                obj[field] = None
            case "installments":
                names = wanted["plan_has"] or ([] if wanted["plan_sum_minor"] is None else ["any"])
                obj[field] = [
                    {"installment_id": each, "sequence": at, "amount_minor": 1, "due_date": "2026-03-01"}
                    for at, each in enumerate(names)
                ]
                if wanted["plan_sum_minor"] is not None:
                    obj[field][-1]["amount_minor"] += wanted["plan_sum_minor"] - len(names)
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
            case "net_minor":
                pass  # it follows from the others
            case _:
                raise AssertionError(f"{wanted['type']}.{field} is left free, and nothing says what to fill in")
    if "net_minor" in wanted["free"]:
        obj["net_minor"] = obj["gross_minor"] - obj["fee_minor"]
    return fact_from_json(obj)


def gone(world: World, told: ExplainedBreak, facts: list[Fact], now: Micros) -> bool:
    """Whether the break is gone once the keys that these facts are about have learned them."""
    obligations: dict[str, ObligationState] = {}
    payments: dict[str, PaymentState] = {}
    if told.key_kind == "payment":
        payments[told.key] = copied(world.payments[told.key])
    else:
        obligations[told.key] = copied(world.obligations[told.key])
    for fact in facts:
        if isinstance(fact, OF_PAYMENTS):
            if fact.payment_id not in payments:
                payments[fact.payment_id] = copied(world.payments[fact.payment_id])
            assert payment.apply(payments[fact.payment_id], fact)
        else:
            assert obligation.apply(obligations[fact.obligation_id], fact)
    for at in (now, now + LONG_AFTER):
        for state in payments.values():
            for application in payment.view(state, at, POLICY).applications:
                if application.obligation_id in obligations:
                    revised = msgspec.structs.replace(application, revision=1 << 60)
                    obligation.apply(obligations[application.obligation_id], revised)
        state = payments[told.key] if told.key_kind == "payment" else obligations[told.key]
        if find(state, told.break_id, at, POLICY) is not None:
            return False
    return True


def copied(state: Any) -> Any:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=type(state))


def check(world: World, now: Micros) -> Counter[tuple[str, BreakClass]]:
    """Follow every piece of advice; how many were followed, by key kind and class."""
    followed: Counter[tuple[str, BreakClass]] = Counter()
    for told in explained(world, now):
        about = f"{told.key_kind} {told.key} {told.break_class}"
        if told.break_class is BreakClass.CONFLICTING_FACT:
            assert told.explanation["stays"], about
            assert told.explanation["resolutions"] == [], about
            assert "stays open as a record" in told.explanation["advice"], about
            followed[told.key_kind, told.break_class] += 1
            continue
        assert not told.explanation["stays"], about
        assert told.explanation["resolutions"], f"{about}: nothing is advised"
        for number, resolution in enumerate(told.explanation["resolutions"]):
            assert resolution["events"], about
            facts = [built(one, f"{number}.{at}", now) for at, one in enumerate(resolution["events"])]
            assert gone(world, told, facts, now), f"{about}: it does not help that {resolution}\n{told.explanation}"
            followed[told.key_kind, told.break_class] += 1
    return followed


def test_of_every_scenario() -> None:
    followed: Counter[tuple[str, BreakClass]] = Counter()
    for path in sorted(FOLDER.glob("*.txt")):
        for scenario in read(path) if path.stem != "README" else ():
            for look in scenario.looks:
                world = World(POLICY)
                for fact in look.facts:
                    world.apply(fact)
                world.look(look.now)
                followed += check(world, look.now)
    assert set(followed) == EVERY_CLASS


def test_of_every_break_of_a_month() -> None:
    scenario = simulate(11, 500, anomalies=Anomalies().times(3))
    world = World(POLICY)
    for delivery in scenario.deliveries:
        if delivery.fact is not None and not delivery.is_bad:
            world.apply(delivery.fact)
    world.look(scenario.closes_at)
    followed = check(world, scenario.closes_at)
    assert {name for _, name in followed} >= set(map(BreakClass, scenario.injected))
    assert set(followed) == EVERY_CLASS


@settings(deadline=None, max_examples=150)
@given(facts=histories, now=instants_to_look_at)
def test_of_whatever_happens(facts: list[Fact], now: Micros) -> None:
    world = World(POLICY)
    for fact in facts:
        world.apply(fact)
    # Whoever follows advice does so after what has happened.
    now = max([now, *(fact.occurred_at for fact in facts)]) + 1
    world.look(now)
    for _, name in check(world, now):
        event(f"followed: {name}")


def test_a_wrong_piece_of_advice_would_be_noticed() -> None:
    world = World(POLICY)
    scenario = next(each for each in read(FOLDER / "payment_breaks.txt") if each.title == "posting_missing")
    look = scenario.looks[-1]
    for fact in look.facts:
        world.apply(fact)
    world.look(look.now)
    (told,) = (each for each in explained(world, look.now) if each.key_kind == "payment")
    ((posting,),) = (each["events"] for each in told.explanation["resolutions"])
    assert gone(world, told, [built(posting, "right", look.now)], look.now)
    short = {**posting, "fields": {**posting["fields"], "amount_minor": posting["fields"]["amount_minor"] - 1}}
    assert not gone(world, told, [built(short, "short", look.now)], look.now)
    with pytest.raises(ValueError, match="amount_minor"):
        built({**posting, "fields": {**posting["fields"], "amount_minor": 0}}, "bad", look.now)

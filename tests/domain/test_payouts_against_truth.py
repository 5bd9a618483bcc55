"""Payouts and bank entries of random facts are those of the simulator's truth, which reads the contract on its own."""

from hypothesis import given

from simulator.truth import truth_of_facts
from tests.domain.test_against_truth import broken, records
from tests.kit.domain_world import Fact, World
from tests.kit.examples import examples
from tests.kit.payout_strategies import instants_to_look_at, payout_histories

KINDS = ("payout", "bank_entry")


@examples(600)
@given(facts=payout_histories, now=instants_to_look_at)
def test_payouts_and_bank_entries_are_those_of_the_truth(facts: list[Fact], now: int) -> None:
    world = World()
    for fact in facts:
        world.apply(fact)
    world.publish(now)
    truth = truth_of_facts(facts, now)

    views = [view for view in world.views() if view.key_kind in KINDS]
    shown = [view.reconciliation for view in views if view.reconciliation is not None]
    assert records(shown) == records(truth.payouts.values())
    rows = [row for row in (*truth.open_breaks.values(), *truth.accepted_breaks.values()) if row["key_kind"] in KINDS]
    assert broken(views) == {
        row["break_id"]: {
            "class": row["class"],
            "subject": row["subject"],
            "amounts": (row["expected_minor"], row["actual_minor"], row["currency"]),
            "due_at": row["due_at"],
            "evidence": row["evidence"],
            "state": None if row["decision"] is None else str(row["decision"]["state"]),
        }
        for row in rows
    }
    candidates = {one.break_id: list(one.candidates) for view in views for one in view.breaks}
    assert candidates == {row["break_id"]: row["candidates"] for row in rows}

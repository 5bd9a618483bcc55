"""Payments and references of random facts are those of the simulator's truth, which reads the contract on its own."""

from collections.abc import Iterable
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from domain.ids import evidence_of
from domain.publishing import View
from domain.records import DecisionState
from simulator.truth import truth_of_facts
from tests.kit.domain_world import Fact, World
from tests.kit.examples import examples
from tests.kit.fact_strategies import (
    histories,
    initiations,
    instants_to_look_at,
    payment_facts,
    reference_facts,
    settlements,
)

KINDS = ("payment", "reference")


def records(rows: Iterable[Any]) -> list[Any]:
    """As plain JSON values, without what is history."""
    plain = msgspec.json.decode(msgspec.json.encode([_fields(row) for row in rows]))
    return sorted(plain, key=lambda row: msgspec.json.encode(row, order="sorted"))


def _fields(row: Any) -> Any:
    """Give the fields of a record by name, at any depth; the records of the domain are packed as arrays."""
    if isinstance(row, msgspec.Struct):
        row = msgspec.structs.asdict(row)
    if isinstance(row, dict):
        return {name: _fields(value) for name, value in row.items() if name != "version"}
    return [_fields(one) for one in row] if isinstance(row, list | tuple) else row


def broken(views: Iterable[View]) -> dict[str, Any]:
    """Give the breaks of views by id, in the fields of a truth's row that are not history."""
    return {
        one.break_id: {
            "class": str(one.break_class),
            "subject": list(one.subject),
            "amounts": (one.expected_minor, one.actual_minor, one.currency),
            "due_at": one.due_at,
            "evidence": evidence_of(one.break_class, one.event_ids),
            "state": None if one.decision is None else str(one.decision.state),
        }
        for view in views
        for one in view.breaks
    }


@st.composite
def of_one_payment(draw: st.DrawFn) -> list[Fact]:
    """One initiation, and much that a processor and the ledger say about few attempts and few postings of it."""
    initiation = draw(initiations())
    told: list[Fact] = [msgspec.structs.replace(initiation, payment_id="P1", currency="USD", processor="acme")]
    records = draw(st.lists(settlements(st.sampled_from(["P1", "P1", "P1", None])), min_size=2, max_size=9))
    for place, record in enumerate(records):
        told.append(
            msgspec.structs.replace(
                record,
                event_id=f"s{place}",
                processor="acme",
                processor_reference=draw(st.sampled_from(["R1", "R1", "R1", "R2"])),
                original_reference=draw(st.sampled_from([None, None, None, None, "R1"])),
                currency=draw(st.sampled_from(["USD"] * 19 + ["CAD"])),
            )
        )
    rest = draw(st.lists(st.one_of(payment_facts, reference_facts), max_size=5))
    told += [msgspec.structs.replace(fact, payment_id="P1", event_id=f"r{n}") for n, fact in enumerate(rest)]
    return told


@examples(500)
@given(facts=st.one_of(of_one_payment(), of_one_payment(), histories), now=instants_to_look_at)
def test_payments_and_references_are_those_of_the_truth(facts: list[Fact], now: int) -> None:
    world = World()
    for fact in facts:
        world.apply(fact)
    world.publish(now)
    truth = truth_of_facts(facts, now)

    views = [view for view in world.views() if view.key_kind in KINDS]
    shown = [view.reconciliation for view in views if view.reconciliation is not None]
    assert records(shown) == records([*truth.payments.values(), *truth.references.values()])
    rows = [*truth.open_breaks.values(), *truth.accepted_breaks.values()]
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
        if row["key_kind"] in KINDS
    }
    accepted = {row["break_id"] for row in truth.accepted_breaks.values() if row["key_kind"] in KINDS}
    assert accepted == {
        one.break_id
        for view in views
        for one in view.breaks
        if one.decision is not None and one.decision.state is DecisionState.ACCEPTED
    }

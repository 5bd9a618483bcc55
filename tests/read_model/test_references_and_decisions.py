"""References, accepted breaks and decisions in the read model: handmade records, each query by each of its filters."""

import asyncio
from typing import Any

import pytest

from domain.records import (
    AllocationView,
    DecisionOnBreak,
    DecisionState,
    MismatchAlert,
    ObligationReconciliation,
    PaymentReconciliation,
    Posted,
    ReferenceReconciliation,
    ReferenceStatus,
    Settled,
)
from read_model.mongo import Mongo
from read_model.queries import BreakQuery, ReadModel, ReferenceQuery
from read_model.writer import ReadModelWriter, ReceivedRecord
from tests.kit.projected import obligation

NOW = 1_785_000_000_000_000


def arrived(kind: Any, record: Any, offset: int) -> ReceivedRecord:
    return ReceivedRecord(kind, kind, 0, offset, None, b"", record)


def reference(number: int, status: ReferenceStatus, payment_id: str | None = None, processor: str = "acme") -> Any:
    return ReferenceReconciliation(
        processor=processor,
        processor_reference=f"ch_{number}",
        version=number,
        payment_id=payment_id,
        status=status,
        records=2,
        gross_minor={"EUR": 5, "USD": 1 << 53 | 1},
        open_breaks=(),
    )


def alert(number: int, lifecycle: str, decision: DecisionOnBreak | None = None, **changes: Any) -> MismatchAlert:
    fields: dict[str, Any] = {
        "break_id": f"{number:032x}", "version": number, "key_kind": "payment", "key": f"P-{number}",
        "subject": ("posting",), "break_class": "posting_missing", "priority": 3, "lifecycle": lifecycle,
        "expected_minor": 5, "actual_minor": 0, "drift_minor": -5, "currency": "USD", "due_at": None,
        "opened_at": NOW + number, "resolved_at": NOW if lifecycle == "resolved" else None, "event_ids": ("e",),
        "evidence": "f" * 32, "decision": decision, "candidates": ("P-1", "P-2"),
    }  # fmt: skip
    return MismatchAlert(**{**fields, **changes})


def decided(state: DecisionState, assignee: str | None = None) -> DecisionOnBreak:
    return DecisionOnBreak(state, "one", NOW, "two" if state == "accepted" else None, "known", assignee, NOW + 1)


REFERENCES = (
    reference(1, ReferenceStatus.SUSPENSE),
    reference(2, ReferenceStatus.HELD, "P-1"),
    reference(3, ReferenceStatus.CLAIMED_TWICE, "P-9"),
    reference(4, ReferenceStatus.HELD, "P-1", processor="a/b"),
    reference(5, ReferenceStatus.SUSPENSE, processor="zeta"),
)
ALERTS = (
    alert(1, "opened"),
    alert(2, "updated", decided(DecisionState.ACKNOWLEDGED, "ana")),
    alert(3, "updated", decided(DecisionState.ASSIGNED, "ana")),
    alert(4, "updated", decided(DecisionState.ACCEPT_REQUESTED)),
    alert(5, "accepted", decided(DecisionState.ACCEPTED, "ben")),
    alert(6, "resolved", decided(DecisionState.ASSIGNED, "ana")),
    alert(7, "opened", key_kind="reference", key=REFERENCES[1].reference_key),
    alert(8, "opened", key_kind="reference", key=REFERENCES[0].reference_key),
)
PAYMENT = PaymentReconciliation(
    payment_id="P-1",
    version=1,
    status="settled",
    currency="USD",
    initiated=None,
    settled=Settled(5, 0, 5, 0, 0, 0, 5),
    posted=Posted(0, {}),
    open_breaks=(),
    rests_on=NOW,
    in_flight_minor=7,
    allocations=(AllocationView("O-1", None, 5, 5, 0),),
)


@pytest.fixture
def model(mongo: Mongo, loop: asyncio.Runner) -> ReadModel:
    async def write() -> ReadModel:
        writer = ReadModelWriter(mongo, lambda: 0)
        await writer.prepare()
        await writer.write(
            [
                *(arrived("processor_references", one, at) for at, one in enumerate(REFERENCES)),
                *(arrived("breaks", one, at) for at, one in enumerate(ALERTS)),
                arrived("payments", PAYMENT, 0),
                obligation("O-1"),
            ]
        )
        return ReadModel(mongo)

    return loop.run(write())


def test_a_reference_is_found_by_its_key_with_its_versions(loop: asyncio.Runner, model: ReadModel) -> None:
    async def run() -> None:
        for one in REFERENCES:
            assert await model.get_reference(one.reference_key) == one
            assert await model.list_versions(ReferenceReconciliation, one.reference_key, limit=9) == [one]
        assert await model.get_reference("a%2Fb/ch_4") == REFERENCES[3]
        assert await model.get_reference("a/b/ch_4") is None

    loop.run(run())


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        ({}, [4, 1, 2, 3, 5]),
        ({"status": "suspense"}, [1, 5]),
        ({"status": "held"}, [4, 2]),
        ({"processor": "acme", "status": "claimed_twice"}, [3]),
        ({"processor": "a/b"}, [4]),
        ({"payment_id": "P-1"}, [4, 2]),
        ({"payment_id": "P-1", "processor": "zeta"}, []),
    ],
)
def test_references_are_listed_by_key_page_by_page(
    loop: asyncio.Runner, model: ReadModel, filters: dict[str, Any], numbers: list[int]
) -> None:
    async def run() -> None:
        found: list[ReferenceReconciliation] = []
        while page := await model.list_references(
            ReferenceQuery(**filters), after=found[-1].reference_key if found else None, limit=2
        ):
            found += page
        assert [one.version for one in found] == numbers

    loop.run(run())


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        ({}, [1, 2, 3, 4, 7, 8]),
        ({"state": "accepted"}, [5]),
        ({"state": "resolved"}, [6]),
        ({"state": "any"}, [1, 2, 3, 4, 5, 6, 7, 8]),
        ({"decision": "none"}, [1, 7, 8]),
        ({"decision": "acknowledged"}, [2]),
        ({"decision": "accept_requested"}, [4]),
        ({"decision": "accepted"}, []),
        ({"decision": "accepted", "state": "accepted"}, [5]),
        ({"assignee": "ana"}, [2, 3]),
        ({"assignee": "ana", "decision": "assigned", "state": "any"}, [3, 6]),
        ({"assignee": "nobody"}, []),
        ({"key_kind": "reference"}, [7, 8]),
        ({"key_kind": "reference", "key": "acme/ch_1"}, [8]),
        # Payment P-1 has an allocation for O-1, and holds the reference of the seventh.
        ({"property_id": "H"}, [1, 7]),
        ({"tenant_id": "T", "key_kind": "reference"}, [7]),
    ],
)
def test_breaks_are_listed_by_what_people_decided(
    loop: asyncio.Runner, model: ReadModel, filters: dict[str, Any], numbers: list[int]
) -> None:
    found = loop.run(model.list_breaks(BreakQuery(**filters), limit=99))
    assert [one.version for one in found] == numbers
    assert all(one == ALERTS[one.version - 1] for one in found)


def test_the_filter_by_decision_knows_every_state(loop: asyncio.Runner, model: ReadModel) -> None:
    for state in DecisionState:
        assert loop.run(model.list_breaks(BreakQuery(decision=state.value, state="any"), limit=9))


def test_an_obligation_that_an_allocation_names_has_the_payment(loop: asyncio.Runner, mongo: Mongo, model: Any) -> None:
    document = loop.run(mongo.find_one("payments", "P-1"))
    assert document is not None
    assert document["obligation_ids"] == ["O-1"]
    assert isinstance(loop.run(model.get_obligation("O-1")), ObligationReconciliation)

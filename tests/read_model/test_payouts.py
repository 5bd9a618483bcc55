"""Payouts and the breaks of bank entries in the read model: handmade records, each query by each of its filters."""

import asyncio
from typing import Any

import pytest

from domain.records import (
    BreakClass,
    BreakLifecycle,
    MatchedBy,
    MismatchAlert,
    PayoutEntryView,
    PayoutReconciliation,
)
from read_model.mongo import Mongo
from read_model.queries import BreakQuery, PayoutQuery, ReadModel
from read_model.writer import ReadModelWriter, ReceivedRecord

NOW = 1_785_000_000_000_000


def arrived(kind: Any, record: Any, offset: int) -> ReceivedRecord:
    return ReceivedRecord(kind, kind, 0, offset, None, b"", record)


def payout(number: int, status: str, account_id: str | None = None, **changes: Any) -> PayoutReconciliation:
    entries = () if account_id is None else (PayoutEntryView(account_id, f"n{number}", 1 << 53 | 1, MatchedBy.AMOUNT),)
    fields: dict[str, Any] = {
        "processor": "acme", "payout_id": f"po_{number}", "version": number, "status": status, "currency": "USD",
        "amount_minor": 1 << 53 | 1, "lines": 3, "unknown_lines": 0, "lines_minor": 1 << 53 | 2, "other_minor": -1,
        "deposited_minor": sum(entry.amount_minor for entry in entries), "arrival_date": 20_605, "entries": entries,
        "open_breaks": (), "rests_on": NOW,
    }  # fmt: skip
    return PayoutReconciliation(**{**fields, **changes})


PAYOUTS = (
    payout(1, "in_transit"),
    payout(2, "reconciled", "A/1"),
    payout(3, "exception", "B"),
    payout(4, "reconciled", "A/1", processor="a/b"),
    payout(5, "collecting", processor="zeta", currency="EUR", amount_minor=None, arrival_date=None),
)
UNEXPLAINED = MismatchAlert(
    break_id="1" * 32,
    version=1,
    key_kind="bank_entry",
    key="A%2F1/n9",
    subject=("entry",),
    break_class=BreakClass.BANK_ENTRY_UNEXPLAINED,
    priority=2,
    lifecycle=BreakLifecycle.OPENED,
    expected_minor=0,
    actual_minor=5,
    drift_minor=5,
    currency="USD",
    due_at=NOW,
    opened_at=NOW,
    resolved_at=None,
    event_ids=("e",),
    evidence="f" * 32,
    decision=None,
    candidates=("acme/po_1", "acme/po_3"),
)


@pytest.fixture
def model(mongo: Mongo, loop: asyncio.Runner) -> ReadModel:
    async def write() -> ReadModel:
        writer = ReadModelWriter(mongo, lambda: 0)
        await writer.prepare()
        await writer.write(
            [*(arrived("payouts", one, at) for at, one in enumerate(PAYOUTS)), arrived("breaks", UNEXPLAINED, 0)]
        )
        return ReadModel(mongo)

    return loop.run(write())


def test_a_payout_is_found_by_its_key_with_its_versions(loop: asyncio.Runner, model: ReadModel) -> None:
    async def run() -> None:
        for one in PAYOUTS:
            assert await model.get_payout(one.payout_key) == one
            assert await model.list_versions(PayoutReconciliation, one.payout_key, limit=9) == [one]
        assert await model.get_payout("a%2Fb/po_4") == PAYOUTS[3]
        assert await model.get_payout("a/b/po_4") is None

    loop.run(run())


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        ({}, [4, 1, 2, 3, 5]),
        ({"status": "reconciled"}, [4, 2]),
        ({"processor": "acme", "status": "exception"}, [3]),
        ({"processor": "a/b"}, [4]),
        ({"currency": "EUR"}, [5]),
        ({"account_id": "A/1"}, [4, 2]),
        ({"account_id": "A/1", "processor": "acme"}, [2]),
        ({"account_id": "C"}, []),
    ],
)
def test_payouts_are_listed_by_key_page_by_page(
    loop: asyncio.Runner, model: ReadModel, filters: dict[str, Any], numbers: list[int]
) -> None:
    async def run() -> None:
        found: list[PayoutReconciliation] = []
        while page := await model.list_payouts(
            PayoutQuery(**filters), after=found[-1].payout_key if found else None, limit=2
        ):
            found += page
        assert [one.version for one in found] == numbers

    loop.run(run())


def test_an_unexplained_bank_entry_is_a_break_of_no_property(loop: asyncio.Runner, model: ReadModel) -> None:
    async def found(**filters: Any) -> list[MismatchAlert]:
        return await model.list_breaks(BreakQuery(**filters), limit=9)

    assert loop.run(found(key_kind="bank_entry")) == [UNEXPLAINED]
    assert loop.run(found(key_kind="bank_entry", key=UNEXPLAINED.key)) == [UNEXPLAINED]
    assert loop.run(found(key_kind="payout")) == loop.run(found(property_id="H")) == []


def test_a_payout_that_is_no_more_leaves_its_history(loop: asyncio.Runner, mongo: Mongo, model: ReadModel) -> None:
    async def run() -> None:
        gone = ReceivedRecord("payouts", "payouts", 0, 9, b"acme/po_1", None, None)
        await ReadModelWriter(mongo, lambda: 0).write([gone])
        assert await model.get_payout("acme/po_1") is None
        assert await model.list_versions(PayoutReconciliation, "acme/po_1", limit=9) == [PAYOUTS[0]]
        await ReadModelWriter(mongo, lambda: 0).write([arrived("payouts", PAYOUTS[0], 0)])
        assert await model.get_payout("acme/po_1") is None, "an older record that comes late brings nothing back"

    loop.run(run())

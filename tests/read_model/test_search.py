"""The search box: exact ids before prefixes, each kind of id, no text that means more than itself, within the scope."""

import asyncio

import pytest

from domain.records import BreakClass, MatchedBy, PayoutEntryView
from read_model.mongo import Mongo
from read_model.queries import ReadModel
from read_model.scope import EVERYTHING, Scope
from read_model.writer import ReadModelWriter
from tests.kit.projected import obligation, tombstone
from tests.read_model.test_scoped import alert, arrived, payment, payout, reference


@pytest.fixture
def model(mongo: Mongo, loop: asyncio.Runner) -> ReadModel:
    entries = tuple(PayoutEntryView("ACC/1", entry, 5, MatchedBy.NAMED) for entry in ("e-17", "e-2"))
    unexplained = alert(7, "bank_entry", "ACC%2F1/e-19", break_class=BreakClass.BANK_ENTRY_UNEXPLAINED)
    tenants = [obligation(f"T-A-{n}", tenant_id="T-A", property_id="H1", lease_id="L-9") for n in range(5)]

    async def write() -> ReadModel:
        writer = ReadModelWriter(mongo, lambda: 0)
        await writer.prepare()
        await writer.write(
            [
                *tenants,
                obligation("O-1", tenant_id="T-B", property_id="H2"),
                obligation("O-gone"),
                tombstone("O-gone", 5),
                arrived("payments", payment(1, "O-1"), 0),
                arrived("payments", payment(10, "T-A-1"), 1),
                arrived("processor_references", reference(1, "P-1"), 0),
                arrived("payouts", payout(1, entries=entries), 0),
                arrived("breaks", alert(8, "payment", "P-1", break_id="ab" + "0" * 30), 0),
                arrived("breaks", unexplained, 1),
            ]
        )
        return ReadModel(mongo)

    return loop.run(write())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("P-1", [("payment", "P-1"), ("payment", "P-10")]),
        (" P-10 ", [("payment", "P-10")]),
        ("T-A", [("tenant", "T-A"), *(("obligation", f"T-A-{n}") for n in range(5))]),
        ("T-", [*(("obligation", f"T-A-{n}") for n in range(5)), ("tenant", "T-A"), ("tenant", "T-B")]),
        ("L", [("lease", "L"), ("lease", "L-9")]),
        ("H", [("property", "H1"), ("property", "H2")]),
        ("O-", [("obligation", "O-1")]),
        ("ab0", [("break", "ab" + "0" * 30)]),
        ("ch_1", [("reference", "acme/ch_1")]),
        ("acme/", [("reference", "acme/ch_1"), ("payout", "acme/po_1")]),
        ("po_1", [("payout", "acme/po_1")]),
        ("e-1", [("bank_entry", "ACC%2F1/e-17"), ("bank_entry", "ACC%2F1/e-19")]),
        ("ACC%2F1/e-2", [("bank_entry", "ACC%2F1/e-2")]),
        ("", []),
        ("p-1", []),
        (".*", []),
        ("$", []),
        ("x" * 600, []),
    ],
)
def test_what_is_found(loop: asyncio.Runner, model: ReadModel, text: str, expected: list[tuple[str, str]]) -> None:
    hits = loop.run(model.scoped(EVERYTHING).search(text, 20))
    assert [(hit.kind, hit.id) for hit in hits] == expected
    assert all(hit.text for hit in hits)


def test_a_scope_and_a_limit(loop: asyncio.Runner, model: ReadModel) -> None:
    async def run() -> None:
        narrow = model.scoped(Scope(frozenset({"H2"})))
        assert [hit.id for hit in await narrow.search("P-1", 9)] == ["P-1"]
        assert [hit.id for hit in await narrow.search("T-", 9)] == ["T-B"]
        assert await narrow.search("po_1", 9) == await narrow.search("e-1", 9) == []
        assert [hit.id for hit in await model.scoped(EVERYTHING).search("T-A", 2)] == ["T-A", "T-A-0"]
        (hit,) = await model.scoped(EVERYTHING).search("P-10", 1)
        assert hit.text == "payment of USD 10.00, settled"

    loop.run(run())

"""The batched reads and lists of the gateway: handmade records, each by each of its filters, in and out of a scope."""

import asyncio
import itertools
import re
from typing import Any

import pytest

import read_model.reader
from domain.records import (
    AllocationView,
    BreakClass,
    DecisionOnBreak,
    DecisionState,
    Initiated,
    LatePaymentAlert,
    MatchedBy,
    MismatchAlert,
    ObligationReconciliation,
    PaymentReconciliation,
    PayoutEntryView,
    PayoutReconciliation,
    Posted,
    ReferenceReconciliation,
    Settled,
)
from read_model.documents import KINDS
from read_model.finding import ReadModelUnavailable
from read_model.mongo import Mongo
from read_model.orders import BREAK_ORDERS, InvalidCursor
from read_model.queries import ReadModel
from read_model.rows import Count
from read_model.scope import EVERYTHING, Scope
from read_model.scoped import ScopedReadModel
from read_model.selections import (
    BreakSelection,
    DecisionSelection,
    LateAlertSelection,
    ObligationSelection,
    PaymentSelection,
    PayoutSelection,
    ReferenceSelection,
)
from read_model.shape import declare_shape, has_shape
from read_model.summaries import SummaryKeeper
from read_model.writer import ReadModelWriter, ReceivedRecord
from tests.kit.projected import obligation

NOW = 1_785_000_000_000_000


def arrived(kind: Any, record: Any, offset: int) -> ReceivedRecord:
    return ReceivedRecord(kind, kind, 0, offset, None, b"", record)


def payment(number: int, *obligations: str, **changes: Any) -> PaymentReconciliation:
    fields: dict[str, Any] = {
        "payment_id": f"P-{number}", "version": 1, "status": "settled", "currency": "USD",
        "initiated": Initiated(obligations[0], None, number * 100, "CARD") if obligations else None,
        "settled": Settled(number * 100, 0, number * 100, 0, 0, 0, number * 100), "posted": Posted(0, {}),
        "open_breaks": (), "rests_on": NOW + number,
        "allocations": tuple(AllocationView(one, None, 5, 5, 0) for one in obligations),
    }  # fmt: skip
    return PaymentReconciliation(**{**fields, **changes})


def alert(number: int, key_kind: str, key: str, **changes: Any) -> MismatchAlert:
    fields: dict[str, Any] = {
        "break_id": f"{number:032x}", "version": number, "key_kind": key_kind, "key": key, "subject": ("posting",),
        "break_class": BreakClass.POSTING_MISSING, "priority": 3, "lifecycle": "opened", "expected_minor": 0,
        "actual_minor": number * 10, "drift_minor": number * 10, "currency": "USD", "due_at": NOW - number,
        "opened_at": NOW + number, "resolved_at": None, "event_ids": ("e",),
    }  # fmt: skip
    return MismatchAlert(**{**fields, **changes})


def late(number: int, obligation_id: str, property_id: str, **changes: Any) -> LatePaymentAlert:
    fields: dict[str, Any] = {
        "alert_id": f"{number:032x}", "version": 1, "obligation_id": obligation_id, "installment_id": "i",
        "lease_id": "L", "tenant_id": "T", "property_id": property_id, "period": "2026-07", "currency": "USD",
        "due_date": 20_635 - number, "amount_due_minor": 900, "paid_minor": 100, "pending_minor": 0, "due_at": NOW,
        "stage": "past_due", "lifecycle": "opened", "opened_at": NOW, "ended_at": None,
    }  # fmt: skip
    return LatePaymentAlert(**{**fields, **changes})


def payout(number: int, **changes: Any) -> PayoutReconciliation:
    fields: dict[str, Any] = {
        "processor": "acme", "payout_id": f"po_{number}", "version": 1, "status": "reconciled", "currency": "USD",
        "amount_minor": 5, "lines": 1, "unknown_lines": 0, "lines_minor": 5, "other_minor": 0, "deposited_minor": 5,
        "arrival_date": 20_600 + number, "entries": (PayoutEntryView("A", f"n{number}", 5, MatchedBy.AMOUNT),),
        "open_breaks": (), "rests_on": NOW,
    }  # fmt: skip
    return PayoutReconciliation(**{**fields, **changes})


def reference(number: int, payment_id: str | None) -> ReferenceReconciliation:
    status = "suspense" if payment_id is None else "held"
    return ReferenceReconciliation("acme", f"ch_{number}", 1, payment_id, status, 2, {"USD": 5}, ())  # type: ignore[arg-type]


OBLIGATIONS = (
    obligation("O-1", property_id="H1", tenant_id="T1"),
    obligation("O-2", property_id="H2", tenant_id="T2", lease_id="M", currency="EUR"),
    obligation("O-3", property_id="H3", tenant_id="T1", status="past_due", ageing_bucket="days_1_30"),
)
PAYMENTS = (
    payment(1, "O-1"),
    payment(2, "O-2", status="exception"),
    payment(3, "O-1", "O-2"),
    payment(4),
    payment(5, "O-3", currency="EUR", initiated=Initiated("O-3", None, 77, "CASH")),
)
ALERTS = (
    alert(1, "payment", "P-1"),
    alert(2, "payment", "P-2", priority=1, break_class=BreakClass.DUPLICATE_SETTLEMENT),
    alert(3, "payment", "P-3", due_at=None),
    alert(4, "obligation", "O-1", currency="EUR"),
    alert(5, "reference", "acme/ch_1", priority=1),
    alert(6, "payout", "acme/po_1"),
    alert(7, "bank_entry", "A/n9", break_class=BreakClass.BANK_ENTRY_UNEXPLAINED),
    alert(8, "obligation", "O-1", lifecycle="resolved", resolved_at=NOW),
    alert(9, "payment", "P-1", decision=DecisionOnBreak(DecisionState.ASSIGNED, "ana", NOW, None, "r", "ben", None)),
)  # fmt: skip
LATE = (late(1, "O-1", "H1"), late(2, "O-1", "H1"), late(3, "O-3", "H3", currency="EUR", ended_at=NOW))
PAYOUTS = (payout(1, status="exception"), payout(2), payout(3, entries=()))
REFERENCES = (reference(1, "P-2"), reference(2, None), reference(3, "P-2"))


@pytest.fixture
def model(mongo: Mongo, loop: asyncio.Runner) -> ReadModel:
    async def write() -> ReadModel:
        writer = ReadModelWriter(mongo, lambda: 0)
        await writer.prepare()
        for kind, records in (
            ("payments", PAYMENTS), ("breaks", ALERTS), ("alerts", LATE), ("payouts", PAYOUTS),
            ("processor_references", REFERENCES),
        ):  # fmt: skip
            await writer.write([arrived(kind, one, at) for at, one in enumerate(records)])
        await writer.write(OBLIGATIONS)
        return ReadModel(mongo)

    return loop.run(write())


@pytest.fixture
def everything(model: ReadModel) -> ScopedReadModel:
    return model.scoped(EVERYTHING)


def numbers(rows: Any) -> list[int]:
    return [int(row.alert.break_id, 16) for row in rows]


def test_records_are_read_by_their_keys_in_one_query(
    loop: asyncio.Runner, everything: ScopedReadModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real = Mongo.find

    async def counted(self: Mongo, collection: str, *args: Any, **kwargs: Any) -> Any:
        asked.append(collection)
        return await real(self, collection, *args, **kwargs)

    monkeypatch.setattr(Mongo, "find", counted)

    async def run() -> None:
        await everything.count_breaks(BreakSelection())  # the shape of the read model is asked for once
        asked.clear()
        payments = await everything.payments_by_ids(["P-3", "P-1", "nobody", "P-1"])
        assert {key: row.payment for key, row in payments.items()} == {"P-1": PAYMENTS[0], "P-3": PAYMENTS[2]}
        assert (await everything.obligations_by_ids(["O-2"])) == {"O-2": OBLIGATIONS[1].record}
        assert (await everything.references_by_keys(["acme/ch_2"]))["acme/ch_2"].reference == REFERENCES[1]
        assert await everything.payouts_by_keys(["acme/po_2", "x"]) == {"acme/po_2": PAYOUTS[1]}
        breaks = await everything.breaks_by_ids([one.break_id for one in ALERTS])
        assert [breaks[one.break_id].alert for one in ALERTS] == list(ALERTS)
        assert await everything.late_alerts_by_ids([LATE[2].alert_id]) == {LATE[2].alert_id: LATE[2]}
        assert await everything.payments_by_ids([]) == {}
        assert asked == ["payments", "obligations", "processor_references", "payouts", "breaks", "alerts"]
        asked.clear()
        monkeypatch.setattr(read_model.reader, "KEYS_PER_QUERY", 2)
        assert len(await everything.payments_by_ids([one.payment_id for one in PAYMENTS])) == 5
        assert asked == ["payments"] * 3

    loop.run(run())


def test_records_are_read_by_the_keys_of_others(loop: asyncio.Runner, everything: ScopedReadModel) -> None:
    async def run() -> None:
        keys = [("payment", "P-1"), ("obligation", "O-1"), ("payment", "O-1"), ("payout", "acme/po_1")]
        found = await everything.open_breaks_of_keys(keys)
        assert [numbers(found[key]) for key in keys] == [[1, 9], [4], [], [6]]
        assert await everything.late_of_obligations(["O-1", "O-3"]) == {"O-1": [LATE[1], LATE[0]], "O-3": []}
        of_obligations = await everything.payments_of_obligations(["O-1", "O-2", "O-9"], 9)
        assert {key: [row.payment for row in rows] for key, rows in of_obligations.items()} == {
            "O-1": [PAYMENTS[2], PAYMENTS[0]], "O-2": [PAYMENTS[2], PAYMENTS[1]], "O-9": [],
        }  # fmt: skip
        # One key has enough documents to displace those of another: it does not.
        of_obligations = await everything.payments_of_obligations(["O-1", "O-2", "O-3"], 1)
        assert {key: [row.payment for row in rows] for key, rows in of_obligations.items()} == {
            "O-1": [PAYMENTS[2]], "O-2": [PAYMENTS[2]], "O-3": [PAYMENTS[4]],
        }  # fmt: skip
        of_payments = await everything.references_of_payments(["P-2", "P-1"], 5)
        assert [row.reference for row in of_payments["P-2"]] == [REFERENCES[0], REFERENCES[2]]
        assert of_payments["P-1"] == []
        assert await everything.payouts_of_entries(["A/n1", "B/n2", "A/n3"]) == {"A/n1": PAYOUTS[0]}

    loop.run(run())


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, [2, 5, 1, 3, 4, 6, 7, 9]),
        ({"state": "any"}, [2, 5, 1, 3, 4, 6, 7, 8, 9]),
        ({"state": "resolved"}, [8]),
        ({"classes": ("duplicate_settlement", "bank_entry_unexplained")}, [2, 7]),
        ({"classes": ("duplicate_settlement",)}, [2]),
        ({"priorities": (1, 2)}, [2, 5]),
        ({"currency": "EUR"}, [4]),
        ({"key_kind": "payment", "key": "P-1"}, [1, 9]),
        ({"decision": "assigned"}, [9]),
        ({"decision": "none", "key": "P-1"}, [1]),
        ({"assignee": "ben"}, [9]),
        ({"opened_from": NOW + 3, "opened_before": NOW + 5}, [3, 4]),
        ({"min_gross_minor": 60}, [6, 7, 9]),
    ],
)
def test_breaks_by_each_filter(
    loop: asyncio.Runner, everything: ScopedReadModel, filters: dict[str, Any], expected: list[int]
) -> None:
    only = BreakSelection(**filters)
    assert numbers(loop.run(everything.list_breaks(only, limit=99)).rows) == expected
    assert loop.run(everything.count_breaks(only)) == Count(len(expected), False)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("pressing", [2, 5, 1, 3, 4, 6, 7, 9]),
        ("due", [9, 7, 6, 5, 4, 2, 1, 3]),
        ("oldest", [1, 2, 3, 4, 5, 6, 7, 9]),
        ("newest", [9, 7, 6, 5, 4, 3, 2, 1]),
        ("amount", [9, 7, 6, 5, 4, 3, 2, 1]),
    ],
)
def test_breaks_in_each_order_page_by_page(
    loop: asyncio.Runner, everything: ScopedReadModel, order: str, expected: list[int]
) -> None:
    async def run() -> None:
        for limit in (1, 3, 8):
            found: list[int] = []
            after = None
            for _ in itertools.count():
                page = await everything.list_breaks(BreakSelection(), order=order, after=after, limit=limit)
                found += numbers(page.rows)
                assert len(page.cursors) == len(page.rows) <= limit
                if not page.has_next:
                    break
                after = page.cursors[-1]
            assert found == expected

    loop.run(run())


@pytest.mark.parametrize(
    ("order", "filters", "expected"),
    [
        ("pressing", {"priorities": (3,)}, [1, 3, 4, 6, 7, 9]),
        ("pressing", {"priorities": (1, 3)}, [2, 5, 1, 3, 4, 6, 7, 9]),
        ("pressing", {"priorities": (1,), "opened_from": NOW + 2}, [2, 5]),
        ("newest", {"opened_from": NOW + 3, "opened_before": NOW + 8}, [7, 6, 5, 4, 3]),
        ("oldest", {"opened_from": NOW + 3, "opened_before": NOW + 8}, [3, 4, 5, 6, 7]),
        ("amount", {"min_gross_minor": 50}, [9, 7, 6, 5]),
    ],
)
def test_filters_of_what_a_list_is_ordered_by_page_by_page(
    loop: asyncio.Runner, everything: ScopedReadModel, order: str, filters: dict[str, Any], expected: list[int]
) -> None:
    async def run() -> None:
        only = BreakSelection(**filters)
        page = await everything.list_breaks(only, order=order, limit=2)
        found = numbers(page.rows)
        while page.has_next:
            page = await everything.list_breaks(only, order=order, after=page.cursors[-1], limit=2)
            found += numbers(page.rows)
        assert found == expected

    loop.run(run())


def test_a_cursor_of_another_order_is_refused(loop: asyncio.Runner, everything: ScopedReadModel) -> None:
    page = loop.run(everything.list_breaks(BreakSelection(), limit=1))
    assert set(BREAK_ORDERS) == {"pressing", "due", "oldest", "newest", "amount"}
    for order in ("due", "oldest"):
        with pytest.raises(InvalidCursor):
            loop.run(everything.list_breaks(BreakSelection(), order=order, after=page.cursors[0], limit=1))
    for odd in (
        "",
        "?",
        "bnVsbA",
        "WzEsMix7fV0",
        "WzEuNSwyLCJ4Il0",
        "WzEsOTIyMzM3MjAzNjg1NDc3NTgwOCwieCJd",
        "x" * 20_000,
    ):
        with pytest.raises(InvalidCursor):
            loop.run(everything.list_breaks(BreakSelection(), after=odd, limit=1))


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, [5, 4, 3, 2, 1]),
        ({"status": "exception"}, [2]),
        ({"method": "CASH"}, [5]),
        ({"currency": "USD"}, [4, 3, 2, 1]),
        ({"obligation_id": "O-2"}, [3, 2]),
        ({"min_minor": 200, "max_minor": 300}, [3, 2]),
        ({"max_minor": 77}, [5]),
        ({"min_minor": 400}, [4]),
        ({"rests_on_from": NOW + 2, "rests_on_before": NOW + 4}, [3, 2]),
    ],
)
def test_payments_by_each_filter(
    loop: asyncio.Runner, everything: ScopedReadModel, filters: dict[str, Any], expected: list[int]
) -> None:
    async def run() -> None:
        only = PaymentSelection(**filters)
        first = await everything.list_payments(only, limit=1)
        rest = await everything.list_payments(only, after=first.cursors[-1], limit=99)
        assert [row.payment for row in first.rows + rest.rows] == [PAYMENTS[number - 1] for number in expected]
        assert await everything.count_payments(only) == Count(len(expected), False)

    loop.run(run())


def test_other_lists_by_each_filter(loop: asyncio.Runner, everything: ScopedReadModel) -> None:
    async def run() -> None:
        for filters, keys in (
            ({}, ["O-1", "O-2", "O-3"]), ({"status": "past_due"}, ["O-3"]), ({"tenant_id": "T1"}, ["O-1", "O-3"]),
            ({"property_id": "H2"}, ["O-2"]), ({"lease_id": "M"}, ["O-2"]), ({"period": "2026-08"}, []),
            ({"ageing": "days_1_30"}, ["O-3"]), ({"currency": "EUR"}, ["O-2"]),
        ):  # fmt: skip
            obligations = ObligationSelection(**filters)  # type: ignore[arg-type]
            page = await everything.list_obligations(obligations, limit=9)
            assert [one.obligation_id for one in page.rows] == keys
            assert await everything.count_obligations(obligations) == (len(keys), False)
        for filters, found in (
            ({}, [2, 1]), ({"live": None}, [3, 2, 1]), ({"live": False}, [3]), ({"property_id": "H3"}, []),
            ({"currency": "EUR", "live": None}, [3]), ({"stage": "days_30"}, []), ({"tenant_id": "T"}, [2, 1]),
        ):  # fmt: skip
            alerts = LateAlertSelection(**filters)  # type: ignore[arg-type]
            late_page = await everything.list_late_alerts(alerts, limit=9)
            assert late_page.rows == [LATE[number - 1] for number in found]
            assert await everything.count_late_alerts(alerts) == (len(found), False)
        for filters, found in (
            ({}, [1, 2, 3]), ({"status": "exception"}, [1]), ({"account_id": "A"}, [1, 2]), ({"currency": "EUR"}, []),
            ({"processor": "acme", "arrival_from": 20_602}, [2, 3]), ({"arrival_before": 20_602}, [1]),
        ):  # fmt: skip
            payouts = PayoutSelection(**filters)  # type: ignore[arg-type]
            assert (await everything.list_payouts(payouts, limit=9)).rows == [PAYOUTS[n - 1] for n in found]
            assert await everything.count_payouts(payouts) == (len(found), False)
        for filters, found in (({}, [1, 2, 3]), ({"status": "suspense"}, [2]), ({"payment_id": "P-2"}, [1, 3])):
            references = ReferenceSelection(**filters)  # type: ignore[arg-type]
            rows = (await everything.list_references(references, limit=9)).rows
            assert [row.reference for row in rows] == [REFERENCES[n - 1] for n in found]
            assert await everything.count_references(references) == (len(found), False)

    loop.run(run())


def test_counting_stops_at_the_limit(
    loop: asyncio.Runner, everything: ScopedReadModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_model.reader, "COUNT_MAX", 3)
    assert loop.run(everything.count_breaks(BreakSelection())) == Count(3, True)
    assert loop.run(everything.count_payouts(PayoutSelection(status="exception"))) == Count(1, False)


IN_H2 = {
    "payments_by_ids": (["P-1", "P-2", "P-3", "P-4"],),
    "obligations_by_ids": (["O-1", "O-2", "O-3"],),
    "references_by_keys": (["acme/ch_1", "acme/ch_2"],),
    "payouts_by_keys": (["acme/po_1"],),
    "breaks_by_ids": ([one.break_id for one in ALERTS],),
    "late_alerts_by_ids": ([one.alert_id for one in LATE],),
    "open_breaks_of_keys": ([(one.key_kind, one.key) for one in ALERTS],),
    "late_of_obligations": (["O-1", "O-2"],),
    "payments_of_obligations": (["O-1", "O-2", "O-3"], 9),
    "references_of_payments": (["P-1", "P-2"], 9),
    "payouts_of_entries": (["A/n1"],),
    "list_breaks": (BreakSelection(state="any"),),
    "list_payments": (PaymentSelection(),),
    "list_obligations": (ObligationSelection(),),
    "list_references": (ReferenceSelection(),),
    "list_payouts": (PayoutSelection(),),
    "list_late_alerts": (LateAlertSelection(live=None),),
    "list_versions": (ObligationReconciliation, "O-1"),
    "list_decisions": (DecisionSelection(),),
    "decisions_of_breaks": ([one.break_id for one in ALERTS], 9),
    "search": ("", 9),
    "list_ageing": (),
    "count_breaks": (BreakSelection(state="any"),),
    "count_payments": (PaymentSelection(),),
    "count_obligations": (ObligationSelection(),),
    "count_references": (ReferenceSelection(),),
    "count_payouts": (PayoutSelection(),),
    "count_late_alerts": (LateAlertSelection(live=None),),
    "break_totals": (NOW,),
    "trend": (NOW,),
    "ageing_totals": (),
    "late_totals": (),
    "whereabouts": (),
    "summaries_behind": (),
}
"""Every call of a scoped read model, with what is outside of the scope of property H2, too."""
ELSEWHERE = re.compile(r"\bH[13]\b|\bO-[13]\b|\bP-[145]\b|acme/po|\bA/n|'T1'")


def test_nothing_leaves_a_scope(loop: asyncio.Runner, model: ReadModel, mongo: Mongo) -> None:
    """By every call that there is: what is found names nothing of another property, and something of this one."""
    calls = [name for name in dir(ScopedReadModel) if not name.startswith("_") and name != "scope"]
    assert sorted(calls) == sorted(IN_H2)

    async def run() -> None:
        while (await SummaryKeeper(mongo, lambda: NOW).make_marked(rest=False))[0]:
            pass
        found: dict[str, Any] = {}
        for name, arguments in IN_H2.items():
            limit = {"limit": 9} if name.startswith("list_") else {}
            found[name] = await getattr(model.scoped(Scope(frozenset({"H2"}))), name)(*arguments, **limit)
            answers = found[name].values() if isinstance(found[name], dict) else [found[name]]
            for answer in answers:
                # P-3 is of H1, too: it names O-1 and H1 as its own.
                text = re.sub(r"(PaymentRow|BreakRow)\(.*P-3.*?'T2'\)\)", "", str(answer))
                assert ELSEWHERE.findall(text) == [], (name, text)
        assert set(found["payments_by_ids"]) == {"P-2", "P-3"}
        assert sorted(numbers(found["list_breaks"].rows)) == [2, 3, 5]
        assert found["count_breaks"] == (3, False)
        assert [row.reference.reference_key for row in found["list_references"].rows] == ["acme/ch_1", "acme/ch_3"]
        assert sum(one.breaks for one in found["break_totals"]) == 3
        assert found["list_payouts"].rows == found["whereabouts"] == found["list_versions"].rows == []
        assert [row.property_id for row in found["list_ageing"].rows] == ["H2"]
        of_all = [row.payment.payment_id for row in found["payments_of_obligations"]["O-1"]]
        assert of_all == ["P-3"], "a payment that is of a property of the scope, though the obligation is not"

    loop.run(run())


def test_filters_by_property_and_tenant(loop: asyncio.Runner, model: ReadModel) -> None:
    async def run() -> None:
        everything, both = model.scoped(EVERYTHING), model.scoped(Scope(frozenset({"H1", "H3"})))
        for selection, expected in (
            ({"property_id": "H1"}, [1, 3, 4, 8, 9]), ({"property_id": "H2"}, [2, 3, 5]), ({"property_id": "H4"}, []),
            ({"tenant_id": "T1"}, [1, 3, 4, 8, 9]), ({"tenant_id": "T2", "property_id": "H2"}, [2, 3, 5]),
        ):  # fmt: skip
            only = BreakSelection(state="any", **selection)  # type: ignore[arg-type]
            assert sorted(numbers((await everything.list_breaks(only, limit=99)).rows)) == expected
        assert await both.count_breaks(BreakSelection(property_id="H2")) == (0, False)
        assert await both.count_breaks(BreakSelection(property_id="H1", state="any")) == (5, False)
        payments = (await everything.list_payments(PaymentSelection(tenant_id="T2"), limit=9)).rows
        assert [(row.payment.payment_id, row.property_ids) for row in payments] == [
            ("P-3", ("H1", "H2")), ("P-2", ("H2",)),
        ]  # fmt: skip

    loop.run(run())


def test_a_read_model_of_an_earlier_version_is_refused_until_it_is_rebuilt(
    loop: asyncio.Runner, model: ReadModel, mongo: Mongo
) -> None:
    async def run() -> None:
        await mongo.drop("shapes")
        await ReadModelWriter(mongo, lambda: 0).prepare()
        assert not await has_shape(mongo), "its documents may lack what is needed"
        for ask in (lambda one: one.count_breaks(BreakSelection()), lambda one: one.break_totals(NOW)):
            with pytest.raises(ReadModelUnavailable, match="rebuild-read-model"):
                await ask(model.scoped(EVERYTHING))
        assert await model.get_obligation("O-1") is not None
        await declare_shape(mongo)
        assert await model.scoped(EVERYTHING).count_breaks(BreakSelection()) == (8, False)
        await mongo.drop("shapes")
        for kind in KINDS:
            await mongo.drop(kind)
        with pytest.raises(ReadModelUnavailable, match="does not exist yet"):
            await ReadModel(mongo).scoped(EVERYTHING).count_breaks(BreakSelection())

    loop.run(run())


def test_a_scope_without_properties_has_nothing(loop: asyncio.Runner, model: ReadModel) -> None:
    nothing = model.scoped(Scope(frozenset()))

    async def run() -> None:
        assert (await nothing.list_obligations(ObligationSelection(), limit=9)).rows == []
        assert await nothing.count_breaks(BreakSelection(state="any")) == Count(0, False)

    loop.run(run())

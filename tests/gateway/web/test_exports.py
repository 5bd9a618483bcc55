"""Exports: every row of a selection in the viewer's scope, amounts untouched, and nothing that a spreadsheet runs."""

import csv
import io
import json
import zipfile
from urllib.parse import quote
from xml.etree import ElementTree

import aiohttp
import pytest

from domain.records import BreakLifecycle
from gateway.people.sessions import Identity
from gateway.people.viewer import Role
from gateway.web import exports
from gateway.web.sheets import CsvSheet, SheetColumn, SheetRow, XlsxSheet
from read_model.finding import ReadModelUnavailable
from streams import topics
from tests.kit.driver import Driver
from tests.kit.gateway_process import OURS

SPREADSHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def rows_of(body: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline="")))


def cells_of(body: bytes) -> list[list[tuple[str, str]]]:
    """The type and the text of each cell of a workbook's sheet, row by row."""
    with zipfile.ZipFile(io.BytesIO(body)) as file:
        assert not [name for name in file.namelist() if "external" in name.lower() or "vba" in name.lower()]
        sheet = ElementTree.fromstring(file.read("xl/worksheets/sheet1.xml"))
    return [
        [
            ("formula" if cell.find(f"{SPREADSHEET}f") is not None else cell.get("t", "n"), "".join(cell.itertext()))
            for cell in row.iter(f"{SPREADSHEET}c")
        ]
        for row in sheet.iter(f"{SPREADSHEET}row")
    ]


@pytest.fixture(scope="module")
def alerts(month: Driver):
    return list(month.last(topics.MISMATCH_ALERTS).values())


def test_all_open_breaks_are_exported_with_exact_amounts(gateway, alerts):
    reply = gateway.browser("ana").get("/export/breaks.csv")
    assert reply.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert reply.headers["Content-Disposition"].startswith('attachment; filename="rentmatch-breaks-20')
    rows = {row["break_id"]: row for row in rows_of(reply.body)}
    expected = {one.break_id: one for one in alerts if one.lifecycle in (BreakLifecycle.OPENED, BreakLifecycle.UPDATED)}
    assert rows.keys() == expected.keys()
    assert len(rows) > 20
    for break_id, alert in expected.items():
        row = rows[break_id]
        assert (row["class"], row["key"], row["currency"]) == (alert.break_class, alert.key, alert.currency)
        if alert.currency == "USD":
            for name in ("expected", "actual", "drift"):
                assert row[name] == f"{getattr(alert, f'{name}_minor') / 100:.2f}", name
    assert any(row["drift"].startswith("-") for row in rows.values())


def test_a_list_is_longer_than_a_page(gateway, month, monkeypatch):
    monkeypatch.setattr(exports, "ROWS_A_PAGE", 7)
    for name, topic, key in (
        ("payments", topics.PAYMENT_RECONCILIATIONS, "payment_id"),
        ("obligations", topics.OBLIGATION_RECONCILIATIONS, "obligation_id"),
    ):
        rows = rows_of(gateway.browser("ana").get(f"/export/{name}.csv").body)
        assert len(rows) == len(month.last(topic)) > 50
        assert {row[key].lstrip("'") for row in rows} == {getattr(one, key) for one in month.last(topic).values()}
    payouts = rows_of(gateway.browser("ana").get("/export/payouts.csv").body)
    assert len(payouts) == len(month.last(topics.PAYOUT_RECONCILIATIONS)) > 0
    late = rows_of(gateway.browser("ben").get("/export/late.csv").body)
    live = [one for one in month.last(topics.LATE_PAYMENT_ALERTS).values() if one.ended_at is None]
    assert {row["alert_id"] for row in late} == {one.alert_id for one in live}


def test_an_export_that_fails_in_the_middle_does_not_look_complete(gateway, monkeypatch):
    monkeypatch.setattr(exports, "ROWS_A_PAGE", 7)
    listed = exports.LISTS["payments"]

    async def page(read, only, order, after):
        if after is not None:
            raise ReadModelUnavailable("gone")
        return await listed.page(read, only, order, after)

    monkeypatch.setitem(exports.LISTS, "payments", listed._replace(page=page))
    with pytest.raises(aiohttp.ClientError):
        gateway.browser("leo").get("/export/payments.csv")
    assert (gateway.entries()[0].action, gateway.entries()[0].outcome) == ("export.payments", "failed")


def test_the_filter_is_that_of_the_page(gateway, alerts):
    only = {"state": "ANY", "classes": ["DUPLICATE_SETTLEMENT", "OVERPAYMENT"]}
    reply = gateway.browser("cem").get(f"/export/breaks.csv?filter={quote(json.dumps(only))}&order=AMOUNT")
    rows = rows_of(reply.body)
    assert len(rows) == sum(one.break_class in ("duplicate_settlement", "overpayment") for one in alerts) > 0
    sizes = [abs(round(float(row["drift"]) * 100)) for row in rows if row["currency"] == "USD"]
    assert sizes == sorted(sizes, reverse=True)


def test_a_selection_of_rows_is_in_its_own_order(gateway, alerts):
    chosen = [one.break_id for one in alerts[5:25:4]]
    reply = gateway.browser("cem").post("/export/breaks.csv", {"ids": [*chosen, "no such"]})
    assert [row["break_id"] for row in rows_of(reply.body)] == chosen


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("filter=x", "selection"),
        ("filter=[]", "object"),
        ("filter={}&more=1", "filter"),
        ('filter={"stat":1}', "stat"),
        ('filter={"minGross":"5"}', "currency"),
        ("order=SIDEWAYS", "order"),
        ("ids=[]", "ids"),
        ("ids=[1]", "ids"),
        ("filter=null", "object"),
        ("filter=" + "[" * 1_500, "selection"),
    ],
)
def test_a_selection_that_cannot_be_is_refused(gateway, query, why):
    reply = gateway.browser("dia").get(f"/export/breaks.csv?{quote(query, safe='=&')}")
    assert reply.status == 400
    assert why in json.loads(reply.body)["error"]["message"]


def test_a_body_that_is_no_selection_is_refused(gateway):
    dia = gateway.browser("dia")
    for body in (json.dumps({"ids": ["x"] * 1_001}), "[" * 20_000, "{}x", "[]", '"x"', "\xff"):
        reply = dia.ask("POST", "/export/breaks.csv", headers=OURS | {"Content-Type": "application/json"}, data=body)
        assert (reply.status, json.loads(reply.body)["error"]["code"]) == (400, "bad_request")
    reply = dia.post("/export/breaks.csv", {"ids": ["x" * 70_000]})
    assert (reply.status, json.loads(reply.body)["error"]["code"]) == (413, "too_large")


def test_a_property_manager_exports_what_is_in_scope(gateway, month):
    obligations = list(month.last(topics.OBLIGATION_RECONCILIATIONS).values())
    mine = obligations[0].property_id
    fay = gateway.browser("fay", Identity("fay", Role.VIEWER, frozenset({mine})))
    rows = rows_of(fay.get("/export/obligations.csv").body)
    assert {row["property_id"] for row in rows} == {mine}
    assert len(rows) == sum(one.property_id == mine for one in obligations)
    assert rows_of(fay.get("/export/payouts.csv").body) == []
    other = next(one.obligation_id for one in obligations if one.property_id != mine)
    assert rows_of(fay.post("/export/obligations.csv", {"ids": [other]}).body) == []
    assert rows_of(gateway.browser("eve").get("/export/payments.csv").body) == []


def test_exports_are_in_the_audit_log_without_what_was_looked_for(gateway):
    only = quote(json.dumps({"tenant": "T-0000007"}))
    gateway.browser("gus").get(f"/export/obligations.xlsx?filter={only}")
    done, begun = gateway.entries()[:2]
    assert (begun.actor, begun.action, begun.outcome) == ("gus", "export.obligations", "begun")
    assert done.outcome == "done"
    assert done.reason.endswith("rows, xlsx")
    assert "T-0000007" not in str((begun, done))


def test_too_many_exports_of_a_person_have_to_wait(gateway):
    hal = gateway.browser("hal")
    only = quote(json.dumps({"property": "nowhere"}))
    statuses = [
        hal.get(f"/export/payments.csv?filter={only}").status for _ in range(int(exports.EXPORT_RATE.burst) + 1)
    ]
    assert statuses == [200] * int(exports.EXPORT_RATE.burst) + [429]


def test_a_workbook_has_numbers_for_amounts_and_text_for_text(gateway, month):
    reply = gateway.browser("ivy").get("/export/payments.xlsx")
    heading, *rows = cells_of(reply.body)
    names = [text for _, text in heading]
    assert names[:4] == ["payment_id", "status", "currency", "initiated"]
    assert len(rows) == len(month.last(topics.PAYMENT_RECONCILIATIONS))
    assert not [cell for row in rows for cell in row if cell[0] == "formula"]


TEXTS = [
    "=1+1",
    "+1",
    "-1",
    "@x",
    "\uff1d1+1",
    "\t=1",
    "\r=1",
    "\n=1",
    '=HYPERLINK("http://evil.example")',
    "plain",
    "'",
    'a,b"c\nd',
]
COLUMNS = (SheetColumn("text", "text"), SheetColumn("amount", "amount"), SheetColumn("count", "count"),
           SheetColumn("at", "instant"), SheetColumn("day", "day"))  # fmt: skip


def row(text, minor=-5, currency="USD", at=1_783_684_800_123_456, day=20_644) -> SheetRow:
    return SheetRow((text, (minor, currency), -7, at, day))


def test_csv_guards_text_and_never_numbers():
    sheet = CsvSheet(COLUMNS)
    body = sheet.add([row(text) for text in TEXTS]) + b"".join(sheet.rest())
    assert body.startswith(b"\xef\xbb\xbftext,amount")
    for text, found in zip(TEXTS, rows_of(body), strict=True):
        assert found["text"] == ("'" + text if text[0] in "=+-@\t\r\n\uff1d" else text)
        assert (found["amount"], found["count"]) == ("-0.05", "-7")
        assert (found["at"], found["day"]) == ("2026-07-10T12:00:00.123456Z", "2026-07-10")


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [(0, "USD", "0.00"), (-1, "USD", "-0.01"), (123_456, "USD", "1234.56"), (-5, "JPY", "-5"), (1_234, "KWD", "1.234"),
     (2**62, "USD", "46116860184273879.04"), (-(2**62), "JPY", "-4611686018427387904"), (7, "XXX", "7")],
)  # fmt: skip
def test_amounts_are_exact_decimals(minor, currency, text, tmp_path):
    sheet = CsvSheet(COLUMNS)
    assert rows_of(sheet.add([row("x", minor, currency)]))[0]["amount"] == text
    book = XlsxSheet(COLUMNS, tmp_path / "x.xlsx", "x")
    book.add([row("x", minor, currency)])
    book.finish()
    _, cells = cells_of(b"".join(book.rest()))
    kind, shown = cells[1]
    if len(str(abs(minor))) > 15:
        assert (kind, shown) == ("inlineStr", text)
    else:
        assert kind == "n"
        assert float(shown) == float(text)


def test_xlsx_stores_text_as_text_and_days_as_days(tmp_path):
    book = XlsxSheet(COLUMNS, tmp_path / "x.xlsx", "x")
    book.add([row(text) for text in TEXTS])
    book.add([SheetRow((None, None, None, None, None)), row("never", at=2**63 - 1, day=-800_000)])
    book.finish()
    _, *rows = cells_of(b"".join(book.rest()))
    for text, cells in zip(TEXTS, rows, strict=False):
        assert cells[0][0] == "inlineStr"
        assert cells[0][1].replace("_x000D_", "\r") == text
        assert cells[4] == ("n", "46213")  # 2026-07-10 as Excel counts
    assert len(rows) == len(TEXTS) + 1  # a row without cells is not written
    assert [kind for kind, _ in rows[-1]] == ["inlineStr", "n", "n", "inlineStr", "inlineStr"]


def test_a_workbook_has_an_end(tmp_path, monkeypatch):
    monkeypatch.setattr("gateway.web.sheets.XLSX_ROWS_MAX", 2)
    book = XlsxSheet(COLUMNS, tmp_path / "x.xlsx", "x")
    book.add([row("a"), row("b")])
    with pytest.raises(OverflowError, match="CSV"):
        book.add([row("c")])

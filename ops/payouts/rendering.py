"""Payouts on the terminal. Ids are whatever a producer wrote, so every text is escaped before it is shown."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from domain.formatting import amount_text
from domain.ids import two_part_key
from ops.console import printable
from ops.payouts.details import Json, deposit_text, lines_text

COLUMNS = ["payout", "status", "arrives", "lines", "add up to", "paid out", "remainder", "on the account", "breaks"]

LINES_SHOWN = 50
"""Of more lines these are shown: first those without a net, in conflict or in another currency."""

WIDTH = 140
"""Columns of a payout where stdout is no terminal."""

_MATCHED_BY = {
    "named": "it names the payout",
    "reference": "by its reference",
    "amount": "by amount and day",
    "person": "by a person",
}


def list_row(payout: Json) -> list[str]:
    """Give a payout as a row under `COLUMNS`."""
    currency = payout["currency"]
    return [
        two_part_key(payout["processor"], payout["payout_id"]),
        payout["status"],
        payout["arrival_date"] or "-",
        str(payout["lines"]) + (f" ({payout['unknown_lines']} without a net)" if payout["unknown_lines"] else ""),
        amount_text(payout["expected_minor"], currency),
        _amount_cell(payout["amount_minor"], currency),
        _amount_cell(payout["remainder_minor"], currency),
        amount_text(payout["deposited_minor"], currency),
        str(len(payout["open_breaks"])),
    ]


def render_payout(payout: Json, lines_shown: int) -> RenderableType:
    """Show a payout: its lines, what they add up to, what they do not explain, and its bank entries."""
    return Group(*_payout(payout, lines_shown))


def _payout(payout: Json, lines_shown: int) -> Iterator[RenderableType]:
    yield _line(f"payout {payout['payout_id']} of {payout['processor']}: {payout['status']}", style="bold")
    for report in payout["reports"] or ():
        yield _line(_report_text(report))
    if payout["reports"] == []:
        yield _line("its processor has not reported it yet")
    if payout["line_items"]:
        yield from _lines(payout, lines_shown)
    yield from _heading("What it adds up to")
    yield Padding(_sums(payout), (0, 0, 0, 2))
    yield from _heading("On the account")
    if payout["entries"]:
        yield Padding(_entries(payout), (0, 0, 0, 2))
    yield Padding(_line(deposit_text(payout)), (0, 0, 0, 2))
    if payout["open_breaks"] or payout["breaks"]:
        yield from _heading("Breaks")
        shown = payout["breaks"]
        if shown is None:
            shown = [{"break_id": each, "class": "", "state": "open"} for each in payout["open_breaks"]]
        table = _table("break", "class", "state")
        for one in shown:
            _add_row(table, one["break_id"], one["class"], one["state"].replace("_", " "))
        yield Padding(table, (0, 0, 0, 2))


def _report_text(report: Json) -> str:
    currency = report["currency"]
    text = f"{report['status']} reported {report['occurred_at'][:10]}: {amount_text(report['amount_minor'], currency)}"
    text += f", arriving {report['arrival_date']}"
    if report["account_id"] is not None:
        text += f" on account {report['account_id']}"
    if report["bank_reference"]:
        text += f', bank reference "{report["bank_reference"]}"'
    return text if report["in_force"] else f"{text} (no longer in force)"


def _lines(payout: Json, lines_shown: int) -> Iterator[RenderableType]:
    yield from _heading(f"Lines ({lines_text(payout)})")
    items = sorted(payout["line_items"], key=lambda one: (_is_plain(one), one["occurred_at"], one["event_id"]))
    table = _table("when", "payment", "reference", "outcome", "gross", "fee", "net", "in the payout")
    for name in ("gross", "fee", "net", "in the payout"):
        next(column for column in table.columns if column.header == name).justify = "right"
    for one in items[:lines_shown]:
        of_net = one["settlement_currency"] or one["currency"]
        counts = (
            "not known yet" if one["counts_minor"] is None else amount_text(one["counts_minor"], payout["currency"])
        )
        names = (
            one["payment_id"] or "-",
            one["processor_reference"] + (f" ({one['movement_id']})" if one["movement_id"] else ""),
            one["outcome"] + (" (in conflict)" if one["conflicting"] else ""),
        )
        amounts = (
            amount_text(one["gross_minor"], one["currency"]),
            _amount_cell(one["fee_minor"], of_net),
            _amount_cell(one["net_minor"], of_net),
            counts,
        )
        _add_row(table, one["occurred_at"][:10], *names, *amounts)
    yield Padding(table, (0, 0, 0, 2))
    left_out = items[lines_shown:]
    if left_out:
        net = amount_text(sum(one["counts_minor"] or 0 for one in left_out), payout["currency"])
        yield Padding(_line(f"and {len(left_out)} more, {net} in all; --lines shows more"), (0, 0, 0, 2))


def _is_plain(line: Json) -> bool:
    return line["net_minor"] is not None and not line["conflicting"] and line["counts_minor"] == line["net_minor"]


def _sums(payout: Json) -> Table:
    currency = payout["currency"]
    table = Table(show_edge=False, show_header=False, pad_edge=False, box=None)
    table.add_column()
    table.add_column(justify="right")
    table.add_column(overflow="fold")
    _add_row(table, "lines", amount_text(payout["lines_minor"], currency), lines_text(payout))
    _add_row(table, "other", amount_text(payout["other_minor"], currency), "belongs to no payment, by the report")
    _add_row(table, "expected", amount_text(payout["expected_minor"], currency), "")
    _add_row(table, "paid out", _amount_cell(payout["amount_minor"], currency), "")
    _add_row(table, "remainder", _amount_cell(payout["remainder_minor"], currency), payout["remainder"])
    return table


def _entries(payout: Json) -> Table:
    table = _table("account", "entry", "booked", "amount", "matched")
    for one in payout["entries"]:
        currency = one.get("currency", payout["currency"])
        matched = _MATCHED_BY[one["matched_by"]]
        if currency != payout["currency"]:
            matched += f"; it counts zero, as it is not in {payout['currency']}"
        amount = amount_text(one["amount_minor"], currency)
        _add_row(table, one["account_id"], one["entry_id"], one.get("booking_date", "-"), amount, matched)
    return table


def _amount_cell(minor: int | None, currency: str) -> str:
    return "-" if minor is None else amount_text(minor, currency)


def _line(text: str, *, style: str = "") -> Text:
    return Text(printable(text), style=style)


def _heading(text: str) -> Iterator[RenderableType]:
    yield Text()
    yield Text(text, style="bold")


def _table(*columns: str) -> Table:
    table = Table(show_edge=False, pad_edge=False, box=None, header_style="dim")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _add_row(table: Table, *cells: str) -> None:
    table.add_row(*map(printable, cells))

"""Rows as CSV and XLSX, written while they come.

Spreadsheets take text that begins with `=`, `+`, `-` or `@` for a formula. In CSV such text gets an apostrophe before
it, in columns of text alone: numbers are never changed. In XLSX text is stored as text.
"""

import csv
import io
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, NamedTuple

import xlsxwriter

from domain.currencies import EXPONENTS
from domain.time import EPOCH, FIRST_DAY, LAST_DAY, iso_date, rfc3339

CellKind = Literal["text", "amount", "count", "instant", "day"]
"""An amount is (minor units, currency); an instant is microseconds, a day days since 1970. None is an empty cell."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""The last four are the full-width forms, which spreadsheets in East Asian languages take for the others."""
XLSX_ROWS_MAX = 1_048_575
"""That a sheet has besides the heading."""
XLSX_TEXT_MAX = 32_767
_EXACT_DIGITS = 15
"""A spreadsheet's numbers are binary floating-point: exact up to this many digits. Longer amounts are text."""


class SheetColumn(NamedTuple):
    """A column: its heading and what its cells are."""

    heading: str
    kind: CellKind


class SheetRow(NamedTuple):
    """The cells of a row, in the order of the columns."""

    cells: tuple[Any, ...]


def amount_of(cell: tuple[int, str]) -> str:
    """An amount in major units, as a plain decimal number: `-1234.50`."""
    minor, currency = cell
    digits = EXPONENTS.get(currency, 0)
    whole, part = divmod(abs(minor), 10**digits)
    sign = "-" if minor < 0 else ""
    return f"{sign}{whole}.{part:0{digits}}" if digits else f"{sign}{whole}"


def guarded(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return "'" + text if text.startswith(FORMULA_STARTS) else text


class CsvSheet:
    """CSV (RFC 4180) in UTF-8, with a byte order mark, without which Excel takes it for Latin-1."""

    content_type = "text/csv"

    def __init__(self, columns: tuple[SheetColumn, ...]) -> None:
        self._columns = columns
        self._text = io.StringIO(newline="")
        self._writer = csv.writer(self._text)
        self._text.write("\ufeff")
        self._writer.writerow(column.heading for column in columns)

    def add(self, rows: list[SheetRow]) -> bytes:
        """Add rows; gives what can be sent."""
        for row in rows:
            self._writer.writerow(
                _csv_cell(column.kind, cell) for column, cell in zip(self._columns, row.cells, strict=True)
            )
        found = self._text.getvalue().encode()
        self._text.seek(0)
        self._text.truncate()
        return found

    def finish(self) -> None:
        """Complete it."""

    def rest(self) -> Iterator[bytes]:
        """What is left to be sent."""
        yield self.add([])


class XlsxSheet:
    """A workbook of one sheet, which is written to a file row by row and can be sent only when it is complete.

    Args:
        columns: of the sheet.
        path: of the file; the caller deletes it.
        title: of the sheet.

    """

    content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

    def __init__(self, columns: tuple[SheetColumn, ...], path: Path, title: str) -> None:
        self._columns = columns
        self._path = path
        options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        self._book = xlsxwriter.Workbook(str(path), {**options, "default_date_format": "yyyy-mm-dd hh:mm:ss"})
        self._sheet = self._book.add_worksheet(title[:31])
        self._day = self._book.add_format({"num_format": "yyyy-mm-dd"})
        self._amounts = {
            digits: self._book.add_format({"num_format": "0." + "0" * digits if digits else "0"})
            for digits in sorted(set(EXPONENTS.values()))
        }
        bold = self._book.add_format({"bold": True})
        self._sheet.freeze_panes(1, 0)
        for number, column in enumerate(columns):
            heading = f"{column.heading} (UTC)" if column.kind == "instant" else column.heading
            self._sheet.write_string(0, number, heading, bold)
        self._rows = 0

    def add(self, rows: list[SheetRow]) -> bytes:
        """Add rows; nothing can be sent yet.

        Raises:
            OverflowError: a sheet does not take so many rows.

        """
        for row in rows:
            self._rows += 1
            if self._rows > XLSX_ROWS_MAX:
                raise OverflowError(
                    f"an XLSX sheet has at most {XLSX_ROWS_MAX:,} rows; narrow the selection, or use CSV"
                )
            for number, (column, cell) in enumerate(zip(self._columns, row.cells, strict=True)):
                if cell is not None:
                    self._write(number, column.kind, cell)
        return b""

    def finish(self) -> None:
        """Complete the file; takes some seconds for a long one."""
        self._book.close()

    def rest(self) -> Iterator[bytes]:
        """The file, which is complete."""
        with self._path.open("rb") as file:
            while chunk := file.read(1 << 16):
                yield chunk

    def _write(self, number: int, kind: CellKind, cell: Any) -> None:
        at = (self._rows, number)
        if kind == "amount":
            text = amount_of(cell)
            if len(str(abs(cell[0]))) > _EXACT_DIGITS:
                self._sheet.write_string(*at, text)
            else:
                self._sheet.write_number(*at, Decimal(text), self._amounts[EXPONENTS.get(cell[1], 0)])
        elif kind == "count":
            self._sheet.write_number(*at, cell)
        elif kind == "day" and _is_excel_day(cell):
            self._sheet.write_datetime(*at, date(1970, 1, 1) + timedelta(days=cell), self._day)
        elif kind == "instant" and _is_excel_day(cell // 86_400_000_000):
            moment: datetime = EPOCH + timedelta(microseconds=cell // 1_000 * 1_000)
            self._sheet.write_datetime(*at, moment.replace(tzinfo=None))
        else:
            self._sheet.write_string(
                *at, _csv_cell("text" if kind == "text" else kind, cell, guard=False)[:XLSX_TEXT_MAX]
            )


_FIRST_EXCEL_DAY = (date(1900, 3, 1) - date(1970, 1, 1)).days
"""Before it, Excel counts a day that did not exist."""


def _is_excel_day(day: int) -> bool:
    return _FIRST_EXCEL_DAY <= day <= LAST_DAY


def _csv_cell(kind: CellKind, cell: Any, *, guard: bool = True) -> str:
    if cell is None:
        return ""
    match kind:
        case "text":
            return guarded(str(cell)) if guard else str(cell)
        case "amount":
            return amount_of(cell)
        case "count":
            return str(cell)
        case "instant":
            return rfc3339(cell) if FIRST_DAY <= cell // 86_400_000_000 <= LAST_DAY else str(cell)
        case "day":
            return iso_date(cell) if FIRST_DAY <= cell <= LAST_DAY else str(cell)

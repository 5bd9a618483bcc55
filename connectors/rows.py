"""Delimited text to rows with their line numbers and bytes: what the CSV formats share."""

import codecs
import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from connectors.model import BrokenFile

COLUMNS_MAX = 2_000


class TextRow(NamedTuple):
    """One row of a table; it may extend over several lines of the file."""

    line: int
    cells: list[str]
    ends_at: int
    """The last of its lines."""


class RowError(ValueError):
    """A row is not understood; the message says why."""


def require_text(cells: Iterable[str]) -> None:
    """Refuse cells with bytes that are not valid in the file's encoding.

    Raises:
        RowError: there is one.

    """
    text = "".join(cells)
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError:
        raise RowError("it has bytes that are not UTF-8") from None


class DelimitedText:
    """A file of delimited text: columns by name, and its rows.

    Args:
        content: the file.
        delimiter: one character.
        encoding: of the text; a byte order mark of UTF-8 or UTF-16 goes first. Bytes that are not valid make their row
            unreadable where they are used, not the file.
        header_line: the line of the column names.

    Raises:
        BrokenFile: it is empty, not text, or has no usable header.

    """

    def __init__(self, content: bytes, *, delimiter: str = ",", encoding: str = "utf-8", header_line: int = 1) -> None:
        self._encoding, text = _decoded(content, encoding)
        if "\n" not in text:
            text = text.replace("\r", "\n")
        self.lines = [line + "\n" for line in text.split("\n")]
        self.ends_in_mid_line = self.lines[-1] != "\n"
        if not self.ends_in_mid_line:
            self.lines.pop()
        if not text.strip():
            raise BrokenFile("line 1: the file is empty; it should begin with a line of column names")
        if len(self.lines) < header_line:
            raise BrokenFile(f"line {len(self.lines)}: the file ends before its line of column names, {header_line}")
        self._delimiter = delimiter
        self._before = header_line - 1
        self._rows = self._parse()
        first = next(self._rows, None)
        if first is None:
            raise BrokenFile(f"line {header_line}: there are no column names")
        self.header_line = first.line
        self.columns = [name.strip() for name in first.cells]
        if len(self.columns) > COLUMNS_MAX:
            raise BrokenFile(f"line {first.line}: {len(self.columns)} columns; at most {COLUMNS_MAX} are read")

    def column(self, name: str) -> int:
        """The place of a column.

        Raises:
            BrokenFile: there is none of this name, or more than one.

        """
        count = self.columns.count(name)
        if count == 1:
            return self.columns.index(name)
        if count:
            raise BrokenFile(f"line {self.header_line}: there are {count} columns {name!r}; which one counts?")
        known = ", ".join(column for column in self.columns if column)
        raise BrokenFile(f"line {self.header_line}: there is no column {name!r}; there are {known[:600]}")

    def optional(self, *names: str) -> int | None:
        """The place of the first of these columns that is there; None without any."""
        return next((self.column(name) for name in names if name in self.columns), None)

    def rows(self) -> Iterator[TextRow]:
        """The rows after the header, with empty ones.

        Raises:
            BrokenFile: the text breaks the rules of quoting, so that nobody knows where a row ends.

        """
        return self._rows

    def complete(self, row: TextRow) -> list[str]:
        """The cells of a row: as many as there are columns.

        Raises:
            RowError: there are fewer, or further ones that are not empty.

        """
        cells, size = row.cells, len(self.columns)
        if len(cells) == size:
            return cells
        if len(cells) < size:
            raise RowError(f"it has {len(cells)} of {size} columns: is it cut?")
        if any(cells[size:]):
            raise RowError(f"it has {len(cells)} cells for {size} columns: is a delimiter not quoted?")
        return cells[:size]

    def raw(self, row: TextRow) -> bytes:
        """The bytes of a row, as they are in the file."""
        lines = self.lines[row.line - 1 : row.ends_at]
        text = "".join(lines)
        if row.ends_at == len(self.lines) and self.ends_in_mid_line:
            text = text[:-1]
        return text.encode(self._encoding, "surrogateescape" if self._encoding == "utf-8" else "strict")

    def _parse(self) -> Iterator[TextRow]:
        lines: Sequence[str] = self.lines[self._before :] if self._before else self.lines
        reader = csv.reader(lines, delimiter=self._delimiter, strict=True)
        before = self._before
        line = before + 1
        try:
            for cells in reader:
                ends_at = before + reader.line_num
                yield TextRow(line, cells, ends_at)
                line = ends_at + 1
        except csv.Error as error:
            reached = before + reader.line_num
            where = f"line {line}" if reached <= line else f"lines {line} to {reached}"
            raise BrokenFile(
                f"{where}: {error}: a quotation mark is missing or too many. Get the file again, or correct the line"
            ) from None


def _decoded(content: bytes, encoding: str) -> tuple[str, str]:
    """The encoding that holds, and the text."""
    if content.startswith(codecs.BOM_UTF8):
        content, encoding = content[len(codecs.BOM_UTF8) :], "utf-8"
    elif content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    try:
        encoding = codecs.lookup(encoding).name
        return encoding, content.decode(encoding, "surrogateescape" if encoding == "utf-8" else "strict")
    except LookupError:
        raise BrokenFile(f"there is no text encoding {encoding!r}; name one such as utf-8 or cp1252") from None
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BrokenFile(f"line {line}: byte {error.start} is not {encoding}: name the file's encoding") from None

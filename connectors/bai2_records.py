"""BAI2's records: lines to records with continuations, and fields across them.

Read here and not with the library bai2 (0.15.0), which refuses what banks send: an 03 that is continued in the middle
of a group of fields (ministryofjustice/bai2#50), a bank's own type code (the whole file fails), lost line ends; and it
gives neither line numbers nor bytes for what is not understood. The tests compare with it where it reads a file.
"""

import re
from collections.abc import Iterator

from connectors.model import BrokenFile
from connectors.text_lines import TextLine

CODES = frozenset({"01", "02", "03", "16", "49", "88", "98", "99"})

_RECORD_START = re.compile(r"(?:01|02|03|16|49|88|98|99)(?:,|/?\s*$)")
_LOST_LINE_END = re.compile(r"/\s+(?=(?:01|02|03|16|49|88|98|99),)")


class Bai2Record:
    """A record: its first line and the 88 lines that continue it."""

    __slots__ = ("code", "line", "physical", "pieces", "raws")

    def __init__(self, code: str, line: TextLine, rest: str) -> None:
        self.code = code
        self.line = line.number
        self.pieces = [rest]
        self.raws = [line.raw]
        self.physical = 1
        """How many records of the file it is: continuations count as records in the trailers."""

    @property
    def raw(self) -> bytes:
        """Its bytes, one line under the other."""
        return b"\n".join(self.raws)

    def fields(self) -> list[str]:
        """All fields of a record without text, continuations joined at the comma."""
        return [field.strip() for piece in self.pieces for field in _without_end(piece).split(",")]


class Bai2Fields:
    """The fields of a 16 record one after the other, and the text that ends it."""

    def __init__(self, record: Bai2Record) -> None:
        self._pieces = [_without_end(piece) for piece in record.pieces]
        self._fields: list[str] = []

    def next(self) -> str:
        """The next field; empty after the last."""
        if not self._fields:
            if not self._pieces:
                return ""
            self._fields = self._pieces.pop(0).split(",")
        return self._fields.pop(0).strip()

    def text(self) -> list[str]:
        """All that is left; commas and slashes are part of a text."""
        rest = [",".join(self._fields), *self._pieces]
        self._pieces, self._fields = [], []
        return rest


def _without_end(piece: str) -> str:
    stripped = piece.rstrip()
    return stripped[:-1] if stripped.endswith("/") else stripped


def records_of(lines: list[TextLine]) -> list[Bai2Record]:
    """Join lines to records.

    Raises:
        BrokenFile: a line begins with no record code.

    """
    found: list[Bai2Record] = []
    for line in lines:
        text = line.text.strip()
        if not text:
            continue
        if not _RECORD_START.match(text):
            raise BrokenFile(
                f"line {line.number}: {text[:30]!r} begins with no record code (01, 02, 03, 16, 49, 88, 98 or 99 and a "
                "comma): the line is broken, or this is no BAI2 file"
            )
        code, rest = text[:2], text[3:]
        if code != "88":
            found.append(Bai2Record(code, line, rest))
        elif not found:
            raise BrokenFile(f"line {line.number}: a continuation (88), and nothing before it")
        else:
            last = found[-1]
            last.pieces.append(rest)
            last.raws.append(line.raw)
            last.physical += 1
    return found


def has_lost_line_ends(lines: list[TextLine]) -> bool:
    """Whether a record seems to begin inside of a line, or a line to be the rest of the one before."""
    return any(
        _LOST_LINE_END.search(line.text) or (line.text.strip() and not _RECORD_START.match(line.text.strip()))
        for line in lines
    )


def with_line_ends(lines: list[TextLine]) -> list[TextLine]:
    """Divide lines where a record seems to begin, and append the rest of a record to its line."""
    repaired: list[TextLine] = []
    for line in lines:
        for part in _parts(line.text):
            if repaired and part.strip() and not _RECORD_START.match(part.strip()):
                before = repaired[-1]
                repaired[-1] = TextLine(before.number, f"{before.text} {part.strip()}", before.raw + b"\n" + line.raw)
            else:
                repaired.append(TextLine(line.number, part, line.raw))
    return repaired


def _parts(text: str) -> Iterator[str]:
    start = 0
    for match in _LOST_LINE_END.finditer(text):
        yield text[start : match.start() + 1]
        start = match.end()
    yield text[start:]

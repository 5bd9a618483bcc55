"""NACHA's records: fixed columns of 94 characters, and their division into files, batches and entries.

No library is used: those for Python are dead (ach-file does not import on 3.11, carta-ach cuts the traces of addenda 98
and 99). Columns are given as in NACHA's Operating Rules, appendix three: the first is 1.
"""

from collections.abc import Iterator

from connectors.model import BrokenFile
from connectors.text_lines import TextLine, lines_of

WIDTH = 94


class NachaRecord:
    """One record."""

    __slots__ = ("line", "raw", "text")

    def __init__(self, line: int, text: str, raw: bytes) -> None:
        self.line = line
        self.text = text
        self.raw = raw

    def field(self, first: int, last: int) -> str:
        """Columns first to last, without blanks around."""
        return self.text[first - 1 : last].strip()

    def number(self, first: int, last: int, what: str) -> int:
        """A number of columns first to last; blanks are 0.

        Raises:
            BrokenFile: it has other characters than digits.

        """
        text = self.field(first, last)
        if not text:
            return 0
        if not (text.isascii() and text.isdigit()):
            raise BrokenFile(f"line {self.line}: {what} (columns {first} to {last}) is {text!r}, which is no number")
        return int(text)


class NachaEntry:
    """An entry detail (6) with its addenda (7)."""

    __slots__ = ("addenda", "detail")

    def __init__(self, detail: NachaRecord) -> None:
        self.detail = detail
        self.addenda: list[NachaRecord] = []

    @property
    def raw(self) -> bytes:
        """Its lines, one under the other."""
        return b"\n".join([self.detail.raw, *(each.raw for each in self.addenda)])


class NachaBatch:
    """A batch (5 to 8)."""

    __slots__ = ("control", "entries", "header")

    def __init__(self, header: NachaRecord) -> None:
        self.header = header
        self.entries: list[NachaEntry] = []
        self.control: NachaRecord | None = None

    @property
    def is_advice(self) -> bool:
        """Whether it is accounting advice (ADV), which has columns of its own and moves no money of ours."""
        return self.header.field(51, 53) == "ADV"


class NachaFile:
    """A file (1 to 9); several may be joined in one."""

    __slots__ = ("batches", "control", "header", "records")

    def __init__(self, header: NachaRecord) -> None:
        self.header = header
        self.batches: list[NachaBatch] = []
        self.control: NachaRecord = header  # until it is read
        self.records = 1
        """How many there are, with padding."""


def records_of(content: bytes) -> list[NachaRecord]:
    """Divide content into records of 94 columns.

    Lines may lack the blanks at their end, or have too many. Without line ends, every 94 characters are a record. A
    line with characters beyond ASCII has 94 bytes, if its writer counted bytes, or else 94 characters.

    Raises:
        BrokenFile: it is empty, no text, or has lines that are too long.

    """
    lines = lines_of(content)
    if len(lines) == 1 and len(lines[0].raw.rstrip()) > WIDTH:
        raw = lines[0].raw.rstrip()
        lines = [TextLine(at // WIDTH + 1, "", raw[at : at + WIDTH]) for at in range(0, len(raw), WIDTH)]
        lines = [line._replace(text=line.raw.decode("latin-1")) for line in lines]
    records: list[NachaRecord] = []
    for line in lines:
        text = line.text
        if not text.isascii() and len(line.raw) == WIDTH:
            text = line.raw.decode("latin-1")
        if len(text) > WIDTH:
            if text[WIDTH:].strip():
                raise BrokenFile(f"line {line.number}: it has {len(text)} columns; a record has {WIDTH}")
            text = text[:WIDTH]
        if text.strip():
            records.append(NachaRecord(line.number, text.ljust(WIDTH), line.raw))
    return records


def files_of(content: bytes) -> Iterator[NachaFile]:
    """Divide content into files.

    Raises:
        BrokenFile: a record is missing, out of place, or of an unknown kind.

    """
    file: NachaFile | None = None
    last: NachaFile | None = None
    batch: NachaBatch | None = None
    for record in records_of(content):
        kind = record.text[0]
        if kind == "9" and not record.text.strip().strip("9"):  # pads the last block of ten
            if file is not None:
                raise BrokenFile(f"line {record.line}: padding before the file control (9)")
            if last is not None:
                last.records += 1
            continue
        if kind == "1":
            if file is not None:
                raise BrokenFile(f"line {record.line}: a file header (1) before the control (9) of the file before")
            if last is not None:
                yield last
                last = None
            file = NachaFile(record)
            continue
        if file is None:
            raise BrokenFile(
                f"line {record.line}: a record {kind!r} outside of a file: there is no file header (1) before it. Get "
                "the whole file from the bank"
            )
        file.records += 1
        if kind == "5":
            if batch is not None:
                raise BrokenFile(f"line {record.line}: a batch (5) before the control (8) of the batch before")
            batch = NachaBatch(record)
        elif kind == "6" and batch is not None:
            batch.entries.append(NachaEntry(record))
        elif kind == "7" and batch is not None and batch.entries:
            batch.entries[-1].addenda.append(record)
        elif kind == "8" and batch is not None:
            batch.control = record
            file.batches.append(batch)
            batch = None
        elif kind == "9" and batch is None:
            file.control = record
            last, file = file, None
        elif kind in "6789":
            what = {"6": "an entry", "7": "addenda", "8": "a batch control", "9": "a file control"}[kind]
            missing = {"6": "a batch", "7": "an entry", "8": "a batch", "9": "the control (8) of the last batch"}[kind]
            raise BrokenFile(f"line {record.line}: {what} ({kind}) without {missing} before it")
        else:
            raise BrokenFile(f"line {record.line}: it begins with {kind!r}; a record begins with 1, 5, 6, 7, 8 or 9")
    if file is not None:
        raise BrokenFile(f"line {record.line}: the file ends without its control (9): it is cut. Get it again")
    if last is not None:
        yield last


def is_debit(entry: NachaEntry) -> bool:
    """Whether an entry takes money from its receiver: by the second digit of its transaction code."""
    return entry.detail.text[2] in "6789"


def total_of(batch: NachaBatch, *, debits: bool) -> int:
    """The debits or the credits of a batch; what is no number counts nothing, and makes the totals disagree."""
    if batch.is_advice:  # codes 81 to 88: the even ones advise of debits
        texts = (entry.detail.text[27:39] for entry in batch.entries if (entry.detail.text[2] in "2468") is debits)
    else:
        texts = (entry.detail.text[29:39] for entry in batch.entries if is_debit(entry) is debits)
    return sum(int(text) for text in texts if text.isascii() and text.isdigit())

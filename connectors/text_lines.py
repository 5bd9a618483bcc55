"""Text files of fixed or tagged lines: their lines with numbers and bytes, whatever the encoding and the line ends."""

import codecs
import re
from typing import NamedTuple

from connectors.model import BrokenFile

_LINE_END = re.compile(rb"\r\n|\n|\r")
_PADDING = b"\x1a\x00"
"""What old systems append: the end-of-file mark of CP/M and DOS, and NUL."""


class TextLine(NamedTuple):
    """One line of a file."""

    number: int
    text: str
    raw: bytes
    """Its bytes without the line end, as they are in the file."""


def text_of(raw: bytes) -> str:
    """Decode bytes as UTF-8, or else as Windows-1252, or else as Latin-1, which always succeeds."""
    for encoding in ("utf-8", "cp1252"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            pass
    return raw.decode("latin-1")


def lines_of(content: bytes) -> list[TextLine]:
    """Divide a file into its lines; the encoding is decided once for the file.

    Lines end with LF, CR LF or CR. A byte order mark at the start and the padding of old systems at the end are not
    part of a line. UTF-16 is read where its byte order mark says so; the raw bytes are then those of the text in UTF-8.

    Raises:
        BrokenFile: it is empty, or not text.

    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            content = content.decode("utf-16").encode()
        except UnicodeError:
            raise BrokenFile("line 1: the file begins like UTF-16 and is not; get it again as plain text") from None
    content = content.removeprefix(codecs.BOM_UTF8).rstrip(_PADDING)
    if not content.strip():
        raise BrokenFile("line 1: the file is empty")
    raws = _LINE_END.split(content)
    text = text_of(content)
    texts = re.split(r"\r\n|\n|\r", text)
    if b"\0" in content:
        line = content.count(b"\n", 0, content.index(b"\0")) + 1
        raise BrokenFile(f"line {line}: it has a byte 0: this is no text file")
    if not raws[-1]:
        raws.pop()
        texts.pop()
    return [TextLine(number, text, raw) for number, (text, raw) in enumerate(zip(texts, raws, strict=True), start=1)]

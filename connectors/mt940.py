"""`mt940`: SWIFT's customer statement (MT940), with or without its envelope, one message or many.

| field | read as |
|---|---|
| :25: account, :28C: number and page | the account; pages of one statement are read on their own |
| :60F:, :60M:, :62F:, :62M: | currency and balances: opening and entries must come to closing |
| :61: with the :86: after it, one or several | BankEntryBooked |

In a :61: `D` and `RC` (a reversed credit) take money, `C` and `RD` (a reversed debit) give it. A letter after the mark is
the currency's third letter, so `CR12,` is a credit and no reversal. The entry date has no year: it is the one nearest
to the value date (wolph/mt940#17, #121); without an entry date the value date is the booking date. A value date that is
no day, such as 30 February, is left out and noted. Amounts may have a decimal comma and nothing else: `1.234,56` is not
understood. MT942 (:34F:, :90D:) reports within the day what an MT940 repeats: its entries are skipped.

Read here and not with the library mt-940 (5.1.1), which makes 29 February of the 30th, reads `C1.234,56` as 1 and
leaves a reversed credit positive, all without a word, and gives no lines or bytes. The tests compare with it where it
is right.
"""  # noqa: E501

import re
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from connectors.amounts import minor_units
from connectors.bank import BookedLine, StatementEntries, StatementOptions, has_reference, joined
from connectors.model import BrokenFile, Control, Found, NotUnderstood, Skipped
from connectors.text_lines import TextLine, lines_of
from domain.currencies import EXPONENTS
from domain.time import EPOCH_ORDINAL, Day

FORMAT = "mt940"

_TAG = re.compile(r":([0-9]{2}[A-Z]?|NS):")
_BALANCE = re.compile(r"(?P<mark>[CD])(?P<day>[0-9]{6})(?P<currency>[A-Z]{3})(?P<amount>[0-9]{1,18}(?:,[0-9]*)?)\s*")
_ENTRY = re.compile(
    r"(?P<value>[0-9]{6})(?P<entry>[0-9]{4})?\s*(?P<mark>R[DC]|E[DC]|[DC])(?P<funds>[A-Z])?\s*"
    r"(?P<amount>[0-9]{1,15}(?:,[0-9]*)?)(?P<type>[A-Z][A-Z0-9]{3})(?P<rest>.*)"
)
_SIGNS = {"C": 1, "RD": 1, "D": -1, "RC": -1}
_STRUCTURED = re.compile(r"[0-9]{3}[^\w\s]?\?[0-9]{2}")
_SUBFIELD = re.compile(r"\?([0-9]{2})")
TAGS = "12 13 13D 20 21 25 25P 28 28C 34F 60F 60M 61 62F 62M 64 65 86 90C 90D NS"


class Mt940(StatementOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options of `mt940`."""


class Mt940Field:
    """A field of a message: its tag, and its lines."""

    __slots__ = ("lines", "tag")

    def __init__(self, tag: str, line: TextLine) -> None:
        self.tag = tag
        self.lines = [line]

    @property
    def raw(self) -> bytes:
        """Its bytes, one line under the other."""
        return b"\n".join([line.raw for line in self.lines])

    @property
    def number(self) -> int:
        """The line on which it begins."""
        return self.lines[0].number

    def texts(self) -> list[str]:
        """Its lines without the tag."""
        first = self.lines[0].text
        return [first[first.index(":", 1) + 1 :], *[line.text for line in self.lines[1:]]]

    def text(self) -> str:
        """The text of a field of one line.

        Raises:
            BrokenFile: it has further lines.

        """
        texts = self.texts()
        if any(text.strip() for text in texts[1:]):
            raise BrokenFile(
                f"line {self.number + 1}: it begins with no tag, and :{self.tag}: has one line: {texts[1][:30]!r}"
            )
        return texts[0].strip()


def read(content: bytes, options: Mt940) -> Found:
    """Read a file.

    Raises:
        BrokenFile: it holds no statement, or one lacks its account, opening or closing balance.

    """
    found = Found([], [], [], [], [])
    entries = StatementEntries(FORMAT, options, found)
    messages = 0
    for message in messages_of(lines_of(content)):
        messages += 1
        _Mt940Statement(message, found, entries).read()
    if not messages:
        raise BrokenFile("line 1: there is no :20: of a statement: this is no MT940 file")
    entries.finish()
    return found


class Mt940Message(NamedTuple):
    """A message: from :20: to the end of its block, or to the next :20:."""

    fields: list[Mt940Field]
    has_end: bool
    """Whether a `-}` marks its end, so that it is not cut."""


def messages_of(lines: list[TextLine]) -> Iterator[Mt940Message]:
    """The messages of a file.

    A line of a `-` ends a message only after its closing balance: before that it is part of a text, as ING has it.

    Raises:
        BrokenFile: a field is outside of a message.

    """
    fields: list[Mt940Field] = []
    outside = True
    for line in lines:
        text = line.text
        if outside and (at := text.find("{4:")) >= 0:  # the first field may follow on the same line
            text = text[at + 3 :]
        text = text.strip()
        tag = _TAG.match(text)
        if tag is not None:
            if tag[1] == "20":
                if fields:
                    yield Mt940Message(fields, has_end=False)
                fields, outside = [], False
            elif outside:
                raise BrokenFile(f"line {line.number}: :{tag[1]}: before the :20: of its statement")
            fields.append(Mt940Field(tag[1], TextLine(line.number, text, line.raw)))
        elif text.startswith("-}") or (text == "-" and any(field.tag in ("62F", "62M") for field in fields)):
            if fields:
                yield Mt940Message(fields, has_end=text != "-")
            fields, outside = [], True
        elif not outside:
            fields[-1].lines.append(line)
    if fields:
        yield Mt940Message(fields, has_end=False)


class _Mt940Statement:
    """One message."""

    def __init__(self, message: Mt940Message, found: Found, entries: StatementEntries) -> None:
        self._fields = fields = message.fields
        self._has_end = message.has_end
        self._found = found
        self._entries = entries
        self._line = fields[0].number
        tags = {field.tag for field in fields}
        self._is_interim = bool(tags & {"34F", "90D", "90C", "13D"})
        self._account = self._one("25", "25P").text()
        if not self._account:
            raise BrokenFile(f"line {self._one('25', '25P').number}: the account :25: is empty")

    def _one(self, *tags: str) -> Mt940Field:
        found = [field for field in self._fields if field.tag in tags]
        if len(found) != 1:
            names = " or ".join(f":{tag}:" for tag in tags)
            what = f"{len(found)} fields" if found else "no field"
            raise BrokenFile(
                f"line {self._line}: the statement has {what} {names}; it must have one: the file is cut or broken"
            )
        return found[0]

    def _has(self, *tags: str) -> bool:
        return any(field.tag in tags for field in self._fields)

    def read(self) -> None:
        """Read the balances and the entries between them."""
        if self._is_interim:
            self._skip_interim()
            return
        opening = self._one("60F", "60M")
        closing = None if self._has_end and not self._has("62F", "62M") else self._one("62F", "62M")
        opened, currency, opened_on = self._balance(opening)
        closed, closed_currency, closed_on = (0, currency, opened_on) if closing is None else self._balance(closing)
        if closing is not None and currency != closed_currency:
            raise BrokenFile(
                f"line {closing.number}: the statement opens in {currency} and closes in {closed_currency}"
            )
        if self._has("60M", "62M"):
            self._found.notes.append(
                f"line {self._line}: a page of a statement of {self._account}: import all of its pages, in one file if "
                "they have equal entries"
            )
        booked: list[BookedLine] = []
        total = 0
        for field, about in self._entry_fields():
            try:
                one = self._entry(field, about, currency)
            except ValueError as error:
                self._found.not_understood.append(NotUnderstood(field.number, str(error), _raw(field, about)))
                continue
            if one is not None:
                booked.append(one)
                total += one.amount_minor
        key = (self._account, opening.text(), "" if closing is None else closing.text(), *self._numbers())
        taken = self._entries.add_statement(key, self._line, booked)
        if closing is None:
            self._found.notes.append(f"line {self._line}: without a closing balance, the sum cannot be checked")
        elif taken:
            name = f"statement of {self._account} up to {closed_on} in line {self._line}: closing balance"
            self._found.controls.append(Control(name, closed, opened + total, currency))

    def _numbers(self) -> list[str]:
        return ["".join(field.texts()).strip() for field in self._fields if field.tag in ("28", "28C")]

    def _entry_fields(self) -> Iterator[tuple[Mt940Field, list[Mt940Field]]]:
        """Each :61: with every :86: right after it; the :86: after the closing balance is about the statement."""
        entry: Mt940Field | None = None
        about: list[Mt940Field] = []
        for field in self._fields:
            if field.tag == "86":
                about.append(field)
                continue
            if entry is not None:
                yield entry, about
            entry, about = (field if field.tag == "61" else None), []
            if field.tag not in TAGS.split():
                reason = f":{field.tag}: is no field of an MT940"
                self._found.not_understood.append(NotUnderstood(field.number, reason, field.raw))
        if entry is not None:
            yield entry, about

    def _balance(self, field: Mt940Field) -> tuple[int, str, str]:
        match = _BALANCE.fullmatch(field.text())
        if match is None or match["currency"] not in EXPONENTS:
            raise BrokenFile(
                f"line {field.number}: :{field.tag}: is {field.text()[:40]!r}; it should be such as C261130USD1234,56"
            )
        try:
            amount = minor_units(match["amount"].replace(",", "."), EXPONENTS[match["currency"]])
            day = _day(match["day"])
        except ValueError as error:
            raise BrokenFile(f"line {field.number}: :{field.tag}: {error}") from None
        return (amount if match["mark"] == "C" else -amount), match["currency"], _iso(day)

    def _entry(self, field: Mt940Field, about: list[Mt940Field], currency: str) -> BookedLine | None:
        """An entry; None if it was skipped.

        Raises:
            ValueError: it is not understood.

        """
        texts = field.texts()
        match = _ENTRY.fullmatch(texts[0].strip())
        if match is None:
            raise ValueError(f":61: is {texts[0][:60]!r}; it should be such as 2611301130D1234,56NTRFNONREF//BANKREF")
        if match["mark"][0] == "E":
            self._found.skipped.append(Skipped(field.number, "expected, not booked", _raw(field, about)))
            return None
        amount = _SIGNS[match["mark"]] * minor_units(match["amount"].replace(",", "."), EXPONENTS[currency])
        booking, value = self._days(field.number, match["value"], match["entry"])
        if amount == 0:
            self._found.skipped.append(Skipped(field.number, "an entry of nothing", _raw(field, about)))
            return None
        customer, _, bank = match["rest"].partition("//")
        customer, bank = (each.strip() if has_reference(each) else "" for each in (customer, bank))
        supplement = joined(texts[1:])
        text = _text_of([line for each in about for line in each.texts()])
        return BookedLine(
            line=field.number,
            raw=_raw(field, about),
            account=self._account,
            currency=currency,
            amount_minor=amount,
            booking_date=booking,
            value_date=value,
            bank_reference=bank,
            reference=customer or bank,
            text=joined([text, supplement]) if text else supplement,
            details=f"{match['type']}/{customer}/",
        )

    def _days(self, line: int, value: str, entry: str | None) -> tuple[Day, Day | None]:
        """Booking and value date.

        Raises:
            ValueError: there is no booking date.

        """
        try:
            value_date: Day | None = _day(value)
            near = value_date
        except ValueError:
            if entry is None:
                raise ValueError(f"the value date {value} is no day, and there is no entry date") from None
            value_date = None
            # Only the year of the nearest entry date is to be found: the start of the month is near enough.
            near = _day(f"{value[:4]}01")
            self._found.notes.append(f"line {line}: the value date {value} is no day: left out")
        assert near is not None
        if entry is None:
            return near, value_date
        year = date.fromordinal(near + EPOCH_ORDINAL).year
        days = [day for day in (_day_of(year + more, entry) for more in (-1, 0, 1)) if day is not None]
        if not days:
            raise ValueError(f"the entry date {entry} is no day MMDD")
        return min(days, key=lambda day: abs(day - near)), value_date

    def _skip_interim(self) -> None:
        reason = "of an MT942, within the day: the MT940 of the day will have it"
        count = 0
        for field, about in self._entry_fields():
            self._found.skipped.append(Skipped(field.number, reason, _raw(field, about)))
            count += 1
        self._found.notes.append(f"line {self._line}: an MT942 with {count} entries was skipped")


def _raw(field: Mt940Field, about: list[Mt940Field]) -> bytes:
    return b"\n".join([field.raw, *(each.raw for each in about)])


def _text_of(texts: list[str]) -> str:
    """The text of a :86:. Of one with ?-subfields (Germany): 32 and 33 the name, 20 to 29 and 60 to 63 the purpose.

    Its subfields are cut at fixed lengths, and so are its lines: the parts of a purpose are joined without a blank.
    """
    whole = "".join(texts)
    if not _STRUCTURED.match(whole):
        return joined(texts)
    parts = _SUBFIELD.split(whole)
    names, purposes, others = [], [], [parts[0]]
    for number, text in zip(parts[1::2], parts[2::2], strict=True):
        if number in ("32", "33"):
            names.append(text)
        elif number[0] == "2" or number in ("60", "61", "62", "63"):
            purposes.append(text)
        else:
            others.append(text)
    return joined(["".join(names), "".join(purposes), *others])


def _day(text: str) -> Day:
    """A day from YYMMDD; years from 80 are of the last century, as SWIFT has it.

    Raises:
        ValueError: it is none.

    """
    century = 1900 if int(text[:2]) >= 80 else 2000
    try:
        return date(century + int(text[:2]), int(text[2:4]), int(text[4:])).toordinal() - EPOCH_ORDINAL
    except ValueError:
        raise ValueError(f"{text} is no day YYMMDD") from None


def _day_of(year: int, text: str) -> Day | None:
    try:
        return date(year, int(text[:2]), int(text[2:])).toordinal() - EPOCH_ORDINAL
    except ValueError:
        return None


def _iso(day: Day) -> str:
    return date.fromordinal(day + EPOCH_ORDINAL).isoformat()

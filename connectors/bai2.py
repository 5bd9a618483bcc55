"""`bai2`: the BAI2 statements of banks in the USA (Cash Management Balance Reporting Specifications, version 2).

| record | read as |
|---|---|
| 01, 99 file; 02, 98 group; 03, 49 account | as-of date, currency, account; control totals and counts; 010 and 015: opening and closing balance |
| 16 | BankEntryBooked on the group's as-of date |
| 88 | continues the record before it, wherever that was cut |

Amounts are in minor units of the currency: the account's, else the group's, else USD. Of a 16 the type code gives the
sign: 100 to 399 and 920 to 959 credit, 400 to 699 and 960 to 999 debit (the latter of each are the bank's own); 7xx
details loans and 890 is a text without money. Group status 1 (update) counts; 3 (correction) counts too: what it states
as before keeps its id; 2 (deletion) has no record and is not understood; 4 (test) is skipped. As-of-date modifiers 3
and 4 (same day) are skipped unless `same_day`: the report of the previous day repeats them.
"""  # noqa: E501

import re
from datetime import date
from typing import Literal

from connectors.bai2_records import Bai2Fields, Bai2Record, has_lost_line_ends, records_of, with_line_ends
from connectors.bank import BookedLine, StatementEntries, StatementOptions, has_reference, joined, without_blanks
from connectors.model import BrokenFile, Control, Found, NotUnderstood, Skipped
from connectors.text_lines import lines_of
from domain.currencies import EXPONENTS
from domain.time import EPOCH_ORDINAL, Day

FORMAT = "bai2"

_AMOUNT = re.compile(r"[+-]?[0-9]{1,18}")
_TYPE = re.compile(r"[0-9]{3}")
_COUNT = re.compile(r"[0-9]{1,3}")
_TOTALS = """
    100 101 102 105 106 107 109 110 120 130 131 140 146 150 159 160 162 163 167 168 169 170 178 180 182 185 186 188 190
    200 205 207 210 215 230 231 239 245 250 251 256 260 270 271 280 285 294 302 303 304 305 307 309 310 315 316 318 319
    320 321 324 325 326 327 328 329 330 332 336 338 340 341 343 350 352 355 356 360 361 370 385 389 390
    400 401 402 403 405 406 410 412 416 420 430 446 450 459 463 465 467 470 471 478 480 482 486 490 500 505 507 510 515
    530 532 534 536 537 539 550 551 556 560 570 580 583 584 585 586 587 588 590 594 596 601 602 610 611 612 613 614 615
    617 618 621 623 625 626 628 630 632 640 646 650 655 665 670 685 689 690
"""
_SUMMARIES = frozenset(_TOTALS.split())
"""Type codes of the specification's appendix A whose level is summary: totals of an 03, and no entry of its own."""


class Bai2(StatementOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options of `bai2`."""

    same_day: bool = False
    """Read groups of the same day too. Not for accounts whose previous-day reports are imported."""
    credit_codes: tuple[str, ...] = ()
    """Type codes that are credits at this bank, whatever the specification says."""
    debit_codes: tuple[str, ...] = ()
    """Type codes that are debits at this bank, whatever the specification says."""
    reference: Literal["bank", "customer"] = "bank"
    """Which field is the reference: `bank` or `customer`; where it is empty the other counts."""


def read(content: bytes, options: Bai2) -> Found:
    """Read a file.

    Raises:
        BrokenFile: its records are not those of a BAI2 file, a trailer is missing, or line ends are lost and cannot be
            put back so that all totals agree.

    """
    lines = lines_of(content)
    if not has_lost_line_ends(lines):
        return _Bai2File(records_of(lines), options).found()
    try:
        strict = _Bai2File(records_of(lines), options).found()
        if _agrees(strict):  # what looked like a record was part of a text
            return strict
    except BrokenFile as error:
        broken = str(error)
    else:
        broken = "the control totals do not agree"
    try:
        repaired = _Bai2File(records_of(with_line_ends(lines)), options).found()
    except BrokenFile as error:
        raise BrokenFile(f"{broken}; line ends are lost, and putting them back did not help: {error}") from None
    wrong = [control for control in repaired.controls if control.stated_minor != control.found_minor]
    if any(control.name.endswith("records") for control in wrong):
        first = next(control for control in wrong if control.name.endswith("records"))
        raise BrokenFile(
            f"{broken}; line ends are lost, and with new ones {first.name} says {first.stated_minor} where there are "
            f"{first.found_minor}: get the file again, transferred as binary"
        )
    repaired.notes.append("several records stood on one line: they were divided, and the counts of records agree")
    return repaired


def _agrees(found: Found) -> bool:
    return all(control.stated_minor == control.found_minor for control in found.controls)


class _Bai2Account:
    """An account of a group while it is read."""

    def __init__(self, record: Bai2Record, number: str, currency: str) -> None:
        self.record = record
        self.number = number
        self.currency = currency
        self.balances: dict[str, int] = {}
        self.total = 0
        self.physical = record.physical
        self.entries = 0
        self.sum = {"100": 0, "400": 0}
        self.booked: list[BookedLine] = []


class _Bai2Group:
    """A group while it is read."""

    def __init__(self, record: Bai2Record) -> None:
        fields = [*record.fields(), *[""] * 7]
        self.record = record
        self.status = fields[2]
        self.day = _day(fields[3], record.line, "the as-of date")
        self.currency = fields[5]
        self.modifier = fields[6]
        self.total = 0
        self.accounts = 0
        self.physical = record.physical


class _Bai2File:
    """A file while it is read: a machine of records."""

    def __init__(self, records: list[Bai2Record], options: Bai2) -> None:
        self._records = records
        self._options = options
        self._result = Found([], [], [], [], [])
        self._entries = StatementEntries(FORMAT, options, self._result)
        self._group: _Bai2Group | None = None
        self._account: _Bai2Account | None = None
        self._open = False
        self._total = self._groups = self._physical = 0
        self._signs = dict.fromkeys(options.credit_codes, 1) | dict.fromkeys(options.debit_codes, -1)

    def found(self) -> Found:
        """Read every record."""
        if self._records[0].code != "01":
            first = self._records[0]
            raise BrokenFile(f"line {first.line}: the file begins with {first.code}, not with its header 01")
        steps = {
            "01": self._header, "02": self._group_header, "03": self._account_header, "16": self._detail,
            "49": self._account_trailer, "98": self._group_trailer, "99": self._trailer,
        }  # fmt: skip
        for record in self._records:
            steps[record.code](record)
        if self._open:
            raise BrokenFile(
                f"line {self._records[-1].line}: the file ends without its trailer 99: it is cut. Get it again"
            )
        self._entries.finish()
        return self._result

    def _control(self, name: str, stated: str, found: int, currency: str, line: int) -> None:
        if stated == "":
            return
        if not _AMOUNT.fullmatch(stated):
            raise BrokenFile(f"line {line}: {name} is {stated!r}, which is no number")
        self._result.controls.append(Control(name, int(stated), found, currency))

    def _header(self, record: Bai2Record) -> None:
        if self._open:
            raise BrokenFile(f"line {record.line}: a second header 01 before the trailer 99 of the first")
        self._open = True
        self._total = self._groups = 0
        self._physical = record.physical

    def _group_header(self, record: Bai2Record) -> None:
        if not self._open or self._group is not None:
            raise BrokenFile(f"line {record.line}: a group 02 inside of another, or outside of a file: 98 is missing")
        self._group = group = _Bai2Group(record)
        if group.status == "3":
            self._result.notes.append(
                f"line {record.line}: the group corrects what an earlier file reported: entries stated as before "
                "keep their ids; one that the bank left out now is still known"
            )
        elif group.status not in ("1", "2", "4"):
            raise BrokenFile(f"line {record.line}: the group status is {group.status!r}; it is 1, 2, 3 or 4")

    def _account_header(self, record: Bai2Record) -> None:
        if self._group is None or self._account is not None:
            raise BrokenFile(f"line {record.line}: an account 03 inside of another, or outside of a group")
        fields = record.fields()
        number = fields[0]
        currency = (fields[1] if len(fields) > 1 else "") or self._group.currency or "USD"
        if not number:
            raise BrokenFile(f"line {record.line}: the account has no number")
        if currency not in EXPONENTS:
            raise BrokenFile(f"line {record.line}: {currency!r} is no currency of ISO 4217")
        self._account = account = _Bai2Account(record, number, currency)
        self._summaries(account, fields[2:])

    def _summaries(self, account: _Bai2Account, fields: list[str]) -> None:
        """Read the balances and totals: type, amount, count, funds type with its own fields."""
        line = account.record.line
        at = 0
        while at < len(fields):
            code = fields[at]
            at += 1
            if not code:  # a comma before the slash
                continue
            if not _TYPE.fullmatch(code):
                raise BrokenFile(f"line {line}: {code!r} of account {account.number} is no type code of three digits")
            amount, _, funds = ([*fields[at : at + 3], "", "", ""])[:3]
            at += 3
            if funds == "S":
                at += 3
            elif funds == "V":
                at += 2
            elif funds == "D":
                more = fields[at] if at < len(fields) else ""
                at += 1 + 2 * (int(more) if _COUNT.fullmatch(more) else 0)
            elif funds not in ("", "0", "1", "2", "Z"):
                raise BrokenFile(f"line {line}: {funds!r} of account {account.number} is no funds type")
            if not amount:
                continue
            if not _AMOUNT.fullmatch(amount):
                raise BrokenFile(f"line {line}: {code} of account {account.number} is {amount!r}, which is no amount")
            account.balances[code] = int(amount)
            account.total += int(amount)

    def _detail(self, record: Bai2Record) -> None:
        group, account = self._group, self._account
        if group is None or account is None:
            raise BrokenFile(f"line {record.line}: an entry 16 outside of an account 03")
        account.physical += record.physical
        fields = Bai2Fields(record)
        code, stated = fields.next(), fields.next()
        try:
            amount = self._counted(account, code, stated)
            value_date = self._funds(fields, record.line)
        except ValueError as error:
            self._result.not_understood.append(NotUnderstood(record.line, str(error), record.raw))
            return
        references = fields.next(), fields.next()
        text = joined(fields.text())
        reason = self._skips(group, code, amount)
        if reason:
            self._result.skipped.append(Skipped(record.line, reason, record.raw))
            return
        if group.status == "2":
            reason = "the bank deletes an entry that it reported before: no record does that; correct it by hand"
            self._result.not_understood.append(NotUnderstood(record.line, reason, record.raw))
            return
        bank, customer = (each if has_reference(each) else "" for each in references)
        preferred = (customer or bank) if self._options.reference == "customer" else (bank or customer)
        account.booked.append(
            BookedLine(
                line=record.line,
                raw=record.raw,
                account=account.number,
                currency=account.currency,
                amount_minor=amount,
                booking_date=group.day,
                value_date=value_date,
                bank_reference=f"{code}/{bank}/{customer}" if bank else "",
                reference=preferred,
                text=text,
                details=f"{code}/{customer}/",
            )
        )

    def _counted(self, account: _Bai2Account, code: str, stated: str) -> int:
        """The signed amount of an entry, counted in the totals."""
        if not _TYPE.fullmatch(code):
            raise ValueError(f"{code!r} is no type code of three digits")
        if code == "890" and not stated:
            return 0
        if not (stated.isascii() and stated.isdigit() and len(stated) <= 18):
            raise ValueError(f"the amount is {stated!r}; it is whole minor units, and the type has the sign")
        sign = self._signs.get(code) or _sign_of(code)
        account.total += int(stated)
        account.entries += sign * int(stated)
        if sign:
            account.sum["100" if sign > 0 else "400"] += int(stated)
        return sign * int(stated)

    def _funds(self, fields: Bai2Fields, line: int) -> Day | None:
        """Pass the funds type; its value date, where it has one."""
        funds = fields.next()
        if funds == "S":
            for _ in range(3):
                fields.next()
        elif funds == "D":
            count = fields.next()
            if not _COUNT.fullmatch(count):
                raise ValueError(f"funds type D with {count!r} instead of a number of distributions")
            for _ in range(2 * int(count)):
                fields.next()
        elif funds == "V":
            day, _ = fields.next(), fields.next()
            try:
                return _day(day, line, "the value date")
            except BrokenFile:
                raise ValueError(f"the value date is {day!r}, which is no day YYMMDD") from None
        elif funds not in ("", "0", "1", "2", "Z"):
            raise ValueError(f"{funds!r} is no funds type (Z, 0, 1, 2, S, V, D)")
        return None

    def _skips(self, group: _Bai2Group, code: str, amount: int) -> str:
        if group.status == "4":
            return "the group is a test"
        if group.modifier in ("3", "4") and not self._options.same_day:
            return "of the same day: the report of the previous day will have it (same_day reads it now)"
        if code not in self._signs:
            if code in _SUMMARIES:
                return f"type {code} is a total, not an entry"
            if code[0] == "7":
                return f"type {code} details a loan"
            if _sign_of(code) == 0:
                return f"type {code} is not about money"
        return "" if amount else "an entry of nothing"

    def _account_trailer(self, record: Bai2Record) -> None:
        group, account = self._group, self._account
        if group is None or account is None:
            raise BrokenFile(f"line {record.line}: an account trailer 49 without its 03")
        account.physical += record.physical
        fields = [*record.fields(), "", ""]
        name = f"account {account.number} of {_iso(group.day)}"
        self._control(f"{name}: control total", fields[0], account.total, account.currency, record.line)
        self._control(f"{name}: records", fields[1], account.physical, "", record.line)
        taken = self._entries.add_statement(_key(group, account), account.record.line, account.booked)
        if group.status in ("1", "3") and taken and (account.booked or account.entries):
            for code, what in (("100", "credits"), ("400", "debits")):
                if code in account.balances:
                    stated = abs(account.balances[code])
                    self._control(f"{name}: {what}", str(stated), account.sum[code], account.currency, record.line)
            if "010" in account.balances and "015" in account.balances:
                closing = account.balances["010"] + account.entries
                self._control(
                    f"{name}: closing balance", str(account.balances["015"]), closing, account.currency, record.line
                )
        group.total += int(fields[0]) if fields[0] else account.total
        group.accounts += 1
        group.physical += account.physical
        self._account = None

    def _group_trailer(self, record: Bai2Record) -> None:
        group = self._group
        if group is None or self._account is not None:
            raise BrokenFile(f"line {record.line}: a group trailer 98 without its 02, or before the account's 49")
        group.physical += record.physical
        fields = [*record.fields(), "", "", ""]
        name = f"group of {_iso(group.day)} in line {group.record.line}"
        self._control(f"{name}: control total", fields[0], group.total, group.currency or "USD", record.line)
        self._control(f"{name}: accounts", fields[1], group.accounts, "", record.line)
        self._control(f"{name}: records", fields[2], group.physical, "", record.line)
        self._total += int(fields[0]) if fields[0] else group.total
        self._groups += 1
        self._physical += group.physical
        self._group = None

    def _trailer(self, record: Bai2Record) -> None:
        if not self._open or self._group is not None:
            raise BrokenFile(f"line {record.line}: a trailer 99 without its 01, or before the group's 98")
        fields = [*record.fields(), "", "", ""]
        self._control("file: control total", fields[0], self._total, "", record.line)
        self._control("file: groups", fields[1], self._groups, "", record.line)
        self._control("file: records", fields[2], self._physical + record.physical, "", record.line)
        self._open = False


def _key(group: _Bai2Group, account: _Bai2Account) -> tuple[str, ...]:
    balances = [f"{code}={amount}" for code, amount in sorted(account.balances.items())]
    return (without_blanks(account.number), str(group.day), group.status, *balances)


def _sign_of(code: str) -> int:
    number = int(code)
    if 100 <= number <= 399 or 920 <= number <= 959:
        return 1
    return -1 if 400 <= number <= 699 or 960 <= number <= 999 else 0


def _day(text: str, line: int, what: str) -> Day:
    """A day of this century from YYMMDD, or from YYYYMMDD, which some banks write."""
    full = text if len(text) == 8 else f"20{text}"
    try:
        if len(full) != 8 or not (full.isascii() and full.isdigit()):
            raise ValueError
        return date(int(full[:4]), int(full[4:6]), int(full[6:])).toordinal() - EPOCH_ORDINAL
    except ValueError:
        raise BrokenFile(f"line {line}: {what} is {text!r}, which is no day YYMMDD") from None


def _iso(day: Day) -> str:
    return date.fromordinal(day + EPOCH_ORDINAL).isoformat()

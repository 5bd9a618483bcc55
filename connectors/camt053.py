"""`camt053`: ISO 20022's BankToCustomerStatement, of every version (camt.053.001.01 to .13), or without a namespace.

An `Ntry` is what the bank booked, and is one BankEntryBooked: its amount counts, not the sum of its details, which
lacks charges and may be in other currencies (OCA/bank-statement-import#976, #157). `Sts` must be BOOK, as text, `Cd` or
`Prtry`; PDNG, INFO and FUTR are skipped. Days count as written, in the offset that is written with them
(OCA/bank-statement-import#859). The sign is that of `CdtDbtInd`; some banks state the sign of the reversed entry where
`RvslInd` is true, so `reversals` decides by the balances unless it names a rule (OCA/bank-statement-import#375).

Balances: OPBD or PRCD and the entries must come to CLBD; sub-balances (`SubTp`, but for INTM of a page), available
balances and those in another currency are no part of that. A statement marked as a copy (`CpyDplctInd`) is read: its
entries have the ids of the original. A camt.052 (within the day) and a camt.054 (notification) repeat what a camt.053
states: each entry is skipped.

XML is read by lxml, without entities, DTDs or network; a file with a DOCTYPE is refused.
"""

import re
from datetime import date
from io import BytesIO
from typing import Literal

from lxml import etree
from msgspec.structs import replace

from connectors.amounts import minor_units
from connectors.bank import BookedLine, StatementEntries, StatementOptions, has_reference, joined
from connectors.model import BrokenFile, Control, Found, NotUnderstood, Skipped
from domain.currencies import EXPONENTS
from domain.time import EPOCH_ORDINAL, Day

FORMAT = "camt053"

_STATEMENTS = "BkToCstmrStmt"
_COPIES = {"BkToCstmrAcctRpt": "camt.052 report", "BkToCstmrDbtCdtNtfctn": "camt.054 notification"}
_ROOTS = {f"{name}{version}": name for name in (_STATEMENTS, *_COPIES) for version in ("", "V01")}
"""The names that a message has inside of Document; version 1 added its number."""
_PARTIES = ("Dbtr", "Cdtr")
_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:T.*|Z|[+-][0-9]{2}:[0-9]{2})?")
_NAMESPACE = re.compile(r"urn:(?:iso:std:iso:20022|swift:xsd):.*camt\.05[234]\.001\.[0-9]{2}")


class Camt053(StatementOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options of `camt053`."""

    reversals: Literal["by_balances", "as_stated", "turned"] = "by_balances"
    """The sign of an entry with RvslInd: that of CdtDbtInd (ISO), turned (some banks), or what the balances say."""
    reference: Literal["end_to_end", "bank"] = "end_to_end"
    """Which field is the reference; where it is missing, the other counts."""


def read(content: bytes, options: Camt053) -> Found:
    """Read a file.

    Raises:
        BrokenFile: it is no XML, has a DOCTYPE, or holds no statement.

    """
    found = Found([], [], [], [], [])
    entries = StatementEntries(FORMAT, options, found)
    if not content.strip():
        raise BrokenFile("line 1: the file is empty")
    try:
        seen = _read_document(content, options, found, entries)
    except etree.XMLSyntaxError as error:
        line = error.lineno or 1
        raise BrokenFile(f"line {line}: this is no complete XML: {error.msg}. Get the file again") from None
    if not seen:
        raise BrokenFile(f"line 1: there is no {_STATEMENTS} in it: this is no camt.053")
    entries.finish()
    return found


def _read_document(content: bytes, options: Camt053, found: Found, entries: StatementEntries) -> bool:
    """Read every entry as soon as it is complete, so that no tree of it is kept; whether there was a statement."""
    names = ("Stmt", "Ntry", *_ROOTS)
    events = etree.iterparse(
        BytesIO(content.lstrip()), events=("start", "end"), tag=[f"{{*}}{name}" for name in names],
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True,
    )  # fmt: skip
    inside = ""
    copies = 0
    seen = False
    statement: _CamtStatement | None = None
    closings: dict[str, Balance] = {}
    for event, element in events:
        name = _name(element)
        if event == "start":
            if name in _ROOTS:
                seen, inside = True, _ROOTS[name]
                _check_document(element, found)
            elif inside == _STATEMENTS and name == "Stmt":
                if statement is not None:
                    raise BrokenFile(f"line {element.sourceline}: a statement (Stmt) inside of another")
                statement = _CamtStatement(options, found, entries)
        elif statement is not None and name == "Ntry":
            statement.add(element)
            element.clear()
        elif statement is not None and name == "Stmt":
            statement.finish(element, closings)
            statement = None
            _forget(element)
        elif inside == _STATEMENTS and name == "Ntry":
            reason = "an entry outside of a statement (Stmt): of which account?"
            found.not_understood.append(NotUnderstood(element.sourceline or 1, reason, _raw(element)))
        elif inside in _COPIES and name == "Ntry":
            reason = f"of a {_COPIES[inside]}: the camt.053 of the account has it"
            found.skipped.append(Skipped(element.sourceline or 1, reason, _raw(element)))
            copies += 1
            _forget(element)
        elif inside in _COPIES and name in _ROOTS:
            found.notes.append(f"a {_COPIES[inside]} with {copies} entries was skipped; import the account's camt.053")
    return seen


def _check_document(element: etree._Element, found: Found) -> None:
    info = element.getroottree().docinfo
    if info.doctype or info.internalDTD is not None:
        raise BrokenFile("line 1: the file has a DOCTYPE; no statement needs one, and it may do harm: refused")
    namespace = element.tag.rpartition("}")[0].removeprefix("{")
    if namespace and not _NAMESPACE.match(namespace):
        found.notes.append(f"line {element.sourceline}: the namespace {namespace[:80]} is not ISO's: read by its names")


def _forget(element: etree._Element) -> None:
    """Free an element and those before it."""
    element.clear()
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]


Balance = tuple[int, str]
"""Minor units, a credit above 0, and their currency."""


class _CamtEntry:
    """An entry, and whether it is marked as a reversal."""

    __slots__ = ("booked", "is_reversal")

    def __init__(self, booked: BookedLine, is_reversal: bool) -> None:
        self.booked = booked
        self.is_reversal = is_reversal


class _CamtStatement:
    """One statement while it is read: its entries first, since they are complete before it is."""

    def __init__(self, options: Camt053, found: Found, entries: StatementEntries) -> None:
        self._options = options
        self._found = found
        self._entries = entries
        self._read: list[_CamtEntry] = []
        self._count = 0
        self._not_booked = 0

    def add(self, element: etree._Element) -> None:
        """Read an entry."""
        self._count += 1
        try:
            entry = self._entry(element)
        except ValueError as error:
            self._not_booked += 1
            self._found.not_understood.append(NotUnderstood(element.sourceline or 1, str(error), _raw(element)))
            return
        if entry is not None:
            self._read.append(entry)

    def finish(self, element: etree._Element, closings: dict[str, Balance]) -> None:
        """Read what the statement says about its entries, and hand them on.

        Args:
            element: the statement, whose entries are empty by now.
            closings: the closing balance of the statement before of each account in this file.

        """
        self._element = element
        self._line = line = element.sourceline or 1
        account = _child(element, "Acct", "Id")
        self._account = "" if account is None else _text(account, "IBAN") or _text(account, "Othr", "Id")
        if not self._account:
            raise BrokenFile(f"line {line}: the statement's account (Acct) has no number (IBAN or Othr/Id)")
        self._currency = _text(element, "Acct", "Ccy")
        copy = _text(element, "CpyDplctInd")
        if copy:
            self._found.notes.append(f"line {line}: the statement is marked as a copy ({copy}): its ids are the same")
        opening, closing = self._balance("OPBD", "PRCD"), self._balance("CLBD")
        booked = [replace(each, account=self._account) for each in self._signed(opening, closing)]
        key = (self._account, *(_text(element, name) for name in ("Id", "ElctrncSeqNb", "LglSeqNb")))
        key += tuple(repr(each) for each in (opening, closing))
        if self._entries.add_statement(key, line, booked):
            self._controls(booked, opening, closing, closings)

    def _controls(
        self,
        booked: list[BookedLine],
        opening: Balance | None,
        closing: Balance | None,
        closings: dict[str, Balance],
    ) -> None:
        name = f"statement {_text(self._element, 'Id') or '?'} of {self._account} in line {self._line}"
        currencies = {each.currency for each in booked}
        if opening is None or closing is None:
            self._found.notes.append(f"{name}: without an opening and a closing balance, its sum cannot be checked")
        elif opening[1] != closing[1] or currencies - {opening[1]}:
            self._found.notes.append(
                f"{name}: opening {opening[1]}, closing {closing[1]}, entries {', '.join(sorted(currencies))}: "
                "their sum cannot be checked"
            )
        else:
            total = opening[0] + sum(each.amount_minor for each in booked)
            self._found.controls.append(Control(f"{name}: closing balance", closing[0], total, closing[1]))
        last = closings.get(self._account)
        if last is not None and opening is not None and last[1] == opening[1]:
            self._found.controls.append(Control(f"{name}: opening, after the one before", opening[0], *last))
        if closing is not None:
            closings[self._account] = closing
        summary = _child(self._element, "TxsSummry")
        currency = self._currency or (min(currencies) if len(currencies) == 1 else "")
        if summary is None or currency not in EXPONENTS:
            return
        count = _text(summary, "TtlNtries", "NbOfNtries")
        if count.isascii() and count.isdigit() and len(count) < 16:
            self._found.controls.append(Control(f"{name}: entries", int(count), self._count, ""))
        for total_name, sign in (("TtlCdtNtries", 1), ("TtlDbtNtries", -1)):
            stated = _text(summary, total_name, "Sum")
            if not stated or self._not_booked:
                continue
            try:
                amount = minor_units(stated, EXPONENTS[currency])
            except ValueError as error:
                self._found.notes.append(f"{name}: {total_name}: {error}")
                continue
            total = sum(abs(each.amount_minor) for each in booked if each.amount_minor * sign > 0)
            self._found.controls.append(Control(f"{name}: {total_name}", amount, total, currency))

    def _signed(self, opening: Balance | None, closing: Balance | None) -> list[BookedLine]:
        """The entries with their signs: those of reversals as the options say."""
        read = self._read
        stated = [each.booked for each in read]
        if not any(each.is_reversal for each in read) or self._options.reversals == "as_stated":
            return stated
        turned = [_turned(each.booked) if each.is_reversal else each.booked for each in read]
        if self._options.reversals == "turned":
            return turned
        if opening is not None and closing is not None and opening[1] == closing[1]:
            moved = closing[0] - opening[0]
            if moved != sum(each.amount_minor for each in stated) and moved == sum(
                each.amount_minor for each in turned
            ):
                self._found.notes.append(
                    f"line {self._line}: by the balances, reversals are stated with the sign of what they reverse: "
                    "turned"
                )
                return turned
        else:
            self._found.notes.append(
                f"line {self._line}: the sign of reversals cannot be checked by balances: as CdtDbtInd states it"
            )
        return stated

    def _balance(self, *codes: str) -> Balance | None:
        """The first balance of these types, in the account's currency; one of the whole before one of a page."""
        pages: list[Balance] = []
        for code in codes:
            for element in self._element:
                if _name(element) != "Bal" or _text(element, "Tp", "CdOrPrtry", "Cd") != code:
                    continue
                kind = _text(element, "Tp", "SubTp", "Cd") or _text(element, "Tp", "SubTp", "Prtry")
                if kind not in ("", "INTM"):
                    continue
                try:
                    balance = _amount(element)
                except ValueError as error:
                    raise BrokenFile(f"line {element.sourceline}: the balance {code}: {error}") from None
                if self._currency and balance[1] != self._currency:
                    continue
                if not kind:
                    return balance
                pages.append(balance)
        return pages[0] if pages else None

    def _entry(self, element: etree._Element) -> _CamtEntry | None:
        """An entry; None if it was skipped.

        Raises:
            ValueError: it is not understood.

        """
        status = _status(element)
        if status in ("PDNG", "INFO", "FUTR"):
            self._not_booked += 1
            self._found.skipped.append(Skipped(element.sourceline or 1, f"{status}: not booked", _raw(element)))
            return None
        if status != "BOOK":
            raise ValueError(f"the status is {status!r}; BOOK is money, PDNG, INFO and FUTR are not")
        amount, currency = _amount(element)
        if amount == 0:
            self._found.skipped.append(Skipped(element.sourceline or 1, "an entry of nothing", _raw(element)))
            return None
        booking, value = _day_of(element, "BookgDt"), _day_of(element, "ValDt")
        if booking is None:
            if value is None:
                raise ValueError("it has neither a booking date nor a value date")
            booking = value
        bank = _text(element, "AcctSvcrRef")
        details = [tx for group in element if _name(group) == "NtryDtls" for tx in group if _name(tx) == "TxDtls"]
        ends = [_text(tx, "Refs", "EndToEndId") for tx in details]
        end_to_end = ends[0] if len(ends) == 1 and has_reference(ends[0]) else ""
        if not end_to_end and len(ends) != 1:
            end_to_end = _text(element, "NtryDtls", "Btch", "PmtInfId") or _text(element, "NtryDtls", "Btch", "MsgId")
        bank = bank if has_reference(bank) else ""
        reversal = _text(element, "RvslInd") in ("true", "1")
        booked = BookedLine(
            line=element.sourceline or 1,
            raw=_raw(element),
            account="",
            currency=currency,
            amount_minor=amount,
            booking_date=booking,
            value_date=value,
            bank_reference=bank,
            reference=(bank or end_to_end) if self._options.reference == "bank" else (end_to_end or bank),
            text=_text_of(element, details),
            details=f"{'/'.join(each for each in ends if has_reference(each))}/",
        )
        return _CamtEntry(booked, reversal)


def _turned(booked: BookedLine) -> BookedLine:
    return replace(booked, amount_minor=-booked.amount_minor)


def _text_of(element: etree._Element, details: list[etree._Element]) -> str:
    """Names, purposes and structured references of the details, in their order, then the entry's own text."""
    texts: list[str] = []
    for tx in details:
        texts += [_text(tx, "RltdPties", who, "Nm") or _text(tx, "RltdPties", who, "Pty", "Nm") for who in _PARTIES]
        remittance = _child(tx, "RmtInf")
        if remittance is not None:
            texts += [each.text or "" for each in remittance.iter() if _name(each) in ("Ustrd", "Ref", "AddtlRmtInf")]
        texts.append(_text(tx, "AddtlTxInf"))
    return joined([*texts, _text(element, "AddtlNtryInf")])


def _status(element: etree._Element) -> str:
    return _text(element, "Sts", "Cd") or _text(element, "Sts", "Prtry") or _text(element, "Sts")


def _amount(element: etree._Element) -> Balance:
    """The signed amount of an entry or a balance, and its currency.

    Raises:
        ValueError: it is not understood.

    """
    amount = _child(element, "Amt")
    if amount is None:
        raise ValueError("it has no amount (Amt)")
    currency = amount.get("Ccy") or ""
    if currency not in EXPONENTS:
        raise ValueError(f"{currency!r} is no currency of ISO 4217")
    minor = minor_units((amount.text or "").strip(), EXPONENTS[currency])
    mark = _text(element, "CdtDbtInd")
    if mark not in ("CRDT", "DBIT"):
        raise ValueError(f"CdtDbtInd is {mark!r}; it is CRDT or DBIT")
    return (minor if mark == "CRDT" else -minor), currency


def _day_of(element: etree._Element, name: str) -> Day | None:
    """A day as written.

    Raises:
        ValueError: it is none.

    """
    text = _text(element, name, "Dt") or _text(element, name, "DtTm")
    if not text:
        return None
    match = _DAY.fullmatch(text)
    try:
        if match is None:
            raise ValueError
        return date(*(int(part) for part in match.groups())).toordinal() - EPOCH_ORDINAL
    except ValueError:
        raise ValueError(f"{name} is {text[:40]!r}, which is no day YYYY-MM-DD") from None


def _name(element: etree._Element) -> str:
    """The name of an element without its namespace; empty for what is no element."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def _child(element: etree._Element, *names: str) -> etree._Element | None:
    found: etree._Element | None = element
    for name in names:
        if found is None:
            return None
        found = next(found.iterchildren(f"{{*}}{name}"), None)
    return found


def _text(element: etree._Element, *names: str) -> str:
    found = _child(element, *names)
    return "" if found is None else (found.text or "").strip()


def _raw(element: etree._Element) -> bytes:
    raw: bytes = etree.tostring(element, encoding="utf-8", with_tail=False)
    return raw

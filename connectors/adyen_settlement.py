"""`adyen-settlement`: Adyen's settlement detail report as CSV, columns by name, in any order.

| type | record |
|---|---|
| Settled | SETTLED |
| Refunded, RefundedReversed | REFUNDED, REFUND_REVERSED |
| Chargeback, SecondChargeback, ChargebackReversed | CHARGEBACK, CHARGEBACK, CHARGEBACK_REVERSED; of ACH (which has no disputes) RETURNED, RETURNED, RETURN_REVERSED |
| MerchantPayout | PayoutReported PAID |
| Fee, MiscCosts, Balancetransfer and the others without a payment | `other_minor` of the payout |

The attempt is the `Psp Reference` of the payment, and each record has the `Modification Reference` of its capture,
refund or dispute; a second chargeback may share that of the first, and has a `movement_id`
(killbill/killbill-adyen-plugin#99). The payout is the batch: `<Merchant Account>-<Batch Number>`.

Amounts are in major units with ISO 4217's digits, also where Adyen's API counts otherwise (CLP, CVE, IDR, ISK:
docs.adyen.com/development-resources/currency-codes). Gross is in the payment's currency, fee and net in that of the
settlement. The fee is the sum of commission, markup, scheme fees and interchange; where all are blank, `Payment Fees`
or `Gross Fees`, which repeat that sum, count. Net is what the report says. A batch whose balance goes to the next one
(Balancetransfer, and no payout) is no payout: its lines name none.

A row is later than others by `Creation Date` in `TimeZone`; the date of a payout is the day as written.
"""  # noqa: E501

import re
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import msgspec

from connectors.adyen_zones import zone_named
from connectors.amounts import exponent_of, minor_units
from connectors.identity import content_id
from connectors.model import BrokenFile, Control, Found, NotUnderstood, Skipped
from connectors.rows import DelimitedText, RowError, TextRow
from connectors.text_lines import lines_of
from domain.facts import Outcome, PayoutReported, ProcessorSettled
from domain.time import EPOCH_ORDINAL, Day, Micros, micros_of
from streams.codec.dead_letters import BadInput
from streams.codec.validation import check

FORMAT = "adyen-settlement"

_OUTCOMES: dict[str, tuple[Outcome, int]] = {
    "Settled": ("SETTLED", 1),
    "Refunded": ("REFUNDED", -1),
    "RefundedReversed": ("REFUND_REVERSED", 1),
    "Chargeback": ("CHARGEBACK", -1),
    "SecondChargeback": ("CHARGEBACK", -1),
    "ChargebackReversed": ("CHARGEBACK_REVERSED", 1),
}
"""The outcome of each type with a payment, and the sign of its gross amount."""
_OF_ACH: dict[str, Outcome] = {"CHARGEBACK": "RETURNED", "CHARGEBACK_REVERSED": "RETURN_REVERSED"}
_OTHERS = "Fee MiscCosts InvoiceDeduction DepositCorrection ReserveAdjustment Balancetransfer"
_PARTS = ("Commission (NC)", "Markup (NC)", "Scheme Fees (NC)", "Interchange (NC)")
_TOTALS = ("Payment Fees (NC)", "Gross Fees (NC)")
_NEEDED = (
    "Merchant Account", "Psp Reference", "Creation Date", "TimeZone", "Type", "Modification Reference",
    "Gross Currency", "Gross Debit (GC)", "Gross Credit (GC)", "Net Currency", "Net Debit (NC)", "Net Credit (NC)",
    "Batch Number",
)  # fmt: skip
_MOMENT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[ T]([0-9]{2}:[0-9]{2}(?::[0-9]{2})?)")
_BY_EXCEL = re.compile(r"[0-9](?:[.,][0-9]+)?E\+?[0-9]+", re.IGNORECASE)
_BANK_REFERENCE = re.compile(r"\bTX\w+XT\b")


class AdyenSettlement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options of `adyen-settlement`."""

    processor: str = "adyen"
    """The processor's name in the records."""
    payment_id_column: str | None = None
    """The column of our payment id, such as `Merchant Reference`; without, the references are resolved."""
    account_id: str | None = None
    """The bank account that receives the payouts, as the bank's files name it."""
    zones: dict[str, str] = {}
    """The IANA name of each zone's name in the report that is not known, or known otherwise."""


class _AdyenRow(NamedTuple):
    """A row with what its batch needs."""

    row: TextRow
    cells: list[str]
    net_minor: int | None
    currency: str


class _AdyenBatch:
    """A batch of one merchant account, in one currency."""

    def __init__(self) -> None:
        self.lines: list[_AdyenRow] = []
        self.others: list[_AdyenRow] = []
        self.payouts: list[_AdyenRow] = []
        self.is_carried_over = False


def read(content: bytes, options: AdyenSettlement) -> Found:
    """Read a report.

    Raises:
        BrokenFile: it lacks columns that are needed, cannot be divided into rows, or names an unknown zone.

    """
    lines = lines_of(content)
    header = next((each.number for each in lines if "Psp Reference" in each.text), None)
    if header is None:
        raise BrokenFile("line 1: there are no column names with Psp Reference: this is no settlement detail report")
    try:
        content.decode()
        encoding = "utf-8"
    except UnicodeDecodeError:
        encoding = "cp1252"
    found = _AdyenReport(DelimitedText(content, encoding=encoding, header_line=header), options).found()
    reason = "a line before the column names"
    found.not_understood += [
        NotUnderstood(each.number, reason, each.raw) for each in lines[: header - 1] if each.text.strip()
    ]
    return found


class _AdyenReport:
    """One report while it is read."""

    def __init__(self, text: DelimitedText, options: AdyenSettlement) -> None:
        self._text = text
        self._options = options
        self._found = Found([], [], [], [], [])
        self._at = {name: text.column(name) for name in _NEEDED}
        names = ("Payment Method", "Merchant Reference", "Booking Date", *_PARTS, *_TOTALS)
        self._at |= {name: text.column(name) for name in names if name in text.columns}
        if options.payment_id_column is not None:
            self._at[options.payment_id_column] = text.column(options.payment_id_column)
        self._batches: dict[tuple[str, str, str], _AdyenBatch] = {}
        self._identities: dict[tuple[str, str, str], list[_AdyenRow]] = {}
        self._rows: dict[tuple[str, ...], int] = {}

    def found(self) -> Found:
        """Read every row, then the batches."""
        rows = [row for row in self._text.rows() if any(cell.strip() for cell in row.cells)]
        numbers = {row.cells[at].strip() for row in rows if len(row.cells) > (at := self._at["Batch Number"])} - {""}
        only = min(numbers) if len(numbers) == 1 else ""
        for row in rows:
            try:
                self._row(row, only)
            except BrokenFile:
                raise
            except (RowError, ValueError) as error:
                self._not_understood(row, str(error))
        for key, batch in self._batches.items():
            batch.is_carried_over = not batch.payouts and any(
                self._cell(each.cells, "Type") == "Balancetransfer" and (each.net_minor or 0) < 0
                for each in batch.others
            )
            self._batch(key, batch)
        if self._text.ends_in_mid_line:
            self._found.notes.append("the last line has no end of line: is the file complete?")
        return self._found

    def _not_understood(self, row: TextRow, reason: str) -> None:
        self._found.not_understood.append(NotUnderstood(row.line, reason, self._text.raw(row)))

    def _cell(self, cells: list[str], name: str) -> str:
        at = self._at.get(name)
        return "" if at is None else cells[at].strip()

    def _row(self, row: TextRow, only_batch: str) -> None:
        """Sort a row into its batch.

        Raises:
            RowError, ValueError: it is not understood.

        """
        cells, size = row.cells, len(self._text.columns)
        if any(cell.strip() for cell in cells[size:]):
            raise RowError(f"it has {len(cells)} cells for {size} columns: is a comma not quoted?")
        kind = cells[self._at["Type"]].strip() if len(cells) > self._at["Type"] else ""
        needed = (
            max(self._at.values())
            if kind in _OUTCOMES
            else min(self._at["Net Debit (NC)"], self._at["Net Credit (NC)"])
        )
        is_last = row.ends_at == len(self._text.lines) and self._text.ends_in_mid_line
        if len(cells) <= needed or (len(cells) < size and is_last):
            raise RowError(f"it has {len(cells)} of {size} columns: is it cut?")
        cells = [*cells, *[""] * (size - len(cells))]  # rows of fees end after their amount
        batch_number = self._cell(cells, "Batch Number") or only_batch
        if not batch_number:
            raise RowError("it names no batch")
        currency = self._cell(cells, "Net Currency")
        net = self._difference(cells, "Net Credit (NC)", "Net Debit (NC)", currency)
        one = _AdyenRow(row, cells, net, currency)
        key = self._cell(cells, "Merchant Account"), batch_number, currency
        if not key[0]:
            raise RowError("it names no merchant account")
        if kind in _OUTCOMES:
            psp, own = self._reference(cells, "Psp Reference"), self._reference(cells, "Modification Reference")
            if not psp:
                raise RowError(f"a {kind} without a Psp Reference")
            if not self._is_repeated(one):
                self._batches.setdefault(key, _AdyenBatch()).lines.append(one)
                self._identities.setdefault((kind, psp, own), []).append(one)
        elif net is None:
            raise RowError(f"a {kind or 'row'} without an amount")
        elif kind == "MerchantPayout":
            self._moment(one), self._paid_on(cells)  # so that a broken one is not understood
            if not self._is_repeated(one):
                self._batches.setdefault(key, _AdyenBatch()).payouts.append(one)
        else:
            self._batches.setdefault(key, _AdyenBatch()).others.append(one)
            if kind in _OTHERS.split():
                self._found.skipped.append(
                    Skipped(row.line, f"{kind}: it belongs to the payout, not to a payment", self._text.raw(row))
                )
            else:
                self._not_understood(row, f"the type {kind!r} is unknown: counted as part of the payout")

    def _is_repeated(self, one: _AdyenRow) -> bool:
        """Whether a payment or payout was in the file before, the same in every cell: then it is skipped."""
        first = self._rows.setdefault(tuple(one.cells), one.row.line)
        if first != one.row.line:
            self._found.skipped.append(Skipped(one.row.line, f"the same as line {first}", self._text.raw(one.row)))
        return first != one.row.line

    def _reference(self, cells: list[str], name: str) -> str:
        text = self._cell(cells, name)
        if _BY_EXCEL.fullmatch(text):
            raise RowError(f"{name} is {text}: a spreadsheet has rounded it. Import the report as Adyen made it")
        return text

    def _difference(self, cells: list[str], plus: str, minus: str, currency: str) -> int | None:
        """One amount less another; None while both are blank."""
        texts = self._cell(cells, plus), self._cell(cells, minus)
        if not any(texts):
            return None
        digits = exponent_of(currency)
        credit, debit = (minor_units(text, digits) if text else 0 for text in texts)
        return credit - debit

    # Batches

    def _batch(self, key: tuple[str, str, str], batch: _AdyenBatch) -> None:
        merchant, number, currency = key
        payout_id = f"{merchant}-{number}"
        several = sum(each[:2] == key[:2] for each in self._batches) > 1
        if several:
            payout_id += f"-{currency}"
            self._found.notes.append(
                f"batch {number} of {merchant} is in several currencies: the payout is {payout_id}"
            )
        paid_on = max((self._paid_on(each.cells) for each in batch.payouts), default=None)
        for one in batch.lines:
            try:
                fact = self._fact(one, number, None if batch.is_carried_over else payout_id, paid_on)
            except BrokenFile:
                raise
            except (RowError, ValueError, BadInput) as error:
                self._not_understood(one.row, str(error))
            else:
                self._found.facts.append(fact)
        total = _sum([*batch.lines, *batch.others])
        if batch.payouts:
            self._payout(batch, payout_id, currency, merchant, number, paid_on or 0)
            self._found.controls.append(Control(f"payout {payout_id}", -_sum(batch.payouts), total, currency))
        elif batch.is_carried_over:
            self._found.controls.append(Control(f"batch {payout_id}, carried over", 0, total, currency))
        else:
            self._found.notes.append(f"batch {payout_id}: neither paid out nor carried over in this file")

    def _payout(
        self, batch: _AdyenBatch, payout_id: str, currency: str, merchant: str, number: str, paid_on: Day
    ) -> None:
        amount = -_sum(batch.payouts)
        first = min(batch.payouts, key=self._moment)
        for one in batch.payouts:
            if one is not first and amount:
                reason = f"added to the payout of the batch in line {first.row.line}"
                self._found.skipped.append(Skipped(one.row.line, reason, self._text.raw(one.row)))
        if not amount:
            for one in batch.payouts:
                self._found.skipped.append(Skipped(one.row.line, "a payout of nothing", self._text.raw(one.row)))
            return
        named = _BANK_REFERENCE.search(self._cell(first.cells, "Modification Reference"))
        try:
            fact = check(
                PayoutReported(
                    event_id=content_id(FORMAT, self._options.processor, "payout", payout_id),
                    occurred_at=self._moment(first),
                    processor=self._options.processor,
                    payout_id=payout_id,
                    status="PAID",
                    amount_minor=amount,
                    other_minor=_sum(batch.others),
                    currency=currency,
                    arrival_date=paid_on,
                    account_id=self._options.account_id,
                    bank_reference=named.group() if named else None,
                )
            )
        except (ValueError, BadInput) as error:
            self._not_understood(first.row, str(error))
        else:
            self._found.facts.append(fact)

    def _fact(self, one: _AdyenRow, batch_number: str, payout_id: str | None, paid_on: Day | None) -> ProcessorSettled:
        """The settlement record of a row.

        Raises:
            RowError, ValueError, BadInput: it is not understood.

        """
        cells = one.cells
        kind, psp = self._cell(cells, "Type"), self._cell(cells, "Psp Reference")
        own = self._cell(cells, "Modification Reference") or psp
        alike = self._identities[kind, psp, self._cell(cells, "Modification Reference")]
        if len(alike) > 1:
            lines = ", ".join(str(each.row.line) for each in alike[:10])
            raise RowError(f"lines {lines} are of one type and reference: are they one movement, or several?")
        outcome, sign = _OUTCOMES[kind]
        currency = self._cell(cells, "Gross Currency")
        gross = self._difference(cells, "Gross Credit (GC)", "Gross Debit (GC)", currency)
        if gross is None or gross * sign <= 0:
            raise RowError(f"a {kind} with a gross amount of {gross}: it has the sign of its opposite, or none")
        fee, net = self._fee(one), one.net_minor
        if currency == one.currency:
            if net is None and fee == gross:
                net = 0
            elif fee is None and net == gross:
                fee = 0
            elif fee is not None and net is not None and gross - fee != net:
                self._found.notes.append(f"line {one.row.line}: gross less fee is not net: net counts as stated")
        if outcome in _OF_ACH and self._cell(cells, "Payment Method").lower().split("_")[0] == "ach":
            outcome = _OF_ACH[outcome]
        column = self._options.payment_id_column
        merchant = self._cell(cells, "Merchant Account")
        fact: ProcessorSettled = check(
            ProcessorSettled(
                event_id=content_id(FORMAT, self._options.processor, merchant, batch_number, kind, psp, own),
                occurred_at=self._moment(one),
                payment_id=(self._cell(cells, column) or None) if column is not None else None,
                processor=self._options.processor,
                processor_reference=own,
                outcome=outcome,
                gross_minor=abs(gross),
                fee_minor=fee,
                net_minor=net,
                currency=currency,
                reason_code=None,
                payout_id=payout_id,
                value_date=paid_on,
                original_reference=None if own == psp else psp,
                movement_id=kind if kind == "SecondChargeback" else None,
                settlement_currency=None if currency == one.currency else one.currency,
            )
        )
        return fact

    def _fee(self, one: _AdyenRow) -> int | None:
        """The fees of a row; None where no column has any, or they come to no whole amount."""
        digits = exponent_of(one.currency)
        for names in (_PARTS, *((name,) for name in _TOTALS)):
            texts = [text for text in (self._cell(one.cells, name) for name in names) if text]
            if texts:
                # Parts may be finer than the currency; only their sum is charged.
                places = max(digits, *(len(text.partition(".")[2]) for text in texts))
                fee, rest = divmod(sum(minor_units(text, places) for text in texts), int(10 ** (places - digits)))
                if rest:
                    self._found.notes.append(
                        f"line {one.row.line}: the fees {' + '.join(texts)} are no whole amount: left out"
                    )
                    return None
                return fee
        return None

    # Times

    def _moment(self, one: _AdyenRow) -> Micros:
        cells = one.cells
        text, zone = self._cell(cells, "Creation Date"), self._cell(cells, "TimeZone")
        match = _MOMENT.fullmatch(text)
        if match is None:
            raise RowError(f"Creation Date is {text!r}; it should be such as 2026-11-26 13:05:00")
        try:
            where = zone_named(self._options.zones.get(zone, zone) or "?")
        except ValueError as error:
            raise BrokenFile(f"line {one.row.line}: TimeZone: {error}; give its IANA name in zones") from None
        return micros_of(datetime.fromisoformat(f"{match[1]}T{match[2]}").replace(tzinfo=where))

    def _paid_on(self, cells: list[str]) -> Day:
        text = self._cell(cells, "Booking Date") or self._cell(cells, "Creation Date")
        match = _MOMENT.fullmatch(text)
        if match is None:
            raise RowError(f"the date of the payout is {text!r}; it should be such as 2026-11-26 13:05:00")
        return datetime.fromisoformat(match[1]).toordinal() - EPOCH_ORDINAL


def _sum(rows: Iterable[_AdyenRow]) -> int:
    return sum(each.net_minor or 0 for each in rows)

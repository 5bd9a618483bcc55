"""`stripe-payouts`: Stripe's itemised reports as CSV, columns by name, in any order.

Read are `payout_reconciliation.itemized`, `balance_change_from_activity.itemized` and `payouts.itemized` of every
version (docs.stripe.com/reports/report-types). Amounts are in major units ("dollars for USD, yen for JPY"), so the
digits are those of ISO 4217; `currency` is upper or lower case.

One row is one balance transaction. Its `reporting_category` decides (docs.stripe.com/reports/reporting-categories):

| category | record |
|---|---|
| `charge` | SETTLED of the charge, together with its `partial_capture_reversal` |
| `charge_failure` | RETURNED of the charge: the row takes back a charge that an earlier row settled (bank debits are booked before they succeed) |
| `refund`, `refund_failure` | REFUNDED, REFUND_REVERSED of the refund |
| `dispute`, `dispute_reversal` | CHARGEBACK, CHARGEBACK_REVERSED of the dispute; of an ACH debit RETURNED, RETURN_REVERSED of the charge |
| `payout`, `payout_reversal` | PayoutReported PAID, FAILED |
| the others | belong to the payout and to no payment: `other_minor` |

`net` is what a row adds to the payout, as Stripe states it; it is not recomputed. A payout may be in several files
(connectors/stripe_payout_reports.py).
"""  # noqa: E501

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from functools import cache

from connectors.amounts import exponent_of, minor_units
from connectors.identity import content_id
from connectors.model import BrokenFile, Found, NotUnderstood, Skipped
from connectors.payout_parts import PayoutPart, PayoutParts, PayoutStatement
from connectors.rows import DelimitedText, RowError, TextRow, require_text
from connectors.stripe import ACH_METHODS, FORMAT
from connectors.stripe_payout_reports import StripePayouts, came_back, report_payouts
from connectors.stripe_settled import Settlement
from connectors.zones import zone_of
from domain.facts import Outcome, PayoutOutcome, ProcessorSettled
from domain.time import DAY, Day, Micros, micros_of
from streams.codec.dead_letters import BadInput
from streams.codec.validation import check

_OTHER_CATEGORIES = """
    advance advance_funding anticipation_repayment climate_order_purchase climate_order_refund
    connect_collection_transfer connect_reserved_funds contribution fee financing_paydown financing_paydown_reversal
    financing_payout financing_payout_reversal issuing_authorization_hold issuing_authorization_release
    issuing_disbursement issuing_dispute issuing_dispute_fraud_liability_debit issuing_transaction network_cost
    obligation other_adjustment platform_earning platform_earning_refund reserve_hold reserve_release
    risk_reserved_funds tax topup topup_reversal transfer transfer_reversal unreconciled_customer_funds
    """
OTHER_CATEGORIES = frozenset(_OTHER_CATEGORIES.split())
"""Categories that move the balance without a payment. An unknown one is treated likewise, and reported."""

PAYOUT_STATUS: dict[str, PayoutOutcome] = {"paid": "PAID", "failed": "FAILED", "canceled": "CANCELLED"}


def read(content: bytes, options: StripePayouts) -> Found:
    """Read a report, with the payouts that it has whole.

    Raises:
        BrokenFile: it is none of these reports, or cannot be divided into rows.

    """
    found = read_part(content, options)
    report_payouts([found], options)
    return found


def read_part(content: bytes, options: StripePayouts) -> Found:
    """Read a report that may have a part of a payout: `report_payouts` comes next.

    Raises:
        BrokenFile: as in `read`.

    """
    return _Report(DelimitedText(content), options).found()


class _Report:
    """One report while it is read."""

    def __init__(self, text: DelimitedText, options: StripePayouts) -> None:
        self._text = text
        self._options = options
        self._found = Found([], [], [], [], [])
        self._zone: tzinfo = zone_of(options.report_zone, "report_zone")
        column, optional = text.column, text.optional
        self._id = column("balance_transaction_id")
        self._currency, self._gross = column("currency"), column("gross")
        self._fee, self._net = column("fee"), column("net")
        self._category = column("reporting_category")
        self._payout = optional("automatic_payout_id", "payout_id")
        created = optional("created_utc", "effective_at_utc")
        self._created_zone: tzinfo = UTC if created is not None else self._zone
        if created is None:
            created = optional("created", "effective_at")
        if created is None:
            raise BrokenFile(
                f"line {text.header_line}: there is no column created_utc, created, effective_at_utc or effective_at: "
                "request the report with one of them"
            )
        self._created = created
        effective = optional("automatic_payout_effective_at_utc", "effective_at_utc")
        self._effective_zone: tzinfo = UTC if effective is not None else self._zone
        self._effective = optional("automatic_payout_effective_at", "effective_at") if effective is None else effective
        reversed_at = optional("payout_reversed_at_utc")
        self._reversed_zone: tzinfo = UTC if reversed_at is not None else self._zone
        self._reversed_at = optional("payout_reversed_at") if reversed_at is None else reversed_at
        self._arrival = optional("payout_expected_arrival_date")  # "Dates in UTC", says Stripe
        self._status = optional("payout_status")
        self._source, self._charge = optional("source_id"), optional("charge_id")
        self._method = optional("payment_method_type")
        self._reason = optional("network_reason_code", "dispute_network_reason_code", "dispute_reason")
        self._facing = optional("customer_facing_amount"), optional("customer_facing_currency")
        self._trace = optional("trace_id"), optional("trace_id_status")
        self._payment = None if options.payment_id_column is None else column(options.payment_id_column)
        used = (self._id, self._source, self._charge, self._payout, self._reason, self._trace[0], self._payment)
        self._used = [at for at in used if at is not None]
        self._instant_of: Callable[[str, tzinfo], Micros] = cache(_instant)
        self._payouts: dict[tuple[str, str], PayoutParts] = {}
        self._charges: dict[str, Settlement] = {}
        self._seen: dict[str, tuple[int, list[str]]] = {}

    def found(self) -> Found:
        """Read every row, then what takes all of them: charges with their partial captures."""
        for row in self._text.rows():
            try:
                self._row(row)
            except (RowError, ValueError) as error:
                self._not_understood(row, str(error))
                self._found.doubtful_payouts.add(self._payout_of(row))
        self._settle_charges()
        self._found.payouts = list(self._payouts.values())
        if self._text.ends_in_mid_line:
            self._found.notes.append("the last line has no end of line: is the file complete?")
        return self._found

    def _not_understood(self, row: TextRow, reason: str) -> None:
        self._found.not_understood.append(NotUnderstood(row.line, reason, self._text.raw(row)))

    def _skip(self, row: TextRow, reason: str) -> None:
        self._found.skipped.append(Skipped(row.line, reason, self._text.raw(row)))

    def _row(self, row: TextRow) -> None:
        if not any(row.cells):
            self._skip(row, "an empty line")
            return
        cells = self._text.complete(row)
        require_text(cells[at] for at in self._used)
        transaction = cells[self._id]
        if not transaction:
            raise RowError("balance_transaction_id is empty")
        known = self._seen.setdefault(transaction, (row.line, cells))
        if known[0] != row.line:
            if known[1] == cells:
                self._skip(row, f"the same as line {known[0]}")
                return
            raise RowError(f"{transaction} is also line {known[0]}, with other content; which one counts?")
        currency = cells[self._currency].upper()
        digits = exponent_of(currency)
        amounts = [_amount(cells[at], digits, self._text.columns[at]) for at in (self._gross, self._fee, self._net)]
        category = cells[self._category]
        kind = _OUTCOMES.get(category)
        if kind is None:
            self._other(row, cells, category, currency, amounts)
            return
        settlement = self._settlement(row, cells, category, kind, currency, amounts)
        if category in ("charge", "partial_capture_reversal"):
            self._capture(settlement, category)
        else:
            self._add(settlement)

    # Payments

    def _settlement(
        self, row: TextRow, cells: list[str], category: str, outcome: Outcome, currency: str, amounts: list[int]
    ) -> Settlement:
        """The settlement record of a row, as far as the row alone says it."""
        gross, fee, net = amounts
        sign = 1 if category in _POSITIVE else -1
        if gross * sign <= 0:
            if not any(amounts):
                raise RowError(f"a {category} without any money")
            raise RowError(f"a {category} with gross {cells[self._gross]}: it has the sign of its opposite")
        source, charge = self._cell(cells, self._source), self._cell(cells, self._charge)
        if outcome in ("CHARGEBACK", "CHARGEBACK_REVERSED") and self._cell(cells, self._method) in ACH_METHODS:
            outcome = "RETURNED" if outcome == "CHARGEBACK" else "RETURN_REVERSED"
        of_charge = outcome in ("SETTLED", "RETURNED", "RETURN_REVERSED")
        if of_charge and not charge and category in ("dispute", "dispute_reversal"):
            raise RowError(f"charge_id is empty: a {category} of a bank debit takes back its charge")
        reference = charge or source if of_charge else source
        if not reference:
            raise RowError("it names no charge and no source: request the report with source_id and charge_id")
        if category == "charge" and source and not source.lower().startswith(("ch_", "py_")):
            self._found.notes.append(
                f"line {row.line}: the category is charge, but the source is {source}, which is none: read as SETTLED"
            )
        facing_gross, facing_currency = self._facing_of(cells, currency, abs(gross))
        fact = ProcessorSettled(
            event_id=content_id(FORMAT, self._options.processor, cells[self._id]),
            occurred_at=self._instant_of(cells[self._created], self._created_zone),
            payment_id=self._cell(cells, self._payment) or None,
            processor=self._options.processor,
            processor_reference=reference,
            outcome=outcome,
            gross_minor=facing_gross,
            fee_minor=fee,
            net_minor=net,
            currency=facing_currency,
            reason_code=self._cell(cells, self._reason) or None,
            payout_id=self._cell(cells, self._payout) or None,
            value_date=self._value_date(cells),
            original_reference=None if of_charge else charge or None,
            # A dispute takes the money at its start, gives it back when won, and may take it once more.
            movement_id=cells[self._id] if outcome in ("CHARGEBACK", "CHARGEBACK_REVERSED") else None,
            settlement_currency=None if facing_currency == currency else currency,
        )
        return Settlement(row, fact, gross)

    def _facing_of(self, cells: list[str], currency: str, gross: int) -> tuple[int, str]:
        """The amount that the customer saw, where that is in another currency than the balance."""
        amount, facing = (self._cell(cells, at) for at in self._facing)
        facing = facing.upper()
        if not facing or facing == currency:
            return gross, currency
        if not amount:
            raise RowError(f"customer_facing_currency is {facing}, and customer_facing_amount is empty")
        return abs(_amount(amount, exponent_of(facing), "customer_facing_amount")), facing

    def _capture(self, settlement: Settlement, category: str) -> None:
        """Keep a charge until its partial capture is known: the two rows add up to one SETTLED."""
        charge = settlement.fact.processor_reference
        known = self._charges.get(charge)
        if known is not None:
            if (known.captured and category == "charge") or not known.same_currencies(settlement):
                raise RowError(f"{charge} is also charged in line {known.row.line}: two charges of one reference")
            settlement = known.joined(settlement)
        self._charges[charge] = settlement

    def _settle_charges(self) -> None:
        for charge, settlement in self._charges.items():
            if not settlement.captured:
                reason = f"the charge {charge}, a part of which this row takes back, is not in this file"
                for row in settlement.rows:
                    self._not_understood(row, reason)
                self._in_payout(settlement, is_payment=False)
            elif settlement.gross < 1:
                for row in settlement.rows:
                    self._not_understood(row, f"the charge {charge} and its reversals come to {settlement.gross}")
            else:
                self._add(settlement)

    def _add(self, settlement: Settlement) -> None:
        """Take a settlement record, if it keeps the contract."""
        try:
            fact: ProcessorSettled = check(settlement.fact)
        except BadInput as error:
            for row in settlement.rows:
                self._not_understood(row, str(error))
            self._in_payout(settlement, is_payment=False)
            return
        assert fact.fee_minor is not None
        assert fact.net_minor is not None
        if settlement.gross - fact.fee_minor != fact.net_minor:
            self._found.notes.append(
                f"line {settlement.row.line}: gross less fee is not net: net counts, as Stripe states it"
            )
        self._found.facts.append(fact)
        self._in_payout(settlement, is_payment=True)

    # Payouts

    def _in_payout(self, settlement: Settlement, *, is_payment: bool) -> None:
        fact = settlement.fact
        if fact.payout_id is not None:
            part = PayoutPart(settlement.row.cells[self._id], fact.net_minor or 0, is_payment, fact.value_date)
            self._payout_parts(fact.payout_id, fact.settlement_currency or fact.currency).lines[part.part_id] = part

    def _payout_parts(self, payout_id: str, currency: str) -> PayoutParts:
        key = payout_id, currency
        found = self._payouts.get(key)
        if found is None:
            found = self._payouts[key] = PayoutParts(self._options.processor, payout_id, currency)
        return found

    def _other(self, row: TextRow, cells: list[str], category: str, currency: str, amounts: list[int]) -> None:
        """A row that is about no payment: the payout itself, or what else is in one."""
        payout_id = self._cell(cells, self._payout)
        self._instant_of(cells[self._created], self._created_zone)  # a row without a time is not understood
        if category == "payout":
            self._stated(row, cells, payout_id or self._cell(cells, self._source), currency, amounts)
            return
        if category == "payout_reversal":
            self._reversed(row, cells, currency, amounts)
        elif category in OTHER_CATEGORIES:
            self._skip(row, f"{category}: it belongs to the payout, not to a payment")
        else:
            self._not_understood(row, f"the category {category!r} is unknown: counted as part of the payout")
        if payout_id:
            part = PayoutPart(cells[self._id], amounts[2], False, self._value_date(cells))
            self._payout_parts(payout_id, currency).lines[part.part_id] = part

    def _stated(self, row: TextRow, cells: list[str], payout_id: str, currency: str, amounts: list[int]) -> None:
        if not payout_id:
            raise RowError("it does not name its payout")
        gross, fee, net = amounts
        status = PAYOUT_STATUS.get(self._cell(cells, self._status).lower() or "paid")
        if status is None:
            self._skip(row, f"the payout is {self._cell(cells, self._status)}: it is reported once that is final")
            return
        if not net:
            self._skip(row, "a payout of nothing")
            return
        if payout_id in self._found.stated_in:
            raise RowError(f"the payout {payout_id} is also stated in line {self._found.stated_in[payout_id][0]}")
        at = self._cell(cells, self._reversed_at) if status != "PAID" else ""
        instant = self._instant_of(at or cells[self._created], self._reversed_zone if at else self._created_zone)
        arrival = self._arrival_of(cells)
        trace, trace_status = (self._cell(cells, at) for at in self._trace)
        self._payout_parts(payout_id, currency).statements.append(
            PayoutStatement(
                status=status,
                gross_minor=gross,
                fee_minor=fee,
                net_minor=net,
                at=instant,
                arrival=instant // DAY if arrival is None else arrival,
                account_id=self._options.account_id,
                bank_reference=trace if trace and trace_status in ("", "supported") else None,
            )
        )
        self._found.stated_in[payout_id] = row.line, self._text.raw(row)

    def _reversed(self, row: TextRow, cells: list[str], currency: str, amounts: list[int]) -> None:
        """A payout came back: it failed. The money is part of the payout that carries it next."""
        source = self._cell(cells, self._source)
        if not source:
            raise RowError("it does not name the payout that came back: request the report with source_id")
        gross, _, net = amounts
        at = self._instant_of(cells[self._created], self._created_zone)
        try:
            self._found.facts.append(came_back(self._options, source, currency, gross or net, at))
        except BadInput as error:
            self._not_understood(row, str(error))

    # Cells

    def _payout_of(self, row: TextRow) -> str | None:
        """The payout of a row that is not understood; None where the row is cut."""
        if self._payout is None or len(row.cells) != len(self._text.columns):
            return None
        return row.cells[self._payout]

    @staticmethod
    def _cell(cells: list[str], at: int | None) -> str:
        return "" if at is None else cells[at]

    def _value_date(self, cells: list[str]) -> Day | None:
        """The day on which the payout arrives, always in UTC: Stripe's days begin there, whatever the report's zone."""
        text = self._cell(cells, self._effective)
        return self._instant_of(text, self._effective_zone) // DAY if text else None

    def _arrival_of(self, cells: list[str]) -> Day | None:
        text = self._cell(cells, self._arrival)
        return self._instant_of(text, UTC) // DAY if text else self._value_date(cells)


_OUTCOMES: dict[str, Outcome] = {
    "charge": "SETTLED",
    "partial_capture_reversal": "SETTLED",
    "charge_failure": "RETURNED",
    "refund": "REFUNDED",
    "refund_failure": "REFUND_REVERSED",
    "dispute": "CHARGEBACK",
    "dispute_reversal": "CHARGEBACK_REVERSED",
}
_POSITIVE = frozenset({"charge", "refund_failure", "dispute_reversal"})
"""Categories whose gross is above 0; that of the others is below."""


def _amount(text: str, digits: int, column: str) -> int:
    try:
        return minor_units(text or "0", digits)
    except ValueError as error:
        raise RowError(f"{column}: {error}") from None


def _instant(text: str, zone: tzinfo) -> Micros:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise RowError(f"{text[:40]!r} is not a time such as 2026-07-03 12:00:00") from None
    return micros_of(moment if moment.tzinfo else moment.replace(tzinfo=zone))

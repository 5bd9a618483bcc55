"""The columns of each export, and what a row of the read model has in them."""

from collections.abc import Callable
from typing import Any, NamedTuple

from domain.records import LatePaymentAlert, ObligationReconciliation, PayoutReconciliation
from gateway.graphql.schema.breaks import title_of
from gateway.web.sheets import CellKind, SheetColumn, SheetRow
from read_model.rows import BreakRow, PaymentRow

SEPARATOR = "; "
"""Between several ids in a cell."""


class ExportColumns(NamedTuple):
    """The columns of an export."""

    columns: tuple[SheetColumn, ...]
    row: Callable[[Any], SheetRow]


Cells = tuple[tuple[str, CellKind, Callable[[Any], Any]], ...]


def _columns(cells: Cells) -> ExportColumns:
    values = [value for _, _, value in cells]
    return ExportColumns(
        tuple(SheetColumn(heading, kind) for heading, kind, _ in cells),
        lambda record: SheetRow(tuple(value(record) for value in values)),
    )


def _decided(field: str) -> Callable[[BreakRow], Any]:
    return lambda row: None if row.alert.decision is None else getattr(row.alert.decision, field)


def _joined(ids: Any) -> str:
    return SEPARATOR.join(ids)


BREAKS = _columns(
    (
        ("break_id", "text", lambda row: row.alert.break_id),
        ("class", "text", lambda row: str(row.alert.break_class)),
        ("title", "text", lambda row: title_of(row.alert.break_class)),
        ("priority", "count", lambda row: row.alert.priority),
        ("lifecycle", "text", lambda row: str(row.alert.lifecycle)),
        ("key_kind", "text", lambda row: row.alert.key_kind),
        ("key", "text", lambda row: row.alert.key),
        ("currency", "text", lambda row: row.alert.currency),
        ("expected", "amount", lambda row: (row.alert.expected_minor, row.alert.currency)),
        ("actual", "amount", lambda row: (row.alert.actual_minor, row.alert.currency)),
        ("drift", "amount", lambda row: (row.alert.drift_minor, row.alert.currency)),
        ("opened_at", "instant", lambda row: row.alert.opened_at),
        ("due_at", "instant", lambda row: row.alert.due_at),
        ("resolved_at", "instant", lambda row: row.alert.resolved_at),
        ("decision", "text", _decided("state")),
        ("decided_by", "text", _decided("actor")),
        ("decided_at", "instant", _decided("at")),
        ("approved_by", "text", _decided("approved_by")),
        ("assignee", "text", _decided("assignee")),
        ("until", "instant", _decided("until")),
        ("reason", "text", _decided("reason")),
        ("properties", "text", lambda row: _joined(row.property_ids)),
        ("tenants", "text", lambda row: _joined(row.tenant_ids)),
        ("events", "text", lambda row: _joined(row.alert.event_ids)),
    )
)


def _payment(field: str) -> Callable[[PaymentRow], Any]:
    return lambda row: getattr(row.payment, field)


def _initiated(field: str) -> Callable[[PaymentRow], Any]:
    return lambda row: None if row.payment.initiated is None else getattr(row.payment.initiated, field)


def _settled(field: str) -> Callable[[PaymentRow], Any]:
    return lambda row: (getattr(row.payment.settled, field), row.payment.currency)


PAYMENTS = _columns(
    (
        ("payment_id", "text", _payment("payment_id")),
        ("status", "text", _payment("status")),
        ("currency", "text", _payment("currency")),
        (
            "initiated",
            "amount",
            lambda row: row.payment.initiated and (row.payment.initiated.amount_minor, row.payment.currency),
        ),
        ("method", "text", _initiated("method")),
        ("obligation_id", "text", _initiated("obligation_id")),
        ("gross", "amount", _settled("gross_minor")),
        ("fee", "amount", _settled("fee_minor")),
        ("net", "amount", _settled("net_minor")),
        ("returned", "amount", _settled("returned_minor")),
        ("refunded", "amount", _settled("refunded_minor")),
        ("charged_back", "amount", _settled("charged_back_minor")),
        ("standing", "amount", _settled("standing_minor")),
        ("posted", "amount", lambda row: (row.payment.posted.net_minor, row.payment.currency)),
        (
            "in_flight",
            "amount",
            lambda row: (
                None if row.payment.in_flight_minor is None else (row.payment.in_flight_minor, row.payment.currency)
            ),
        ),
        ("open_breaks", "count", lambda row: len(row.payment.open_breaks)),
        ("rests_on", "instant", _payment("rests_on")),
        ("properties", "text", lambda row: _joined(row.property_ids)),
        ("tenants", "text", lambda row: _joined(row.tenant_ids)),
    )
)


def _money(field: str) -> Callable[[Any], tuple[int, str] | None]:
    def value(record: Any) -> tuple[int, str] | None:
        minor = getattr(record, field)
        return None if minor is None else (minor, record.currency)

    return value


def _plain(field: str) -> Callable[[Any], Any]:
    return lambda record: getattr(record, field)


def _open_breaks(record: ObligationReconciliation | PayoutReconciliation) -> int:
    return len(record.open_breaks)


OBLIGATIONS = _columns(
    (
        ("obligation_id", "text", _plain("obligation_id")),
        ("lease_id", "text", _plain("lease_id")),
        ("tenant_id", "text", _plain("tenant_id")),
        ("property_id", "text", _plain("property_id")),
        ("period", "text", _plain("period")),
        ("status", "text", _plain("status")),
        ("currency", "text", _plain("currency")),
        ("charged", "amount", _money("charged_minor")),
        ("adjusted", "amount", _money("adjusted_minor")),
        ("balance", "amount", _money("balance_minor")),
        ("paid", "amount", _money("paid_minor")),
        ("pending", "amount", _money("pending_minor")),
        ("posted", "amount", _money("posted_minor")),
        ("overpaid", "amount", _money("overpaid_minor")),
        ("next_due_date", "day", _plain("next_due_date")),
        ("oldest_late_due_date", "day", _plain("oldest_late_due_date")),
        ("ageing_bucket", "text", _plain("ageing_bucket")),
        ("open_breaks", "count", _open_breaks),
    )
)


def _outstanding(alert: LatePaymentAlert) -> tuple[int, str]:
    return max(0, alert.amount_due_minor - alert.paid_minor), alert.currency


LATE = _columns(
    (
        ("alert_id", "text", _plain("alert_id")),
        ("obligation_id", "text", _plain("obligation_id")),
        ("installment_id", "text", _plain("installment_id")),
        ("lease_id", "text", _plain("lease_id")),
        ("tenant_id", "text", _plain("tenant_id")),
        ("property_id", "text", _plain("property_id")),
        ("period", "text", _plain("period")),
        ("currency", "text", _plain("currency")),
        ("due_date", "day", _plain("due_date")),
        ("due", "amount", _money("amount_due_minor")),
        ("paid", "amount", _money("paid_minor")),
        ("pending", "amount", _money("pending_minor")),
        ("outstanding", "amount", _outstanding),
        ("stage", "text", _plain("stage")),
        ("lifecycle", "text", _plain("lifecycle")),
        ("opened_at", "instant", _plain("opened_at")),
        ("ended_at", "instant", _plain("ended_at")),
    )
)


def _remainder(payout: PayoutReconciliation) -> tuple[int, str] | None:
    if payout.amount_minor is None:
        return None
    return payout.amount_minor - payout.lines_minor - payout.other_minor, payout.currency


PAYOUTS = _columns(
    (
        ("processor", "text", _plain("processor")),
        ("payout_id", "text", _plain("payout_id")),
        ("status", "text", _plain("status")),
        ("currency", "text", _plain("currency")),
        ("amount", "amount", _money("amount_minor")),
        ("lines", "count", _plain("lines")),
        ("unknown_lines", "count", _plain("unknown_lines")),
        ("lines_total", "amount", _money("lines_minor")),
        ("other", "amount", _money("other_minor")),
        ("remainder", "amount", _remainder),
        ("deposited", "amount", _money("deposited_minor")),
        ("arrival_date", "day", _plain("arrival_date")),
        ("bank_entries", "text", lambda payout: _joined(f"{one.account_id}/{one.entry_id}" for one in payout.entries)),
        ("open_breaks", "count", _open_breaks),
    )
)

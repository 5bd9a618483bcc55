"""Rows of Stripe's reports with made-up content, as CSV."""

from decimal import Decimal

from connectors.formats import format_of
from connectors.model import Found

COLUMNS = (
    "balance_transaction_id", "created_utc", "currency", "gross", "fee", "net", "reporting_category", "source_id",
    "charge_id", "payment_method_type", "automatic_payout_id", "automatic_payout_effective_at_utc",
    "customer_facing_amount", "customer_facing_currency", "payment_metadata[rent]", "dispute_reason", "description",
)  # fmt: skip

DEFAULTS = {
    "created_utc": "2026-07-02 10:00:00",
    "currency": "usd",
    "fee": "0",
    "automatic_payout_id": "po_1",
    "automatic_payout_effective_at_utc": "2026-07-06 00:00:00",
}


def row(
    transaction: str, category: str, gross: str, fee: str = "0", net: str | None = None, **more: str
) -> dict[str, str]:
    """One balance transaction; the net is gross less fee unless it is given."""
    if net is None:
        net = str(Decimal(gross) - Decimal(fee))
    given = {name.replace("payment_metadata_rent", "payment_metadata[rent]"): value for name, value in more.items()}
    own = {
        "balance_transaction_id": transaction, "reporting_category": category, "gross": gross, "fee": fee, "net": net,
    }  # fmt: skip
    return {**DEFAULTS, **own, **given}


def charge(number: int, gross: str, fee: str = "0", **more: str) -> dict[str, str]:
    """A charge that settled."""
    given = {"source_id": f"ch_{number}", "charge_id": f"ch_{number}", "payment_method_type": "card"} | more
    return row(f"txn_{number}", "charge", gross, fee, **given)


def report(*rows: dict[str, str], columns: tuple[str, ...] = COLUMNS) -> bytes:
    """The file."""
    lines = [",".join(columns)]
    lines += [",".join(_quoted(one.get(name, "")) for name in columns) for one in rows]
    return ("\n".join(lines) + "\n").encode()


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if set(cell) & set(',"\n') else cell


def found_in(content: bytes, **options: object) -> Found:
    """What `stripe-payouts` finds."""
    format_ = format_of("stripe-payouts")
    return format_.read(content, format_.options_from(options))


MONTH = (
    charge(1, "850.00", "6.80", payment_metadata_rent="P-1"),
    charge(2, "1200", "8.00", payment_method_type="us_bank_account"),
    charge(3, "40.5", "1.47", description='rent, "July"\nflat 3'),
    row("txn_4", "refund", "-10.00", source_id="re_4", charge_id="ch_1", payment_method_type="card"),
    row("txn_5", "dispute", "-40.50", "15.00", source_id="du_5", charge_id="ch_3", payment_method_type="card"),
    row("txn_6", "fee", "-2.00", description="Radar"),
    row("txn_7", "dispute_reversal", "40.50", source_id="du_5", charge_id="ch_3", automatic_payout_id=""),
    row("txn_8", "payout", "-2007.23", source_id="po_1", automatic_payout_id="po_1"),
)
"""A payout with everything usual in it; its nets come to 2007.23."""

"""Rows of Adyen's settlement detail report with made-up content, as CSV."""

from connectors.formats import format_of
from connectors.model import Found

COLUMNS = (
    "Company Account", "Merchant Account", "Psp Reference", "Merchant Reference", "Payment Method", "Creation Date",
    "TimeZone", "Type", "Modification Reference", "Gross Currency", "Gross Debit (GC)", "Gross Credit (GC)",
    "Exchange Rate", "Net Currency", "Net Debit (NC)", "Net Credit (NC)", "Commission (NC)", "Markup (NC)",
    "Scheme Fees (NC)", "Interchange (NC)", "Payment Method Variant", "Modification Merchant Reference", "Batch Number",
    "Reserved4", "Reserved5",
)  # fmt: skip
LATER = (*COLUMNS[:21], *COLUMNS[22:23], "Booking Date", "Booking Date TimeZone", "Payment Fees (NC)", COLUMNS[21])
"""Columns added and moved, as other reports have them."""

DEFAULTS = {
    "Company Account": "OurCompany", "Merchant Account": "OurRent", "Creation Date": "2026-07-02 10:00:00",
    "TimeZone": "CEST", "Net Currency": "EUR", "Batch Number": "3",
}  # fmt: skip

Cells = dict[str, str]


def payment(kind: str, psp: str, own: str, gross: str, net: str, method: str = "visa", **more: str) -> Cells:
    """A row about a payment; a minus is a debit. Names in `more` have underscores for blanks."""
    side = {f"Gross {_side(gross)} (GC)": gross.lstrip("-"), f"Net {_side(net)} (NC)": net.lstrip("-")}
    own_cells = {
        "Type": kind, "Psp Reference": psp, "Modification Reference": own, "Payment Method": method,
        "Gross Currency": "EUR", "Modification Merchant Reference": "<auto>",
    }  # fmt: skip
    return {**DEFAULTS, **own_cells, **side, **_named(more)}


def other(kind: str, net: str, own: str = "", **more: str) -> Cells:
    """A row about no payment."""
    return {
        **DEFAULTS,
        "Type": kind,
        "Modification Reference": own,
        f"Net {_side(net)} (NC)": net.lstrip("-"),
        **_named(more),
    }


def _side(amount: str) -> str:
    return "Debit" if amount.startswith("-") else "Credit"


def _named(more: dict[str, str]) -> Cells:
    spelled = {name.replace("_", " "): value for name, value in more.items()}
    fees = {"Commission", "Markup", "Scheme Fees", "Interchange", "Payment Fees"}
    return {f"{name} (NC)" if name in fees else name: value for name, value in spelled.items()}


def report(*rows: Cells, columns: tuple[str, ...] = COLUMNS) -> str:
    """The file."""
    lines = [",".join(columns)]
    lines += [",".join(_quoted(row.get(name, "")) for name in columns) for row in rows]
    return "\n".join(lines) + "\n"


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if set(cell) & set(',"\n') else cell


def found_in(content: str | bytes, **options: object) -> Found:
    """What `adyen-settlement` finds."""
    format_ = format_of("adyen-settlement")
    return format_.read(content.encode() if isinstance(content, str) else content, format_.options_from(options))


PAYOUT = other("MerchantPayout", "-1020.06", "TX88XT batch 3, OurRent", Creation_Date="2026-07-06 21:29:37")
MONTH = (
    payment("Settled", "PSP1", "CAP1", "850", "843.2", Commission="6.8", Merchant_Reference="P-1"),
    payment("Settled", "PSP2", "CAP2", "300.00", "299.29", Markup=".11", Scheme_Fees="0.1", Interchange="0.5"),
    payment("Refunded", "PSP1", "REF1", "-40", "-40.2", Commission=".2"),
    payment("Chargeback", "PSP2", "DIS2", "-100.00", "-103.00", Commission="3"),
    payment("ChargebackReversed", "PSP2", "DIS2B", "52", "51.89", Commission="0.11"),
    payment("Settled", "PSP3", "PSP3", "0.10", "-0.02", method="ideal", Commission="0.12"),
    other("Fee", "-31.10", "Transaction Fees July 2026"),
    PAYOUT,
)
"""A batch with everything usual in it."""

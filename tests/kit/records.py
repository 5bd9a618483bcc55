"""Records in JSON that the tests of the command line send."""

import json
from typing import Any


def initiated(payment_id: str = "P-1", **changes: Any) -> dict[str, Any]:
    return {
        "type": "PaymentInitiated",
        "event_id": f"e-{payment_id}",
        "occurred_at": "2026-07-01T15:00:00.000000Z",
        "payment_id": payment_id,
        "tenant_id": "T-1",
        "property_id": "H-1",
        "obligation_id": "O-1",
        "installment_id": None,
        "amount_minor": 85_000,
        "currency": "USD",
        "method": "ACH_DEBIT",
        "processor": "acme",
        "processor_reference": None,
        "allocations": None,
    } | changes


def lines(*records: dict[str, Any]) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)

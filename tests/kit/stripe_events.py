"""Stripe's events with made-up content, and their signatures."""

import hmac
import json
from hashlib import sha256
from typing import Any

SECRET = "whsec_made_up_for_tests"
NOW_S = 1_783_000_000
"""2026-07-02, 13:46:40 UTC."""


def event(kind: str, obj: dict[str, Any], created: int = NOW_S) -> bytes:
    """An event about an object."""
    return json.dumps(
        {"id": "evt_1", "object": "event", "type": kind, "created": created, "data": {"object": obj}}
    ).encode()


def a_charge(**more: Any) -> dict[str, Any]:
    """A card charge of USD 850.00 that is captured."""
    return {
        "id": "ch_1", "object": "charge", "amount": 85_000, "amount_captured": 85_000, "captured": True,
        "currency": "usd", "created": NOW_S - 5, "metadata": {"rent": "P-1"}, "failure_code": None,
        "payment_method_details": {"type": "card"},
    } | more  # fmt: skip


def a_refund(**more: Any) -> dict[str, Any]:
    """A refund of USD 10.00."""
    return {
        "id": "re_4", "object": "refund", "amount": 1_000, "currency": "usd", "charge": "ch_1", "created": NOW_S,
        "status": "succeeded", "metadata": {}, "balance_transaction": "txn_4",
    } | more  # fmt: skip


def a_dispute(*movements: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A dispute of USD 850.00 with its balance transactions."""
    return {
        "id": "du_5", "object": "dispute", "amount": 85_000, "currency": "usd", "charge": "ch_1", "created": NOW_S,
        "reason": "fraudulent", "status": "needs_response", "metadata": {}, "balance_transactions": list(movements),
        "payment_method_details": {"type": "card", "card": {"network_reason_code": "10.4"}},
    } | more  # fmt: skip


def a_movement(transaction: str, amount: int, fee: int, **more: Any) -> dict[str, Any]:
    """A balance transaction of a dispute."""
    return {
        "id": transaction, "object": "balance_transaction", "amount": amount, "fee": fee, "net": amount - fee,
        "currency": "usd", "created": NOW_S,
    } | more  # fmt: skip


def signature(payload: bytes, secret: str = SECRET, at: int = NOW_S) -> str:
    """The header of a request, as Stripe makes it."""
    made = hmac.new(secret.encode(), b"%d." % at + payload, sha256).hexdigest()
    return f"t={at},v1={made}"

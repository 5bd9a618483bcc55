"""A mapping of a small ledger, changes of its rows, and what the facts about it add up to."""

import itertools
from collections import Counter
from collections.abc import Iterable
from typing import Any

from connectors.ledger.changes import Change, RowOperation
from connectors.ledger.mapping import LedgerMapping, parse_mapping
from domain.facts import ObligationAdjusted, ObligationCharged, PaymentPosted, PostingReversed
from domain.time import DAY

NOW = 20_636 * DAY
"""2026-07-02."""

MAPPING = """
name = "main"

[defaults]
currency = "USD"
time_zone = "America/New_York"
grace_days = 5

[debezium]
topic_prefix = "shop"

[[table]]
table = "public.charge"
record = "ObligationCharged"
occurred_at = "charged_at"
[table.fields]
obligation_id = { text = "{lease}/{period}" }
lease_id = "lease"
tenant_id = "tenant"
property_id = "property"
period = "period"
amount = "amount"
due_date = "due"
installments = { column = "plan", fields = { installment_id = "id", amount = "amount", due_date = "due" } }

[[table]]
table = "public.posting"
record = "PaymentPosted"
when.kind = ["payment"]
unless.status = ["void"]
occurred_at = "posted_at"
[table.fields]
posting_id = "id"
payment_id = "payment"
obligation_id = "charge"
amount = "amount"

[[table]]
table = "public.posting"
record = "PostingReversed"
when.kind = ["reversal"]
unless.status = ["void"]
occurred_at = "posted_at"
[table.fields]
reversal_id = "id"
posting_id = "reverses"
payment_id = "payment"
obligation_id = "charge"
amount = { column = "amount", negate = true }
reason = "note"

[[table]]
table = "public.adjustment"
record = "ObligationAdjusted"
[table.fields]
adjustment_id = "id"
obligation_id = "charge"
amount_delta = "amount"
reason = "note"
kind = { column = "kind", values = { rent = "RENT", late = "FEE" } }
due_date = "due"

[[table]]
table = "public.plan"
record = "PlanChanged"
[table.fields]
obligation_id = "charge"
installments = "parts"

[[table]]
table = "public.cancellation"
record = "ObligationCancelled"
[table.fields]
obligation_id = "charge"
cancellation_id = "id"
reason = "note"

[[table]]
table = "public.reinstatement"
record = "ObligationReinstated"
[table.fields]
obligation_id = "charge"
reinstatement_id = "id"
reason = "note"
"""


def ledger_mapping(text: str = MAPPING) -> LedgerMapping:
    return parse_mapping(text)


class Ledger:
    """Makes changes, each at a place of its own in the log."""

    def __init__(self) -> None:
        self._places = itertools.count(100)

    def written(self, table: str, row: dict[str, Any], *, at: int = NOW) -> Change:
        return self._change(table, row, RowOperation.WRITTEN, at)

    def read(self, table: str, row: dict[str, Any], *, at: int = NOW) -> Change:
        return self._change(table, row, RowOperation.READ, at)

    def deleted(self, table: str, row_id: object, *, at: int = NOW) -> Change:
        return self._change(table, {"id": row_id}, RowOperation.DELETED, at)

    def _change(self, table: str, row: dict[str, Any], operation: RowOperation, at: int) -> Change:
        after = None if operation is RowOperation.DELETED else row
        return Change(f"public.{table}", {"id": row["id"]}, operation, after, f"lsn={next(self._places)}", at)


def posting(number: int, amount: str = "100.00", **others: Any) -> dict[str, Any]:
    row = {"id": number, "kind": "payment", "payment": f"P{number}", "charge": "O1", "amount": amount}
    return row | {"reverses": None, "status": "posted", "note": None, "posted_at": "2026-07-01T09:00:00Z"} | others


def reversal(number: int, of: int, amount: str = "-100.00", **others: Any) -> dict[str, Any]:
    return posting(number, amount, kind="reversal", reverses=of, payment=f"P{of}", **others)


def adjustment(number: int, amount: str, **others: Any) -> dict[str, Any]:
    return {"id": number, "charge": "O1", "amount": amount, "note": "x", "kind": "rent", "due": None} | others


def charge(number: int = 1, amount: str = "900.00", **others: Any) -> dict[str, Any]:
    row = {"id": number, "lease": "L1", "period": "2026-07", "tenant": "T1", "property": "B1", "amount": amount}
    return row | {"due": "2026-07-01", "plan": None, "charged_at": "2026-06-20T00:00:00Z"} | others


def posted_by_payment(facts: Iterable[object]) -> dict[str, int]:
    """What is posted of each payment as the contract counts it (section 4); identity alone tells facts apart."""
    postings = {fact.posting_id: fact for fact in facts if isinstance(fact, PaymentPosted)}
    reversals = {fact.reversal_id: fact for fact in facts if isinstance(fact, PostingReversed)}
    taken = Counter[str]()
    for each in reversals.values():
        taken[each.posting_id] += each.amount_minor
    posted = Counter[str]()
    for one in postings.values():
        posted[one.payment_id] += one.amount_minor - taken[one.posting_id]
    return {payment: amount for payment, amount in posted.items() if amount}


def reversed_too_often(facts: Iterable[object]) -> set[str]:
    """Postings that are reversed above their amount, or reversed and unknown."""
    postings = {fact.posting_id: fact.amount_minor for fact in facts if isinstance(fact, PaymentPosted)}
    taken = Counter[str]()
    reversals = {fact.reversal_id: fact for fact in facts if isinstance(fact, PostingReversed)}
    for each in reversals.values():
        taken[each.posting_id] += each.amount_minor
    return {posting_id for posting_id, amount in taken.items() if amount > postings.get(posting_id, 0)}


def charged(facts: Iterable[object]) -> int:
    """Charges and adjustments, by identity."""
    charges = {fact.obligation_id: fact.amount_minor for fact in facts if isinstance(fact, ObligationCharged)}
    deltas = {fact.adjustment_id: fact.amount_delta_minor for fact in facts if isinstance(fact, ObligationAdjusted)}
    return sum(charges.values()) + sum(deltas.values())

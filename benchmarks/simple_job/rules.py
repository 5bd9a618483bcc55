"""The job's rules, the same as the Kafka Streams program's: what an event changes, over states that JSON can hold.

A state is changed in place. Amounts are integer minor units, instants UTC microseconds.
"""

from typing import Any, TypedDict

Fields = dict[str, Any]
"""Of an input or an output, as its schema says."""

NEVER = 1 << 62
"""Orders payments whose initiation is not known after all others."""

BACK = {"RETURNED": 1, "REFUNDED": 1, "CHARGEBACK": 1, "CHARGEBACK_REVERSED": -1}
"""Settlements that take money back, and the one that gives it again."""

INITIATION = (
    "occurred_at", "tenant_id", "property_id", "obligation_id", "installment_id", "amount_minor", "currency",
)  # fmt: skip
"""What a state keeps of an initiation."""

SETTLEMENT = (
    "processor", "processor_reference", "outcome", "gross_minor", "fee_minor", "net_minor", "currency",
)  # fmt: skip
"""What a state keeps of a settlement."""

DUPLICATE, AMOUNT = "duplicate_settlement", "settlement_amount_mismatch"


class PostedAmount(TypedDict):
    """A posting, or with a negative amount its reversal."""

    id: str
    obligation_id: str
    amount_minor: int
    currency: str


class SentAlert(TypedDict):
    """The alert that was sent last and is not resolved."""

    break_class: str
    gross_minor: int


class JoinedPayment(TypedDict):
    """A payment's state."""

    version: int
    rests_on: int
    """The latest instant of the events."""
    seen: list[str]
    """The ids of the events."""
    initiated: Fields | None
    settlements: list[Fields]
    postings: list[PostedAmount]
    alert: SentAlert | None


class PaymentShare(TypedDict):
    """What an obligation keeps of a payment's newest snapshot."""

    version: int
    initiated_at: int
    installment_id: str | None
    paid_minor: int
    pending_minor: int
    posted_minor: int
    currency: str


class JoinedObligation(TypedDict):
    """An obligation's state."""

    version: int
    rests_on: int
    charge: Fields | None
    payments: dict[str, PaymentShare]


def new_payment() -> JoinedPayment:
    """The state before the first event."""
    return JoinedPayment(version=0, rests_on=0, seen=[], initiated=None, settlements=[], postings=[], alert=None)


def apply_to_payment(state: JoinedPayment, name: str, fact: Fields) -> bool:
    """Take in a fact. Returns False, with nothing changed, if the event is known."""
    if fact["event_id"] in state["seen"]:
        return False
    state["seen"].append(fact["event_id"])
    state["version"] += 1
    state["rests_on"] = max(state["rests_on"], fact["occurred_at"])
    match name:
        case "PaymentInitiated":
            if state["initiated"] is None:
                state["initiated"] = {field: fact[field] for field in INITIATION}
        case "ProcessorSettled":
            if all(_identity(known) != _identity(fact) for known in state["settlements"]):
                state["settlements"].append({field: fact[field] for field in SETTLEMENT})
        case "PaymentPosted":
            _post(state, fact["posting_id"], fact["amount_minor"], fact)
        case "PostingReversed":
            _post(state, fact["reversal_id"], -fact["amount_minor"], fact)
    return True


def _identity(settlement: Fields) -> tuple[str, str, str]:
    return settlement["processor"], settlement["processor_reference"], settlement["outcome"]


def _post(state: JoinedPayment, posting_id: str, amount_minor: int, fact: Fields) -> None:
    if all(known["id"] != posting_id for known in state["postings"]):
        state["postings"].append(
            PostedAmount(
                id=posting_id,
                obligation_id=fact["obligation_id"],
                amount_minor=amount_minor,
                currency=fact["currency"],
            )
        )


def payment_view(state: JoinedPayment, payment_id: str) -> Fields:
    """The payment's reconciliation."""
    first, settlements, postings = state["initiated"], state["settlements"], state["postings"]
    settled = [each for each in settlements if each["outcome"] == "SETTLED"]
    gross = sum(each["gross_minor"] for each in settled)
    returned = sum(BACK.get(each["outcome"], 0) * each["gross_minor"] for each in settlements)
    posted = sum(each["amount_minor"] for each in postings)
    amount = first["amount_minor"] if first else 0
    broken = None
    if first and settled and gross != amount:
        broken = DUPLICATE if len(settled) > 1 else AMOUNT
    if broken:
        status = "exception"
    elif returned > 0 and returned >= gross and posted == 0:
        status = "returned"
    elif first and amount == gross == posted and returned == 0:
        status = "reconciled"
    elif settled:
        status = "settled"
    else:
        status = "failed" if settlements else "initiated"
    known: Fields = first or {}
    return {
        "payment_id": payment_id,
        "version": state["version"],
        "rests_on": state["rests_on"],
        "obligation_id": first["obligation_id"] if first else postings[0]["obligation_id"] if postings else None,
        "installment_id": known.get("installment_id"),
        "tenant_id": known.get("tenant_id"),
        "property_id": known.get("property_id"),
        "currency": (first or (settlements[0] if settlements else postings[0]))["currency"],
        "initiated_at": known.get("occurred_at"),
        "initiated_minor": amount,
        "settled_gross_minor": gross,
        "settled_fee_minor": sum(each["fee_minor"] for each in settled),
        "settled_net_minor": sum(each["net_minor"] for each in settled),
        "returned_minor": returned,
        "posted_minor": posted,
        "paid_minor": max(0, gross - returned),
        "pending_minor": 0 if settlements else amount,
        "status": status,
        "open_break": broken,
    }


def payment_alert(state: JoinedPayment, view: Fields) -> Fields | None:
    """The alert to send if the break differs from the one sent last; the state then holds this one."""
    sent = state["alert"]
    broken: str | None = view["open_break"]
    gross: int = view["settled_gross_minor"]
    now = SentAlert(break_class=broken, gross_minor=gross) if broken else None
    named = now or sent
    if now == sent or named is None:
        return None
    state["alert"] = now
    return {
        "break_id": view["payment_id"] + ":settlement",
        "class": named["break_class"],
        "priority": 1 if named["break_class"] == DUPLICATE else 2,
        "lifecycle": "resolved" if now is None else "opened" if sent is None else "updated",
        "payment_id": view["payment_id"],
        "expected_minor": view["initiated_minor"],
        "actual_minor": gross,
        "drift_minor": gross - view["initiated_minor"],
        "currency": view["currency"],
        "occurred_at": view["rests_on"],
    }


def new_obligation() -> JoinedObligation:
    """The state before the first event."""
    return JoinedObligation(version=0, rests_on=0, charge=None, payments={})


def apply_to_obligation(state: JoinedObligation, name: str, fact: Fields) -> bool:
    """Take in a charge or a payment's reconciliation. Returns False if nothing changed."""
    if name == "ObligationCharged":
        if state["charge"] is not None:
            return False
        state["charge"] = fact
        at = fact["occurred_at"]
    else:
        known = state["payments"].get(fact["payment_id"])
        if known and known["version"] >= fact["version"]:
            return False
        state["payments"][fact["payment_id"]] = PaymentShare(
            version=fact["version"],
            initiated_at=NEVER if fact["initiated_at"] is None else fact["initiated_at"],
            installment_id=fact["installment_id"],
            paid_minor=fact["paid_minor"],
            pending_minor=fact["pending_minor"],
            posted_minor=fact["posted_minor"],
            currency=fact["currency"],
        )
        at = fact["rests_on"]
    state["version"] += 1
    state["rests_on"] = max(state["rests_on"], at)
    return True


def obligation_view(state: JoinedObligation, obligation_id: str) -> Fields:
    """The obligation's reconciliation: a payment fills the installment that it names, then the oldest ones."""
    charge, payments = state["charge"], state["payments"]
    plan = [_cover(row) for row in _rows(charge, obligation_id)] if charge else []
    by_id = {row["installment_id"]: row for row in plan}
    left: list[tuple[str, int]] = []
    over = 0
    for payment_id, share in sorted(payments.items(), key=lambda item: (item[1]["initiated_at"], item[0])):
        named = by_id.get(share["installment_id"])
        money = share["paid_minor"]
        left.append((payment_id, money - (_fill(named, payment_id, money) if named else 0)))
    for payment_id, money in left:
        rest = money
        for row in plan:
            rest -= _fill(row, payment_id, rest)
        over += rest
    paid = sum(share["paid_minor"] for share in payments.values())
    balance = charge["amount_minor"] if charge else 0
    if not charge or not paid:
        status = "open"
    else:
        status = "paid" if paid == balance else "overpaid" if paid > balance else "partially_paid"
    known: Fields = charge or {}
    return {
        "obligation_id": obligation_id,
        "version": state["version"],
        "rests_on": state["rests_on"],
        "lease_id": known.get("lease_id"),
        "tenant_id": known.get("tenant_id"),
        "property_id": known.get("property_id"),
        "period": known.get("period"),
        "currency": charge["currency"] if charge else next(iter(payments.values()))["currency"],
        "charged_minor": balance,
        "balance_minor": balance,
        "paid_minor": paid,
        "pending_minor": sum(share["pending_minor"] for share in payments.values()),
        "posted_minor": sum(share["posted_minor"] for share in payments.values()),
        "overpaid_minor": over,
        "status": status,
        "installments": plan,
    }


def _rows(charge: Fields, obligation_id: str) -> list[Fields]:
    """The plan's rows by due date; one of the whole charge if there is no plan."""
    whole = {
        "installment_id": obligation_id,
        "sequence": 0,
        "amount_minor": charge["amount_minor"],
        "due_date": charge["due_date"],
    }
    return sorted(charge["installments"] or [whole], key=lambda row: (row["due_date"], row["sequence"]))


def _cover(row: Fields) -> Fields:
    return {
        "installment_id": row["installment_id"],
        "due_date": row["due_date"],
        "amount_minor": row["amount_minor"],
        "allocated_minor": 0,
        "allocations": [],
    }


def _fill(row: Fields, payment_id: str, money: int) -> int:
    """Give an installment what fits of a payment's money; how much that is."""
    part: int = min(money, row["amount_minor"] - row["allocated_minor"])
    if part <= 0:
        return 0
    row["allocated_minor"] += part
    row["allocations"].append({"payment_id": payment_id, "amount_minor": part})
    return part

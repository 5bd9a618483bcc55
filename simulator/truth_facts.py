"""The known facts of a key: the accepted record of each identity, and contradictions (contract section 3)."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec

from domain.facts import (
    Fact,
    InputFact,
    Installment,
    ObligationAdjusted,
    ObligationCancelled,
    ObligationCharged,
    PaymentInitiated,
    PaymentPosted,
    PlanChanged,
    PostingReversed,
    ProcessorSettled,
)
from domain.time import Micros

Row = dict[str, Any]
"""A record as plain values: the contract's field names, instants as microseconds, days as days since 1970-01-01."""

Identity = tuple[str, ...]
"""The record type, then the parts that distinguish it from others under the same key."""

# What of a record is money or routing: two records of one identity that differ here contradict each other. The list
# is the contract's own, to the letter ("dates" takes in the value date); parts of the identity cannot differ.
MATERIAL: dict[type[Fact], tuple[str, ...]] = {
    PaymentInitiated: (
        "tenant_id",
        "property_id",
        "obligation_id",
        "installment_id",
        "amount_minor",
        "currency",
        "method",
        "processor",
    ),
    ProcessorSettled: ("gross_minor", "fee_minor", "net_minor", "currency", "value_date"),
    PaymentPosted: ("obligation_id", "installment_id", "amount_minor", "currency"),
    PostingReversed: ("obligation_id", "amount_minor", "currency"),
    ObligationCharged: (
        "lease_id",
        "tenant_id",
        "property_id",
        "amount_minor",
        "currency",
        "due_date",
        "time_zone",
        "installments",
    ),
    PlanChanged: ("installments",),
    ObligationAdjusted: ("amount_delta_minor", "currency"),
    ObligationCancelled: (),
}

PRIORITIES = {
    "posting_without_settlement": 1,
    "duplicate_settlement": 1,
    "over_reversed": 1,
    "settlement_amount_mismatch": 2,
    "settlement_missing": 3,
    "reversed_after_posting": 1,
    "duplicate_posting": 1,
    "posting_amount_mismatch": 2,
    "posting_missing": 3,
    "currency_mismatch": 2,
    "unkeyed_movement": 1,
    "obligation_mismatch": 3,
    "fee_variance": 2,
    "conflicting_fact": 3,
    "obligation_unknown": 3,
    "installment_unknown": 3,
    "plan_sum_mismatch": 3,
    "overpayment": 3,
}
NO_CURRENCY = "XXX"


def made_id(*parts: str) -> str:
    """Return the id the service makes of these parts: 32 hex digits of SHA-256 over netstrings (contract section 1)."""
    digest = sha256()
    for part in parts:
        text = part.encode()
        digest.update(b"%d:%s," % (len(text), text))
    return digest.hexdigest()[:32]


def identity_of(fact: InputFact) -> Identity:
    """Return what distinguishes this record from others of its key."""
    match fact:
        case ProcessorSettled():
            return ("ProcessorSettled", fact.processor, fact.processor_reference, fact.outcome)
        case PaymentPosted():
            return ("PaymentPosted", fact.posting_id)
        case PostingReversed():
            return ("PostingReversed", fact.reversal_id)
        case PlanChanged():
            return ("PlanChanged", str(fact.plan_version))
        case ObligationAdjusted():
            return ("ObligationAdjusted", fact.adjustment_id)
        case PaymentInitiated() | ObligationCharged() | ObligationCancelled():
            return (type(fact).__name__,)


def canonical(fact: InputFact) -> bytes:
    """Return the content of a record in one fixed form: compact JSON with sorted names. Only ever breaks ties."""
    content = msgspec.structs.asdict(fact)
    if isinstance(fact, ObligationCharged | PlanChanged):
        content["installments"] = [msgspec.structs.asdict(part) for part in in_order(fact.installments)]
    return msgspec.json.encode(content, order="sorted")


def in_order(installments: Iterable[Installment]) -> list[Installment]:
    """Return the installments by (due_date, sequence, installment_id): the order of a list says nothing."""
    return sorted(installments, key=lambda part: (part.due_date, part.sequence, part.installment_id))


def material(fact: InputFact) -> tuple[object, ...]:
    """Return the material terms of the record: money and routing."""
    values = (getattr(fact, name) for name in MATERIAL[type(fact)])
    return tuple(tuple(in_order(value)) if isinstance(value, tuple) else value for value in values)


def first_of(facts: Iterable[InputFact]) -> InputFact:
    """Return the accepted record: the first by occurred_at, event_id, canonical content."""
    facts = list(facts)
    stamp = min((fact.occurred_at, fact.event_id) for fact in facts)
    tied = [fact for fact in facts if (fact.occurred_at, fact.event_id) == stamp]
    return tied[0] if len(tied) == 1 else min(tied, key=canonical)


@dataclass(frozen=True, slots=True)
class Known:
    """Everything known of one payment or of one obligation."""

    key: str
    held: tuple[InputFact, ...]
    """The accepted record of each identity."""
    contradicted: tuple[InputFact, ...]
    """Those of `held` that another record of their identity contradicts in money or routing."""
    reused_event_ids: tuple[str, ...]
    """Event ids that were used for more than one identity of this key."""

    @property
    def rests_on(self) -> Micros:
        """The latest `occurred_at` among the accepted records."""
        return max(fact.occurred_at for fact in self.held)


def known_of(key: str, facts: Iterable[InputFact]) -> Known:
    """Merge records of one key, in any order and with any repetitions."""
    by_identity: dict[Identity, list[InputFact]] = {}
    used_for: dict[str, set[Identity]] = {}
    for fact in facts:
        identity = identity_of(fact)
        by_identity.setdefault(identity, []).append(fact)
        used_for.setdefault(fact.event_id, set()).add(identity)
    held = []
    contradicted = []
    for group in by_identity.values():
        holds = group[0] if len(group) == 1 else first_of(group)
        held.append(holds)
        if len(group) > 1 and len({material(fact) for fact in group}) > 1:
            contradicted.append(holds)
    reused = sorted(event_id for event_id, identities in used_for.items() if len(identities) > 1)
    return Known(key, tuple(held), tuple(contradicted), tuple(reused))


Finding = tuple[str, int, int, str]
"""A break class, the expected and the actual amount, and their currency."""


def break_row(key_kind: str, key: str, subject: tuple[str, ...], finding: Finding, due_at: Micros | None = None) -> Row:
    """Return an open break as a row (contract section 7)."""
    break_class, expected_minor, actual_minor, currency = finding
    return {
        "break_id": made_id("break", key_kind, key, *subject),
        "class": break_class,
        "priority": PRIORITIES[break_class],
        "key_kind": key_kind,
        "key": key,
        "subject": list(subject),
        "expected_minor": expected_minor,
        "actual_minor": actual_minor,
        "drift_minor": actual_minor - expected_minor,
        "currency": currency,
        "due_at": due_at,
    }


def conflict_rows(key_kind: str, known: Known, currency: str) -> list[Row]:
    """Return the conflicting facts of a key, whose currency is `currency`."""
    rows = [
        break_row(key_kind, known.key, ("fact", *identity_of(fact)), ("conflicting_fact", 0, 0, currency))
        for fact in known.contradicted
    ]
    rows += [
        break_row(key_kind, known.key, ("event", event_id), ("conflicting_fact", 0, 0, NO_CURRENCY))
        for event_id in known.reused_event_ids
    ]
    return rows

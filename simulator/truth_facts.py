"""The known facts of a key: the record of each identity that holds, and what contradicts it (contract section 3)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec

from domain.facts import (
    BankEntryBooked,
    BreakDecided,
    EntryMatched,
    Fact,
    InputFact,
    Installment,
    ObligationAdjusted,
    ObligationCancelled,
    ObligationCharged,
    ObligationReinstated,
    PaymentInitiated,
    PaymentPosted,
    PaymentReassigned,
    PayoutReported,
    PlanChanged,
    PostingReversed,
    ProcessorSettled,
    ReferenceAssigned,
)
from domain.time import Micros
from simulator.truth_filling import filled_in

Row = dict[str, Any]
"""A record as plain values: the contract's field names, instants as microseconds, days as days since 1970-01-01."""

Identity = tuple[str, ...]
"""The record type, then the parts that distinguish it from others under the same key."""

# What of a record is money or routing: two records of one identity that both give such a field and differ in it
# contradict each other. The list is the contract's own, to the letter; parts of the identity cannot differ.
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
        "allocations",
    ),
    PaymentReassigned: ("allocations",),
    ProcessorSettled: (
        "gross_minor",
        "fee_minor",
        "net_minor",
        "currency",
        "settlement_currency",
        "value_date",
        "original_reference",
        "payout_id",
    ),
    PaymentPosted: ("obligation_id", "installment_id", "amount_minor", "currency"),
    PostingReversed: ("obligation_id", "posting_id", "amount_minor", "currency"),
    ObligationCharged: (
        "lease_id",
        "tenant_id",
        "property_id",
        "period",
        "amount_minor",
        "currency",
        "due_date",
        "time_zone",
        "grace_days",
        "grace_ends_on",
        "installments",
    ),
    PlanChanged: ("installments",),
    ObligationAdjusted: ("amount_delta_minor", "currency", "installment_id", "due_date", "kind"),
    ObligationCancelled: (),
    ObligationReinstated: (),
    PayoutReported: ("amount_minor", "other_minor", "currency", "arrival_date", "account_id"),
    BankEntryBooked: ("amount_minor", "currency", "booking_date", "value_date", "processor", "payout_id"),
    # References, matches and decisions know no conflicts.
    EntryMatched: (),
    ReferenceAssigned: (),
    BreakDecided: (),
}

PRIORITIES = {
    "posting_without_settlement": 1,
    "duplicate_settlement": 1,
    "over_reversed": 1,
    "settlement_amount_mismatch": 2,
    "settlement_missing": 3,
    "posting_over_reversed": 1,
    "reversed_after_posting": 1,
    "duplicate_posting": 1,
    "posting_amount_mismatch": 2,
    "posting_missing": 3,
    "currency_mismatch": 2,
    "reversal_excess": 2,
    "chargeback_excess": 2,
    "reversal_unmatched": 3,
    "unkeyed_movement": 1,
    "obligation_mismatch": 3,
    "posting_misallocated": 2,
    "fee_variance": 2,
    "conflicting_fact": 3,
    "obligation_unknown": 3,
    "installment_unknown": 3,
    "property_mismatch": 3,
    "plan_sum_mismatch": 3,
    "overpayment": 3,
    "reference_unknown": 1,
    "reference_claimed_twice": 1,
    "payout_sum_mismatch": 2,
    "payout_unreported": 3,
    "deposit_missing": 1,
    "deposit_amount_mismatch": 1,
    "deposit_after_failure": 1,
    "bank_entry_unexplained": 2,
}
NO_CURRENCY = "XXX"


def made_id(*parts: str) -> str:
    """Return the id the service makes of these parts: 32 hex digits of SHA-256 over netstrings (contract section 1)."""
    digest = sha256()
    for part in parts:
        text = part.encode()
        digest.update(b"%d:%s," % (len(text), text))
    return digest.hexdigest()[:32]


def two_parts(first: str, second: str) -> str:
    """Return a key of two parts (contract section 1)."""
    return first.replace("%", "%25").replace("/", "%2F") + "/" + second


def identity_of(fact: InputFact) -> Identity:
    """Return what distinguishes this record from others of its key."""
    match fact:
        case ProcessorSettled():
            parts = ("ProcessorSettled", fact.processor, fact.processor_reference, fact.outcome)
            return (*parts, fact.movement_id) if fact.movement_id else parts
        case PaymentPosted():
            return ("PaymentPosted", fact.posting_id)
        case PostingReversed():
            return ("PostingReversed", fact.reversal_id)
        case PaymentReassigned():
            return ("PaymentReassigned", str(fact.assignment_version))
        case PlanChanged():
            return ("PlanChanged", str(fact.plan_version))
        case ObligationAdjusted():
            return ("ObligationAdjusted", fact.adjustment_id)
        case ObligationCancelled():
            return ("ObligationCancelled", fact.cancellation_id) if fact.cancellation_id else ("ObligationCancelled",)
        case ObligationReinstated():
            return ("ObligationReinstated", fact.reinstatement_id)
        case BreakDecided():
            return ("BreakDecided", fact.decision_id)
        case PayoutReported():
            return ("PayoutReported", fact.status)
        case PaymentInitiated() | ObligationCharged() | ReferenceAssigned() | BankEntryBooked() | EntryMatched():
            return (type(fact).__name__,)


def identity_at_payout(fact: InputFact) -> Identity:
    """Return the identity at a payout: all of its lines are of one processor."""
    if isinstance(fact, ProcessorSettled):
        parts = ("ProcessorSettled", fact.processor_reference, fact.outcome)
        return (*parts, fact.movement_id) if fact.movement_id else parts
    return identity_of(fact)


def canonical(fact: InputFact) -> bytes:
    """Return the content of a record in one fixed form: compact JSON with sorted names. Only ever breaks ties."""
    content = msgspec.structs.asdict(fact)
    if isinstance(fact, ObligationCharged | PlanChanged):
        content["installments"] = [msgspec.structs.asdict(part) for part in in_order(fact.installments)]
    if isinstance(fact, PaymentInitiated | PaymentReassigned) and fact.allocations is not None:
        content["allocations"] = [msgspec.structs.asdict(part) for part in fact.allocations]
    if isinstance(fact, BreakDecided):
        content["class"] = content.pop("break_class")
    return msgspec.json.encode(content, order="sorted")


def in_order(installments: Iterable[Installment]) -> list[Installment]:
    """Return the installments by (due_date, sequence, installment_id): the order of a list says nothing."""
    return sorted(installments, key=lambda part: (part.due_date, part.sequence, part.installment_id))


def material(fact: InputFact) -> dict[str, object]:
    """Return the money and the routing that the record gives; what it leaves null is left out."""
    given: dict[str, object] = {}
    for name in MATERIAL[type(fact)]:
        value = getattr(fact, name)
        if name == "installments":
            parts = in_order(value)
            given[name] = [(part.installment_id, part.sequence, part.amount_minor, part.due_date) for part in parts]
            for part in parts:
                if part.grace_ends_on is not None:
                    given[f"grace_ends_on of {part.installment_id}"] = part.grace_ends_on
        elif value is not None:
            given[name] = value
    return given


def material_at_payout(fact: InputFact) -> dict[str, object]:
    """Return the money and the routing as a payout sees it: the payment of a line is routing, too."""
    given = material(fact)
    if isinstance(fact, ProcessorSettled) and fact.payment_id is not None:
        given["payment_id"] = fact.payment_id
    return given


def differ(one: dict[str, object], other: dict[str, object]) -> bool:
    """Return whether two records both give a field of money or routing and differ in it."""
    return any(other[name] != value for name, value in one.items() if name in other)


def by_stamp(facts: Iterable[InputFact]) -> list[InputFact]:
    """Return records in the order that decides which one holds: occurred_at, event_id, canonical content."""
    return sorted(facts, key=lambda fact: (fact.occurred_at, fact.event_id, canonical(fact)))


def first_of(facts: Iterable[InputFact]) -> InputFact:
    """Return the first record by occurred_at, event_id, canonical content."""
    facts = list(facts)
    stamp = min((fact.occurred_at, fact.event_id) for fact in facts)
    tied = [fact for fact in facts if (fact.occurred_at, fact.event_id) == stamp]
    return tied[0] if len(tied) == 1 else min(tied, key=canonical)


@dataclass(frozen=True, slots=True)
class Known:
    """Everything known of one payment or of one obligation."""

    key: str
    held: tuple[InputFact, ...]
    """The record of each identity that holds, filled in."""
    tellings: dict[Identity, list[InputFact]]
    """All records of an identity of which there is more than one, in the order that decides which one holds."""
    contradicted: tuple[tuple[InputFact, tuple[str, ...]], ...]
    """Those of `held` of which records differ in money or routing, with the events of the records that differ."""
    reused_event_ids: tuple[str, ...]
    """Event ids that were used for more than one identity of this key."""

    @property
    def rests_on(self) -> Micros:
        """The latest `occurred_at` among the records that hold."""
        return max(fact.occurred_at for fact in self.held)


def known_of(
    key: str,
    facts: Iterable[InputFact],
    identity_of: Callable[[InputFact], Identity] = identity_of,
    material: Callable[[InputFact], dict[str, object]] = material,
) -> Known:
    """Merge records of one key, in any order and with any repetitions."""
    by_identity: dict[Identity, list[InputFact]] = {}
    used_for: dict[str, set[Identity]] = {}
    for fact in facts:
        identity = identity_of(fact)
        by_identity.setdefault(identity, []).append(fact)
        used_for.setdefault(fact.event_id, set()).add(identity)
    held = []
    tellings = {}
    contradicted = []
    for identity, told in by_identity.items():
        if len(told) == 1:
            held.append(told[0])
            continue
        group = by_stamp(told)
        tellings[identity] = group
        given = [material(fact) for fact in group]
        agreeing = [fact for fact, fields in zip(group, given, strict=True) if not differ(given[0], fields)]
        held.append(filled_in(group[0], agreeing))
        differing = differing_events(group, given)
        if differing:
            contradicted.append((held[-1], differing))
    reused = sorted(event_id for event_id, identities in used_for.items() if len(identities) > 1)
    return Known(key, tuple(held), tellings, tuple(contradicted), tuple(reused))


def differing_events(group: list[InputFact], given: list[dict[str, object]]) -> tuple[str, ...]:
    """Return the events of the records that differ: of each content the first record, so that repeats add none."""
    first_with: list[int] = []
    for number, fields in enumerate(given):
        if all(given[earlier] != fields for earlier in first_with):
            first_with.append(number)
    return tuple(
        group[number].event_id
        for number in first_with
        if any(differ(given[number], given[other]) for other in first_with if other != number)
    )

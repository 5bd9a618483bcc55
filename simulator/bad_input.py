"""Records that must become dead letters: undecodable bytes, and facts that break a rule (contract section 2)."""

from collections.abc import Callable
from random import Random

import msgspec

from domain.facts import (
    Allocation,
    BankEntryBooked,
    BreakDecided,
    EntryMatched,
    InputFact,
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
from simulator.bad_rules import NEW_RULES, changed
from simulator.deliver import Delivery

UNKNOWN_FINGERPRINT = b"\xc3\x01" + b"\x0d\xea\xdb\xee\xf0\x0d\xca\xfe"
UNKNOWN_SCHEMA_ID = b"\x00" + (2_000_000_000).to_bytes(4, "big")


def no_event_id(fact: InputFact) -> InputFact | None:
    """Leave the event without an id."""
    return changed(fact, event_id="")


def no_key_id(fact: InputFact) -> InputFact | None:
    """Leave the payment, the obligation or the key of the break without an id."""
    match fact:
        case PaymentInitiated() | PaymentReassigned() | ReferenceAssigned():
            return changed(fact, payment_id="")
        case ProcessorSettled() | PaymentPosted() | PostingReversed():
            return changed(fact, payment_id="")
        case ObligationCharged() | PlanChanged() | ObligationAdjusted():
            return changed(fact, obligation_id="")
        case ObligationCancelled() | ObligationReinstated():
            return changed(fact, obligation_id="")
        case PayoutReported():
            return changed(fact, payout_id="")
        case BankEntryBooked() | EntryMatched():
            return changed(fact, account_id="")
        case BreakDecided():
            return changed(fact, key="")


def unknown_currency(fact: InputFact) -> InputFact | None:
    """Name a currency that ISO 4217 does not know."""
    return changed(fact, currency="QQQ") if hasattr(fact, "currency") else None


def lower_case_currency(fact: InputFact) -> InputFact | None:
    """Write the currency in lower case."""
    return changed(fact, currency="usd") if hasattr(fact, "currency") else None


def unknown_zone(fact: InputFact) -> InputFact | None:
    """Name a time zone that IANA does not know."""
    return changed(fact, time_zone="America/Atlantis") if isinstance(fact, ObligationCharged) else None


def wrong_amount(fact: InputFact) -> InputFact | None:
    """Break the rule for the record's amount."""
    match fact:
        case PaymentInitiated() | PaymentPosted() | PostingReversed():
            return changed(fact, amount_minor=0)
        case PaymentReassigned():
            first = fact.allocations[0]
            return changed(fact, allocations=(Allocation(first.obligation_id, first.installment_id, 0),))
        case ProcessorSettled(outcome="FAILED"):
            return changed(fact, gross_minor=-1)
        case ProcessorSettled():
            return changed(fact, gross_minor=0)
        case ObligationCharged():
            return changed(fact, amount_minor=-1)
        case ObligationAdjusted():
            return changed(fact, amount_delta_minor=0)
        case PayoutReported() | BankEntryBooked():
            return changed(fact, amount_minor=0)
        case PlanChanged() | ObligationCancelled() | ObligationReinstated() | ReferenceAssigned() | BreakDecided():
            return None
        case EntryMatched():
            return None


def negative_amount(fact: InputFact) -> InputFact | None:
    """Make an amount negative that may not be."""
    match fact:
        case PaymentInitiated() | PaymentPosted() | PostingReversed():
            return changed(fact, amount_minor=-fact.amount_minor)
        case ProcessorSettled():
            return changed(fact, gross_minor=-1 - fact.gross_minor)
        case ObligationCharged():
            return changed(fact, grace_days=-1)
        case PlanChanged() | ObligationAdjusted() | ObligationCancelled() | ObligationReinstated():
            return None
        case PaymentReassigned() | ReferenceAssigned() | BreakDecided():
            return None
        case PayoutReported() | BankEntryBooked() | EntryMatched():
            return None  # money may be taken from us


def installment_twice(fact: InputFact) -> InputFact | None:
    """Name two installments alike."""
    if isinstance(fact, ObligationCharged | PlanChanged) and fact.installments:
        return changed(fact, installments=(*fact.installments, fact.installments[0]))
    return None


def installment_of_nothing(fact: InputFact) -> InputFact | None:
    """Plan an installment of 0."""
    if isinstance(fact, ObligationCharged | PlanChanged) and fact.installments:
        nothing = msgspec.structs.replace(fact.installments[0], amount_minor=0)
        return changed(fact, installments=(nothing, *fact.installments[1:]))
    return None


def plan_version_zero(fact: InputFact) -> InputFact | None:
    """Give a changed plan the number of the charge's own."""
    return changed(fact, plan_version=0) if isinstance(fact, PlanChanged) else None


BROKEN_RULES: dict[str, Callable[[InputFact], InputFact | None]] = {
    "no_event_id": no_event_id,
    "no_key_id": no_key_id,
    "unknown_currency": unknown_currency,
    "lower_case_currency": lower_case_currency,
    "unknown_zone": unknown_zone,
    "wrong_amount": wrong_amount,
    "negative_amount": negative_amount,
    "installment_twice": installment_twice,
    "installment_of_nothing": installment_of_nothing,
    "plan_version_zero": plan_version_zero,
    **NEW_RULES,
}
"""A change that makes a good fact break one rule, or None where that rule is not about such a fact."""

BROKEN_BYTES: dict[str, Callable[[Random], bytes]] = {
    "empty": lambda rng: b"",
    "text": lambda rng: b'{"payment_id": "P-%d"}' % rng.randrange(10**6),
    # The first byte is neither framing's.
    "noise": lambda rng: bytes([rng.randrange(1, 0xC3)]) + rng.randbytes(rng.randrange(1, 60)),
    "unknown_fingerprint": lambda rng: UNKNOWN_FINGERPRINT + rng.randbytes(40),
    "unknown_schema_id": lambda rng: UNKNOWN_SCHEMA_ID + rng.randbytes(40),
    "half_a_header": lambda rng: b"\xc3\x01\x07",
}
KINDS = ("truncated", "trailing", *BROKEN_RULES, *BROKEN_BYTES)
"""Every kind of bad input, as `Delivery.fault` names it."""


def spoiled(rng: Random, host: Delivery, kind: str) -> Delivery | None:
    """Return a bad record in the likeness of a good one, right beside it; None where the kind does not fit it."""
    arrives_at = host.arrives_at
    if kind in BROKEN_BYTES:
        return Delivery(host.topic, host.key, arrives_at, raw=BROKEN_BYTES[kind](rng), fault=kind)
    assert host.fact is not None
    if kind == "truncated":
        return Delivery(host.topic, host.key, arrives_at, host.fact, damage="truncated", fault=kind)
    if kind == "trailing":
        return Delivery(host.topic, host.key, arrives_at, host.fact, damage="trailing", fault=kind)
    fact = BROKEN_RULES[kind](host.fact)
    return None if fact is None else Delivery(host.topic, host.key, arrives_at, fact, fault=kind)


def bad_input(rng: Random, hosts: list[Delivery], count: int) -> list[Delivery]:
    """Return `count` bad records, the kinds in turn, each in the likeness of a random good one that fits.

    Raises:
        ValueError: bad input is wanted but there is nothing to liken it to.

    """
    if count and not hosts:
        raise ValueError("bad input needs good input to look like")
    by_type: dict[type[object], list[Delivery]] = {}
    for host in hosts:
        by_type.setdefault(type(host.fact), []).append(host)
    kinds_of_host = list(by_type)
    bad: list[Delivery] = []
    turn = 0
    while len(bad) < count:
        kind = KINDS[turn % len(KINDS)]
        turn += 1
        # A rule about one rare record may find no host at all in a small scenario: after some tries its turn passes.
        for _ in range(2_000):
            # Most rules are about one type of record, and the rare types would hardly be found among all records.
            among = hosts if kind in BROKEN_BYTES else by_type[rng.choice(kinds_of_host)]
            delivery = spoiled(rng, rng.choice(among), kind)
            if delivery is not None:
                bad.append(delivery)
                break
    return bad

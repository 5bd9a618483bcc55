"""Payments whose processor names its own reference and not the payment (contract section 10)."""

import msgspec

from domain.facts import ReferenceAssigned
from domain.time import DAY, HOUR, MINUTE, Micros
from simulator.leases import PROCESSORS
from simulator.payments import Intent, PaymentCase, PaymentScript, by


def reference_of(intent: Intent) -> str:
    """Return the reference of the payment's first attempt."""
    return f"{intent.payment_id}-1"


def reference_key(intent: Intent) -> str:
    """Return the key of that reference. No processor of the simulator has a sign in its name that needs an escape."""
    return f"{PROCESSORS[intent.method]}/{reference_of(intent)}"


def twin_of(intent: Intent) -> Intent:
    """Return another payment of the same tenant for the same thing."""
    return msgspec.structs.replace(intent, payment_id=f"{intent.payment_id}-twin")


def assign(script: PaymentScript, intent: Intent, after: Micros, payment_id: str | None = None) -> Micros:
    """Record that a person gave the reference to the payment, or to another one; returns when."""
    at = after + script.recording.between(1 * HOUR, 3 * DAY)
    script.recording.record(
        ReferenceAssigned(
            event_id=script.recording.event_id(),
            occurred_at=at,
            payment_id=payment_id or intent.payment_id,
            processor=PROCESSORS[intent.method],
            processor_reference=reference_of(intent),
            actor="treasury",
        )
    )
    return at


def claimed_by_initiation(script: PaymentScript, intent: Intent) -> None:
    """The initiation gives the reference; no settlement record gives the payment."""
    script.initiate(intent, processor_reference=reference_of(intent))
    at = script.settles_at(intent)
    script.outcome(intent, "SETTLED", at, payment_id=None)
    script.post(intent, at)


def claimed_by_settlement(script: PaymentScript, intent: Intent) -> None:
    """The settlement names its payment, the refund after it only the reference."""
    intent = by(intent, "INSTANT")
    script.initiate(intent)
    at = script.settle(intent)
    posting = script.post(intent, at)
    part = max(1, intent.amount_minor // 4)
    refunded = script.comes_back(
        intent,
        "REFUNDED",
        at,
        gross=part,
        payment_id=None,
        processor_reference=f"{intent.payment_id}-re",
        original_reference=reference_of(intent),
    )
    script.reverse(posting, refunded, amount=part)


def claimed_by_a_person(script: PaymentScript, intent: Intent) -> None:
    """Nothing gives the reference until a person finds out whose it is."""
    script.initiate(intent, processor_reference=None)
    at = script.settles_at(intent)
    script.outcome(intent, "SETTLED", at, payment_id=None)
    assign(script, intent, at)
    script.post(intent, at)


def claimed_by_the_wrong_one_first(script: PaymentScript, intent: Intent) -> None:
    """A person gives the reference to the wrong payment, and then to the right one."""
    script.initiate(intent, processor_reference=None)
    at = script.settles_at(intent)
    script.outcome(intent, "SETTLED", at, payment_id=None)
    wrong = assign(script, intent, at, twin_of(intent).payment_id)
    assign(script, intent, wrong + HOUR)
    script.post(intent, at)


def named_later(script: PaymentScript, intent: Intent) -> None:
    """The settlement is told without a payment first and with it later: one record, filled in."""
    script.initiate(intent, processor_reference=None)
    at = script.settles_at(intent)
    first = script.outcome(intent, "SETTLED", at, payment_id=None)
    again = at + script.recording.between(10 * MINUTE, 2 * DAY)
    event_id = script.recording.event_id()
    script.recording.record(
        msgspec.structs.replace(first, event_id=event_id, occurred_at=again, payment_id=intent.payment_id)
    )
    script.post(intent, at)


def reference_unknown(script: PaymentScript, intent: Intent) -> None:
    """Nobody ever claims the reference: the money is in suspense, and the payment is missing it."""
    script.initiate(intent, processor_reference=None)
    script.outcome(intent, "SETTLED", script.settles_at(intent), payment_id=None)
    script.recording.inject("reference_unknown", reference_key(intent))
    script.recording.inject("settlement_missing", intent.payment_id)


def reference_claimed_twice(script: PaymentScript, intent: Intent) -> None:
    """Two initiations give one reference. The first one arrives days after the other, and the money moves to it."""
    late = script.recording.between(2 * DAY, 6 * DAY)
    script.initiate(intent, arrives_later=late, processor_reference=reference_of(intent))
    twin = twin_of(intent)
    after = intent.at + script.recording.between(1 * MINUTE, 2 * HOUR)
    script.initiate(twin, occurred_at=after, processor_reference=reference_of(intent))
    at = script.settles_at(intent)
    script.outcome(intent, "SETTLED", at, payment_id=None)
    script.post(intent, at)
    script.recording.inject("reference_claimed_twice", reference_key(intent))
    script.recording.inject("settlement_missing", twin.payment_id)


def settled_for_two(script: PaymentScript, intent: Intent) -> None:
    """One settlement is reported for two payments: its money counts twice."""
    at, _ = script.settle_and_post(intent)
    twin = twin_of(intent)
    script.outcome(twin, "SETTLED", at + MINUTE, processor_reference=reference_of(intent))
    script.recording.inject("reference_claimed_twice", reference_key(intent))
    script.recording.inject("unkeyed_movement", twin.payment_id)


HARMLESS_REFERENCES: dict[str, PaymentCase] = {
    "claimed_by_initiation": claimed_by_initiation,
    "claimed_by_settlement": claimed_by_settlement,
    "claimed_by_a_person": claimed_by_a_person,
    "claimed_by_the_wrong_one_first": claimed_by_the_wrong_one_first,
    "named_later": named_later,
}
BROKEN_REFERENCES: dict[str, PaymentCase] = {
    "reference_unknown": reference_unknown,
    "reference_claimed_twice": reference_claimed_twice,
    "settled_for_two": settled_for_two,
}
"""Cases that end in a break, each noted as injected."""

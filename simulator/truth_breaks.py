"""Breaks as rows, and the contradictions that every key knows (contract sections 3 and 7)."""

from collections.abc import Iterable, Iterator

from domain.facts import (
    InputFact,
    ObligationCancelled,
    ObligationCharged,
    ObligationReinstated,
    Outcome,
    ProcessorSettled,
)
from domain.time import Micros
from simulator.truth_facts import NO_CURRENCY, PRIORITIES, Known, Row, identity_of, made_id
from simulator.truth_settlements import attempt_key

Finding = tuple[str, int, int, str]
"""A break class, the expected and the actual amount, and their currency."""

ATTEMPT_OUTCOMES: frozenset[Outcome] = frozenset(("SETTLED", "FAILED", "RETURNED", "RETURN_REVERSED"))
OPPOSITES: dict[Outcome, Outcome] = {
    "CHARGEBACK": "CHARGEBACK_REVERSED",
    "CHARGEBACK_REVERSED": "CHARGEBACK",
    "REFUNDED": "REFUND_REVERSED",
    "REFUND_REVERSED": "REFUNDED",
}


def break_row(
    key_kind: str,
    key: str,
    subject: tuple[str, ...],
    finding: Finding,
    events: Iterable[str],
    due_at: Micros | None = None,
) -> Row:
    """Return a break whose condition holds as a row (contract section 7). `events` are those that it rests on."""
    break_class, expected_minor, actual_minor, currency = finding
    event_ids = sorted(set(events))
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
        "event_ids": event_ids,
        "evidence": made_id("evidence", break_class, *event_ids),
        "decision": None,
        "candidates": [],
    }


def conflict_rows(key_kind: str, known: Known, currency: str) -> list[Row]:
    """Return the conflicting facts of a key, whose currency is `currency`."""
    events: dict[tuple[str, ...], set[str]] = {}
    for fact, differing in known.contradicted:
        events.setdefault(identity_of(fact), set()).update(differing)
    for fact, opposites in told_again(known, currency):
        events.setdefault(identity_of(fact), set()).update(
            (fact.event_id, *(opposite.event_id for opposite in opposites))
        )
    rows = [
        break_row(key_kind, known.key, ("fact", *identity), ("conflicting_fact", 0, 0, currency), event_ids)
        for identity, event_ids in events.items()
    ]
    rows += [
        break_row(key_kind, known.key, ("event", event_id), ("conflicting_fact", 0, 0, NO_CURRENCY), (event_id,))
        for event_id in known.reused_event_ids
    ]
    return rows


def told_again(known: Known, currency: str) -> Iterator[tuple[InputFact, list[InputFact]]]:
    """Give each fact that was told again after its opposite, with these opposites (contract section 3)."""
    for fact in known.held:
        group = known.tellings.get(identity_of(fact))
        if group is None:
            continue
        first, last = group[0].occurred_at, group[-1].occurred_at
        opposites = [
            other for other in known.held if first < other.occurred_at <= last and are_opposite(fact, other, currency)
        ]
        if opposites:
            yield fact, opposites


def are_opposite(fact: InputFact, other: InputFact, currency: str) -> bool:
    """Return whether the other fact undoes, or may undo, what this one says."""
    match fact, other:
        case ProcessorSettled(), ProcessorSettled():
            if fact.currency != currency or other.currency != currency:
                # What is in another currency takes part in nothing.
                return False
            if fact.outcome in ATTEMPT_OUTCOMES:
                another = other.outcome in ATTEMPT_OUTCOMES and other.outcome != fact.outcome
                return another and attempt_key(fact) == attempt_key(other)
            one_reference = (fact.processor, fact.processor_reference) == (other.processor, other.processor_reference)
            return one_reference and other.outcome == OPPOSITES[fact.outcome]
        case ObligationCharged(), ObligationCancelled():
            return True
        case ObligationCancelled(), ObligationReinstated():
            return True
    return False

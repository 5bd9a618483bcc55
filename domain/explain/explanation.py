"""The story of a break for the people who work it: what came, what is missing, and what would resolve it.

    explain(state, one, now, policy)         -> Explanation
    find(state, break_id, now, policy)       -> Break | None
    as_json(explanation)                     -> dict, ready for a JSON encoder

`state` is the key's (`PaymentState` or `ObligationState`), `one` the break: as `find` gives it, as last published
(`published.breaks[break_id].last`), or made of an alert by `break_of`. A resolved break is explained, too, with
`resolved_at`: it has no resolutions.

An obligation knows of payments only what they count for: it does not know what processors and ledger said of them.
Where that matters, `look_at` names the payment.
"""

from typing import Any

import msgspec

from domain.breaks.model import PRIORITY, Break
from domain.explain.corrective_events import corrective_event_as_json
from domain.explain.descriptions import break_description
from domain.explain.remedies import Remedy, remedies_of
from domain.explain.timeline import (
    Deadline,
    TimelineEntry,
    deadlines_of,
    property_of,
    related_payment_ids_of,
    timeline_of,
)
from domain.formatting import amount_text
from domain.obligations import view as obligation
from domain.obligations.view import ObligationState
from domain.payments import view as payment
from domain.payments.view import PaymentState
from domain.policy import Policy
from domain.records import BreakClass, MismatchAlert
from domain.time import DAY, FIRST_DAY, LAST_DAY, Micros, rfc3339

__all__ = ["Explanation", "as_json", "break_of", "explain", "find"]


class Explanation(msgspec.Struct, frozen=True):
    """A break told to people. Money is minor units of `currency`, instants are microseconds since 1970."""

    break_id: str
    key_kind: str
    """`payment` or `obligation`."""
    key: str
    subject: tuple[str, ...]
    break_class: BreakClass
    """Named `class` in JSON."""
    priority: int
    """1 is the most pressing."""
    title: str
    """The break in plain words."""
    expected_minor: int
    actual_minor: int
    drift_minor: int
    currency: str
    property_id: str | None
    """The property whose rent it is, where an initiation or a charge tells."""
    due_at: Micros | None
    """The deadline whose passing opened it; None where it opens at once."""
    opened_at: Micros | None
    """When rentmatch told of it first; None where the caller does not know."""
    resolved_at: Micros | None
    timeline: tuple[TimelineEntry, ...]
    """What is known of the key, in the order of time."""
    deadlines: tuple[Deadline, ...]
    """Those that bear on the break, passed or not."""
    expected: str
    """What was expected, by when."""
    missing: str
    """What is missing or contradicts."""
    contract: str
    """Where docs/contract.md has the rule, and the rule."""
    remedies: tuple[Remedy, ...]
    """Each alone makes the break go away, and has been tried on the state. Empty where it stays, or is resolved."""
    is_permanent: bool
    """It stays open as a record, whatever comes."""
    advice: str
    """What people do, in a sentence or two."""
    related_payment_ids: tuple[str, ...]
    """The ids of payments whose own story tells more; empty for a payment's break."""


def find(state: PaymentState | ObligationState, break_id: str, now: Micros, policy: Policy) -> Break | None:
    """Find an open break of a key at an instant; None where it is not open."""
    view = payment.view(state, now, policy) if isinstance(state, PaymentState) else obligation.view(state, now, policy)
    return next((one for one in view.breaks if one.break_id == break_id), None)


def break_of(alert: MismatchAlert) -> Break:
    """Give the break that an alert tells of."""
    return Break(
        alert.break_id,
        alert.subject,
        alert.break_class,
        alert.expected_minor,
        alert.actual_minor,
        alert.currency,
        alert.due_at,
        alert.event_ids,
    )


def explain(
    state: PaymentState | ObligationState,
    one: Break,
    now: Micros,
    policy: Policy,
    *,
    opened_at: Micros | None = None,
    resolved_at: Micros | None = None,
) -> Explanation:
    """Tell the story of a break.

    Args:
        state: the key that the break is of, with all that is known now. It is not changed.
        one: the break.
        now: the instant to look from, microseconds since 1970.
        policy: the deadlines.
        opened_at: when it was told first, where that is known.
        resolved_at: when it was told to be resolved; None while it is open.

    """
    description = break_description(state, one, policy)
    remedies = () if resolved_at is not None else remedies_of(state, one, now, policy)
    return Explanation(
        one.break_id,
        "payment" if isinstance(state, PaymentState) else "obligation",
        state.payment_id if isinstance(state, PaymentState) else state.obligation_id,
        one.subject,
        one.break_class,
        PRIORITY[one.break_class],
        description.title,
        one.expected_minor,
        one.actual_minor,
        one.actual_minor - one.expected_minor,
        one.currency,
        property_of(state),
        one.due_at,
        opened_at,
        resolved_at,
        timeline_of(state, one, now, policy, opened_at=opened_at, resolved_at=resolved_at),
        deadlines_of(state, one, now, policy),
        description.expected,
        description.missing,
        description.contract,
        remedies,
        one.break_class is BreakClass.CONFLICTING_FACT,
        description.advice,
        related_payment_ids_of(state, one),
    )


def as_json(explanation: Explanation) -> dict[str, Any]:
    """Give an explanation as JSON has it: the contract's names, instants and days as ISO text, money as minor units.

    Beside each amount of the break stands its text (`expected_text` and so on), with the currency's own decimals.
    """
    one = explanation
    return {
        "type": "Explanation",
        "break_id": one.break_id,
        "key_kind": one.key_kind,
        "key": one.key,
        "subject": list(one.subject),
        "class": str(one.break_class),
        "priority": one.priority,
        "title": one.title,
        "expected_minor": one.expected_minor,
        "expected_text": amount_text(one.expected_minor, one.currency),
        "actual_minor": one.actual_minor,
        "actual_text": amount_text(one.actual_minor, one.currency),
        "drift_minor": one.drift_minor,
        "drift_text": amount_text(one.drift_minor, one.currency),
        "currency": one.currency,
        "property_id": one.property_id,
        "due_at": _instant(one.due_at),
        "opened_at": _instant(one.opened_at),
        "resolved_at": _instant(one.resolved_at),
        "story": [
            {
                "at": _instant(entry.at),
                "source": entry.source,
                "text": entry.text,
                "event_id": entry.event_id,
                "also_told_by": list(entry.duplicate_event_ids),
                "conflicting": entry.conflicting,
                "rests": entry.is_evidence,
            }
            for entry in one.timeline
        ],
        "deadlines": [{"at": _instant(each.at), "what": each.what, "passed": each.passed} for each in one.deadlines],
        "expected": one.expected,
        "missing": one.missing,
        "contract": one.contract,
        "resolutions": [
            {
                "what": each.what,
                "by": each.by,
                "events": [corrective_event_as_json(event, _instant) for event in each.events],
                "then": [{"class": str(name), "due_at": _instant(due_at)} for name, due_at in each.consequences],
            }
            for each in one.remedies
        ],
        "stays": one.is_permanent,
        "advice": one.advice,
        "look_at": list(one.related_payment_ids),
    }


def _instant(at: Micros | None) -> str | None:
    """An instant in RFC 3339 with microseconds; None also for what lies beyond the calendar, and never comes."""
    if at is None or not FIRST_DAY * DAY <= at < (LAST_DAY + 1) * DAY:
        return None
    return rfc3339(at)

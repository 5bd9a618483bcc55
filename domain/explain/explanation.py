"""A break explained to the people who work it: what happened, what is missing, and what would resolve it.

    explain(state, mismatch, now, policy)    -> Explanation
    find(state, break_id, now, policy)       -> Break | None
    as_json(explanation)                     -> dict, ready for a JSON encoder

`state` is the key's (`PaymentState`, `ObligationState`, `ReferenceState`, `PayoutState` or `BankEntryState`),
`mismatch` the break: as `find` gives it, as last published (`published.breaks[break_id].last`), or made of an alert by
`break_of`. A resolved break is explained, too, with `resolved_at`: it has no remedies.

An obligation knows of payments only what they count for, not what processors and ledger reported of them, and a
reference knows only who claims it. Where that matters, `related_payment_ids` names the payments.
"""

from typing import Any

import msgspec

from domain.breaks.catalogue import CATALOGUE, KeyKind
from domain.breaks.model import Break
from domain.explain.context import State, context_of
from domain.explain.corrective_events import CorrectiveEvent
from domain.explain.deadlines import ExplainedDeadline, deadlines_of
from domain.explain.decided import DecisionTaken, decision_as_json, decisions_on
from domain.explain.descriptions import BreakDescription, describe
from domain.explain.remedies import Remedy, candidates_of, remedies_of
from domain.explain.timeline import TimelineEntry, property_of, related_payment_ids, timeline_of
from domain.explain.trial import breaks_of
from domain.formatting import amount_text
from domain.ids import evidence_of
from domain.policy import Policy
from domain.records import DecisionOnBreak, MismatchAlert
from domain.time import DAY, FIRST_DAY, LAST_DAY, Micros, iso_date, rfc3339

__all__ = ["Explanation", "State", "as_json", "break_of", "explain", "find"]


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """A break explained. Money is minor units of the break's currency, instants are microseconds since 1970."""

    key_kind: KeyKind
    key: str
    mismatch: Break
    priority: int
    """1 is the most urgent."""
    is_permanent: bool
    """No event resolves it: it stays open until people accept it."""
    property_id: str | None
    """The property whose rent it is, where an initiation or a charge says so."""
    opened_at: Micros | None
    """When rentmatch first published it; None where the caller does not know."""
    resolved_at: Micros | None
    description: BreakDescription
    timeline: tuple[TimelineEntry, ...]
    """What is known of the key, in the order of time."""
    deadlines: tuple[ExplainedDeadline, ...]
    """Those that bear on the break, passed or not."""
    remedies: tuple[Remedy, ...]
    """Each alone resolves the break, and has been tried on the state. Empty if it is permanent, or resolved."""
    decisions: tuple[DecisionTaken, ...]
    """What people decided about it, the earliest first."""
    related_payment_ids: tuple[str, ...]
    """The payments whose own timelines say more; empty for a payment's break."""


def find(state: State, break_id: str, now: Micros, policy: Policy) -> Break | None:
    """Find a break of a key whose condition holds at an instant, be it accepted; None where it does not."""
    return next((one for one in breaks_of(state, now, policy) if one.break_id == break_id), None)


def break_of(alert: MismatchAlert) -> Break:
    """Give the break that an alert is about."""
    return Break(
        break_id=alert.break_id,
        subject=alert.subject,
        break_class=alert.break_class,
        expected_minor=alert.expected_minor,
        actual_minor=alert.actual_minor,
        currency=alert.currency,
        due_at=alert.due_at,
        event_ids=alert.event_ids,
        decision=alert.decision,
        candidates=alert.candidates,
    )


def explain(
    state: State,
    mismatch: Break,
    now: Micros,
    policy: Policy,
    *,
    opened_at: Micros | None = None,
    resolved_at: Micros | None = None,
) -> Explanation:
    """Explain a break.

    Args:
        state: the key that the break is of, with all that is known now. It is not changed.
        mismatch: the break.
        now: the instant to look from, microseconds since 1970.
        policy: the deadlines.
        opened_at: when it was first published, where that is known.
        resolved_at: when it was published as resolved; None while it is open.

    """
    context = context_of(state, mismatch, now, policy)
    deadlines = deadlines_of(context, now)
    candidates = candidates_of(context) if resolved_at is None else []
    row = CATALOGUE[mismatch.break_class]
    return Explanation(
        key_kind=context.key_kind,
        key=context.key,
        mismatch=mismatch,
        priority=row.priority,
        is_permanent=row.is_permanent or (resolved_at is None and not candidates),
        property_id=property_of(state),
        opened_at=opened_at,
        resolved_at=resolved_at,
        description=describe(context),
        timeline=timeline_of(context, deadlines, opened_at=opened_at, resolved_at=resolved_at),
        deadlines=deadlines,
        remedies=remedies_of(context, candidates, now),
        decisions=decisions_on(state.decisions, mismatch),
        related_payment_ids=related_payment_ids(context),
    )


def as_json(explanation: Explanation) -> dict[str, Any]:
    """Give an explanation as JSON has it: the contract's names, instants and days as ISO text, money as minor units.

    Beside each amount of the break is its text (`expected_text` and so on), with the currency's own decimals. The names
    are those of the API, whatever the attributes here are called.
    """
    mismatch, description = explanation.mismatch, explanation.description
    currency = mismatch.currency
    difference = mismatch.actual_minor - mismatch.expected_minor
    return {
        "type": "Explanation",
        "break_id": mismatch.break_id,
        "key_kind": explanation.key_kind,
        "key": explanation.key,
        "subject": list(mismatch.subject),
        "class": str(mismatch.break_class),
        "priority": explanation.priority,
        "title": description.title,
        "expected_minor": mismatch.expected_minor,
        "expected_text": amount_text(mismatch.expected_minor, currency),
        "actual_minor": mismatch.actual_minor,
        "actual_text": amount_text(mismatch.actual_minor, currency),
        "drift_minor": difference,
        "drift_text": amount_text(difference, currency),
        "currency": currency,
        "evidence": evidence_of(mismatch.break_class, mismatch.event_ids),
        "decision": _decision_as_json(mismatch.decision),
        "decisions": [decision_as_json(each) for each in explanation.decisions],
        "candidates": list(mismatch.candidates),
        "property_id": explanation.property_id,
        "due_at": _instant(mismatch.due_at),
        "opened_at": _instant(explanation.opened_at),
        "resolved_at": _instant(explanation.resolved_at),
        "story": [msgspec.to_builtins(entry) | {"at": _instant(entry.at)} for entry in explanation.timeline],
        "deadlines": [
            {"at": _instant(each.at), "what": f"{each.name}: {each.requirement}", "passed": each.passed}
            for each in explanation.deadlines
        ],
        "expected": description.expected,
        "missing": description.missing,
        "contract": description.contract,
        "resolutions": [
            {
                "what": each.action,
                "by": each.by,
                "events": [_event_as_json(event) for event in each.events],
                "then": [
                    {"class": str(break_class), "due_at": _instant(due_at)} for break_class, due_at in each.consequences
                ],
            }
            for each in explanation.remedies
        ],
        "stays": explanation.is_permanent,
        "advice": description.advice,
        "look_at": list(explanation.related_payment_ids),
    }


_DAYS = ("value_date", "due_date", "arrival_date", "booking_date")


def _event_as_json(event: CorrectiveEvent) -> dict[str, Any]:
    fields = dict(event.fields)
    for name, value in fields.items():
        if name in _DAYS and value is not None:
            fields[name] = iso_date(value)
        elif isinstance(value, tuple):
            fields[name] = [_plain(each) for each in value]
    return {
        "type": event.type,
        "text": event.text,
        "fields": fields,
        "free": event.open_fields,
        "before": _instant(event.must_precede),
        "plan_has": list(event.required_installment_ids),
        "plan_sum_minor": event.plan_sum_minor,
        "net_sum_minor": event.net_sum_minor,
        "entry_minor": event.entry_minor,
        "keeps": None if event.keeps is None else msgspec.structs.asdict(event.keeps),
    }


def _plain(value: Any) -> Any:
    return msgspec.structs.asdict(value) if isinstance(value, msgspec.Struct) else value


def _decision_as_json(decision: DecisionOnBreak | None) -> dict[str, Any] | None:
    if decision is None:
        return None
    fields = msgspec.structs.asdict(decision)
    return fields | {"state": str(decision.state), "at": _instant(decision.at), "until": _instant(decision.until)}


def _instant(at: Micros | None) -> str | None:
    """Write an instant in RFC 3339 with microseconds; None also where it is beyond the years 1 to 9999."""
    if at is None or not FIRST_DAY * DAY <= at < (LAST_DAY + 1) * DAY:
        return None
    return rfc3339(at)

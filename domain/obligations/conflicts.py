"""The `conflicting_fact` breaks of an obligation (contract section 3)."""

import msgspec

from domain.breaks.model import NO_CURRENCY, Break, conflict_breaks, new_break
from domain.obligations.state import (
    Cancellation,
    Charge,
    ObligationState,
    Reinstatement,
    cancellation_identity,
    identities,
)
from domain.records import BreakClass


def conflicts(state: ObligationState) -> list[Break]:
    """Give the breaks of facts told differently, of facts told again after their opposite, and of reused event ids."""
    charge = state.charge
    if not (state.plans or state.adjustments or state.cancellations or state.reinstatements) and (
        charge is None or (charge.tellings is None and charge.version_1 is None)
    ):
        return []  # at most one fact, told once
    events: list[str] = []
    suspicious = False
    for _, accepted in identities(state):
        suspicious = suspicious or accepted.version_1 is not None or len(accepted.told) > 1
        events.extend(accepted.event_ids())
    if not suspicious and len(set(events)) == len(events):
        return []
    currency = NO_CURRENCY if charge is None else charge.currency
    found = conflict_breaks("obligation", state.obligation_id, identities(state), currency)
    told_again = _told_again(state)
    return _with_told_again(state, currency, found, told_again) if told_again else found


def _told_again(state: ObligationState) -> dict[tuple[str, ...], list[str]]:
    """Find the facts told again after their opposite: by subject, the events of the fact and of its opposites.

    The opposite of the charge is a cancellation, that of a cancellation a reinstatement. The second telling may be a
    second event, which nobody can count.
    """
    found: dict[tuple[str, ...], list[str]] = {}
    if state.charge is not None:
        opposites = _between(state.charge, state.cancellations)
        if opposites:
            found["fact", "ObligationCharged"] = [state.charge.event_id, *opposites]
    for cancellation_id, cancellation in state.cancellations.items():
        opposites = _between(cancellation, state.reinstatements)
        if opposites:
            subject = ("fact", *cancellation_identity(cancellation_id))
            found[subject] = [cancellation.event_id, *opposites]
    return found


def _between(fact: Charge | Cancellation, opposites: dict[str, Cancellation] | dict[str, Reinstatement]) -> list[str]:
    """Give the events of the opposites between the first and the last telling of a fact."""
    if fact.tellings is None:
        return []
    first, last = fact.occurred_at, fact.last_told_at
    return [one.event_id for one in opposites.values() if first < one.occurred_at <= last]


def _with_told_again(
    state: ObligationState, currency: str, found: list[Break], told_again: dict[tuple[str, ...], list[str]]
) -> list[Break]:
    """Add the facts told again after their opposite; one that was told differently, too, rests on all these events."""
    conflicting = []
    for one in found:
        event_ids = tuple(sorted({*one.event_ids, *told_again.pop(one.subject, ())}))
        conflicting.append(msgspec.structs.replace(one, event_ids=event_ids))
    conflicting += [
        new_break(
            "obligation",
            state.obligation_id,
            subject,
            BreakClass.CONFLICTING_FACT,
            currency=currency,
            event_ids=event_ids,
        )
        for subject, event_ids in told_again.items()
    ]
    return conflicting

"""The `conflicting_fact` breaks of an obligation (contract section 3)."""

from domain.breaks.model import NO_CURRENCY, Break, conflict_breaks
from domain.obligations.state import (
    Cancellation,
    Charge,
    ObligationState,
    Reinstatement,
    cancellation_identity,
    identities,
)


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
    return conflict_breaks("obligation", state.obligation_id, identities(state), currency, _told_again(state))


def _told_again(state: ObligationState) -> dict[tuple[str, ...], list[str]]:
    """Find the facts told again after their opposite: by identity, the events of the fact and of its opposites.

    The opposite of the charge is a cancellation, that of a cancellation a reinstatement. The second telling may be a
    second event, which nobody can count.
    """
    found: dict[tuple[str, ...], list[str]] = {}
    if state.charge is not None:
        opposites = _between(state.charge, state.cancellations)
        if opposites:
            found["ObligationCharged",] = [state.charge.event_id, *opposites]
    for cancellation_id, cancellation in state.cancellations.items():
        opposites = _between(cancellation, state.reinstatements)
        if opposites:
            found[cancellation_identity(cancellation_id)] = [cancellation.event_id, *opposites]
    return found


def _between(fact: Charge | Cancellation, opposites: dict[str, Cancellation] | dict[str, Reinstatement]) -> list[str]:
    """Give the events of the opposites between the first and the last telling of a fact."""
    if fact.tellings is None:
        return []
    first, last = fact.occurred_at, fact.last_told_at
    return [one.event_id for one in opposites.values() if first < one.occurred_at <= last]

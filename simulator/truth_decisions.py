"""What people have decided about the breaks of a key (contract section 12)."""

from collections.abc import Iterable
from dataclasses import dataclass

from domain.facts import BreakDecided
from domain.policy import Policy
from domain.time import Micros
from simulator.truth_facts import Row, first_of

STATES = ("acknowledged", "assigned", "accept_requested", "accepted")


@dataclass(frozen=True, slots=True)
class Said:
    """A state that a decision gives."""

    state: str
    decision: BreakDecided
    approved_by: str | None = None


def in_turn(decisions: Iterable[BreakDecided]) -> list[BreakDecided]:
    """Return the decisions that count, by (occurred_at, decision_id): each once, without those that are withdrawn."""
    by_id: dict[str, list[BreakDecided]] = {}
    for decision in decisions:
        by_id.setdefault(decision.decision_id, []).append(decision)
    held = [first_of(group) for group in by_id.values()]
    ordered = sorted(
        (decision for decision in held if isinstance(decision, BreakDecided)),
        key=lambda decision: (decision.occurred_at, decision.decision_id),
    )
    # A decision is withdrawn only by later ones, so whether they count is known from the last on.
    withdrawn: set[str] = set()
    counting: list[BreakDecided] = []
    for place, decision in reversed(list(enumerate(ordered))):
        if decision.decision_id in withdrawn:
            continue
        counting.append(decision)
        if decision.action == "WITHDRAW":
            withdrawn.update(
                earlier.decision_id for earlier in ordered[:place] if earlier.decision_id == decision.refers_to
            )
    return counting[::-1]


def needs_two_people(row: Row, policy: Policy) -> bool:
    """Return whether an acceptance of that break needs the approval of a second person."""
    limits = policy.four_eyes_minor
    limit = limits.get(row["currency"], limits.get("*"))
    return row["priority"] == 1 or (limit is not None and abs(row["drift_minor"]) >= limit)


def decide(rows: list[Row], decisions: Iterable[BreakDecided], at: Micros, policy: Policy) -> None:
    """Note at each break of a key what was decided about it."""
    counting = in_turn(decisions)
    if not counting:
        return
    for row in rows:
        row["decision"] = decision_on(row, [d for d in counting if d.break_id == row["break_id"]], at, policy)


def decision_on(row: Row, about_it: list[BreakDecided], at: Micros, policy: Policy) -> Row | None:
    """Return what holds of the decisions about a break, which are given in their order."""
    acknowledged = [d for d in about_it if d.action == "ACKNOWLEDGE" and (d.until is None or at < d.until)]
    assigned = [d for d in about_it if d.action == "ASSIGN"]
    said = [Said("acknowledged", decision) for decision in acknowledged[-1:]]
    said += [Said("assigned", decision) for decision in assigned[-1:] if decision.assignee is not None]
    what_it_is = (row["class"], row["drift_minor"], row["evidence"])
    for decision in about_it:
        terms = (decision.break_class, decision.drift_minor, decision.evidence)
        if decision.action == "ACCEPT" and terms == what_it_is:
            approvals = [
                other.actor
                for other in about_it
                if other.action == "APPROVE"
                and other.refers_to == decision.decision_id
                and other.actor != decision.actor
            ]
            accepted = bool(approvals) or not needs_two_people(row, policy)
            state = "accepted" if accepted else "accept_requested"
            said.append(Said(state, decision, approvals[0] if approvals else None))
    if not said:
        return None
    # The furthest state, and of those that give it the latest.
    furthest = max(said, key=lambda one: (STATES.index(one.state), one.decision.occurred_at, one.decision.decision_id))
    return {
        "state": furthest.state,
        "actor": furthest.decision.actor,
        "at": furthest.decision.occurred_at,
        "approved_by": furthest.approved_by,
        "reason": furthest.decision.reason,
        "assignee": assigned[-1].assignee if assigned else None,
        "until": acknowledged[-1].until if acknowledged else None,
    }


def is_accepted(row: Row) -> bool:
    """Return whether people have accepted the break as it is: then it is not open."""
    return row["decision"] is not None and row["decision"]["state"] == "accepted"

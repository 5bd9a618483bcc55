"""What people decide about breaks (contract section 12): facts of the break's key, which move no money."""

import msgspec

from domain.breaks.model import PRIORITIES, Break
from domain.deadlines import watch
from domain.facts import BreakDecided, DecisionAction
from domain.ids import evidence_of
from domain.policy import Policy
from domain.records import DecisionOnBreak, DecisionState
from domain.time import FAR_FUTURE, Micros


class Decision(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The `BreakDecided` that holds of a decision id. Fields may only be appended, with a default."""

    event_id: str
    occurred_at: Micros
    break_id: str
    action: DecisionAction
    actor: str
    reason: str
    break_class: str | None
    drift_minor: int | None
    evidence: str | None
    assignee: str | None
    until: Micros | None
    refers_to: str | None


Decisions = dict[str, Decision]
"""The decisions of a key, by decision id."""

_encode = msgspec.json.Encoder(order="sorted").encode


def apply_decision(decisions: Decisions, fact: BreakDecided) -> bool:
    """Apply a decision, in place. Of several records of one decision id the first holds; nulls mean what they say.

    Returns:
        Whether anything changed; False for a redelivery.

    """
    new = Decision(
        event_id=fact.event_id,
        occurred_at=fact.occurred_at,
        break_id=fact.break_id,
        action=fact.action,
        actor=fact.actor,
        reason=fact.reason,
        break_class=fact.break_class,
        drift_minor=fact.drift_minor,
        evidence=fact.evidence,
        assignee=fact.assignee,
        until=fact.until,
        refers_to=fact.refers_to,
    )
    known = decisions.get(fact.decision_id)
    if known is not None and _first_order(known) <= _first_order(new):
        return False
    decisions[fact.decision_id] = new
    return True


def _first_order(decision: Decision) -> tuple[Micros, str, bytes]:
    return decision.occurred_at, decision.event_id, _encode(msgspec.structs.asdict(decision))


def decide(
    breaks: tuple[Break, ...], decisions: Decisions, now: Micros, policy: Policy
) -> tuple[tuple[Break, ...], Micros]:
    """Add to each open break what people have decided about it.

    Args:
        breaks: those whose condition holds.
        decisions: all decisions about breaks of their key.
        now: the instant of the view.
        policy: says when an acceptance needs a second person.

    Returns:
        The breaks, accepted ones included (`Break.is_accepted`), and the next instant at which this changes by the
        clock alone; FAR_FUTURE if it never does.

    """
    if not decisions or not breaks:
        return breaks, FAR_FUTURE
    counting = counting_decisions(decisions)
    next_change = FAR_FUTURE
    decided = []
    for one in breaks:
        about = [(decision_id, each) for decision_id, each in counting if each.break_id == one.break_id]
        decision, changes_at = _on_break(one, about, now, policy)
        next_change = min(next_change, changes_at)
        decided.append(one if decision is None else msgspec.structs.replace(one, decision=decision))
    return tuple(decided), next_change


def counting_decisions(decisions: Decisions) -> list[tuple[str, Decision]]:
    """Give the decisions that count, the earliest first: those that no counting WITHDRAW takes back.

    A WITHDRAW takes back the decision that it refers to, if that is before it; so the last one always counts.
    """
    in_order = sorted(decisions.items(), key=_order)
    withdrawn: set[str] = set()
    for decision_id, decision in reversed(in_order):
        refers_to = decision.refers_to
        if decision.action != "WITHDRAW" or decision_id in withdrawn or refers_to not in decisions:
            continue
        if _order((refers_to, decisions[refers_to])) < _order((decision_id, decision)):
            withdrawn.add(refers_to)
    return [(decision_id, decision) for decision_id, decision in in_order if decision_id not in withdrawn]


def _order(item: tuple[str, Decision]) -> tuple[Micros, str]:
    decision_id, decision = item
    return decision.occurred_at, decision_id


def needs_four_eyes(one: Break, policy: Policy) -> bool:
    """Whether an acceptance of this break needs the approval of a second person."""
    if PRIORITIES[one.break_class] == 1:
        return True
    thresholds = policy.four_eyes_minor
    threshold = thresholds.get(one.currency, thresholds.get("*"))
    return threshold is not None and abs(one.actual_minor - one.expected_minor) >= threshold


def fits(one: Break, decision: Decision) -> bool:
    """Whether an ACCEPT is about the break exactly as it is now."""
    return (
        decision.break_class == one.break_class
        and decision.drift_minor == one.actual_minor - one.expected_minor
        and decision.evidence == evidence_of(one.break_class, one.event_ids)
    )


def _on_break(
    one: Break, about: list[tuple[str, Decision]], now: Micros, policy: Policy
) -> tuple[DecisionOnBreak | None, Micros]:
    """Give what the decisions about one break, the earliest first, come to, and when that changes."""
    state: DecisionState | None = None
    giving: Decision | None = None
    assigned: Decision | None = None
    acknowledged: Decision | None = None
    approved_by: str | None = None
    changes_at = FAR_FUTURE
    for decision_id, decision in about:
        match decision.action:
            case "ACKNOWLEDGE":
                has_ended, ends_at = watch(decision.until, now)
                changes_at = min(changes_at, ends_at)
                if not has_ended:
                    acknowledged = decision
            case "ASSIGN":
                assigned = decision
            case "ACCEPT" if fits(one, decision):
                approval = _approval(decision_id, decision, about)
                if approval is not None or not needs_four_eyes(one, policy):
                    state, giving, approved_by = DecisionState.ACCEPTED, decision, approval
                elif state is not DecisionState.ACCEPTED:
                    state, giving = DecisionState.ACCEPT_REQUESTED, decision
            case "ACCEPT" | "COMMENT" | "APPROVE" | "WITHDRAW":
                pass
    if state is None and assigned is not None and assigned.assignee is not None:
        state, giving = DecisionState.ASSIGNED, assigned
    if state is None and acknowledged is not None:
        state, giving = DecisionState.ACKNOWLEDGED, acknowledged
    if state is None or giving is None:
        return None, changes_at
    decided = DecisionOnBreak(
        state=state,
        actor=giving.actor,
        at=giving.occurred_at,
        approved_by=approved_by,
        reason=giving.reason,
        assignee=None if assigned is None else assigned.assignee,
        until=None if acknowledged is None else acknowledged.until,
    )
    return decided, changes_at


def _approval(accept_id: str, accept: Decision, about: list[tuple[str, Decision]]) -> str | None:
    """Give who approved an ACCEPT first: another person than the one who accepted."""
    for _, decision in about:
        if decision.action == "APPROVE" and decision.refers_to == accept_id and decision.actor != accept.actor:
            return decision.actor
    return None

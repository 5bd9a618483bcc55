"""Decisions about breaks as people make them: checked against what is known, and what will become of them.

The contract ignores a decision that fits nothing. Here it is refused instead, with the reason.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from domain.breaks.model import Break
from domain.commands.refusal import Author, Hint, RefusalKind, Refused
from domain.decisions import Decision, Decisions, apply_decision, counting_decisions, decide, fits, needs_four_eyes
from domain.explain.decided import accepted_text
from domain.facts import BreakDecided, DecisionAction
from domain.formatting import amount_text, instant_text
from domain.ids import evidence_of
from domain.policy import Policy
from domain.records import DecisionOnBreak, DecisionState
from domain.time import FAR_FUTURE, Micros

_TAKEN_BACK_BY_DEFAULT = frozenset(("ACKNOWLEDGE", "ASSIGN", "ACCEPT", "APPROVE"))
"""A comment is kept in the log whatever comes; a withdrawal is taken back only where it is named."""


@dataclass(frozen=True, slots=True)
class BreakAtHand:
    """A break as it was last published, and all decisions about breaks of its key."""

    key_kind: str
    key: str
    mismatch: Break
    is_resolved: bool
    decisions: Decisions
    now: Micros
    policy: Policy

    @property
    def evidence(self) -> str:
        """What an acceptance of it refers to."""
        return evidence_of(self.mismatch.break_class, self.mismatch.event_ids)

    @property
    def counting(self) -> list[tuple[str, Decision]]:
        """The decisions about this break that count, the earliest first."""
        about = self.mismatch.break_id
        return [(each, one) for each, one in counting_decisions(self.decisions) if one.break_id == about]

    @property
    def decided(self) -> Break:
        """The break with what people have decided so far, those decisions included that no worker has read yet."""
        return self._decided(self.decisions)

    def _decided(self, decisions: Decisions) -> Break:
        plain = msgspec.structs.replace(self.mismatch, decision=None)
        ((decided,), _) = decide((plain,), decisions, self.now, self.policy)
        return decided

    def after(self, fact: BreakDecided) -> Break:
        """The break as it will be after a decision."""
        decisions = dict(self.decisions)
        apply_decision(decisions, fact)
        return self._decided(decisions)


def acknowledge(at_hand: BreakAtHand, author: Author, until: Micros | None) -> BreakDecided:
    """Somebody has seen the break, and waits.

    Raises:
        Refused: it would have no effect.

    """
    _require_open(at_hand)
    if until is not None and until <= at_hand.now:
        raise Refused(f"{instant_text(until)} is in the past; it is {instant_text(at_hand.now)} now")
    for decision_id, one in at_hand.counting:
        ends_at = FAR_FUTURE if one.until is None else one.until
        if one.action == "ACKNOWLEDGE" and ends_at >= (FAR_FUTURE if until is None else until):
            raise Refused(
                f"{one.actor} has acknowledged it {_until_text(one.until)} already; withdraw that first",
                hint=Hint.WITHDRAW,
                decision_id=decision_id,
            )
    return _decided(at_hand, author, "ACKNOWLEDGE", until=until)


def assign(at_hand: BreakAtHand, author: Author, assignee: str | None) -> BreakDecided:
    """Somebody is to work the break; None: nobody.

    Raises:
        Refused: it would have no effect.

    """
    _require_open(at_hand)
    latest = next((one for _, one in reversed(at_hand.counting) if one.action == "ASSIGN"), None)
    known = None if latest is None else latest.assignee
    if assignee == known:
        raise Refused(f"it is assigned to {'nobody' if known is None else known} already")
    return _decided(at_hand, author, "ASSIGN", assignee=assignee)


def comment(at_hand: BreakAtHand, author: Author) -> BreakDecided:
    """Somebody notes something, also about a break that is resolved."""
    return _decided(at_hand, author, "COMMENT")


def accept(at_hand: BreakAtHand, author: Author) -> BreakDecided:
    """Somebody accepts the break exactly as it is.

    Raises:
        Refused: it would have no effect.

    """
    _require_open(at_hand)
    one = at_hand.mismatch
    for _, known in at_hand.counting:
        if known.action == "ACCEPT" and fits(one, known):
            if is_same_person(known.actor, author.actor):
                raise Refused("you have accepted it already; another person has to approve it", hint=Hint.APPROVE)
            raise Refused(
                f"{known.actor} has accepted it already; approve that, if you agree",
                RefusalKind.CHANGED,
                hint=Hint.APPROVE,
            )
    return _decided(
        at_hand,
        author,
        "ACCEPT",
        break_class=str(one.break_class),
        drift_minor=one.actual_minor - one.expected_minor,
        evidence=at_hand.evidence,
    )


def approve(at_hand: BreakAtHand, author: Author, accept_id: str | None) -> BreakDecided:
    """A second person agrees to an acceptance.

    Args:
        at_hand: the break.
        author: who approves.
        accept_id: the decision to approve; None: the latest that another person made and that still fits.

    Raises:
        Refused: it would have no effect.

    """
    _require_open(at_hand)
    requests = [(each, one) for each, one in at_hand.counting if one.action == "ACCEPT"]
    if accept_id is not None:
        _require_known(at_hand, accept_id)
        requests = [(each, one) for each, one in requests if each == accept_id]
        if not requests:
            raise Refused(
                f"decision {accept_id} is no acceptance of this break that counts",
                RefusalKind.CHANGED,
                hint=Hint.SEE_DECISIONS,
            )
    if not requests:
        raise Refused("nobody has accepted it, so there is nothing to approve", RefusalKind.CHANGED, hint=Hint.ACCEPT)
    fitting = [(each, one) for each, one in requests if fits(at_hand.mismatch, one)]
    if not fitting:
        raise Refused(_no_longer_fits(at_hand, requests[-1][1]), RefusalKind.CHANGED)
    others = [each for each, one in fitting if not is_same_person(one.actor, author.actor)]
    if not others:
        raise Refused(
            f"you accepted it yourself, {author.actor}: another person has to approve it", RefusalKind.NOT_ALLOWED
        )
    return _decided(at_hand, author, "APPROVE", refers_to=others[-1])


def withdraw(at_hand: BreakAtHand, author: Author, decision_id: str | None) -> BreakDecided:
    """Somebody takes a decision back.

    Args:
        at_hand: the break; it may be resolved.
        author: who withdraws.
        decision_id: the decision to take back; None: the only one there is.

    Raises:
        Refused: it would have no effect, or it is not clear which is meant.

    """
    if decision_id is None:
        candidates = [(each, one) for each, one in at_hand.counting if one.action in _TAKEN_BACK_BY_DEFAULT]
        if not candidates:
            raise Refused(
                "no decision about it counts, so there is nothing to withdraw",
                RefusalKind.CHANGED,
                hint=Hint.SEE_DECISIONS,
            )
        if len(candidates) > 1:
            listed = "; ".join(f"{each} ({one.actor}, {one.action})" for each, one in candidates)
            raise Refused(f"{len(candidates)} decisions about it count; name one: {listed}", hint=Hint.NAME_DECISION)
        decision_id = candidates[0][0]
    known = _require_known(at_hand, decision_id)
    if known.action == "COMMENT":
        raise Refused(f"decision {decision_id} is a comment, which is kept whatever comes")
    if all(each != decision_id for each, _ in at_hand.counting):
        raise Refused(f"decision {decision_id} is withdrawn already", RefusalKind.CHANGED, hint=Hint.SEE_DECISIONS)
    return _decided(at_hand, author, "WITHDRAW", refers_to=decision_id)


def forecast(at_hand: BreakAtHand, fact: BreakDecided) -> str:
    """Say what will become of the break by a decision, in a sentence or two."""
    if fact.action == "COMMENT":
        return "The comment is kept with the break, and changes nothing else."
    if at_hand.is_resolved:
        return "The break is resolved, and stays so; the decisions that are left count if it opens again."
    decision = at_hand.after(fact).decision
    if decision is None:
        return "The break stays open, and nobody has decided anything about it."
    return _state_text(at_hand, decision) + _beside_text(fact, decision)


def _state_text(at_hand: BreakAtHand, decision: DecisionOnBreak) -> str:
    match decision.state:
        case DecisionState.ACCEPTED:
            by = "" if decision.approved_by is None else f", approved by {decision.approved_by}"
            return (
                f"The break will be accepted{by}. It opens again as soon as its class, its difference or its evidence "
                "changes."
            )
        case DecisionState.ACCEPT_REQUESTED:
            return f"The break stays open. It will be accepted once another person approves it: {_why_two(at_hand)}."
        case DecisionState.ASSIGNED:
            return f"The break stays open, assigned to {decision.assignee}."
        case DecisionState.ACKNOWLEDGED:
            return f"The break stays open, acknowledged {_until_text(decision.until)}."


def _beside_text(fact: BreakDecided, decision: DecisionOnBreak) -> str:
    """Say what a decision does beside the state that others give."""
    if fact.action == "ACKNOWLEDGE" and decision.state is not DecisionState.ACKNOWLEDGED:
        return f" It is also acknowledged {_until_text(fact.until)}."
    if fact.action == "ASSIGN" and decision.state is not DecisionState.ASSIGNED:
        return f" It is assigned to {'nobody' if fact.assignee is None else fact.assignee}."
    return ""


def _why_two(at_hand: BreakAtHand) -> str:
    one = at_hand.mismatch
    if needs_four_eyes(msgspec.structs.replace(one, actual_minor=one.expected_minor), at_hand.policy):
        return "its priority is 1"
    limits = at_hand.policy.four_eyes_minor
    limit = limits.get(one.currency, limits.get("*", 0))
    drift = amount_text(one.actual_minor - one.expected_minor, one.currency)
    return f"its difference of {drift} reaches the limit of {amount_text(limit, one.currency)}"


def _until_text(until: Micros | None) -> str:
    return "for good" if until is None else f"until {instant_text(until)}"


def _require_open(at_hand: BreakAtHand) -> None:
    if at_hand.is_resolved:
        raise Refused(
            "the break is resolved: a decision about it would wait until it opens again; only a comment is possible",
            RefusalKind.CHANGED,
            hint=Hint.COMMENT,
        )
    decision = at_hand.decided.decision
    if decision is not None and decision.state is DecisionState.ACCEPTED:
        raise Refused(
            f"{decision.actor} has accepted it, so it is not open", RefusalKind.CHANGED, hint=Hint.SEE_DECISIONS
        )


def _require_known(at_hand: BreakAtHand, decision_id: str) -> Decision:
    known = at_hand.decisions.get(decision_id)
    if known is None or known.break_id != at_hand.mismatch.break_id:
        raise Refused(
            f"there is no decision {decision_id} about this break", RefusalKind.NOT_FOUND, hint=Hint.SEE_DECISIONS
        )
    return known


def _no_longer_fits(at_hand: BreakAtHand, known: Decision) -> str:
    one = at_hand.mismatch
    now = f"{one.break_class} with a difference of {amount_text(one.actual_minor - one.expected_minor, one.currency)}"
    before = accepted_text(known, one.currency)
    what = f"{known.actor} accepted {before}, and it is {now} now"
    if now == before:
        what = f"its evidence has changed since {known.actor} accepted it"
    return f"{what}: that acceptance no longer fits. Look at the break, and accept it as it is now"


def _decided(
    at_hand: BreakAtHand,
    author: Author,
    action: DecisionAction,
    *,
    break_class: str | None = None,
    drift_minor: int | None = None,
    evidence: str | None = None,
    assignee: str | None = None,
    until: Micros | None = None,
    refers_to: str | None = None,
) -> BreakDecided:
    return BreakDecided(
        event_id=author.record_id,
        # After all that is decided already, even where clocks differ or stand still: the latest decision holds, and a
        # withdrawal takes back only what is before it.
        occurred_at=after_all(at_hand.now, (one.occurred_at for one in at_hand.decisions.values())),
        decision_id=author.record_id,
        key_kind=at_hand.key_kind,
        key=at_hand.key,
        break_id=at_hand.mismatch.break_id,
        action=action,
        actor=author.actor,
        reason=author.reason,
        break_class=break_class,
        drift_minor=drift_minor,
        evidence=evidence,
        assignee=assignee,
        until=until,
        refers_to=refers_to,
    )


def is_same_person(one: str, other: str) -> bool:
    """Whether two names may be of the same person: they differ at most in case, width, spaces or invisible characters.

    The contract compares actors exactly. A command is stricter: providers and terminals write one person's name in
    several ways, and that must not make two people of one.
    """
    return _folded(one) == _folded(other)


def _folded(name: str) -> str:
    visible = "".join(each for each in unicodedata.normalize("NFKC", name) if each.isprintable() and each != " ")
    return unicodedata.normalize("NFKC", visible.casefold())


def after_all(now: Micros, instants: Iterable[Micros]) -> Micros:
    """Give an instant that is not before `now`, and after all others."""
    return max([now, *(instant + 1 for instant in instants)])

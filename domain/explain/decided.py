"""What people have decided about a break, each decision with what became of it."""

from typing import Any

import msgspec

from domain.breaks.model import Break
from domain.decisions import Decision, Decisions, counting_decisions, fits
from domain.facts import DecisionAction
from domain.formatting import amount_text, instant_text
from domain.time import Micros, rfc3339

_IN_WORDS: dict[DecisionAction, str] = {
    "ACKNOWLEDGE": "acknowledged the break",
    "ASSIGN": "assigned the break",
    "COMMENT": "commented",
    "ACCEPT": "accepted the break as it was",
    "APPROVE": "approved acceptance",
    "WITHDRAW": "withdrew decision",
}


class DecisionTaken(msgspec.Struct, frozen=True):
    """A decision about a break."""

    decision_id: str
    decision: Decision
    is_withdrawn: bool
    """A later decision took it back: it does not count."""
    no_longer_fits: bool
    """An ACCEPT of another class, difference or evidence than the break has now."""

    @property
    def text(self) -> str:
        """The decision in a sentence."""
        one = self.decision
        text = f"{one.actor} {_IN_WORDS[one.action]}"
        match one.action:
            case "ACKNOWLEDGE" if one.until is not None:
                text += f" until {instant_text(one.until)}"
            case "ASSIGN":
                text += " to nobody" if one.assignee is None else f" to {one.assignee}"
            case "APPROVE" | "WITHDRAW":
                text += f" {one.refers_to}"
            case "ACKNOWLEDGE" | "COMMENT" | "ACCEPT":
                pass
        if one.reason:
            text += f": {one.reason}"
        if self.is_withdrawn:
            text += " (withdrawn)"
        elif self.no_longer_fits:
            text += " (the break has changed since)"
        return text


def decisions_on(decisions: Decisions, mismatch: Break) -> tuple[DecisionTaken, ...]:
    """Give the decisions about a break, the earliest first.

    Args:
        decisions: all decisions about breaks of its key.
        mismatch: the break as it is now.

    """
    counting = {decision_id for decision_id, _ in counting_decisions(decisions)}
    about = sorted((one.occurred_at, decision_id) for decision_id, one in decisions.items()
                   if one.break_id == mismatch.break_id)  # fmt: skip
    return tuple(
        DecisionTaken(
            decision_id,
            decisions[decision_id],
            is_withdrawn=decision_id not in counting,
            no_longer_fits=decisions[decision_id].action == "ACCEPT" and not fits(mismatch, decisions[decision_id]),
        )
        for _, decision_id in about
    )


def accepted_text(decision: Decision, currency: str) -> str:
    """Say what an ACCEPT is about: the class and the difference."""
    if decision.break_class is None or decision.drift_minor is None:
        return "a break"
    return f"{decision.break_class} with a difference of {amount_text(decision.drift_minor, currency)}"


def decision_as_json(taken: DecisionTaken) -> dict[str, Any]:
    """Give a decision as JSON has it, by the contract's names, with what became of it."""
    one = taken.decision
    return {
        "decision_id": taken.decision_id,
        "at": rfc3339(one.occurred_at),
        "action": one.action,
        "actor": one.actor,
        "reason": one.reason,
        "class": one.break_class,
        "drift_minor": one.drift_minor,
        "evidence": one.evidence,
        "assignee": one.assignee,
        "until": _instant(one.until),
        "refers_to": one.refers_to,
        "withdrawn": taken.is_withdrawn,
        "fits": None if one.action != "ACCEPT" else not taken.no_longer_fits,
        "text": taken.text,
    }


def _instant(at: Micros | None) -> str | None:
    return None if at is None else rfc3339(at)

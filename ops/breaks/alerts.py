"""Alerts in JSON, as a source gives them, and what can be read from them."""

from domain.breaks.model import Break
from domain.commands.proposals import PaymentSought
from domain.ids import parts_of_key
from domain.policy import Policy
from domain.records import BreakClass, BreakLifecycle
from ops.breaks.source import Json
from streams.codec.json_form import instant_from_text

_STATES = {BreakLifecycle.RESOLVED: "resolved", BreakLifecycle.ACCEPTED: "accepted"}


def break_of_alert(alert: Json) -> Break:
    """Give the break that an alert is about, without what people have decided."""
    return Break(
        break_id=alert["break_id"],
        subject=tuple(alert["subject"]),
        break_class=BreakClass(alert["class"]),
        expected_minor=alert["expected_minor"],
        actual_minor=alert["actual_minor"],
        currency=alert["currency"],
        due_at=None if alert["due_at"] is None else instant_from_text(alert["due_at"]),
        event_ids=tuple(alert["event_ids"]),
    )


def state_text(alert: Json) -> str:
    """Give the state of a break in a word or two: `open`, `assigned`, `accept requested`, `accepted`, `resolved`."""
    ended = _STATES.get(alert["lifecycle"])
    if ended is not None:
        return ended
    decision = alert.get("decision")
    return "open" if decision is None else str(decision["state"]).replace("_", " ")


def assignee_text(alert: Json) -> str:
    """Give who is to work a break; `-` for nobody."""
    decision = alert.get("decision")
    return "-" if decision is None or decision["assignee"] is None else str(decision["assignee"])


IN_SUSPENSE = (BreakClass.REFERENCE_UNKNOWN, BreakClass.BANK_ENTRY_UNEXPLAINED)
"""Their breaks are about money that nobody can place: what it may be of is proposed."""


def payment_sought(alert: Json, policy: Policy) -> PaymentSought:
    """Give what is known of the payment that an unknown reference is for."""
    processor, reference = parts_of_key(alert["key"])
    due_at = None if alert["due_at"] is None else instant_from_text(alert["due_at"])
    first_at = None if due_at is None else due_at - policy.orphan_grace_micros
    return PaymentSought(processor, reference, alert["actual_minor"], alert["currency"], first_at)

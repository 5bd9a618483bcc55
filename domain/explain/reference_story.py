"""What is known of a reference, in sentences: who claimed it, what was reported of it, and who got that."""

from collections.abc import Iterator

from domain.explain.context import ReferenceContext
from domain.explain.entries import TimelineEntry
from domain.explain.payment_story import outcome_text
from domain.payments.state import SettlementOutcome
from domain.references.state import holder, tellings_in_order


def reference_story(context: ReferenceContext) -> Iterator[TimelineEntry]:
    """Give an entry for each claim, each assignment and each settlement record without a payment id."""
    state, mismatch = context.state, context.mismatch
    held_by = holder(state)
    whose = "it is in suspense" if held_by is None else f"it counts for payment {held_by}"
    for telling in tellings_in_order(state):
        text = outcome_text(
            SettlementOutcome.from_fact(telling),
            telling.processor,
            telling.processor_reference,
            telling.outcome,
            telling.movement_id,
        )
        yield TimelineEntry(
            at=telling.occurred_at,
            source=f"processor {telling.processor}",
            text=f"{text[:-1]}, without a payment id: {whose}.",
            event_id=telling.event_id,
            is_evidence=telling.event_id in mismatch.event_ids,
        )
    for payment_id, claim in state.attempt_claims.items():
        yield TimelineEntry(
            at=claim.occurred_at,
            source=f"processor {context.processor}",
            text=f"{context.processor} reported an outcome of the attempt for payment {payment_id}, which it named.",
            event_id=claim.event_id,
            is_evidence=claim.event_id in mismatch.event_ids,
        )
    for payment_id, initiation in state.initiation_claims.items():
        if not initiation.is_withdrawn:
            yield TimelineEntry(
                at=initiation.occurred_at,
                source="app",
                text=f"Payment {payment_id} was initiated, and its initiation names the reference.",
                event_id=initiation.event_id,
                is_evidence=initiation.event_id in mismatch.event_ids,
            )
    if state.assigned is not None:
        one = state.assigned
        who = "Somebody" if one.actor is None else one.actor
        why = "" if one.reason is None else f": {one.reason}"
        yield TimelineEntry(
            at=one.occurred_at,
            source="people",
            text=f"{who} gave the reference to payment {one.payment_id}{why}.",
            event_id=one.event_id,
            is_evidence=one.event_id in mismatch.event_ids,
        )

"""The `conflicting_fact` breaks of a payment (contract section 3)."""

import msgspec

from domain.breaks.model import Break, conflict_breaks, new_break
from domain.payments.state import OutcomeId, PaymentState, SettlementOutcome, identities, outcome_subject, outcomes
from domain.payments.totals import OF_ATTEMPTS, OF_REFUNDS, PaymentTotals, attempt_key
from domain.records import BreakClass


def payment_conflicts(state: PaymentState, totals: PaymentTotals) -> list[Break]:
    """Give the `conflicting_fact` breaks: of facts, of events, and of attempts that failed and settled at once.

    Args:
        state: the payment, its resolutions among its attempts.
        totals: the totals of its facts.

    """
    payment_id, currency = state.payment_id, totals.currency
    found: list[Break] = []
    if totals.disputed:
        found = conflict_breaks("payment", payment_id, identities(state), currency)
        for subject, event_ids in _told_again_after_opposite(state, currency):
            _open_or_add(found, payment_id, subject, event_ids, currency)
    for key, contradictory in totals.contradictory:
        found.append(
            new_break(
                "payment",
                payment_id,
                ("attempt", *key),
                BreakClass.CONFLICTING_FACT,
                currency=currency,
                event_ids=contradictory,
            )
        )
    return found


def _open_or_add(
    found: list[Break], payment_id: str, subject: tuple[str, ...], event_ids: list[str], currency: str
) -> None:
    """Open the break of a subject; if it is open for another reason, add the events to it."""
    for place, one in enumerate(found):
        if one.subject == subject:
            found[place] = msgspec.structs.replace(one, event_ids=tuple(sorted({*one.event_ids, *event_ids})))
            return
    found.append(
        new_break("payment", payment_id, subject, BreakClass.CONFLICTING_FACT, currency=currency, event_ids=event_ids)
    )


def _told_again_after_opposite(state: PaymentState, currency: str) -> list[tuple[tuple[str, ...], list[str]]]:
    """Find the outcomes that were told again after their opposite: it may be a second event that nobody can count.

    Returns:
        The subject of each, and the events of its holding record and of the opposite ones.

    """
    groups: dict[tuple[str, str, str], list[tuple[OutcomeId, SettlementOutcome]]] = {}
    for identity, reported in outcomes(state):
        if reported.currency == currency:
            groups.setdefault(_group(identity, reported), []).append((identity, reported))
    found: list[tuple[tuple[str, ...], list[str]]] = []
    for group in groups.values():
        for identity, reported in group:
            first, last = reported.occurred_at, reported.last_told_at
            if first == last:
                continue
            between = [
                other.event_id
                for other_identity, other in group
                if other_identity[2] != identity[2] and first < other.occurred_at <= last
            ]
            if between:
                found.append((("fact", *outcome_subject(identity)), [reported.event_id, *between]))
    return found


def _group(identity: OutcomeId, reported: SettlementOutcome) -> tuple[str, str, str]:
    """Give what an outcome shares with its opposite: the attempt, or the reference of its refunds or chargebacks."""
    processor, reference, outcome, _ = identity
    if outcome in OF_ATTEMPTS:
        return ("attempt", *attempt_key(identity, reported))
    return ("refund" if outcome in OF_REFUNDS else "chargeback", processor, reference)

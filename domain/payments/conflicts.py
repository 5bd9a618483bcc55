"""The `conflicting_fact` breaks of a payment (contract section 3)."""

from bisect import bisect_right
from collections.abc import Iterator

from domain.breaks.model import Break, conflict_breaks, new_break
from domain.payments.state import OutcomeId, PaymentState, SettlementOutcome, identities, outcome_subject, outcomes
from domain.payments.totals import OF_ATTEMPTS, OF_REFUNDS, PaymentTotals, attempt_key
from domain.records import BreakClass
from domain.time import Micros


def payment_conflicts(state: PaymentState, totals: PaymentTotals) -> list[Break]:
    """Give the `conflicting_fact` breaks: of facts, of events, and of attempts that failed and settled at once.

    Args:
        state: the payment, its resolutions among its attempts.
        totals: the totals of its facts.

    """
    found: list[Break] = []
    if totals.disputed:
        repeated = dict(_told_again_after_opposite(state, totals.currency))
        found = conflict_breaks("payment", state.payment_id, identities(state), totals.currency, repeated)
    found += [
        new_break(
            "payment",
            state.payment_id,
            ("attempt", *key),
            BreakClass.CONFLICTING_FACT,
            currency=totals.currency,
            event_ids=contradictory,
        )
        for key, contradictory in totals.contradictory
    ]
    return found


def _told_again_after_opposite(state: PaymentState, currency: str) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Find the outcomes that were told again after their opposite: it may be a second event that nobody can count.

    Yields:
        Each identity, and the events of its holding record and of the opposite ones.

    """
    groups: dict[tuple[str, str, str], list[tuple[OutcomeId, SettlementOutcome]]] = {}
    for identity, reported in outcomes(state):
        if reported.currency == currency:
            groups.setdefault(_group(identity, reported), []).append((identity, reported))
    for group in groups.values():
        group.sort(key=_when)
        for identity, reported in group:
            first, last = reported.occurred_at, reported.last_told_at
            if first == last:
                continue
            told_between = group[bisect_right(group, first, key=_when) : bisect_right(group, last, key=_when)]
            opposite = [other.event_id for other_id, other in told_between if other_id[2] != identity[2]]
            if opposite:
                yield outcome_subject(identity), [reported.event_id, *opposite]


def _when(item: tuple[OutcomeId, SettlementOutcome]) -> Micros:
    return item[1].occurred_at


def _group(identity: OutcomeId, reported: SettlementOutcome) -> tuple[str, str, str]:
    """Give what an outcome shares with its opposite: the attempt, or the reference of its refunds or chargebacks."""
    processor, reference, outcome, _ = identity
    if outcome in OF_ATTEMPTS:
        return ("attempt", *attempt_key(identity, reported))
    return ("refund" if outcome in OF_REFUNDS else "chargeback", processor, reference)

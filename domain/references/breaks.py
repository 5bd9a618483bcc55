"""The breaks of a reference (contract section 10)."""

from domain.breaks.model import NO_CURRENCY, Break, in_order, new_break
from domain.deadlines import watch
from domain.facts import ProcessorSettled
from domain.policy import Policy
from domain.records import BreakClass
from domain.references.state import ReferenceState, claims
from domain.time import FAR_FUTURE, Micros

KEY_KIND = "reference"


def reference_breaks(
    state: ReferenceState, records: tuple[ProcessorSettled, ...], payment_id: str | None, now: Micros, policy: Policy
) -> tuple[tuple[Break, ...], Micros]:
    """Give the breaks whose condition holds, by break id, and when that changes by the clock alone.

    Args:
        state: the reference's.
        records: its settlement records without a payment id, of each identity the one that holds, in order.
        payment_id: who holds it.
        now: the instant of the view.
        policy: has the orphan grace.

    """
    found: list[Break] = []
    changes_at = FAR_FUTURE
    if records and payment_id is None:
        due_at = records[0].occurred_at + policy.orphan_grace_micros
        has_passed, changes_at = watch(due_at, now)
        if has_passed:
            found.append(_unknown(state, records, due_at))
    claimed_twice = _claimed_twice(state, records)
    if claimed_twice is not None:
        found.append(claimed_twice)
    return in_order(found), changes_at


def _unknown(state: ReferenceState, records: tuple[ProcessorSettled, ...], due_at: Micros) -> Break:
    """Money that belongs to nobody: the SETTLED, in the currency of the first of them."""
    settled = [record for record in records if record.outcome == "SETTLED"]
    currency = (settled or records)[0].currency
    return new_break(
        KEY_KIND,
        state.reference_key,
        ("reference",),
        BreakClass.REFERENCE_UNKNOWN,
        currency=currency,
        actual_minor=sum(record.gross_minor for record in settled if record.currency == currency),
        due_at=due_at,
        event_ids=(record.event_id for record in records),
    )


def _claimed_twice(state: ReferenceState, records: tuple[ProcessorSettled, ...]) -> Break | None:
    """Two payments claim it; it rests on the first claim of each."""
    if len(state.attempt_claims) > 1:
        # Each of these payments has counted the record that names it: the money may count twice.
        event_ids = [claim.event_id for claim in state.attempt_claims.values()]
    elif records and state.assigned is None:
        first_of_payment: dict[str, str] = {}
        for _, event_id, payment_id in sorted(claims(state)):
            first_of_payment.setdefault(payment_id, event_id)
        event_ids = list(first_of_payment.values())
        if len(event_ids) < 2:
            return None
    else:
        return None
    return new_break(
        KEY_KIND,
        state.reference_key,
        ("claim",),
        BreakClass.REFERENCE_CLAIMED_TWICE,
        currency=NO_CURRENCY,
        event_ids=event_ids,
    )

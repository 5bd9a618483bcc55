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
    event_ids: set[str] = set()
    if len(state.attempt_claims) > 1:
        # Each of these payments has counted the record that names it: the money may count twice.
        event_ids.update(claim.event_id for claim in state.attempt_claims.values())
    if records and state.assigned is None:
        known = list(claims(state))
        if len({payment_id for _, _, payment_id in known}) > 1:
            event_ids.update(event_id for _, event_id, _ in known)
            event_ids.update(record.event_id for record in records)
    if not event_ids:
        return None
    return new_break(
        KEY_KIND,
        state.reference_key,
        ("claim",),
        BreakClass.REFERENCE_CLAIMED_TWICE,
        currency=NO_CURRENCY,
        event_ids=event_ids,
    )

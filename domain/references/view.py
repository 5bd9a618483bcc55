"""A reference at an instant: who holds it, and its breaks (contract section 10)."""

from typing import ClassVar

import msgspec

from domain.breaks.model import Break
from domain.deadlines import next_deadline
from domain.decisions import decide
from domain.facts import ProcessorSettled, ReferenceResolution
from domain.ids import parts_of_key
from domain.policy import Policy
from domain.records import BreakClass, ReferenceReconciliation, ReferenceStatus
from domain.references.breaks import KEY_KIND, reference_breaks
from domain.references.state import ReferenceState, apply, holder, new_reference, tellings_in_order
from domain.time import Micros

__all__ = ["ReferenceState", "ReferenceView", "apply", "new_reference", "view"]


class ReferenceView(msgspec.Struct, frozen=True, gc=False):
    """A reference at an instant: a function of its facts, that instant and the policy alone."""

    key_kind: ClassVar[str] = KEY_KIND

    key: str
    """The reference_key."""
    reconciliation: ReferenceReconciliation | None
    """At version 0: `domain.publishing` numbers it. None without a record without payment id and without a break."""
    breaks: tuple[Break, ...]
    """The breaks whose condition holds, accepted ones included, by break id."""
    resolutions: tuple[ReferenceResolution, ...]
    """What the holder has by it, at revision 0; empty without a holder, and without records to hand over."""
    next_deadline: Micros | None
    """The next instant at which the view changes by the clock alone."""


def view(state: ReferenceState, now: Micros, policy: Policy) -> ReferenceView:
    """Derive the view of a reference at an instant."""
    if not state.tellings and len(state.attempt_claims) < 2:
        # The records of the attempt name their payment, and agree on it: nothing is to be resolved.
        return ReferenceView(state.reference_key, None, (), (), None)
    tellings = tellings_in_order(state)
    records = _that_hold(tellings)
    payment_id = holder(state)
    breaks, breaks_change_at = reference_breaks(state, records, payment_id, now, policy)
    breaks, decisions_change_at = decide(breaks, state.decisions, now, policy)
    resolutions: tuple[ReferenceResolution, ...] = ()
    if payment_id is not None and tellings:
        resolutions = (ReferenceResolution(payment_id, state.reference_key, 0, tellings),)
    return ReferenceView(
        key=state.reference_key,
        reconciliation=_reconciliation(state, records, payment_id, breaks) if records or breaks else None,
        breaks=breaks,
        resolutions=resolutions,
        next_deadline=next_deadline(breaks_change_at, decisions_change_at),
    )


def _that_hold(tellings: tuple[ProcessorSettled, ...]) -> tuple[ProcessorSettled, ...]:
    """Give the first telling of each identity; nothing that is filled in matters for a reference."""
    held: dict[tuple[str, str, str], ProcessorSettled] = {}
    for telling in tellings:
        held.setdefault((telling.processor_reference, telling.outcome, telling.movement_id or ""), telling)
    return tuple(held.values())


def _reconciliation(
    state: ReferenceState,
    records: tuple[ProcessorSettled, ...],
    payment_id: str | None,
    breaks: tuple[Break, ...],
) -> ReferenceReconciliation:
    processor, processor_reference = parts_of_key(state.reference_key)
    gross_minor: dict[str, int] = {}
    for record in records:
        if record.outcome == "SETTLED":
            gross_minor[record.currency] = gross_minor.get(record.currency, 0) + record.gross_minor
    open_breaks = [one for one in breaks if not one.is_accepted]
    if any(one.break_class is BreakClass.REFERENCE_CLAIMED_TWICE for one in open_breaks):
        status = ReferenceStatus.CLAIMED_TWICE
    else:
        status = ReferenceStatus.SUSPENSE if payment_id is None else ReferenceStatus.HELD
    return ReferenceReconciliation(
        processor=processor,
        processor_reference=processor_reference,
        version=0,
        payment_id=payment_id,
        status=status,
        records=len(records),
        gross_minor=dict(sorted(gross_minor.items())),
        open_breaks=tuple([one.break_id for one in open_breaks]),
    )

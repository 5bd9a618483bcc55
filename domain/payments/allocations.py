"""What a payment is for, and what its obligations get of it (contract section 4, "Where it goes")."""

from domain.facts import Allocation, PaymentApplication, Share
from domain.payments.state import Assignment, Initiation, PaymentState
from domain.payments.totals import PaymentTotals
from domain.records import AllocationView
from domain.time import Micros

Allotted = tuple[AllocationView, ...]
"""The allocations in force, each with the money that it gets; pending is what may be in flight, at whatever instant."""


def assignment_in_force(state: PaymentState) -> Assignment | None:
    """Give the assignment of the highest version, whenever it came; None: the initiation's own allocations hold."""
    return state.assignments[max(state.assignments)] if state.assignments else None


def allot(initiation: Initiation, assignment: Assignment | None, standing_minor: int, in_flight_minor: int) -> Allotted:
    """Give its money to each allocation in force.

    Standing money fills them in their order up to their amounts, then money in flight the room that is left; what is
    left of either goes to the last. Without any allocation everything is for the initiation's own obligation.

    Args:
        initiation: of the payment.
        assignment: the assignment in force, if any.
        standing_minor: what stands.
        in_flight_minor: what is in flight from the initiation until the settlement deadline.

    """
    allocations = initiation.allocations if assignment is None else assignment.allocations
    if allocations is None:
        return (
            AllocationView(
                initiation.obligation_id,
                initiation.installment_id,
                initiation.amount_minor,
                standing_minor,
                in_flight_minor,
            ),
        )
    allotted: list[AllocationView] = []
    last = len(allocations) - 1
    for place, allocation in enumerate(allocations):
        stands, flies = standing_minor, in_flight_minor
        if place < last:
            stands = min(stands, allocation.amount_minor)
            flies = min(flies, allocation.amount_minor - stands)
        standing_minor -= stands
        in_flight_minor -= flies
        allotted.append(_allotted(allocation, stands, flies))
    return tuple(allotted)


def _allotted(allocation: Allocation, stands: int, flies: int) -> AllocationView:
    return AllocationView(allocation.obligation_id, allocation.installment_id, allocation.amount_minor, stands, flies)


def without_pending(allotted: Allotted) -> Allotted:
    """Give the same allocations at an instant at which nothing is in flight."""
    return tuple(
        [
            AllocationView(one.obligation_id, one.installment_id, one.amount_minor, one.standing_minor, 0)
            for one in allotted
        ]
    )


def applications(
    state: PaymentState,
    totals: PaymentTotals,
    allotted: Allotted,
    assignment: Assignment | None,
    pending_until: Micros | None,
) -> tuple[PaymentApplication, ...]:
    """Give what the payment counts for at each obligation that an allocation in force names, or that was posted to.

    Args:
        state: the payment.
        totals: the totals of its facts.
        allotted: the allocations in force; none before the initiation.
        assignment: the assignment in force, if any.
        pending_until: the settlement deadline, if there may be money in flight.

    """
    initiation, posted = state.initiation, totals.posted
    if initiation is not None and len(allotted) == 1:
        only = allotted[0]
        obligation_id = only.obligation_id
        if not posted or (len(posted) == 1 and obligation_id in posted):
            shares = (Share(0, only.installment_id, only.standing_minor, only.pending_minor),)
            return (_application(state, initiation, totals, assignment, shares, obligation_id, pending_until),)
    by_obligation: dict[str, list[Share]] = {obligation_id: [] for obligation_id in posted}
    for place, one in enumerate(allotted):
        share = Share(place, one.installment_id, one.standing_minor, one.pending_minor)
        by_obligation.setdefault(one.obligation_id, []).append(share)
    return tuple(
        [
            PaymentApplication.of_postings(
                state.payment_id, obligation_id, totals.currency, _posted_to(totals, obligation_id), totals.rests_on
            )
            if initiation is None or not by_obligation[obligation_id]
            else _application(
                state,
                initiation,
                totals,
                assignment,
                tuple(by_obligation[obligation_id]),
                obligation_id,
                pending_until,
            )
            for obligation_id in sorted(by_obligation)
        ]
    )


def _posted_to(totals: PaymentTotals, obligation_id: str) -> dict[str, int]:
    """Give the live postings to an obligation, by currency in order."""
    posted = totals.posted.get(obligation_id)
    if posted is None:
        return {}
    return dict(sorted(posted.items())) if len(posted) > 1 else posted


def _application(
    state: PaymentState,
    initiation: Initiation,
    totals: PaymentTotals,
    assignment: Assignment | None,
    shares: tuple[Share, ...],
    obligation_id: str,
    pending_until: Micros | None,
) -> PaymentApplication:
    only = shares[0] if len(shares) == 1 else None
    if only is not None:
        stands, flies, installment_id = only.standing_minor, only.in_flight_minor, only.installment_id
    else:
        stands = sum([share.standing_minor for share in shares])
        flies = sum([share.in_flight_minor for share in shares])
        installment_id = None
    initiated_at = initiation.occurred_at
    return PaymentApplication(
        state.payment_id,
        obligation_id,
        0,
        True,
        initiated_at,
        totals.currency,
        installment_id,
        stands,
        flies,
        pending_until if flies else None,
        _posted_to(totals, obligation_id),
        totals.rests_on,
        initiation.event_id,
        shares,
        initiated_at if assignment is None else max(initiated_at, assignment.occurred_at),
        "" if assignment is None else assignment.event_id,
        initiation.property_id if assignment is None else None,
    )

"""Adjustments that are about single installments (contract section 5); most obligations have none.

A *dated* adjustment, one with a due date or a fee, is an installment of its own. Others name the installment that they
change. All other adjustments change only the balance.
"""

import msgspec

from domain.calendar import local_date
from domain.facts import Installment
from domain.obligations.state import Adjustment, Charge, ObligationState, Plan
from domain.time import Day


class SpecificAdjustments(msgspec.Struct, frozen=True, gc=False):
    """The adjustments in the charge's currency that are about single installments, under the plan in force."""

    dated: tuple[Installment, ...]
    """The dated adjustments as installments, in order of payment; their amounts are their own."""
    fees: frozenset[str]
    """The ids of those that are fees: rent goes before them."""
    of_planned: dict[str, int]
    """What adjustments change the installments of the plan by, together, by installment_id."""
    of_dated: dict[str, int]
    """What adjustments change dated ones by, together, by adjustment_id of the latter."""

    @property
    def dated_minor(self) -> int:
        """The part of the balance that the plan is not about: dated adjustments and what changes them."""
        return sum([each.amount_minor for each in self.dated]) + sum(self.of_dated.values())


def specific_adjustments(state: ObligationState, charge: Charge, plan: Charge | Plan) -> SpecificAdjustments | None:
    """Find the adjustments that are about single installments; None if there are none."""
    for one in state.adjustments.values():
        if one.installment_id is not None or one.is_dated:
            return _found(state, charge, plan)
    return None


def _found(state: ObligationState, charge: Charge, plan: Charge | Plan) -> SpecificAdjustments:
    planned = {each.installment_id for each in plan.installments} or {state.obligation_id}
    counting = {
        adjustment_id: one for adjustment_id, one in state.adjustments.items() if one.currency == charge.currency
    }
    dated = [
        Installment(adjustment_id, 0, one.amount_delta_minor, _due_date(one, charge))
        for adjustment_id, one in counting.items()
        if one.is_dated and adjustment_id not in planned
    ]
    dated.sort(key=_due_order)
    dated_ids = {each.installment_id for each in dated}
    of_planned: dict[str, int] = {}
    of_dated: dict[str, int] = {}
    for one in counting.values():
        named = one.installment_id
        if named is None:
            continue
        if named in planned:
            of_planned[named] = of_planned.get(named, 0) + one.amount_delta_minor
        elif named in dated_ids:
            of_dated[named] = of_dated.get(named, 0) + one.amount_delta_minor
    fees = frozenset([name for name in dated_ids if counting[name].kind == "FEE"])
    return SpecificAdjustments(tuple(dated), fees, of_planned, of_dated)


def _due_date(adjustment: Adjustment, charge: Charge) -> Day:
    """Give the due date of a dated adjustment: without one, a fee is due on the property's date of its time."""
    if adjustment.due_date is not None:
        return adjustment.due_date
    return local_date(adjustment.occurred_at, charge.time_zone)


def _due_order(installment: Installment) -> tuple[Day, str]:
    return installment.due_date, installment.installment_id

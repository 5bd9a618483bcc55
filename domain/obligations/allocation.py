"""Cash application (contract section 5): how the money of an obligation is allocated to its installments."""

from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from domain.facts import Installment
from domain.obligations.totals import ObligationTotals

Funds: TypeAlias = tuple[str, str | None, int]
"""Money to allocate: payment_id, the installment that the payment names, amount in minor units."""

AmountByPayment: TypeAlias = dict[str, int]
"""The money of an installment, in minor units by payment_id."""


class Allocation(msgspec.Struct, frozen=True, gc=False):
    """The money of an obligation by installment. Lists are in order of payment."""

    installments: tuple[Installment, ...]
    """Those of the plan in force. An empty plan is one installment of the whole balance, named like the obligation."""
    index_by_id: dict[str, int]
    """The index of each installment by its id."""
    amounts: list[int]
    """Their amounts, which add up to the balance."""
    paid: list[AmountByPayment]
    """Net settled money."""
    pending: list[AmountByPayment]
    """Money in flight."""
    unpaid: list[int]
    """What is left of the amounts after paid money."""
    uncovered: list[int]
    """What is left of the amounts after paid and pending money."""
    paid_minor: int
    """All net settled money, including the overpaid part."""
    pending_minor: int
    """All allocated pending money. Pending money never overpays: what has no place is left out."""
    overpaid_minor: int
    """Net settled money above what is owed."""


def allocate(obligation_id: str, totals: ObligationTotals) -> Allocation:
    """Allocate what payments count for to the installments: net settled money first, then pending money."""
    installments = totals.plan.installments or (Installment(obligation_id, 0, 0, totals.charge.due_date),)
    amounts = [installment.amount_minor for installment in installments]
    absorb_difference(amounts, totals.balance_minor)
    index_by_id = {installment.installment_id: index for index, installment in enumerate(installments)}

    paid: list[AmountByPayment] = [{} for _ in amounts]
    pending: list[AmountByPayment] = [{} for _ in amounts]
    settled: list[Funds] = []
    in_flight: list[Funds] = []
    for one in totals.payments:
        if one.standing_minor:
            settled.append((one.payment_id, one.application.installment_id, one.standing_minor))
        if one.pending_minor:
            in_flight.append((one.payment_id, one.application.installment_id, one.pending_minor))
    unpaid = amounts.copy()
    overpaid = allocate_named_first(unpaid, index_by_id, paid, settled) if settled else 0
    uncovered = unpaid
    unpaid_minor = uncovered_minor = sum(unpaid)
    if in_flight:
        uncovered = unpaid.copy()
        allocate_named_first(uncovered, index_by_id, pending, in_flight)
        uncovered_minor = sum(uncovered)
    return Allocation(
        installments=installments,
        index_by_id=index_by_id,
        amounts=amounts,
        paid=paid,
        pending=pending,
        unpaid=unpaid,
        uncovered=uncovered,
        paid_minor=sum(amounts) - unpaid_minor + overpaid,
        pending_minor=unpaid_minor - uncovered_minor,
        overpaid_minor=overpaid,
    )


def absorb_difference(amounts: list[int], balance_minor: int) -> None:
    """Make a plan's amounts, in order of payment, add up to the balance, in place.

    The last installment absorbs the difference. A shortage carries on backwards, never below 0. If the balance is
    below 0, all amounts become 0.
    """
    difference = balance_minor - sum(amounts)
    last = len(amounts) - 1
    while difference and last >= 0:
        absorbed = max(0, amounts[last] + difference)
        difference -= absorbed - amounts[last]
        amounts[last] = absorbed
        last -= 1


def allocate_named_first(
    remaining: list[int],
    index_by_id: dict[str, int],
    allocated: list[AmountByPayment],
    money: Sequence[Funds],
) -> int:
    """Allocate money to the installment it names first, and the rest by `allocate_oldest_first`.

    Args:
        remaining: what each installment still takes, in order of payment; reduced in place.
        index_by_id: the index of each installment by its id.
        allocated: the money of each installment; added to in place.
        money: what to allocate, in order of application.

    Returns:
        The amount left over, in minor units.

    """
    unnamed: list[Funds] = []
    for funds in money:
        payment_id, named, amount = funds
        index = None if named is None else index_by_id.get(named)
        if index is None:
            unnamed.append(funds)
            continue
        free = remaining[index]
        if free >= amount:
            remaining[index] = free - amount
            allocated[index][payment_id] = amount
            continue
        if free:
            remaining[index] = 0
            allocated[index][payment_id] = free
        unnamed.append((payment_id, None, amount - free))
    return allocate_oldest_first(remaining, allocated, unnamed) if unnamed else 0


def allocate_oldest_first(remaining: list[int], allocated: list[AmountByPayment], money: Sequence[Funds]) -> int:
    """Allocate money to the oldest due date first. This is policy: a jurisdiction with another order changes it here.

    Returns:
        The amount left over, in minor units.

    """
    index = 0
    left_over = 0
    for payment_id, _, amount in money:
        while amount and index < len(remaining):
            free = remaining[index]
            take = amount if amount < free else free
            if take:
                remaining[index] = free - take
                amount -= take  # noqa: PLW2901 - what is left of these funds
                allocated[index][payment_id] = take
            if take == free:
                index += 1
        left_over += amount
    return left_over

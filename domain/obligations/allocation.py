"""Cash application (contract section 5): how the money of an obligation is allocated to its installments."""

from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from domain.facts import Installment
from domain.obligations.adjustments import SpecificAdjustments
from domain.obligations.totals import CountingPayment, ObligationTotals
from domain.time import Day

Funds: TypeAlias = tuple[str, str | None, int]
"""Money to allocate: payment_id, the installment that its share names, amount in minor units."""

AmountByPayment: TypeAlias = dict[str, int]
"""The money of an installment, in minor units by payment_id."""


class Coverage(msgspec.Struct, frozen=True, gc=False):
    """How the money of an obligation covers its installments. Lists are in the order of the installments."""

    installments: tuple[Installment, ...]
    """Those of the plan in force and the dated adjustments, in order of due date.

    An empty plan is one installment of the whole balance, named like the obligation.
    """
    index_by_id: dict[str, int]
    """The index of each installment by its id."""
    amounts: list[int]
    """Their amounts, which add up to the balance, or to 0 where that is below 0."""
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
    """Net settled money above the balance, also where that is below 0: it is owed back."""


def allocate(obligation_id: str, totals: ObligationTotals) -> Coverage:
    """Allocate what payments count for to the installments: net settled money first, then pending money."""
    installments = totals.plan.installments or (Installment(obligation_id, 0, 0, totals.charge.due_date),)
    oldest_first: Sequence[int]
    if totals.specific is None:
        amounts = [installment.amount_minor for installment in installments]
        absorb_difference(amounts, totals.balance_minor)
        oldest_first = range(len(amounts))
    else:
        installments, amounts = _with_specific_adjustments(installments, totals.specific, totals.balance_minor)
        oldest_first = _fees_last(installments, totals.specific.fees)
    index_by_id = {installment.installment_id: index for index, installment in enumerate(installments)}

    paid: list[AmountByPayment] = [{} for _ in amounts]
    pending: list[AmountByPayment] = [{} for _ in amounts]
    settled: list[Funds] = []
    in_flight: list[Funds] = []
    paid_minor = 0
    for one in totals.payments:
        shares = one.application.shares
        standing = one.standing_minor
        paid_minor += standing
        if len(shares) > 1:
            _add_funds(one, settled, in_flight)
            continue
        if standing:
            settled.append((one.payment_id, shares[0].installment_id, standing))
        if one.pending_minor:
            in_flight.append((one.payment_id, shares[0].installment_id, one.pending_minor))
    unpaid = amounts.copy()
    if settled:
        allocate_named_first(unpaid, index_by_id, oldest_first, paid, settled)
    uncovered = unpaid
    pending_minor = 0
    if in_flight:
        uncovered = unpaid.copy()
        allocate_named_first(uncovered, index_by_id, oldest_first, pending, in_flight)
        pending_minor = sum(unpaid) - sum(uncovered)
    return Coverage(
        installments=installments,
        index_by_id=index_by_id,
        amounts=amounts,
        paid=paid,
        pending=pending,
        unpaid=unpaid,
        uncovered=uncovered,
        paid_minor=paid_minor,
        pending_minor=pending_minor,
        overpaid_minor=paid_minor - totals.balance_minor if paid_minor > totals.balance_minor else 0,
    )


def _add_funds(payment: CountingPayment, settled: list[Funds], in_flight: list[Funds]) -> None:
    """Add the money of a payment that has several allocations for the obligation, in the order of their places."""
    for share in payment.application.shares:
        if share.standing_minor:
            settled.append((payment.payment_id, share.installment_id, share.standing_minor))
        if share.in_flight_minor and payment.pending_minor:
            in_flight.append((payment.payment_id, share.installment_id, share.in_flight_minor))


def _with_specific_adjustments(
    planned: tuple[Installment, ...], specific: SpecificAdjustments, balance_minor: int
) -> tuple[tuple[Installment, ...], list[int]]:
    """Give the installments with the dated adjustments, and the amounts after all adjustments, in order of due date.

    What the installments and the balance differ by goes to the plan's last installment. A shortage is taken from the
    plan's installments backwards, then from dated adjustments backwards; so the latter are put before the former.
    """
    of_planned, of_dated = specific.of_planned, specific.of_dated
    amounts = [max(0, each.amount_minor + of_dated.get(each.installment_id, 0)) for each in specific.dated]
    amounts += [max(0, each.amount_minor + of_planned.get(each.installment_id, 0)) for each in planned]
    absorb_difference(amounts, balance_minor)
    first_planned = len(specific.dated)
    both = [
        *zip(planned, amounts[first_planned:], strict=True),
        *zip(specific.dated, amounts[:first_planned], strict=True),
    ]
    both.sort(key=_due_date)  # stable: of one day, the plan's are first
    return tuple([installment for installment, _ in both]), [amount for _, amount in both]


def _due_date(installment_and_amount: tuple[Installment, int]) -> Day:
    return installment_and_amount[0].due_date


def _fees_last(installments: tuple[Installment, ...], fees: frozenset[str]) -> list[int]:
    """Give the indexes of the installments in the order in which unnamed money fills them.

    Fees come after everything else, whatever their date: in several states rent money may not be taken for fees (RCW
    59.18.283, ORS 90.220, N.C.G.S. 42-46, C.R.S. 38-12-105).
    """
    return sorted(range(len(installments)), key=lambda index: installments[index].installment_id in fees)


def absorb_difference(amounts: list[int], balance_minor: int) -> None:
    """Make the amounts of installments add up to the balance, in place.

    The last one absorbs the difference. A shortage carries on backwards, never below 0. If the balance is below 0, all
    amounts become 0.
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
    oldest_first: Sequence[int],
    allocated: list[AmountByPayment],
    money: Sequence[Funds],
) -> None:
    """Allocate money to the installment it names first, and the rest by `allocate_oldest_first`.

    Args:
        remaining: what each installment still takes; reduced in place.
        index_by_id: the index of each installment by its id.
        oldest_first: the indexes in the order in which unnamed money fills the installments.
        allocated: the money of each installment; added to in place.
        money: what to allocate, in order of application.

    """
    unnamed: list[Funds] = []
    for funds in money:
        payment_id, named, amount = funds
        index = None if named is None else index_by_id.get(named)
        if index is None:
            unnamed.append(funds)
            continue
        free = remaining[index]
        take = amount if amount < free else free
        if take:
            remaining[index] = free - take
            of_payment = allocated[index]
            of_payment[payment_id] = of_payment[payment_id] + take if payment_id in of_payment else take
        if take < amount:
            unnamed.append((payment_id, None, amount - take))
    if unnamed:
        allocate_oldest_first(remaining, oldest_first, allocated, unnamed)


def allocate_oldest_first(
    remaining: list[int], oldest_first: Sequence[int], allocated: list[AmountByPayment], money: Sequence[Funds]
) -> None:
    """Allocate money to the oldest due date first. This is policy: a jurisdiction with another order changes it here.

    There is some money; what has no place is left out.
    """
    queue = iter(money)
    payment_id, _, amount = next(queue)
    for index in oldest_first:
        free = remaining[index]
        while free:
            take = amount if amount < free else free
            of_payment = allocated[index]
            of_payment[payment_id] = of_payment[payment_id] + take if payment_id in of_payment else take
            remaining[index] = free = free - take
            amount -= take
            if not amount:
                following = next(queue, None)
                if following is None:
                    return
                payment_id, _, amount = following

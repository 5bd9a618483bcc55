"""How an obligation's money is spread over its installments (contract section 5)."""

from typing import TypeAlias

Claim: TypeAlias = tuple[str, str | None, int]
"""Money that wants a place: payment_id, the installment it names, amount in minor units."""

Allocation: TypeAlias = dict[str, int]
"""What an installment got, by payment_id."""


def absorb_difference(amounts: list[int], balance_minor: int) -> None:
    """Make a plan's amounts, in order of payment, add up to the balance, in place.

    The last installment carries the difference; a shortage goes on backwards, never below 0. Where the balance is
    below 0, all amounts become 0.
    """
    difference = balance_minor - sum(amounts)
    last = len(amounts) - 1
    while difference and last >= 0:
        carried = max(0, amounts[last] + difference)
        difference -= carried - amounts[last]
        amounts[last] = carried
        last -= 1


def allocate(remaining: list[int], place: dict[str, int], allocations: list[Allocation], claims: list[Claim]) -> int:
    """Allocate money to installments: to the installment it names first, the rest by `allocate_oldest_first`.

    Args:
        remaining: the amount each installment still takes, in order of payment; reduced in place.
        place: the index of each installment by its id.
        allocations: the money of each installment; added to in place.
        claims: the money, in the order of application.

    Returns:
        The amount left over, in minor units.

    """
    unnamed: list[Claim] = []
    for claim in claims:
        payment_id, name, amount = claim
        index = None if name is None else place.get(name)
        if index is None:
            unnamed.append(claim)
            continue
        take = min(remaining[index], amount)
        if take:
            remaining[index] -= take
            allocations[index][payment_id] = take
        if amount > take:
            unnamed.append((payment_id, None, amount - take))
    return allocate_oldest_first(remaining, allocations, unnamed) if unnamed else 0


def allocate_oldest_first(remaining: list[int], allocations: list[Allocation], claims: list[Claim]) -> int:
    """Fill the oldest due date first. This is the policy: a jurisdiction that wants another order changes it here.

    Returns:
        What found no place, in minor units.

    """
    index = 0
    left_over = 0
    for payment_id, _, amount in claims:
        while amount and index < len(remaining):
            take = min(remaining[index], amount)
            if take:
                remaining[index] -= take
                amount -= take  # noqa: PLW2901 - what is left of this claim
                allocations[index][payment_id] = take
            if not remaining[index]:
                index += 1
        left_over += amount
    return left_over

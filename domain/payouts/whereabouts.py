"""Where the money of payouts is: collected = on the account + under way + unexplained (contract section 11)."""

from typing import NamedTuple

from domain.records import PayoutStatus

KNOWN_TO_BE_ELSEWHERE = frozenset(
    (PayoutStatus.COLLECTING, PayoutStatus.IN_TRANSIT, PayoutStatus.FAILED, PayoutStatus.CANCELLED)
)
"""The statuses of payouts whose money is with the processor or between the banks, in time and without a break."""


class PayoutMoney(NamedTuple):
    """Where the money of one payout is, in minor units of its currency."""

    collected_minor: int
    """Its lines, net of fees, and what in it belongs to no payment."""
    on_account_minor: int
    """Its bank entries."""
    under_way_minor: int
    """With the processor or between the banks, in time."""


def payout_money(*, status: str, lines_minor: int, other_minor: int, deposited_minor: int) -> PayoutMoney | None:
    """Where the money of a payout is, by its reconciliation; None where its report names no account.

    Without an account it is reconciled without a deposit, and nobody can say where the money came.
    """
    collected = lines_minor + other_minor
    if status == PayoutStatus.RECONCILED and deposited_minor != collected:
        return None
    under_way = collected - deposited_minor if status in KNOWN_TO_BE_ELSEWHERE else 0
    return PayoutMoney(collected, deposited_minor, under_way)

"""How the money of a payment moves: its attempts, refunds and chargebacks gone through in order (contract section 4).

Everything here is in the payment's currency: facts in another take no part.
"""

from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

from domain.time import Micros

Movement: TypeAlias = tuple[Micros, int, str, str, int]
"""`occurred_at`, the order of its outcome within an instant, processor_reference, movement_id, and the amount."""

ORDER_WITHIN_INSTANT = {
    "FAILED": 0,
    "SETTLED": 1,
    "RETURNED": 2,
    "RETURN_REVERSED": 3,
    "REFUNDED": 0,
    "REFUND_REVERSED": 1,
    "CHARGEBACK": 0,
    "CHARGEBACK_REVERSED": 1,
}
"""By outcome. FAILED before SETTLED, so that a retry at the same instant has succeeded."""
_FAILED, _SETTLED, _RETURNED, _RETURN_REVERSED = range(4)
_TAKEN = 0


class AttemptSum(NamedTuple):
    """What an attempt came to."""

    live_minor: int
    """What it collected and still has."""
    back_minor: int
    """What a return or a failure took back."""
    excess_minor: int
    """What reversed returns gave back beyond what returns had taken."""
    settlements: int
    """How many SETTLED it has."""
    failed: bool
    """A FAILED stands: no SETTLED follows it."""


def go_through_attempt(movements: Iterable[Movement]) -> AttemptSum:
    """Add up the SETTLED, FAILED, RETURNED and RETURN_REVERSED of one attempt.

    A return takes back what it says, at most what is live; what it lacks is owed by the settlements that follow.
    """
    live = back = owed = excess = settlements = 0
    failed = False
    for _, order, _, _, gross in sorted(movements):
        if order == _SETTLED:
            settlements += 1
            failed = False
            live += gross
            taken = min(owed, live)
            owed -= taken
            live -= taken
            back += taken
        elif order == _FAILED:
            failed = True
            back += live
            live = 0
        elif order == _RETURNED:
            taken = min(gross, live)
            live -= taken
            back += taken
            owed += gross - taken
        else:
            forgiven = min(gross, owed)
            owed -= forgiven
            given = min(gross - forgiven, back)
            back -= given
            live += given
            excess += gross - forgiven - given
    return AttemptSum(live, back, excess, settlements, failed)


def go_through_refunds(movements: Iterable[Movement]) -> tuple[int, int]:
    """Add up the REFUNDED and REFUND_REVERSED of a payment.

    Returns:
        What is refunded, and what reversed refunds gave back beyond what refunds had taken.

    """
    refunded = excess = 0
    for _, order, _, _, gross in sorted(movements):
        if order == _TAKEN:
            refunded += gross
        else:
            given = min(gross, refunded)
            refunded -= given
            excess += gross - given
    return refunded, excess


class ChargebackSum(NamedTuple):
    """What the chargebacks of a payment came to."""

    charged_back_minor: int
    above_gross_minor: int
    """Chargebacks above all that settled, less what reversals took back of them."""
    excess_minor: int
    """What reversed chargebacks gave back beyond what chargebacks had taken."""


def go_through_chargebacks(movements: Iterable[Movement], gross_minor: int | None) -> ChargebackSum:
    """Add up the CHARGEBACK and CHARGEBACK_REVERSED of a payment.

    Args:
        movements: both outcomes, in any order.
        gross_minor: what settled, which the sum never exceeds; None while no SETTLED is known.

    """
    charged_back = above = excess = 0
    for _, order, _, _, gross in sorted(movements):
        if order == _TAKEN:
            taken = gross if gross_minor is None else min(gross, gross_minor - charged_back)
            charged_back += taken
            above += gross - taken
        else:
            given = min(gross, charged_back)
            charged_back -= given
            from_above = min(gross - given, above)
            above -= from_above
            excess += gross - given - from_above
    return ChargebackSum(charged_back, above, excess)

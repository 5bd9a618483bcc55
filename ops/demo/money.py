"""Where the money is: from the rents that were collected to the bank account (contract section 11)."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from domain.formatting import amount_text
from domain.records import BreakClass, PayoutStatus
from simulator.truth_facts import Row

KNOWN_TO_BE_ELSEWHERE = frozenset(
    (PayoutStatus.COLLECTING, PayoutStatus.IN_TRANSIT, PayoutStatus.FAILED, PayoutStatus.CANCELLED)
)
"""The statuses of payouts whose money is with the processor or between the banks, in time and without a break."""


class Whereabouts(NamedTuple):
    """Where the money of a currency is, in minor units. `collected` is the sum of the next three."""

    currency: str
    collected_minor: int
    """The lines of payouts, net of fees, and what in them belongs to no payment; not of those to an unnamed account."""
    on_account_minor: int
    """The bank entries of payouts."""
    under_way_minor: int
    """With the processor or between the banks, in time."""
    unexplained_minor: int
    """Not on the account, though it should be, and on it, though it should not be."""
    entries_minor: int
    """The bank entries that belong to no payout."""

    @property
    def text(self) -> str:
        """The whereabouts in a sentence."""
        _, collected, on_account, under_way, unexplained, entries = (
            each if isinstance(each, str) else amount_text(each, self.currency) for each in self
        )
        return (
            f"Of {collected} collected, net of fees, {on_account} is on the account, {under_way} is under way, "
            f"{unexplained} nobody can explain; {entries} on the account belongs to no payout."
        )


def whereabouts(payouts: Iterable[Row], open_breaks: Iterable[Row]) -> Whereabouts | None:
    """Add up where the money is, in the currency of most payouts; None without payouts.

    Args:
        payouts: rows of `payout-reconciliations`.
        open_breaks: rows of `mismatch-alerts`.

    """
    rows = list(payouts)
    if not rows:
        return None
    currency = Counter(row["currency"] for row in rows).most_common(1)[0][0]
    collected = on_account = under_way = 0
    for row in rows:
        if row["currency"] != currency:
            continue
        of_payout = row["lines_minor"] + row["other_minor"]
        if row["status"] == PayoutStatus.RECONCILED and row["deposited_minor"] != of_payout:
            continue  # its report names no account: by the contract it is reconciled without a deposit
        collected += of_payout
        on_account += row["deposited_minor"]
        if row["status"] in KNOWN_TO_BE_ELSEWHERE:
            under_way += of_payout - row["deposited_minor"]
    entries = sum(
        row["actual_minor"]
        for row in open_breaks
        if row["class"] == BreakClass.BANK_ENTRY_UNEXPLAINED and row["currency"] == currency
    )
    unexplained = collected - on_account - under_way
    return Whereabouts(currency, collected, on_account, under_way, unexplained, entries)

"""Where the money is: from the rents that were collected to the bank account (contract section 11)."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from domain.formatting import amount_text
from domain.payouts.whereabouts import payout_money
from domain.records import BreakClass
from simulator.truth_facts import Row


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
        money = payout_money(
            status=row["status"],
            lines_minor=row["lines_minor"],
            other_minor=row["other_minor"],
            deposited_minor=row["deposited_minor"],
        )
        if money is None:
            continue
        collected += money.collected_minor
        on_account += money.on_account_minor
        under_way += money.under_way_minor
    entries = sum(
        row["actual_minor"]
        for row in open_breaks
        if row["class"] == BreakClass.BANK_ENTRY_UNEXPLAINED and row["currency"] == currency
    )
    unexplained = collected - on_account - under_way
    return Whereabouts(currency, collected, on_account, under_way, unexplained, entries)

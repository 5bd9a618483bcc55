"""Rows of a Stripe report that belong together: a charge and its partial capture."""

from msgspec.structs import replace

from connectors.rows import TextRow
from domain.facts import ProcessorSettled


class Settlement:
    """A settlement record, and the rows that it comes from.

    Args:
        row: the row.
        fact: the record; its gross is that of the row without its sign.
        gross: the row's gross, signed, in the currency of the balance.

    """

    __slots__ = ("captured", "fact", "gross", "row", "rows")

    def __init__(self, row: TextRow, fact: ProcessorSettled, gross: int) -> None:
        self.row = row
        self.rows = [row]
        self.fact = fact
        self.gross = gross
        self.captured = gross > 0
        """The charge itself is among the rows, not only what takes back a part of it."""

    def same_currencies(self, other: "Settlement") -> bool:
        """Whether both are in the same currencies, so that they can be added."""
        mine, its = self.fact, other.fact
        return (mine.currency, mine.settlement_currency) == (its.currency, its.settlement_currency)

    def joined(self, other: "Settlement") -> "Settlement":
        """Add two rows of one charge; the record is the charge's, its amounts are sums."""
        charge, part = (self, other) if self.captured else (other, self)
        fact = replace(
            charge.fact,
            gross_minor=charge._signed() + part._signed(),
            fee_minor=(charge.fact.fee_minor or 0) + (part.fact.fee_minor or 0),
            net_minor=(charge.fact.net_minor or 0) + (part.fact.net_minor or 0),
        )
        found = Settlement(charge.row, fact, charge.gross + part.gross)
        found.rows = [*charge.rows, *part.rows]
        found.captured = charge.captured
        return found

    def _signed(self) -> int:
        return self.fact.gross_minor if self.captured else -abs(self.fact.gross_minor)

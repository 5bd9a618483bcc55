"""Rows of a Stripe report that belong together: a charge and its partial capture, a payout and its lines."""

from dataclasses import dataclass, field

from msgspec.structs import replace

from connectors.rows import TextRow
from domain.facts import PayoutOutcome, ProcessorSettled
from domain.time import Day, Micros


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


@dataclass(slots=True)
class PayoutLines:
    """What a file has of a payout, in one currency."""

    lines_minor: int = 0
    """Σ net of the settlement records."""
    other_minor: int = 0
    """Σ net of what belongs to no payment."""
    count: int = 0
    value_date: Day | None = None
    latest: Micros = 0
    stated: TextRow | None = None
    status: PayoutOutcome = "PAID"
    stated_at: Micros = 0
    arrival: Day | None = None
    bank_reference: str | None = None
    _amounts: tuple[int, int, int] = field(default=(0, 0, 0))

    @property
    def has_lines(self) -> bool:
        """The file has lines of it."""
        return self.count > 0

    def add(self, what: str, net: int, value_date: Day | None, occurred_at: Micros) -> None:
        """Add a line: of a payment ("lines"), or not ("other")."""
        if what == "lines":
            self.lines_minor += net
        else:
            self.other_minor += net
        self.count += 1
        self.latest = max(self.latest, occurred_at)
        if self.value_date is None:
            self.value_date = value_date

    def state(
        self, row: TextRow, status: PayoutOutcome, gross: int, fee: int, net: int, at: Micros, arrival: Day | None
    ) -> None:
        """Take the row of the payout itself."""
        self.stated, self.status, self.stated_at, self.arrival = row, status, at, arrival
        self._amounts = gross, fee, net

    def amount(self) -> tuple[int | None, int]:
        """The money that the bank gets, and the fee of the payout itself.

        A payout leaves the balance, so Stripe writes it below 0, and one that is taken from us above; some exports
        write it as the bank sees it. The lines decide; without any, Stripe's way holds for what is below 0, and of
        what is above nobody knows. Where gross and fee make up net, the fee is that of an instant payout: the bank gets
        the gross. Otherwise the net counts.
        """
        gross, fee, net = self._amounts
        money = net
        if fee and gross - fee == net:
            money = gross
        else:
            fee = 0
        total = self.lines_minor + self.other_minor
        if money < 0 and (not total or total > 0):
            return -money, fee
        if not total:
            return None, fee
        return (abs(money) if total > 0 else -abs(money)), fee

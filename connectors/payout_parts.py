"""What files say of a payout: its lines, and what states it. They may be in one file or in several."""

from collections.abc import Iterable

import msgspec

from domain.facts import PayoutOutcome, PayoutReported
from domain.time import Day, Micros


class PayoutPart(msgspec.Struct, frozen=True, array_like=True):
    """A line of a payout."""

    part_id: str
    """The processor's id of the line, so that a line that is in two files counts once."""
    net_minor: int
    """What it adds to the payout."""
    is_payment: bool
    """Whether it is a settlement record. Otherwise it belongs to no payment (`other_minor`)."""
    value_date: Day | None
    """The day on which the payout arrives, where the line says so."""


class PayoutStatement(msgspec.Struct, frozen=True, array_like=True):
    """The row of the payout itself; amounts as they are in the file."""

    status: PayoutOutcome
    gross_minor: int
    fee_minor: int
    net_minor: int
    at: Micros
    arrival: Day
    account_id: str | None
    bank_reference: str | None


class PayoutParts(msgspec.Struct):
    """What is known of a payout in one currency."""

    processor: str
    payout_id: str
    currency: str
    lines: dict[str, PayoutPart] = {}
    """By part_id."""
    statements: list[PayoutStatement] = []
    """Different ones only: a later file may know the bank's reference."""

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells payouts apart."""
        return self.processor, self.payout_id, self.currency

    @property
    def lines_minor(self) -> int:
        """Σ net of the settlement records."""
        return sum(line.net_minor for line in self.lines.values() if line.is_payment)

    @property
    def other_minor(self) -> int:
        """Σ net of what belongs to no payment."""
        return sum(line.net_minor for line in self.lines.values() if not line.is_payment)

    @property
    def value_date(self) -> Day | None:
        """The earliest day that a line gives: the same in whatever order the files come."""
        return min((line.value_date for line in self.lines.values() if line.value_date is not None), default=None)

    def merge(self, other: "PayoutParts") -> list[str]:
        """Take over what another file has of the same payout.

        Returns:
            The ids of lines that are known with another amount; the known one stays.

        """
        differing = []
        for part_id, line in other.lines.items():
            known = self.lines.setdefault(part_id, line)
            if (known.net_minor, known.is_payment) != (line.net_minor, line.is_payment):
                differing.append(part_id)
        self.statements += [statement for statement in other.statements if statement not in self.statements]
        return differing

    def amount(self, statement: PayoutStatement) -> tuple[int | None, int]:
        """The money that the bank gets, None if nothing says whether it is given or taken; the payout's own fee.

        A payout leaves the balance, so Stripe writes it below 0, and one that is taken from us above; some exports
        write it as the bank sees it. The lines decide; without any, Stripe's way holds for what is below 0, and of
        what is above nobody knows. Where gross and fee make up net, the fee is that of an instant payout: the bank gets
        the gross. Otherwise the net counts.
        """
        money, fee = statement.net_minor, 0
        if statement.fee_minor and statement.gross_minor - statement.fee_minor == statement.net_minor:
            money, fee = statement.gross_minor, statement.fee_minor
        total = self.lines_minor + self.other_minor
        if money < 0 and (not total or total > 0):
            return -money, fee
        if not total:
            return None, fee
        return (abs(money) if total > 0 else -abs(money)), fee

    def is_complete(self, statement: PayoutStatement) -> bool:
        """Whether the known lines come to what is stated."""
        amount, fee = self.amount(statement)
        return bool(self.lines) and amount is not None and amount + fee == self.lines_minor + self.other_minor


def merged(payouts: Iterable[PayoutParts]) -> tuple[dict[tuple[str, str, str], PayoutParts], list[str]]:
    """The payouts of several files, each once, and the ids of lines that differ between files."""
    found: dict[tuple[str, str, str], PayoutParts] = {}
    differing: list[str] = []
    for one in payouts:
        known = found.get(one.key)
        if known is None:
            found[one.key] = PayoutParts(*one.key, dict(one.lines), list(one.statements))
        else:
            differing += known.merge(one)
    return found, differing


def waits_note(payout_id: str) -> str:
    """How a note begins that says why a payout waits; it is dropped where the payout is reported after all."""
    return f"payout {payout_id} waits:"


class Completed(msgspec.Struct):
    """What has become of payouts that waited."""

    facts: list[PayoutReported] = []
    notes: list[str] = []

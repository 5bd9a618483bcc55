"""How long the parts of a payment may take, and which differences two people accept: the domain's policy."""

from functools import cached_property
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from domain.currencies import EXPONENTS
from domain.policy import Policy
from domain.time import MINUTE

_BankingDays = Annotated[int, Field(ge=0, le=365)]
_Minutes = Annotated[int, Field(ge=0, le=525_600)]


OTHERS = "*"
"""Stands for all currencies that are not named."""


def thresholds(text: str) -> dict[str, int]:
    """Read amounts by currency, such as `USD=100000,*=50000`.

    Raises:
        ValueError: the text is something else; the message says what is wrong.

    """
    found: dict[str, int] = {}
    for part in text.split(","):
        currency, separator, amount = (each.strip() for each in part.partition("="))
        if not separator or not (amount.isascii() and amount.isdigit()):
            raise ValueError(f"{part.strip()!r} is not CURRENCY=MINOR_UNITS; write it as in USD=100000,*=50000")
        if currency != OTHERS and currency not in EXPONENTS:
            raise ValueError(f"{currency!r} is no ISO 4217 currency; {OTHERS} stands for all that are not named")
        if currency in found:
            raise ValueError(f"{currency} is there twice")
        found[currency] = int(amount)
    return found


def _thresholds(text: str) -> str:
    thresholds(text)
    return text


class DeadlineSettings(BaseModel):
    """Windows for settlements by method, postings, references and payouts, and the size of what two people accept."""

    settlement_banking_days_ach_debit: _BankingDays = Field(
        5, description="ACH_DEBIT must settle within these banking days"
    )
    settlement_banking_days_card: _BankingDays = Field(2, description="CARD must settle within these banking days")
    settlement_banking_days_check: _BankingDays = Field(10, description="CHECK must settle within these banking days")
    settlement_banking_days_cash: _BankingDays = Field(1, description="CASH must settle within these banking days")
    settlement_minutes_instant: _Minutes = Field(60, description="INSTANT must settle within these minutes")
    posting_banking_days: _BankingDays = Field(1, description="a settlement must be posted within these banking days")
    orphan_grace_minutes: _Minutes = Field(30, description="how long a record may wait for the one it refers to")
    payout_composition_banking_days: _BankingDays = Field(
        1, description="the lines of a payout must add up within these banking days after its report"
    )
    payout_deposit_banking_days: _BankingDays = Field(
        2,
        description="a payout must be on the bank account within these banking days after its arrival date, and a bank "
        "entry must find its payout within them",
    )
    payout_unreported_banking_days: _BankingDays = Field(
        10,
        description="a payout must be reported within these banking days after its latest line or bank entry; while "
        "the net of a line is not known, its lines must add up within them",
    )
    four_eyes_minor: Annotated[str, AfterValidator(_thresholds)] = Field(
        "USD=100000,JPY=150000,*=100000",
        description="the difference, in minor units by currency, from which on an acceptance needs a second person; "
        "`*` stands for all others",
    )

    @cached_property
    def policy(self) -> Policy:
        """The deadlines and thresholds, as the domain takes them."""
        return Policy(
            settlement_banking_days_ach_debit=self.settlement_banking_days_ach_debit,
            settlement_banking_days_card=self.settlement_banking_days_card,
            settlement_banking_days_check=self.settlement_banking_days_check,
            settlement_banking_days_cash=self.settlement_banking_days_cash,
            settlement_micros_instant=self.settlement_minutes_instant * MINUTE,
            posting_banking_days=self.posting_banking_days,
            orphan_grace_micros=self.orphan_grace_minutes * MINUTE,
            payout_composition_banking_days=self.payout_composition_banking_days,
            payout_deposit_banking_days=self.payout_deposit_banking_days,
            payout_unreported_banking_days=self.payout_unreported_banking_days,
            four_eyes_minor=thresholds(self.four_eyes_minor),
        )

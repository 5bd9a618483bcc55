"""How long the parts of a payment may take: the domain's policy."""

from functools import cached_property
from typing import Annotated

from pydantic import BaseModel, Field

from domain.policy import Policy
from domain.time import MINUTE

_BankingDays = Annotated[int, Field(ge=0, le=365)]
_Minutes = Annotated[int, Field(ge=0, le=525_600)]


class DeadlineSettings(BaseModel):
    """Settlement windows by method, posting, and waiting for references."""

    settlement_banking_days_ach_debit: _BankingDays = Field(
        5, description="ACH_DEBIT must settle within these banking days"
    )
    settlement_banking_days_card: _BankingDays = Field(2, description="CARD must settle within these banking days")
    settlement_banking_days_check: _BankingDays = Field(10, description="CHECK must settle within these banking days")
    settlement_banking_days_cash: _BankingDays = Field(1, description="CASH must settle within these banking days")
    settlement_minutes_instant: _Minutes = Field(60, description="INSTANT must settle within these minutes")
    posting_banking_days: _BankingDays = Field(1, description="a settlement must be posted within these banking days")
    orphan_grace_minutes: _Minutes = Field(30, description="how long a record may wait for the one it refers to")

    @cached_property
    def policy(self) -> Policy:
        """The deadlines, as the domain takes them."""
        return Policy(
            settlement_banking_days_ach_debit=self.settlement_banking_days_ach_debit,
            settlement_banking_days_card=self.settlement_banking_days_card,
            settlement_banking_days_check=self.settlement_banking_days_check,
            settlement_banking_days_cash=self.settlement_banking_days_cash,
            settlement_micros_instant=self.settlement_minutes_instant * MINUTE,
            posting_banking_days=self.posting_banking_days,
            orphan_grace_micros=self.orphan_grace_minutes * MINUTE,
        )

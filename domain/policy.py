"""The deadlines of contract section 4. Each is a setting."""

import msgspec

from domain.time import MINUTE


class Policy(msgspec.Struct, frozen=True):
    """How long settlement, posting and initiation may take. Defaults are the contract's."""

    settlement_banking_days_ach_debit: int = 5
    settlement_banking_days_card: int = 2
    settlement_banking_days_check: int = 10
    settlement_banking_days_cash: int = 1
    settlement_micros_instant: int = 60 * MINUTE
    posting_banking_days: int = 1
    orphan_grace_micros: int = 30 * MINUTE

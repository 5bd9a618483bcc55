"""The deadlines of contract sections 4 and 11 and the threshold of section 12. Each is a setting."""

import msgspec

from domain.time import MINUTE


class Policy(msgspec.Struct, frozen=True):
    """How long settlement, posting, initiation and payout may take. Defaults are the contract's."""

    settlement_banking_days_ach_debit: int = 5
    settlement_banking_days_card: int = 2
    settlement_banking_days_check: int = 10
    settlement_banking_days_cash: int = 1
    settlement_micros_instant: int = 60 * MINUTE
    posting_banking_days: int = 1
    orphan_grace_micros: int = 30 * MINUTE
    payout_composition_banking_days: int = 1
    """After the report of a payout: its lines add up."""
    payout_deposit_banking_days: int = 2
    """After the arrival of a payout, or the booking of an entry: the other one is known."""
    payout_unreported_banking_days: int = 10
    """After the latest line or entry of a payout: it is reported. A line without a net is waited for as long."""
    four_eyes_minor: dict[str, int] = msgspec.field(
        default_factory=lambda: {"USD": 100_000, "JPY": 150_000, "*": 100_000}
    )
    """By currency, `*` for all others: an acceptance of a drift of this size or more needs a second person (contract
    section 12)."""

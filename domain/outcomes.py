"""A settlement record among the records of its key: a payment keeps it as an outcome, a payout as a line."""

from typing import Protocol, cast

from domain.facts import Outcome, ProcessorSettled

REASON_CHARACTERS = 16
"""A reason code is cut to this length. NACHA's have three characters, but an input may say anything."""

OF_SETTLEMENT = ("fee_minor", "net_minor", "settlement_currency")
"""The fields that are filled in together, from one record (contract section 3)."""


class OfSettlement(Protocol):
    """A record with a fee and a net."""

    fee_minor: int | None
    net_minor: int | None
    currency: str
    settlement_currency: str | None


def outcome_name(fact: ProcessorSettled) -> str:
    """Give the name of a record among those of its reference: its outcome, or `outcome/movement_id`."""
    return f"{fact.outcome}/{fact.movement_id}" if fact.movement_id else fact.outcome


def parts_of_outcome(name: str) -> tuple[Outcome, str]:
    """Give outcome and movement_id, or "", of such a name."""
    outcome, _, movement_id = name.partition("/")
    return cast(Outcome, outcome), movement_id


def cut_reason(fact: ProcessorSettled) -> str | None:
    """Give the reason code as it is kept."""
    return fact.reason_code if fact.reason_code is None else fact.reason_code[:REASON_CHARACTERS]


def currency_of_net(record: OfSettlement) -> str:
    """Give the currency of fee and net."""
    return record.settlement_currency or record.currency


def may_fill_in(held: OfSettlement, other: OfSettlement, names: tuple[str, ...]) -> bool:
    """Whether fields may be filled in: fee and net of two settlement currencies do not mix (contract section 3)."""
    if names[0] not in OF_SETTLEMENT:
        return True
    says_nothing = held.fee_minor is None and held.net_minor is None and held.settlement_currency is None
    return says_nothing or currency_of_net(held) == currency_of_net(other)

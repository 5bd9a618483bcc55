"""What the read model answers to the gateway: records with what the projector adds to them, pages and counts."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, NamedTuple, TypeVar

from domain.facts import BreakDecided
from domain.records import MismatchAlert, PaymentReconciliation, ReferenceReconciliation
from domain.time import Day

T = TypeVar("T")


class PaymentRow(NamedTuple):
    """A payment, and the properties and tenants of its obligations, sorted."""

    payment: PaymentReconciliation
    property_ids: tuple[str, ...]
    tenant_ids: tuple[str, ...]


class ReferenceRow(NamedTuple):
    """A reference, and the properties and tenants of the payment that holds it, sorted."""

    reference: ReferenceReconciliation
    property_ids: tuple[str, ...]
    tenant_ids: tuple[str, ...]


class BreakRow(NamedTuple):
    """A break, and the properties and tenants of its key, sorted."""

    alert: MismatchAlert
    property_ids: tuple[str, ...]
    tenant_ids: tuple[str, ...]


class DecisionRow(NamedTuple):
    """A decision about a break."""

    decision: BreakDecided
    withdrawn: bool
    """Whether a WITHDRAW that counts takes it back."""
    property_ids: tuple[str, ...]


class IdHit(NamedTuple):
    """Something that has an id, or the start of one, that was looked for."""

    kind: str
    """`payment`, `obligation`, `break`, `tenant`, `lease`, `property`, `reference`, `payout` or `bank_entry`."""
    id: str
    """Its key; of two parts for a reference, a payout and a bank entry."""
    text: str
    """What it is, in a line."""


@dataclass(frozen=True, slots=True)
class RowPage(Generic[T]):
    """A part of a list."""

    rows: list[T]
    cursors: list[str]
    """The position of each row; the last one continues the list."""
    has_next: bool
    """Whether there are rows after this page."""


class Count(NamedTuple):
    """How many rows a list has."""

    value: int
    at_least: bool
    """Whether there may be more: counting stops at `COUNT_MAX`."""


COUNT_MAX = 10_001


class BreakAge(StrEnum):
    """How long ago a break opened, in whole hours from the UTC hour in which it did."""

    HOURS_24 = "hours_24"
    DAYS_7 = "days_7"
    DAYS_30 = "days_30"
    OLDER = "older"


class BreakTotal(NamedTuple):
    """The open breaks that agree in all but their money, in minor units."""

    break_class: str
    priority: int
    currency: str
    age: BreakAge
    decision: str | None
    breaks: int
    gross_minor: int
    """The sum of |drift|."""
    net_minor: int
    """The sum of drift."""


class FlowTotal(NamedTuple):
    """How many breaks opened and ended on a UTC day."""

    day: Day
    opened: int
    resolved: int
    accepted: int


class AgeingTotal(NamedTuple):
    """The open obligations in a currency and an ageing bucket, in minor units."""

    currency: str
    bucket: str
    obligations: int
    balance_minor: int
    paid_minor: int
    pending_minor: int
    outstanding_minor: int


class LateTotal(NamedTuple):
    """The live late installments in a stage and a currency, in minor units."""

    stage: str
    currency: str
    installments: int
    outstanding_minor: int
    pending_minor: int


class CollectedTotal(NamedTuple):
    """Where the money of a currency is, in minor units: collected = on account + under way + unexplained."""

    currency: str
    collected_minor: int
    on_account_minor: int
    under_way_minor: int
    unexplained_minor: int
    entries_minor: int
    """The entries on the account that belong to no payout, past their deadline."""


class PropertyAgeing(NamedTuple):
    """What a property is owed in a currency, and how much there is to look at."""

    property_id: str
    currency: str
    cells: tuple[AgeingTotal, ...]
    outstanding_minor: int
    open_breaks: int
    late_installments: int

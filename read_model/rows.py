"""What the read model answers to the gateway: records with what the projector adds to them, pages and counts."""

from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from domain.facts import BreakDecided
from domain.records import MismatchAlert, PaymentReconciliation, ReferenceReconciliation

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

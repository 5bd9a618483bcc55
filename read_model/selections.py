"""Which rows a list of the gateway has. None, or an empty tuple, does not narrow it. Instants are microseconds."""

from typing import Literal

import msgspec

from domain.time import Day, Micros
from read_model.mongo import Document

BreakState = Literal["open", "accepted", "resolved", "any"]
DecisionFilterState = Literal["acknowledged", "assigned", "accept_requested", "accepted", "none"]


class BreakSelection(msgspec.Struct, frozen=True, kw_only=True):
    """Which breaks. Texts are the contract's values, as `posting_missing`, `bank_entry`."""

    state: BreakState = "open"
    classes: tuple[str, ...] = ()
    priorities: tuple[int, ...] = ()
    currency: str | None = None
    key_kind: str | None = None
    key: str | None = None
    decision: DecisionFilterState | None = None
    assignee: str | None = None
    property_id: str | None = None
    tenant_id: str | None = None
    opened_from: Micros | None = None
    """At or after."""
    opened_before: Micros | None = None
    min_gross_minor: int | None = None
    """At least this |drift|; needs a currency to mean anything."""

    def where(self) -> Document:
        """The filter of MongoDB."""
        where: Document = {}
        match self.state:
            case "open":
                where["open"] = True
            case "accepted" | "resolved":
                where["lifecycle"] = self.state
            case "any":
                pass
        _among(where, "class", self.classes)
        _among(where, "priority", self.priorities)
        _equal(where, currency=self.currency, key_kind=self.key_kind, key=self.key, groups=self.property_id)
        _equal(where, tenant_ids=self.tenant_id)
        if self.decision is not None:
            where["decision.state"] = None if self.decision == "none" else self.decision
        if self.assignee is not None:
            where["decision.assignee"] = self.assignee
        _between(where, "opened_at", self.opened_from, self.opened_before)
        if self.min_gross_minor is not None:
            where["gross_drift_minor"] = {"$gte": self.min_gross_minor}
        return where


class PaymentSelection(msgspec.Struct, frozen=True, kw_only=True):
    """Which payments."""

    status: str | None = None
    property_id: str | None = None
    tenant_id: str | None = None
    method: str | None = None
    """By its initiation, as `CARD`."""
    currency: str | None = None
    obligation_id: str | None = None
    min_minor: int | None = None
    """At least this amount: the initiated one, or while it is not initiated the gross of what settled."""
    max_minor: int | None = None
    rests_on_from: Micros | None = None
    """The latest instant of what it rests on is at or after this one."""
    rests_on_before: Micros | None = None

    def where(self) -> Document:
        """The filter of MongoDB."""
        where: Document = {}
        _equal(where, status=self.status, currency=self.currency, property_ids=self.property_id)
        _equal(where, tenant_ids=self.tenant_id, obligation_ids=self.obligation_id)
        if self.method is not None:
            where["initiated.method"] = self.method
        _between(where, "size_minor", self.min_minor, None if self.max_minor is None else self.max_minor + 1)
        _between(where, "rests_on", self.rests_on_from, self.rests_on_before)
        return where


class ObligationSelection(msgspec.Struct, frozen=True, kw_only=True):
    """Which obligations."""

    status: str | None = None
    property_id: str | None = None
    tenant_id: str | None = None
    lease_id: str | None = None
    period: str | None = None
    ageing: str | None = None
    currency: str | None = None

    def where(self) -> Document:
        """The filter of MongoDB."""
        where: Document = {}
        _equal(where, status=self.status, property_id=self.property_id, tenant_id=self.tenant_id)
        _equal(where, lease_id=self.lease_id, period=self.period, ageing_bucket=self.ageing, currency=self.currency)
        return where


class ReferenceSelection(msgspec.Struct, frozen=True, kw_only=True):
    """Which references."""

    status: str | None = None
    processor: str | None = None
    payment_id: str | None = None

    def where(self) -> Document:
        """The filter of MongoDB."""
        where: Document = {}
        _equal(where, status=self.status, processor=self.processor, payment_id=self.payment_id)
        return where


class PayoutSelection(msgspec.Struct, frozen=True, kw_only=True):
    """Which payouts."""

    status: str | None = None
    processor: str | None = None
    currency: str | None = None
    account_id: str | None = None
    arrival_from: Day | None = None
    arrival_before: Day | None = None

    def where(self) -> Document:
        """The filter of MongoDB."""
        where: Document = {}
        _equal(where, status=self.status, processor=self.processor, currency=self.currency)
        if self.account_id is not None:
            where["entries.account_id"] = self.account_id
        _between(where, "arrival_date", self.arrival_from, self.arrival_before)
        return where


class LateAlertSelection(msgspec.Struct, frozen=True, kw_only=True):
    """Which late alerts."""

    live: bool | None = True
    """None: live and ended ones."""
    stage: str | None = None
    property_id: str | None = None
    tenant_id: str | None = None
    currency: str | None = None

    def where(self) -> Document:
        """The filter of MongoDB."""
        where: Document = {} if self.live is None else {"live": self.live}
        _equal(where, stage=self.stage, property_id=self.property_id, tenant_id=self.tenant_id, currency=self.currency)
        return where


class DecisionSelection(msgspec.Struct, frozen=True, kw_only=True):
    """Which decisions."""

    actor: str | None = None
    action: str | None = None
    """As in the contract: `ACCEPT`."""
    key: str | None = None
    break_id: str | None = None
    at_from: Micros | None = None
    at_before: Micros | None = None
    waiting_for: str | None = None
    """Only what this person may approve: the requests of others, of open breaks that wait for a second person."""

    def where(self) -> Document:
        """The filter of MongoDB, but for `waiting_for`."""
        where: Document = {}
        _equal(where, actor=self.actor, action=self.action, key=self.key, break_id=self.break_id)
        _between(where, "occurred_at", self.at_from, self.at_before)
        return where


Selection = (
    BreakSelection | PaymentSelection | ObligationSelection | ReferenceSelection | PayoutSelection | LateAlertSelection
)


def _equal(where: Document, **values: str | None) -> None:
    where.update({name: value for name, value in values.items() if value is not None})


def _among(where: Document, name: str, values: tuple[str | int, ...]) -> None:
    if values:
        where[name] = values[0] if len(values) == 1 else {"$in": list(values)}


def _between(where: Document, name: str, least: int | None, before: int | None) -> None:
    bounds = {sign: value for sign, value in (("$gte", least), ("$lt", before)) if value is not None}
    if bounds:
        where[name] = bounds

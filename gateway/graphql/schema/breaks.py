"""Breaks: what is there of one, what people have decided about it, and how it is explained."""

from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import ID

from domain.breaks.catalogue import CATALOGUE
from domain.records import BreakClass as ClassOfBreak
from domain.records import MismatchAlert
from gateway.graphql.context import Info
from gateway.graphql.pages import checked_first, connection
from gateway.graphql.schema.decisions import Decision, DecisionOnBreak, decision_on
from gateway.graphql.schema.enums import BreakClass, BreakLifecycle, KeyKind
from gateway.graphql.schema.explanations import Explanation, Proposal, explanation_of
from gateway.graphql.schema.fields import field
from gateway.graphql.schema.money import Connection, Money, money
from gateway.graphql.schema.scalars import Instant, Version, instant
from read_model.rows import BreakRow

if TYPE_CHECKING:
    from gateway.graphql.schema.obligations import Obligation
    from gateway.graphql.schema.payments import Payment
    from gateway.graphql.schema.payouts import BankEntry, Payout
    from gateway.graphql.schema.references import Reference

_IN_SUSPENSE = frozenset({"reference", "bank_entry"})
"""The kinds of keys whose money may be of something that a person can name."""


@strawberry.type
class BreakVersion:
    """A version of a break."""

    version: Version
    break_class: BreakClass = strawberry.field(name="class")
    lifecycle: BreakLifecycle
    priority: int
    expected: Money
    actual: Money
    drift: Money
    due_at: Instant | None
    resolved_at: Instant | None
    event_ids: list[str]
    decision: DecisionOnBreak | None


@strawberry.type
class Break:
    """A difference between what was expected and what is there."""

    row: strawberry.Private[BreakRow]
    id: ID
    version: Version
    break_class: BreakClass = strawberry.field(name="class")
    title: str = strawberry.field(description="The class in words.")
    priority: int = strawberry.field(description="1 is the most urgent.")
    lifecycle: BreakLifecycle
    key_kind: KeyKind
    key: str
    subject: list[str]
    currency: strawberry.Private[str]
    expected: Money
    actual: Money
    drift: Money = strawberry.field(description="Actual less expected.")
    due_at: Instant | None
    opened_at: Instant
    resolved_at: Instant | None
    evidence: str | None = strawberry.field(description="What an acceptance refers to.")
    event_ids: list[str] = strawberry.field(description="The events that it rests on.")
    candidates: list[str] = strawberry.field(description="The keys that may explain it.")
    properties: list[ID]
    tenants: list[ID]
    decision: DecisionOnBreak | None

    @field
    async def payment(
        self, info: Info
    ) -> Annotated["Payment", strawberry.lazy("gateway.graphql.schema.payments")] | None:
        """The payment that it is about: that of its key, or the one that its subject names."""
        payment_id = _named(self.row.alert, "payment")
        return None if payment_id is None else await info.context.loaders.payments.load(payment_id)

    @field
    async def obligation(
        self, info: Info
    ) -> Annotated["Obligation", strawberry.lazy("gateway.graphql.schema.obligations")] | None:
        """The obligation that it is about: that of its key, or the one that its subject names."""
        obligation_id = _named(self.row.alert, "obligation")
        return None if obligation_id is None else await info.context.loaders.obligations.load(obligation_id)

    @field
    async def reference(
        self, info: Info
    ) -> Annotated["Reference", strawberry.lazy("gateway.graphql.schema.references")] | None:
        """The reference of its key."""
        alert = self.row.alert
        return await info.context.loaders.references.load(alert.key) if alert.key_kind == "reference" else None

    @field
    async def payout(self, info: Info) -> Annotated["Payout", strawberry.lazy("gateway.graphql.schema.payouts")] | None:
        """The payout of its key."""
        alert = self.row.alert
        return await info.context.loaders.payouts.load(alert.key) if alert.key_kind == "payout" else None

    @field
    async def bank_entry(
        self, info: Info
    ) -> Annotated["BankEntry", strawberry.lazy("gateway.graphql.schema.payouts")] | None:
        """The bank entry of its key."""
        alert = self.row.alert
        return await info.context.loaders.bank_entries.load(alert.key) if alert.key_kind == "bank_entry" else None

    @field
    async def explanation(self, info: Info) -> Explanation | None:
        """Live, from the worker that holds the key.

        Null if the break is not open, or if the worker does not answer: then `explanationError` says why.
        """
        found = await info.context.loaders.explanations.load(_address(self.row.alert))
        return None if found.value is None else explanation_of(found.value, await self._obligation_id(info))

    @field
    async def explanation_error(self, info: Info) -> str | None:
        """Why there is no explanation now; null if no worker failed to answer."""
        found = await info.context.loaders.explanations.load(_address(self.row.alert))
        return found.error

    @field
    async def proposals(self, info: Info) -> list[Proposal]:
        """What money in suspense may be of; none is applied. Nothing in a property scope: it may be of any property."""
        alert = self.row.alert
        is_in_suspense = alert.key_kind in _IN_SUSPENSE and alert.resolved_at is None
        if not is_in_suspense or info.context.viewer.properties is not None:
            return []
        return list(await info.context.commands.proposals(alert))

    @field
    async def decisions(self, info: Info, first: int) -> list[Decision]:
        """The latest first."""
        return await info.context.loaders.decisions_of_breaks.load((self.id, checked_first(first)))

    @field
    async def history(self, info: Info, first: int, after: str | None = strawberry.UNSET) -> Connection[BreakVersion]:
        """Its versions, the newest first."""
        page = await info.context.read.list_versions(
            MismatchAlert, self.id, after=after or None, limit=checked_first(first)
        )
        return connection(page, _version_of)

    async def _obligation_id(self, info: Info) -> str | None:
        """Give the obligation that it is about, be it through its payment, or through who holds its reference."""
        alert, loaders = self.row.alert, info.context.loaders
        obligation_id = _named(alert, "obligation")
        payment_id = _named(alert, "payment")
        if alert.key_kind == "reference":
            reference = await loaders.references.load(alert.key)
            payment_id = None if reference is None else reference.payment_id
        if obligation_id is not None or payment_id is None:
            return obligation_id
        payment = await loaders.payments.load(payment_id)
        return None if payment is None or payment.initiated is None else payment.initiated.obligation_id


def title_of(break_class: str) -> str:
    """Give a class in words; of a class that this program does not know, its own name."""
    known = next((each for each in ClassOfBreak if each == break_class), None)
    return break_class.replace("_", " ") if known is None else CATALOGUE[known].title


def break_of(row: BreakRow) -> Break:
    """Give the object of a break."""
    found = row.alert
    return Break(
        row=row,
        id=ID(found.break_id),
        version=Version(found.version),
        break_class=BreakClass(found.break_class),
        title=title_of(found.break_class),
        priority=found.priority,
        lifecycle=BreakLifecycle(found.lifecycle),
        key_kind=KeyKind(found.key_kind),
        key=found.key,
        subject=list(found.subject),
        currency=found.currency,
        expected=money(found.expected_minor, found.currency),
        actual=money(found.actual_minor, found.currency),
        drift=money(found.drift_minor, found.currency),
        due_at=instant(found.due_at),
        opened_at=Instant(found.opened_at),
        resolved_at=instant(found.resolved_at),
        evidence=found.evidence,
        event_ids=list(found.event_ids),
        candidates=list(found.candidates),
        properties=[ID(each) for each in row.property_ids],
        tenants=[ID(each) for each in row.tenant_ids],
        decision=decision_on(found.decision),
    )


def _version_of(found: MismatchAlert) -> BreakVersion:
    return BreakVersion(
        version=Version(found.version),
        break_class=BreakClass(found.break_class),
        lifecycle=BreakLifecycle(found.lifecycle),
        priority=found.priority,
        expected=money(found.expected_minor, found.currency),
        actual=money(found.actual_minor, found.currency),
        drift=money(found.drift_minor, found.currency),
        due_at=instant(found.due_at),
        resolved_at=instant(found.resolved_at),
        event_ids=list(found.event_ids),
        decision=decision_on(found.decision),
    )


def _named(alert: MismatchAlert, kind: str) -> str | None:
    """Give the id of this kind that a break is about.

    The subjects `("payment", id)` of an obligation and `("obligation", id)` of a payment name the other one.
    """
    if alert.key_kind == kind:
        return alert.key
    if alert.key_kind in {"payment", "obligation"} and alert.subject[:1] == (kind,) and len(alert.subject) > 1:
        return alert.subject[1]
    return None


def _address(alert: MismatchAlert) -> tuple[str, str, str]:
    return alert.key_kind, alert.key, alert.break_id

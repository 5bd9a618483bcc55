"""Obligations, and their late installments."""

from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import ID

from domain.records import InstallmentView, LatePaymentAlert, ObligationReconciliation
from gateway.graphql.context import Info
from gateway.graphql.pages import checked_first, connection
from gateway.graphql.schema.enums import AgeingBucket, LateLifecycle, LateStage, ObligationStatus
from gateway.graphql.schema.fields import field
from gateway.graphql.schema.money import Connection, Money, money
from gateway.graphql.schema.scalars import Day, Instant, Version, day, instant

if TYPE_CHECKING:
    from gateway.graphql.schema.breaks import Break
    from gateway.graphql.schema.payments import Payment


@strawberry.type
class InstallmentPayment:
    """The money of a payment in an installment."""

    payment_id: ID
    paid: Money
    pending: Money


@strawberry.type
class Installment:
    """An installment, and the money allocated to it."""

    id: ID
    due_date: Day
    amount: Money
    paid: Money
    pending: Money
    paid_by: list[InstallmentPayment]


@strawberry.type
class ObligationVersion:
    """A version of an obligation."""

    version: Version
    rests_on: Instant
    status: ObligationStatus
    charged: Money
    adjusted: Money
    balance: Money
    paid: Money
    pending: Money
    posted: Money
    overpaid: Money
    ageing: AgeingBucket
    installments: list[Installment]
    open_break_ids: list[ID]


@strawberry.type
class LateInstallment:
    """An installment that was not covered when its due day ended."""

    id: ID
    version: Version
    obligation_id: ID
    installment_id: ID
    lease_id: ID
    tenant_id: ID
    property_id: ID
    period: str
    due_date: Day
    due: Money
    paid: Money
    pending: Money
    outstanding: Money = strawberry.field(description="Due less paid.")
    due_at: Instant = strawberry.field(description="The end of the due day in the property's zone.")
    stage: LateStage
    lifecycle: LateLifecycle
    opened_at: Instant
    ended_at: Instant | None


@strawberry.type
class Obligation:
    """A month of rent."""

    id: ID
    version: Version
    lease_id: ID
    tenant_id: ID
    property_id: ID
    period: str
    status: ObligationStatus
    currency: str
    charged: Money
    adjusted: Money
    balance: Money
    paid: Money
    pending: Money
    posted: Money
    overpaid: Money
    next_due_date: Day | None
    oldest_late_due_date: Day | None
    ageing: AgeingBucket
    installments: list[Installment]

    @field
    async def time_zone(self, info: Info) -> str | None:
        """IANA zone, live from the worker that holds it; null if it does not answer."""
        return (await info.context.live.time_zone(self.id)).value

    @field
    async def payments(
        self, info: Info, first: int
    ) -> list[Annotated["Payment", strawberry.lazy("gateway.graphql.schema.payments")]]:
        """Those that are initiated for it, allocated to it or posted to it."""
        return await info.context.loaders.payments_of_obligations.load((self.id, checked_first(first)))

    @field
    async def open_breaks(
        self, info: Info
    ) -> list[Annotated["Break", strawberry.lazy("gateway.graphql.schema.breaks")]]:
        """The open breaks of its key."""
        return await info.context.loaders.open_breaks.load(("obligation", self.id))

    @field
    async def late(self, info: Info) -> list[LateInstallment]:
        """Its live late installments."""
        return await info.context.loaders.late_of_obligations.load(self.id)

    @field
    async def history(
        self, info: Info, first: int, after: str | None = strawberry.UNSET
    ) -> Connection[ObligationVersion]:
        """Its versions, the newest first."""
        page = await info.context.read.list_versions(
            ObligationReconciliation, self.id, after=after or None, limit=checked_first(first)
        )
        return connection(page, _version_of)


def obligation_of(found: ObligationReconciliation) -> Obligation:
    """Give the object of an obligation."""
    currency = found.currency
    return Obligation(
        id=ID(found.obligation_id),
        version=Version(found.version),
        lease_id=ID(found.lease_id),
        tenant_id=ID(found.tenant_id),
        property_id=ID(found.property_id),
        period=found.period,
        status=ObligationStatus(found.status),
        currency=currency,
        charged=money(found.charged_minor, currency),
        adjusted=money(found.adjusted_minor, currency),
        balance=money(found.balance_minor, currency),
        paid=money(found.paid_minor, currency),
        pending=money(found.pending_minor, currency),
        posted=money(found.posted_minor, currency),
        overpaid=money(found.overpaid_minor, currency),
        next_due_date=day(found.next_due_date),
        oldest_late_due_date=day(found.oldest_late_due_date),
        ageing=AgeingBucket(found.ageing_bucket),
        installments=[_installment_of(each, currency) for each in found.installments],
    )


def _version_of(found: ObligationReconciliation) -> ObligationVersion:
    currency = found.currency
    return ObligationVersion(
        version=Version(found.version),
        rests_on=Instant(found.rests_on),
        status=ObligationStatus(found.status),
        charged=money(found.charged_minor, currency),
        adjusted=money(found.adjusted_minor, currency),
        balance=money(found.balance_minor, currency),
        paid=money(found.paid_minor, currency),
        pending=money(found.pending_minor, currency),
        posted=money(found.posted_minor, currency),
        overpaid=money(found.overpaid_minor, currency),
        ageing=AgeingBucket(found.ageing_bucket),
        installments=[_installment_of(each, currency) for each in found.installments],
        open_break_ids=[ID(each) for each in found.open_breaks],
    )


def _installment_of(found: InstallmentView, currency: str) -> Installment:
    return Installment(
        id=ID(found.installment_id),
        due_date=Day(found.due_date),
        amount=money(found.amount_minor, currency),
        paid=money(sum(found.paid.values()), currency),
        pending=money(sum(found.pending.values()), currency),
        paid_by=[
            InstallmentPayment(
                payment_id=ID(payment_id),
                paid=money(found.paid.get(payment_id, 0), currency),
                pending=money(found.pending.get(payment_id, 0), currency),
            )
            for payment_id in sorted({*found.paid, *found.pending})
        ],
    )


def late_installment_of(found: LatePaymentAlert) -> LateInstallment:
    """Give the object of a late-payment alert."""
    currency = found.currency
    return LateInstallment(
        id=ID(found.alert_id),
        version=Version(found.version),
        obligation_id=ID(found.obligation_id),
        installment_id=ID(found.installment_id),
        lease_id=ID(found.lease_id),
        tenant_id=ID(found.tenant_id),
        property_id=ID(found.property_id),
        period=found.period,
        due_date=Day(found.due_date),
        due=money(found.amount_due_minor, currency),
        paid=money(found.paid_minor, currency),
        pending=money(found.pending_minor, currency),
        outstanding=money(max(0, found.amount_due_minor - found.paid_minor), currency),
        due_at=Instant(found.due_at),
        stage=LateStage(found.stage),
        lifecycle=LateLifecycle(found.lifecycle),
        opened_at=Instant(found.opened_at),
        ended_at=instant(found.ended_at),
    )

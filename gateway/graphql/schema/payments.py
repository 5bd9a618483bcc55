"""Payments."""

from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import ID

from domain.records import AllocationView, PaymentReconciliation
from domain.records import Initiated as InitiatedRecord
from domain.records import Settled as SettledRecord
from gateway.graphql.context import Info
from gateway.graphql.pages import checked_first, connection
from gateway.graphql.schema.enums import Method, PaymentStatus
from gateway.graphql.schema.fields import field
from gateway.graphql.schema.money import Connection, Money, money, money_or_none
from gateway.graphql.schema.scalars import Instant, Version
from read_model.rows import PaymentRow

if TYPE_CHECKING:
    from gateway.graphql.schema.breaks import Break
    from gateway.graphql.schema.obligations import Obligation
    from gateway.graphql.schema.references import Reference


@strawberry.type
class Initiated:
    """The initiation of a payment."""

    obligation_id: ID
    installment_id: ID | None
    amount: Money
    method: Method


@strawberry.type
class Settled:
    """What the processors report of a payment."""

    gross: Money
    fee: Money
    net: Money
    returned: Money
    refunded: Money
    charged_back: Money
    standing: Money


@strawberry.type
class ObligationAmount:
    """An amount of an obligation."""

    obligation_id: ID
    amount: Money


@strawberry.type
class Allocation:
    """What a payment is for, and the money that it gives to it."""

    obligation_id: ID
    installment_id: ID | None
    amount: Money
    standing: Money
    pending: Money


@strawberry.type
class PaymentVersion:
    """A version of a payment."""

    version: Version
    rests_on: Instant
    status: PaymentStatus
    initiated: Initiated | None
    settled: Settled
    posted: Money
    in_flight: Money | None
    allocations: list[Allocation]
    open_break_ids: list[ID]


@strawberry.type
class Payment:
    """A payment."""

    row: strawberry.Private[PaymentRow]
    id: ID
    version: Version
    rests_on: Instant = strawberry.field(description="When its latest event occurred.")
    status: PaymentStatus
    currency: str
    initiated: Initiated | None = strawberry.field(description="Null until it is initiated.")
    settled: Settled
    posted: Money = strawberry.field(description="Net of reversals.")
    posted_by_obligation: list[ObligationAmount]
    in_flight: Money | None
    allocations: list[Allocation]
    properties: list[ID]
    tenants: list[ID]

    @field
    async def obligations(
        self, info: Info
    ) -> list[Annotated["Obligation", strawberry.lazy("gateway.graphql.schema.obligations")]]:
        """The obligations that it is initiated for, allocated to or posted to, by id."""
        return await info.context.loaders.obligations_in_order(obligation_ids(self.row.payment))

    @field
    async def references(
        self, info: Info, first: int
    ) -> list[Annotated["Reference", strawberry.lazy("gateway.graphql.schema.references")]]:
        """The processors' references that it holds."""
        return await info.context.loaders.references_of_payments.load(
            (self.row.payment.payment_id, checked_first(first))
        )

    @field
    async def open_breaks(
        self, info: Info
    ) -> list[Annotated["Break", strawberry.lazy("gateway.graphql.schema.breaks")]]:
        """The open breaks of its key."""
        return await info.context.loaders.open_breaks.load(("payment", self.row.payment.payment_id))

    @field
    async def history(self, info: Info, first: int, after: str | None = strawberry.UNSET) -> Connection[PaymentVersion]:
        """Its versions, the newest first."""
        key = self.row.payment.payment_id
        page = await info.context.read.list_versions(
            PaymentReconciliation, key, after=after or None, limit=checked_first(first)
        )
        return connection(page, _version_of)


def obligation_ids(payment: PaymentReconciliation) -> list[str]:
    """Give the obligations that a payment is initiated for, allocated to or posted to, sorted."""
    initiated = [] if payment.initiated is None else [payment.initiated.obligation_id]
    return sorted({*initiated, *(each.obligation_id for each in payment.allocations), *payment.posted.by_obligation})


def payment_of(row: PaymentRow) -> Payment:
    """Give the object of a payment."""
    found = row.payment
    return Payment(
        row=row,
        id=ID(found.payment_id),
        version=Version(found.version),
        rests_on=Instant(found.rests_on),
        status=PaymentStatus(found.status),
        currency=found.currency,
        initiated=_initiated_of(found.initiated, found.currency),
        settled=_settled_of(found.settled, found.currency),
        posted=money(found.posted.net_minor, found.currency),
        posted_by_obligation=[
            ObligationAmount(obligation_id=ID(obligation_id), amount=money(minor, found.currency))
            for obligation_id, minor in sorted(found.posted.by_obligation.items())
        ],
        in_flight=money_or_none(found.in_flight_minor, found.currency),
        allocations=[_allocation_of(each, found.currency) for each in found.allocations],
        properties=[ID(each) for each in row.property_ids],
        tenants=[ID(each) for each in row.tenant_ids],
    )


def _version_of(found: PaymentReconciliation) -> PaymentVersion:
    return PaymentVersion(
        version=Version(found.version),
        rests_on=Instant(found.rests_on),
        status=PaymentStatus(found.status),
        initiated=_initiated_of(found.initiated, found.currency),
        settled=_settled_of(found.settled, found.currency),
        posted=money(found.posted.net_minor, found.currency),
        in_flight=money_or_none(found.in_flight_minor, found.currency),
        allocations=[_allocation_of(each, found.currency) for each in found.allocations],
        open_break_ids=[ID(each) for each in found.open_breaks],
    )


def _initiated_of(found: InitiatedRecord | None, currency: str) -> Initiated | None:
    if found is None:
        return None
    return Initiated(
        obligation_id=ID(found.obligation_id),
        installment_id=None if found.installment_id is None else ID(found.installment_id),
        amount=money(found.amount_minor, currency),
        method=Method(found.method),
    )


def _settled_of(found: SettledRecord, currency: str) -> Settled:
    return Settled(
        gross=money(found.gross_minor, currency),
        fee=money(found.fee_minor, currency),
        net=money(found.net_minor, currency),
        returned=money(found.returned_minor, currency),
        refunded=money(found.refunded_minor, currency),
        charged_back=money(found.charged_back_minor, currency),
        standing=money(found.standing_minor, currency),
    )


def _allocation_of(found: AllocationView, currency: str) -> Allocation:
    return Allocation(
        obligation_id=ID(found.obligation_id),
        installment_id=None if found.installment_id is None else ID(found.installment_id),
        amount=money(found.amount_minor, currency),
        standing=money(found.standing_minor, currency),
        pending=money(found.pending_minor, currency),
    )

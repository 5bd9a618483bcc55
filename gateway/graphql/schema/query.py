"""The queries."""

import strawberry
from strawberry import ID

from domain.ids import parts_of_key
from gateway.graphql.context import Info
from gateway.graphql.errors import bad_argument
from gateway.graphql.pages import checked_first, connection, counted
from gateway.graphql.schema.breaks import Break
from gateway.graphql.schema.cells import AgeingRow
from gateway.graphql.schema.commands import CommandInput, Forecast
from gateway.graphql.schema.decisions import Decision, decision_of
from gateway.graphql.schema.enums import BreakOrder, SearchKind
from gateway.graphql.schema.fields import field, field_named
from gateway.graphql.schema.inputs import (
    AgeingFilter,
    AuditFilter,
    BreakFilter,
    DecisionFilter,
    LateFilter,
    ObligationFilter,
    PaymentFilter,
    PayoutFilter,
    ReferenceFilter,
)
from gateway.graphql.schema.lists import BreakConnection, break_connection
from gateway.graphql.schema.money import Connection, CountedConnection
from gateway.graphql.schema.obligations import LateInstallment, Obligation, late_installment_of, obligation_of
from gateway.graphql.schema.operations import ApiToken, AuditEntry, DeadLetter, Health, SavedView
from gateway.graphql.schema.overview import Overview
from gateway.graphql.schema.parties import Lease, Property, Tenant
from gateway.graphql.schema.payments import Payment, payment_of
from gateway.graphql.schema.payouts import BankEntry, Payout, payout_of
from gateway.graphql.schema.references import Reference, reference_of
from gateway.graphql.schema.scalars import Minor, instant
from gateway.graphql.schema.selections import (
    break_selection,
    decision_selection,
    late_selection,
    obligation_selection,
    payment_selection,
    payout_selection,
    reference_selection,
)
from gateway.graphql.schema.totals import ageing_rows
from gateway.graphql.schema.who import FourEyesLimit, SearchHit, ViewerObject
from gateway.people.viewer import Permission
from read_model.rows import RowPage

SEARCH_MAX = 50
SEARCH_CHARACTERS_MAX = 512


@strawberry.type
class Query:
    """What can be asked. Everything is in the viewer's scope."""

    @field
    async def viewer(self, info: Info) -> ViewerObject:
        """Who asks."""
        viewer = info.context.viewer
        limits = info.context.people.four_eyes()
        return ViewerObject(
            name=viewer.name,
            role=viewer.role,
            permissions=[each for each in Permission if viewer.may(each)],
            properties=None if viewer.properties is None else [ID(each) for each in sorted(viewer.properties)],
            expires_at=instant(viewer.expires_at),
            four_eyes=[FourEyesLimit(currency=each, minor=Minor(limits[each])) for each in sorted(limits)],
        )

    @field
    async def overview(self, info: Info, properties: list[ID] | None = strawberry.UNSET) -> Overview:
        """`properties` narrows it to these."""
        return Overview(properties=None if properties is strawberry.UNSET else properties)

    @field
    async def breaks(
        self,
        info: Info,
        first: int,
        filter: BreakFilter | None = strawberry.UNSET,
        order: BreakOrder = BreakOrder.PRESSING,
        after: str | None = strawberry.UNSET,
    ) -> BreakConnection:
        """A list of breaks."""
        read, only = info.context.read, break_selection(filter or None)
        page = await read.list_breaks(only, order=order.value, after=after or None, limit=checked_first(first))
        return break_connection(page, lambda: read.count_breaks(only))

    @field_named("break")
    async def one_break(self, info: Info, id: ID) -> Break | None:
        """A break, whether it is open or not."""
        return await info.context.loaders.breaks.load(id)

    @field
    async def payments(
        self,
        info: Info,
        first: int,
        filter: PaymentFilter | None = strawberry.UNSET,
        after: str | None = strawberry.UNSET,
    ) -> CountedConnection[Payment]:
        """Those with the latest event first."""
        read, only = info.context.read, payment_selection(filter or None)
        page = await read.list_payments(only, after=after or None, limit=checked_first(first))
        return counted(page, payment_of, lambda: read.count_payments(only))

    @field
    async def payment(self, info: Info, id: ID) -> Payment | None:
        """A payment."""
        return await info.context.loaders.payments.load(id)

    @field
    async def obligations(
        self,
        info: Info,
        first: int,
        filter: ObligationFilter | None = strawberry.UNSET,
        after: str | None = strawberry.UNSET,
    ) -> CountedConnection[Obligation]:
        """By id."""
        read, only = info.context.read, obligation_selection(filter or None)
        page = await read.list_obligations(only, after=after or None, limit=checked_first(first))
        return counted(page, obligation_of, lambda: read.count_obligations(only))

    @field
    async def obligation(self, info: Info, id: ID) -> Obligation | None:
        """An obligation."""
        return await info.context.loaders.obligations.load(id)

    @field
    async def late_installments(
        self,
        info: Info,
        first: int,
        filter: LateFilter | None = strawberry.UNSET,
        after: str | None = strawberry.UNSET,
    ) -> CountedConnection[LateInstallment]:
        """The longest due first."""
        read, only = info.context.read, late_selection(filter or None)
        page = await read.list_late_alerts(only, after=after or None, limit=checked_first(first))
        return counted(page, late_installment_of, lambda: read.count_late_alerts(only))

    @field
    async def ageing(
        self,
        info: Info,
        first: int,
        filter: AgeingFilter | None = strawberry.UNSET,
        after: str | None = strawberry.UNSET,
    ) -> Connection[AgeingRow]:
        """One row for each property and currency."""
        return await ageing_rows(info, filter or AgeingFilter(), first=checked_first(first), after=after or None)

    @field
    async def references(
        self,
        info: Info,
        first: int,
        filter: ReferenceFilter | None = strawberry.UNSET,
        after: str | None = strawberry.UNSET,
    ) -> CountedConnection[Reference]:
        """By id."""
        read, only = info.context.read, reference_selection(filter or None)
        page = await read.list_references(only, after=after or None, limit=checked_first(first))
        return counted(page, reference_of, lambda: read.count_references(only))

    @field
    async def reference(self, info: Info, id: ID) -> Reference | None:
        """By processor/reference; `%` and `/` in the processor are percent-encoded."""
        return await info.context.loaders.references.load(id)

    @field
    async def payouts(
        self,
        info: Info,
        first: int,
        filter: PayoutFilter | None = strawberry.UNSET,
        after: str | None = strawberry.UNSET,
    ) -> CountedConnection[Payout]:
        """By id."""
        read, only = info.context.read, payout_selection(filter or None)
        page = await read.list_payouts(only, after=after or None, limit=checked_first(first))
        return counted(page, payout_of, lambda: read.count_payouts(only))

    @field
    async def payout(self, info: Info, id: ID) -> Payout | None:
        """A payout."""
        return await info.context.loaders.payouts.load(id)

    @field
    async def bank_entry(self, info: Info, id: ID) -> BankEntry | None:
        """A bank entry: one that a payout has, that has an open break, or that a worker has booked."""
        if info.context.viewer.properties is not None:
            return None  # an entry has money of many properties, so it is in no scope of properties
        try:
            parts_of_key(id)
        except ValueError:
            raise bad_argument("the id of a bank entry is account_id/entry_id") from None
        loaders = info.context.loaders
        found = await loaders.bank_entries.load(id)
        if found is not None and found.payout is None and not await loaders.open_breaks.load(("bank_entry", id)):
            return None if await loaders.booked_entries.load(id) is None else found
        return found

    @field
    async def tenant(self, info: Info, id: ID) -> Tenant | None:
        """Null where nothing is known of it."""
        found = await info.context.read.list_obligations(obligation_selection(ObligationFilter(tenant=id)), limit=1)
        return Tenant(id=id) if found.rows else None

    @field
    async def lease(self, info: Info, id: ID) -> Lease | None:
        """Null where nothing is known of it."""
        found = await info.context.read.list_obligations(obligation_selection(ObligationFilter(lease=id)), limit=1)
        return Lease(id=id) if found.rows else None

    @field
    async def property(self, info: Info, id: ID) -> Property | None:
        """Null where nothing is known of it."""
        found = await info.context.read.list_obligations(obligation_selection(ObligationFilter(property=id)), limit=1)
        return Property(id=id) if found.rows else None

    @field
    async def search(self, info: Info, text: str, first: int = 10) -> list[SearchHit]:
        """Exact ids, and prefixes of ids."""
        if not 1 <= first <= SEARCH_MAX:
            raise bad_argument(f"`first` is {first}; it must be from 1 to {SEARCH_MAX}")
        if len(text) > SEARCH_CHARACTERS_MAX:
            raise bad_argument(f"the text has {len(text)} characters; {SEARCH_CHARACTERS_MAX} is the most")
        hits = await info.context.read.search(text.strip(), first) if text.strip() else []
        return [SearchHit(kind=SearchKind(each.kind), id=ID(each.id), text=each.text) for each in hits]

    @field
    async def saved_views(self, info: Info) -> list[SavedView]:
        """The viewer's own and the shared ones."""
        return await info.context.people.saved_views(info.context.viewer)

    @field
    async def decisions(
        self,
        info: Info,
        first: int,
        filter: DecisionFilter | None = strawberry.UNSET,
        after: str | None = strawberry.UNSET,
    ) -> Connection[Decision]:
        """Decisions about breaks, the latest first."""
        only = decision_selection(filter or None, info.context.viewer)
        if only.waiting_for is not None and not info.context.viewer.may(Permission.APPROVE):
            return connection(RowPage([], [], False), decision_of)
        page = await info.context.read.list_decisions(only, after=after or None, limit=checked_first(first))
        return connection(page, decision_of)

    @field
    async def forecast(self, info: Info, command: CommandInput) -> Forecast:
        """What would become of it. Nothing is written."""
        return await info.context.commands.forecast(info.context.viewer, command)

    @field
    async def health(self, info: Info) -> Health:
        """The state of the processes."""
        return await info.context.operations.health()

    @field
    async def dead_letters(
        self, info: Info, first: int, after: str | None = strawberry.UNSET
    ) -> Connection[DeadLetter]:
        """The latest first. Not in a property scope: nobody knows whose they are."""
        if info.context.viewer.properties is not None:
            await info.context.refuse(info.field_name, "dead letters need a viewer of all properties")
        return await info.context.operations.dead_letters(first=checked_first(first), after=after or None)

    @field
    async def audit_log(
        self,
        info: Info,
        first: int,
        filter: AuditFilter | None = strawberry.UNSET,
        after: str | None = strawberry.UNSET,
    ) -> Connection[AuditEntry]:
        """Needs AUDIT. The newest first."""
        await info.context.require(Permission.AUDIT, info.field_name)
        return await info.context.people.audit_log(
            filter or AuditFilter(), first=checked_first(first), after=after or None
        )

    @field
    async def api_tokens(self, info: Info) -> list[ApiToken]:
        """Needs ADMINISTER."""
        await info.context.require(Permission.ADMINISTER, info.field_name)
        return await info.context.people.api_tokens()

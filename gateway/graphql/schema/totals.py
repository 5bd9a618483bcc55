"""Totals of the read model as cells of the schema."""

from collections.abc import Sequence

from strawberry import ID

from gateway.graphql.context import Info
from gateway.graphql.pages import connection
from gateway.graphql.schema.breaks import title_of
from gateway.graphql.schema.cells import AgeingCell, AgeingRow, BreakCell, Collected, LateCell, TrendDay
from gateway.graphql.schema.enums import AgeBucket, AgeingBucket, BreakClass, DecisionState, LateStage
from gateway.graphql.schema.inputs import AgeingFilter
from gateway.graphql.schema.money import Connection, money
from gateway.graphql.schema.scalars import Day
from read_model.rows import AgeingTotal, BreakTotal, CollectedTotal, LateTotal, PropertyAgeing


async def break_cells(info: Info, *, properties: Sequence[str] | None) -> list[BreakCell]:
    """Give the open breaks; `properties` narrows the viewer's to these."""
    return [_break_cell(each) for each in await info.context.read.break_totals(info.context.now, properties)]


async def collected_cells(info: Info) -> list[Collected]:
    """Give where the collected money is, by currency."""
    return [_collected(each) for each in await info.context.read.whereabouts()]


async def trend_days(info: Info, *, properties: Sequence[str] | None) -> list[TrendDay]:
    """Give what became of breaks on each of the last UTC days, the oldest first."""
    found = await info.context.read.trend(info.context.now, properties=properties)
    return [
        TrendDay(day=Day(each.day), opened=each.opened, resolved=each.resolved, accepted=each.accepted)
        for each in found
    ]


async def ageing_rows(info: Info, only: AgeingFilter, *, first: int, after: str | None) -> Connection[AgeingRow]:
    """Give the ageing by property and currency."""
    page = await info.context.read.list_ageing(
        property_id=only.property or None, currency=only.currency or None, after=after, limit=first
    )
    return connection(page, _ageing_row)


async def ageing_cells(info: Info, *, properties: Sequence[str] | None) -> list[AgeingCell]:
    """Give the open obligations by currency and bucket; `properties` narrows the viewer's to these."""
    return [_ageing_cell(each) for each in await info.context.read.ageing_totals(properties)]


async def late_cells(info: Info, *, properties: Sequence[str] | None) -> list[LateCell]:
    """Give the live late installments by stage and currency; `properties` narrows the viewer's to these."""
    return [_late_cell(each) for each in await info.context.read.late_totals(properties)]


def _break_cell(found: BreakTotal) -> BreakCell:
    return BreakCell(
        break_class=BreakClass(found.break_class),
        title=title_of(found.break_class),
        priority=found.priority,
        currency=found.currency,
        age=AgeBucket(found.age),
        decision=None if found.decision is None else DecisionState(found.decision),
        count=found.breaks,
        gross=money(found.gross_minor, found.currency),
        net=money(found.net_minor, found.currency),
    )


def _ageing_cell(found: AgeingTotal) -> AgeingCell:
    return AgeingCell(
        currency=found.currency,
        bucket=AgeingBucket(found.bucket),
        obligations=found.obligations,
        balance=money(found.balance_minor, found.currency),
        paid=money(found.paid_minor, found.currency),
        pending=money(found.pending_minor, found.currency),
        outstanding=money(found.outstanding_minor, found.currency),
    )


def _late_cell(found: LateTotal) -> LateCell:
    return LateCell(
        stage=LateStage(found.stage),
        currency=found.currency,
        installments=found.installments,
        outstanding=money(found.outstanding_minor, found.currency),
        pending=money(found.pending_minor, found.currency),
    )


def _collected(found: CollectedTotal) -> Collected:
    return Collected(
        currency=found.currency,
        collected=money(found.collected_minor, found.currency),
        on_account=money(found.on_account_minor, found.currency),
        under_way=money(found.under_way_minor, found.currency),
        unexplained=money(found.unexplained_minor, found.currency),
        entries=money(found.entries_minor, found.currency),
    )


def _ageing_row(found: PropertyAgeing) -> AgeingRow:
    return AgeingRow(
        property_id=ID(found.property_id),
        currency=found.currency,
        cells=[_ageing_cell(each) for each in found.cells],
        outstanding=money(found.outstanding_minor, found.currency),
        open_breaks=found.open_breaks,
        late_installments=found.late_installments,
    )

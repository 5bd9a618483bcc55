"""Totals of the overview and of ageing, added up from the summaries that the projector keeps."""

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable
from typing import Any

import msgspec

from domain.records import BreakClass
from domain.time import DAY, HOUR, Micros
from read_model import orders
from read_model.cells import BreakSummary, BreakSums, LateSums, ObligationSums, PayoutSums
from read_model.finding import ReadModelUnavailable
from read_model.marks import SUMMARIES, UNMARKED
from read_model.mongo import Document, MongoUnavailable
from read_model.reader import ScopedReader
from read_model.rows import (
    AgeingTotal,
    BreakAge,
    BreakTotal,
    CollectedTotal,
    FlowTotal,
    LateTotal,
    PropertyAgeing,
    RowPage,
)
from read_model.scope import NO_PROPERTY

GROUPS_PER_QUERY = 200
TREND_DAYS = 30
NO_CELLS = "[]"
"""The cells of a summary without any."""

_AGES = ((24, BreakAge.HOURS_24), (7 * 24, BreakAge.DAYS_7), (30 * 24, BreakAge.DAYS_30))
_TYPES: dict[str, Any] = {
    "breaks": msgspec.json.Decoder(BreakSummary),
    "obligations": msgspec.json.Decoder(tuple[ObligationSums, ...]),
    "alerts": msgspec.json.Decoder(tuple[LateSums, ...]),
    "payouts": msgspec.json.Decoder(tuple[PayoutSums, ...]),
}


class ScopedTotals(ScopedReader):
    """Totals of a scope, or of some properties of it. `now` is the clock, microseconds since 1970.

    They are sums over the documents as they were when the projector last added up their property: usually seconds ago.
    """

    async def break_totals(self, now: Micros, properties: Collection[str] | None = None) -> list[BreakTotal]:
        """The open breaks, in cells."""
        sums: dict[Hashable, list[int]] = defaultdict(lambda: [0, 0, 0])
        chosen = self.scope.chosen(properties)
        for of, summary in await self._summaries("breaks", chosen):
            for cell in summary.open:
                if _counts_here(of, cell.others, chosen):
                    age = _age(cell, now)
                    place = (cell.break_class, cell.priority, cell.currency, age, cell.decision)
                    _add(sums[place], cell.count, cell.gross_minor, cell.net_minor)
        return [BreakTotal(*place, *each) for place, each in sorted(sums.items(), key=str)]  # type: ignore[misc]

    async def trend(
        self, now: Micros, days: int = TREND_DAYS, properties: Collection[str] | None = None
    ) -> list[FlowTotal]:
        """What opened and ended on each of the last UTC days, the oldest first; at most `FLOW_DAYS`."""
        today = now // DAY
        sums = {day: [0, 0, 0] for day in range(today - days + 1, today + 1)}
        chosen = self.scope.chosen(properties)
        for of, summary in await self._summaries("breaks", chosen):
            for cell in summary.flow:
                if cell.day in sums and _counts_here(of, cell.others, chosen):
                    _add(sums[cell.day], cell.opened, cell.resolved, cell.accepted)
        return [FlowTotal(day, *each) for day, each in sums.items()]

    async def ageing_totals(self, properties: Collection[str] | None = None) -> list[AgeingTotal]:
        """The open obligations by currency and ageing bucket."""
        return _ageing(cells for _, cells in await self._summaries("obligations", self.scope.chosen(properties)))

    async def late_totals(self, properties: Collection[str] | None = None) -> list[LateTotal]:
        """The live late installments by stage and currency."""
        sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
        for _, cells in await self._summaries("alerts", self.scope.chosen(properties)):
            for cell in cells:
                _add(sums[cell.stage, cell.currency], cell.count, cell.outstanding_minor, cell.pending_minor)
        return [LateTotal(*place, *each) for place, each in sorted(sums.items())]

    async def whereabouts(self) -> list[CollectedTotal]:
        """Where the money is, by currency; nothing in a scope of properties, since a payout has money of many."""
        if self.scope.properties is not None:
            return []
        entries: dict[str, int] = defaultdict(int)
        for _, summary in await self._summaries("breaks", frozenset([NO_PROPERTY])):
            for cell in summary.open:
                if cell.break_class == BreakClass.BANK_ENTRY_UNEXPLAINED:
                    entries[cell.currency] += cell.net_minor
        sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0], {currency: [0, 0, 0] for currency in entries})
        for _, cells in await self._summaries("payouts", None):
            for cell in cells:
                _add(sums[cell.currency], cell.collected_minor, cell.on_account_minor, cell.under_way_minor)
        return [
            CollectedTotal(
                currency, collected, on_account, under_way, collected - on_account - under_way, entries[currency]
            )
            for currency, (collected, on_account, under_way) in sorted(sums.items())
        ]

    async def list_ageing(
        self, *, property_id: str | None = None, currency: str | None = None, after: str | None = None, limit: int
    ) -> RowPage[PropertyAgeing]:
        """What each property is owed, by property and currency. A page ends after a whole property."""
        chosen = self.scope.chosen(None if property_id is None else [property_id])
        found = await self._find_summaries("obligations", chosen, after=after, limit=limit + 1)
        shown = found[:limit]
        names = frozenset(one["of"] for one in shown)
        breaks = dict(await self._summaries("breaks", names))
        late = dict(await self._summaries("alerts", names))
        rows: list[PropertyAgeing] = []
        cursors: list[str] = []
        for summary in shown:
            of = summary["of"]
            cells = _decoded(summary)
            for each in sorted({cell.currency for cell in cells if currency in (None, cell.currency)}):
                totals = tuple(_ageing([[cell for cell in cells if cell.currency == each]]))
                rows.append(
                    PropertyAgeing(
                        property_id=of,
                        currency=each,
                        cells=totals,
                        outstanding_minor=sum(one.outstanding_minor for one in totals),
                        open_breaks=_count(breaks[of].open if of in breaks else (), each),
                        late_installments=_count(late.get(of, ()), each),
                    )
                )
                cursors.append(orders.SUMMARIES.cursor_of(summary))
        return RowPage(rows, cursors, len(found) > limit)

    async def summaries_behind(self) -> int:
        """How many summaries are marked to be made again; 0 if all totals are as the documents."""
        await self._shape()
        try:
            return await self._mongo.count(SUMMARIES, {"mark": {"$gt": UNMARKED}}, limit=10_001)
        except MongoUnavailable as error:
            raise ReadModelUnavailable(str(error)) from error

    async def _summaries(self, kind: str, chosen: frozenset[str] | None) -> list[tuple[str, Any]]:
        """The summaries of a kind, by property or processor."""
        if chosen is None:
            found = await self._find_summaries(kind, None)
        else:
            names = sorted(chosen)
            found = []
            for at in range(0, len(names), GROUPS_PER_QUERY):
                found += await self._find_summaries(kind, frozenset(names[at : at + GROUPS_PER_QUERY]))
        return [(one["of"], _decoded(one)) for one in found if one.get("cells") is not None]

    async def _find_summaries(
        self, kind: str, chosen: frozenset[str] | None, *, after: str | None = None, limit: int | None = None
    ) -> list[Document]:
        """The summaries of some properties; a page of those that have cells, or all."""
        await self._shape()
        where: Document = {"kind": kind}
        of: Document = {} if chosen is None else {"$in": sorted(chosen)}
        if after is not None:
            of |= orders.SUMMARIES.after(after)[0]["of"]
        if of:
            where["of"] = of
        if limit is not None:
            where["cells"] = {"$nin": [NO_CELLS, None]}
        try:
            return await self._mongo.find(
                SUMMARIES, where, sort=orders.SUMMARIES.sort, limit=limit, fields=("kind", "of", "cells")
            )
        except MongoUnavailable as error:
            raise ReadModelUnavailable(str(error)) from error


def _decoded(summary: Document) -> Any:
    return _TYPES[summary["kind"]].decode(summary["cells"])


def _counts_here(of: str, others: tuple[str, ...], chosen: frozenset[str] | None) -> bool:
    """Whether breaks of several properties are counted in the summary of this one: the first that is added up."""
    return all(of < other for other in others if chosen is None or other in chosen)


def _age(cell: BreakSums, now: Micros) -> BreakAge:
    if cell.opened_hour is None:
        return BreakAge.OLDER
    hours = now // HOUR - cell.opened_hour
    return next((bucket for limit, bucket in _AGES if hours < limit), BreakAge.OLDER)


def _ageing(groups: Iterable[Iterable[ObligationSums]]) -> list[AgeingTotal]:
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0, 0])
    for cells in groups:
        for cell in cells:
            _add(
                sums[cell.currency, cell.bucket],
                cell.count, cell.balance_minor, cell.paid_minor, cell.pending_minor, cell.outstanding_minor,
            )  # fmt: skip
    return [AgeingTotal(*place, *each) for place, each in sorted(sums.items())]


def _count(cells: Iterable[Any], currency: str) -> int:
    return sum(cell.count for cell in cells if cell.currency == currency)


def _add(sums: list[int], *values: int) -> None:
    for at, value in enumerate(values):
        sums[at] += value

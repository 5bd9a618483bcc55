"""The read model as one reader sees it: batched reads and lists within a scope, which no call can leave.

The gateway reads from here alone. Each call is one query of MongoDB for each `KEYS_PER_QUERY` keys, so that a page with
its nested records costs a few queries and not one for each record.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, TypeVar

from domain.records import (
    LatePaymentAlert,
    MismatchAlert,
    ObligationReconciliation,
    PaymentReconciliation,
    PayoutReconciliation,
    ReferenceReconciliation,
)
from read_model import orders
from read_model.documents import KIND_OF, STANDING, R, history_of, record_of
from read_model.finding import ReadModelUnavailable, find_standing
from read_model.mongo import Document, Mongo, MongoUnavailable
from read_model.orders import BREAK_ORDERS, Order
from read_model.rows import COUNT_MAX, BreakRow, Count, PaymentRow, ReferenceRow, RowPage
from read_model.scope import Scope
from read_model.selections import (
    BreakSelection,
    LateAlertSelection,
    ObligationSelection,
    PaymentSelection,
    PayoutSelection,
    ReferenceSelection,
    Selection,
)

KEYS_PER_QUERY = 200
"""Keys in one query."""

T = TypeVar("T")
BreakKey = tuple[str, str]
"""The kind and the key of a break."""


class ScopedReadModel:
    """The read model in a scope. What is outside of the scope is not there.

    Every call may raise ReadModelUnavailable. Lists may raise InvalidCursor. `limit` is at least 1.
    """

    def __init__(self, mongo: Mongo, scope: Scope) -> None:
        self._mongo = mongo
        self.scope = scope

    # Records by their keys; those that are not there are not in the answer

    async def payments_by_ids(self, payment_ids: Collection[str]) -> dict[str, PaymentRow]:
        """Payments by payment_id."""
        return await self._by_ids("payments", payment_ids, payment_row)

    async def obligations_by_ids(self, obligation_ids: Collection[str]) -> dict[str, ObligationReconciliation]:
        """Obligations by obligation_id."""
        return await self._by_ids("obligations", obligation_ids, _obligation)

    async def references_by_keys(self, keys: Collection[str]) -> dict[str, ReferenceRow]:
        """References by `processor/reference`."""
        return await self._by_ids("processor_references", keys, reference_row)

    async def payouts_by_keys(self, keys: Collection[str]) -> dict[str, PayoutReconciliation]:
        """Payouts by `processor/payout_id`."""
        return await self._by_ids("payouts", keys, _payout)

    async def breaks_by_ids(self, break_ids: Collection[str]) -> dict[str, BreakRow]:
        """Breaks by break_id, open, accepted or resolved."""
        return await self._by_ids("breaks", break_ids, break_row)

    async def late_alerts_by_ids(self, alert_ids: Collection[str]) -> dict[str, LatePaymentAlert]:
        """Late alerts by alert_id, live or ended."""
        return await self._by_ids("alerts", alert_ids, _late_alert)

    # Records by the keys of others; every key is in the answer, with nothing where there is nothing

    async def open_breaks_of_keys(self, keys: Collection[BreakKey]) -> dict[BreakKey, list[BreakRow]]:
        """The open breaks of payments, obligations, …, by (key kind, key), the most pressing first."""
        found: dict[BreakKey, list[BreakRow]] = {key: [] for key in keys}
        order = BREAK_ORDERS["pressing"]
        for chunk in _chunks([key for _, key in keys]):
            for document in await self._find("breaks", {"key": {"$in": chunk}, "open": True}, order=order):
                if (key := (document["key_kind"], document["key"])) in found:
                    found[key].append(break_row(document))
        return found

    async def late_of_obligations(self, obligation_ids: Collection[str]) -> dict[str, list[LatePaymentAlert]]:
        """The live late alerts of obligations, the longest due first."""
        found: dict[str, list[LatePaymentAlert]] = {key: [] for key in obligation_ids}
        for chunk in _chunks(obligation_ids):
            where = {"obligation_id": {"$in": chunk}, "live": True}
            for document in await self._find("alerts", where, order=orders.LATE_ALERTS):
                found[document["obligation_id"]].append(_late_alert(document))
        return found

    async def payments_of_obligations(self, obligation_ids: Collection[str], first: int) -> dict[str, list[PaymentRow]]:
        """The first payments of each obligation, the latest first."""
        return await self._first_of(
            "payments", "obligation_ids", obligation_ids, first, order=orders.PAYMENTS, made=payment_row
        )

    async def references_of_payments(self, payment_ids: Collection[str], first: int) -> dict[str, list[ReferenceRow]]:
        """The first references that each payment holds, by key."""
        return await self._first_of(
            "processor_references", "payment_id", payment_ids, first, order=orders.REFERENCES, made=reference_row
        )

    async def payouts_of_entries(self, entry_keys: Collection[str]) -> dict[str, PayoutReconciliation]:
        """The payout of each bank entry that is matched to one, by `account_id/entry_id`."""
        found: dict[str, PayoutReconciliation] = {}
        for chunk in _chunks(entry_keys):
            for document in await self._find("payouts", {"entry_keys": {"$in": chunk}}):
                found |= {key: _payout(document) for key in document["entry_keys"] if key in chunk}
        return found

    # Lists

    async def list_breaks(
        self, only: BreakSelection, *, order: str = "pressing", after: str | None = None, limit: int
    ) -> RowPage[BreakRow]:
        """Breaks in one of `BREAK_ORDERS`: pressing, due, oldest, newest, amount."""
        return await self._page("breaks", only.where(), BREAK_ORDERS[order], after, limit, break_row)

    async def list_payments(
        self, only: PaymentSelection, *, after: str | None = None, limit: int
    ) -> RowPage[PaymentRow]:
        """Payments, those with the latest instant of what they rest on first."""
        return await self._page("payments", only.where(), orders.PAYMENTS, after, limit, payment_row)

    async def list_obligations(
        self, only: ObligationSelection, *, after: str | None = None, limit: int
    ) -> RowPage[ObligationReconciliation]:
        """Obligations by obligation_id."""
        return await self._page("obligations", only.where(), orders.OBLIGATIONS, after, limit, _obligation)

    async def list_references(
        self, only: ReferenceSelection, *, after: str | None = None, limit: int
    ) -> RowPage[ReferenceRow]:
        """References by `processor/reference`."""
        return await self._page("processor_references", only.where(), orders.REFERENCES, after, limit, reference_row)

    async def list_payouts(
        self, only: PayoutSelection, *, after: str | None = None, limit: int
    ) -> RowPage[PayoutReconciliation]:
        """Payouts by `processor/payout_id`."""
        return await self._page("payouts", only.where(), orders.PAYOUTS, after, limit, _payout)

    async def list_late_alerts(
        self, only: LateAlertSelection, *, after: str | None = None, limit: int
    ) -> RowPage[LatePaymentAlert]:
        """Late alerts, the longest due first."""
        return await self._page("alerts", only.where(), orders.LATE_ALERTS, after, limit, _late_alert)

    async def list_versions(self, record: type[R], key: str, *, after: str | None = None, limit: int) -> RowPage[R]:
        """The stored versions of a key's record, the newest first; in a scope only while the record is in it."""
        kind = KIND_OF[record]
        if self.scope.properties is not None and not await self._find(kind, {"_id": key}, limit=1):
            return RowPage([], [], False)
        where: Document = {"key": key}
        if after is not None:
            where |= orders.VERSIONS.after(after)
        try:
            found = await self._mongo.find(history_of(kind), where, sort=orders.VERSIONS.sort, limit=limit + 1)
        except MongoUnavailable as error:
            raise ReadModelUnavailable(str(error)) from error
        return _page(found, orders.VERSIONS, limit, lambda document: record_of(record, document["record"]))

    # Counts

    async def count_breaks(self, only: BreakSelection) -> Count:
        """How many breaks."""
        return await self._count("breaks", only)

    async def count_payments(self, only: PaymentSelection) -> Count:
        """How many payments."""
        return await self._count("payments", only)

    async def count_obligations(self, only: ObligationSelection) -> Count:
        """How many obligations."""
        return await self._count("obligations", only)

    async def count_references(self, only: ReferenceSelection) -> Count:
        """How many references."""
        return await self._count("processor_references", only)

    async def count_payouts(self, only: PayoutSelection) -> Count:
        """How many payouts."""
        return await self._count("payouts", only)

    async def count_late_alerts(self, only: LateAlertSelection) -> Count:
        """How many late alerts."""
        return await self._count("alerts", only)

    # Queries

    async def _by_ids(self, kind: str, ids: Collection[str], made: Callable[[Document], T]) -> dict[str, T]:
        found: dict[str, T] = {}
        for chunk in _chunks(ids):
            for document in await self._find(kind, {"_id": {"$in": chunk}}):
                found[document["_id"]] = made(document)
        return found

    async def _first_of(
        self, kind: str, field: str, keys: Collection[str], first: int, *, order: Order, made: Callable[[Document], T]
    ) -> dict[str, list[T]]:
        """The first documents of each key, by a field that holds the key or a list of keys."""
        found: dict[str, list[T]] = defaultdict(list, {key: [] for key in keys})
        for chunk in _chunks(keys):
            limit = first * len(chunk) + 1
            documents = await self._find(kind, {field: {"$in": chunk}}, order=order, limit=limit)
            if len(documents) == limit and len(chunk) > 1:
                # A key with many documents may have displaced those of others.
                for key in chunk:
                    some = await self._find(kind, {field: key}, order=order, limit=first)
                    found[key] = [made(document) for document in some]
                continue
            for document in documents:
                value = document[field]
                for key in set(chunk) & set(value if isinstance(value, list) else [value]):
                    if len(found[key]) < first:
                        found[key].append(made(document))
        return dict(found)

    async def _page(
        self, kind: str, where: Document, order: Order, after: str | None, limit: int, made: Callable[[Document], T]
    ) -> RowPage[T]:
        if after is not None:
            where = where | order.after(after)
        return _page(await self._find(kind, where, order=order, limit=limit + 1), order, limit, made)

    async def _find(
        self, kind: str, where: Document, *, order: Order | None = None, limit: int | None = None
    ) -> list[Document]:
        restricted = self.scope.restricted(kind, where)
        if restricted is None:
            return []
        return await find_standing(self._mongo, kind, restricted, sort=() if order is None else order.sort, limit=limit)

    async def _count(self, kind: str, only: Selection) -> Count:
        restricted = self.scope.restricted(kind, only.where())
        if restricted is None:
            return Count(0, False)
        try:
            value = await self._mongo.count(kind, restricted | STANDING, limit=COUNT_MAX)
        except MongoUnavailable as error:
            raise ReadModelUnavailable(str(error)) from error
        return Count(value, value >= COUNT_MAX)


def payment_row(document: Document) -> PaymentRow:
    """A payment's document as a row."""
    return PaymentRow(record_of(PaymentReconciliation, document), *_belonging(document))


def reference_row(document: Document) -> ReferenceRow:
    """A reference's document as a row."""
    return ReferenceRow(record_of(ReferenceReconciliation, document), *_belonging(document))


def break_row(document: Document) -> BreakRow:
    """A break's document as a row."""
    return BreakRow(record_of(MismatchAlert, document), *_belonging(document))


def _belonging(document: Document) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(document.get("property_ids", ())), tuple(document.get("tenant_ids", ()))


def _obligation(document: Document) -> ObligationReconciliation:
    return record_of(ObligationReconciliation, document)


def _payout(document: Document) -> PayoutReconciliation:
    return record_of(PayoutReconciliation, document)


def _late_alert(document: Document) -> LatePaymentAlert:
    return record_of(LatePaymentAlert, document)


def _page(found: list[Document], order: Order, limit: int, made: Callable[[Document], T]) -> RowPage[T]:
    shown = found[:limit]
    return RowPage([made(one) for one in shown], [order.cursor_of(one) for one in shown], len(found) > limit)


def _chunks(keys: Collection[str]) -> Iterator[list[str]]:
    unique: Sequence[Any] = sorted(set(keys))
    for start in range(0, len(unique), KEYS_PER_QUERY):
        yield list(unique[start : start + KEYS_PER_QUERY])

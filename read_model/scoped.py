"""The read model as one reader sees it: batched reads and lists within a scope, which no call can leave.

The gateway reads from here alone. Each call is one query of MongoDB for each `KEYS_PER_QUERY` keys, so that a page with
its nested records costs a few queries and not one for each record.
"""

from collections import defaultdict
from collections.abc import Callable, Collection
from typing import TypeVar

from domain.records import (
    LatePaymentAlert,
    MismatchAlert,
    ObligationReconciliation,
    PaymentReconciliation,
    PayoutReconciliation,
    ReferenceReconciliation,
)
from read_model import orders
from read_model.decision_log import ScopedDecisions
from read_model.documents import KIND_OF, R, history_of, record_of
from read_model.finding import ReadModelUnavailable
from read_model.mongo import Document, MongoUnavailable
from read_model.orders import BREAK_ORDERS, Order
from read_model.reader import chunks, page_of
from read_model.rows import BreakRow, Count, PaymentRow, ReferenceRow, RowPage
from read_model.search import ScopedSearch
from read_model.selections import (
    BreakSelection,
    LateAlertSelection,
    ObligationSelection,
    PaymentSelection,
    PayoutSelection,
    ReferenceSelection,
)
from read_model.totals import ScopedTotals

T = TypeVar("T")
BreakKey = tuple[str, str]
"""The kind and the key of a break."""


class ScopedReadModel(ScopedTotals, ScopedSearch, ScopedDecisions):
    """The read model in a scope. What is outside of the scope is not there.

    Every call may raise ReadModelUnavailable, also where the read model is of an earlier version and has to be rebuilt.
    Lists may raise InvalidCursor. `limit` is at least 1.
    """

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
        for chunk in chunks([key for _, key in keys]):
            for document in await self._find("breaks", {"key": {"$in": chunk}, "open": True}, order=order):
                if (key := (document["key_kind"], document["key"])) in found:
                    found[key].append(break_row(document))
        return found

    async def late_of_obligations(self, obligation_ids: Collection[str]) -> dict[str, list[LatePaymentAlert]]:
        """The live late alerts of obligations, the longest due first."""
        found: dict[str, list[LatePaymentAlert]] = {key: [] for key in obligation_ids}
        for chunk in chunks(obligation_ids):
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
        for chunk in chunks(entry_keys):
            for document in await self._find("payouts", {"entry_keys": {"$in": chunk}}):
                found |= {key: _payout(document) for key in document["entry_keys"] if key in chunk}
        return found

    # Lists

    async def list_breaks(
        self, only: BreakSelection, *, order: str = "pressing", after: str | None = None, limit: int
    ) -> RowPage[BreakRow]:
        """Breaks in one of `BREAK_ORDERS`: pressing, due, oldest, newest, amount."""
        return await self._page(
            "breaks", only.where(), order=BREAK_ORDERS[order], after=after, limit=limit, made=break_row
        )

    async def list_payments(
        self, only: PaymentSelection, *, after: str | None = None, limit: int
    ) -> RowPage[PaymentRow]:
        """Payments, those with the latest instant of what they rest on first."""
        return await self._page(
            "payments", only.where(), order=orders.PAYMENTS, after=after, limit=limit, made=payment_row
        )

    async def list_obligations(
        self, only: ObligationSelection, *, after: str | None = None, limit: int
    ) -> RowPage[ObligationReconciliation]:
        """Obligations by obligation_id."""
        return await self._page(
            "obligations", only.where(), order=orders.OBLIGATIONS, after=after, limit=limit, made=_obligation
        )

    async def list_references(
        self, only: ReferenceSelection, *, after: str | None = None, limit: int
    ) -> RowPage[ReferenceRow]:
        """References by `processor/reference`."""
        return await self._page(
            "processor_references", only.where(), order=orders.REFERENCES, after=after, limit=limit, made=reference_row
        )

    async def list_payouts(
        self, only: PayoutSelection, *, after: str | None = None, limit: int
    ) -> RowPage[PayoutReconciliation]:
        """Payouts by `processor/payout_id`."""
        return await self._page("payouts", only.where(), orders.PAYOUTS, after, limit, _payout)

    async def list_late_alerts(
        self, only: LateAlertSelection, *, after: str | None = None, limit: int
    ) -> RowPage[LatePaymentAlert]:
        """Late alerts, the longest due first."""
        return await self._page(
            "alerts", only.where(), order=orders.LATE_ALERTS, after=after, limit=limit, made=_late_alert
        )

    async def list_versions(self, record: type[R], key: str, *, after: str | None = None, limit: int) -> RowPage[R]:
        """The stored versions of a key's record, the newest first; in a scope only while the record is in it."""
        kind = KIND_OF[record]
        await self._shape()
        if self.scope.properties is not None and not await self._find(kind, {"_id": key}, limit=1):
            return RowPage([], [], False)
        where: Document = {"key": key}
        if after is not None:
            where |= orders.VERSIONS.after(after)[0]
        try:
            found = await self._mongo.find(history_of(kind), where, sort=orders.VERSIONS.sort, limit=limit + 1)
        except MongoUnavailable as error:
            raise ReadModelUnavailable(str(error)) from error
        return page_of(found, orders.VERSIONS, limit, lambda document: record_of(record, document["record"]))

    # Counts

    async def count_breaks(self, only: BreakSelection) -> Count:
        """How many breaks."""
        return await self._count("breaks", only.where())

    async def count_payments(self, only: PaymentSelection) -> Count:
        """How many payments."""
        return await self._count("payments", only.where())

    async def count_obligations(self, only: ObligationSelection) -> Count:
        """How many obligations."""
        return await self._count("obligations", only.where())

    async def count_references(self, only: ReferenceSelection) -> Count:
        """How many references."""
        return await self._count("processor_references", only.where())

    async def count_payouts(self, only: PayoutSelection) -> Count:
        """How many payouts."""
        return await self._count("payouts", only.where())

    async def count_late_alerts(self, only: LateAlertSelection) -> Count:
        """How many late alerts."""
        return await self._count("alerts", only.where())

    # Queries

    async def _by_ids(self, kind: str, ids: Collection[str], made: Callable[[Document], T]) -> dict[str, T]:
        found: dict[str, T] = {}
        for chunk in chunks(ids):
            for document in await self._find(kind, {"_id": {"$in": chunk}}):
                found[document["_id"]] = made(document)
        return found

    async def _first_of(
        self, kind: str, field: str, keys: Collection[str], first: int, *, order: Order, made: Callable[[Document], T]
    ) -> dict[str, list[T]]:
        """The first documents of each key, by a field that holds the key or a list of keys."""
        found: dict[str, list[T]] = defaultdict(list, {key: [] for key in keys})
        for chunk in chunks(keys):
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

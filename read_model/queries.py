"""Queries of the read model. They return the contract's records.

Lists are read page by page. A page continues after a cursor, which is a position in the order and not an offset:
whatever is written between two pages, a record that keeps its position is returned exactly once.
"""

import heapq
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import UNSET, Meta, UnsetType

from domain.records import (
    AgeingBucket,
    BreakClass,
    LatePaymentAlert,
    LateStage,
    MismatchAlert,
    ObligationReconciliation,
    ObligationStatus,
    PaymentReconciliation,
    PayoutReconciliation,
    PayoutStatus,
    ReferenceReconciliation,
    ReferenceStatus,
)
from read_model.documents import KIND_OF, R, history_of, record_of
from read_model.finding import ReadModelUnavailable, find_standing
from read_model.mongo import Document, Mongo, MongoUnavailable, Sort
from read_model.scope import Scope
from read_model.scoped import ScopedReadModel
from read_model.shape import ShapeCheck

KEYS_PER_QUERY = 1_000
"""Ids in one `$in`: an id has up to 512 bytes, and a query must stay below 16 MiB."""
QUERY_TIMEOUT_S = 5.0
"""A query that takes longer is `ReadModelUnavailable`."""

CURRENCY = "^[A-Z]{3}$"
_BREAK_ORDER = ("priority", "opened_at", "break_id")
_ALERT_ORDER = ("due_date", "alert_id")
_BUCKETS = (*(bucket.value for bucket in AgeingBucket), "unknown")

KeyKind = Literal["payment", "obligation", "reference", "payout", "bank_entry"]
KEY_KINDS: tuple[KeyKind, ...] = get_args(KeyKind)
Id = Annotated[str, Meta(min_length=1, max_length=512)]
Key = Annotated[str, Meta(min_length=1, max_length=2_049)]
"""An id, or one of two parts, as `processor/reference`: 512 characters each, those of the first percent-encoded."""

VersionCursor = Annotated[str, Meta(pattern="^[0-9]{1,18}$")]
"""`version`; a history continues with older versions."""
BreakCursor = Annotated[str, Meta(pattern=r"^[1-3]\.-?[0-9]{1,18}\.[0-9a-f]{32}$")]
"""`priority.opened_at.break_id`."""
LateAlertCursor = Annotated[str, Meta(pattern=r"^-?[0-9]{1,7}\.[0-9a-f]{32}$")]
"""`due_date.alert_id`."""

_Currency = Annotated[str, Meta(pattern=CURRENCY, max_length=3, description="only in this currency")]
_PropertyId = Annotated[Id, Meta(description="only of this property")]
_TenantId = Annotated[Id, Meta(description="only of this tenant")]
_Period = Annotated[
    str, Meta(pattern="^[0-9]{4}-(0[1-9]|1[0-2])$", max_length=7, description="only of this period, as in 2026-07")
]


class ObligationQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which obligations. In every query, an unset field does not narrow the list."""

    tenant_id: _TenantId | UnsetType = msgspec.field(default=UNSET, name="tenant")
    property_id: _PropertyId | UnsetType = msgspec.field(default=UNSET, name="property")
    period: _Period | UnsetType = UNSET
    status: Annotated[ObligationStatus, Meta(description="only in this status")] | UnsetType = UNSET


class ReferenceQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which references."""

    status: Annotated[ReferenceStatus, Meta(description="only in this status")] | UnsetType = UNSET
    processor: Annotated[Id, Meta(description="only of this processor")] | UnsetType = UNSET
    payment_id: Annotated[Id, Meta(description="only those that this payment holds")] | UnsetType = msgspec.field(
        default=UNSET, name="payment"
    )


class PayoutQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which payouts."""

    status: Annotated[PayoutStatus, Meta(description="only in this status")] | UnsetType = UNSET
    processor: Annotated[Id, Meta(description="only of this processor")] | UnsetType = UNSET
    currency: _Currency | UnsetType = UNSET
    account_id: Annotated[Id, Meta(description="only those with an entry on this bank account")] | UnsetType = (
        msgspec.field(default=UNSET, name="account")
    )


class BreakQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which breaks.

    The breaks of a property or a tenant are those of its obligations, of payments that were initiated for one of them,
    are allocated to one or are posted to one, and of references that such a payment holds. A payout has money of many
    properties and is of none of them; nor is a bank entry.
    """

    state: Annotated[
        Literal["open", "accepted", "resolved", "any"],
        Meta(description="which breaks, by whether they are open; an accepted break is not"),
    ] = "open"
    break_class: Annotated[BreakClass, Meta(description="only of this class")] | UnsetType = msgspec.field(
        default=UNSET, name="class"
    )
    priority: Annotated[int, Meta(ge=1, le=3, description="only of this priority")] | UnsetType = UNSET
    currency: _Currency | UnsetType = UNSET
    key_kind: Annotated[KeyKind, Meta(description="only of keys of this kind")] | UnsetType = UNSET
    key: (
        Annotated[
            Key,
            Meta(
                description="only of this payment_id, obligation_id, processor/reference, processor/payout_id or "
                "account_id/entry_id"
            ),
        ]
        | UnsetType
    ) = UNSET
    decision: (
        Annotated[
            Literal["acknowledged", "assigned", "accept_requested", "accepted", "none"],
            Meta(description="only where this is what people have decided; `none`: nothing"),
        ]
        | UnsetType
    ) = UNSET
    assignee: Annotated[Id, Meta(description="only those assigned to this person")] | UnsetType = UNSET
    property_id: _PropertyId | UnsetType = msgspec.field(default=UNSET, name="property")
    tenant_id: _TenantId | UnsetType = msgspec.field(default=UNSET, name="tenant")


class LateAlertQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which late-payment alerts."""

    state: Annotated[Literal["live", "ended", "any"], Meta(description="which alerts, by whether they are live")] = (
        "live"
    )
    property_id: _PropertyId | UnsetType = msgspec.field(default=UNSET, name="property")
    tenant_id: _TenantId | UnsetType = msgspec.field(default=UNSET, name="tenant")
    stage: Annotated[LateStage, Meta(description="only in this stage")] | UnsetType = UNSET


class AgeingRow(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The obligations of a property in one currency and ageing bucket. Money is minor units."""

    currency: Annotated[str, Meta(pattern=CURRENCY, max_length=3)]
    ageing_bucket: Annotated[str, Meta(extra_json_schema={"enum": list(_BUCKETS)})]
    obligations: Annotated[int, Meta(ge=0)]
    balance_minor: int
    paid_minor: int
    pending_minor: int
    outstanding_minor: Annotated[
        int, Meta(ge=0, description="the sum of max(0, balance less paid): an overpaid obligation does not pay another")
    ]


def break_cursor(alert: MismatchAlert) -> str:
    """The cursor of a break in `list_breaks`."""
    return f"{alert.priority}.{alert.opened_at}.{alert.break_id}"


def late_alert_cursor(alert: LatePaymentAlert) -> str:
    """The cursor of an alert in `list_late_alerts`."""
    return f"{alert.due_date}.{alert.alert_id}"


class ReadModel:
    """The read model in MongoDB, as `rentmatch project-read-model` writes it.

    Every query may raise ReadModelUnavailable. `after` is the cursor of the last record of the page before.
    """

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._shape = ShapeCheck(mongo)

    def scoped(self, scope: Scope) -> ScopedReadModel:
        """The read model as a reader with this scope sees it."""
        return ScopedReadModel(self._mongo, scope, self._shape)

    async def close(self) -> None:
        """Close the connections to MongoDB."""
        await self._mongo.close()

    async def ping(self) -> None:
        """Check that MongoDB answers."""
        try:
            await self._mongo.ping()
        except MongoUnavailable as error:
            raise ReadModelUnavailable(str(error)) from error

    async def get_payment(self, payment_id: str) -> PaymentReconciliation | None:
        """A payment."""
        return await self._get(PaymentReconciliation, payment_id)

    async def get_obligation(self, obligation_id: str) -> ObligationReconciliation | None:
        """An obligation."""
        return await self._get(ObligationReconciliation, obligation_id)

    async def get_reference(self, reference_key: str) -> ReferenceReconciliation | None:
        """A reference, by `processor/reference`."""
        return await self._get(ReferenceReconciliation, reference_key)

    async def get_payout(self, payout_key: str) -> PayoutReconciliation | None:
        """A payout, by `processor/payout_id`."""
        return await self._get(PayoutReconciliation, payout_key)

    async def get_break(self, break_id: str) -> MismatchAlert | None:
        """A break, open, accepted or resolved."""
        return await self._get(MismatchAlert, break_id)

    async def get_late_alert(self, alert_id: str) -> LatePaymentAlert | None:
        """A late-payment alert, live or ended."""
        return await self._get(LatePaymentAlert, alert_id)

    async def list_versions(self, record: type[R], key: str, *, after: str | None = None, limit: int) -> list[R]:
        """The stored versions of a key's record, newest first."""
        where: Document = {"key": key}
        if after is not None:
            where["version"] = {"$lt": int(after)}
        found = await self._find(history_of(KIND_OF[record]), where, sort=[("version", -1)], limit=limit)
        return [record_of(record, document["record"]) for document in found]

    async def list_obligations(
        self, only: ObligationQuery, *, after: str | None = None, limit: int
    ) -> list[ObligationReconciliation]:
        """Obligations by obligation_id, which is also the cursor."""
        where = _where(only)
        if after is not None:
            where["obligation_id"] = {"$gt": after}
        found = await self._find("obligations", where, sort=[("obligation_id", 1)], limit=limit)
        return [record_of(ObligationReconciliation, document) for document in found]

    async def list_references(
        self, only: ReferenceQuery, *, after: str | None = None, limit: int
    ) -> list[ReferenceReconciliation]:
        """References by `processor/reference`, which is also the cursor."""
        where = _where(only)
        if after is not None:
            where["reference_key"] = {"$gt": after}
        found = await self._find("processor_references", where, sort=[("reference_key", 1)], limit=limit)
        return [record_of(ReferenceReconciliation, document) for document in found]

    async def list_payouts(
        self, only: PayoutQuery, *, after: str | None = None, limit: int
    ) -> list[PayoutReconciliation]:
        """Payouts by `processor/payout_id`, which is also the cursor."""
        where = _where(only)
        if "account_id" in where:
            where["entries.account_id"] = where.pop("account_id")
        if after is not None:
            where["payout_key"] = {"$gt": after}
        found = await self._find("payouts", where, sort=[("payout_key", 1)], limit=limit)
        return [record_of(PayoutReconciliation, document) for document in found]

    async def list_breaks(self, only: BreakQuery, *, after: str | None = None, limit: int) -> list[MismatchAlert]:
        """Breaks by priority, opened_at, break_id."""
        where = _where(only)
        scope: Document = {name: where.pop(name) for name in ("property_id", "tenant_id") if name in where}
        match where.pop("state"):
            case "open":
                where["open"] = True
            case "accepted" | "resolved" as lifecycle:
                where["lifecycle"] = lifecycle
        if "break_class" in where:
            where["class"] = where.pop("break_class")
        if "decision" in where:
            state = where.pop("decision")
            where["decision.state"] = None if state == "none" else state
        if "assignee" in where:
            where["decision.assignee"] = where.pop("assignee")
        if after is not None:
            priority, opened_at, break_id = after.split(".")
            where |= _after(_BREAK_ORDER, [int(priority), int(opened_at), break_id])
        if not scope:
            found = await self._find("breaks", where, sort=_ascending(_BREAK_ORDER), limit=limit)
        else:
            found = []
            key_kind, key = where.pop("key_kind", None), where.pop("key", None)
            for kind, keys in await self._keys_of(scope):
                if key_kind in {None, kind}:
                    for chunk in _chunks(keys if key is None else [one for one in keys if one == key]):
                        about = {"key_kind": kind, "key": {"$in": chunk}}
                        part = await self._find("breaks", where | about, sort=_ascending(_BREAK_ORDER), limit=limit)
                        found = list(heapq.merge(found, part, key=_rank))[:limit]
        return [record_of(MismatchAlert, document) for document in found]

    async def _keys_of(self, scope: Document) -> list[tuple[str, list[str]]]:
        """The keys that breaks of a property or a tenant can have, by their kind.

        They are looked up for each query, because a break has only its key. The result is right whatever the order in
        which breaks, payments, obligations and references arrive, and whatever a payment is posted to later.
        """
        obligations = await self._find("obligations", scope, fields=["obligation_id"])
        obligation_ids = [document["obligation_id"] for document in obligations]
        payment_ids: set[str] = set()
        for chunk in _chunks(obligation_ids):
            payments = await self._find("payments", {"obligation_ids": {"$in": chunk}}, fields=["payment_id"])
            payment_ids.update(document["payment_id"] for document in payments)
        in_order = sorted(payment_ids)
        reference_keys: list[str] = []
        for chunk in _chunks(in_order):
            held = await self._find("processor_references", {"payment_id": {"$in": chunk}}, fields=["reference_key"])
            reference_keys += [document["reference_key"] for document in held]
        return [("obligation", obligation_ids), ("payment", in_order), ("reference", reference_keys)]

    async def list_late_alerts(
        self, only: LateAlertQuery, *, after: str | None = None, limit: int
    ) -> list[LatePaymentAlert]:
        """Late-payment alerts by due_date, alert_id."""
        where = _where(only)
        if (state := where.pop("state")) != "any":
            where["live"] = state == "live"
        if after is not None:
            due_date, alert_id = after.split(".")
            where |= _after(_ALERT_ORDER, [int(due_date), alert_id])
        found = await self._find("alerts", where, sort=_ascending(_ALERT_ORDER), limit=limit)
        return [record_of(LatePaymentAlert, document) for document in found]

    async def ageing(self, property_id: str) -> list[AgeingRow]:
        """The totals of a property's obligations by currency and ageing bucket."""
        rows: dict[tuple[str, str], AgeingRow] = {}
        # Summed here: the server does not promise that a sum of int64 stays exact however large it gets.
        fields = ["currency", "ageing_bucket", "balance_minor", "paid_minor", "pending_minor"]
        for document in await self._find("obligations", {"property_id": property_id}, fields=fields):
            place = document["currency"], document["ageing_bucket"]
            row = rows.setdefault(place, _empty_row(*place))
            row.obligations += 1
            row.balance_minor += document["balance_minor"]
            row.paid_minor += document["paid_minor"]
            row.pending_minor += document["pending_minor"]
            row.outstanding_minor += max(0, document["balance_minor"] - document["paid_minor"])
        return [rows[place] for place in sorted(rows, key=lambda place: (place[0], _BUCKETS.index(place[1])))]

    async def _get(self, record: type[R], key: str) -> R | None:
        found = await self._find(KIND_OF[record], {"_id": key}, limit=1)
        return record_of(record, found[0]) if found else None

    async def _find(
        self,
        collection: str,
        where: Document,
        *,
        sort: Sort = (),
        limit: int | None = None,
        fields: Sequence[str] | None = None,
    ) -> list[Document]:
        return await find_standing(self._mongo, collection, where, sort=sort, limit=limit, fields=fields)


def _where(only: msgspec.Struct) -> Document:
    """The set fields of a filter, by the names that they have in documents."""
    values = msgspec.structs.asdict(only).items()
    return {name: str(value) if isinstance(value, str) else value for name, value in values if value is not UNSET}


def _empty_row(currency: str, ageing_bucket: str) -> AgeingRow:
    return AgeingRow(
        currency=currency,
        ageing_bucket=ageing_bucket,
        obligations=0,
        balance_minor=0,
        paid_minor=0,
        pending_minor=0,
        outstanding_minor=0,
    )


def _ascending(order: Sequence[str]) -> Sort:
    return [(name, 1) for name in order]


def _rank(document: Document) -> tuple[Any, ...]:
    return tuple(document[name] for name in _BREAK_ORDER)


def _after(order: Sequence[str], place: Sequence[Any]) -> Document:
    """A filter for documents after a position in an order."""
    return {
        "$or": [
            {**dict(zip(order[:at], place[:at], strict=True)), order[at]: {"$gt": place[at]}}
            for at in range(len(order))
        ]
    }


def _chunks(ids: Sequence[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), KEYS_PER_QUERY):
        yield list(ids[start : start + KEYS_PER_QUERY])

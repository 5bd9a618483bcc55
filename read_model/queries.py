"""Queries of the read model. Answers are JSON in the contract's vocabulary, as `rentmatch read --json` has it.

Lists come by pages: a page continues behind a cursor, which is a place in the order and not a count. So whatever is
written between two pages, a record that did not change its place comes once, and none is left out.
"""

import base64
import heapq
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal, Protocol

from domain.records import AgeingBucket, Output
from domain.time import EPOCH_ORDINAL, micros_of
from read_model.documents import Kind, history_of, record_of
from read_model.mongo import Document, Mongo, MongoUnavailable, Sort

Json = dict[str, Any]
ToJson = Callable[[Output], Json]
"""`streams.codec.json_form.output_to_json`; handed in, because a sink does not know the streams."""

KEYS_AT_ONCE = 1_000
"""So many ids are asked for by one query: an id has up to 512 bytes, and a query must stay below 16 MiB."""
QUERY_SECONDS = 5.0
"""How long a question may take before it is `ReadModelUnavailable`."""

_BREAK_ORDER = ("priority", "opened_at", "break_id")
_ALERT_ORDER = ("due_date", "alert_id")


class ReadModelUnavailable(Exception):
    """MongoDB did not answer in time. Nothing is known; ask again."""


class BadCursor(ValueError):
    """`after` is not what an earlier page gave."""


class ReadModelQueries(Protocol):
    """What can be asked. Every method may raise ReadModelUnavailable; `after` is None for the first page."""

    async def payment(self, payment_id: str) -> Json | None:
        """A PaymentReconciliation."""

    async def obligation(self, obligation_id: str) -> Json | None:
        """An ObligationReconciliation."""

    async def exception(self, break_id: str) -> Json | None:
        """A MismatchAlert, open or resolved."""

    async def late_alert(self, alert_id: str) -> Json | None:
        """A LatePaymentAlert, live or ended."""

    async def history(self, kind: Kind, key: str, *, limit: int, before_version: int | None) -> list[Json]:
        """The versions met of one key, newest first; with `before_version` only older ones than that."""

    async def obligations(
        self,
        *,
        tenant_id: str | None = None,
        property_id: str | None = None,
        period: str | None = None,
        status: str | None = None,
        after: str | None = None,
        limit: int,
    ) -> list[Json]:
        """Obligations by obligation_id. `after` is an obligation_id."""

    async def exceptions(
        self,
        *,
        state: Literal["open", "resolved", "any"] = "open",
        break_class: str | None = None,
        priority: int | None = None,
        currency: str | None = None,
        key_kind: str | None = None,
        key: str | None = None,
        property_id: str | None = None,
        tenant_id: str | None = None,
        after: str | None = None,
        limit: int,
    ) -> list[Json]:
        """Mismatch alerts by priority, opened_at, break_id. `after` is `exception_cursor` of a page's last item.

        A property's or tenant's are those about its obligations, and about payments that were initiated for one of
        these or are posted to one. BadCursor: `after` is none of ours.
        """

    async def late_alerts(
        self,
        *,
        live: bool | None = True,
        property_id: str | None = None,
        tenant_id: str | None = None,
        stage: str | None = None,
        after: str | None = None,
        limit: int,
    ) -> list[Json]:
        """Late-payment alerts by due_date, alert_id. `after` is `late_alert_cursor` of a page's last item."""

    async def ageing(self, property_id: str) -> list[Json]:
        """What a property's obligations come to, a row for each currency and ageing bucket.

        `outstanding_minor` is the sum over the obligations of max(0, balance less paid): what one is overpaid does not
        pay another.
        """

    async def ping(self) -> None:
        """See that MongoDB answers."""


def exception_cursor(item: Json) -> str:
    """The cursor behind an item that `exceptions` gave."""
    return _cursor(item["priority"], item["opened_at"], item["break_id"])


def late_alert_cursor(item: Json) -> str:
    """The cursor behind an item that `late_alerts` gave."""
    return _cursor(item["due_date"], item["alert_id"])


class ReadModel:
    """The read model in MongoDB, as `rentmatch project-read-model` writes it.

    Args:
        mongo: the database, with a short time for an answer.
        to_json: `streams.codec.json_form.output_to_json`.

    """

    def __init__(self, mongo: Mongo, to_json: ToJson) -> None:
        self._mongo = mongo
        self._to_json = to_json

    @classmethod
    def connect(cls, url: str, database: str, ca_file: Path | None, to_json: ToJson) -> "ReadModel":
        """A read model of its own connections. Nothing is asked yet.

        Raises:
            read_model.mongo.MongoConfigError: the URL cannot be one.

        """
        return cls(Mongo(url, database, ca_file, timeout_s=QUERY_SECONDS), to_json)

    def close(self) -> None:
        """Close its connections."""
        self._mongo.close()

    async def ping(self) -> None:
        """See that MongoDB answers."""
        try:
            await self._mongo.ping()
        except MongoUnavailable as error:
            raise ReadModelUnavailable(str(error)) from error

    async def payment(self, payment_id: str) -> Json | None:
        """A PaymentReconciliation."""
        return await self._one("payments", payment_id)

    async def obligation(self, obligation_id: str) -> Json | None:
        """An ObligationReconciliation."""
        return await self._one("obligations", obligation_id)

    async def exception(self, break_id: str) -> Json | None:
        """A MismatchAlert."""
        return await self._one("breaks", break_id)

    async def late_alert(self, alert_id: str) -> Json | None:
        """A LatePaymentAlert."""
        return await self._one("alerts", alert_id)

    async def history(self, kind: Kind, key: str, *, limit: int, before_version: int | None = None) -> list[Json]:
        """The versions met of one key."""
        where: Document = {"key": key}
        if before_version is not None:
            where["version"] = {"$lt": before_version}
        found = await self._find(history_of(kind), where, sort=[("version", -1)], limit=limit)
        return [self._json(kind, document["record"]) for document in found]

    async def obligations(
        self,
        *,
        tenant_id: str | None = None,
        property_id: str | None = None,
        period: str | None = None,
        status: str | None = None,
        after: str | None = None,
        limit: int,
    ) -> list[Json]:
        """Obligations by obligation_id."""
        where = _given(tenant_id=tenant_id, property_id=property_id, period=period, status=status)
        if after is not None:
            where["obligation_id"] = {"$gt": after}
        found = await self._find("obligations", where, sort=[("obligation_id", 1)], limit=limit)
        return [self._json("obligations", document) for document in found]

    async def exceptions(
        self,
        *,
        state: Literal["open", "resolved", "any"] = "open",
        break_class: str | None = None,
        priority: int | None = None,
        currency: str | None = None,
        key_kind: str | None = None,
        key: str | None = None,
        property_id: str | None = None,
        tenant_id: str | None = None,
        after: str | None = None,
        limit: int,
    ) -> list[Json]:
        """Mismatch alerts by priority, opened_at, break_id."""
        where = _given(open=None if state == "any" else state == "open", priority=priority, currency=currency)
        if break_class is not None:
            where["class"] = break_class
        if after is not None:
            worst, opened_at, break_id = _place(after, int, str, str)
            where |= _behind(_BREAK_ORDER, [worst, _micros(opened_at), break_id])
        scope = _given(property_id=property_id, tenant_id=tenant_id)
        if not scope:
            where |= _given(key_kind=key_kind, key=key)
            found = await self._find("breaks", where, sort=_rising(_BREAK_ORDER), limit=limit)
        else:
            found = []
            for kind, keys in await self._keys_of(scope):
                if key_kind in {None, kind}:
                    for some in _chunks(keys if key is None else [one for one in keys if one == key]):
                        about = {"key_kind": kind, "key": {"$in": some}}
                        part = await self._find("breaks", where | about, sort=_rising(_BREAK_ORDER), limit=limit)
                        found = list(heapq.merge(found, part, key=_rank))[:limit]
        return [self._json("breaks", document) for document in found]

    async def _keys_of(self, scope: Document) -> list[tuple[str, list[str]]]:
        """The keys that breaks of a property or a tenant can have, by their kind.

        Looked up at each question, since a break tells only its key: so the answer is right in whatever order breaks,
        payments and obligations arrive, and whatever a payment is posted to later.
        """
        obligations = await self._find("obligations", scope, fields=["obligation_id"])
        obligation_ids = [document["obligation_id"] for document in obligations]
        payment_ids: set[str] = set()
        for some in _chunks(obligation_ids):
            payments = await self._find("payments", {"obligation_ids": {"$in": some}}, fields=["payment_id"])
            payment_ids.update(document["payment_id"] for document in payments)
        return [("obligation", obligation_ids), ("payment", sorted(payment_ids))]

    async def late_alerts(
        self,
        *,
        live: bool | None = True,
        property_id: str | None = None,
        tenant_id: str | None = None,
        stage: str | None = None,
        after: str | None = None,
        limit: int,
    ) -> list[Json]:
        """Late-payment alerts by due_date, alert_id."""
        where = _given(live=live, property_id=property_id, tenant_id=tenant_id, stage=stage)
        if after is not None:
            due_date, alert_id = _place(after, str, str)
            where |= _behind(_ALERT_ORDER, [_day(due_date), alert_id])
        found = await self._find("alerts", where, sort=_rising(_ALERT_ORDER), limit=limit)
        return [self._json("alerts", document) for document in found]

    async def ageing(self, property_id: str) -> list[Json]:
        """What a property's obligations come to by currency and ageing bucket."""
        fields = ["currency", "ageing_bucket", "balance_minor", "paid_minor", "pending_minor"]
        rows: dict[tuple[str, str], Json] = {}
        # Added up here: whole numbers stay whole however large they get, which the server's sums do not promise.
        for document in await self._find("obligations", {"property_id": property_id}, fields=fields):
            place = document["currency"], document["ageing_bucket"]
            row = rows.get(place)
            if row is None:
                row = rows[place] = {"currency": place[0], "ageing_bucket": place[1], **dict.fromkeys(_SUMS, 0)}
            balance, paid = document["balance_minor"], document["paid_minor"]
            added = (1, balance, paid, document["pending_minor"], max(0, balance - paid))
            for name, amount in zip(_SUMS, added, strict=True):
                row[name] += amount
        return [rows[place] for place in sorted(rows, key=lambda place: (place[0], _BUCKETS.index(place[1])))]

    async def _one(self, kind: Kind, key: str) -> Json | None:
        found = await self._find(kind, {"_id": key}, limit=1)
        return self._json(kind, found[0]) if found else None

    async def _find(
        self,
        collection: str,
        where: Document,
        *,
        sort: Sort = (),
        limit: int | None = None,
        fields: Sequence[str] | None = None,
    ) -> list[Document]:
        try:
            return await self._mongo.find(collection, where, sort=sort, limit=limit, fields=fields)
        except MongoUnavailable as error:
            raise ReadModelUnavailable(str(error)) from error

    def _json(self, kind: Kind, document: Document) -> Json:
        return self._to_json(record_of(kind, document))


_SUMS = ("obligations", "balance_minor", "paid_minor", "pending_minor", "outstanding_minor")
_BUCKETS = (*(bucket.value for bucket in AgeingBucket), "unknown")


def _given(**filters: Any) -> Document:
    """A filter of those that were given."""
    return {name: value for name, value in filters.items() if value is not None}


def _rising(order: Sequence[str]) -> Sort:
    return [(name, 1) for name in order]


def _rank(document: Document) -> tuple[Any, ...]:
    return tuple(document[name] for name in _BREAK_ORDER)


def _behind(order: Sequence[str], place: Sequence[Any]) -> Document:
    """A filter for what comes behind a place in an order."""
    return {
        "$or": [
            {**dict(zip(order[:at], place[:at], strict=True)), order[at]: {"$gt": place[at]}}
            for at in range(len(order))
        ]
    }


def _chunks(ids: Sequence[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), KEYS_AT_ONCE):
        yield list(ids[start : start + KEYS_AT_ONCE])


def _cursor(*place: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def _place(cursor: str, *types: type) -> list[Any]:
    try:
        place = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        raise BadCursor("after is not a cursor that an earlier page gave") from None
    if not isinstance(place, list) or [type(part) for part in place] != list(types):
        raise BadCursor("after is not a cursor of this list")
    return place


def _micros(text: str) -> int:
    """The microseconds of an instant as the JSON has it."""
    try:
        return micros_of(datetime.fromisoformat(text))
    except (ValueError, TypeError):
        raise BadCursor("after is not a cursor of this list") from None


def _day(text: str) -> int:
    """The day of a date as the JSON has it."""
    try:
        return date.fromisoformat(text).toordinal() - EPOCH_ORDINAL
    except ValueError:
        raise BadCursor("after is not a cursor of this list") from None

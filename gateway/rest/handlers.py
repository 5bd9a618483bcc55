"""The handlers of the HTTP API: each answers from the read model, or from the live state of a key."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Generic, TypeVar

import msgspec
from aiohttp import web
from msgspec import UNSET, Meta, UnsetType

from domain.ids import two_part_key
from domain.records import (
    LatePaymentAlert,
    MismatchAlert,
    ObligationReconciliation,
    PaymentReconciliation,
    PayoutReconciliation,
    ReferenceReconciliation,
)
from gateway.rest.answers import ExplanationJson, LiveAnswer, OpenApi, ResultPage, StateJson, encode, live_answer
from gateway.rest.errors import ApiError
from gateway.rest.live_queries import LiveQueries
from gateway.rest.live_state import LiveState
from gateway.rest.openapi import describe
from gateway.rest.operations import Operation, OperationTable
from gateway.rest.request_limits import json_response
from read_model.documents import R
from read_model.finding import ReadModelUnavailable
from read_model.queries import (
    KEY_KINDS,
    AgeingRow,
    BreakCursor,
    BreakQuery,
    Id,
    Key,
    KeyKind,
    LateAlertCursor,
    LateAlertQuery,
    ObligationQuery,
    PayoutQuery,
    ReadModel,
    ReferenceQuery,
    VersionCursor,
    break_cursor,
    late_alert_cursor,
)

OPERATIONS = OperationTable()

C = TypeVar("C", bound=str)


class PageRequest(msgspec.Struct, Generic[C], frozen=True, kw_only=True):
    """Which page of a list."""

    limit: Annotated[
        int, Meta(ge=1, le=500, description="the most items on a page; a page of large items may have fewer")
    ] = 100
    after: Annotated[C, Meta(description="`next` of the page before")] | UnsetType = UNSET

    @property
    def cursor(self) -> str | None:
        """The cursor; None for the first page."""
        return None if self.after is UNSET else str(self.after)


class RecordSource(msgspec.Struct, frozen=True, kw_only=True):
    """Where a record is read."""

    live: Annotated[
        bool, Meta(description="`true` reads the committed state of the worker that owns the key, not the read model")
    ] = False


class BreakKey(msgspec.Struct, frozen=True, kw_only=True):
    """The key of a break: both parameters or none."""

    key_kind: Annotated[KeyKind, Meta(description="what `key` identifies; given with `key`")] | UnsetType = UNSET
    key: (
        Annotated[
            Key,
            Meta(
                description="the payment_id, obligation_id, processor/reference, processor/payout_id or "
                "account_id/entry_id; given with `key_kind`"
            ),
        ]
        | UnsetType
    ) = UNSET


class ReconciliationApi:
    """The HTTP API.

    Args:
        read_model: answers what is not live; closed with this; None where none is configured.
        live_state: the keys of this worker, and the owners of the others; None where there is no worker.
        version: the version of the service.

    """

    def __init__(self, read_model: ReadModel | None, live_state: LiveState | None, version: str) -> None:
        self._read_model = read_model
        self._live = None if live_state is None else LiveQueries(live_state)
        self._description = describe(OPERATIONS, version)

    def routes(self) -> list[tuple[str, Callable[[web.Request], Awaitable[web.StreamResponse]]]]:
        """The path pattern and the aiohttp handler of each operation."""
        return [(operation.pattern, partial(self._handle, operation)) for operation in OPERATIONS]

    async def close(self) -> None:
        """Close the connections to other workers and to MongoDB."""
        if self._live is not None:
            await self._live.close()
        if self._read_model is not None:
            await self._read_model.close()

    async def _handle(self, operation: Operation, request: web.Request) -> web.StreamResponse:
        try:
            answer = await operation.handler(self, **operation.arguments(request))
        except ReadModelUnavailable:
            raise ApiError("read_model_unavailable", "the read model does not answer; retry") from None
        if answer is None:
            raise ApiError("not_found", "there is no record with this id")
        return json_response(encode(answer))

    @property
    def _model(self) -> ReadModel:
        if self._read_model is None:
            raise ApiError(
                "no_read_model",
                "this worker has no read model: set RENTMATCH_MONGO_URL and run `rentmatch project-read-model`; "
                "payments, obligations, references and payouts are available with live=true",
            )
        return self._read_model

    @property
    def _owners(self) -> LiveQueries:
        if self._live is None:
            raise ApiError("no_owner", "this process has no state; ask a worker")
        return self._live

    @OPERATIONS.get("/v1/payments/{payment_id}", "payment")
    async def get_payment(
        self, request: web.Request, payment_id: Id, source: RecordSource
    ) -> PaymentReconciliation | LiveAnswer[PaymentReconciliation] | None:
        """A payment as it stands."""
        if source.live:
            return live_answer(await self._owners.record(request, "payment", payment_id))
        return await self._model.get_payment(payment_id)

    @OPERATIONS.get("/v1/payments/{payment_id}/history", "payment_history")
    async def list_payment_versions(
        self, payment_id: Id, page: PageRequest[VersionCursor]
    ) -> ResultPage[PaymentReconciliation]:
        """The versions of a payment, newest first."""
        return await self._versions(PaymentReconciliation, payment_id, page)

    @OPERATIONS.get("/v1/obligations/{obligation_id}", "obligation")
    async def get_obligation(
        self, request: web.Request, obligation_id: Id, source: RecordSource
    ) -> ObligationReconciliation | LiveAnswer[ObligationReconciliation] | None:
        """An obligation as it stands."""
        if source.live:
            return live_answer(await self._owners.record(request, "obligation", obligation_id))
        return await self._model.get_obligation(obligation_id)

    @OPERATIONS.get("/v1/obligations/{obligation_id}/history", "obligation_history")
    async def list_obligation_versions(
        self, obligation_id: Id, page: PageRequest[VersionCursor]
    ) -> ResultPage[ObligationReconciliation]:
        """The versions of an obligation, newest first."""
        return await self._versions(ObligationReconciliation, obligation_id, page)

    @OPERATIONS.get("/v1/references", "references")
    async def list_references(
        self, only: ReferenceQuery, page: PageRequest[Key]
    ) -> ResultPage[ReferenceReconciliation]:
        """Processors' references that have settlement records without a payment id, by processor and reference."""
        found = await self._model.list_references(only, after=page.cursor, limit=page.limit + 1)
        return ResultPage(found, page.limit, lambda reference: reference.reference_key)

    @OPERATIONS.get("/v1/references/{processor}/{processor_reference}", "reference")
    async def get_reference(
        self, request: web.Request, processor: Id, processor_reference: Id, source: RecordSource
    ) -> ReferenceReconciliation | LiveAnswer[ReferenceReconciliation] | None:
        """A reference as it stands: who holds it, and the money in suspense where nobody does."""
        key = two_part_key(processor, processor_reference)
        if source.live:
            return live_answer(await self._owners.record(request, "reference", key))
        return await self._model.get_reference(key)

    @OPERATIONS.get("/v1/references/{processor}/{processor_reference}/history", "reference_history")
    async def list_reference_versions(
        self, processor: Id, processor_reference: Id, page: PageRequest[VersionCursor]
    ) -> ResultPage[ReferenceReconciliation]:
        """The versions of a reference, newest first."""
        key = two_part_key(processor, processor_reference)
        return await self._versions(ReferenceReconciliation, key, page)

    @OPERATIONS.get("/v1/payouts", "payouts")
    async def list_payouts(self, only: PayoutQuery, page: PageRequest[Key]) -> ResultPage[PayoutReconciliation]:
        """Payouts, by processor and payout_id."""
        found = await self._model.list_payouts(only, after=page.cursor, limit=page.limit + 1)
        return ResultPage(found, page.limit, lambda payout: payout.payout_key)

    @OPERATIONS.get("/v1/payouts/{processor}/{payout_id}", "payout")
    async def get_payout(
        self, request: web.Request, processor: Id, payout_id: Id, source: RecordSource
    ) -> PayoutReconciliation | LiveAnswer[PayoutReconciliation] | None:
        """A payout as it stands: its lines, what its processor reports, and what is on the bank account."""
        key = two_part_key(processor, payout_id)
        if source.live:
            return live_answer(await self._owners.record(request, "payout", key))
        return await self._model.get_payout(key)

    @OPERATIONS.get("/v1/payouts/{processor}/{payout_id}/history", "payout_history")
    async def list_payout_versions(
        self, processor: Id, payout_id: Id, page: PageRequest[VersionCursor]
    ) -> ResultPage[PayoutReconciliation]:
        """The versions of a payout, newest first."""
        return await self._versions(PayoutReconciliation, two_part_key(processor, payout_id), page)

    @OPERATIONS.get("/v1/tenants/{tenant_id}/obligations", "tenant_obligations")
    async def list_tenant_obligations(
        self, only: ObligationQuery, page: PageRequest[Id]
    ) -> ResultPage[ObligationReconciliation]:
        """A tenant's obligations, by obligation_id."""
        return await self._obligations(only, page)

    @OPERATIONS.get("/v1/properties/{property_id}/obligations", "property_obligations")
    async def list_property_obligations(
        self, only: ObligationQuery, page: PageRequest[Id]
    ) -> ResultPage[ObligationReconciliation]:
        """A property's obligations, by obligation_id."""
        return await self._obligations(only, page)

    @OPERATIONS.get("/v1/properties/{property_id}/ageing", "ageing")
    async def get_ageing(self, property_id: Id) -> ResultPage[AgeingRow]:
        """What a property is owed, by currency and age."""
        rows = await self._model.ageing(property_id)
        return ResultPage(rows, len(rows), lambda row: row.currency)

    @OPERATIONS.get("/v1/exceptions", "exceptions")
    async def list_breaks(self, only: BreakQuery, page: PageRequest[BreakCursor]) -> ResultPage[MismatchAlert]:
        """Breaks, the most pressing and oldest first."""
        found = await self._model.list_breaks(only, after=page.cursor, limit=page.limit + 1)
        return ResultPage(found, page.limit, break_cursor)

    @OPERATIONS.get("/v1/exceptions/{break_id}", "exception")
    async def get_break(self, break_id: Id) -> MismatchAlert | None:
        """A break, open, accepted or resolved."""
        return await self._model.get_break(break_id)

    @OPERATIONS.get("/v1/exceptions/{break_id}/history", "exception_history")
    async def list_break_versions(self, break_id: Id, page: PageRequest[VersionCursor]) -> ResultPage[MismatchAlert]:
        """The versions of a break, newest first."""
        return await self._versions(MismatchAlert, break_id, page)

    @OPERATIONS.get("/v1/exceptions/{break_id}/explanation", "explanation")
    async def explain_break(
        self, request: web.Request, break_id: Id, of: BreakKey
    ) -> LiveAnswer[ExplanationJson] | None:
        """An open or accepted break explained from the live state of its key.

        The key is read from the read model, unless `key_kind` and `key` are given; every alert of the break has both.
        """
        if of.key_kind is not UNSET and of.key is not UNSET:
            return live_answer(await self._owners.explanation(request, of.key_kind, of.key, break_id))
        if of.key_kind is not UNSET or of.key is not UNSET:
            raise ApiError("bad_parameter", "key_kind and key go together")
        alert = await self._model.get_break(break_id)
        if alert is None:
            return None
        kind = next((known for known in KEY_KINDS if known == alert.key_kind), None)
        if kind is None:
            raise ApiError("no_owner", f"workers of this version have no keys of the kind {alert.key_kind}")
        return live_answer(await self._owners.explanation(request, kind, alert.key, break_id))

    @OPERATIONS.get("/v1/states/{key_kind}/{key}", "state")
    async def get_state(self, request: web.Request, key_kind: KeyKind, key: Key) -> LiveAnswer[StateJson] | None:
        """The committed state of a key, live: all its facts, and what was last published of it.

        For programs of the same version, such as the gateway, which says with it what a decision would change.
        """
        return live_answer(await self._owners.state(request, key_kind, key))

    @OPERATIONS.get("/v1/late-alerts", "late_alerts")
    async def list_late_alerts(
        self, only: LateAlertQuery, page: PageRequest[LateAlertCursor]
    ) -> ResultPage[LatePaymentAlert]:
        """Late installments, the longest due first."""
        found = await self._model.list_late_alerts(only, after=page.cursor, limit=page.limit + 1)
        return ResultPage(found, page.limit, late_alert_cursor)

    @OPERATIONS.get("/v1/late-alerts/{alert_id}", "late_alert")
    async def get_late_alert(self, alert_id: Id) -> LatePaymentAlert | None:
        """A late installment, live or ended."""
        return await self._model.get_late_alert(alert_id)

    @OPERATIONS.get("/v1/openapi.json", "openapi")
    async def get_description(self) -> OpenApi:
        """The description of the API."""
        return self._description

    async def _versions(self, record: type[R], key: str, page: PageRequest[VersionCursor]) -> ResultPage[R]:
        found = await self._model.list_versions(record, key, after=page.cursor, limit=page.limit + 1)
        return ResultPage(found, page.limit, lambda version: str(version.version))

    async def _obligations(self, only: ObligationQuery, page: PageRequest[Id]) -> ResultPage[ObligationReconciliation]:
        found = await self._model.list_obligations(only, after=page.cursor, limit=page.limit + 1)
        return ResultPage(found, page.limit, lambda obligation: obligation.obligation_id)

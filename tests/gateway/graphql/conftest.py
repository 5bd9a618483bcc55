"""The schema over the read model of a projected month, and the view over HTTP."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import pytest
from strawberry.types import ExecutionResult

from domain.bank_entries.state import Booking
from domain.time import Micros
from gateway.graphql.context import Context
from gateway.graphql.loaders import Loaders
from gateway.graphql.schema.changes import Freshness
from gateway.graphql.schema.factory import gateway_schema
from gateway.graphql.schema.money import Count
from gateway.graphql.schema.operations import Health, ReadModelHealth
from gateway.graphql.schema.scalars import Instant
from gateway.graphql.surroundings import Surroundings
from gateway.people.viewer import Role, Viewer
from gateway.workers import Answer, PayoutLineItem
from read_model.mongo import Mongo
from read_model.queries import ReadModel
from read_model.scope import Scope
from read_model.writer import ReadModelWriter
from tests.kit.driver import Driver
from tests.kit.mongo import MongoServer
from tests.kit.projected import _arrived
from tests.kit.serving import InProcessLiveState

ANA = Viewer("ana", Role.ADMIN, None, may_query_freely=True)


class InProcessLive:
    """Answers as a worker does, from the state of a driver."""

    def __init__(self, month: Driver) -> None:
        self._state = InProcessLiveState(month.worker, "alone", "http://alone.invalid", {})
        self.error: str | None = None
        self.asked: Counter[str] = Counter()

    async def explanation(self, kind: str, key: str, break_id: str) -> Answer[dict[str, Any]]:
        self.asked["explanation"] += 1
        if self.error is not None:
            return Answer(None, self.error)
        reader: Any = self._state.reader
        found = await self._state.explanation(reader, kind, key, break_id)  # type: ignore[arg-type]
        return Answer(None if found is None else msgspec.json.decode(found))

    async def time_zone(self, obligation_id: str) -> Answer[str]:
        self.asked["time_zone"] += 1
        found = await self._committed("obligation", obligation_id)
        return Answer(None if found is None or found.charge is None else found.charge.time_zone, self.error)

    async def payout_lines(self, payout_key: str) -> Answer[list[PayoutLineItem]]:
        self.asked["payout_lines"] += 1
        found = await self._committed("payout", payout_key)
        if found is None:
            return Answer(None, self.error)
        return Answer(
            [
                PayoutLineItem(reference, name, line)
                for reference, outcomes in sorted(found.lines.items())
                for name, line in sorted(outcomes.items())
            ]
        )

    async def booking(self, account_id: str, entry_id: str) -> Answer[Booking]:
        self.asked["booking"] += 1
        found = await self._committed("bank_entry", f"{account_id}/{entry_id}")
        return Answer(None if found is None else found.booking, self.error)

    async def _committed(self, kind: Any, key: str) -> Any:
        if self.error is not None:
            return None
        reader: Any = self._state.reader
        return await reader.read(kind, key, lambda found: found.state)

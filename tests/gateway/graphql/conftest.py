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
from read_model.summaries import SummaryKeeper
from read_model.writer import ReadModelWriter, ReceivedRecord
from streams import topics
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


class StillOperations:
    """Processes that are well and do nothing."""

    async def freshness(self) -> Freshness:
        return Freshness(caught_up_to=None, lag=0, as_of=Instant(0))

    async def health(self) -> Health:
        return Health(
            freshness=await self.freshness(),
            workers=[],
            topics=[],
            feeds=[],
            read_model=ReadModelHealth(up=True, lag=0),
            dead_letters=Count(value=0, at_least=False),
        )


class QuietPeople:
    """Nobody has saved anything."""

    def __init__(self) -> None:
        self.refusals: list[tuple[str, str]] = []

    async def refused(self, viewer: Viewer, *, action: str, reason: str) -> None:
        self.refusals.append((viewer.name, action))

    def four_eyes(self) -> Mapping[str, int]:
        return {"USD": 100_000, "*": 50_000}

    async def saved_views(self, viewer: Viewer) -> list[Any]:
        return []

    async def api_tokens(self) -> list[Any]:
        return []


class NoProposals:
    """Commands that nobody gives."""

    async def proposals(self, alert: Any) -> list[Any]:
        return []


class CountedReads:
    """A scoped read model that counts its calls."""

    def __init__(self, inner: Any, calls: Counter[str]) -> None:
        self._inner = inner
        self._calls = calls

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        found = getattr(self._inner, name)

        async def counted(*arguments: Any, **named: Any) -> Any:
            self._calls[name] += 1
            return await found(*arguments, **named)

        return counted


@dataclass
class Gateway:
    """Asks the schema, as a viewer."""

    month: Driver
    runner: asyncio.Runner
    surroundings: Surroundings
    live: InProcessLive
    calls: Counter[str] = field(default_factory=Counter)

    def context(self, viewer: Viewer = ANA) -> Context:
        made = self.surroundings.context(viewer)
        read: Any = CountedReads(made.read, self.calls)
        return replace(made, read=read, loaders=Loaders(read, made.live))

    def execute(self, document: str, variables: dict[str, Any] | None = None, viewer: Viewer = ANA) -> ExecutionResult:
        async def run() -> ExecutionResult:
            return await gateway_schema().execute(
                document, variable_values=variables, context_value=self.context(viewer)
            )

        self.calls.clear()
        self.live.asked.clear()
        return self.runner.run(run())

    def data(self, document: str, variables: dict[str, Any] | None = None, viewer: Viewer = ANA) -> dict[str, Any]:
        """The data of an answer without errors."""
        result = self.execute(document, variables, viewer)
        assert result.errors is None, result.errors
        assert result.data is not None
        return result.data


def decided(month: Driver) -> Iterator[ReceivedRecord]:
    """The records of the topic `decisions`."""
    broker, name = month.world.broker, topics.DECISIONS.name
    for number in range(broker.partitions[topics.DECISIONS]):
        for offset, record in enumerate(broker.logs[topics.DECISIONS, number]):
            fact: Any = month.world.codec.decode_input(topics.DECISIONS, record.value)
            yield ReceivedRecord("decisions", name, number, offset, record.key, record.value, fact)


@pytest.fixture(scope="session")
def gateway(mongo_server: MongoServer, month: Driver) -> Iterator[Gateway]:
    """The schema over a month. The clients of MongoDB belong to the runner's loop."""
    with asyncio.Runner() as runner:
        mongo = Mongo(mongo_server.url, "graphql", timeout_s=20)

        async def write() -> None:
            writer = ReadModelWriter(mongo, lambda: 0)
            await writer.prepare()
            arrived = [*_arrived(month), *decided(month)]
            for start in range(0, len(arrived), 400):
                await writer.write(arrived[start : start + 400])
            keeper = SummaryKeeper(mongo, lambda: month.world.now)
            while (await keeper.make_marked(rest=False))[0]:
                pass

        runner.run(write())
        live = InProcessLive(month)
        ports: dict[str, Any] = {
            "operations": StillOperations(), "commands": NoProposals(), "people": QuietPeople(), "changes": None,
        }  # fmt: skip
        now: Micros = month.world.now
        yield Gateway(month, runner, Surroundings(ReadModel(mongo), live, clock=lambda: now, **ports), live)
        runner.run(mongo.close())

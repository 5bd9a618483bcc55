"""A month of rent in process, and servers over it."""

import asyncio
from collections.abc import Iterator

import pytest

from domain.time import Micros
from gateway.rest.handlers import ReconciliationApi
from read_model.mongo import Mongo
from read_model.queries import QUERY_TIMEOUT_S, ReadModel
from read_model.writer import ReadModelWriter
from simulator.deliver import value_of
from simulator.scenario import Scenario, simulate
from streams import topics
from streams.codec.codec import Codec
from tests.kit.driver import Driver, Worker, all_sources
from tests.kit.mongo import MongoServer
from tests.kit.projected import _arrived
from tests.kit.serving import InProcessLiveState, MemoryReadModel, Served

_TOPICS = {topic.name: topic for topic in topics.INPUTS}


def played(scenario: Scenario, now: Micros, partitions: int = 4) -> Driver:
    """A worker that has read a scenario step by step, so that breaks open and are resolved."""
    driver = Driver(partitions=partitions, now=scenario.starts_at)
    codec = Codec()
    for number, delivery in enumerate(scenario.deliveries):
        if number % 100 == 0:
            driver.advance(max(driver.world.now, delivery.arrives_at))
        topic = _TOPICS[delivery.topic]
        value = value_of(delivery, lambda fact, _, topic=topic: codec.encode(fact, topic.name))
        driver.world.broker.publish(topic, delivery.key.encode(), value)
    driver.advance(now)
    return driver


@pytest.fixture(scope="session")
def month() -> Driver:
    """Read-only."""
    scenario = simulate(11, 90)
    return played(scenario, scenario.closes_at)


def projected(mongo_server: MongoServer, month: Driver, driver: str) -> ReadModel:
    """The read model as the projector writes it."""
    mongo = Mongo(mongo_server.url, "web", timeout_s=20)

    async def write() -> None:
        writer = ReadModelWriter(mongo, lambda: 0)
        await writer.prepare()
        arrived = list(_arrived(month))
        for start in range(0, len(arrived), 400):
            await writer.write(arrived[start : start + 400])
        await mongo.close()

    asyncio.run(write())
    return ReadModel(Mongo(mongo_server.url, "web", timeout_s=QUERY_TIMEOUT_S, driver=driver))


@pytest.fixture(scope="module", params=["memory", "motor", "pymongo"])
def served(request: pytest.FixtureRequest, month: Driver) -> Iterator[Served]:
    """A worker that owns every key, without a token, with a read model in memory and with MongoDB."""
    owner = InProcessLiveState(month.worker, "alone", "http://alone.invalid", {})
    model = (
        MemoryReadModel(month)
        if request.param == "memory"
        else projected(request.getfixturevalue("mongo_server"), month, request.param)
    )
    with Served(ReconciliationApi(model, owner, "0")) as served:
        served.name = request.param
        yield served


@pytest.fixture
def pair(month: Driver) -> Iterator[tuple[Served, Served]]:
    """Two workers on the month's broker: the first owns the even partitions, the second the odd ones."""
    month.world.broker.generation += 1
    sources = all_sources(month.world)
    shares: dict[str, dict[str, list[int]]] = {}
    servers = []
    for name, odd in (("even", 0), ("odd", 1)):
        mine = [source for source in sources if source.number % 2 == odd]
        worker = Worker(month.world)
        worker.assign(mine, month.world.broker.generation)
        owner = InProcessLiveState(worker, name, "", shares)
        server = Served(ReconciliationApi(None, owner, "0"))
        owner.advertised_url = server.url
        shares[server.url] = {}
        for source in mine:
            shares[server.url].setdefault(source.topic.name, []).append(source.number)
        servers.append(server)
    with servers[0], servers[1]:
        yield servers[0], servers[1]

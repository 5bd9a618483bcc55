"""A database of its own for each test, and a clock that a test moves."""

import asyncio
from collections.abc import Iterator

import pytest

from read_model.mongo import Mongo
from tests.kit.clocks import Clock
from tests.kit.mongo import MongoServer


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def loop() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def mongo(mongo_server: MongoServer, mongo_database: str, loop: asyncio.Runner) -> Iterator[Mongo]:
    client = Mongo(mongo_server.url, mongo_database, timeout_s=20)
    yield client
    loop.run(client.close())
    mongo_server.heal()

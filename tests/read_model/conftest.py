"""A database of its own for each test, on the shared server. Tests of MongoDB run with both drivers."""

import asyncio
from collections.abc import Iterator
from typing import get_args

import pytest

from read_model.mongo import Driver, Mongo
from tests.kit.mongo import MongoServer


@pytest.fixture(scope="module", params=get_args(Driver))
def driver(request: pytest.FixtureRequest) -> Driver:
    """The driver of MongoDB."""
    return request.param


@pytest.fixture
def loop() -> Iterator[asyncio.Runner]:
    """The event loop of a test: a client belongs to one."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def mongo(mongo_server: MongoServer, mongo_database: str, driver: Driver, loop: asyncio.Runner) -> Iterator[Mongo]:
    """A client of an empty database."""
    client = Mongo(mongo_server.url, mongo_database, timeout_s=20, driver=driver)
    yield client
    loop.run(client.close())
    mongo_server.heal()

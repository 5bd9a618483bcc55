"""A database of its own for each test, and a clock that a test moves."""

import asyncio
from collections.abc import Iterator

import pytest

from domain.time import Micros
from read_model.mongo import Mongo
from streams.codec.json_form import instant_from_text
from tests.kit.mongo import MongoServer


class Clock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.now: Micros = instant_from_text("2026-07-10T12:00:00Z")

    def __call__(self) -> Micros:
        return self.now


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

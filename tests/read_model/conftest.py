"""A database of its own for each test, on the shared server."""

from collections.abc import Iterator

import pytest

from read_model.mongo import Mongo
from tests.kit.mongo import MongoServer


@pytest.fixture
def mongo(mongo_server: MongoServer, mongo_database: str) -> Iterator[Mongo]:
    """A client of an empty database."""
    client = Mongo(mongo_server.url, mongo_database, timeout_s=20)
    yield client
    client.close()
    mongo_server.heal()

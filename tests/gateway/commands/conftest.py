"""An office for each test, with a database of its own."""

from collections.abc import Iterator

import pytest

from tests.gateway.commands.office import Office
from tests.kit.mongo import MongoServer


@pytest.fixture
def office(mongo_server: MongoServer, mongo_database: str) -> Iterator[Office]:
    office = Office(mongo_server.url, mongo_database)
    yield office
    office.close()

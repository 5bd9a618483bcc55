"""TLS and login: the real drivers, through a proxy that has both (tests/kit/mongo_front.py)."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from read_model.mongo import Driver, Mongo, MongoUnavailable
from tests.conftest import go_without
from tests.kit.certificates import Authority
from tests.kit.mongo import MongoServer
from tests.kit.mongo_front import MongoFront
from tools.local.cache import MissingToolError

USER, PASSWORD = "rentmatch", "p4ssword-of-the-model"


@pytest.fixture(scope="module")
def authority(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Authority:
    try:
        return Authority(tmp_path_factory.mktemp("certificates"))
    except MissingToolError as error:
        go_without(pytestconfig, "TLS before MongoDB", error)


@pytest.fixture
def front(mongo_server: MongoServer, authority: Authority) -> Iterator[MongoFront]:
    signed = authority.sign("mongo")
    port = int(mongo_server.url.rstrip("/").rpartition(":")[2])
    front = MongoFront(port, USER, PASSWORD, signed.certificate, signed.key)
    yield front
    front.close()


def url(front: MongoFront, password: str = PASSWORD) -> str:
    return f"mongodb://{USER}:{password}@127.0.0.1:{front.port}/?authMechanism=SCRAM-SHA-256&authSource=admin"


def put_and_find(address: str, database: str, ca: Path | None, driver: Driver) -> list[dict[str, object]]:
    async def run() -> list[dict[str, object]]:
        mongo = Mongo(address, database, ca, timeout_s=3, driver=driver)
        try:
            await mongo.put("payments", [{"_id": "P-1", "version": 1}])
            return list(await mongo.find("payments", {}))
        finally:
            await mongo.close()

    return asyncio.run(run())


def test_documents_are_written_over_tls_with_scram(
    front: MongoFront, authority: Authority, mongo_database: str, driver: Driver
) -> None:
    assert put_and_find(url(front), mongo_database, authority.ca, driver) == [{"_id": "P-1", "version": 1}]
    assert front.logins > 0
    assert front.refused == 0


def test_the_error_of_a_wrong_password_does_not_contain_it(
    front: MongoFront, authority: Authority, mongo_database: str, driver: Driver
) -> None:
    with pytest.raises(MongoUnavailable) as raised:
        put_and_find(url(front, "wr0ng-password"), mongo_database, authority.ca, driver)
    assert "uthentication failed" in str(raised.value)
    assert "wr0ng-password" not in str(raised.value)
    assert front.refused > 0
    assert front.logins == 0


def test_a_certificate_of_another_authority_is_refused(
    front: MongoFront, tmp_path: Path, mongo_database: str, driver: Driver
) -> None:
    with pytest.raises(MongoUnavailable) as raised:
        put_and_find(url(front), mongo_database, Authority(tmp_path / "other").ca, driver)
    assert "CERTIFICATE_VERIFY_FAILED" in str(raised.value)
    assert front.logins == 0


def test_without_tls_the_connection_fails(front: MongoFront, mongo_database: str, driver: Driver) -> None:
    with pytest.raises(MongoUnavailable):
        put_and_find(url(front), mongo_database, None, driver)

"""The console's documents: known by their id, also those of other builds, and well below the limits."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import parse
from graphql.validation import validate

from domain.time import SECOND
from gateway.graphql import limits
from gateway.graphql.checks import operation_of
from gateway.graphql.documents import BUILDS_KEPT, COLLECTION, LOOK_AGAIN, Documents, ManifestError, read_manifest
from gateway.graphql.errors import ErrorCode, GatewayError
from gateway.graphql.pages import FIRST_MAX
from gateway.graphql.schema.factory import gateway_schema
from read_model.mongo import Mongo
from tests.kit.mongo import MongoServer

CONSOLE = Path(__file__).resolve().parents[3] / "console"


def documents_of_the_console() -> list[tuple[str, str]]:
    if not (CONSOLE / "package.json").exists():
        return []
    manifest = read_manifest(CONSOLE / "persisted-documents.json")
    return [(str(operation_of(text).name and operation_of(text).name.value), text) for text in manifest.values()]


@pytest.mark.parametrize(("name", "text"), [pytest.param(*each, id=each[0]) for each in documents_of_the_console()])
def test_a_document_of_the_console_fits_the_schema_and_half_of_each_limit(name: str, text: str):
    """Whatever the variables are: each page of a list is as large as it may be."""
    schema = gateway_schema()._schema
    document = parse(text)
    assert [error.message for error in validate(schema, document)] == []
    limits.check_text(text)
    found = limits.measure(document, schema, {})
    asked = {each.variable.name.value for each in operation_of(text).variable_definitions or ()}
    assert limits.measure(document, schema, dict.fromkeys(asked, FIRST_MAX)).cost == found.cost
    limits.check(found, operation_of(text).operation, may_introspect=False)
    assert found.cost <= limits.COST_MAX // 2
    assert found.repeated <= limits.REPEATED_MAX // 2
    assert len(text) <= 8_192


@pytest.fixture
def loop() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def mongo(mongo_server: MongoServer, mongo_database: str, loop: asyncio.Runner) -> Iterator[Mongo]:
    client = Mongo(mongo_server.url, mongo_database, timeout_s=20)
    yield client
    loop.run(client.close())


def build(number: int) -> dict[str, str]:
    return {f"sha256:{number}": f"query B{number} {{ viewer {{ name }} }}", "sha256:all": "{ viewer { role } }"}


class Clock:
    now = 1_785_000_000_000_000

    def __call__(self) -> int:
        return self.now


def test_a_gateway_knows_the_documents_of_the_last_builds(mongo: Mongo, loop: asyncio.Runner):
    clock = Clock()
    for number in range(BUILDS_KEPT + 2):
        clock.now += SECOND
        loop.run(Documents(build(number), mongo, clock).publish())
    newest = Documents(build(BUILDS_KEPT + 1), mongo, clock)
    for number in range(2, BUILDS_KEPT + 2):
        assert loop.run(newest.text_of(f"sha256:{number}")) == build(number)[f"sha256:{number}"]
    for number in range(2):
        with pytest.raises(GatewayError) as error:
            loop.run(newest.text_of(f"sha256:{number}"))
        assert error.value.code is ErrorCode.STALE_DOCUMENT
    assert len(loop.run(mongo.find(COLLECTION, {}))) == BUILDS_KEPT


def test_a_build_that_starts_again_is_kept_once_and_is_the_newest(mongo: Mongo, loop: asyncio.Runner):
    clock = Clock()
    for number in (0, 1, 0):
        clock.now += SECOND
        loop.run(Documents(build(number), mongo, clock).publish())
    found = loop.run(mongo.find(COLLECTION, {}, sort=[("at", -1)]))
    assert [len(each["documents"]) for each in found] == [2, 2]
    assert found[0]["documents"][0]["id"] == "sha256:0"


def test_an_old_gateway_learns_the_documents_of_a_newer_build(mongo: Mongo, loop: asyncio.Runner):
    clock = Clock()
    old = Documents(build(0), mongo, clock)
    with pytest.raises(GatewayError):
        loop.run(old.text_of("sha256:1"))
    loop.run(Documents(build(1), mongo, clock).publish())
    with pytest.raises(GatewayError):  # ids that nobody knows do not lead to a question to MongoDB each
        loop.run(old.text_of("sha256:1"))
    clock.now += LOOK_AGAIN
    assert loop.run(old.text_of("sha256:1")) == build(1)["sha256:1"]


def test_without_mongodb_a_gateway_answers_its_own_documents(loop: asyncio.Runner):
    mongo = Mongo("mongodb://127.0.0.1:9/", "nothing", timeout_s=0.2)
    documents = Documents(build(0), mongo, Clock())
    assert loop.run(documents.text_of("sha256:0"))
    with pytest.raises(GatewayError) as error:
        loop.run(documents.text_of("sha256:1"))
    assert error.value.code is ErrorCode.STALE_DOCUMENT
    loop.run(mongo.close())


def test_a_file_that_is_no_manifest_is_named(tmp_path: Path):
    for text in (None, "", "[]", '{"a": 1}'):
        path = tmp_path / "persisted-documents.json"
        if text is not None:
            path.write_text(text)
        with pytest.raises(ManifestError, match=r"persisted-documents\.json.*make console"):
            read_manifest(path)

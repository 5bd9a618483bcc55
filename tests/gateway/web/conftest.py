"""A gateway over the read model of a projected month, with a console of three files."""

import asyncio
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.web.console_files import console_files
from read_model.mongo import Mongo
from read_model.writer import ReadModelWriter
from tests.kit.driver import Driver
from tests.kit.gateway_process import RunningGateway
from tests.kit.mongo import MongoServer
from tests.kit.projected import _arrived

DOCUMENTS = {
    "sha256:me": "query Me { viewer { name role permissions properties } }",
    "sha256:out": "mutation Out { signOut }",
    "sha256:changes": "subscription Changes { changes { resync items { kind id version } freshness { lag } } }",
}


@pytest.fixture(scope="package")
def console(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("console")
    (folder / "assets").mkdir()
    (folder / "index.html").write_text('<!doctype html><script type="module" src="/assets/index-1.js"></script>')
    (folder / "assets" / "index-1.js").write_text("export {};\n" * 500)
    (folder / "persisted-documents.json").write_text("{}")
    return folder


@pytest.fixture(scope="package")
def gateway(mongo_server: MongoServer, month: Driver, console: Path) -> Iterator[RunningGateway]:
    """For tests that leave it as it is."""
    database = f"t{uuid.uuid4().hex[:12]}"

    async def project() -> None:
        mongo = Mongo(mongo_server.url, database, timeout_s=20)
        writer = ReadModelWriter(mongo, lambda: 0)
        await writer.prepare()
        # The last record of each key is enough here, and much faster than their histories.
        arrived = list({(one.kind, one.key): one for one in _arrived(month)}.values())
        for start in range(0, len(arrived), 400):
            await writer.write(arrived[start : start + 400])
        await mongo.close()

    asyncio.run(project())
    with RunningGateway(mongo_server.url, database, console=console_files(console), manifest=DOCUMENTS) as running:
        yield running

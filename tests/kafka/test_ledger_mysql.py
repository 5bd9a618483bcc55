"""A real MariaDB and a real Kafka: a ledger's binlog counts once, through kills, restarts and purged logs."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams import topics
from tests.conftest import go_without
from tests.kit.ledger_books import Books
from tests.kit.ledger_process import LedgerProcess
from tests.kit.ledger_rows import reversed_too_often
from tests.kit.ledger_servers import MariaDb
from tests.kit.metrics_catalogue import CATALOGUE
from tools.local.cache import MissingToolError
from tools.local.processes import wait_until

pytestmark = pytest.mark.kafka

MAPPING = """
name = "books"
[defaults]
currency = "USD"

[[table]]
table = "books.posting"
record = "PaymentPosted"
unless.status = ["void"]
occurred_at = { column = "posted_at", zone = "America/New_York" }
[table.fields]
posting_id = "id"
payment_id = "payment"
obligation_id = "charge"
amount = "amount"
"""

TABLE = (
    "create table posting (id int unsigned primary key, payment varchar(40) character set latin1, charge varchar(40), "
    "amount decimal(12,2), status enum('posted', 'void'), posted_at datetime)"
)


@pytest.fixture(scope="module")
def database(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDb]:
    try:
        server = MariaDb(tmp_path_factory.mktemp("mariadb"))
    except MissingToolError as error:
        go_without(pytestconfig, "a real MariaDB", error)
    try:
        server.start()
        server.run("create database books", "create user reader@'127.0.0.1' identified by 'a:b@c'")
        server.run("grant replication slave, binlog monitor on *.* to reader@'127.0.0.1'")
        server.run("grant select on books.* to reader@'127.0.0.1'")
        yield server
    finally:
        server.kill()


def reader_of(kafka: str, prefix: str, database: MariaDb, folder: Path) -> LedgerProcess:
    url = f"mysql://reader:a%3Ab%40c@127.0.0.1:{database.port}"
    reader = LedgerProcess(folder, kafka, prefix, "mysql", MAPPING, {"RENTMATCH_LEDGER_MYSQL_URL": url})
    reader.provision()
    return reader


def check_pages(reader: LedgerProcess, database: MariaDb) -> None:
    """While the ledger changes, while it rests, and while its server is away."""
    began = time.time()
    reader.wait_for_metric("rentmatch_ledger_caught_up_timestamp_seconds", lambda at: at >= began - 1)
    ready = json.loads(reader.page("readyz"))
    assert (ready["ok"], ready["state"], ready["connected"]) == (True, "following", True)
    assert re.fullmatch(r"0-7-\d+", ready["position"])
    metrics = reader.page("metrics")
    for line in ("rentmatch_ledger_connected", "rentmatch_ledger_disconnections_total"):
        assert re.search(rf'^{line}{{ledger="books"}} [01]\.0$', metrics, re.MULTILINE)
    counted = re.search(
        r'^rentmatch_ledger_records_total{ledger="books",outcome="published"} (\S+)$', metrics, re.MULTILINE
    )
    assert counted is not None
    assert float(counted[1]) == len(reader.facts())
    exported = set(re.findall(r"^(rentmatch_\w+)", metrics, re.MULTILINE))
    assert exported == {name for name in CATALOGUE if name.startswith("rentmatch_ledger_")}
    database.kill()
    reader.wait_for_metric("rentmatch_ledger_connected", lambda value: value == 0)
    assert json.loads(reader.page("readyz"))["state"] == "disconnected"
    assert json.loads(reader.page("livez"))["ok"]
    database.start()
    reader.wait_for_metric("rentmatch_ledger_connected", lambda value: value == 1)


def test_a_ledger_in_mariadb(kafka: str, topic_prefix: str, database: MariaDb, tmp_path: Path) -> None:
    books = Books(seed=21)
    database.run(TABLE, *books.changes(60), database="books")
    reader, other = (reader_of(kafka, topic_prefix, database, folder) for folder in (tmp_path, tmp_path / "other"))
    try:
        reader.start()
        reader.wait_for(books.posted())
        check_pages(reader, database)
        for killed in (reader, database, reader):
            database.run(*books.changes(40), database="books")
            database.run("begin", *books.changes(40), "commit", database="books")
            killed.kill()
            killed.start()
        database.run(*books.changes(10), "alter table posting add column note text first", database="books")
        database.run(
            "alter table posting modify column note text after posted_at",
            "insert into posting select id + 1000000, payment, charge, 0, status, posted_at, null from posting",
            database="books",
        )
        database.run("alter table posting drop column note", *books.changes(10), database="books")
        reader.wait_for(books.posted())
        reader.kill()
        database.run(books.truncate(), *books.changes(30), database="books")
        reader.start()
        reader.wait_for(books.posted())
        database.kill()
        database.start()
        statement = ["set session binlog_format = 'STATEMENT'", books.insert(), "set session binlog_format = 'ROW'"]
        unseen = f"P{max(books.amounts)}"
        database.run(*statement, *books.changes(5), database="books")
        reader.wait_for({payment: amount for payment, amount in books.posted().items() if payment != unseen})
        assert reader.count(topics.DEAD_LETTER) == 1
        assert reader.terminate() == 0
        # The binlog that comes next is purged: the reader says so, and a snapshot makes up for it.
        database.run(*books.changes(20), database="books")
        database.kill()  # and with it what it still sends to the reader, whose logs it would not purge
        database.start()
        database.run("flush binary logs", database="books")
        database.run("purge binary logs before now() + interval 1 day", *books.changes(5), database="books")
        reader.start()
        assert reader.wait(30) == 1
        assert "start with --snapshot" in reader.tail()
        reader.start_with("--snapshot")
        reader.wait_for(books.posted())
        # A second process takes over, and the first ends.
        other.start()
        wait_until(lambda: "following" in other.tail(), 60, "the other to follow", process=other)
        database.run(*books.changes(10), database="books")
        assert reader.wait(30) == 1
        assert "another process writes as" in reader.tail()
        other.wait_for(books.posted())
    finally:
        reader.kill()
        other.kill()
    facts = reader.facts()
    assert len({fact.event_id for fact in facts}) == len(facts)
    assert reversed_too_often(facts) == set()
    assert reader.count(topics.DEAD_LETTER) == 1


def test_a_server_that_is_set_up_otherwise_is_refused(
    kafka: str, topic_prefix: str, database: MariaDb, tmp_path: Path
) -> None:
    reader = reader_of(kafka, topic_prefix, database, tmp_path)
    database.run("set global binlog_row_metadata = 'NO_LOG'", "set global binlog_row_image = 'MINIMAL'")
    try:
        reader.start()
        assert reader.wait(30) == 1
    finally:
        reader.kill()
        database.run("set global binlog_row_metadata = 'FULL'", "set global binlog_row_image = 'FULL'")
    assert "binlog_row_image is 'MINIMAL', and must be 'FULL'" in reader.tail()
    assert "binlog_row_metadata is 'NO_LOG', and must be 'FULL'" in reader.tail()

"""A real PostgreSQL, a real Debezium on Kafka Connect, a real Kafka: a ledger's changes count once, through kills."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams import topics
from tests.conftest import go_without
from tests.kit.ledger_books import Books
from tests.kit.ledger_process import LedgerProcess
from tests.kit.ledger_rows import reversed_too_often
from tests.kit.ledger_servers import Debezium, Postgres, postgres
from tools.local import cache

pytestmark = pytest.mark.kafka

MAPPING = """
name = "books"
[defaults]
currency = "USD"
[debezium]
topic_prefix = "{prefix}shop"

[[table]]
table = "public.posting"
record = "PaymentPosted"
unless.status = ["void"]
occurred_at = "posted_at"
[table.fields]
posting_id = "id"
payment_id = "payment"
obligation_id = "charge"
amount = {{ column = "amount", scale = 2 }}

[[table]]
table = "public.reversal"
record = "PostingReversed"
[table.fields]
reversal_id = "id"
posting_id = "posting"
payment_id = "payment"
obligation_id = "charge"
amount_minor = "cents"
"""

TABLES = (
    "create table posting (id bigint primary key, payment text, charge text, amount numeric(12,2), status text, "
    "posted_at timestamptz)",
    "create table reversal (id uuid primary key, posting bigint, payment text, charge text, cents bigint)",
)


@pytest.fixture
def database(pytestconfig: pytest.Config) -> Iterator[Postgres]:
    try:
        with postgres() as server:
            yield server
    except cache.MissingToolError as error:
        go_without(pytestconfig, "a real PostgreSQL", error)


def test_a_ledger_in_postgresql(kafka: str, topic_prefix: str, database: Postgres, tmp_path: Path) -> None:
    books = Books(seed=12)
    database.run(*TABLES, "".join(books.changes(40)))
    debezium = Debezium(tmp_path, kafka, database, f"{topic_prefix}shop", schemas=True)
    reader = LedgerProcess(tmp_path, kafka, topic_prefix, "debezium", MAPPING.format(prefix=topic_prefix))
    try:
        debezium.start()
        reader.provision()
        reader.start()
        reader.wait_for(books.posted())
        began = time.time()
        reader.wait_for_metric("rentmatch_ledger_caught_up_timestamp_seconds", lambda at: at >= began - 1)
        assert json.loads(reader.page("readyz"))["state"] == "following"
        for killed in (reader, debezium):
            for _ in range(20):
                database.run("".join(books.changes(4)))
            killed.kill()
            killed.start()
        database.run(books.insert())
        reader.wait_for(books.posted())
        debezium.kill()
        debezium = Debezium(tmp_path, kafka, database, f"{topic_prefix}shop", schemas=False)
        debezium.start()
        last = max(books.amounts)
        database.run(
            "".join(books.changes(20)) + books.insert(),
            f"insert into reversal values (gen_random_uuid(), {last}, 'P{last}', 'O{last % 7}', 1)",
        )
        posted = books.posted()
        reader.wait_for({**posted, f"P{last}": posted[f"P{last}"] - 1})
        assert reader.terminate() == 0
    finally:
        debezium.kill()
        reader.kill()
    facts = reader.facts()
    assert len({fact.event_id for fact in facts}) == len(facts)
    assert reader.count(topics.DEAD_LETTER) == 0
    assert reversed_too_often(facts) == set()

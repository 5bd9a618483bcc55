"""A real PostgreSQL, a real Debezium on Kafka Connect, a real Kafka: a ledger's changes count once, through kills."""

import random
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from streams import topics
from tests.conftest import go_without
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


class Books:
    """The rows of the ledger, and the statements that change them."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.amounts: dict[int, Decimal] = {}
        self.void: set[int] = set()
        self._next = 1

    def change(self) -> str:
        kind = self._random.choice(["insert", "insert", "amount", "amount", "void", "delete"])
        if kind == "insert" or not self.amounts:
            return self.insert()
        number = self._random.choice(sorted(self.amounts))
        if kind == "amount":
            self.amounts[number] = self._amount()
            return f"update posting set amount = {self.amounts[number]} where id = {number};"
        if kind == "void":
            self.void ^= {number}
            status = "void" if number in self.void else "posted"
            return f"update posting set status = '{status}' where id = {number};"
        del self.amounts[number]
        self.void.discard(number)
        return f"delete from posting where id = {number};"

    def insert(self) -> str:
        number, amount = self._next, self._amount()
        self._next += 1
        self.amounts[number] = amount
        return f"insert into posting values ({number}, 'P{number}', 'O{number % 7}', {amount}, 'posted', now());"

    def _amount(self) -> Decimal:
        return Decimal(self._random.randrange(1, 200_000)).scaleb(-2)

    def posted(self) -> dict[str, int]:
        """What is posted of each payment, in minor units."""
        return {f"P{n}": int(amount * 100) for n, amount in self.amounts.items() if n not in self.void}


@pytest.fixture
def database(pytestconfig: pytest.Config) -> Iterator[Postgres]:
    try:
        with postgres() as server:
            yield server
    except cache.MissingToolError as error:
        go_without(pytestconfig, "a real PostgreSQL", error)


def test_a_ledger_in_postgresql(kafka: str, topic_prefix: str, database: Postgres, tmp_path: Path) -> None:
    books = Books(seed=12)
    database.run(*TABLES, "".join(books.change() for _ in range(40)))
    debezium = Debezium(tmp_path, kafka, database, f"{topic_prefix}shop", schemas=True)
    reader = LedgerProcess(tmp_path, kafka, topic_prefix, "debezium", MAPPING.format(prefix=topic_prefix))
    try:
        debezium.start()
        reader.provision()
        reader.start()
        reader.wait_for(books.posted())
        for killed in (reader, debezium, reader):
            for _ in range(20):
                database.run("".join(books.change() for _ in range(4)))
            killed.kill()
            killed.start()
        database.run(books.insert())
        reader.wait_for(books.posted())
        debezium.kill()
        debezium = Debezium(tmp_path, kafka, database, f"{topic_prefix}shop", schemas=False)
        debezium.start()
        last = max(books.amounts)
        database.run(
            "".join(books.change() for _ in range(20)) + books.insert(),
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

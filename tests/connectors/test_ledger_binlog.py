"""Positions, statements and values of a binlog, without a server; tests/kafka has a real one."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymysql.constants import FIELD_TYPE

from connectors.ledger.binlog import Server, SourceUnfit, Statement, _normal, _statement
from connectors.ledger.gtid import MariaDbPosition, MySqlPosition
from connectors.ledger.mysql import touched_tables

A, B = "3e11fa47-71ca-11e1-9e33-c80aa9429562", "4e11fa47-71ca-11e1-9e33-c80aa9429562"


def test_a_position_of_mysql_is_the_set_of_what_is_read() -> None:
    position = MySqlPosition(f"{A}:1-5,\n{B}:7")
    for gtid in (f"{A}:6", f"{B}:8", f"{A}:9"):
        position.passed(gtid)
    assert sorted(str(position).split(",")) == [f"{A}:1-6:9", f"{B}:7-8"]
    assert str(MySqlPosition(str(position))) == str(position)


def test_a_position_of_mariadb_is_the_last_of_each_domain() -> None:
    position = MariaDbPosition("1-3-9,0-7-4")
    for gtid in ("0-7-5", "0-8-6", "10-1-1"):
        position.passed(gtid)
    assert str(position) == "0-8-6,1-3-9,10-1-1"
    assert str(MariaDbPosition("")) == ""


class Query:
    def __init__(self, query: str) -> None:
        self.query = query


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("BEGIN", "BEGIN"),
        ("COMMIT", "COMMIT"),
        ("ROLLBACK", "ROLLBACK"),
        ("rollback to `a`", "SAVEPOINT"),
        ("/* app:1 */ insert into t values (1)", "INSERT"),
        ("", ""),
        ("# Dum", "#"),
        ("XA COMMIT 'x'", "XA"),
    ],
)
def test_the_first_word_of_a_statement(text: str, word: str) -> None:
    assert _statement(Query(text))[0] == word


@pytest.mark.parametrize(
    ("text", "tables"),
    [
        ("INSERT INTO posting VALUES (1)", ["books.posting"]),
        ("update `posting` p join charge c set p.a = 1", ["books.posting", "books.charge"]),
        ("DROP TABLE other", []),
        ("INSERT INTO postings VALUES (1)", []),
        ("CREATE TABLE posting (id int)", []),
        ("ALTER TABLE posting ADD x int", []),
    ],
)
def test_the_mapped_tables_that_a_statement_may_have_changed(text: str, tables: list[str]) -> None:
    assert touched_tables(Statement(text, "books", "0-1-1", 0), ["books.posting", "books.charge"]) == tables


@pytest.mark.parametrize(
    ("logged", "queried", "kind"),
    [
        ({"b", "a"}, "a,b", FIELD_TYPE.SET),
        ("101", b"\x05", FIELD_TYPE.BIT),
        (timedelta(hours=1), "1:00:00", FIELD_TYPE.TIME),
        (datetime(2026, 7, 1), datetime(2026, 7, 1, tzinfo=UTC), FIELD_TYPE.TIMESTAMP),
        ({b"a": [b"x", 1]}, {"a": ["x", 1]}, FIELD_TYPE.JSON),
    ],
)
def test_a_value_is_the_same_from_the_binlog_and_from_a_query(logged: Any, queried: Any, kind: int) -> None:
    assert _normal(logged, kind) == _normal(queried, kind)


def test_a_url_that_is_none_is_refused() -> None:
    with pytest.raises(SourceUnfit, match="mysql://user"):
        Server("postgres://x", None, 1)

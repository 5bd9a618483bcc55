"""Reads the binlog of MySQL or MariaDB, and the rows of its tables, through `mysql-replication`.

What that library does with a server that is set up otherwise (tried with 1.0.17) is why this refuses to start there:
without `binlog_row_metadata=FULL` columns have no names and an unsigned number or an enum is read wrongly; without
`binlog_row_image=FULL` a column that was not logged is read as null; a position inside a transaction loses the rest of
that transaction, so positions here are ends of transactions.
"""

import queue
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
import pymysql
from pymysql.constants import FIELD_TYPE
from pymysql.cursors import DictCursor, SSDictCursor
from pymysqlreplication import BinLogStreamReader
from pymysqlreplication.constants import NONE_SOURCE
from pymysqlreplication.event import (
    GtidEvent,
    HeartbeatLogEvent,
    MariadbGtidEvent,
    QueryEvent,
    XAPrepareEvent,
    XidEvent,
)
from pymysqlreplication.row_event import (
    DeleteRowsEvent,
    PartialUpdateRowsEvent,
    UpdateRowsEvent,
    WriteRowsEvent,
)

from connectors.ledger.changes import Change, RowOperation, Values
from connectors.ledger.gtid import MariaDbPosition, MySqlPosition, Position
from domain.time import Micros

HEARTBEAT_S = 2
SILENCE_S = 15
"""Without an event or a heartbeat for so long, the connection counts as lost (a known silent stop of the library)."""
QUEUED_MAX = 10_000

_ROWS = (WriteRowsEvent, UpdateRowsEvent, DeleteRowsEvent)
_TIMESTAMPS = frozenset({FIELD_TYPE.TIMESTAMP, 17})
"""17 is TIMESTAMP2, which only the binlog has."""

STANDALONE = 1
"""MariaDB's flag of a transaction that is one statement and has no end of its own."""
CONTROL = frozenset({"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "SET", ""})
"""The first words of statements that change no rows."""
_COMMENT = re.compile(r"^(?:/\*.*?\*/\s*)+", re.DOTALL)

REQUIRED = {"log_bin": "ON", "binlog_format": "ROW", "binlog_row_image": "FULL", "binlog_row_metadata": "FULL"}


class SourceUnfit(RuntimeError):
    """The server cannot be read as it is set up; the message says what to set."""


class SourceLost(RuntimeError):
    """The connection to the server is lost; a new one goes on where the last transaction ended."""


class End(msgspec.Struct, frozen=True):
    """The end of a transaction of the ledger."""

    position: str
    """Everything up to it is read."""
    committed_at: Micros
    """By the server's clock, to the second."""


class Idle(msgspec.Struct, frozen=True):
    """The server has sent everything that it has."""


class Statement(msgspec.Struct, frozen=True):
    """A statement that was logged as its text, so that the rows that it changed are not known."""

    text: str
    schema: str
    position: str
    committed_at: int


Item = Change | Statement | End | Idle


class Server:
    """A MySQL or MariaDB that is fit to be read.

    Args:
        url: `mysql://user:password@host:3306`.
        ca_file: PEM file of the authority that signed its certificate; None: without TLS.
        server_id: with which the reader registers.

    Raises:
        SourceUnfit: it is not set up as needed, or the user may not read it.
        SourceLost: it does not answer.

    """

    def __init__(self, url: str, ca_file: str | None, server_id: int) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"mysql", "mariadb"} or not parts.hostname:
            raise SourceUnfit("RENTMATCH_LEDGER_MYSQL_URL is not of the form mysql://user:password@host:3306")
        self._options: dict[str, Any] = {
            "host": parts.hostname,
            "port": parts.port or 3306,
            "user": unquote(parts.username or ""),
            "password": unquote(parts.password or ""),
            "charset": "utf8mb4",
            "connect_timeout": 10,
            "read_timeout": SILENCE_S,
        }
        if ca_file is not None:
            self._options["ssl"] = {"ca": ca_file}
        self._server_id = server_id
        self.is_mariadb = False
        self._check()

    def _check(self) -> None:
        with self._connected() as cursor:
            cursor.execute("SELECT VERSION() AS version")
            self.is_mariadb = "mariadb" in str(cursor.fetchone()["version"]).lower()
            found = self._variables(cursor)
        required = dict(REQUIRED)
        if not self.is_mariadb:
            required |= {"gtid_mode": "ON", "binlog_row_value_options": ""}
        wrong = [
            f"{name} is {found.get(name, 'unknown')!r}, and must be {wanted!r}"
            for name, wanted in required.items()
            if found.get(name, "" if wanted == "" else None) != wanted
        ]
        if wrong:
            raise SourceUnfit(
                f"the ledger's server cannot be read: {'; '.join(wrong)}. Set it on the server (SET GLOBAL, and in its "
                "configuration), and let its clients connect again"
            )

    @staticmethod
    def _variables(cursor: Any) -> dict[str, str]:
        cursor.execute("SHOW GLOBAL VARIABLES WHERE Variable_name LIKE '%bin%' OR Variable_name = 'gtid_mode'")
        return {row["Variable_name"].lower(): str(row["Value"]).upper() for row in cursor.fetchall()}

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        """A cursor for questions."""
        try:
            connection = pymysql.connect(**self._options, autocommit=True, cursorclass=DictCursor)
        except pymysql.err.OperationalError as error:
            raise _lost_or_unfit(error) from error
        try:
            with connection.cursor() as cursor:
                yield cursor
        except pymysql.err.MySQLError as error:
            raise _lost_or_unfit(error) from error
        finally:
            connection.close()

    def position(self) -> str:
        """Where the binlog is now."""
        question = "SELECT @@GLOBAL.gtid_binlog_pos" if self.is_mariadb else "SELECT @@GLOBAL.gtid_executed"
        with self._connected() as cursor:
            cursor.execute(f"{question} AS position")
            found = str(cursor.fetchone()["position"]).replace("\n", "")
        if not found and not self.is_mariadb:
            raise SourceUnfit("the server has executed no transaction yet, so there is no position to start from")
        return found

    def read(self, position: str, tables: list[str]) -> "BinlogReader":
        """Follow the binlog from a position on."""
        at = MariaDbPosition(position) if self.is_mariadb else MySqlPosition(position)
        return BinlogReader(self._options, at, tables, self._server_id)

    def rows(self, tables: list[str], position: str) -> Iterator[Change]:
        """All rows of these tables as they are now, as one consistent snapshot.

        Raises:
            SourceLost: the connection is lost.
            SourceUnfit: a table cannot be read.

        """
        with self._connected() as cursor:
            cursor.execute("SET time_zone = '+00:00'")
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            keys = {table: self._primary_key(cursor, table) for table in tables}
            cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
            cursor.execute("SELECT UTC_TIMESTAMP(6) AS now")
            now = _micros(cursor.fetchone()["now"])
            with cursor.connection.cursor(SSDictCursor) as streamed:  # a table need not fit into memory
                for table in tables:
                    schema, _, name = table.partition(".")
                    streamed.execute(f"SELECT * FROM {_quoted(schema)}.{_quoted(name)}")
                    types = {column[0]: column[1] for column in streamed.description}
                    for row in streamed:
                        values = {column: _normal(value, types[column]) for column, value in row.items()}
                        key = {column: values[column] for column in keys[table]}
                        yield Change(table, key, RowOperation.READ, values, f"snapshot {position} {now}", now)

    @staticmethod
    def _primary_key(cursor: Any, table: str) -> list[str]:
        schema, _, name = table.partition(".")
        cursor.execute(
            "SELECT COLUMN_NAME AS name FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = %s AND "
            "TABLE_NAME = %s AND CONSTRAINT_NAME = 'PRIMARY' ORDER BY ORDINAL_POSITION",
            (schema, name),
        )
        return [str(row["name"]) for row in cursor.fetchall()]


class BinlogReader:
    """Follows the binlog in a thread of its own; `items` are what it has read."""

    def __init__(self, options: Mapping[str, Any], position: Position, tables: list[str], server_id: int) -> None:
        self._position, self._tables = position, frozenset(tables)
        self._connections = 0
        self._closed = threading.Event()
        self._queue: queue.Queue[Item | BaseException] = queue.Queue(QUEUED_MAX)
        self._stream = BinLogStreamReader(
            connection_settings=dict(options),
            server_id=server_id,
            blocking=True,
            auto_position=str(position),
            is_mariadb=isinstance(position, MariaDbPosition),
            only_events=[
                *_ROWS, PartialUpdateRowsEvent, GtidEvent, MariadbGtidEvent, XidEvent, QueryEvent, XAPrepareEvent,
                HeartbeatLogEvent,
            ],
            only_schemas=sorted({table.partition(".")[0] for table in tables}),
            only_tables=sorted({table.partition(".")[2] for table in tables}),
            slave_heartbeat=HEARTBEAT_S,
            pymysql_wrapper=self._connect,
            enable_logging=False,
        )  # fmt: skip
        threading.Thread(target=self._run, name="rentmatch-binlog", daemon=True).start()

    def _connect(self, **options: Any) -> Any:
        """Connect once for the stream and once for questions: the library would begin again at its first position."""
        self._connections += 1
        if self._connections > 2:
            raise SourceLost("the connection to the ledger's server was lost")
        return pymysql.connect(**options)

    def next(self, timeout_s: float) -> Item | None:
        """What was read next; None if there is nothing within the time.

        Raises:
            SourceLost: the connection is lost.
            SourceUnfit: what follows cannot be read.

        """
        try:
            found = self._queue.get(timeout=timeout_s)
        except queue.Empty:
            return None
        if isinstance(found, BaseException):
            raise found
        return found

    def close(self) -> None:
        """Stop; what was read and not taken is forgotten."""
        self._closed.set()

    def _put(self, item: Item | BaseException) -> bool:
        while not self._closed.is_set():
            try:
                self._queue.put(item, timeout=0.5)
                return True
            except queue.Full:
                continue
        return False

    def _run(self) -> None:
        try:
            for item in self._items():
                if not self._put(item):
                    break
        except pymysql.err.MySQLError as error:
            self._put(_lost_or_unfit(error))
        except BaseException as error:
            self._put(error)
        finally:
            self._stream.close()

    def _items(self) -> Iterator[Item]:
        gtid, is_group, places = "", True, dict[str, int]()
        while not self._closed.is_set():
            event = self._stream.fetchone()
            match event:
                case None:
                    raise SourceLost("the ledger's server ended the stream")
                case HeartbeatLogEvent():
                    yield Idle()
                case GtidEvent() | MariadbGtidEvent():
                    gtid, places = event.gtid, {}
                    # MariaDB marks what is a transaction of its own; in MySQL it is what BEGIN does not precede.
                    is_group = isinstance(event, MariadbGtidEvent) and not event.flags & STANDALONE
                case XAPrepareEvent() | PartialUpdateRowsEvent():
                    raise SourceUnfit(
                        f"{gtid} is an XA transaction or logs parts of JSON documents; neither can be read"
                    )
                case XidEvent():
                    yield self._end(gtid, event)
                case QueryEvent():
                    word, text = _statement(event)
                    if word == "XA":
                        raise SourceUnfit(f"{gtid} is an XA transaction, which cannot be read")
                    is_group |= word == "BEGIN"
                    if word not in CONTROL:
                        schema = event.schema.decode("utf-8", errors="replace")
                        yield Statement(text, schema, gtid, event.timestamp * 1_000_000)
                    if word in {"COMMIT", "ROLLBACK"} or not is_group:
                        yield self._end(gtid, event)
                case _ if isinstance(event, _ROWS):
                    yield from self._changes(event, gtid, places)

    def _end(self, gtid: str, event: Any) -> End:
        self._position.passed(gtid)
        return End(str(self._position), event.timestamp * 1_000_000)

    def _changes(self, event: Any, gtid: str, places: dict[str, int]) -> Iterator[Change]:
        table = f"{event.schema}.{event.table}"
        if table not in self._tables:
            return
        types = {column.name: column.type for column in event.columns}
        at = event.timestamp * 1_000_000
        primary = event.primary_key or ()
        names = [primary] if isinstance(primary, str) else list(primary)
        for row in event.rows:
            places[table] = place = places.get(table, 0) + 1
            position = f"{gtid}:{place}"
            if isinstance(event, WriteRowsEvent):
                before, after = None, _row(row["values"], types, row["none_sources"], table)
            elif isinstance(event, DeleteRowsEvent):
                before, after = _row(row["values"], types, row["none_sources"], table), None
            else:
                before = _row(row["before_values"], types, row["before_none_sources"], table)
                after = _row(row["after_values"], types, row["after_none_sources"], table)
            key = {name: (after or before or {})[name] for name in names}
            old_key = {name: (before or after or {})[name] for name in names}
            if after is None or old_key != key:
                yield Change(table, old_key, RowOperation.DELETED, before, position + (" old" if after else ""), at)
            if after is not None:
                yield Change(table, key, RowOperation.WRITTEN, after, position, at)


def _statement(event: Any) -> tuple[str, str]:
    """The first word of a statement, and its text; of `ROLLBACK TO`, which ends nothing, SAVEPOINT."""
    text = _COMMENT.sub("", event.query.strip())
    words = text.upper().rstrip(";").split(None, 2)
    if words[:2] == ["ROLLBACK", "TO"]:
        return "SAVEPOINT", text
    return (words[0] if words else ""), text


def _row(values: Mapping[str, Any], types: Mapping[str, int], absent: Mapping[str, str], table: str) -> Values:
    if NONE_SOURCE.COLS_BITMAP in absent.values():
        raise SourceUnfit(
            f"a change of {table} was logged without all columns: a session had set binlog_row_image. Let no client "
            "set it, and start with --snapshot"
        )
    return {column: _normal(value, types[column]) for column, value in values.items()}


def _normal(value: Any, kind: int) -> Any:
    """A column's value, the same from the binlog and from a query."""
    match value:
        case datetime() if kind in _TIMESTAMPS:
            return value.replace(tzinfo=UTC)
        case timedelta():
            return str(value)
        case set() | frozenset():
            return ",".join(sorted(map(str, value)))
        case bytes() if kind == FIELD_TYPE.BIT:
            return int.from_bytes(value, "big")
        case str() if kind == FIELD_TYPE.BIT:
            return int(value, 2)
        case dict() | list():
            return _decoded(value)
        case other:
            return other


def _decoded(value: Any) -> Any:
    """A JSON document of MySQL's binlog, whose texts are bytes."""
    match value:
        case bytes():
            return value.decode()
        case dict():
            return {_decoded(name): _decoded(each) for name, each in value.items()}
        case list():
            return [_decoded(each) for each in value]
        case other:
            return other


def _micros(moment: datetime) -> int:
    return (moment.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


_UNFIT = {
    1044: "the user may not read it",
    1045: "user or password is wrong",
    1142: "the user may not read a table",
    1146: "a table of the mapping does not exist",
    1227: "the user lacks a right: REPLICATION SLAVE, and REPLICATION CLIENT (MariaDB: BINLOG MONITOR)",
    1236: "the binlog from the last position on is gone or not this server's; start with --snapshot",
}


def _lost_or_unfit(error: Exception) -> Exception:
    code = error.args[0] if error.args else 0
    text = str(error.args[1]) if len(error.args) > 1 else str(error)
    if isinstance(code, int) and code in _UNFIT:
        return SourceUnfit(f"the ledger's server cannot be read: {_UNFIT[code]} ({code}: {text})")
    return SourceLost(f"the ledger's server: {text or type(error).__name__}")

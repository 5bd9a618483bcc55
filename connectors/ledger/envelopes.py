"""What Debezium writes on Kafka, as changes of rows.

Read are: JSON with and without `schema` (`value.converter.schemas.enable`), Avro by a Schema Registry (Confluent's
framing), each as an envelope (`before`, `after`, `op`) or as a row alone (the transform ExtractNewRecordState).

What Debezium's versions and connectors differ in (Debezium's documentation, connectors for MySQL and PostgreSQL):
a snapshot's rows have op `r`, of old MySQL connectors op `c`; a deletion is op `d` and then a record without value; an
update of the primary key is a deletion and an insertion; without REPLICA IDENTITY FULL `before` is the key alone, so it
is not used. A position is the log sequence number and the transaction (PostgreSQL), or GTID, file, position and row
(MySQL). Of unwrapped values it is the place on the topic: what is delivered again is then applied again, in its order,
and ends where it was.
"""

import io
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import fastavro
import msgspec

from connectors.ledger.changes import Change, RowOperation, Values
from connectors.ledger.fields import decimal_of
from domain.time import EPOCH, Micros
from streams.codec.dead_letters import BadInput, DeadLetterClass, quoted
from streams.codec.registry import SchemaRegistry

CONFLUENT_SIZE = 5
"""Bytes before the body in Confluent's framing: 0x00, and the schema's id as 4 bytes, big-endian."""

MESSAGES = frozenset({"m"})
"""Operations that are about no table: a message that a transaction wrote to PostgreSQL's log."""

_decode = msgspec.json.Decoder().decode


class DebeziumRecord(msgspec.Struct, frozen=True):
    """A record of one of Debezium's topics."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None


class Envelopes:
    """Reads the records of Debezium's topics.

    Args:
        tables: the ledger's table by topic. An envelope names its own.
        unwrapped: values are rows, and a null value is a deletion.
        registry: for Avro; None: there is none.

    """

    def __init__(self, tables: Mapping[str, str], *, unwrapped: bool, registry: SchemaRegistry | None) -> None:
        self._tables = tables
        self._unwrapped = unwrapped
        self._registry = registry

    def change(self, record: DebeziumRecord) -> Change | None:
        """The change in a record; None if there is none: the null after a deletion, a message.

        Raises:
            BadInput: it cannot be read as one.
            RegistryUnavailable: its schema is not known yet and the registry does not answer.

        """
        key = self._read(record.key, "key") if record.key else {}
        if not isinstance(key, dict):
            key = {}
        if record.value is None:
            return self._null(record, key)
        value = self._read(record.value, "value")
        if not isinstance(value, dict):
            raise _not_understood(f"the value is {quoted(value)}, not a row or an envelope")
        if self._unwrapped:
            return self._of_row(record, key, value)
        if "op" not in value or not ({"before", "after"} & value.keys()):
            raise _not_understood(
                f"the value has {', '.join(sorted(value)[:8])} and no op: it is no envelope of Debezium's; if the "
                "transform ExtractNewRecordState is in use, say `unwrapped = true` under [debezium]"
            )
        return self._of_envelope(record, key, value)

    def _null(self, record: DebeziumRecord, key: Values) -> Change | None:
        if not self._unwrapped:
            return None
        if not key:
            raise _not_understood("a record without key and value names no row")
        at = record.timestamp_ms * 1_000
        return Change(self._tables[record.topic], key, RowOperation.DELETED, None, _place(record), at)

    def _of_row(self, record: DebeziumRecord, key: Values, value: dict[str, Any]) -> Change:
        deleted = str(value.get("__deleted", "false")).lower() == "true" or value.get("__op") == "d"
        row = {column: found for column, found in value.items() if not column.startswith("__")}
        operation = RowOperation.DELETED if deleted else RowOperation.WRITTEN
        found = value.get("__source_ts_ms", value.get("__ts_ms"))
        at = found if isinstance(found, int) else record.timestamp_ms
        return Change(
            table=self._tables[record.topic],
            key=key,
            operation=operation,
            after=row,
            position=_place(record),
            committed_at=at * 1_000,
        )

    def _of_envelope(self, record: DebeziumRecord, key: Values, value: dict[str, Any]) -> Change | None:
        op, source = value["op"], value.get("source") or {}
        if op in MESSAGES:
            return None
        table = self._table(record, source)
        if op == "t":
            raise _not_understood(
                f"{table} was truncated, and the log does not say which rows that deleted; delete rows instead, or "
                "take a new snapshot"
            )
        before, after = value.get("before"), value.get("after")
        is_snapshot = op == "r" or str(source.get("snapshot", "false")).lower() not in {"false", "none"}
        if op == "d":
            if not isinstance(before, dict) and not key:
                raise _not_understood("a deletion names no row: it has neither a key nor the row before")
            operation, row = RowOperation.DELETED, before
        elif op in {"c", "u", "r"} and isinstance(after, dict):
            operation, row = (RowOperation.READ if is_snapshot else RowOperation.WRITTEN), after
        else:
            raise _not_understood(f"op {quoted(op)} without a row; read are c, u, r, d")
        return Change(
            table=table,
            key=key,
            operation=operation,
            after=row,
            position=position_of(source, op),
            committed_at=committed_at(source, value, record),
        )

    def _table(self, record: DebeziumRecord, source: Mapping[str, Any]) -> str:
        name, space = source.get("table"), source.get("schema") or source.get("db")
        if isinstance(name, str) and isinstance(space, str):
            return f"{space}.{name}"
        return self._tables[record.topic]

    def _read(self, raw: bytes, what: str) -> Any:
        """A key or value: JSON or Avro, told apart by the first byte; a wrapper with its schema is taken off."""
        if raw[:1] == b"\x00":
            return self._avro(raw, what)
        try:
            found = _decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _not_understood(f"the {what} is neither JSON nor Avro in Confluent's framing: {error}") from None
        if isinstance(found, dict) and found.keys() == {"schema", "payload"}:
            schema, payload = found["schema"], found["payload"]
            return payload if schema is None else typed(schema, payload)
        return found

    def _avro(self, raw: bytes, what: str) -> Any:
        if self._registry is None:
            raise BadInput(
                DeadLetterClass.UNKNOWN_SCHEMA,
                f"the {what} is Avro, and no Schema Registry is configured; set RENTMATCH_SCHEMA_REGISTRY_URL",
            )
        if len(raw) < CONFLUENT_SIZE:
            raise BadInput(DeadLetterClass.TRUNCATED, f"the {what} ends inside its frame")
        schema = self._registry.schema(int.from_bytes(raw[1:CONFLUENT_SIZE], "big"))
        body = io.BytesIO(raw[CONFLUENT_SIZE:])
        try:
            found = fastavro.schemaless_reader(body, schema.parsed, None)
        except Exception as error:  # fastavro raises many types for wrong bytes
            raise BadInput(DeadLetterClass.UNDECODABLE, f"the {what}: {type(error).__name__}: {error}") from None
        if body.read(1):
            raise BadInput(DeadLetterClass.TRAILING_BYTES, f"the {what} ends before its bytes do")
        return _without_zones(found)


def _without_zones(found: Any) -> Any:
    """Instants of Connect's own type as naive ones: a column with a zone is a text, a column without one is this."""
    if isinstance(found, datetime):
        return found.replace(tzinfo=None)
    return {name: _without_zones(each) for name, each in found.items()} if isinstance(found, dict) else found


def _not_understood(message: str) -> BadInput:
    return BadInput(DeadLetterClass.UNREADABLE_CHANGE, message)


def _place(record: DebeziumRecord) -> str:
    return f"{record.topic}:{record.partition}:{record.offset}"


_POSITION = ("gtid", "file", "pos", "row", "lsn", "txId", "server_id", "ts_ms")


def position_of(source: Mapping[str, Any], op: str) -> str:
    """Where a change is in the ledger's log. A delivery of it for the second time has the same."""
    parts = [f"{name}={source[name]}" for name in _POSITION if source.get(name) is not None]
    return " ".join([op, *parts])


def committed_at(source: Mapping[str, Any], value: Mapping[str, Any], record: DebeziumRecord) -> Micros:
    """When a change was committed: exact where the connector says so, else when Debezium or Kafka had it."""
    for found, factor in (
        (source.get("ts_us"), 1),
        (source.get("ts_ms"), 1_000),
        (value.get("ts_ms"), 1_000),
        (record.timestamp_ms, 1_000),
    ):
        if isinstance(found, int) and found > 0:
            return found * factor
    raise _not_understood("nothing says when it was committed")


def typed(schema: Mapping[str, Any], value: Any) -> Any:
    """A value of JSON, as the schema that Kafka Connect wrote with it says.

    Raises:
        BadInput: the value is not of the schema.

    """
    try:
        return _typed(schema, value)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise _not_understood(f"a value is not of its schema: {type(error).__name__}: {error}") from None


def _typed(schema: Mapping[str, Any], value: Any) -> Any:
    if value is None:
        return None
    match schema.get("name"):
        case "org.apache.kafka.connect.data.Decimal":
            if not isinstance(value, str):
                return value  # a number, of Connect's own decimal.format=NUMERIC: the fields refuse a float
            return decimal_of(value, int(schema["parameters"]["scale"]))
        case "io.debezium.time.Date" | "org.apache.kafka.connect.data.Date":
            return EPOCH.date() + timedelta(days=value)
        case "io.debezium.time.Timestamp" | "org.apache.kafka.connect.data.Timestamp":
            return _naive(value * 1_000)
        case "io.debezium.time.MicroTimestamp":
            return _naive(value)
        case "io.debezium.time.NanoTimestamp":
            return _naive(value // 1_000)
        case None | str():
            pass
    match schema["type"]:
        case "struct":
            fields = schema["fields"]
            return {field["field"]: _typed(field, value.get(field["field"])) for field in fields}
        case "array":
            return [_typed(schema["items"], item) for item in value]
        case "float" | "double":
            return float(value)
        case str():
            return value


def _naive(micros: int) -> datetime:
    """An instant without a zone: Debezium writes it as if it were UTC."""
    return (EPOCH + timedelta(microseconds=micros)).replace(tzinfo=None)

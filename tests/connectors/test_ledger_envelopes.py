"""What Debezium writes, in each of its forms, is the same change of a row.

The envelopes have the shape of those that Debezium 3.6.1 wrote for a PostgreSQL 15 table, and 1.1 for a MySQL one.
"""

import base64
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import fastavro
import pytest

from connectors.ledger.changes import Change, RowOperation
from connectors.ledger.envelopes import DebeziumRecord, Envelopes
from streams.codec.avro_schemas import Schema, parse_writer
from streams.codec.dead_letters import BadInput

AT_MS = 1_795_652_877_319
SOURCE = {
    "version": "3.6.1.Final", "connector": "postgresql", "name": "shop", "ts_ms": AT_MS, "snapshot": "false",
    "db": "books", "sequence": '[null,"22256416"]', "ts_us": AT_MS * 1000 + 970, "schema": "public",
    "table": "posting", "txId": 729, "lsn": 22_256_416, "xmin": None,
}  # fmt: skip
ROW = {"id": 2, "payment": "P2", "amount": "12.50", "posted_on": 20_636, "at": "2026-07-02T00:00:00Z"}


def envelope(op: str = "c", *, before: Any = None, after: Any = ROW, **source: Any) -> dict[str, Any]:
    return {
        "before": before,
        "after": after,
        "source": SOURCE | source,
        "transaction": None,
        "op": op,
        "ts_ms": AT_MS + 9,
    }


def read(
    value: Any,
    *,
    key: Any = {"id": 2},  # noqa: B006 - read only
    unwrapped: bool = False,
    registry: Any = None,
    offset: int = 5,
) -> Change | None:
    envelopes = Envelopes({"shop.public.posting": "public.posting"}, unwrapped=unwrapped, registry=registry)

    def raw(what: Any) -> bytes | None:
        return what if what is None or isinstance(what, bytes) else json.dumps(what).encode()

    return envelopes.change(DebeziumRecord("shop.public.posting", 0, offset, AT_MS, raw(key), raw(value)))


def test_an_envelope_without_a_schema() -> None:
    change = read(envelope())
    assert change == Change(
        table="public.posting",
        key={"id": 2},
        operation=RowOperation.WRITTEN,
        after=ROW,
        position=f"c lsn=22256416 txId=729 ts_ms={AT_MS}",
        committed_at=AT_MS * 1000 + 970,
    )


@pytest.mark.parametrize(
    ("op", "source", "operation"),
    [
        ("c", {}, RowOperation.WRITTEN),
        ("u", {}, RowOperation.WRITTEN),
        ("r", {"snapshot": "last"}, RowOperation.READ),
        ("r", {"snapshot": "incremental"}, RowOperation.READ),
        ("c", {"snapshot": "true"}, RowOperation.READ),
    ],
)
def test_operations(op: str, source: dict[str, Any], operation: RowOperation) -> None:
    change = read(envelope(op, **source))
    assert change is not None
    assert (change.operation, change.after) == (operation, ROW)


@pytest.mark.parametrize("before", [None, {"id": 2, "payment": None}, ROW])
def test_a_deletion_with_and_without_the_row_before(before: Any) -> None:
    change = read(envelope("d", before=before, after=None))
    assert change is not None
    assert (change.operation, change.key) == (RowOperation.DELETED, {"id": 2})
    assert read(None) is None


def test_the_position_of_mysql_is_gtid_file_position_and_row() -> None:
    source = {"schema": None, "lsn": None, "txId": None, "db": "books", "ts_us": None}
    source |= {"file": "mysql-bin.000003", "pos": 362, "row": 1, "gtid": "u-1:7", "server_id": 3}
    change = read(envelope(**source))
    assert change is not None
    assert change.position == f"c gtid=u-1:7 file=mysql-bin.000003 pos=362 row=1 server_id=3 ts_ms={AT_MS}"
    assert (change.table, change.committed_at) == ("books.posting", AT_MS * 1000)


def field(name: str, kind: str, logical: str | None = None, **parameters: str) -> dict[str, Any]:
    found: dict[str, Any] = {"type": kind, "optional": True, "field": name}
    if logical is not None:
        found |= {"name": logical, "version": 1, "parameters": parameters}
    return found


SCALED = [field("scale", "int32"), field("value", "bytes")]
FIELDS = [
    field("id", "int64"),
    field("amount", "bytes", "org.apache.kafka.connect.data.Decimal", scale="4"),
    field("loose", "struct", "io.debezium.data.VariableScaleDecimal") | {"fields": SCALED},
    field("day", "int32", "io.debezium.time.Date"),
    field("millis", "int64", "io.debezium.time.Timestamp"),
    field("micros", "int64", "io.debezium.time.MicroTimestamp"),
    field("nanos", "int64", "io.debezium.time.NanoTimestamp"),
    field("zoned", "string", "io.debezium.time.ZonedTimestamp"),
    field("rough", "double"),
    field("tags", "array") | {"items": {"type": "string"}},
    field("none", "string"),
]  # fmt: skip


def test_an_envelope_with_its_schema_has_typed_values() -> None:
    row = {
        "id": 2, "amount": "EtZE", "loose": {"scale": 2, "value": "JxA="}, "day": 20_636, "millis": 1_782_907_200_000,
        "micros": 1_782_907_200_000_001, "nanos": 1_782_907_200_000_002_000, "zoned": "2026-07-01T16:00:00Z",
        "rough": 3, "tags": ["a"], "none": None,
    }  # fmt: skip
    struct = {"type": "struct", "fields": FIELDS, "optional": True}
    schema = {"type": "struct", "fields": [
        struct | {"field": "before"}, struct | {"field": "after"},
        {"type": "struct", "field": "source", "fields": [field(name, "string") for name in SOURCE]},
        field("op", "string"), field("ts_ms", "int64"),
    ]}  # fmt: skip
    key = {"schema": {"type": "struct", "fields": [field("id", "int64")]}, "payload": {"id": 2}}
    change = read({"schema": schema, "payload": envelope(after=row)}, key=key)
    assert change is not None
    assert change.key == {"id": 2}
    assert change.after == {
        "id": 2,
        "amount": Decimal("123.4500"),
        "loose": {"scale": 2, "value": "JxA="},
        "day": date(2026, 7, 2),
        "millis": datetime(2026, 7, 1, 12),
        "micros": datetime(2026, 7, 1, 12, 0, 0, 1),
        "nanos": datetime(2026, 7, 1, 12, 0, 0, 2),
        "zoned": "2026-07-01T16:00:00Z",
        "rough": 3.0,
        "tags": ["a"],
        "none": None,
    }
    assert type(change.after["rough"]) is float


def test_a_row_alone_is_deleted_by_its_mark_or_by_null() -> None:
    written = read(ROW | {"__op": "u", "__deleted": "false", "__source_ts_ms": AT_MS - 1}, unwrapped=True)
    marked = read(ROW | {"__deleted": "true"}, unwrapped=True)
    null = read(None, unwrapped=True)
    assert written is not None
    assert marked is not None
    assert null is not None
    assert (written.operation, written.after, written.committed_at) == (RowOperation.WRITTEN, ROW, (AT_MS - 1) * 1000)
    assert written.position == "shop.public.posting:0:5"
    assert marked.operation is null.operation is RowOperation.DELETED
    assert null.key == {"id": 2}


class Registry:
    def __init__(self, *texts: Any) -> None:
        self._schemas = [parse_writer(json.dumps(text)) for text in texts]

    def schema(self, number: int) -> Schema:
        return self._schemas[number]


def connect_type(kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "connect.version": 1, "connect.name": name, **more}


DECIMAL = connect_type("bytes", "org.apache.kafka.connect.data.Decimal", scale=2, precision=12, logicalType="decimal")
KEY_SCHEMA = {
    "type": "record",
    "name": "Key",
    "namespace": "shop.public.posting",
    "fields": [{"name": "id", "type": "long"}],
}
VALUE_SCHEMA = {
    "type": "record", "name": "Envelope", "namespace": "shop.public.posting", "connect.version": 2, "fields": [
        {"name": "before", "type": ["null", {"type": "record", "name": "Value", "fields": [
            {"name": "id", "type": {"type": "long", "connect.default": 0}, "default": 0},
            {"name": "amount", "type": ["null", DECIMAL], "default": None},
            {"name": "day", "type": ["null", connect_type("int", "io.debezium.time.Date")], "default": None},
            {"name": "at", "type": ["null", connect_type(
                "long", "org.apache.kafka.connect.data.Timestamp", logicalType="timestamp-millis")], "default": None},
        ], "connect.name": "shop.public.posting.Value"}], "default": None},
        {"name": "after", "type": ["null", "Value"], "default": None},
        {"name": "source", "type": {"type": "record", "name": "Source", "fields": [
            {"name": "ts_ms", "type": "long"}, {"name": "schema", "type": "string"},
            {"name": "table", "type": "string"}, {"name": "lsn", "type": ["null", "long"]},
            {"name": "snapshot", "type": [{"type": "string", "connect.name": "io.debezium.data.Enum"}, "null"]},
        ]}},
        {"name": "op", "type": "string"},
    ],
}  # fmt: skip


def framed(number: int, schema: Any, value: Any) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), value)
    return b"\0" + number.to_bytes(4, "big") + out.getvalue()


def avro_envelope() -> bytes:
    row = {"id": 2, "amount": Decimal("12.50"), "day": 20_636, "at": datetime(2026, 7, 1, 12, tzinfo=UTC)}
    source = {"ts_ms": AT_MS, "schema": "public", "table": "posting", "lsn": 7, "snapshot": "false"}
    return framed(1, VALUE_SCHEMA, {"before": None, "after": row, "source": source, "op": "c"})


def test_avro_by_the_registry() -> None:
    change = read(avro_envelope(), key=framed(0, KEY_SCHEMA, {"id": 2}), registry=Registry(KEY_SCHEMA, VALUE_SCHEMA))
    assert change is not None
    assert (change.table, change.key, change.operation) == ("public.posting", {"id": 2}, RowOperation.WRITTEN)
    assert change.after is not None
    assert change.after["amount"] == Decimal("12.50")
    assert change.after["at"] == datetime(2026, 7, 1, 12)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b"{", "neither JSON nor Avro"),
        (b"\xff", "neither JSON nor Avro"),
        ([1], "not a row or an envelope"),
        (ROW, "no envelope of Debezium's"),
        (envelope("t", after=None), "was truncated"),
        (envelope("x"), "op 'x' without a row"),
        (envelope("c", after=None), "op 'c' without a row"),
        (b"\0\0", "ends inside its frame"),
        (avro_envelope()[:20], "the value: "),
        (avro_envelope() + b"!", "ends before its bytes do"),
        ({"schema": {"type": "struct", "fields": 3}, "payload": {}}, "not of its schema"),
    ],
)
def test_what_is_no_change_is_a_dead_letter(value: Any, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        read(value, registry=Registry(KEY_SCHEMA, VALUE_SCHEMA))
    assert message in caught.value.message


def test_avro_without_a_registry_says_so() -> None:
    with pytest.raises(BadInput, match="RENTMATCH_SCHEMA_REGISTRY_URL"):
        read(avro_envelope())


def test_a_message_in_the_log_is_about_no_table() -> None:
    assert read(envelope("m", after=None)) is None


def test_damaged_records_are_refused_and_never_crash() -> None:
    plain = json.dumps({"schema": {"type": "struct", "fields": FIELDS}, "payload": envelope()}).encode()
    for raw in (plain, avro_envelope(), base64.b64decode("AAAAAAE=")):
        for place in range(0, len(raw), 3):
            for byte in (0, 0x22, 0x7B, 0xFF):
                damaged = raw[:place] + bytes([byte]) + raw[place + 1 :]
                try:
                    read(damaged, registry=Registry(KEY_SCHEMA, VALUE_SCHEMA))
                except BadInput:
                    continue
                except IndexError:
                    assert damaged[:1] == b"\0"  # an id that this registry of the test does not have

"""The mapping file: which table's rows are which record, and which column is which field.

    name = "main"                       # names the topics and groups that the connector keeps

    [defaults]                          # fields that all tables share
    currency = "USD"

    [[table]]
    table = "public.posting"            # schema.table of PostgreSQL, database.table of MySQL and MariaDB
    record = "PaymentPosted"
    unless.status = ["void"]            # such a row counts as deleted
    occurred_at = "posted_at"
    [table.fields]
    posting_id = "id"
    payment_id = "payment_id"
    obligation_id = "charge_id"
    amount = "amount"                   # major units; `amount_minor` would be minor units

A field is a column's name, or a table with `column`, `value` (a constant) or `text` (columns in braces), and how to
read it.
"""

import re
import tomllib
import zoneinfo
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec

from connectors.ledger.changes import MappingError
from domain.facts import (
    Fact,
    ObligationAdjusted,
    ObligationCancelled,
    ObligationCharged,
    ObligationReinstated,
    PaymentPosted,
    PlanChanged,
    PostingReversed,
)

RECORDS: dict[str, type[Fact]] = {
    record.__name__: record
    for record in (
        ObligationCharged,
        PlanChanged,
        ObligationAdjusted,
        ObligationCancelled,
        ObligationReinstated,
        PaymentPosted,
        PostingReversed,
    )
}
"""The records that a ledger's rows can be."""

MAJOR = {"amount": "amount_minor", "amount_delta": "amount_delta_minor"}
"""Fields of the mapping in major units, and the record's own in minor units."""

MAY_LACK = frozenset({"plan_version", "installments", "reason"})
"""Fields that the translation fills in where the mapping has none, beside those that may be null."""

PREDICATES = ("null", "not null", "<0", ">0", "=0")

_NAME = re.compile(r"[a-zA-Z0-9._-]{1,60}")
_TABLE = re.compile(r"[^.|]+\.[^.|]+")
_BRACES = re.compile(r"\{([^{}]*)\}")


class Spec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How one field is read from a row."""

    column: str | None = None
    value: str | int | None = None
    """The same for every row."""
    text: str | None = None
    """A text with columns in braces: `{lease_id}/{period}`."""
    values: dict[str, str] | None = None
    """What each value of the column is in the contract: `{rent = "RENT", late = "FEE"}`."""
    negate: bool = False
    """The ledger's sign is the opposite one."""
    zone: str | None = None
    """The zone of instants that the ledger keeps without one; default UTC."""
    scale: int | None = None
    """The digits of a decimal that Debezium writes as bytes without a schema (`decimal.handling.mode=precise`)."""
    decimal: Literal["text"] | None = None
    """A decimal that is text, also where it has no point (`decimal.handling.mode=string`) and there is no schema."""
    uuid: bool = False
    """16 bytes, or their base64, which are a UUID."""
    fields: dict[str, "str | Spec"] | None = None
    """Of `installments`: the fields of each, by the names in the column's JSON."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it reads."""
        if self.column is not None:
            return (self.column,)
        return tuple(_BRACES.findall(self.text or ""))


class TableMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rows of a table that are records of one type."""

    table: str
    record: str
    fields: dict[str, str | Spec]
    name: str = ""
    """Tells apart several records from one table; default `table:record`. Must stay, since ids follow from it."""
    key: tuple[str, ...] = ()
    """The columns that name a row; default: the primary key."""
    when: dict[str, str | list[str | int | bool]] = {}
    """The rows that count: by column the values, or "null", "not null", "<0", ">0", "=0"."""
    unless: dict[str, str | list[str | int | bool]] = {}
    """The rows that do not. A row that stops to count is treated as deleted."""
    occurred_at: str | Spec | None = None
    """When it happened; default: when the change was committed."""
    topic: str | None = None
    """The topic of its changes, where that is not `topic_prefix.table`."""

    @property
    def id(self) -> str:
        """The name in the connector's state."""
        return self.name or f"{self.table}:{self.record}"

    @property
    def record_type(self) -> type[Fact]:
        """The record of the contract."""
        return RECORDS[self.record]


class Debezium(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where Debezium writes."""

    topic_prefix: str = ""
    """Debezium's `topic.prefix`: a table's changes are on `topic_prefix.schema.table`."""
    unwrapped: bool = False
    """The transform ExtractNewRecordState is in use: values are rows, and a null value is a deletion."""


class LedgerMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mapping file."""

    name: str
    table: tuple[TableMapping, ...]
    defaults: dict[str, str | Spec] = {}
    debezium: Debezium = Debezium()

    def specs_of(self, entry: TableMapping) -> dict[str, Spec]:
        """The fields of an entry, the defaults included."""
        known = set(entry.record_type.__struct_fields__) | {m for m, own in MAJOR.items() if _has(entry, own)}
        given = {name: spec for name, spec in self.defaults.items() if name in known} | entry.fields
        return {name: as_spec(spec, name, entry) for name, spec in given.items()}


def as_spec(given: str | Spec, field: str, entry: TableMapping) -> Spec:
    """A field's spec; a text alone is a column.

    Raises:
        MappingError: it says nothing, or two things.

    """
    spec = Spec(column=given) if isinstance(given, str) else given
    if sum(part is not None for part in (spec.column, spec.value, spec.text)) != 1:
        raise MappingError(f"{entry.id}: {field} needs exactly one of column, value and text")
    if spec.zone is not None and spec.zone not in zoneinfo.available_timezones():
        raise MappingError(f"{entry.id}: {field}: {spec.zone!r} is no time zone; write one as in America/New_York")
    return spec


def _has(entry: TableMapping, field: str) -> bool:
    return field in entry.record_type.__struct_fields__


def load_mapping(path: Path) -> LedgerMapping:
    """Read and check a mapping file.

    Raises:
        MappingError: it cannot be read, or does not fit the contract; the message names the table and the field.

    """
    try:
        return parse_mapping(path.read_bytes().decode())
    except (OSError, UnicodeDecodeError) as error:
        raise MappingError(f"{path} cannot be read: {error}") from None
    except MappingError as error:
        raise MappingError(f"{path}: {error}") from None


def parse_mapping(text: str) -> LedgerMapping:
    """Read and check the text of a mapping file.

    Raises:
        MappingError: it is not TOML, or does not fit the contract.

    """
    try:
        read = tomllib.loads(text)
        # A default is a constant, unless it says otherwise.
        defaults: Any = read.get("defaults")
        if isinstance(defaults, dict):
            read["defaults"] = {n: v if isinstance(v, dict) else {"value": v} for n, v in defaults.items()}
        mapping = msgspec.convert(read, LedgerMapping)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise MappingError(str(error)) from None
    _check(mapping)
    return mapping


def _check(mapping: LedgerMapping) -> None:
    if not _NAME.fullmatch(mapping.name):
        raise MappingError(f"name is {mapping.name!r}; it may have letters, digits, dots, dashes and underscores")
    if not mapping.table:
        raise MappingError("there is no [[table]]")
    ids = [entry.id for entry in mapping.table]
    for entry in mapping.table:
        if ids.count(entry.id) > 1:
            raise MappingError(f"two tables are {entry.id}; give each a `name` of its own")
        if entry.record not in RECORDS:
            raise MappingError(f"{entry.id}: record is {entry.record!r}; it must be one of {', '.join(RECORDS)}")
        if "|" in entry.name:
            raise MappingError(f"{entry.id}: a name may not have the character |")
        if not _TABLE.fullmatch(entry.table):
            raise MappingError(f"{entry.id}: table must be schema.table or database.table")
        _check_fields(mapping, entry)
        for column, allowed in (*entry.when.items(), *entry.unless.items()):
            if isinstance(allowed, str) and allowed not in PREDICATES:
                raise MappingError(
                    f"{entry.id}: {column} is compared with {allowed!r}; write a list of values, or one of "
                    + ", ".join(repr(one) for one in PREDICATES)
                )
    used = {name for entry in mapping.table for name in mapping.specs_of(entry)}
    for name in mapping.defaults.keys() - used:
        raise MappingError(f"defaults: no table's record has the field {name!r}")


def _check_fields(mapping: LedgerMapping, entry: TableMapping) -> None:
    own = [field for field in entry.record_type.__struct_fields__ if field not in {"event_id", "occurred_at"}]
    major = {name: field for name, field in MAJOR.items() if field in own}
    given = mapping.specs_of(entry)
    for name in given:
        if name not in own and name not in major:
            raise MappingError(f"{entry.id}: a {entry.record} has no field {name!r}; it has {', '.join(own)}")
    covered = {major.get(name, name) for name in given}
    if len(covered) < len(given):
        raise MappingError(f"{entry.id}: an amount is given in major and in minor units; one is enough")
    for field in own:
        if field not in covered and field not in MAY_LACK and not is_nullable(entry.record_type, field):
            hint = next((f" (or {name}, in major units)" for name, minor in major.items() if minor == field), "")
            raise MappingError(f"{entry.id}: {field}{hint} is missing")
    if entry.record_type is PlanChanged and "installments" not in given:
        raise MappingError(f"{entry.id}: installments is missing")
    if major.keys() & given.keys() and "currency" not in covered:
        raise MappingError(f"{entry.id}: an amount in major units needs a currency")


def is_nullable(record: type[msgspec.Struct], field: str) -> bool:
    """Whether a field of a record, or of an installment, may be null."""
    (found,) = (each for each in msgspec.structs.fields(record) if each.name == field)
    return type(None) in get_args(found.type)

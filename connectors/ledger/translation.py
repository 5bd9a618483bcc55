"""From the changes of a ledger's rows to facts, by a mapping file: a function of the change and of what was reported.

The state of a row (`row_state.RowState`) makes up for what sources leave out: the row before an update, and whether a
change is delivered for the second time. Whoever runs this keeps the states in the transaction in which the facts are
written.
"""

from collections.abc import MutableMapping
from functools import cached_property
from typing import Any

import msgspec

from connectors.identity import content_id
from connectors.ledger.changes import Change, MappingError, RowOperation, Values
from connectors.ledger.fields import as_record, counts, instant_reader, reader_of
from connectors.ledger.mapping import LedgerMapping, TableMapping
from connectors.ledger.row_state import STEPS, LedgerFact, Moment, RowState
from streams.codec.dead_letters import BadInput
from streams.codec.validation import check

MARK_CHARACTERS = 12
"""Of the hash of a change: 48 bits, which tell apart the changes of one row."""

_json = msgspec.json.Encoder(order="sorted")

States = MutableMapping[str, RowState]
"""The states of rows: what was reported, by `entry|key`, and what was seen, by `table|key`."""

AMOUNTS = ("amount_minor", "amount_delta_minor")
ALWAYS_COUNTS = frozenset({"ObligationCharged"})
"""Records for which an amount of 0 is a report of its own."""


class Translated(msgspec.Struct):
    """What one change adds. Either facts, or the reasons why an entry of the mapping cannot report it."""

    facts: list[LedgerFact]
    refused: list[BadInput]
    rows: dict[str, str] = {}
    """The mark of the change, by row."""


def _canonical(value: Any) -> str:
    return _json.encode(value).decode()


def mark_of(change: Change, row: str) -> str:
    """The mark of a change: from the row and the position alone, so that it is the same in every form of delivery."""
    return content_id("ledger", row, change.position)[:MARK_CHARACTERS]


class _MappedTable:
    """An entry of the mapping, with the functions that read its rows."""

    def __init__(self, mapping: LedgerMapping, table: TableMapping) -> None:
        self.table = table
        self._specs = mapping.specs_of(table)

    @cached_property
    def read(self) -> Any:
        return reader_of(self.table, self._specs)

    @cached_property
    def instant(self) -> Any:
        return instant_reader(self.table)

    def fact(self, change: Change) -> Any:
        """The record that the row is now; None if the row does not count.

        Raises:
            BadInput: a column's value is none of its field, or breaks a rule of the contract.
            MappingError: the row lacks a column.

        """
        row = change.after
        if row is None or change.operation is RowOperation.DELETED or not counts(self.table, row):
            return None
        at = change.committed_at
        if self.instant is not None and (found := self.instant(row)) is not None:
            at = found
        record: Any = as_record(self.table.record_type, self.read(row), at)
        if self.table.record not in ALWAYS_COUNTS and any(getattr(record, name, None) == 0 for name in AMOUNTS):
            return None  # an amount of 0 moves nothing
        return record

    def key(self, change: Change) -> Values:
        """The columns that name the row.

        Raises:
            MappingError: there are none.

        """
        if not self.table.key:
            if not change.key:
                raise MappingError(
                    f"{self.table.id}: {self.table.table} has no primary key; name the columns that tell its rows "
                    'apart: key = ["…"]'
                )
            return change.key
        row = change.after or change.key
        missing = [column for column in self.table.key if column not in row]
        if missing:
            raise MappingError(
                f"{self.table.id}: a change of {self.table.table} has no column {', '.join(missing)}; `key` must name "
                "columns of the primary key, or PostgreSQL must log whole rows (REPLICA IDENTITY FULL)"
            )
        return {column: row[column] for column in self.table.key}


class Translator:
    """Translates by one mapping file."""

    def __init__(self, mapping: LedgerMapping) -> None:
        self._entries: dict[str, list[_MappedTable]] = {}
        for table in mapping.table:
            entry = _MappedTable(mapping, table)
            _ = entry.read, entry.instant  # a mapping that cannot be used is an error at the start
            self._entries.setdefault(table.table, []).append(entry)

    def knows(self, table: str) -> bool:
        """Whether the mapping has a table."""
        return table in self._entries

    def apply(self, change: Change, states: States) -> Translated:
        """What a change adds; the states of its row become those after it.

        Raises:
            MappingError: the mapping names a column that the row does not have.

        """
        done = Translated([], [])
        for entry in self._entries.get(change.table, ()):
            key = _canonical(dict(entry.key(change)))
            row = f"{change.table}|{key}"
            mark = mark_of(change, row)
            if mark in states.get(row, RowState()).seen:
                continue
            moment = Moment(mark, change.committed_at)
            try:
                done.facts += _report(entry, f"{entry.table.id}|{key}", change, moment, states)
            except BadInput as error:
                done.refused.append(error)
            done.rows[row] = mark
        for row, mark in done.rows.items():
            states[row] = states.get(row, RowState()).with_seen(mark)
        return done

    def names_of(self, change: Change) -> set[str]:
        """The names, in the state, of what a row is reported as."""
        entries = self._entries.get(change.table, ())
        return {f"{entry.table.id}|{_canonical(dict(entry.key(change)))}" for entry in entries}

    def live_rows(self, table: str, states: States) -> list[str]:
        """What of a table is reported and counts, by its name in the state."""
        prefixes = tuple(f"{entry.table.id}|" for entry in self._entries.get(table, ()))
        return [name for name in list(states) if name.startswith(prefixes) and states[name].live]


def _report(entry: _MappedTable, key: str, change: Change, moment: Moment, states: States) -> list[LedgerFact]:
    state = states.get(key, RowState())
    fact = entry.fact(change)
    if fact is None and not state.live:
        return []  # it never counted, or is gone already
    present, gone = STEPS[entry.table.record_type]
    found, after = (gone if fact is None else present)(state, fact, moment)
    facts = [check(identified(each)) for each in found]
    if after != state:
        states[key] = after
    return facts


def identified(fact: LedgerFact) -> LedgerFact:
    """A fact with its event id, which follows from its content."""
    parts = [type(fact).__name__, _canonical(fact)]
    return msgspec.structs.replace(fact, event_id=content_id("ledger", *parts))


def primary_key_of(name: str) -> Values:
    """The columns in the name of a row's state."""
    found: Values = msgspec.json.decode(name.partition("|")[2])
    return found

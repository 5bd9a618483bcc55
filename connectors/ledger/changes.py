"""A change of one row, whatever has read it, and why a change may not become a fact."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from domain.time import Micros

Values = Mapping[str, object]
"""A row by column: int, str, Decimal, float, bool, bytes, date, datetime, dict, list or None."""


class RowOperation(StrEnum):
    """What happened to the row."""

    READ = "read"
    """It was found by a snapshot: it may be new, known or changed."""
    WRITTEN = "written"
    """It was inserted or updated; `after` is the whole row."""
    DELETED = "deleted"


class Change(msgspec.Struct, frozen=True):
    """A change of one row of the ledger."""

    table: str
    """With its schema (PostgreSQL) or database (MySQL): `public.posting`."""
    key: Values
    """The columns of the primary key; empty where the source names none."""
    operation: RowOperation
    after: Values | None
    """The row as it is now; None if it is gone."""
    position: str
    """Where in the ledger's log, or in the topic. A change that is delivered again has the same one."""
    committed_at: Micros
    """When, by the ledger's clock."""


class MappingError(ValueError):
    """The mapping file does not fit itself or the ledger; the message says where, and what to do.

    The process ends on it: the fault is in the mapping and not in one row, so setting rows aside would lose them all.
    """

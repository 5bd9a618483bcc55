"""The scalars: amounts and versions as decimal strings, instants and days as ISO text.

An int64 does not fit into a number of JSON, which JavaScript reads as a double. So the text is the form in both
directions: a number is refused.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import NewType

import strawberry
from strawberry.types.scalar import ScalarDefinition

from domain import time
from domain.time import FIRST_DAY, LAST_DAY, Micros

Minor = NewType("Minor", int)
"""Integer minor units of a currency."""
Version = NewType("Version", int)
Instant = NewType("Instant", int)
"""Microseconds since 1970-01-01T00:00:00Z."""
Day = NewType("Day", int)
"""Days since 1970-01-01."""

_INT64 = 2**63
_INTEGER = re.compile(r"-?[0-9]{1,19}")
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class NoScalar(ValueError):
    """A value that is none of its scalar; the message says what is."""


def instant(at: Micros | None) -> Instant | None:
    """Give an instant; None for None, and for one outside of the years 1 to 9999, which means "never"."""
    if at is None or not FIRST_DAY <= at // time.DAY <= LAST_DAY:
        return None
    return Instant(at)


def day(number: time.Day | None) -> Day | None:
    """Give a day; None for None."""
    return None if number is None else Day(number)


def _parse_integer(value: object) -> int:
    if not isinstance(value, str) or not _INTEGER.fullmatch(value):
        raise NoScalar('a decimal string is needed, as in "1250"')
    number = int(value)
    if not -_INT64 <= number < _INT64:
        raise NoScalar("it does not fit into 64 bits")
    return number


def parse_instant(value: object) -> Instant:
    """Read an instant.

    Raises:
        NoScalar: it is no RFC 3339 text with an offset.

    """
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise NoScalar('an instant in RFC 3339 is needed, as in "2026-07-03T12:00:00Z"')
    try:
        return Instant(time.micros_of(datetime.fromisoformat(value)))
    except ValueError as error:
        raise NoScalar(f"it is no instant: {error}") from None


def _parse_day(value: object) -> Day:
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise NoScalar('a day is needed, as in "2026-07-03"')
    try:
        return Day(date.fromisoformat(value).toordinal() - time.EPOCH_ORDINAL)
    except ValueError as error:
        raise NoScalar(f"it is no day: {error}") from None


SCALARS: Mapping[object, ScalarDefinition] = {
    Minor: strawberry.scalar(
        name="Minor",
        description="An amount in integer minor units of its currency, as a decimal string: int64 does not fit into a "
        "number of JSON.",
        serialize=str,
        parse_value=_parse_integer,
    ),
    Instant: strawberry.scalar(
        name="Instant",
        description="An instant as RFC 3339 text, in UTC, with microseconds.",
        serialize=time.rfc3339,
        parse_value=parse_instant,
    ),
    Day: strawberry.scalar(
        name="Day",
        description="A calendar day, YYYY-MM-DD.",
        serialize=time.iso_date,
        parse_value=_parse_day,
    ),
    Version: strawberry.scalar(
        name="Version",
        description="The version of a record, as a decimal string.",
        serialize=str,
        parse_value=_parse_integer,
    ),
}
"""The scalars by the type that resolvers use."""

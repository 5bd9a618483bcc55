"""Instants and days: their units, their limits and their standard text.

An instant is whole microseconds since 1970-01-01T00:00:00Z in 64 bits. A day is days since 1970-01-01, without a zone.
"""

from datetime import UTC, date, datetime, timedelta
from typing import TypeAlias

Micros: TypeAlias = int
"""An instant, or a span of time, in microseconds."""

Day: TypeAlias = int
"""A calendar day without a zone: days since 1970-01-01."""

SECOND: Micros = 1_000_000
MINUTE: Micros = 60 * SECOND
HOUR: Micros = 60 * MINUTE
DAY: Micros = 24 * HOUR

FAR_PAST: Micros = -(2**63)
"""Before every instant of a record."""
FAR_FUTURE: Micros = 2**63 - 1
"""The last instant of 64 bits. A deadline at it never passes, so it means "no deadline"."""
NOT_CAUGHT_UP: Micros = -(2**62)
"""The watermark of a partition that was not read to its end yet: no deadline has passed for its keys."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_ORDINAL = EPOCH.toordinal()
"""The ordinal of day 0 in `datetime.date`."""
FIRST_DAY: Day = date.min.toordinal() - EPOCH_ORDINAL
"""0001-01-01, the first day that a date can express."""
LAST_DAY: Day = date.max.toordinal() - EPOCH_ORDINAL
"""9999-12-31, the last day that a date can express."""


def micros_of(moment: datetime) -> Micros:
    """Give the instant of an aware datetime, exactly."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def iso_date(day: Day) -> str:
    """Write a day as ISO 8601 text, `YYYY-MM-DD`.

    Raises:
        ValueError: the day is outside the years 1 to 9999.

    """
    if not FIRST_DAY <= day <= LAST_DAY:
        raise ValueError(f"day {day} since 1970-01-01 is outside of the years 1 to 9999")
    return date.fromordinal(day + EPOCH_ORDINAL).isoformat()


def rfc3339(instant: Micros) -> str:
    """Write an instant as RFC 3339 text in UTC, `2026-07-03T12:00:00.000000Z`.

    Raises:
        ValueError: the instant is outside the years 1 to 9999.

    """
    day, rest = divmod(instant, DAY)
    seconds, micros = divmod(rest, SECOND)
    return f"{iso_date(day)}T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{micros:06}Z"

"""Calendar days: the Federal Reserve's banking days, and when a local day begins and ends.

Nothing here reads a clock, and nothing raises for an instant of 64 bits or a day of the years 1 to 9999. Beyond the
years that `datetime` can express, the rule of the nearest such year applies; results are clamped to 64 bits.
"""

from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from domain.time import DAY, EPOCH, EPOCH_ORDINAL, FAR_FUTURE, FAR_PAST, HOUR, SECOND, Day, Micros, micros_of

_NEW_YORK = "America/New_York"
# The first and the last day whose offset can be computed in every zone, with room for the offset itself.
_FIRST_DAY = date(MINYEAR, 1, 3).toordinal() - EPOCH_ORDINAL
_LAST_DAY = date(MAXYEAR, 12, 29).toordinal() - EPOCH_ORDINAL
_EPOCH_NAIVE = datetime(1970, 1, 1)
# Until then New York kept local mean time, 4:56:02 behind UTC; since then its offset changes on full hours of UTC.
_NEW_YORK_FULL_HOURS: Micros = micros_of(datetime(1883, 11, 18, 17, tzinfo=UTC))


def later(instant: Micros, micros: int) -> Micros:
    """Add a span in microseconds to an instant, at most up to `FAR_FUTURE`."""
    return min(instant + micros, FAR_FUTURE)


def _observed(holiday: date) -> date:
    # A holiday on a Sunday moves to Monday; one on a Saturday is not moved to Friday (the Fed's holiday schedule).
    return holiday + timedelta(days=1) if holiday.weekday() == 6 else holiday


def _nth(year: int, month: int, weekday: int, n: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (n - 1))


@lru_cache(maxsize=256)
def fed_holidays(year: int) -> frozenset[Day]:
    """Give the days of a year on which the Federal Reserve Banks are closed, besides weekends.

    Source: the Fed's published holiday schedules (frbservices.org), as of 2021, when Juneteenth became a holiday. For
    earlier years the same rule applies without Juneteenth.
    """
    last_of_may = date(year, 5, 31)
    days = [
        _observed(date(year, 1, 1)),  # New Year's Day
        _nth(year, 1, 0, 3),  # Martin Luther King Jr. Day
        _nth(year, 2, 0, 3),  # Washington's Birthday
        last_of_may - timedelta(days=last_of_may.weekday()),  # Memorial Day
        _observed(date(year, 7, 4)),  # Independence Day
        _nth(year, 9, 0, 1),  # Labor Day
        _nth(year, 10, 0, 2),  # Columbus Day
        _observed(date(year, 11, 11)),  # Veterans Day
        _nth(year, 11, 3, 4),  # Thanksgiving Day
        _observed(date(year, 12, 25)),  # Christmas Day
    ]
    if year >= 2021:
        days.append(_observed(date(year, 6, 19)))  # Juneteenth National Independence Day
    return frozenset(day.toordinal() - EPOCH_ORDINAL for day in days)


def is_banking_day(day: Day) -> bool:
    """Whether the Federal Reserve Banks are open on a day."""
    if (day + 3) % 7 >= 5:  # day 0 was a Thursday
        return False
    if not _FIRST_DAY <= day <= _LAST_DAY:
        return True
    return day not in fed_holidays(date.fromordinal(day + EPOCH_ORDINAL).year)


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _offset(zone: ZoneInfo, local: datetime) -> int:
    """Give a zone's offset from UTC at a local time, in microseconds."""
    offset = local.replace(tzinfo=zone).utcoffset()
    assert offset is not None  # a ZoneInfo always has one; this tells mypy
    return (offset.days * 86_400 + offset.seconds) * SECOND


@lru_cache(maxsize=65_536)
def start_of_day(day: Day, zone: str) -> Micros:
    """Give the instant at which a local day begins, as java.time's `LocalDate.atStartOfDay(zone)` does.

    If midnight does not exist, it is the end of the gap; if it occurs twice, the earlier.

    Args:
        day: days since 1970-01-01.
        zone: the IANA name of a known time zone.

    """
    where = _zone(zone)
    clamped = max(_FIRST_DAY, min(day, _LAST_DAY))
    midnight = _EPOCH_NAIVE + timedelta(days=clamped)
    before, after = _offset(where, midnight), _offset(where, midnight.replace(fold=1))
    start = clamped * DAY - before
    if before < after:  # midnight is in a gap: fold 0 has the offset before it, fold 1 the one after
        start = _end_of_gap(where, clamped * DAY - after, start)
    return max(FAR_PAST, min(start + (day - clamped) * DAY, FAR_FUTURE))


def _end_of_gap(zone: ZoneInfo, inside_before: Micros, at_or_after: Micros) -> Micros:
    """Find the second at which the clocks go forward, between two instants around it."""
    old = _utc_offset(zone, inside_before)
    low, high = inside_before // SECOND, at_or_after // SECOND
    while high - low > 1:
        middle = (low + high) // 2
        if _utc_offset(zone, middle * SECOND) == old:
            low = middle
        else:
            high = middle
    return high * SECOND


def _utc_offset(zone: ZoneInfo, instant: Micros) -> int:
    """Give a zone's offset from UTC at an instant that `datetime` can express, in microseconds."""
    offset = (EPOCH + timedelta(microseconds=instant)).astimezone(zone).utcoffset()
    assert offset is not None
    return (offset.days * 86_400 + offset.seconds) * SECOND


def end_of_day(day: Day, zone: str) -> Micros:
    """Give the exclusive end of a local day: the start of the next (contract section 1)."""
    return start_of_day(day + 1, zone)


def local_date(instant: Micros, zone: str) -> Day:
    """Give the local day of an instant in a zone."""
    clamped = max(_FIRST_DAY * DAY, min(instant, _LAST_DAY * DAY))
    return (instant + _utc_offset(_zone(zone), clamped)) // DAY


@lru_cache(maxsize=16_384)
def _new_york_day(hour: int) -> Day:
    return local_date(hour * HOUR, _NEW_YORK)


@lru_cache(maxsize=16_384)
def _deadline_from(day: Day, banking_days: int) -> Micros:
    while not is_banking_day(day):
        day += 1
    for _ in range(banking_days):
        day += 1
        while not is_banking_day(day):
            day += 1
    return end_of_day(day, _NEW_YORK)


def banking_deadline(start: Micros, banking_days: int) -> Micros:
    """Give the exclusive end, in New York, of the day a number of banking days after an instant (contract section 4).

    They are counted from the date in New York; a start on a non-banking day counts as the next banking day.
    """
    # An hour of UTC is within one day of New York, so a cache by hour answers nearly every call.
    day = _new_york_day(start // HOUR) if start >= _NEW_YORK_FULL_HOURS else local_date(start, _NEW_YORK)
    return _deadline_from(day, banking_days)

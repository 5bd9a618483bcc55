"""Calendar days: the banking days of each currency, and when a local day begins and ends.

Nothing here reads a clock, and nothing raises for an instant of 64 bits or a day of the years 1 to 9999. Beyond the
years that `datetime` can express, the rule of the nearest such year applies; results are clamped to 64 bits.
"""

from collections.abc import Callable
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from domain.time import DAY, EPOCH, EPOCH_ORDINAL, FAR_FUTURE, FAR_PAST, HOUR, SECOND, Day, Micros, micros_of

# The first and the last day whose offset can be computed in every zone, with room for the offset itself.
_FIRST_DAY = date(MINYEAR, 1, 3).toordinal() - EPOCH_ORDINAL
_LAST_DAY = date(MAXYEAR, 12, 29).toordinal() - EPOCH_ORDINAL
_EPOCH_NAIVE = datetime(1970, 1, 1)
# Until then some zone of a calendar kept its local mean time; since then all their offsets change on full hours of UTC.
# New York did so until 1883, Brussels, as the last of them, until May 1892.
_FULL_HOURS: Micros = micros_of(datetime(1892, 5, 2, tzinfo=UTC))


def later(instant: Micros, micros: int) -> Micros:
    """Add a span in microseconds to an instant, at most up to `FAR_FUTURE`."""
    return min(instant + micros, FAR_FUTURE)


class BankingCalendar(NamedTuple):
    """The banking days of a currency: Monday to Friday without holidays, counted in a zone."""

    zone: str
    """IANA name. A day ends at midnight there."""
    holidays: Callable[[int], frozenset[Day]] | None
    """Gives the holidays of a year; they may include weekends. None: there are none."""


def _observed(holiday: date) -> date:
    # A holiday on a Sunday moves to Monday; one on a Saturday is not moved to Friday (the Fed's holiday schedule).
    return holiday + timedelta(days=1) if holiday.weekday() == 6 else holiday


def _nth(year: int, month: int, weekday: int, n: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (n - 1))


def _last_monday(year: int, month: int) -> date:
    last = date(year, month, 31)
    return last - timedelta(days=last.weekday())


def _easter_sunday(year: int) -> date:
    """Give Easter by the Gregorian computus (Meeus, Jones and Butcher)."""
    golden = year % 19
    century, in_century = divmod(year, 100)
    epact = (19 * golden + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    to_sunday = (32 + 2 * (century % 4) + 2 * (in_century // 4) - epact - in_century % 4) % 7
    correction = (golden + 11 * epact + 22 * to_sunday) // 451
    month, day = divmod(epact + to_sunday - 7 * correction + 114, 31)
    return date(year, month, day + 1)


def _days(dates: list[date]) -> frozenset[Day]:
    return frozenset(one.toordinal() - EPOCH_ORDINAL for one in dates)


@lru_cache(maxsize=256)
def fed_holidays(year: int) -> frozenset[Day]:
    """Give the days of a year on which the Federal Reserve Banks are closed, besides weekends.

    Source: the Fed's published holiday schedules (frbservices.org), as of 2021, when Juneteenth became a holiday. For
    earlier years the same rule applies without Juneteenth.
    """
    dates = [
        _observed(date(year, 1, 1)),  # New Year's Day
        _nth(year, 1, 0, 3),  # Martin Luther King Jr. Day
        _nth(year, 2, 0, 3),  # Washington's Birthday
        _last_monday(year, 5),  # Memorial Day
        _observed(date(year, 7, 4)),  # Independence Day
        _nth(year, 9, 0, 1),  # Labor Day
        _nth(year, 10, 0, 2),  # Columbus Day
        _observed(date(year, 11, 11)),  # Veterans Day
        _nth(year, 11, 3, 4),  # Thanksgiving Day
        _observed(date(year, 12, 25)),  # Christmas Day
    ]
    if year >= 2021:
        dates.append(_observed(date(year, 6, 19)))  # Juneteenth National Independence Day
    return _days(dates)


@lru_cache(maxsize=256)
def target_holidays(year: int) -> frozenset[Day]:
    """Give the days of a year on which TARGET is closed, besides weekends.

    Source: the ECB's long-term calendar of TARGET closing days, in force since 2002. None is moved. For earlier years
    the same rule applies.
    """
    easter = _easter_sunday(year)
    return _days(
        [
            date(year, 1, 1),
            easter - timedelta(days=2),  # Good Friday
            easter + timedelta(days=1),  # Easter Monday
            date(year, 5, 1),
            date(year, 12, 25),
            date(year, 12, 26),
        ]
    )


_MOVED_IN_ENGLAND: dict[tuple[int, str], date] = {
    (2002, "spring"): date(2002, 6, 4),  # Golden Jubilee
    (2012, "spring"): date(2012, 6, 4),  # Diamond Jubilee
    (2020, "early may"): date(2020, 5, 8),  # 75 years of VE Day
    (2022, "spring"): date(2022, 6, 2),  # Platinum Jubilee
}
_PROCLAIMED_IN_ENGLAND: dict[int, list[date]] = {
    2002: [date(2002, 6, 3)],  # Golden Jubilee
    2011: [date(2011, 4, 29)],  # wedding of Prince William
    2012: [date(2012, 6, 5)],  # Diamond Jubilee
    2022: [date(2022, 6, 3), date(2022, 9, 19)],  # Platinum Jubilee, State Funeral of Queen Elizabeth II
    2023: [date(2023, 5, 8)],  # Coronation of King Charles III
}
"""A newly proclaimed day has to be added: tests/domain/test_calendar.py compares with the holidays package."""


@lru_cache(maxsize=256)
def english_holidays(year: int) -> frozenset[Day]:
    """Give the bank holidays of a year in England and Wales, with substitute and proclaimed days, besides weekends.

    Source: the Banking and Financial Dealings Act 1971, schedule 1, and the royal proclamations since 2000 (gov.uk/
    bank-holidays). For years before 2000 the same rule applies without proclamations.
    """
    easter = _easter_sunday(year)
    dates = [
        easter - timedelta(days=2),  # Good Friday
        easter + timedelta(days=1),  # Easter Monday
        _MOVED_IN_ENGLAND.get((year, "early may"), _nth(year, 5, 0, 1)),
        _MOVED_IN_ENGLAND.get((year, "spring"), _last_monday(year, 5)),
        _last_monday(year, 8),  # summer
        *_PROCLAIMED_IN_ENGLAND.get(year, ()),
    ]
    for holiday in (date(year, 1, 1), date(year, 12, 25), date(year, 12, 26)):
        substitute = holiday
        while substitute.weekday() >= 5 or substitute in dates:
            substitute += timedelta(days=1)
        dates.append(substitute)
    return _days(dates)


_CALENDARS = {
    "USD": BankingCalendar("America/New_York", fed_holidays),
    "EUR": BankingCalendar("Europe/Brussels", target_holidays),
    "GBP": BankingCalendar("Europe/London", english_holidays),
}
_WEEKDAYS = BankingCalendar("UTC", None)


def banking_calendar(currency: str) -> BankingCalendar:
    """Give the calendar of a currency's banking days (contract section 4)."""
    return _CALENDARS.get(currency, _WEEKDAYS)


def is_banking_day(day: Day, currency: str) -> bool:
    """Whether the banks of a currency are open on a day."""
    if (day + 3) % 7 >= 5:  # day 0 was a Thursday
        return False
    holidays = banking_calendar(currency).holidays
    if holidays is None or not _FIRST_DAY <= day <= _LAST_DAY:
        return True
    return day not in holidays(date.fromordinal(day + EPOCH_ORDINAL).year)


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
def _day_of_hour(hour: int, zone: str) -> Day:
    return local_date(hour * HOUR, zone)


@lru_cache(maxsize=16_384)
def _deadline_from(day: Day, banking_days: int, currency: str) -> Micros:
    while not is_banking_day(day, currency):
        day += 1
    for _ in range(banking_days):
        day += 1
        while not is_banking_day(day, currency):
            day += 1
    return end_of_day(day, banking_calendar(currency).zone)


@lru_cache(maxsize=16_384)
def end_of_banking_day_after(day: Day, banking_days: int, currency: str) -> Micros:
    """Give the exclusive end of the n-th banking day after a day, which may be none itself (contract section 11).

    They are counted from the day itself: the first banking day after a Saturday is Monday. For n = 0 it is the end of
    the day, whatever it is.
    """
    for _ in range(banking_days):
        day += 1
        while not is_banking_day(day, currency):
            day += 1
    return end_of_day(day, banking_calendar(currency).zone)


def banking_date(instant: Micros, currency: str) -> Day:
    """Give the date of an instant in the zone of the currency's calendar (contract section 4)."""
    zone = banking_calendar(currency).zone
    # An hour of UTC is within one day of each such zone, so a cache by hour answers nearly every call.
    return _day_of_hour(instant // HOUR, zone) if instant >= _FULL_HOURS else local_date(instant, zone)


def banking_deadline(start: Micros, banking_days: int, currency: str) -> Micros:
    """Give the exclusive end of the day a number of banking days after an instant (contract section 4).

    They are counted from the date in the zone of the currency's calendar; a start on a non-banking day counts as the
    next banking day.
    """
    return _deadline_from(banking_date(start, currency), banking_days, currency)

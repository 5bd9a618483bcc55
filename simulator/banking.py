"""Days, zones and banking days for the truth and the simulated month.

Written apart from the service's own calendar on purpose: the holidays are a literal table, not a rule, so that a wrong
rule in the service shows up as a difference.
"""

from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

import msgspec

from domain.time import EPOCH_ORDINAL, SECOND, Day, Micros

NEW_YORK = "America/New_York"

# The Federal Reserve Banks' holidays that fall on a weekday, as month-day. A holiday on a Saturday is not listed (the
# Banks open on the Friday before), one on a Sunday is listed as the Monday after. Juneteenth counts from 2021 on.
FED_HOLIDAYS = {
    2020: "01-01 01-20 02-17 05-25 09-07 10-12 11-11 11-26 12-25",
    2021: "01-01 01-18 02-15 05-31 07-05 09-06 10-11 11-11 11-25",
    2022: "01-17 02-21 05-30 06-20 07-04 09-05 10-10 11-11 11-24 12-26",
    2023: "01-02 01-16 02-20 05-29 06-19 07-04 09-04 10-09 11-23 12-25",
    2024: "01-01 01-15 02-19 05-27 06-19 07-04 09-02 10-14 11-11 11-28 12-25",
    2025: "01-01 01-20 02-17 05-26 06-19 07-04 09-01 10-13 11-11 11-27 12-25",
    2026: "01-01 01-19 02-16 05-25 06-19 09-07 10-12 11-11 11-26 12-25",
    2027: "01-01 01-18 02-15 05-31 07-05 09-06 10-11 11-11 11-25",
    2028: "01-17 02-21 05-29 06-19 07-04 09-04 10-09 11-23 12-25",
    2029: "01-01 01-15 02-19 05-28 06-19 07-04 09-03 10-08 11-12 11-22 12-25",
    2030: "01-01 01-21 02-18 05-27 06-19 07-04 09-02 10-14 11-11 11-28 12-25",
    2031: "01-01 01-20 02-17 05-26 06-19 07-04 09-01 10-13 11-11 11-27 12-25",
    2032: "01-01 01-19 02-16 05-31 07-05 09-06 10-11 11-11 11-25",
    2033: "01-17 02-21 05-30 06-20 07-04 09-05 10-10 11-11 11-24 12-26",
    2034: "01-02 01-16 02-20 05-29 06-19 07-04 09-04 10-09 11-23 12-25",
    2035: "01-01 01-15 02-19 05-28 06-19 07-04 09-03 10-08 11-12 11-22 12-25",
}

# The days on which TARGET is closed that fall on a weekday; none is moved.
TARGET_HOLIDAYS = {
    2020: "01-01 04-10 04-13 05-01 12-25",
    2021: "01-01 04-02 04-05",
    2022: "04-15 04-18 12-26",
    2023: "04-07 04-10 05-01 12-25 12-26",
    2024: "01-01 03-29 04-01 05-01 12-25 12-26",
    2025: "01-01 04-18 04-21 05-01 12-25 12-26",
    2026: "01-01 04-03 04-06 05-01 12-25",
    2027: "01-01 03-26 03-29",
    2028: "04-14 04-17 05-01 12-25 12-26",
    2029: "01-01 03-30 04-02 05-01 12-25 12-26",
    2030: "01-01 04-19 04-22 05-01 12-25 12-26",
    2031: "01-01 04-11 04-14 05-01 12-25 12-26",
    2032: "01-01 03-26 03-29",
    2033: "04-15 04-18 12-26",
    2034: "04-07 04-10 05-01 12-25 12-26",
    2035: "01-01 03-23 03-26 05-01 12-25 12-26",
}

# The bank holidays of England and Wales, substitute and proclaimed days included, on weekdays.
ENGLISH_HOLIDAYS = {
    2020: "01-01 04-10 04-13 05-08 05-25 08-31 12-25 12-28",
    2021: "01-01 04-02 04-05 05-03 05-31 08-30 12-27 12-28",
    2022: "01-03 04-15 04-18 05-02 06-02 06-03 08-29 09-19 12-26 12-27",
    2023: "01-02 04-07 04-10 05-01 05-08 05-29 08-28 12-25 12-26",
    2024: "01-01 03-29 04-01 05-06 05-27 08-26 12-25 12-26",
    2025: "01-01 04-18 04-21 05-05 05-26 08-25 12-25 12-26",
    2026: "01-01 04-03 04-06 05-04 05-25 08-31 12-25 12-28",
    2027: "01-01 03-26 03-29 05-03 05-31 08-30 12-27 12-28",
    2028: "01-03 04-14 04-17 05-01 05-29 08-28 12-25 12-26",
    2029: "01-01 03-30 04-02 05-07 05-28 08-27 12-25 12-26",
    2030: "01-01 04-19 04-22 05-06 05-27 08-26 12-25 12-26",
    2031: "01-01 04-11 04-14 05-05 05-26 08-25 12-25 12-26",
    2032: "01-01 03-26 03-29 05-03 05-31 08-30 12-27 12-28",
    2033: "01-03 04-15 04-18 05-02 05-30 08-29 12-26 12-27",
    2034: "01-02 04-07 04-10 05-01 05-29 08-28 12-25 12-26",
    2035: "01-01 03-23 03-26 05-07 05-28 08-27 12-25 12-26",
}


def day_of(calendar_date: date) -> Day:
    """Return the date as days since 1970-01-01."""
    return calendar_date.toordinal() - EPOCH_ORDINAL


def date_of(day: Day) -> date:
    """Return days since 1970-01-01 as a date."""
    return date.fromordinal(day + EPOCH_ORDINAL)


def instant_of(moment: datetime) -> Micros:
    """Return an aware datetime as microseconds since 1970-01-01T00:00:00Z, exactly."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


class Calendar(msgspec.Struct, frozen=True, gc=False):
    """The banking days of a currency (contract section 4)."""

    zone: str
    table: dict[int, str] | None
    """The holidays by year, as month-days; None: every Monday to Friday is a banking day."""


CALENDARS = {
    "USD": Calendar(NEW_YORK, FED_HOLIDAYS),
    "EUR": Calendar("Europe/Brussels", TARGET_HOLIDAYS),
    "GBP": Calendar("Europe/London", ENGLISH_HOLIDAYS),
}
OTHER_CALENDAR = Calendar("UTC", None)


@cache
def holidays_of(currency: str) -> frozenset[Day]:
    """Return all holidays of a currency."""
    table = calendar_of(currency).table or {}
    return frozenset(
        day_of(date.fromisoformat(f"{year}-{month_day}")) for year, text in table.items() for month_day in text.split()
    )


def calendar_of(currency: str) -> Calendar:
    """Return the calendar of a currency."""
    return CALENDARS.get(currency, OTHER_CALENDAR)


@cache
def zone_of(name: str) -> ZoneInfo:
    """Return the IANA zone of that name."""
    return ZoneInfo(name)


def local_day(at: Micros, zone: str) -> Day:
    """Return the calendar day that the clocks in `zone` show at that instant."""
    return day_of(datetime.fromtimestamp(at // SECOND, zone_of(zone)).date())


def day_begun(at: Micros, zone: str) -> Day:
    """Return the latest local day that has begun by then: clocks put back over midnight do not undo its beginning."""
    day = local_day(at, zone)
    return day + 1 if at >= start_of_day(day + 1, zone) else day


@lru_cache(maxsize=100_000)
def start_of_day(day: Day, zone: str) -> Micros:
    """Return the first instant of a local day, as java.time's `atStartOfDay` (contract section 1).

    Where midnight does not exist it is the end of the gap, where it happens twice the earlier.
    """
    midnight = datetime.combine(date_of(day), datetime.min.time())
    guess = instant_of(midnight.replace(tzinfo=zone_of(zone)))
    if datetime.fromtimestamp(guess // SECOND, zone_of(zone)).replace(tzinfo=None) == midnight:
        return guess
    # Midnight fell into a gap: the day starts where the clocks land, the first second that shows midnight or later.
    before, after = guess // SECOND - 86_400, guess // SECOND
    while after - before > 1:
        middle = (before + after) // 2
        if datetime.fromtimestamp(middle, zone_of(zone)).replace(tzinfo=None) >= midnight:
            after = middle
        else:
            before = middle
    return after * SECOND


def is_banking_day(day: Day, currency: str = "USD") -> bool:
    """Return whether the banks of a currency settle that day.

    Raises:
        ValueError: the year is outside the table.

    """
    that_date, table = date_of(day), calendar_of(currency).table
    if table is not None and that_date.year not in table:
        raise ValueError(f"no table of banking holidays for {that_date.year}")
    return that_date.weekday() < 5 and day not in holidays_of(currency)


@lru_cache(maxsize=100_000)
def banking_day_after(day: Day, count: int, currency: str = "USD") -> Day:
    """Return the `count`-th banking day after `day`; a start on a non-banking day counts as the next banking day."""
    while not is_banking_day(day, currency):
        day += 1
    for _ in range(count):
        day += 1
        while not is_banking_day(day, currency):
            day += 1
    return day


def end_of_banking_day_after(day: Day, count: int, currency: str) -> Micros:
    """Return the end of the `count`-th banking day after `day`, counted from the day itself (contract section 11)."""
    for _ in range(count):
        day += 1
        while not is_banking_day(day, currency):
            day += 1
    return start_of_day(day + 1, calendar_of(currency).zone)


def banking_deadline(start: Micros, count: int, currency: str = "USD") -> Micros:
    """Return the end of the `count`-th banking day after the date of `start` in the calendar's zone (section 4)."""
    zone = calendar_of(currency).zone
    return start_of_day(banking_day_after(local_day(start, zone), count, currency) + 1, zone)

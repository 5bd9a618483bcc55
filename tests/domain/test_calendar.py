"""Banking days are the published ones; local days begin where java.time says they begin."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import available_timezones

import holidays
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.calendar import (
    banking_calendar,
    banking_deadline,
    end_of_banking_day_after,
    end_of_day,
    english_holidays,
    fed_holidays,
    is_banking_day,
    later,
    local_date,
    start_of_day,
    target_holidays,
)
from domain.time import DAY, FAR_FUTURE, HOUR, iso_date
from simulator import banking
from tests.kit.scenario_words import day, instant

PUBLISHED = {
    # Federal Reserve Bank holidays as frbservices.org lists them. Those on a Saturday close nothing but that Saturday.
    2024: "01-01 01-15 02-19 05-27 06-19 07-04 09-02 10-14 11-11 11-28 12-25",
    2025: "01-01 01-20 02-17 05-26 06-19 07-04 09-01 10-13 11-11 11-27 12-25",
    2026: "01-01 01-19 02-16 05-25 06-19 07-04 09-07 10-12 11-11 11-26 12-25",
    2027: "01-01 01-18 02-15 05-31 06-19 07-05 09-06 10-11 11-11 11-25 12-25",
    2028: "01-01 01-17 02-21 05-29 06-19 07-04 09-04 10-09 11-11 11-23 12-25",
}


@pytest.mark.parametrize("year", PUBLISHED)
def test_holidays_are_the_published_ones(year: int) -> None:
    published = [f"{year}-{text}" for text in PUBLISHED[year].split()]
    assert sorted(iso_date(one) for one in fed_holidays(year)) == published
    first = date(year, 1, 1)
    for offset in range(366 if year % 4 == 0 else 365):
        one = first + timedelta(days=offset)
        assert is_banking_day(day(one.isoformat()), "USD") == (one.weekday() < 5 and one.isoformat() not in published)


@pytest.mark.parametrize("year", range(2021, 2100))
def test_holidays_follow_the_calendar_of_the_holidays_package(year: int) -> None:
    names = {
        "New Year's Day",
        "Martin Luther King Jr. Day",
        "Washington's Birthday",
        "Memorial Day",
        "Juneteenth National Independence Day",
        "Independence Day",
        "Labor Day",
        "Columbus Day",
        "Veterans Day",
        "Thanksgiving Day",
        "Christmas Day",
    }
    federal = holidays.country_holidays("US", years=year, observed=False)
    days = [one for one, name in federal.items() if set(name.split("; ")) & names]
    assert len(days) == 11
    observed = {one + timedelta(days=1) if one.weekday() == 6 else one for one in days}
    assert fed_holidays(year) == {day(one.isoformat()) for one in observed}


def test_3_july_2026_is_a_banking_day_and_5_july_2027_is_not() -> None:
    assert is_banking_day(day("2026-07-03"), "USD")
    assert not is_banking_day(day("2027-07-05"), "USD")


@pytest.mark.parametrize(
    ("start", "banking_days", "due"),
    [
        ("2026-01-05 15:00", 1, "2026-01-07 05:00"),
        ("2026-01-05 15:00", 0, "2026-01-06 05:00"),
        ("2026-01-10 15:00", 0, "2026-01-13 05:00"),  # Saturday counts as Monday
        ("2026-01-01 15:00", 1, "2026-01-06 05:00"),  # New Year's Day counts as Friday the 2nd
        ("2026-01-06 04:59", 1, "2026-01-07 05:00"),  # still the 5th in New York
        ("2026-01-06 05:00", 1, "2026-01-08 05:00"),
        ("2026-07-02 12:00", 1, "2026-07-04 04:00"),
        ("2026-07-02 12:00", 2, "2026-07-07 04:00"),
        ("2027-12-30 15:00", 2, "2028-01-04 05:00"),  # 1 January 2028 is a Saturday: no Friday off
        ("2024-02-28 15:00", 1, "2024-03-01 05:00"),
        ("2026-03-06 15:00", 1, "2026-03-10 04:00"),  # over the change to summer time
        ("2026-10-30 15:00", 1, "2026-11-03 05:00"),  # and back
    ],
)
def test_banking_deadlines(start: str, banking_days: int, due: str) -> None:
    assert banking_deadline(instant(start), banking_days, "USD") == instant(due)


@pytest.mark.parametrize(
    ("start", "banking_days", "currency", "ends"),
    [
        ("2026-01-05", 1, "USD", "2026-01-07 05:00"),  # Monday to the end of Tuesday, in New York
        ("2026-01-09", 1, "USD", "2026-01-13 05:00"),  # Friday to the end of Monday
        ("2026-01-10", 1, "USD", "2026-01-13 05:00"),  # Saturday likewise: it counts from the day itself
        ("2026-01-10", 2, "USD", "2026-01-14 05:00"),
        ("2026-01-16", 1, "USD", "2026-01-21 05:00"),  # over Martin Luther King Jr. Day
        ("2026-01-16", 1, "EUR", "2026-01-19 23:00"),
        ("2026-04-02", 1, "EUR", "2026-04-07 22:00"),  # over Good Friday and Easter Monday
        ("2026-01-16", 1, "JPY", "2026-01-20 00:00"),
        ("2026-01-10", 0, "USD", "2026-01-11 05:00"),  # none: the end of the day, whatever it is
    ],
)
def test_the_end_of_a_banking_day_after_a_day(start: str, banking_days: int, currency: str, ends: str) -> None:
    assert end_of_banking_day_after(day(start), banking_days, currency) == instant(ends)
    assert banking.end_of_banking_day_after(day(start), banking_days, currency) == instant(ends)


def weekdays(days: frozenset[int] | set[int]) -> set[int]:
    return {one for one in days if (one + 3) % 7 < 5}


@pytest.mark.parametrize("year", range(2002, 2100))
def test_target_is_closed_on_the_days_of_the_holidays_package(year: int) -> None:
    closed = {day(one.isoformat()) for one in holidays.financial_holidays("ECB", years=year)}
    assert target_holidays(year) == closed


@pytest.mark.parametrize("year", range(2000, 2100))
def test_english_holidays_are_those_of_the_holidays_package(year: int) -> None:
    # Substitute and proclaimed days are in it. A newly proclaimed day fails here once the package is updated.
    closed = {day(one.isoformat()) for one in holidays.country_holidays("GB", subdiv="ENG", years=year)}
    assert weekdays(english_holidays(year)) == weekdays(closed)


@pytest.mark.parametrize("year", [1583, 1818, 1943, 2008, 2038, 2285, 9988])
def test_easter_is_on_a_sunday_in_its_range(year: int) -> None:
    closed = sorted(target_holidays(year))
    friday, monday = closed[1:3]
    assert monday - friday == 3
    assert (friday + 3) % 7 == 4
    assert day(f"{year}-03-20") <= friday <= day(f"{year}-04-23")


@pytest.mark.parametrize(
    ("start", "currency", "due"),
    [
        ("2026-05-01 12:00", "USD", "2026-05-05 04:00"),
        ("2026-05-01 12:00", "EUR", "2026-05-05 22:00"),  # 1 May counts as Monday the 4th
        ("2026-05-01 12:00", "GBP", "2026-05-05 23:00"),  # Monday the 4th is a bank holiday
        ("2026-05-01 12:00", "SEK", "2026-05-05 00:00"),
        ("2026-04-02 12:00", "EUR", "2026-04-07 22:00"),  # over Easter
        ("2026-04-02 12:00", "GBP", "2026-04-07 23:00"),
        ("2026-04-02 12:00", "CAD", "2026-04-04 00:00"),
        ("2022-09-16 12:00", "GBP", "2022-09-20 23:00"),  # the State Funeral was a proclaimed bank holiday
        ("2026-12-24 12:00", "GBP", "2026-12-30 00:00"),  # 26 December is a Saturday: Monday is its substitute
        ("2026-12-24 12:00", "EUR", "2026-12-28 23:00"),  # and none is for TARGET
        ("2026-01-05 22:59", "EUR", "2026-01-06 23:00"),  # the date is Brussels's
        ("2026-01-05 23:00", "EUR", "2026-01-07 23:00"),
        ("2026-07-06 22:59", "GBP", "2026-07-07 23:00"),  # the date is London's, in summer time
        ("2026-07-06 23:00", "GBP", "2026-07-08 23:00"),
        ("2026-07-03 12:00", "JPY", "2026-07-07 00:00"),
    ],
)
def test_each_currency_has_its_calendar(start: str, currency: str, due: str) -> None:
    assert banking_deadline(instant(start), 1, currency) == instant(due)


@pytest.mark.parametrize(
    ("local_day", "zone", "begins"),
    [
        ("2026-07-10", "UTC", "2026-07-10 00:00"),
        ("2026-07-10", "America/New_York", "2026-07-10 04:00"),
        ("2026-01-10", "America/New_York", "2026-01-10 05:00"),
        ("2026-07-10", "Pacific/Kiritimati", "2026-07-09 10:00"),
        # Midnight does not exist: the end of the gap.
        ("2018-11-04", "America/Sao_Paulo", "2018-11-04 03:00"),
        ("2026-03-29", "Asia/Beirut", "2026-03-28 22:00"),
        ("2023-04-28", "Africa/Cairo", "2023-04-27 22:00"),
        # Midnight exists on that day, but the day before lasted 25 hours.
        ("2018-02-18", "America/Sao_Paulo", "2018-02-18 03:00"),
        # Midnight happens twice: the earlier.
        ("2026-11-01", "America/Havana", "2026-11-01 04:00"),
        ("2010-11-07", "America/St_Johns", "2010-11-07 02:30"),
        # A gap that midnight lies within, not at its beginning: the change was at 23:30 local mean time or so.
        ("1919-03-31", "America/Toronto", "1919-03-31 04:30"),
        # A day that never was begins with the next one.
        ("2011-12-30", "Pacific/Apia", "2011-12-30 10:00"),
        ("2011-12-31", "Pacific/Apia", "2011-12-30 10:00"),
    ],
)
def test_start_of_day(local_day: str, zone: str, begins: str) -> None:
    assert start_of_day(day(local_day), zone) == instant(begins)


def test_the_end_of_a_day_is_the_start_of_the_next() -> None:
    assert end_of_day(day("2018-11-03"), "America/Sao_Paulo") == start_of_day(day("2018-11-04"), "America/Sao_Paulo")
    lengths = {end_of_day(one, "Asia/Beirut") - start_of_day(one, "Asia/Beirut") for one in range(20_000, 20_400)}
    assert lengths == {23 * HOUR, 24 * HOUR, 25 * HOUR}


@given(
    st.integers(day("1900-01-01"), day("2100-01-01")),
    st.sampled_from(sorted(available_timezones() - {"localtime"})),
)
def test_a_day_starts_at_or_after_its_first_local_instant(one: int, zone: str) -> None:
    begins = start_of_day(one, zone)
    assert local_date(begins, zone) >= one
    assert local_date(begins - 1, zone) < one


@pytest.mark.parametrize(
    "at", [-(2**63), 2**63 - 1, -(2**62), 2**62, 0, instant("0001-01-01 00:00"), instant("9999-12-31 23:59")]
)
@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Kiritimati", "Pacific/Midway", "UTC"])
def test_every_instant_of_64_bits_has_a_deadline(at: int, zone: str) -> None:
    assert abs(local_date(at, zone) - at // DAY) <= 1
    for currency in ("USD", "EUR", "GBP", "SEK"):
        assert banking_deadline(at, 5, currency) <= FAR_FUTURE
    assert later(at, HOUR) <= FAR_FUTURE


@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Kiritimati", "Pacific/Midway", "UTC"])
@pytest.mark.parametrize("one", ["0001-01-01", "9999-12-31"])
def test_every_date_has_a_start(one: str, zone: str) -> None:
    assert end_of_day(day(one), zone) - start_of_day(day(one), zone) == 24 * HOUR
    assert end_of_day(day(one) + 2**31, zone) <= FAR_FUTURE


@pytest.mark.parametrize("currency", ["USD", "EUR", "GBP", "SEK"])
def test_deadlines_rise_with_their_start(currency: str) -> None:
    starts = range(instant("2025-12-20 00:00"), instant("2027-01-10 00:00"), HOUR)
    deadlines = [banking_deadline(start, 2, currency) for start in starts]
    assert deadlines == sorted(deadlines)
    assert all(deadline > start for start, deadline in zip(starts, deadlines, strict=True))


@pytest.mark.parametrize("currency", ["USD", "EUR", "GBP", "SEK"])
def test_the_cache_by_hour_agrees_with_the_local_date(currency: str) -> None:
    zone = banking_calendar(currency).zone
    for text in (
        *("1883-11-18 16:59", "1883-11-18 17:00", "1883-11-19 04:59", "1883-11-19 05:00"),
        *("1892-05-01 00:30", "1892-05-01 23:42", "1892-05-01 23:59", "1892-05-02 00:00"),
        *("2026-03-08 06:59", "2026-03-29 00:59", "2026-03-29 22:59", "2026-03-29 23:00"),
    ):
        at = instant(text)
        wall = datetime.fromisoformat(text).replace(tzinfo=UTC)
        start = local_date(at, zone)
        while not is_banking_day(start, currency):
            start += 1
        assert banking_deadline(at, 0, currency) == end_of_day(start, zone), wall

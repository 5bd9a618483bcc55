"""The simulator's own calendar."""

from datetime import date, timedelta

import holidays
import pytest

from simulator.banking import (
    ENGLISH_HOLIDAYS,
    FED_HOLIDAYS,
    TARGET_HOLIDAYS,
    banking_deadline,
    date_of,
    day_begun,
    day_of,
    is_banking_day,
    local_day,
    start_of_day,
)
from tests.kit.build_scenario import at, day


def test_the_literal_table_agrees_with_the_federal_holidays_less_those_moved_to_friday() -> None:
    years = range(2020, 2036)
    federal = holidays.country_holidays("US", years=years, observed=False)
    expected = set()
    for holiday, name in federal.items():
        # The Banks took up Juneteenth in 2021, on a Saturday: its first day off is in 2022 anyway.
        if holiday.weekday() == 5 or (name.startswith("Juneteenth") and holiday.year < 2021):
            continue
        expected.add(holiday + timedelta(days=1) if holiday.weekday() == 6 else holiday)
    found = {date.fromisoformat(f"{year}-{text}") for year, line in FED_HOLIDAYS.items() for text in line.split()}
    assert found == {holiday for holiday in expected if holiday.year in years}


def weekdays_of(table: dict[int, str]) -> set[date]:
    return {date.fromisoformat(f"{year}-{text}") for year, line in table.items() for text in line.split()}


def test_the_literal_tables_of_euro_and_pound_agree_with_a_library() -> None:
    years = range(2020, 2036)
    target = holidays.financial_holidays("XECB", years=years)
    assert weekdays_of(TARGET_HOLIDAYS) == {day_off for day_off in target if day_off.weekday() < 5}
    english = holidays.country_holidays("GB", subdiv="ENG", years=years)
    assert weekdays_of(ENGLISH_HOLIDAYS) == {day_off for day_off in english if day_off.weekday() < 5}


@pytest.mark.parametrize(
    ("text", "currency", "open_"),
    [
        ("2026-05-01", "EUR", False),
        ("2026-05-01", "GBP", True),
        ("2026-12-28", "GBP", False),  # Boxing Day is a Saturday: the Monday after it is a substitute.
        ("2026-12-28", "EUR", True),
        ("2023-05-08", "GBP", False),  # Proclaimed for the coronation.
        ("2026-12-25", "JPY", True),  # No calendar is known: Monday to Friday.
        ("2026-12-26", "JPY", False),
    ],
)
def test_banking_days_by_currency(text: str, currency: str, open_: bool) -> None:
    assert is_banking_day(day(text), currency) is open_


def test_deadlines_end_in_the_calendars_zone() -> None:
    friday = at("2026-06-05T10:00Z")
    assert banking_deadline(friday, 1, "EUR") == at("2026-06-08T22:00Z")
    assert banking_deadline(friday, 1, "GBP") == at("2026-06-08T23:00Z")
    assert banking_deadline(friday, 1, "BRL") == at("2026-06-09T00:00Z")


@pytest.mark.parametrize(
    ("text", "open_"),
    [
        ("2026-07-03", True),  # Independence Day is a Saturday: the Friday before stays open.
        ("2027-07-05", False),  # It is a Sunday: the Monday after is closed.
        ("2026-06-19", False),
        ("2020-06-19", True),
        ("2021-06-18", True),
        ("2021-12-31", True),
        ("2026-06-06", False),
    ],
)
def test_banking_days(text: str, open_: bool) -> None:
    assert is_banking_day(day(text)) is open_


def test_years_outside_the_table_are_an_error() -> None:
    with pytest.raises(ValueError, match="2036"):
        is_banking_day(day("2036-01-02"))


def test_deadlines_follow_daylight_saving_in_new_york() -> None:
    assert banking_deadline(at("2026-03-06T15:00Z"), 1) == at("2026-03-10T04:00Z")  # Monday after the change
    assert banking_deadline(at("2026-02-05T15:00Z"), 1) == at("2026-02-07T05:00Z")


@pytest.mark.parametrize(
    ("zone", "text", "start"),
    [
        ("America/New_York", "2026-06-02", "2026-06-02T04:00Z"),
        # Midnight did not exist: the clocks went from 24:00 to 01:00.
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00Z"),
        # Midnight happened twice: at 01:00 the clocks went back to 00:00.
        ("America/Havana", "2026-11-01", "2026-11-01T04:00Z"),
        # The gap began before midnight: from 23:30 the clocks went to 00:30 (an hour ahead of -5).
        ("America/Toronto", "1919-03-31", "1919-03-31T04:30Z"),
        # A whole day that never was: it starts where the next one does.
        ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00Z"),
        ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00Z"),
    ],
)
def test_start_of_day(zone: str, text: str, start: str) -> None:
    assert start_of_day(day(text), zone) == at(start)


def test_a_day_that_has_begun_is_not_undone_by_clocks_put_back_over_midnight() -> None:
    # St. John's, 7 November 2010: at 00:01 the clocks went back to 23:01 of the day before.
    just_after = at("2010-11-07T02:31Z")
    assert date_of(local_day(just_after, "America/St_Johns")) == date(2010, 11, 6)
    assert date_of(day_begun(just_after, "America/St_Johns")) == date(2010, 11, 7)


def test_days_and_dates_are_inverse() -> None:
    assert day_of(date(1970, 1, 1)) == 0
    assert date_of(day_of(date(2026, 6, 1))) == date(2026, 6, 1)

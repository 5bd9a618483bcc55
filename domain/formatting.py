"""Text for people: amounts, instants, lists and counts."""

from collections.abc import Iterable

from domain.calendar import local_date
from domain.currencies import EXPONENTS
from domain.time import DAY, FIRST_DAY, LAST_DAY, SECOND, Micros, iso_date


def number_text(minor: int, currency: str) -> str:
    """Write an amount without its currency: `1,234.50`, `-0.05`; JPY has no decimals, KWD has three."""
    digits = EXPONENTS.get(currency, 0)  # XXX, no currency, has no minor unit
    whole, part = divmod(abs(minor), 10**digits)
    sign = "-" if minor < 0 else ""
    return f"{sign}{whole:,}.{part:0{digits}}" if digits else f"{sign}{whole:,}"


def amount_text(minor: int, currency: str) -> str:
    """Write an amount: `USD 1,234.50`."""
    return f"{currency} {number_text(minor, currency)}"


def instant_text(at: Micros) -> str:
    """Write an instant for a person: `2026-07-08 04:00 UTC`, with seconds only if they are not 0."""
    day, rest = divmod(at, DAY)
    if not FIRST_DAY <= day <= LAST_DAY:
        return "never"
    minutes, seconds = divmod(rest // SECOND, 60)
    exact = f":{seconds:02}" if seconds else ""
    return f"{iso_date(day)} {minutes // 60:02}:{minutes % 60:02}{exact} UTC"


def end_of_day_text(at: Micros, zone: str) -> str:
    """Write a deadline that is the exclusive end of a day: `the end of 2026-07-07 in New York`."""
    day = local_date(at - 1, zone)
    if not FIRST_DAY <= day <= LAST_DAY:
        return "never"
    return f"the end of {iso_date(day)} in {zone.rpartition('/')[2].replace('_', ' ')}"


def listed(words: Iterable[str]) -> str:
    """Join words: `a`, `a and b`, `a, b and c`."""
    *most, last = list(words) or [""]
    return f"{', '.join(most)} and {last}" if most else last


def counted(number: int, thing: str) -> str:
    """Write a count: `1 banking day`, `5 banking days`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"

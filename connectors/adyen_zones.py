"""The zones of Adyen's reports, which are named by abbreviations."""

from datetime import timedelta, timezone, tzinfo
from functools import cache
from zoneinfo import ZoneInfo

_OFFSETS = {
    "UTC": 0, "GMT": 0, "BST": 1, "CEST": 2, "EEST": 3, "EDT": -4, "CDT": -5, "CST": -6, "MDT": -6, "MST": -7,
    "PDT": -7, "PST": -8, "EST": -5, "AKDT": -8, "AKST": -9, "HST": -10, "BRT": -3, "AEST": 10, "AEDT": 11, "NZST": 12,
    "NZDT": 13, "SGT": 8, "HKT": 8, "JST": 9, "KST": 9, "GST": 4,
}  # fmt: skip
"""Hours from UTC of abbreviations that stand for one offset, whatever the date: a report has PST beside PDT in June.

The time zone database knows most of them not at all. `CET`, `EET` and `WET` are not here: reports have them all year,
and the database reads them as places, with summer time.
"""


@cache
def zone_named(name: str) -> tzinfo:
    """The zone of an abbreviation, or of an IANA name.

    Raises:
        ValueError: it is neither.

    """
    if name in _OFFSETS:
        return timezone(timedelta(hours=_OFFSETS[name]))
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone") from None

"""Time zones that a person names."""

from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo

from connectors.model import BrokenFile


def zone_of(name: str, option: str) -> tzinfo:
    """The zone of an option.

    Raises:
        BrokenFile: the IANA database has no such zone.

    """
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError
        raise BrokenFile(f"{option}: {name!r} is no IANA time zone, such as America/New_York") from None

"""The feeds of a watched directory: which file is of which format, and by when one must have come."""

import re
import tomllib
from datetime import date, datetime, time, timedelta, tzinfo
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import msgspec

from connectors.formats import MODULES, Format, OptionsError, format_of
from domain.calendar import is_banking_day
from domain.currencies import EXPONENTS
from domain.time import DAY, EPOCH, EPOCH_ORDINAL, Micros, micros_of
from ops.commands.import_files import mapping_of, options_of

CONFIG_NAME = "watch.toml"

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

LOOK_BACK_DAYS = 40
"""No feed rests longer."""


class FeedError(ValueError):
    """The configuration cannot be used; the message names the feed and the line of it."""


class FeedConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A `[[feed]]` of the configuration."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.-]{1,60}$")]
    """Of the feed, in metrics and reports."""
    files: str
    """Names of its files, such as `payouts_*.csv`."""
    format: str
    account: str | None = None
    mapping: str | None = None
    """A file beside the configuration, as in `rentmatch import --mapping`."""
    options: dict[str, Any] = {}
    strict: bool = False
    """A file with lines that are not understood, or totals that do not add up, is not sent."""
    due: Annotated[str, msgspec.Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] | None = None
    """The time of day by which a file must have come, such as `09:00`."""
    zone: str = "UTC"
    """Of `due`."""
    days: tuple[Weekday, ...] = WEEKDAYS
    """The days on which a file is due."""
    banking_days: str | None = None
    """A currency: no file is due on days that are no banking days of it."""


class WatchConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The configuration."""

    feed: tuple[FeedConfig, ...]


class Feed:
    """A feed, ready to be read.

    Args:
        config: its part of the configuration.
        folder: of the configuration, where its mapping is.

    Raises:
        FeedError: its format, options, zone or hour cannot be used.

    """

    def __init__(self, config: FeedConfig, folder: Path) -> None:
        self.config = config
        self.name = config.name
        if config.format not in MODULES:
            raise FeedError(f"{config.name}: there is no format {config.format!r}; there are {', '.join(MODULES)}")
        self.format: Format = format_of(config.format)
        try:
            given = {} if config.mapping is None else mapping_of(folder / config.mapping)
            self.options = options_of(self.format, given | config.options, config.account)
        except OptionsError as error:
            raise FeedError(f"{config.name}: {error}") from None
        try:
            self._zone: tzinfo = ZoneInfo(config.zone)
        except (KeyError, ValueError, OSError):
            raise FeedError(f"{config.name}: zone {config.zone!r} is no IANA time zone") from None
        if config.banking_days is not None and config.banking_days not in EXPONENTS:
            raise FeedError(f"{config.name}: banking_days {config.banking_days!r} is no currency, such as USD")
        if config.due is not None and not config.days:
            raise FeedError(f"{config.name}: it is due on no day")

    def takes(self, file_name: str) -> bool:
        """Whether a file is of this feed."""
        return fnmatchcase(file_name, self.config.files)

    def last_due(self, now: Micros) -> Micros | None:
        """The latest instant, up to `now`, by which a file was due; None where none ever is."""
        return self._due_near(now, range(1, -LOOK_BACK_DAYS, -1), lambda at: at <= now)

    def next_due(self, now: Micros) -> Micros | None:
        """The first instant after `now` by which a file is due; None where none ever is."""
        return self._due_near(now, range(-1, LOOK_BACK_DAYS), lambda at: at > now)

    def _due_near(self, now: Micros, offsets: range, fits: Any) -> Micros | None:
        if self.config.due is None:
            return None
        hour = time.fromisoformat(self.config.due)
        today = (EPOCH + timedelta(microseconds=now)).astimezone(self._zone).date()
        for offset in offsets:
            day = today + timedelta(days=offset)
            if self._is_due_on(day):
                at = micros_of(datetime.combine(day, hour, self._zone))
                if fits(at):
                    return at
        return None

    def _is_due_on(self, day: date) -> bool:
        if WEEKDAYS[day.weekday()] not in self.config.days:
            return False
        currency = self.config.banking_days
        return currency is None or is_banking_day(day.toordinal() - EPOCH_ORDINAL, currency)


def load_feeds(path: Path) -> list[Feed]:
    """Read the configuration.

    Raises:
        FeedError: it cannot be read or used.

    """
    try:
        config = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), WatchConfig)
    except OSError as error:
        raise FeedError(f"{path.name} cannot be read: {error.strerror}. docs/connectors.md has an example") from None
    except (msgspec.ValidationError, ValueError) as error:
        raise FeedError(f"{path.name}: {error}") from None
    feeds = [Feed(one, path.parent) for one in config.feed]
    names = [feed.name for feed in feeds]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or not feeds:
        raise FeedError(f"{path.name}: two feeds are named {twice[0]}" if twice else f"{path.name}: there is no feed")
    return feeds


_INCOMPLETE = re.compile(r"^\.|\.(part|partial|filepart|tmp|temp|crdownload|download|swp|writing)$|~$", re.IGNORECASE)


def is_incomplete(file_name: str) -> bool:
    """Whether a name says that the file is still being written, or is hidden."""
    return _INCOMPLETE.search(file_name) is not None


def seconds_overdue(due_at: Micros | None, credited: Micros, now: Micros) -> int:
    """How long a file has been missing; 0 if it has come or is not due yet."""
    if due_at is None or due_at <= credited or due_at > now:
        return 0
    return max(1, (now - due_at) * 86_400 // DAY)

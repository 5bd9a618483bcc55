"""Options that the commands about breaks share, and the source that they choose."""

import re
from collections.abc import Callable

import click

from domain.time import DAY, HOUR, MINUTE, Micros
from ops.breaks.from_api import ApiSource, checked_url, default_url, token_of
from ops.breaks.from_topics import TopicSource
from ops.breaks.source import BreakSource
from ops.console import misuse, say
from streams.codec.json_form import instant_from_text
from streams.settings import Settings

_UNITS = {"m": MINUTE, "h": HOUR, "d": DAY}


def source_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add --url and --from-topics."""
    function = click.option("--from-topics", is_flag=True, help="Read from the broker, not from an API.")(function)
    return click.option("--url", metavar="URL", help="Read from the HTTP API at this URL.")(function)


def chosen_source(
    settings: Settings, url: str | None, from_topics: bool, *, with_properties: bool = False
) -> BreakSource:
    """Give the API where one answers, else the topics."""
    if url is not None:
        if from_topics:
            misuse("--url and --from-topics are two sources; give one of them")
        return ApiSource(checked_url(url), token_of(settings), settings.policy)
    here = None if from_topics else default_url(settings)
    if here is not None:
        api = ApiSource(here, token_of(settings), settings.policy)
        reason = api.unavailable_reason()
        if reason is None:
            return api
        say(f"reading the topics ({reason})")
    return TopicSource(settings, with_properties=with_properties)


def until_of(text: str | None, now: Micros) -> Micros | None:
    """Parse --until: a span from now (`90m`, `8h`, `3d`) or an ISO 8601 instant with a zone; None stays None."""
    if text is None:
        return None
    span = re.fullmatch(r"(\d{1,6})([mhd])", text)
    if span:
        return now + int(span[1]) * _UNITS[span[2]]
    try:
        return instant_from_text(text)
    except ValueError:
        misuse(
            f"--until: {text!r} is neither a span (90m, 8h, 3d) nor an instant with a zone (2026-07-10T09:00:00-04:00)"
        )

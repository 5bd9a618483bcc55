"""`rentmatch exceptions`: list breaks, show the history of one, and explain one with what would resolve it."""

from collections.abc import Callable
from typing import Any

import click

from domain.records import BreakClass
from ops.breaks import rendering
from ops.breaks.from_api import ApiSource, checked_url, default_url, token_of
from ops.breaks.from_topics import TopicSource
from ops.breaks.source import BreakFilter, BreakSource
from ops.console import Command, Group, fail, misuse, put_json, put_rendered, put_table, say
from streams.clocks import clock_of
from streams.settings import Settings, load


@click.group(cls=Group, name="exceptions", short_help="List and explain breaks.")
def command() -> None:
    """List breaks, show the history of one, and explain one with what would resolve it.

    Breaks come from a worker's HTTP API where one answers (RENTMATCH_HTTP_HOST and RENTMATCH_HTTP_PORT, or --url;
    RENTMATCH_HTTP_TOKEN is the token), else from the topics, which takes longer the more they hold.

    Examples:
      rentmatch exceptions list --priority 1
      rentmatch exceptions explain 0dd83c3cf0c88bcef4f159e2f0f4a0ab

    """


def _source_options(function: Callable[..., None]) -> Callable[..., None]:
    function = click.option("--from-topics", is_flag=True, help="Read from the broker, not from an API.")(function)
    return click.option("--url", metavar="URL", help="Read from the HTTP API at this URL.")(function)


def _source(settings: Settings, url: str | None, from_topics: bool, *, with_properties: bool = False) -> BreakSource:
    if url is not None:
        if from_topics:
            misuse("--url and --from-topics are two sources; give one of them")
        return ApiSource(checked_url(url), token_of(settings))
    here = None if from_topics else default_url(settings)
    if here is not None:
        api = ApiSource(here, token_of(settings))
        reason = api.unavailable_reason()
        if reason is None:
            return api
        say(f"reading the topics ({reason})")
    return TopicSource(settings, with_properties=with_properties)


def _no_such(break_id: str) -> str:
    return f"there is no break {break_id}; `rentmatch exceptions list --state any` lists all breaks"


@command.command(cls=Command, name="list")
@click.option("--class", "break_class", type=click.Choice([each.value for each in BreakClass]), metavar="CLASS",
              help="Only this class, such as posting_missing.")  # fmt: skip
@click.option("--priority", type=click.IntRange(1, 3), help="Only this priority; 1 is the most urgent.")
@click.option("--currency", metavar="CODE", help="Only this currency, such as USD.")
@click.option("--key", metavar="ID", help="Only this payment or obligation.")
@click.option("--state", type=click.Choice(["open", "resolved", "any"]), default="open", show_default=True)
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="Breaks on the page at most.")
@click.option("--after", metavar="CURSOR", help="Continue after the page that ended with this cursor.")
@click.option("--properties", is_flag=True, help="From the topics: also look up each break's property (slow).")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@_source_options
def list_(*, url: str | None, from_topics: bool, as_json: bool, properties: bool, **filters: Any) -> None:
    """List breaks, the most urgent first, then the oldest.

    Examples:
      rentmatch exceptions list --priority 1
      rentmatch exceptions list --class posting_missing --currency USD --json
      rentmatch exceptions list --from-topics --properties

    """
    settings = load()
    source = _source(settings, url, from_topics, with_properties=properties)
    page = source.page(BreakFilter(**filters))
    if as_json:
        for alert in page.items:
            put_json(alert)
    elif page.items:
        now = clock_of(settings)()
        put_table(rendering.COLUMNS, [rendering.list_row(alert, now) for alert in page.items])
    else:
        say("no breaks match")
    if page.next is not None:
        say(f"there are more: continue with the same options and --after '{page.next}'")


@command.command(cls=Command, name="show")
@click.argument("break_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="The alerts, one JSON object a line, the oldest first.")
@_source_options
def show(break_id: str, url: str | None, from_topics: bool, as_json: bool) -> None:
    """Show the history of a break, open or resolved: when it opened, each change, when it was resolved.

    ID is the break's id, as `list` shows it.

    Example:
      rentmatch exceptions show 0dd83c3cf0c88bcef4f159e2f0f4a0ab

    """
    settings = load()
    alerts = _source(settings, url, from_topics).history(break_id)
    if not alerts:
        fail(_no_such(break_id))
    if as_json:
        for alert in alerts:
            put_json(alert)
        return
    put_rendered(rendering.render_history(alerts, clock_of(settings)()))
    if alerts[-1]["resolved_at"] is None:
        say(f"why it is open, and what would resolve it: rentmatch exceptions explain {break_id}")


@command.command(cls=Command, name="explain")
@click.argument("break_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="As one JSON object, with the events that would resolve it.")
@_source_options
def explain(break_id: str, url: str | None, from_topics: bool, as_json: bool) -> None:
    """Explain a break: what happened, when, from which source; what is missing; what would resolve it.

    Each remedy has been tried on a copy of the payment or obligation before it is shown.

    Example:
      rentmatch exceptions explain 0dd83c3cf0c88bcef4f159e2f0f4a0ab

    """
    settings = load()
    source = _source(settings, url, from_topics)
    explanation = source.explanation(break_id)
    if explanation is None:
        if not source.history(break_id):
            fail(_no_such(break_id))
        fail(
            f"break {break_id} is resolved, and this source explains only open ones: "
            f"`rentmatch exceptions show {break_id}` shows its history, and --from-topics explains it"
        )
    if as_json:
        put_json(explanation)
    else:
        put_rendered(rendering.render_explanation(explanation), rendering.EXPLANATION_WIDTH)

"""`rentmatch payouts`: what the processors pay out, from its lines to the bank account."""

from typing import Any

import click

from domain.ids import parts_of_key
from domain.records import PayoutStatus
from ops.breaks.from_api import ApiSource
from ops.breaks.options import chosen_source, source_options
from ops.console import Command, Group, fail, misuse, put_json, put_rendered, put_table, say
from ops.payouts import rendering
from ops.payouts.sources import ApiPayouts, PayoutFilter, PayoutSource, TopicPayouts
from streams.settings import Settings, load


@click.group(cls=Group, name="payouts", short_help="Trace payouts from their lines to the bank account.")
def command() -> None:
    """List payouts, and show what one is made of: its lines, what they do not explain, and its bank entries.

    The list comes from a worker's HTTP API where one answers (as `exceptions list` does), else from the topics.

    Examples:
      rentmatch payouts list --status exception
      rentmatch payouts show acme/po_1

    """


def _source(settings: Settings, url: str | None, from_topics: bool) -> PayoutSource:
    source = chosen_source(settings, url, from_topics)
    return ApiPayouts(source) if isinstance(source, ApiSource) else TopicPayouts(settings)


@command.command(cls=Command, name="list")
@click.option("--status", type=click.Choice([each.value for each in PayoutStatus]), help="Only in this status.")
@click.option("--processor", metavar="NAME", help="Only of this processor.")
@click.option("--currency", metavar="CODE", help="Only in this currency, such as USD.")
@click.option("--account", metavar="ID", help="Only those with an entry on this bank account.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="Payouts on the page.")
@click.option("--after", metavar="CURSOR", help="Continue after the page that ended with this cursor.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@source_options
def list_(*, url: str | None, from_topics: bool, as_json: bool, **filters: Any) -> None:
    """List payouts, by processor and payout_id.

    Lines with what belongs to no payment add up to the payout; what they do not explain is the remainder.

    Examples:
      rentmatch payouts list --status in_transit
      rentmatch payouts list --processor acme --json

    """
    found, cursor = _source(load(), url, from_topics).page(PayoutFilter(**filters))
    if as_json:
        for payout in found:
            put_json(payout)
    elif found:
        put_table(rendering.COLUMNS, [rendering.list_row(payout) for payout in found])
    else:
        say("no payouts match")
    if cursor is not None:
        say(f"there are more: continue with the same options and --after '{cursor}'")


@command.command(cls=Command, name="show")
@click.argument("payout", metavar="PROCESSOR/PAYOUT_ID")
@click.option("--lines", "lines_shown", type=click.IntRange(0), default=rendering.LINES_SHOWN, show_default=True,
              help="How many lines to show at most; with --json, all are there.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
@click.option("--url", metavar="URL", help="Read the sums alone, from the HTTP API at this URL: it has no lines.")
def show(payout: str, *, lines_shown: int, as_json: bool, url: str | None) -> None:
    """Show a payout: each line, what they add up to, what they do not explain, and its bank entries.

    Lines are read from the broker, as workers have committed them. `/` and `%` in the name of a processor are written
    as %2F and %25.

    Examples:
      rentmatch payouts show acme/po_1
      rentmatch payouts show acme/po_1 --json | jq '.line_items[] | select(.net_minor == null)'

    """
    try:
        parts_of_key(payout)
    except ValueError as error:
        misuse(str(error))
    settings = load()
    found = _source(settings, url, from_topics=url is None).details(payout)
    if found is None:
        fail(f"nothing is known of payout {payout}; `rentmatch payouts list` lists all")
    if as_json:
        put_json(found)
        return
    put_rendered(rendering.render_payout(found, lines_shown), rendering.WIDTH)
    if found["line_items"] is None:
        say("the API does not give the lines of a payout; without --url they are read from the broker")

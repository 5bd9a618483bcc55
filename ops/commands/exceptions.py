"""`rentmatch exceptions`: list breaks, show and explain one, and decide about it."""

from typing import Any

import click

from domain.records import BreakClass, DecisionState
from ops.breaks import rendering
from ops.breaks.alerts import IN_SUSPENSE
from ops.breaks.options import chosen_source, source_options
from ops.breaks.source import BreakFilter
from ops.commands import exceptions_decide, exceptions_move
from ops.console import Command, Group, fail, put_json, put_rendered, put_table, say
from streams.clocks import clock_of
from streams.settings import load


@click.group(cls=Group, name="exceptions", short_help="List and explain breaks, and decide about them.")
def command() -> None:
    """List breaks, explain one with what would resolve it, and decide about it.

    Breaks come from a worker's HTTP API where one answers (RENTMATCH_HTTP_HOST and RENTMATCH_HTTP_PORT, or --url;
    RENTMATCH_HTTP_TOKEN is the token), else from the topics, which takes longer the more they hold. Decisions are
    written to the broker.

    Examples:
      rentmatch exceptions list --priority 1
      rentmatch exceptions explain 0dd83c3cf0c88bcef4f159e2f0f4a0ab
      rentmatch exceptions accept 0dd83c3cf0c88bcef4f159e2f0f4a0ab --reason "agreed with the owner"

    """


@command.command(cls=Command, name="list")
@click.option("--class", "break_class", type=click.Choice([each.value for each in BreakClass]), metavar="CLASS",
              help="Only this class, such as posting_missing.")  # fmt: skip
@click.option("--priority", type=click.IntRange(1, 3), help="Only this priority; 1 is the most urgent.")
@click.option("--currency", metavar="CODE", help="Only this currency, such as USD.")
@click.option(
    "--key",
    metavar="ID",
    help="Only this payment or obligation, or processor/reference, processor/payout_id, account_id/entry_id.",
)
@click.option("--state", type=click.Choice(["open", "accepted", "resolved", "any"]), default="open", show_default=True)
@click.option("--decision", type=click.Choice([*(each.value for each in DecisionState), "none"]),
              help="Only where this is what people have decided.")  # fmt: skip
@click.option("--assignee", metavar="NAME", help="Only those assigned to this person.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="Breaks on the page at most.")
@click.option("--after", metavar="CURSOR", help="Continue after the page that ended with this cursor.")
@click.option("--properties", is_flag=True, help="From the topics: also look up each break's property (slow).")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@source_options
def list_(*, url: str | None, from_topics: bool, as_json: bool, properties: bool, **filters: Any) -> None:
    """List breaks, the most urgent first, then the oldest.

    An accepted break is not open: --state accepted or any lists it.

    Examples:
      rentmatch exceptions list --priority 1
      rentmatch exceptions list --class posting_missing --currency USD --json
      rentmatch exceptions list --assignee ana --decision assigned

    """
    settings = load()
    source = chosen_source(settings, url, from_topics, with_properties=properties)
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
@click.option("--json", "as_json", is_flag=True,
              help="One JSON object a line: the alerts, the oldest first, then the decisions.")  # fmt: skip
@source_options
def show(break_id: str, url: str | None, from_topics: bool, as_json: bool) -> None:
    """Show the history of a break: when it opened, each change, each decision, when it was resolved.

    ID is the break's id, as `list` shows it. Of a reference that no payment holds, payments that it may be for are
    proposed, and of an unexplained bank entry payouts; `match` gives it to one.

    Example:
      rentmatch exceptions show 0dd83c3cf0c88bcef4f159e2f0f4a0ab

    """
    settings = load()
    source = chosen_source(settings, url, from_topics)
    alerts = source.history(break_id)
    if not alerts:
        fail(exceptions_decide.no_such(break_id))
    decisions = source.decisions(alerts[-1])
    if as_json:
        for alert in alerts:
            put_json(alert)
        for decision in decisions:
            put_json({"type": "Decision", **decision})
        return
    put_rendered(rendering.render_history(alerts, decisions, clock_of(settings)()))
    if alerts[-1]["resolved_at"] is not None:
        return
    if alerts[-1]["class"] in IN_SUSPENSE:
        proposed = source.proposals(alerts[-1])
        if proposed:
            put_rendered(rendering.render_proposals(proposed, break_id))
        elif alerts[-1]["key_kind"] == "reference":
            say(source.none_proposed)
        else:
            say("no payout of that amount waits for its bank entry, and none is named in the text")
    say(f"what happened, and what would resolve it: rentmatch exceptions explain {break_id}")


@command.command(cls=Command, name="explain")
@click.argument("break_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="As one JSON object, with the events that would resolve it.")
@source_options
def explain(break_id: str, url: str | None, from_topics: bool, as_json: bool) -> None:
    """Explain a break: what happened, when, from which source; what is missing; what would resolve it.

    Each remedy has been tried on a copy of the payment, obligation, reference, payout or entry before it is shown.

    Example:
      rentmatch exceptions explain 0dd83c3cf0c88bcef4f159e2f0f4a0ab

    """
    settings = load()
    source = chosen_source(settings, url, from_topics)
    explanation = source.explanation(break_id)
    if explanation is None:
        if not source.history(break_id):
            fail(exceptions_decide.no_such(break_id))
        fail(
            f"break {break_id} is resolved, and this source explains only those that are not: "
            f"`rentmatch exceptions show {break_id}` shows its history, and --from-topics explains it"
        )
    if as_json:
        put_json(explanation)
    else:
        put_rendered(rendering.render_explanation(explanation), rendering.EXPLANATION_WIDTH)


for each in (*exceptions_decide.COMMANDS, *exceptions_move.COMMANDS):
    command.add_command(each)

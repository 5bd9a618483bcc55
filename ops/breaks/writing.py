"""Writes what a person decides: one record, checked as `rentmatch publish` does it, and acknowledged by the broker."""

import getpass
import uuid
from typing import Any

import click

from domain.commands.refusal import Author
from domain.facts import InputFact
from ops.console import fail, misuse, put_json, say
from ops.producing import BulkProducer
from streams.codec.codec import codec_of
from streams.codec.dead_letters import BadInput
from streams.codec.json_form import fact_to_json
from streams.codec.validation import check
from streams.routing import key_of, topic_of
from streams.settings import Settings


def writing_options(function: Any) -> Any:
    """Add the options of every command that writes a decision: --actor, --reason, --yes, --dry-run, --json."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print the record that is written, as one JSON object."),
        click.option("--dry-run", is_flag=True, help="Say what would become of it, and write nothing."),
        click.option("--yes", is_flag=True, help="Do not ask."),
        click.option("--reason", required=True, metavar="TEXT", help="Why; it is kept with the decision."),
        click.option("--actor", metavar="NAME", help="Who decides; RENTMATCH_ACTOR or the login name by default."),
    ):
        function = option(function)
    return function


def actor_of(settings: Settings, given: str | None) -> str:
    """Give who decides: as given, else by the setting, else the login name."""
    name = settings.actor if given is None else given
    if name is None:
        try:
            name = getpass.getuser()
        except (OSError, KeyError):
            misuse("this login has no name: say who decides, with --actor or RENTMATCH_ACTOR")
    if not name.strip():
        misuse("--actor: a name is needed; it is kept with the decision")
    return name


def author_of(settings: Settings, actor: str | None, reason: str) -> Author:
    """Give the author of one record, which gets an id that no other has."""
    return Author(actor_of(settings, actor), reason, uuid.uuid4().hex)


def write(settings: Settings, fact: InputFact, *, question: str, yes: bool, dry_run: bool, as_json: bool) -> bool:
    """Ask, and write one record.

    Args:
        settings: where.
        fact: what is written.
        question: what to ask before.
        yes: do not ask.
        dry_run: write nothing.
        as_json: print the record.

    Returns:
        Whether the broker has it; False for a dry run.

    """
    try:
        check(fact)
    except BadInput as error:
        misuse(str(error.message))
    if not (yes or dry_run):
        click.confirm(question, abort=True, err=True)
    if not dry_run:
        topic = topic_of(fact)
        name = settings.topic(topic)
        value = codec_of(settings).encode(fact, name)
        producer = BulkProducer(settings)
        producer.require(name)
        producer.send(name, key_of(fact), value, label="the record")
        producer.finish()
        if producer.undelivered:
            fail(
                f"not written to {name}: {producer.undelivered[0].reason}. Look whether it is there after all "
                f"(`rentmatch read {topic.name}`), then run this again; a decision that is there twice does no harm."
            )
    if as_json:
        put_json(fact_to_json(fact))
    if dry_run:
        say("nothing is written (--dry-run)")
    return not dry_run

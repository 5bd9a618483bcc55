"""`rentmatch exceptions acknowledge|assign|comment|accept|approve|withdraw`: decisions about a break."""

from collections.abc import Callable
from typing import Any, NamedTuple

import click

from domain.commands import decisions
from domain.commands.decisions import BreakAtHand, forecast
from domain.commands.refusal import Author, Refused
from domain.facts import BreakDecided
from domain.formatting import amount_text
from domain.time import Micros
from ops.breaks.alerts import break_of_alert
from ops.breaks.decision_log import decisions_of_key
from ops.breaks.options import chosen_source, source_options, until_of
from ops.breaks.refusals import refusal_text
from ops.breaks.writing import author_of, write, writing_options
from ops.console import Command, fail, misuse, say
from streams.clocks import clock_of
from streams.settings import Settings, load

_IN_WORDS = {
    "ACKNOWLEDGE": "acknowledges",
    "ASSIGN": "assigns",
    "COMMENT": "comments on",
    "ACCEPT": "accepts",
    "APPROVE": "approves the acceptance of",
    "WITHDRAW": "withdraws a decision about",
}


class Given(NamedTuple):
    """The options that every decision has."""

    url: str | None
    from_topics: bool
    evidence: str | None
    actor: str | None
    reason: str
    yes: bool
    dry_run: bool
    as_json: bool


def no_such(break_id: str) -> str:
    """Say that there is no such break, and where to look."""
    return f"there is no break {break_id}; `rentmatch exceptions list --state any` lists all breaks"


def _decision(name: str, *more: Callable[[Any], Any]) -> Callable[[Callable[..., None]], click.Command]:
    """Make a command of a function, with BREAK_ID, the options of every decision, and `more`."""

    def decorate(function: Callable[..., None]) -> click.Command:
        evidence = click.option(
            "--evidence", metavar="HASH", help="Refuse if this, as `explain` shows it, is not the break's evidence now."
        )
        for option in (source_options, writing_options, evidence, *reversed(more)):
            function = option(function)
        made = click.command(cls=Command, name=name)(click.argument("break_id", metavar="BREAK_ID")(function))
        return made

    return decorate


def _at_hand(settings: Settings, break_id: str, given: Given, now: Micros) -> BreakAtHand:
    alerts = chosen_source(settings, given.url, given.from_topics).history(break_id)
    if not alerts:
        fail(no_such(break_id))
    alert = alerts[-1]
    return BreakAtHand(
        key_kind=alert["key_kind"],
        key=alert["key"],
        mismatch=break_of_alert(alert),
        is_resolved=alert["resolved_at"] is not None,
        decisions=decisions_of_key(settings, alert["key_kind"], alert["key"]),
        now=now,
        policy=settings.policy,
    )


def _decide(break_id: str, given: Given, make: Callable[[BreakAtHand, Author], BreakDecided]) -> None:
    settings = load()
    author = author_of(settings, given.actor, given.reason)
    at_hand = _at_hand(settings, break_id, given, clock_of(settings)())
    if given.evidence is not None and given.evidence != at_hand.evidence:
        fail(
            f"the break has changed since: its evidence is {at_hand.evidence} now. Look at it again with "
            f"`rentmatch exceptions explain {break_id}`"
        )
    try:
        fact = make(at_hand, author)
    except Refused as refusal:
        fail(refusal_text(refusal, break_id))
    one = at_hand.mismatch
    difference = amount_text(one.actual_minor - one.expected_minor, one.currency)
    say(
        f"{author.actor} {_IN_WORDS[fact.action]} {one.break_class} of {at_hand.key_kind} {at_hand.key}, difference "
        f"{difference}: {author.reason}"
    )
    say(forecast(at_hand, fact))
    if write(settings, fact, question="Write it?", yes=given.yes, dry_run=given.dry_run, as_json=given.as_json):
        say(f"written as decision {fact.decision_id}; its effect: rentmatch exceptions show {break_id}")


@_decision(
    "acknowledge",
    click.option(
        "--until", metavar="WHEN", help="A span (90m, 8h, 3d) or an instant with a zone; for good by default."
    ),
)
def acknowledge(break_id: str, until: str | None, **given: Any) -> None:
    """Say that somebody has seen a break, and waits.

    It stays open, and is marked as acknowledged, until --until.

    Example:
      rentmatch exceptions acknowledge 0dd83c3cf0c88bcef4f159e2f0f4a0ab --until 3d --reason "asked the bank"

    """

    def make(at_hand: BreakAtHand, author: Author) -> BreakDecided:
        return decisions.acknowledge(at_hand, author, until_of(until, at_hand.now))

    _decide(break_id, Given(**given), make)


@_decision(
    "assign",
    click.option("--to", "assignee", metavar="NAME", help="Who is to work it."),
    click.option("--to-nobody", is_flag=True, help="Nobody is to work it any more."),
)
def assign(break_id: str, assignee: str | None, to_nobody: bool, **given: Any) -> None:
    """Assign a break to a person, or to nobody.

    Example:
      rentmatch exceptions assign 0dd83c3cf0c88bcef4f159e2f0f4a0ab --to ana --reason "knows the ledger"

    """
    if (assignee is None) != to_nobody or assignee == "":
        misuse("say who is to work it: --to NAME, or --to-nobody")

    def make(at_hand: BreakAtHand, author: Author) -> BreakDecided:
        return decisions.assign(at_hand, author, assignee)

    _decide(break_id, Given(**given), make)


@_decision("comment")
def comment(break_id: str, **given: Any) -> None:
    """Note something about a break, open or not. It changes nothing else.

    Example:
      rentmatch exceptions comment 0dd83c3cf0c88bcef4f159e2f0f4a0ab --reason "the bank confirms the return"

    """
    _decide(break_id, Given(**given), decisions.comment)


@_decision("accept")
def accept(break_id: str, **given: Any) -> None:
    """Accept a break exactly as it is.

    It ends as accepted, and opens again as soon as its class, its difference or its evidence changes. With priority 1,
    or from the difference that RENTMATCH_FOUR_EYES_MINOR sets, a second person has to approve it. No money moves.

    Example:
      rentmatch exceptions accept 0dd83c3cf0c88bcef4f159e2f0f4a0ab --reason "agreed with the owner"

    """
    _decide(break_id, Given(**given), decisions.accept)


@_decision(
    "approve",
    click.option("--decision", "accept_id", metavar="ID", help="The acceptance; by default the latest that fits."),
)
def approve(break_id: str, accept_id: str | None, **given: Any) -> None:
    """Approve what another person has accepted.

    Example:
      rentmatch exceptions approve 0dd83c3cf0c88bcef4f159e2f0f4a0ab --reason "checked with the bank"

    """

    def make(at_hand: BreakAtHand, author: Author) -> BreakDecided:
        return decisions.approve(at_hand, author, accept_id)

    _decide(break_id, Given(**given), make)


@_decision(
    "withdraw",
    click.option(
        "--decision", "decision_id", metavar="ID", help="The decision, as `show` lists it; else the only one."
    ),
)
def withdraw(break_id: str, decision_id: str | None, **given: Any) -> None:
    """Take a decision back. An accepted break is open again without its acceptance or its approval.

    Example:
      rentmatch exceptions withdraw 0dd83c3cf0c88bcef4f159e2f0f4a0ab --reason "the owner disagrees"

    """

    def make(at_hand: BreakAtHand, author: Author) -> BreakDecided:
        return decisions.withdraw(at_hand, author, decision_id)

    _decide(break_id, Given(**given), make)


COMMANDS = (acknowledge, assign, comment, accept, approve, withdraw)

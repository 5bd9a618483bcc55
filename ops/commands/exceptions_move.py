"""`rentmatch exceptions match|move`: give a reference to a payment, and a payment's money to other obligations."""

from typing import Any

import click

from domain.facts import PaymentReassigned, ReferenceAssigned
from domain.obligations.view import ObligationState
from domain.payments.view import PaymentState
from ops.breaks import moving
from ops.breaks.decisions import Author, Refused
from ops.breaks.from_topics import TopicSource
from ops.breaks.options import chosen_source, source_options
from ops.breaks.unread import payment_with_unread_moves, reference_with_unread_assignments
from ops.breaks.writing import actor_of, write, writing_options
from ops.commands.exceptions_decide import no_such
from ops.console import Command, fail, misuse, say
from streams.clocks import clock_of
from streams.settings import Settings, load


@click.command(cls=Command, name="match")
@click.argument("reference", metavar="REFERENCE")
@click.option("--to", "payment_id", required=True, metavar="PAYMENT_ID", help="The payment that the reference is of.")
@click.option("--force", is_flag=True, help="Also where nothing is known of the payment or the reference yet.")
@writing_options
@source_options
def match(
    *,
    reference: str,
    payment_id: str,
    force: bool,
    url: str | None,
    from_topics: bool,
    actor: str | None,
    reason: str,
    **how: Any,
) -> None:
    """Give a processor's reference to a payment.

    What the processor reports of it without a payment id counts for that payment. REFERENCE is processor/reference, as
    `list` shows it, or the id of a break of it. The latest decision holds, so a mistake is put right by another one.

    Examples:
      rentmatch exceptions match acme/ch_1 --to P-9 --reason "amount and day of the bank's file"

    """
    settings = load()
    author = Author(actor_of(settings, actor), reason)
    key = _reference_key(settings, reference, url, from_topics)
    state = reference_with_unread_assignments(settings, key)
    payment = TopicSource(settings).state_of(PaymentState, payment_id)
    if not force and (state is None or payment is None):
        what = f"reference {key}" if state is None else f"payment {payment_id}"
        fail(f"nothing is known of {what}; if it is right, and only late, add --force")
    now = clock_of(settings)()
    try:
        fact = moving.give_reference(state, key, payment_id, author, now)
    except Refused as refusal:
        fail(str(refusal))
    say(f"{author.actor} gives reference {key} to payment {payment_id}: {reason}")
    for sentence in moving.forecast_of_reference(state, payment, fact, now, settings.policy):
        say(sentence)
    _write(settings, fact, f"rentmatch exceptions list --state any --key '{key}'", how)


@click.command(cls=Command, name="move")
@click.argument("payment_id", metavar="PAYMENT_ID")
@click.option("--to", "targets", multiple=True, required=True, metavar="OBLIGATION[/INSTALLMENT][=AMOUNT]",
              help="Where the money goes; several times, for parts. One without an amount takes the rest.")  # fmt: skip
@writing_options
def move(*, payment_id: str, targets: tuple[str, ...], actor: str | None, reason: str, **how: Any) -> None:
    """Give a payment's money to other obligations.

    The money counts for the obligations in the order of --to. What the ledger has posted stays where it is until the
    ledger moves it. Amounts are in the payment's currency, as in 500.00; ids with / = or % are percent-encoded.

    Examples:
      rentmatch exceptions move P-9 --to O-18 --reason "paid for July"
      rentmatch exceptions move P-9 --to O-17=500.00 --to O-18/first --reason "two months at once"

    """
    settings = load()
    author = Author(actor_of(settings, actor), reason)
    state = payment_with_unread_moves(settings, payment_id)
    if state is None:
        fail(f"nothing is known of payment {payment_id}; `rentmatch read payment-reconciliations --last` lists all")
    now = clock_of(settings)()
    try:
        fact = moving.move_payment(state, targets, author, now)
    except Refused as refusal:
        misuse(str(refusal))
    topics = TopicSource(settings)
    obligations = {one.obligation_id: topics.state_of(ObligationState, one.obligation_id) for one in fact.allocations}
    say(f"{author.actor} moves payment {payment_id} (assignment version {fact.assignment_version}): {reason}")
    for sentence in moving.forecast_of_payment(state, obligations, fact, now, settings.policy):
        say(sentence)
    _write(settings, fact, f"rentmatch exceptions list --state any --key '{payment_id}'", how)


def _reference_key(settings: Settings, text: str, url: str | None, from_topics: bool) -> str:
    """Give the key of a reference that is named by it, or by the id of a break of it."""
    if "/" in text:
        return text
    alerts = chosen_source(settings, url, from_topics).history(text)
    if not alerts:
        fail(f"{no_such(text)}. A reference is named processor/reference")
    if alerts[-1]["key_kind"] != "reference":
        misuse(f"break {text} is of {alerts[-1]['key_kind']} {alerts[-1]['key']}, and of no reference")
    return str(alerts[-1]["key"])


def _write(settings: Settings, fact: PaymentReassigned | ReferenceAssigned, look: str, how: dict[str, Any]) -> None:
    if write(settings, fact, question="Write it?", **how):
        say(f"written as event {fact.event_id}; its breaks: {look}")


COMMANDS = (match, move)

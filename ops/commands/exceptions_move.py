"""`rentmatch exceptions match|move`: a reference to a payment, a bank entry to a payout, a payment to other rents."""

from typing import Any, NoReturn

import click

from domain.commands import matching, moving
from domain.commands.refusal import Author, Refused
from domain.facts import EntryMatched, PaymentReassigned, ReferenceAssigned
from domain.ids import parts_of_key
from domain.obligations.view import ObligationState
from domain.payments.view import PaymentState
from domain.payouts.view import PayoutState
from ops.breaks.from_topics import TopicSource
from ops.breaks.options import chosen_source, source_options
from ops.breaks.targets import target_of
from ops.breaks.unread import entry_with_unread_matches, payment_with_unread_moves, reference_with_unread_assignments
from ops.breaks.writing import author_of, write, writing_options
from ops.commands.exceptions_decide import no_such
from ops.console import Command, fail, misuse, say
from streams.clocks import clock_of
from streams.settings import Settings, load

_ENTRY = ("bank entry", "account_id/entry_id")


@click.command(cls=Command, name="match")
@click.argument("what", metavar="KEY")
@click.option("--to", "payment_id", metavar="PAYMENT_ID", help="The payment that a reference is of.")
@click.option("--to-payout", "payout_key", metavar="PROCESSOR/PAYOUT_ID", help="The payout that a bank entry is of.")
@click.option("--force", is_flag=True, help="Also where nothing is known of one of the two yet.")
@writing_options
@source_options
def match(
    *,
    what: str,
    payment_id: str | None,
    payout_key: str | None,
    url: str | None,
    from_topics: bool,
    actor: str | None,
    reason: str,
    **how: Any,
) -> None:
    """Give a processor's reference to a payment, or a bank entry to a payout.

    What the processor reports of a reference without a payment id counts for that payment; an entry belongs to that
    payout. KEY is processor/reference or account_id/entry_id, as `list` shows it, or the id of a break of it. The
    latest decision holds, so a mistake is put right by another one.

    Examples:
      rentmatch exceptions match acme/ch_1 --to P-9 --reason "amount and day of the bank's file"
      rentmatch exceptions match A-1/20260304-7 --to-payout acme/po_1 --reason "acme is in the text"

    """
    if (payment_id is None) == (payout_key is None):
        misuse("say whose it is: --to PAYMENT_ID for a reference, --to-payout PROCESSOR/PAYOUT_ID for a bank entry")
    settings = load()
    author = author_of(settings, actor, reason)
    if payment_id is not None:
        key = _key_of(settings, "reference", what, url, from_topics)
        _match_reference(settings, key, payment_id, author, how)
    elif payout_key is not None:
        key = _key_of(settings, "bank_entry", what, url, from_topics)
        _match_entry(settings, key, payout_key, author, how)


def _match_reference(settings: Settings, key: str, payment_id: str, author: Author, how: dict[str, Any]) -> None:
    state = reference_with_unread_assignments(settings, key)
    payment = TopicSource(settings).state_of(PaymentState, payment_id)
    if not how.pop("force") and (state is None or payment is None):
        _refuse_unknown(f"reference {key}" if state is None else f"payment {payment_id}")
    now = clock_of(settings)()
    try:
        fact = moving.give_reference(state, key, payment_id, author, now)
    except Refused as refusal:
        fail(str(refusal))
    say(f"{author.actor} gives reference {key} to payment {payment_id}: {author.reason}")
    for sentence in moving.forecast_of_reference(state, payment, fact, now, settings.policy):
        say(sentence)
    _write(settings, fact, f"rentmatch exceptions list --state any --key '{key}'", how)


def _match_entry(settings: Settings, key: str, payout_key: str, author: Author, how: dict[str, Any]) -> None:
    try:
        parts_of_key(payout_key)
    except ValueError as error:
        misuse(f"--to-payout: {error}")
    state = entry_with_unread_matches(settings, key)
    topics = TopicSource(settings)
    payouts = {payout_key: topics.state_of(PayoutState, payout_key)}
    is_booked = state is not None and state.booking is not None
    if not how.pop("force") and not (is_booked and payouts[payout_key]):
        _refuse_unknown(f"payout {payout_key}" if is_booked else f"bank entry {key}")
    now = clock_of(settings)()
    try:
        fact = matching.match_entry(state, key, payout_key, author, now)
    except Refused as refusal:
        fail(str(refusal))
    before = matching.payout_of(state, now, settings.policy)
    if before is not None and before != payout_key:
        payouts[before] = topics.state_of(PayoutState, before)
    say(f"{author.actor} matches bank entry {key} to payout {payout_key}: {author.reason}")
    for sentence in matching.forecast_of_entry(state, payouts, fact, now, settings.policy):
        say(sentence)
    _write(settings, fact, f"rentmatch payouts show '{payout_key}'", how)


def _refuse_unknown(what: str) -> NoReturn:
    fail(f"nothing is known of {what}; if it is right, and only late, add --force")


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
    author = author_of(settings, actor, reason)
    state = payment_with_unread_moves(settings, payment_id)
    if state is None:
        fail(f"nothing is known of payment {payment_id}; `rentmatch read payment-reconciliations --last` lists all")
    now = clock_of(settings)()
    try:
        currency = None if state.initiation is None else state.initiation.currency
        parsed = [] if currency is None else [target_of(text, currency) for text in targets]
        fact = moving.move_payment(state, parsed, author, now)
    except Refused as refusal:
        misuse(str(refusal))
    topics = TopicSource(settings)
    obligations = {one.obligation_id: topics.state_of(ObligationState, one.obligation_id) for one in fact.allocations}
    say(f"{author.actor} moves payment {payment_id} (assignment version {fact.assignment_version}): {reason}")
    for sentence in moving.forecast_of_payment(state, obligations, fact, now, settings.policy):
        say(sentence)
    _write(settings, fact, f"rentmatch exceptions list --state any --key '{payment_id}'", how)


def _key_of(settings: Settings, key_kind: str, text: str, url: str | None, from_topics: bool) -> str:
    """Give the key of a reference or an entry that is named by it, or by the id of a break of it."""
    if "/" in text:
        return text
    name, form = ("reference", "processor/reference") if key_kind == "reference" else _ENTRY
    alerts = chosen_source(settings, url, from_topics).history(text)
    if not alerts:
        fail(f"{no_such(text)}. A {name} is named {form}")
    if alerts[-1]["key_kind"] != key_kind:
        misuse(f"break {text} is of {alerts[-1]['key_kind']} {alerts[-1]['key']}, and of no {name}")
    return str(alerts[-1]["key"])


def _write(
    settings: Settings, fact: PaymentReassigned | ReferenceAssigned | EntryMatched, look: str, how: dict[str, Any]
) -> None:
    if write(settings, fact, question="Write it?", **how):
        say(f"written as event {fact.event_id}; its effect: {look}")


COMMANDS = (match, move)

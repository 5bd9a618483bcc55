"""Matches a bank entry to a payout by a person's word.

What this makes is an `EntryMatched` (contract sections 2 and 11), checked against the states that workers have
committed, with what it will change. The latest holds, so a mistake is put right by another one.
"""

from typing import TypeVar

import msgspec

from domain.bank_entries import view as bank_entry
from domain.bank_entries.view import BankEntryState
from domain.commands.decisions import after_all
from domain.commands.moving import changes_of_breaks
from domain.commands.refusal import Author, RefusalKind, Refused
from domain.facts import EntryMatched
from domain.formatting import amount_text
from domain.ids import parts_of_key, two_part_key
from domain.payouts import view as payout
from domain.payouts.view import PayoutState
from domain.policy import Policy
from domain.records import MatchedBy
from domain.snapshots import EntryOfPayout, PayoutEntry, PayoutMatch
from domain.time import Micros

S = TypeVar("S", bound=msgspec.Struct)

_LATEST_REVISION = 1 << 62

_HOW = {
    MatchedBy.NAMED: "which it names",
    MatchedBy.REFERENCE: "whose reference it has",
    MatchedBy.AMOUNT: "which it fits by amount and day",
    MatchedBy.PERSON: "to which a person matched it",
}


def match_entry(state: BankEntryState | None, key: str, payout_key: str, author: Author, now: Micros) -> EntryMatched:
    """Match a bank entry to a payout.

    Args:
        state: the entry; None where nothing is known of it.
        key: its key.
        payout_key: the payout.
        author: who decides.
        now: the instant of the decision.

    Raises:
        Refused: it would change nothing.

    """
    processor, payout_id = parts_of_key(payout_key)
    matches = () if state is None else state.matches
    if matches and (matches[-1].processor, matches[-1].payout_id) == (processor, payout_id):
        raise Refused(
            f"{matches[-1].actor} has matched entry {key} to payout {payout_key} already", RefusalKind.CHANGED
        )
    account_id, entry_id = parts_of_key(key)
    return EntryMatched(
        event_id=author.record_id,
        occurred_at=after_all(now, (one.occurred_at for one in matches)),
        account_id=account_id,
        entry_id=entry_id,
        processor=processor,
        payout_id=payout_id,
        actor=author.actor,
        reason=author.reason,
    )


def payout_of(state: BankEntryState | None, now: Micros, policy: Policy) -> str | None:
    """Give the payout that an entry belongs to; None for none."""
    return None if state is None else bank_entry.view(state, now, policy).payout_key


def forecast_of_entry(
    state: BankEntryState | None,
    payouts: dict[str, PayoutState | None],
    fact: EntryMatched,
    now: Micros,
    policy: Policy,
) -> list[str]:
    """Say what will become of an entry, of its payout, and of the one that it was matched to, in sentences.

    Args:
        state: the entry; None where nothing is known of it.
        payouts: the payout that it is matched to, and the one that it belongs to; None where nothing is known of one.
        fact: the decision.
        now: the instant to look from.
        policy: the deadlines.

    """
    target = two_part_key(fact.processor, fact.payout_id)
    if state is None or state.booking is None:
        return [f"Entry {fact.bank_entry_key} will belong to payout {target} once the bank books it."]
    after = _copy(state)
    bank_entry.apply(after, fact)
    old, new = bank_entry.view(state, now, policy), bank_entry.view(after, now, policy)
    booking = state.booking
    sentence = f"{amount_text(booking.amount_minor, booking.currency)} will belong to payout {target}"
    if old.payout_key is not None and old.matched_by is not None:
        instead = "" if old.payout_key == target else f" instead of payout {old.payout_key}"
        sentence += f"{instead}, {_HOW[old.matched_by]}"
    said = [f"{sentence}.", *changes_of_breaks(old.breaks, new.breaks)]
    entry = next(one.entry for one in new.snapshots if isinstance(one, PayoutEntry))
    said += _at_the_payout(payouts.get(target), target, fact.bank_entry_key, entry, now, policy)
    if old.payout_key is not None and old.payout_key != target:
        before = payouts.get(old.payout_key)
        said += _at_the_payout(before, old.payout_key, fact.bank_entry_key, None, now, policy)
    return said


def _at_the_payout(
    state: PayoutState | None, key: str, entry_key: str, entry: EntryOfPayout | None, now: Micros, policy: Policy
) -> list[str]:
    """Say what a payout will be with an entry, or without it."""
    if state is None:
        return [f"Nothing is known of payout {key} yet."]
    after = _copy(state)
    payout.apply(after, PayoutEntry(key, entry_key, _LATEST_REVISION, entry))
    for group, matched in state.matches.items():
        if matched.bank_entry_key == entry_key:
            payout.apply(after, PayoutMatch(key, group, _LATEST_REVISION))
    old, new = payout.view(state, now, policy), payout.view(after, now, policy)
    said = []
    record = new.reconciliation
    if record is not None:
        currency = record.currency
        paid = "" if record.amount_minor is None else f" of {amount_text(record.amount_minor, currency)} paid out"
        said.append(f"Payout {key}: {amount_text(record.deposited_minor, currency)}{paid} will be on the account.")
        if entry is not None and entry.currency != currency:
            said.append(f"The entry is in {entry.currency}, and counts zero there.")
    return said + [f"Payout {key}: {one[0].lower()}{one[1:]}" for one in changes_of_breaks(old.breaks, new.breaks)]


def _copy(state: S) -> S:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=type(state))

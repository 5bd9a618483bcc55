"""The words of scenarios about payouts and bank entries: the facts, and the views."""

from typing import get_args

from domain.bank_entries.view import BankEntryView
from domain.facts import BankEntryBooked, EntryMatched, PayoutOutcome, PayoutReported
from domain.ids import parts_of_key
from domain.payouts.view import PayoutView
from domain.time import Micros
from tests.kit.scenario_words import day, minor, money, options_of

VERBS = {"reported", "booked", "matched"}


def payout_fact(at: Micros, words: list[str], event: str) -> PayoutReported | BankEntryBooked | EntryMatched:
    """Read one fact of a payout or a bank entry."""
    key, verb, *rest = words
    first, second = parts_of_key(key)
    if verb == "matched":
        options, plain = options_of(rest, {"by", "because", "event"})
        processor, payout_id = parts_of_key(plain[0])
        actor, reason = options.get("by", "kim"), options.get("because", "seen").replace("_", " ")
        return EntryMatched(options.get("event", event), at, first, second, processor, payout_id, actor, reason)
    names = {"arriving", "other", "account", "ref", "on", "names", "valued", "text", "event"}
    options, plain = options_of(rest, names)
    amount = next(minor(word) for word in plain if "." in word)
    currency = next((word for word in plain if len(word) == 3 and word.isupper()), "USD")
    event = options.get("event", event)
    if verb == "reported":
        status: PayoutOutcome = next(status for status in get_args(PayoutOutcome) if status in plain)
        account = options.get("account", "A")
        return PayoutReported(
            event_id=event,
            occurred_at=at,
            processor=first,
            payout_id=second,
            status=status,
            amount_minor=amount,
            other_minor=minor(options.get("other", "0.00")),
            currency=currency,
            arrival_date=day(options["arriving"]),
            account_id=None if account == "none" else account,
            bank_reference=options.get("ref"),
        )
    named = parts_of_key(options["names"]) if "names" in options else None
    return BankEntryBooked(
        event_id=event,
        occurred_at=at,
        account_id=first,
        entry_id=second,
        amount_minor=amount,
        currency=currency,
        booking_date=day(options["on"]),
        value_date=day(options["valued"]) if "valued" in options else None,
        processor=None if named is None else named[0],
        payout_id=None if named is None else named[1],
        reference=options.get("ref"),
        text=options["text"].replace("_", " ") if "text" in options else None,
    )


def payout_lines(key: str, view: PayoutView) -> dict[str, str]:
    """What a line about a payout may say."""
    record = view.reconciliation
    if record is None:
        return {"status": f"{key} no record"}
    return {
        "status": f"{key} {record.status}",
        "amount": "none" if record.amount_minor is None else money(record.amount_minor),
        "lines": str(record.lines),
        "unknown": str(record.unknown_lines),
        "of_lines": money(record.lines_minor),
        "other": money(record.other_minor),
        "deposited": money(record.deposited_minor),
        "currency": record.currency,
    }


def entry_lines_of_payout(key: str, view: PayoutView) -> list[str]:
    """The entries of a payout, in the order of its record."""
    record = view.reconciliation
    return [
        f"{key} entry {one.account_id}/{one.entry_id} {money(one.amount_minor)} {one.matched_by}"
        for one in (() if record is None else record.entries)
    ]


def bank_entry_lines(key: str, view: BankEntryView) -> dict[str, str]:
    """What a line about a bank entry may say."""
    candidates = [one for each in view.breaks for one in each.candidates]
    return {
        "status": f"{key} {view.matched_by or 'unmatched'}",
        "payout": view.payout_key or "none",
        "candidates": ",".join(candidates) or "none",
    }

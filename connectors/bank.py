"""What the statements of banks share: their options, and entries whose ids follow from content.

An entry is identified by the account, the booking date, the signed amount and the bank's own reference, or without one
by its text without white space: neither its place in the file, nor the period that the statement covers, nor the
encoding, nor where lines are wrapped, changes it. Banks repeat their references and book equal amounts on one day, so
equal entries are counted: each further one has an id of its own (securo-finance/securo#911, actualbudget/actual#608).
Whole days must be in one file for that; a bank's final statement has them. A statement that is in the file twice counts
once.

An entry occurs at the start of its booking date, in the zone of the banking days of its currency.
"""

import re
from collections.abc import Iterable

import msgspec

from connectors.identity import content_id
from connectors.model import BrokenFile, Found, NotUnderstood, Skipped
from domain.calendar import banking_calendar, start_of_day
from domain.facts import BankEntryBooked
from domain.time import Day
from streams.codec.dead_letters import BadInput
from streams.codec.validation import ID_BYTES_MAX, TEXT_BYTES_MAX, check

NO_REFERENCE = frozenset({"", "NONREF", "NOTPROVIDED", "NOT PROVIDED", "NONE", "UNKNOWN"})
"""Texts that stand for no reference (SWIFT's NONREF; NOTPROVIDED of SEPA); also a text of zeros alone."""


class PayoutPattern(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the entries of a processor's payouts are recognised: a regular expression over reference and text."""

    processor: str
    pattern: str
    payout_id: str = r"\1"
    r"""The payout's id, from the groups of the pattern: `\1`, `\g<name>`."""


class StatementOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options of every bank statement."""

    account_id: str | None = None
    """The account's id in the records; for a file of one account. Without, it is the number that the bank uses."""
    accounts: dict[str, str] = {}
    """The id in the records of each account number, for files of several accounts."""
    payouts: tuple[PayoutPattern, ...] = ()
    """How entries name a payout; the first pattern that is found counts."""
    reference_pattern: str | None = None
    """Finds the reference in the text, as its first group, before the field of the format counts."""


class BookedLine(msgspec.Struct, frozen=True):
    """An entry as the bank states it."""

    line: int
    raw: bytes
    account: str
    """The bank's number of the account."""
    currency: str
    amount_minor: int
    """A credit is above 0."""
    booking_date: Day
    value_date: Day | None
    bank_reference: str
    """The bank's own reference of the entry, which identifies it; empty where the format or the bank has none."""
    reference: str
    """What may name a payout; empty for none."""
    text: str
    details: str = ""
    """What else tells it from others while there is no bank reference."""


class StatementEntries:
    """Collects the entries of a file, by statement, and makes records of them."""

    def __init__(self, format_name: str, options: StatementOptions, found: Found) -> None:
        """Prepare.

        Raises:
            BrokenFile: a pattern of the options cannot be used.

        """
        self._format = format_name
        self._options = options
        self._found = found
        self._seen: dict[tuple[object, ...], int] = {}
        self._booked: list[BookedLine] = []
        try:
            self._patterns = [(each, re.compile(each.pattern)) for each in options.payouts]
            self._reference = re.compile(options.reference_pattern) if options.reference_pattern else None
        except re.error as error:
            raise BrokenFile(
                f"payouts or reference_pattern: no regular expression: {error.pattern!r}: {error}"
            ) from None
        if self._reference is not None and not self._reference.groups:
            raise BrokenFile("reference_pattern: put the reference in parentheses, such as TRACE#(\\d+)")

    def add_statement(self, key: tuple[str, ...], line: int, booked: list[BookedLine]) -> bool:
        """Take the entries of a statement, unless the same statement was taken before; whether it was taken.

        Args:
            key: what the statement says about itself: account, number, dates, balances.
            line: where it begins.
            booked: its entries.

        """
        content = (key, tuple(sorted((_identity(each), each.text) for each in booked)))
        first = self._seen.setdefault(content, line)
        if first != line and booked:
            reason = f"the statement is a copy of the one in line {first}"
            self._found.skipped.extend(Skipped(each.line, reason, each.raw) for each in booked)
            return False
        self._booked.extend(booked)
        return True

    def finish(self) -> None:
        """Turn what was taken into facts.

        Raises:
            BrokenFile: the file has several accounts, and the options give one id for all.

        """
        numbers = sorted({each.account for each in self._booked})
        if self._options.account_id is not None and len(set(numbers) - self._options.accounts.keys()) > 1:
            raise BrokenFile(
                f"the file has the accounts {', '.join(numbers[:20])}: one account_id would mix them; use accounts, "
                "with the id of each number"
            )
        equal: dict[tuple[str, ...], list[BookedLine]] = {}
        for each in self._booked:
            equal.setdefault(_identity(each), []).append(each)
        ordinals: dict[int, int] = {}
        for group in equal.values():
            # Their order in the file must not matter, so that of their content counts.
            for ordinal, each in enumerate(sorted(group, key=_rest)):
                ordinals[id(each)] = ordinal
        for each in self._booked:
            try:
                self._found.facts.append(check(self._fact(each, ordinals[id(each)])))
            except (BadInput, UnicodeEncodeError) as error:
                self._found.not_understood.append(NotUnderstood(each.line, str(error), each.raw))

    def _fact(self, booked: BookedLine, ordinal: int) -> BankEntryBooked:
        account_id = self._options.accounts.get(booked.account) or self._options.account_id or booked.account
        entry_id = content_id("bank-entry", *_identity(booked)[1:], *([str(ordinal)] if ordinal else []))
        reference = booked.reference
        if self._reference is not None and (in_text := self._reference.search(booked.text)):
            reference = in_text.group(1) or ""
        processor, payout_id = self._payout_of(f"{booked.reference} {booked.text}")
        return BankEntryBooked(
            event_id=content_id(self._format, account_id, entry_id),
            occurred_at=start_of_day(booked.booking_date, banking_calendar(booked.currency).zone),
            account_id=account_id,
            entry_id=entry_id,
            amount_minor=booked.amount_minor,
            currency=booked.currency,
            booking_date=booked.booking_date,
            value_date=booked.value_date,
            processor=processor,
            payout_id=payout_id,
            reference=_cut(reference, ID_BYTES_MAX) or None,
            text=_cut(booked.text, TEXT_BYTES_MAX) or None,
        )

    def _payout_of(self, text: str) -> tuple[str | None, str | None]:
        for each, pattern in self._patterns:
            if match := pattern.search(text):
                try:
                    payout_id = match.expand(each.payout_id)
                except (re.error, IndexError):
                    raise BrokenFile(f"payouts: {each.payout_id!r} names a group that {each.pattern!r} lacks") from None
                if payout_id:
                    return each.processor, payout_id
        return None, None


def has_reference(text: str) -> bool:
    """Whether a field of a statement holds a reference rather than a word for none."""
    return text.strip().upper() not in NO_REFERENCE and bool(text.strip().strip("0"))


def joined(texts: Iterable[str]) -> str:
    """Join texts with single blanks; white space inside them becomes one blank."""
    return " ".join(" ".join(texts).split())


def without_blanks(text: str) -> str:
    """Leave out the white space: where a bank wraps a text does not identify anything."""
    return "".join(text.split())


def _identity(booked: BookedLine) -> tuple[str, ...]:
    own = (booked.bank_reference, "") if booked.bank_reference else ("", without_blanks(booked.details + booked.text))
    return (booked.account, str(booked.booking_date), booked.currency, str(booked.amount_minor), *own)


def _rest(booked: BookedLine) -> tuple[str, str, str, int]:
    return (
        without_blanks(booked.details), without_blanks(booked.text), booked.reference,
        -1 if booked.value_date is None else booked.value_date,
    )  # fmt: skip


def _cut(text: str, bytes_max: int) -> str:
    if len(text) <= bytes_max // 4:
        return text
    return text.encode()[:bytes_max].decode(errors="ignore")

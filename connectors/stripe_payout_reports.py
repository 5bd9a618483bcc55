"""A payout of Stripe as one record, whatever file states it and whatever files have its lines.

A `PayoutReported` has the amount, which the payout's own row states, and what in it belongs to no payment, which its
lines say. Stripe has the two in different reports (`payouts.itemized`, `payout_reconciliation.itemized`). A record that
was published cannot be taken back, so a payout waits until what is known of it adds up; whoever imports keeps what
waits (`Found.waiting`). So files come to the same record together or one after the other, in any order.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from connectors.identity import content_id
from connectors.model import Control, Found, NotUnderstood, Skipped
from connectors.payout_parts import Completed, PayoutParts, PayoutStatement, merged, waits_note
from connectors.stripe import FORMAT, PROCESSOR
from domain.facts import PayoutReported
from domain.formatting import amount_text, counted
from domain.time import DAY, Micros
from streams.codec.dead_letters import BadInput
from streams.codec.validation import check

Incomplete = Literal["auto", "wait", "report"]


class StripePayouts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options of `stripe-payouts`."""

    payment_id_column: str | None = None
    """The column of our payment id, such as `payment_metadata[rent_payment]`; without, the references are resolved."""
    report_zone: str = "UTC"
    """The zone that the report was requested in: of columns without a twin in `_utc`."""
    account_id: str | None = None
    """The bank account that receives the payouts, as the bank's files name it."""
    payouts_from_lines: bool = False
    """The files have every line of their payouts: a payout that none of them states is the sum of its lines."""
    incomplete_payouts: Incomplete = "auto"
    """A payout whose known lines do not come to what is stated: `wait` for further files, `report` it as it is, or
    `auto`: report it where one file has both its row and lines of it."""
    processor: str = PROCESSOR
    """The processor's name in the records."""


def report_payouts(founds: Sequence[Found], options: StripePayouts) -> None:
    """Report the payouts of files that are imported together.

    Each record, control and note is added to the file with the payout's own row, or else to the last with lines of it.
    What has to wait, or may be needed with a later file, is added to `waiting` of the files that have it.
    """
    payouts, differing = merged(parts for found in founds for parts in found.payouts)
    doubtful = {payout_id for found in founds for payout_id in found.doubtful_payouts}
    currencies = Counter(payout_id for _, payout_id, _ in payouts)
    for key, payout in payouts.items():
        own = [found for found in founds if any(parts.key == key for parts in found.payouts)]
        home = next((found for found in own if payout.payout_id in found.stated_in), own[-1])
        if currencies[payout.payout_id] > 1:
            home.notes.append(
                f"payout {payout.payout_id}: its lines are in several currencies; {payout.currency} apart"
            )
        is_whole = any(parts.lines and parts.statements for found in own for parts in found.payouts if parts.key == key)
        waits = len(own) > 1
        if payout.statements:
            is_reported = _report_stated(home, payout, options, is_whole=is_whole)
            waits |= not is_reported
            for found in own:
                if found is not home or not is_reported:
                    _skip_statement(
                        found,
                        payout,
                        "its lines are not in this import" if found is home else "another file has it, too",
                    )
        elif options.payouts_from_lines:
            _report_from_lines(home, payout, options, doubtful, currencies[payout.payout_id])
            waits = False
        else:
            waits = True
            home.notes.append(
                f"{waits_note(payout.payout_id)} {counted(len(payout.lines), 'line')}, and no file states it. It is "
                "reported once the report payouts.itemized is imported. If the report has all of its lines, "
                "payouts_from_lines reports it without"
            )
        if waits:
            for found in own:
                found.waiting += [parts for parts in found.payouts if parts.key == key]
    for part_id in dict.fromkeys(differing):
        founds[-1].notes.append(f"{part_id} is in two files with different amounts: the first counts")


def complete(known: Iterable[PayoutParts], options: StripePayouts) -> Completed:
    """Report those payouts that waited whose lines come to what is stated.

    Args:
        known: everything that is known of them, of this import and of earlier ones.
        options: of the format.

    """
    done = Completed()
    payouts, differing = merged(known)
    for payout in payouts.values():
        for statement in payout.statements:
            if statement.status != "PAID" or not payout.is_complete(statement):
                continue
            amount, _ = payout.amount(statement)
            assert amount is not None
            done.facts.append(_record(payout, statement, amount, options))
    for part_id in dict.fromkeys(differing):
        done.notes.append(f"{part_id} was imported with another amount before: the first counts")
    return done


def came_back(options: StripePayouts, payout_id: str, currency: str, amount_minor: int, at: Micros) -> PayoutReported:
    """The record of a payout that failed.

    Raises:
        BadInput: it breaks the contract.

    """
    day = at // DAY
    statement = PayoutStatement("FAILED", amount_minor, 0, amount_minor, at, day, None, None)
    payout = PayoutParts(options.processor, payout_id, currency)
    record: PayoutReported = check(_record(payout, statement, amount_minor, options))
    return record


def _report_stated(home: Found, payout: PayoutParts, options: StripePayouts, *, is_whole: bool) -> bool:
    """Report a payout by its row; False if it waits."""
    reported = True
    reports_anyway = options.incomplete_payouts == "report" or (options.incomplete_payouts == "auto" and is_whole)
    for statement in payout.statements:
        amount, _ = payout.amount(statement)
        is_paid = statement.status == "PAID"
        if is_paid and not payout.is_complete(statement) and not reports_anyway:
            reported = False
            home.notes.append(_waiting_note(payout, statement))
            continue
        if amount is None:
            _refuse(home, payout, "nothing says whether it is paid to us or taken: no lines")
            continue
        if payout.lines:
            home.controls.append(_control(payout, statement, amount))
        elif is_paid:
            home.notes.append(
                f"payout {payout.payout_id}: none of its lines is known, so neither is what belongs to no payment; it "
                "is reported with other_minor 0"
            )
        _add(home, payout, _record(payout, statement, amount, options))
    return reported


def _waiting_note(payout: PayoutParts, statement: PayoutStatement) -> str:
    if not payout.lines:
        return f"{waits_note(payout.payout_id)} the report with its lines, payout_reconciliation.itemized, is missing"
    amount, fee = payout.amount(statement)
    stated = "an unknown amount" if amount is None else amount_text(amount, payout.currency)
    found = amount_text(payout.lines_minor + payout.other_minor - fee, payout.currency)
    return (
        f"{waits_note(payout.payout_id)} {stated} is paid out, its lines in this import come to {found}; "
        "incomplete_payouts=report reports it as it is"
    )


def _report_from_lines(
    home: Found, payout: PayoutParts, options: StripePayouts, doubtful: set[str | None], currencies: int
) -> None:
    total, arrival = payout.lines_minor + payout.other_minor, payout.value_date
    if doubtful & {payout.payout_id, None}:
        home.notes.append(
            f"payout {payout.payout_id}: not reported from its lines: one of them is not understood, so their sum is "
            "not its amount"
        )
    elif arrival is None or currencies > 1:
        why = "several currencies" if currencies > 1 else "no date of the payout"
        home.notes.append(f"payout {payout.payout_id}: not reported from its lines: {why}")
    elif total:
        statement = PayoutStatement("PAID", total, 0, total, arrival * DAY, arrival, None, None)
        _add(home, payout, _record(payout, statement, total, options))


def _control(payout: PayoutParts, statement: PayoutStatement, amount: int) -> Control:
    _, fee = payout.amount(statement)
    found = payout.lines_minor + payout.other_minor - fee
    return Control(f"payout {payout.payout_id}", amount, found, payout.currency)


def _record(payout: PayoutParts, statement: PayoutStatement, amount: int, options: StripePayouts) -> PayoutReported:
    _, fee = payout.amount(statement)
    return PayoutReported(
        event_id=content_id(FORMAT, payout.processor, payout.payout_id, statement.status),
        occurred_at=statement.at,
        processor=payout.processor,
        payout_id=payout.payout_id,
        status=statement.status,
        amount_minor=amount,
        other_minor=payout.other_minor - fee if statement.status == "PAID" else 0,
        currency=payout.currency,
        arrival_date=statement.arrival,
        account_id=statement.account_id or options.account_id,
        bank_reference=statement.bank_reference,
    )


def _add(home: Found, payout: PayoutParts, record: PayoutReported) -> None:
    """Take a record, if it keeps the contract."""
    try:
        home.facts.append(check(record))
    except BadInput as error:
        _refuse(home, payout, str(error))


def _skip_statement(found: Found, payout: PayoutParts, why: str) -> None:
    if payout.payout_id in found.stated_in:
        line, raw = found.stated_in[payout.payout_id]
        found.skipped.append(Skipped(line, f"the row of a payout: {why}", raw))


def _refuse(home: Found, payout: PayoutParts, reason: str) -> None:
    line, raw = home.stated_in.get(payout.payout_id, (0, b""))
    home.not_understood.append(NotUnderstood(line, f"the payout {payout.payout_id}: {reason}", raw))

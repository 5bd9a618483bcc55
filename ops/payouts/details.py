"""A payout with what it is made of: each line, each report, each bank entry, and what none of them explains."""

from typing import Any

from domain.formatting import amount_text, counted
from domain.payouts.state import Line, PayoutState
from domain.payouts.totals import add_up, open_to
from domain.payouts.view import view
from domain.policy import Policy
from domain.publishing import Published
from domain.time import NOT_CAUGHT_UP, iso_date, rfc3339
from streams.codec.json_form import output_to_json

Json = dict[str, Any]


def with_remainder(record: Json) -> Json:
    """Add to a payout's record what it should be by its lines, and what these do not explain."""
    expected = record["lines_minor"] + record["other_minor"]
    amount = record["amount_minor"]
    remainder = None if amount is None else amount - expected
    return record | {
        "expected_minor": expected,
        "remainder_minor": remainder,
        "remainder": remainder_text(remainder, record["unknown_lines"]),
    }


def remainder_text(remainder_minor: int | None, unknown_lines: int) -> str:
    """Say what the part of a payout is that its lines do not explain."""
    if remainder_minor is None:
        return "the payout is not reported yet"
    lines = "the line whose net is not" if unknown_lines == 1 else f"the {unknown_lines} lines whose nets are not"
    if not remainder_minor:
        return f"it adds up without {lines} known yet" if unknown_lines else "every part of it is explained"
    if unknown_lines:
        return f"it may be {lines} known yet"
    return "no line explains it: a record that was not reported, a fee, a reserve, an amount carried over"


def deposit_text(record: Json) -> str:
    """Say where the money of a payout is."""
    amount, deposited, currency = record["amount_minor"], record["deposited_minor"], record["currency"]
    if amount is None:
        return "the payout is not reported yet"
    if record["status"] in ("failed", "cancelled"):
        return f"the payout is {record['status']}" + (", and its money is on the account" if deposited else "")
    if deposited == amount:
        return "all of it is on the account"
    if record["entries"]:
        return f"{amount_text(amount - deposited, currency)} differs from what was paid out"
    return f"no bank entry belongs to it yet; it arrives {record['arrival_date']}"


def details(state: PayoutState, published: Published, policy: Policy) -> Json | None:
    """Give a payout as JSON has it; None if no line, report or entry is known.

    It has the fields of `PayoutReconciliation`, with more about its entries, and `line_items`, `reports` and `breaks`.

    Args:
        state: the payout's.
        published: what was last published of it: its breaks are those that were open then.
        policy: the deadlines.

    """
    record = view(state, NOT_CAUGHT_UP, policy).reconciliation
    group = open_to(state)
    totals = add_up(state, None if group is None else group[0])
    if record is None or totals is None:
        return None
    breaks = sorted(published.breaks.values(), key=lambda one: one.last.break_id)
    found = output_to_json(record) | {"type": "Payout", "version": published.version}
    found["open_breaks"] = [one.last.break_id for one in breaks if not one.last.is_accepted]
    if found["open_breaks"]:
        found["status"] = "exception"
    for shown, one in zip(found["entries"], totals.entries, strict=True):
        shown |= {
            "currency": one.entry.currency,
            "booking_date": iso_date(one.booking_date),
            "counts_minor": one.entry.amount_minor if one.entry.currency == totals.currency else 0,
            "event_id": one.entry.event_id,
        }
    return with_remainder(found) | {
        "line_items": [
            _line(reference, name, line, totals.currency)
            for reference, outcomes in sorted(state.lines.items())
            for name, line in sorted(outcomes.items())
        ],
        "reports": [
            {
                "status": status,
                "occurred_at": rfc3339(report.occurred_at),
                "amount_minor": report.amount_minor,
                "other_minor": report.other_minor,
                "currency": report.currency,
                "arrival_date": iso_date(report.arrival_date),
                "account_id": report.account_id,
                "bank_reference": report.bank_reference,
                "in_force": report is totals.report,
                "event_id": report.event_id,
            }
            for status, report in sorted(state.reports.items(), key=lambda item: item[1].occurred_at)
        ],
        "breaks": [
            {
                "break_id": one.last.break_id,
                "class": str(one.last.break_class),
                "state": "open" if one.last.decision is None else str(one.last.decision.state),
            }
            for one in breaks
        ],
    }


def _line(reference: str, name: str, line: Line, currency: str) -> Json:
    outcome, _, movement_id = name.partition("/")
    counts = line.net_minor if line.currency_of_net == currency else 0
    return {
        "payment_id": line.payment_id,
        "processor_reference": reference,
        "outcome": outcome,
        "movement_id": movement_id or None,
        "original_reference": line.original_reference,
        "occurred_at": rfc3339(line.occurred_at),
        "gross_minor": line.gross_minor,
        "currency": line.currency,
        "fee_minor": line.fee_minor,
        "net_minor": line.net_minor,
        "settlement_currency": line.settlement_currency,
        "value_date": None if line.value_date is None else iso_date(line.value_date),
        "counts_minor": counts,
        "conflicting": line.conflict,
        "event_id": line.event_id,
    }


def lines_text(record: Json) -> str:
    """Count the lines of a payout."""
    text = counted(record["lines"], "line")
    return f"{text}, {record['unknown_lines']} without a net" if record["unknown_lines"] else text

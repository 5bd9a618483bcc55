"""Reads the scenarios: tables of facts and of the views that follow, in words that a finance person uses.

A scenario begins with `== title`. A line with a date and a time (UTC) is a fact; `at` a date and a time derives the
views of all facts above it; the indented lines below are expected of them. A key listed there has exactly the breaks
and late installments listed. The words are explained by `scenarios/README.txt`.
"""

from pathlib import Path
from typing import NamedTuple

from domain.bank_entries.view import BankEntryView
from domain.breaks.model import NO_CURRENCY, Break
from domain.obligations.view import ObligationView
from domain.payments.view import PaymentView
from domain.payouts.view import PayoutView
from domain.publishing import View
from domain.records import PaymentReconciliation, PayoutReconciliation
from domain.references.view import ReferenceView
from domain.time import Micros, iso_date
from tests.kit.domain_world import Fact, World
from tests.kit.scenario_facts import day, fact_of, instant, minor, money, read_facts

__all__ = ["FOLDER", "Expectation", "Scenario", "check", "day", "instant", "minor", "money", "read", "read_facts"]

FOLDER = Path(__file__).parents[1] / "domain" / "scenarios"


class Expectation(NamedTuple):
    now: Micros
    facts: tuple[Fact, ...]
    expected: tuple[str, ...]


class Scenario(NamedTuple):
    title: str
    expectations: tuple[Expectation, ...]


def read(path: Path) -> list[Scenario]:
    scenarios: list[Scenario] = []
    title: str | None = None
    facts: list[Fact] = []
    expectations: list[tuple[Micros, tuple[Fact, ...], list[str]]] = []

    def finish() -> None:
        if title is not None:
            assert expectations, f"{title}: nothing is expected"
            assert all(expected for _, _, expected in expectations), f"{title}: an instant without expectations"
            scenarios.append(
                Scenario(title, tuple(Expectation(now, known, tuple(lines)) for now, known, lines in expectations))
            )

    for number, line in enumerate(path.read_text().splitlines(), start=1):
        text = line.split("#")[0].rstrip()
        if not text:
            continue
        words = text.split()
        if text.startswith("== "):
            finish()
            title, facts, expectations = text[3:], [], []
        elif words[0] == "at":
            expectations.append((instant(f"{words[1]} {words[2]}"), tuple(facts), []))
        elif text[0] == " ":
            expectations[-1][2].append(" ".join(words))
        else:
            facts.append(fact_of(instant(f"{words[0]} {words[1]}"), words[2:], f"e{number:03}"))
    finish()
    return scenarios


def _payment_lines(key: str, view: PaymentView) -> dict[str, str]:
    record = view.reconciliation
    if record is None:
        return {"status": f"{key} no record"}
    sums = record.settled
    return {
        "status": f"{key} {record.status}",
        "standing": money(sums.standing_minor),
        "gross": money(sums.gross_minor),
        "fee": money(sums.fee_minor),
        "net": money(sums.net_minor),
        "returned": money(sums.returned_minor),
        "refunded": money(sums.refunded_minor),
        "charged_back": money(sums.charged_back_minor),
        "in_flight": money(record.in_flight_minor or 0),
        "posted": money(record.posted.net_minor),
        "currency": record.currency,
    }


def _allocation_lines(key: str, view: PaymentView) -> list[str]:
    record = view.reconciliation
    lines = []
    for one in () if record is None else record.allocations:
        target = one.obligation_id if one.installment_id is None else f"{one.obligation_id}/{one.installment_id}"
        line = f"{key} allocation {target} {money(one.amount_minor)}:"
        lines.append(f"{line} standing {money(one.standing_minor)} pending {money(one.pending_minor)}")
    return lines


def _reference_lines(key: str, view: ReferenceView) -> dict[str, str]:
    record = view.reconciliation
    if record is None:
        return {"status": f"{key} no record"}
    gross = "+".join(f"{money(amount)}{currency}" for currency, amount in record.gross_minor.items())
    return {
        "status": f"{key} {record.status}",
        "holder": record.payment_id or "nobody",
        "records": str(record.records),
        "gross": gross or "none",
    }


def _payout_lines(key: str, view: PayoutView) -> dict[str, str]:
    record = view.reconciliation
    if record is None:
        return {"status": f"{key} no record"}
    entries = "+".join(f"{one.account_id}/{one.entry_id}:{one.matched_by}" for one in record.entries)
    return {
        "status": f"{key} {record.status}",
        "amount": "none" if record.amount_minor is None else money(record.amount_minor),
        "lines": str(record.lines),
        "unknown": str(record.unknown_lines),
        "sum": money(record.lines_minor),
        "other": money(record.other_minor),
        "deposited": money(record.deposited_minor),
        "entries": entries or "none",
        "currency": record.currency,
    }


def _bank_entry_lines(key: str, view: BankEntryView) -> dict[str, str]:
    if view.payout_key is None:
        return {"status": f"{key} unmatched"}
    return {"status": f"{key} matched", "to": view.payout_key, "by": str(view.matched_by)}


def _break_line(key: str, view: View, one: Break) -> str:
    """Write a break; its currency if that is not the key's; what people have decided, if they have."""
    line = f"{key} break {'/'.join(one.subject)} = {one.break_class} "
    line += f"{money(one.expected_minor)} -> {money(one.actual_minor)}"
    record = view.reconciliation
    if isinstance(record, PaymentReconciliation | PayoutReconciliation) and one.currency not in {
        record.currency,
        NO_CURRENCY,
    }:
        line += f" {one.currency}"
    decision = one.decision
    if one.candidates:
        line += f" of {'+'.join(one.candidates)}"
    if decision is not None:
        line += f" {decision.state} by {decision.actor}"
        line += f" and {decision.approved_by}" if decision.approved_by is not None else ""
    return line


def _obligation_lines(key: str, view: ObligationView) -> dict[str, str]:
    record = view.reconciliation
    if record is None:
        return {"status": f"{key} no record"}
    return {
        "status": f"{key} {record.status}",
        "charged": money(record.charged_minor),
        "adjusted": money(record.adjusted_minor),
        "balance": money(record.balance_minor),
        "paid": money(record.paid_minor),
        "pending": money(record.pending_minor),
        "posted": money(record.posted_minor),
        "overpaid": money(record.overpaid_minor),
        "next": "none" if record.next_due_date is None else iso_date(record.next_due_date),
        "oldest": "none" if record.oldest_late_due_date is None else iso_date(record.oldest_late_due_date),
        "bucket": str(record.ageing_bucket),
    }


def _listed(key: str, view: View) -> set[str]:
    lines = {_break_line(key, view, one) for one in view.breaks}
    if isinstance(view, ObligationView):
        lines |= {
            f"{key} late {late.installment_id} due {iso_date(late.due_date)} {late.stage}: owes "
            f"{money(late.amount_due_minor)} paid {money(late.paid_minor)} pending {money(late.pending_minor)}"
            for late in view.late
        }
    return lines


def _installment_lines(key: str, view: ObligationView) -> list[str]:
    lines = []
    for one in view.reconciliation.installments if view.reconciliation is not None else ():
        line = f"{key} installment {one.installment_id} {money(one.amount_minor)}:"
        for word, fill in (("paid", one.paid), ("pending", one.pending)):
            if fill:
                line += f" {word}" + "".join(f" {payment_id} {money(amount)}" for payment_id, amount in fill.items())
        lines.append(line)
    return lines


def check(expectation: Expectation, world: World) -> None:
    """Compare an expectation with the views of the world."""
    keys = dict.fromkeys(line.split()[0] for line in expectation.expected)
    for key in keys:
        view: View
        if key in world.payment_views:
            view = world.payment_views[key]
            values = _payment_lines(key, view)
        elif key in world.reference_views:
            view = world.reference_views[key]
            values = _reference_lines(key, view)
        elif key in world.obligation_views:
            view = world.obligation_views[key]
            values = _obligation_lines(key, view)
        elif key in world.payout_views:
            view = world.payout_views[key]
            values = _payout_lines(key, view)
        elif key in world.bank_entry_views:
            view = world.bank_entry_views[key]
            values = _bank_entry_lines(key, view)
        else:  # no fact has named it
            assert {line for line in expectation.expected if line.split()[0] == key} == {f"{key} no record"}
            continue
        lines = [line for line in expectation.expected if line.split()[0] == key]
        listed = {line for line in lines if line.split()[1] in {"break", "late"}}
        assert _listed(key, view) == listed
        if isinstance(view, ObligationView):
            installments = [line for line in lines if line.split()[1] == "installment"]
            assert [line for line in _installment_lines(key, view) if line in installments] == installments
        if isinstance(view, PaymentView):
            allocations = [line for line in lines if line.split()[1] == "allocation"]
            assert not allocations or _allocation_lines(key, view) == allocations
        for line in lines:
            words = line.split()
            if words[1] in {"break", "late", "installment", "allocation"}:
                continue
            if words[1:3] == ["no", "record"]:
                assert values["status"] == line
                continue
            pairs = words[2:]
            expected = {"status": f"{key} {words[1]}"} | dict(zip(pairs[::2], pairs[1::2], strict=True))
            assert {name: values[name] for name in expected} == expected

"""The demo's report: the results beside the truth, three alerts in words, the verdict, and where the money is."""

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TypeVar

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from domain.breaks.catalogue import CATALOGUE
from domain.breaks.model import Break
from domain.explain.descriptions import describe_alone
from domain.formatting import amount_text, instant_text
from domain.policy import Policy
from domain.records import (
    BreakClass,
    DecisionState,
    LateStage,
    MatchedBy,
    ObligationStatus,
    PaymentStatus,
    PayoutStatus,
    ReferenceStatus,
)
from ops.demo.judging import Judgement
from ops.demo.money import whereabouts
from simulator.scenario import Scenario
from simulator.truth_facts import Row

Name = TypeVar("Name", bound=StrEnum)

WIDTH = 100
"""Columns; every table fits into them."""

DIFFERENCES_SHOWN_MAX = 15

PAYMENT_WORDS = {
    PaymentStatus.EXCEPTION: "a break is open",
    PaymentStatus.INITIATED: "in flight",
    PaymentStatus.RECONCILED: "settled = posted",
    PaymentStatus.SETTLED: "not posted yet",
    PaymentStatus.CHARGED_BACK: "charged back",
    PaymentStatus.RETURNED: "returned",
    PaymentStatus.REFUNDED: "refunded",
    PaymentStatus.FAILED: "not collected",
}
OBLIGATION_WORDS = {
    ObligationStatus.CANCELLED: "cancelled",
    ObligationStatus.OVERPAID: "paid too much",
    ObligationStatus.PAST_DUE: "a part is late",
    ObligationStatus.PAID: "paid in full",
    ObligationStatus.PARTIALLY_PAID: "paid in part",
    ObligationStatus.OPEN: "nothing paid yet",
}
REFERENCE_WORDS = {
    ReferenceStatus.HELD: "by a payment",
    ReferenceStatus.SUSPENSE: "by nobody",
    ReferenceStatus.CLAIMED_TWICE: "by two payments",
}
PAYOUT_WORDS = {
    PayoutStatus.EXCEPTION: "a break is open",
    PayoutStatus.COLLECTING: "not reported yet",
    PayoutStatus.FAILED: "did not arrive",
    PayoutStatus.CANCELLED: "not made",
    PayoutStatus.RECONCILED: "on the account",
    PayoutStatus.IN_TRANSIT: "under way",
}
MATCHED_WORDS = {
    MatchedBy.NAMED: "names the payout",
    MatchedBy.REFERENCE: "has its reference",
    MatchedBy.AMOUNT: "fits it alone",
    MatchedBy.PERSON: "by a person",
}
DECISION_WORDS = {
    DecisionState.ACKNOWLEDGED: "seen",
    DecisionState.ASSIGNED: "somebody's task",
    DecisionState.ACCEPT_REQUESTED: "to be approved",
    DecisionState.ACCEPTED: "not open",
}
STAGE_WORDS = {
    LateStage.PAST_DUE: "past its due date",
    LateStage.FEE_ELIGIBLE: "grace is over",
    LateStage.DAYS_30: "over 30 days late",
    LateStage.DAYS_60: "over 60 days late",
    LateStage.DAYS_90: "over 90 days late",
}


def show(console: Console, scenario: Scenario, judgement: Judgement, pace: str) -> None:
    """Print the report; `pace` is the line about throughput."""
    found, truth = judgement.found, judgement.truth
    console.print()
    console.print(
        _beside(
            _counts("Payments", "status", PAYMENT_WORDS, _by("status", found.payments), _by("status", truth.payments)),
            _counts(
                "Obligations",
                "status",
                OBLIGATION_WORDS,
                _by("status", found.obligations),
                _by("status", truth.obligations),
            ),
        )
    )
    console.print()
    console.print(
        _beside(
            _counts(
                "References without a payment id",
                "status",
                REFERENCE_WORDS,
                _by("status", found.references),
                _by("status", truth.references),
            ),
            _counts(
                "Decisions about breaks",
                "state",
                DECISION_WORDS,
                _by_decision(found.open_breaks, found.accepted_breaks),
                _by_decision(truth.open_breaks, truth.accepted_breaks),
            ),
        )
    )
    console.print()
    console.print(
        _beside(
            _counts("Payouts", "status", PAYOUT_WORDS, _by("status", found.payouts), _by("status", truth.payouts)),
            _counts(
                "Bank entries of payouts", "matched by", MATCHED_WORDS, _matched(found.payouts), _matched(truth.payouts)
            ),
        )
    )
    console.print()
    console.print(_breaks(scenario, judgement))
    console.print()
    console.print(
        _beside(
            _counts(
                "Late installments",
                "stage",
                STAGE_WORDS,
                _by("stage", found.live_alerts),
                _by("stage", truth.live_alerts),
            ),
            _dead_letters(judgement),
        )
    )
    console.print()
    console.print("[bold]Three alerts, in words[/bold]")
    for sentence in top_alerts(judgement):
        console.print(Padding(Text(f"- {sentence}"), (0, 0, 0, 1)))
    console.print()
    console.print(Text(pace))
    console.print()
    _verdict(console, judgement)
    money = whereabouts(found.payouts.values(), found.open_breaks.values())
    if money is not None:
        console.print()
        console.print(Text(money.text))


def _by(name: str, rows: Mapping[str, Row]) -> Counter[str]:
    return Counter(row[name] for row in rows.values())


def _matched(payouts: Mapping[str, Row]) -> Counter[str]:
    return Counter(entry["matched_by"] for row in payouts.values() for entry in row["entries"])


def _by_decision(*breaks: Mapping[str, Row]) -> Counter[str]:
    decisions = [row["decision"] for rows in breaks for row in rows.values()]
    return Counter(decision["state"] for decision in decisions if decision is not None)


def _beside(left: RenderableType, right: RenderableType) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_row(left, right)
    return grid


def _table(title: str, *columns: str) -> Table:
    """Return a table whose first and last columns are text and the others numbers."""
    table = Table(title=title, title_style="bold", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for place, column in enumerate(columns):
        table.add_column(
            column,
            justify="left" if place in (0, len(columns) - 1) else "right",
            header_style="dim",
            style="dim" if place == len(columns) - 1 else "",
            no_wrap=True,
        )
    return table


def _row(table: Table, name: str, numbers: Iterable[int], *, found: int, truth: int, words: str) -> None:
    """Add a row with the columns name, found, truth, numbers…, words; highlight it where found and truth differ."""
    wrong = found != truth
    table.add_row(
        Text(name, style="bold red" if wrong else ""),
        Text(f"{found:,}" + (" !" if wrong else ""), style="bold red" if wrong else ""),
        f"{truth:,}",
        *(f"{number:,}" for number in numbers),
        words,
    )


def _counts(
    title: str, what: str, words: Mapping[Name, str], found: Mapping[str, int], truth: Mapping[str, int]
) -> Table:
    table = _table(title, what, "found", "truth", "")
    for name, meaning in words.items():
        _row(table, name, (), found=found.get(name, 0), truth=truth.get(name, 0), words=meaning)
    _row(table, "all", (), found=sum(found.values()), truth=sum(truth.values()), words="")
    return table


def _breaks(scenario: Scenario, judgement: Judgement) -> Table:
    found, truth = _by("class", judgement.found.open_breaks), _by("class", judgement.truth.open_breaks)
    table = _table("Open breaks", "class", "found", "truth", "injected", "")
    for name, row in CATALOGUE.items():
        injected = len(scenario.injected.get(name, ()))
        _row(table, name, [injected], found=found[name], truth=truth[name], words=row.title)
    injected = sum(map(len, scenario.injected.values()))
    words = "one injected break may cause others"
    _row(table, "all", [injected], found=found.total(), truth=truth.total(), words=words)
    return table


def _dead_letters(judgement: Judgement) -> Table:
    table = _table("Dead letters", "class", "found", "")
    for name, count in sorted(judgement.dead_letters.items(), key=lambda item: (-item[1], item[0])):
        table.add_row(name, f"{count:,}", "")
    expected = sum(judgement.truth.dead_letters.values())
    table.add_row("all", f"{judgement.dead_letters.total():,}", f"of {expected:,} bad records")
    return table


def top_alerts(judgement: Judgement) -> list[str]:
    """Describe the alerts with the most at stake: an urgent break, a break of another class, and a late payment."""
    found = judgement.found
    # The largest first; ids break ties, so that a seed always gives the same report.
    breaks = sorted(
        found.open_breaks.values(), key=lambda row: (row["priority"], -abs(row["drift_minor"]), row["break_id"])
    )
    late = sorted(found.live_alerts.values(), key=lambda row: (-_outstanding_minor(row), row["alert_id"]))
    shown = breaks[:1]
    shown += [row for row in breaks if _is_another_kind(row, shown[0])][:1] if shown else []
    return [_break_text(row) for row in shown] + [_late_text(row) for row in late[: 3 - len(shown)]]


def _is_another_kind(row: Row, shown: Row) -> bool:
    return bool(row["priority"] > 1 and row["class"] != shown["class"] and row["key"] != shown["key"])


def _outstanding_minor(alert: Row) -> int:
    return int(alert["amount_due_minor"] - alert["paid_minor"] - alert["pending_minor"])


def _break_text(alert: Row) -> str:
    mismatch = Break(
        break_id=alert["break_id"],
        subject=tuple(alert["subject"]),
        break_class=BreakClass(alert["class"]),
        expected_minor=alert["expected_minor"],
        actual_minor=alert["actual_minor"],
        currency=alert["currency"],
        due_at=alert["due_at"],
        event_ids=(),
    )
    described = describe_alone(alert["key_kind"], mismatch, Policy())
    kind = alert["key_kind"].replace("_", " ").capitalize()
    return f"{kind} {alert['key']}: {described.title}. {described.missing} {described.advice}"


def _late_text(alert: Row) -> str:
    due, paid, pending, outstanding = (
        amount_text(minor, alert["currency"])
        for minor in (alert["amount_due_minor"], alert["paid_minor"], alert["pending_minor"], _outstanding_minor(alert))
    )
    return (
        f"Installment {alert['installment_id']} of obligation {alert['obligation_id']}: {STAGE_WORDS[alert['stage']]}. "
        f"{due} was due by {instant_text(alert['due_at'])}; {paid} paid, {pending} in flight, {outstanding} open."
    )


def _verdict(console: Console, judgement: Judgement) -> None:
    truth, differences = judgement.truth, judgement.differences
    rows = sum(
        map(
            len,
            (
                truth.payments,
                truth.obligations,
                truth.references,
                truth.payouts,
                truth.open_breaks,
                truth.accepted_breaks,
                truth.live_alerts,
            ),
        )
    )
    if judgement.is_exact:
        console.print(
            Group(
                Text("EXACT", style="bold green"),
                Text(
                    f"All {rows:,} payments, obligations, references, payouts, open and accepted breaks and late "
                    "alerts equal the simulator's own evaluation of the contract, field by field, and there are no "
                    "others. "
                    f"All {sum(truth.dead_letters.values()):,} dead letters are the bad records, byte for byte."
                ),
            )
        )
    else:
        console.print(Text(f"NOT EXACT: {len(differences):,} differences", style="bold red"))
        for difference in differences[:DIFFERENCES_SHOWN_MAX]:
            console.print(Padding(Text(f"- {difference}"), (0, 0, 0, 1)))
        if len(differences) > DIFFERENCES_SHOWN_MAX:
            console.print(Text(f"  … and {len(differences) - DIFFERENCES_SHOWN_MAX:,} more"))

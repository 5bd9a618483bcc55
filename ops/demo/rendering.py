"""What the demo prints at the end: what was found beside what should have been, alerts in words, a verdict."""

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TypeVar

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from domain.breaks.catalogue import CATALOGUE
from domain.records import LateStage, ObligationStatus, PaymentStatus
from ops.demo.judging import Judgement
from simulator.scenario import Scenario
from simulator.story import tell_break, tell_late
from simulator.truth_facts import Row

Name = TypeVar("Name", bound=StrEnum)

WIDTH = 100
"""Columns; what is told fits into them without being cut."""

DIFFERENCES_SHOWN_MAX = 15

PAYMENT_WORDS = {
    PaymentStatus.EXCEPTION: "a break is open",
    PaymentStatus.INITIATED: "on its way",
    PaymentStatus.RECONCILED: "collected = posted",
    PaymentStatus.SETTLED: "not posted yet",
    PaymentStatus.CHARGED_BACK: "the bank took it",
    PaymentStatus.RETURNED: "came back unpaid",
    PaymentStatus.REFUNDED: "given back",
    PaymentStatus.FAILED: "never collected",
}
OBLIGATION_WORDS = {
    ObligationStatus.CANCELLED: "void",
    ObligationStatus.OVERPAID: "too much came",
    ObligationStatus.PAST_DUE: "a part is late",
    ObligationStatus.PAID: "all of it came",
    ObligationStatus.PARTIALLY_PAID: "part of it came",
    ObligationStatus.OPEN: "nothing came yet",
}
STAGE_WORDS = {
    LateStage.PAST_DUE: "the due day is over",
    LateStage.FEE_ELIGIBLE: "grace is over",
    LateStage.DAYS_30: "a month late",
    LateStage.DAYS_60: "two months late",
    LateStage.DAYS_90: "three months late",
}


def show(console: Console, scenario: Scenario, judgement: Judgement, pace: str) -> None:
    """Print everything; `pace` is the line about how long it took."""
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
    for sentence in stories(judgement):
        console.print(Padding(Text(f"- {sentence}"), (0, 0, 0, 1)))
    console.print()
    console.print(Text(pace))
    console.print()
    _verdict(console, judgement)


def _by(name: str, rows: Mapping[str, Row]) -> Counter[str]:
    return Counter(row[name] for row in rows.values())


def _beside(left: RenderableType, right: RenderableType) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_row(left, right)
    return grid


def _table(title: str, *columns: str) -> Table:
    """Make a table whose first and last columns are words and the others numbers."""
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
    """Add a row of a table with the columns name, found, truth, numbers…, words; it stands out where it is wrong."""
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
    table = _table("Open breaks", "class", "found", "truth", "put in", "")
    for name, row in CATALOGUE.items():
        put_in = len(scenario.injected.get(name, ()))
        _row(table, name, [put_in], found=found[name], truth=truth[name], words=row.title)
    put_in = sum(map(len, scenario.injected.values()))
    words = '"put in": on purpose; some bring others along'
    _row(table, "all", [put_in], found=found.total(), truth=truth.total(), words=words)
    return table


def _dead_letters(judgement: Judgement) -> Table:
    table = _table("Dead letters", "class", "found", "")
    for name, count in sorted(judgement.dead_letters.items(), key=lambda item: (-item[1], item[0])):
        table.add_row(name, f"{count:,}", "")
    expected = sum(judgement.truth.dead_letters.values())
    table.add_row("all", f"{judgement.dead_letters.total():,}", f"of {expected:,} bad records")
    return table


def stories(judgement: Judgement) -> list[str]:
    """Tell the alerts with the most at stake: an urgent break, another kind of break, and a late payment."""
    found = judgement.found
    # The largest first; the id decides between equals, so that one seed always tells the same.
    breaks = sorted(
        found.open_breaks.values(), key=lambda row: (row["priority"], -abs(row["drift_minor"]), row["break_id"])
    )
    late = sorted(found.live_alerts.values(), key=lambda row: (-_short(row), row["alert_id"]))
    told = breaks[:1]
    told += [row for row in breaks if _is_another_kind(row, told[0])][:1] if told else []
    return [_tell(row, judgement) for row in told] + [tell_late(row) for row in late[: 3 - len(told)]]


def _is_another_kind(row: Row, told: Row) -> bool:
    return bool(row["priority"] > 1 and row["class"] != told["class"] and row["key"] != told["key"])


def _short(alert: Row) -> int:
    return int(alert["amount_due_minor"] - alert["paid_minor"] - alert["pending_minor"])


def _tell(alert: Row, judgement: Judgement) -> str:
    found = judgement.found
    payment = found.payments.get(alert["key"]) if alert["key_kind"] == "payment" else None
    initiated = (payment or {}).get("initiated") or {}
    obligation = found.obligations.get(initiated.get("obligation_id", ""), {})
    return tell_break(alert, payment, obligation.get("tenant_id"))


def _verdict(console: Console, judgement: Judgement) -> None:
    truth, differences = judgement.truth, judgement.differences
    rows = len(truth.payments) + len(truth.obligations) + len(truth.open_breaks) + len(truth.live_alerts)
    if judgement.is_exact:
        console.print(
            Group(
                Text("EXACT", style="bold green"),
                Text(
                    f"All {rows:,} payments, obligations, open breaks and late alerts are, field by field, what the "
                    "simulator's own evaluation of the contract says they must be, and there is no other; "
                    f"all {sum(truth.dead_letters.values()):,} dead letters are the bad records, byte for byte."
                ),
            )
        )
    else:
        console.print(Text(f"NOT EXACT: {len(differences):,} differences", style="bold red"))
        for difference in differences[:DIFFERENCES_SHOWN_MAX]:
            console.print(Padding(Text(f"- {difference}"), (0, 0, 0, 1)))
        if len(differences) > DIFFERENCES_SHOWN_MAX:
            console.print(Text(f"  … and {len(differences) - DIFFERENCES_SHOWN_MAX:,} more"))

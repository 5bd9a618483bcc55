"""Breaks on the terminal: a list of them, the history of one, and the explanation of one.

Ids are whatever a producer wrote, so every text is escaped before it is shown.
"""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from domain.commands.proposals import Proposal
from domain.formatting import amount_text, instant_text
from domain.time import DAY, HOUR, MINUTE, Micros
from ops.breaks.alerts import assignee_text, state_text
from ops.breaks.source import Json
from ops.console import printable
from streams.codec.json_form import instant_from_text

COLUMNS = ["prio", "class", "key", "difference", "age", "due", "state", "assignee", "property", "id"]

EXPLANATION_WIDTH = 110
"""Columns of an explanation where stdout is no terminal: people paste it into tickets and emails."""


def instant_cell(text: str | None) -> str:
    """Write an instant of a record as a person reads it; `-` where there is none."""
    return "-" if text is None else instant_text(instant_from_text(text))


def duration_text(micros: Micros) -> str:
    """Write a duration in its largest whole unit: `3 d`, `5 h`, `12 min`."""
    for unit, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if micros >= unit:
            return f"{micros // unit} {name}"
    return "0 min"


def list_row(alert: Json, now: Micros) -> list[str]:
    """Give a break as a row under `COLUMNS`."""
    resolved_at = alert["resolved_at"]
    until = now if resolved_at is None else instant_from_text(resolved_at)
    return [
        str(alert["priority"]),
        alert["class"],
        f"{alert['key_kind']} {alert['key']}",
        amount_text(alert["drift_minor"], alert["currency"]),
        duration_text(until - instant_from_text(alert["opened_at"])),
        instant_cell(alert["due_at"]),
        state_text(alert),
        assignee_text(alert),
        alert.get("property_id") or "-",
        alert["break_id"],
    ]


def render_history(alerts: list[Json], decisions: list[Json], now: Micros) -> RenderableType:
    """Show what was published of a break, record by record, whether it is resolved, and what people decided."""
    last = alerts[-1]
    table = _table("published", "lifecycle", "state", "class", "expected", "actual", "difference", "due")
    for alert in alerts:
        _add_row(
            table,
            instant_text(alert["version"]),  # versions are drawn from the wall clock (docs/decisions, number 5)
            alert["lifecycle"],
            state_text(alert),
            alert["class"],
            *(amount_text(alert[f"{name}_minor"], alert["currency"]) for name in ("expected", "actual", "drift")),
            instant_cell(alert["due_at"]),
        )
    opened_at = instant_from_text(last["opened_at"])
    opened = f"opened {instant_cell(last['opened_at'])}"
    if last["resolved_at"] is None:
        lifetime = f"{opened}, open for {duration_text(now - opened_at)}"
    else:
        open_for = duration_text(instant_from_text(last["resolved_at"]) - opened_at)
        lifetime = f"{opened}, resolved {instant_cell(last['resolved_at'])}, after {open_for}"
    lines = [
        f"break {last['break_id']}: {last['class']}, priority {last['priority']}",
        f"{last['key_kind']} {last['key']}, subject {' '.join(last['subject'])}",
        lifetime,
        f"rests on {', '.join(last['event_ids'])}",
    ]
    if last.get("evidence") is not None:
        lines.append(f"evidence {last['evidence']}")
    if last.get("candidates"):
        lines.append(f"candidates: {', '.join(last['candidates'])}")
    lines += decision_lines(last.get("decision"))
    if alerts[0]["lifecycle"] != "opened":
        lines.append("earlier records are compacted away: only the last record of a break is kept for good")
    parts: list[RenderableType] = [*map(_line, lines), Text(), table]
    if decisions:
        parts += [Text(), decision_table(decisions)]
    return Group(*parts)


def decision_lines(decision: Json | None) -> list[str]:
    """Say what people have decided about a break; nothing where they have not."""
    if decision is None:
        return []
    state = decision["state"].replace("_", " ")
    if decision["state"] == "assigned":
        state += f" to {decision['assignee']}"
    line = f"{state} by {decision['actor']} {instant_cell(decision['at'])}"
    if decision["approved_by"] is not None:
        line += f", approved by {decision['approved_by']}"
    line += f": {decision['reason']}"
    lines = [line]
    if decision["until"] is not None:
        lines.append(f"acknowledged until {instant_cell(decision['until'])}")
    if decision["assignee"] is not None and decision["state"] != "assigned":
        lines.append(f"assigned to {decision['assignee']}")
    return lines


def decision_table(decisions: list[Json]) -> Table:
    """Show the decisions about a break, with their ids: approvals and withdrawals name them."""
    table = _table("decided", "decision", "what")
    for one in decisions:
        _add_row(table, instant_cell(one["at"]), one["decision_id"], one["text"])
    return table


def render_proposals(proposed: list[Proposal], break_id: str) -> RenderableType:
    """Show what money in suspense may be of, and how one is chosen."""
    is_payout = proposed[0].key_kind == "payout"
    heading = "Payouts that it may be of" if is_payout else "Payments that it may be for"
    parts: list[RenderableType] = [*_heading(f"{heading}; none is chosen")]
    for number, one in enumerate(proposed, start=1):
        parts.append(_indented(f"{number}. {one.key_kind} {one.key}: {', '.join(one.reasons)}"))
        parts += [_indented(f"but {doubt}", 5) for doubt in one.doubts]
    to = "--to-payout" if is_payout else "--to"
    parts.append(
        _indented(f"to give it to one: rentmatch exceptions match {break_id} {to} {proposed[0].key} --reason …")
    )
    return Group(*parts)


def render_explanation(explanation: Json) -> RenderableType:
    """Show the explanation of a break, for the person who works it."""
    return Group(*_explanation(explanation))


def _explanation(one: Json) -> Iterator[RenderableType]:
    yield _line(one["title"], style="bold")
    yield _line(f"{one['class']}, priority {one['priority']}, break {one['break_id']}")
    place = "" if one["property_id"] is None else f", property {one['property_id']}"
    yield _line(f"{one['key_kind']} {one['key']}, subject {' '.join(one['subject'])}{place}")
    yield _line(f"expected {one['expected_text']}, actual {one['actual_text']}: difference {one['drift_text']}")
    instants = [("due", one["due_at"]), ("opened", one["opened_at"]), ("resolved", one["resolved_at"])]
    known = ", ".join(f"{name} {instant_cell(at)}" for name, at in instants if at is not None)
    if known:
        yield _line(known)
    if one.get("evidence") is not None:
        yield _line(f"evidence {one['evidence']}")
    yield from map(_line, decision_lines(one.get("decision")))

    yield from _heading("What happened (* marks what the break rests on)")
    table = _table("", "when", "source", "event", "what")
    for entry in one["story"]:
        event = entry["event_id"] or "-"
        if entry["also_told_by"]:
            how = "with differences" if entry["conflicting"] else "again"
            event += f" ({how}: {', '.join(entry['also_told_by'])})"
        mark = "*" if entry["rests"] else ""
        _add_row(table, mark, instant_cell(entry["at"]), entry["source"], event, entry["text"])
    yield Padding(table, (0, 0, 0, 2))

    yield from _heading("What was expected")
    yield _indented(one["expected"])
    yield from _heading("What is missing or contradictory")
    yield _indented(one["missing"])
    ahead = [f"{instant_cell(each['at'])}: {each['what']}" for each in one["deadlines"] if not each["passed"]]
    if ahead:
        yield from _heading("Deadlines ahead")
        yield from map(_indented, ahead)
    yield from _remedies(one["resolutions"])
    if one["resolved_at"] is None:
        yield from _heading("What to do")
        yield _indented(one["advice"])
    if one.get("decisions"):
        yield from _heading("What was decided")
        yield Padding(decision_table(one["decisions"]), (0, 0, 0, 2))
    if one["look_at"]:
        yield from _heading("See also")
        yield from (_indented(f"payment {each}") for each in one["look_at"])
    yield from _heading("Rule")
    yield _indented(one["contract"])


def _remedies(remedies: list[Json]) -> Iterator[RenderableType]:
    if not remedies:
        return
    yield from _heading("What would resolve it" + (": any one of these" if len(remedies) > 1 else ""))
    for number, remedy in enumerate(remedies, start=1):
        yield _indented(f"{number}. {remedy['what']}:")
        for event in remedy["events"]:
            yield _indented(f"- {event['text']}", 5)
        for then in remedy["then"]:
            due_at = then["due_at"]
            opens = "at once" if due_at is None else f"on {instant_cell(due_at)}, unless further events come"
            yield _indented(f"then {then['class']} opens {opens}", 5)


def _line(text: str, *, style: str = "") -> Text:
    return Text(printable(text), style=style)


def _heading(text: str) -> Iterator[RenderableType]:
    yield Text()
    yield Text(text, style="bold")


def _indented(text: str, columns: int = 2) -> RenderableType:
    return Padding(_line(text), (0, 0, 0, columns))


def _table(*columns: str) -> Table:
    table = Table(show_edge=False, pad_edge=False, box=None, header_style="dim")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _add_row(table: Table, *cells: str) -> None:
    table.add_row(*map(printable, cells))

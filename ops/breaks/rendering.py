"""Breaks on the terminal: a table of them, what was told of one, and the story of one."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from domain.formatting import amount_text, instant_text
from domain.time import DAY, HOUR, MINUTE, Micros
from ops.breaks.source import Json
from streams.codec.json_form import instant_from_text

COLUMNS = ["prio", "class", "key", "drift", "age", "due", "property", "id"]

EXPLANATION_WIDTH = 110
"""How wide a story is where there is no terminal: it goes into tickets and mails."""


def instant_cell(text: str | None) -> str:
    """An instant of a record, as a person reads it; `-` where there is none."""
    return "-" if text is None else instant_text(instant_from_text(text))


def duration_text(micros: Micros) -> str:
    """A span of time in its largest whole unit: `3 d`, `5 h`, `12 min`."""
    for unit, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if micros >= unit:
            return f"{micros // unit} {name}"
    return "0 min"


def list_row(alert: Json, now: Micros) -> list[str]:
    """A break as a row of the list."""
    ended = alert["resolved_at"]
    until = now if ended is None else instant_from_text(ended)
    return [
        str(alert["priority"]),
        alert["class"] + ("" if ended is None else " (resolved)"),
        f"{alert['key_kind']} {alert['key']}",
        amount_text(alert["drift_minor"], alert["currency"]),
        duration_text(until - instant_from_text(alert["opened_at"])),
        instant_cell(alert["due_at"]),
        alert.get("property_id") or "-",
        alert["break_id"],
    ]


def render_history(told: list[Json], now: Micros) -> RenderableType:
    """What was told of a break, record by record, and how it ended."""
    last = told[-1]
    table = _table("told", "lifecycle", "class", "expected", "actual", "drift", "due")
    for alert in told:
        table.add_row(
            instant_text(alert["version"]),  # versions are drawn from the wall clock (docs/decisions, number 5)
            alert["lifecycle"],
            alert["class"],
            *(amount_text(alert[f"{name}_minor"], alert["currency"]) for name in ("expected", "actual", "drift")),
            instant_cell(alert["due_at"]),
        )
    opened = instant_from_text(last["opened_at"])
    lines = [
        f"break {last['break_id']}: {last['class']}, priority {last['priority']}",
        f"{last['key_kind']} {last['key']}, subject {' '.join(last['subject'])}",
    ]
    if last["resolved_at"] is None:
        lines.append(f"opened {instant_cell(last['opened_at'])}, open for {duration_text(now - opened)}")
    else:
        open_for = duration_text(instant_from_text(last["resolved_at"]) - opened)
        lines.append(
            f"opened {instant_cell(last['opened_at'])}, resolved {instant_cell(last['resolved_at'])}, after {open_for}"
        )
    lines.append(f"rests on {', '.join(last['event_ids'])}")
    if told[0]["lifecycle"] != "opened":
        lines.append("what was told before is compacted away: only the last record of a break is kept for ever")
    return Group(*map(Text, lines), Text(), table)


def render_explanation(explanation: Json) -> RenderableType:
    """The story of a break, for the person who works it."""
    return Group(*_explanation_parts(explanation))


def _explanation_parts(one: Json) -> Iterator[RenderableType]:
    yield Text(one["title"], style="bold")
    yield Text(f"{one['class']}, priority {one['priority']}, break {one['break_id']}")
    place = "" if one["property_id"] is None else f", property {one['property_id']}"
    yield Text(f"{one['key_kind']} {one['key']}, subject {' '.join(one['subject'])}{place}")
    yield Text(f"expected {one['expected_text']}, actual {one['actual_text']}: drift {one['drift_text']}")
    instants = [("due", one["due_at"]), ("opened", one["opened_at"]), ("resolved", one["resolved_at"])]
    told = ", ".join(f"{name} {instant_cell(at)}" for name, at in instants if at is not None)
    if told:
        yield Text(told)

    yield from _heading("What happened (the break rests on what is marked *)")
    table = _table("", "when", "who", "event", "what")
    for entry in one["story"]:
        event = entry["event_id"] or "-"
        if entry["also_told_by"]:
            how = "differently" if entry["conflicting"] else "likewise"
            event += f" (and {how} {', '.join(entry['also_told_by'])})"
        table.add_row("*" if entry["rests"] else "", instant_cell(entry["at"]), entry["source"], event, entry["text"])
    yield Padding(table, (0, 0, 0, 2))

    yield from _heading("What was expected")
    yield _body(one["expected"])
    yield from _heading("What is missing or contradicts")
    yield _body(one["missing"])
    ahead = [f"{instant_cell(each['at'])}: {each['what']}" for each in one["deadlines"] if not each["passed"]]
    if ahead:
        yield from _heading("Deadlines ahead")
        yield from map(_body, ahead)
    if one["resolutions"]:
        yield from _heading("What would resolve it" + (": any one of these" if len(one["resolutions"]) > 1 else ""))
        for number, resolution in enumerate(one["resolutions"], start=1):
            yield _body(f"{number}. {resolution['what']}:")
            for event in resolution["events"]:
                yield Padding(Text(f"- {event['text']}"), (0, 0, 0, 5))
            for then in resolution["then"]:
                by = "at once" if then["due_at"] is None else f"on {instant_cell(then['due_at'])}, unless more comes"
                yield Padding(Text(f"then {then['class']} opens {by}"), (0, 0, 0, 5))
    if one["resolved_at"] is None:
        yield from _heading("What people do")
        yield _body(one["advice"])
    if one["look_at"]:
        yield from _heading("Look at")
        yield from (_body(f"payment {each}") for each in one["look_at"])
    yield from _heading("Rule")
    yield _body(one["contract"])


def _heading(text: str) -> Iterator[RenderableType]:
    yield Text()
    yield Text(text, style="bold")


def _body(text: str) -> RenderableType:
    return Padding(Text(text), (0, 0, 0, 2))


def _table(*columns: str) -> Table:
    table = Table(show_edge=False, pad_edge=False, box=None, header_style="dim")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table

"""What the commands share: data on stdout, messages on stderr, errors that say what to do, options."""

import inspect
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import click
import msgspec
from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.segment import Segment, Segments
from rich.table import Table

_encode = msgspec.json.Encoder().encode

_INVISIBLE = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""What JSON leaves unescaped and a terminal may obey: C1 controls, and marks that reverse the direction of text."""


class Failure(click.ClickException):
    """Something could not be done (exit status 1). The message says what to do next."""

    exit_code = 1

    def format_message(self) -> str:
        """The message, which may quote input."""
        return _printable_lines(self.message)


class Misuse(Failure):
    """The command or a setting was given wrongly (exit status 2). The message says how it is right."""

    exit_code = 2


def _with_examples_kept(help_text: str | None) -> str | None:
    """Keep the lines of an indented paragraph under a line that ends with a colon; click would join them."""
    if help_text is None:
        return None
    return re.sub(r"\n\n([^\n]+:\n {2})", "\n\n\b\n\\1", inspect.cleandoc(help_text))


class Command(click.Command):
    """A command whose examples are shown line by line, as its docstring has them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.help = _with_examples_kept(self.help)


class Group(click.Group):
    """Commands under one name, likewise."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.help = _with_examples_kept(self.help)


class _LogLevel(click.Choice[str]):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Accept Faust's `warn` as well."""
        return super().convert("warning" if str(value).lower() == "warn" else value, param, ctx)


log_level_option = click.option(
    "--log-level",
    type=_LogLevel(["DEBUG", "INFO", "WARNING", "ERROR"], case_sensitive=False),
    help="Least severe level to log; RENTMATCH_LOG_LEVEL by default.",
)
"""Hands the command a level of `logging`, or None."""


def printable(text: str) -> str:
    r"""Escape what a terminal could obey or a reader could not see, as in `\x1b[2J`, `\n`, `\u202e`.

    Ids, keys and reasons are whatever a producer wrote. Letters of every script stay as they are.
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def _printable_lines(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))


def fail(message: str) -> NoReturn:
    """End the command with exit status 1."""
    raise Failure(message)


def misuse(message: str) -> NoReturn:
    """End the command with exit status 2."""
    raise Misuse(message)


def say(message: str) -> None:
    """Print a message on stderr: stdout is for data."""
    click.echo(printable(message), err=True)


def put_json(value: Any) -> None:
    """Print a JSON object as one line on stdout, without a byte that a terminal could obey."""
    line = _encode(value).decode()
    if not line.isprintable():
        line = _INVISIBLE.sub(lambda found: f"\\u{ord(found[0]):04x}", line)
    click.get_binary_stream("stdout").write(line.encode() + b"\n")


def put_line(line: str) -> None:
    """Print one line of text on stdout."""
    click.echo(printable(line))


def json_text(value: Any) -> str:
    """A value as compact JSON text."""
    return _encode(value).decode("utf-8")


def put_table(columns: list[str], rows: list[list[str]], title: str | None = None) -> None:
    """Print a table on stdout; as wide as the terminal, or as its content where stdout is no terminal."""
    table = Table(title=title, title_justify="left", show_edge=False, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*map(printable, row))
    put_rendered(table)


def put_rendered(what: RenderableType, width: int = 10_000) -> None:
    """Print something of rich's on stdout; as wide as the terminal, or up to `width` where stdout is no terminal."""
    is_terminal = sys.stdout.isatty()
    console = Console(file=sys.stdout, width=None if is_terminal else width, highlight=False, markup=False)
    # Callers escape their own text, which keeps lines and columns whole; this catches what was forgotten.
    segments = [
        segment if segment.control or segment.text == "\n" else Segment(_printable_lines(segment.text), segment.style)
        for segment in console.render(what)
    ]
    if is_terminal:
        console.print(Segments(segments), end="")
        return
    # A file should not hold the padding to the full width.
    for line in "".join(segment.text for segment in segments if not segment.control).splitlines():
        click.echo(line.rstrip())


class Meter:
    """The bar of one long task."""

    EVERY = 512
    """Updating the bar for each record would take longer than the work."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task
        self._count = 0

    def step(self) -> None:
        """One more is done."""
        self._count += 1
        if self._count % self.EVERY == 0:
            self._progress.update(self._task, completed=self._count)

    def reach(self, count: int, total: int) -> None:
        """`count` of `total` are done. Call at most a few times a second."""
        self._progress.update(self._task, completed=count, total=total)


@contextmanager
def meter(what: str, total: int | None = None, *, shown: bool = True) -> Iterator[Meter]:
    """A progress bar on stderr, if that is a terminal.

    Args:
        what: the task: "publishing".
        total: the number of steps, if it is known.
        shown: False where lines come or go on the same terminal, which a bar between them would garble.

    """
    columns = [
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    ]
    hidden = not shown or not sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=hidden) as progress:
        yield Meter(progress, progress.add_task(what, total=total))

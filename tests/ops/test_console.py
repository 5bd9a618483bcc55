"""What a producer wrote can neither drive an operator's terminal nor forge a line of output."""

import json

import click
import pytest
from click.testing import CliRunner
from rich.text import Text

from ops.console import Failure, printable, put_json, put_line, put_rendered, put_table, say

HOSTILE = "P-1\x1b[2J\x9b2J\u202e\r\n9:9  forged \x07"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("P-1 Zoë 家賃 [bold]", "P-1 Zoë 家賃 [bold]"),
        ("\x1b[2J", r"\x1b[2J"),
        ("a\nb\tc\r", r"a\nb\tc\r"),
        ("\x9b2J", r"\x9b2J"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\ud800", r"\ud800"),
    ],
)
def test_what_a_terminal_could_obey_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


def output_of(show: object) -> tuple[str, str]:
    """What a command that calls `show` prints on stdout and on stderr."""
    assert callable(show)
    result = CliRunner().invoke(click.Command("test", callback=show))
    return result.stdout, result.stderr


@pytest.mark.parametrize(
    "show",
    [
        lambda: put_line(HOSTILE),
        lambda: say(HOSTILE),
        lambda: put_json({"payment_id": HOSTILE}),
        lambda: put_table(["id"], [[HOSTILE]]),
        lambda: put_rendered(Text(HOSTILE)),
    ],
    ids=["line", "message", "json", "table", "rendered"],
)
def test_every_way_out_escapes(show: object) -> None:
    printed = "".join(output_of(show))
    assert "P-1" in printed
    assert printed.replace("\n", "").isprintable()


def test_a_failure_that_quotes_input_is_escaped_and_keeps_its_lines() -> None:
    def fails() -> None:
        raise Failure("no \x1b[2J\nsecond line")

    assert output_of(fails) == ("", "Error: no \\x1b[2J\nsecond line\n")


@pytest.mark.parametrize("show", [put_line, say, lambda text: put_table(["id"], [[text]])])
def test_an_id_cannot_forge_a_line(show: object) -> None:
    assert callable(show)
    lines = "".join(output_of(lambda: show("a\nb"))).splitlines()
    assert [line for line in lines if line.startswith("b")] == []


def test_json_keeps_its_meaning() -> None:
    stdout, _ = output_of(lambda: put_json({"payment_id": HOSTILE, "name": "Zoë"}))
    assert json.loads(stdout) == {"payment_id": HOSTILE, "name": "Zoë"}
    assert "Zoë" in stdout

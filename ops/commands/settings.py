"""`rentmatch settings`: every setting, its value in force and its meaning."""

import re
from typing import Any

import click
from pydantic import SecretStr

from ops.console import Command, put_json, put_table
from streams.settings import PREFIX, Settings, load

MASK = "********"


def _shown(value: Any) -> Any:
    """A value as JSON, secrets and passwords in URLs masked."""
    if isinstance(value, SecretStr):
        return MASK
    if value is None or isinstance(value, bool | int):
        return value
    return re.sub(r"(://[^/@:]*):[^/@]*@", rf"\1:{MASK}@", str(value))


def rows(settings: Settings) -> list[dict[str, Any]]:
    """Each setting: its variable, value in force (secrets masked), default and meaning."""
    return [
        {
            "name": PREFIX + name.upper(),
            "value": _shown(getattr(settings, name)),
            "default": _shown(info.default),
            "meaning": info.description,
        }
        for name, info in Settings.model_fields.items()
    ]


@click.command(cls=Command, name="settings", short_help="List every setting.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def command(as_json: bool) -> None:
    """List every setting: its environment variable, the value in force, the default and the meaning.

    A value that differs from its default is marked with `*`; secrets are masked.

    Example:
      RENTMATCH_BROKER=kafka-1:9092 rentmatch settings

    """
    found = rows(load())
    if as_json:
        for row in found:
            put_json(row)
        return
    table = []
    for row in found:
        mark = "" if row["value"] == row["default"] else "* "
        cells = ["-" if row[column] in (None, "") else str(row[column]) for column in ("value", "default")]
        table.append([mark + row["name"], *cells, row["meaning"]])
    put_table(["variable", "value", "default", "meaning"], table)

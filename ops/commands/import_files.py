"""`rentmatch import`: files of processors and banks to the input topics."""

import tomllib
from pathlib import Path
from typing import Any

import click

from connectors.formats import MODULES, Format, OptionsError, format_of
from connectors.model import BrokenFile
from ops.console import Command, fail, meter, misuse, put_json, say
from ops.importing import report
from ops.importing.door import PreparedFile, complete_payouts, encode_together, publish, read, read_content
from streams.codec.codec import Codec, codec_of
from streams.settings import load


def options_of(format_: Format, given: dict[str, Any], account: str | None) -> Any:
    """The options of a format from a mapping file, `--option` and `--account`.

    Raises:
        OptionsError: one is unknown, missing or wrong.

    """
    values = dict(given)
    if account is not None:
        names = [name for name in ("account_id", "account") if name in format_.option_names]
        if not names:
            raise OptionsError(f"{format_.name} takes no account")
        values[names[0]] = account
    return format_.options_from(values)


def mapping_of(path: Path) -> dict[str, Any]:
    """The content of a mapping file.

    Raises:
        OptionsError: it cannot be read, or is not TOML.

    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise OptionsError(f"{path.name} cannot be read: {error.strerror}") from None
    except ValueError as error:  # TOMLDecodeError, UnicodeDecodeError
        raise OptionsError(f"{path.name} is not TOML: {error}") from None


def _named(words: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for word in words:
        name, separator, value = word.partition("=")
        if not separator:
            misuse(f"--option {word}: write it as NAME=VALUE")
        found[name.strip().replace("-", "_")] = value
    return found


@click.command(cls=Command, name="import", short_help="Import files of processors and banks.")
@click.argument("format_name", metavar="FORMAT", type=click.Choice(sorted(MODULES)))
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--account", metavar="ID", help="The bank account that the file is about, or that payouts go to.")
@click.option(
    "--mapping", type=click.Path(dir_okay=False, path_type=Path),
    help="TOML file with the options of the format; for csv, which column is which field.",
)  # fmt: skip
@click.option("--option", "words", metavar="NAME=VALUE", multiple=True, help="One option of the format; repeatable.")
@click.option("--strict", is_flag=True, help="Send nothing if a line is not understood or a total does not add up.")
@click.option("--dry-run", is_flag=True, help="Read and check everything, and send nothing; needs no broker.")
@click.option("--json", "as_json", is_flag=True, help="The report as one JSON object a file, with every line.")
def command(
    format_name: str,
    files: tuple[Path, ...],
    account: str | None,
    mapping: Path | None,
    words: tuple[str, ...],
    strict: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Import files of processors and banks to the input topics.

    All files are read and checked first, then published. A file that cannot be used ends the command before anything
    is sent. A line that is not understood is in the report, and goes to the dead letters with its bytes; then the exit
    status is 1. Importing a file again changes nothing. docs/connectors.md describes each format and its options.

    Examples:
      rentmatch import stripe-payouts itemized.csv --account chk-1 --dry-run
      rentmatch import csv july.csv --mapping acme.toml

    """
    settings = load()
    try:
        format_ = format_of(format_name)
        options = options_of(format_, ({} if mapping is None else mapping_of(mapping)) | _named(words), account)
    except OptionsError as error:
        misuse(str(error))
    codec = Codec() if dry_run else codec_of(settings)
    prepared: list[PreparedFile] = []
    with meter("reading", len(files)) as progress:
        for number, path in enumerate(files, start=1):
            try:
                prepared.append(read(read_content(path), format_, options))
            except BrokenFile as error:
                fail(f"{path.name}: {error}. Nothing was sent.")
            progress.reach(number, len(files))
    encode_together(settings, codec, prepared, format_, options)
    unclear = sum(len(file.found.not_understood) for file in prepared)
    off = [file.file.name for file in prepared if not file.adds_up]
    refused = strict and bool(unclear or off)
    if not (dry_run or refused):
        complete_payouts(settings, codec, prepared, format_, options)
        total = sum(len(file.records) + len(file.letters) for file in prepared)
        with meter("publishing", total) as progress:
            publish(settings, prepared, progress.step)
    payouts = report.payouts_of(prepared)
    for file in prepared:
        if as_json:
            put_json(report.as_json(file, payouts, dry_run=dry_run or refused))
        else:
            report.show(file, payouts)
    _close(prepared, unclear, off, dry_run=dry_run, refused=refused)


def _close(prepared: list[PreparedFile], unclear: int, off: list[str], *, dry_run: bool, refused: bool) -> None:
    """Say what was done; exit status 1 if a line was not understood, or --strict refused."""
    records = sum(len(file.records) for file in prepared)
    for name in off:
        say(f"{name}: its totals do not add up; see the controls above")
    if refused:
        fail(f"nothing was sent (--strict): {unclear} lines not understood, {len(off)} files do not add up")
    done = f"{records} records valid, nothing sent (--dry-run)" if dry_run else f"{records} records published"
    if unclear:
        where = "they would be dead letters" if dry_run else "see `rentmatch dead-letters list --class unreadable_line`"
        fail(f"{done}; {unclear} lines are not understood: {where}")
    say(done)

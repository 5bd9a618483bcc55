"""`rentmatch dead-letters`: list input that could not be read, see why, and re-feed it once the cause is fixed."""

import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import click

from gateway.commands.letters import Letter, find, input_of, letter_of, plan
from ops.console import Command, Group, fail, json_text, misuse, put_json, put_line, put_table, say
from ops.describing import headers_to_json, text_or_hex
from ops.importing.door import FILE_HEADER, SOURCE_PREFIX
from ops.producing import BulkProducer
from streams import topics
from streams.broker import reading
from streams.codec.codec import codec_of
from streams.codec.dead_letters import BadInput, DeadLetterClass
from streams.codec.json_form import fact_to_json
from streams.settings import Settings, load

HEX_BYTES_SHOWN_MAX = 4096
UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def letter_as_json(letter: Letter) -> dict[str, Any]:
    """The JSON object that `list --json` prints."""
    row: dict[str, Any] = {"id": letter.id, "written_at": None}
    if letter.record.timestamp_ms is not None:
        row["written_at"] = reading.timestamp_text(letter.record.timestamp_ms)
    if letter.headers is None:
        row["class"] = None
    else:
        row |= {
            "class": letter.headers.error_class.value,
            "message": letter.headers.message,
            "source_topic": letter.headers.source_topic,
            "source_partition": letter.headers.source_partition,
            "source_offset": letter.headers.source_offset,
            "service_version": letter.headers.service_version,
        }
    row |= {"key": text_or_hex(letter.record.key), "bytes": len(letter.record.value or b"")}
    if letter.original_headers:
        row["original_headers"] = headers_to_json(letter.original_headers)
    return row


@dataclass(frozen=True, slots=True)
class Filters:
    """The dead letters to select; None selects all."""

    error_class: str | None
    source_topic: str | None
    since_ms: int | None

    def select(self, letter: Letter) -> bool:
        """Whether this one is selected."""
        headers, written_at = letter.headers, letter.record.timestamp_ms
        if self.error_class is not None and (headers is None or headers.error_class != self.error_class):
            return False
        if self.source_topic is not None and (headers is None or headers.source_topic != self.source_topic):
            return False
        return self.since_ms is None or written_at is None or written_at >= self.since_ms

    @property
    def any(self) -> bool:
        """At least one is set."""
        return (self.error_class, self.source_topic, self.since_ms) != (None, None, None)


def _letters(settings: Settings, filters: Filters) -> Iterator[Letter]:
    found = (letter_of(record) for record in reading.records(settings, topics.DEAD_LETTER))
    return (letter for letter in found if filters.select(letter))


def since_ms(text: str, now_ms: int) -> int:
    """Parse `--since`: an age (`90m`, `24h`, `7d`) or an ISO 8601 instant with a zone, to milliseconds since 1970.

    Raises:
        ValueError: it is neither.

    """
    age = re.fullmatch(r"(\d{1,9})([smhd])", text)
    if age:
        return now_ms - int(age[1]) * UNIT_SECONDS[age[2]] * 1000
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise ValueError(f"{text!r} is neither an age (90m, 24h, 7d) nor an instant with a zone (2026-07-01T00:00:00Z)")
    return int(instant.timestamp()) * 1000


def _filters(settings: Settings, error_class: str | None, topic: str | None, since: str | None) -> Filters:
    source = settings.topic(reading.resolve(settings, topic, topics.INPUTS)) if topic else None
    try:
        since_at = since_ms(since, time.time_ns() // 1_000_000) if since else None
    except ValueError as error:
        misuse(f"--since: {error}")
    return Filters(error_class, source, since_at)


def _find(settings: Settings, letter_id: str) -> Letter:
    """The dead letter with an id.

    Raises:
        click.ClickException: the id is malformed or there is no such record.

    """
    try:
        letter = find(settings, letter_id)
    except ValueError as error:
        misuse(f"{error}, as `rentmatch dead-letters list` shows it")
    if letter is None:
        fail(f"there is no dead letter {letter_id}; it may have expired. See `rentmatch dead-letters list`.")
    return letter


def _filter_options(command: Any) -> Any:
    for option in (
        click.option("--since", metavar="WHEN", help="Written since: an age (90m, 24h, 7d) or an ISO 8601 instant."),
        click.option("--topic", help="From this input topic."),
        click.option(
            "--class", "error_class", type=click.Choice([c.value for c in DeadLetterClass]), help="Of this class."
        ),
    ):
        command = option(command)
    return command


@click.group(cls=Group, name="dead-letters", short_help="List and re-feed input that could not be read.")
def command() -> None:
    """Input that could not be read: list it, show it, re-feed it.

    A record that cannot be decoded or breaks a rule of the contract goes to the dead-letter topic with its bytes
    unchanged, and never stops its partition. Once the cause is fixed, re-feed it.

    Example:
      rentmatch dead-letters list --class unknown_schema
      rentmatch dead-letters show 3:41
      rentmatch dead-letters refeed --class unknown_schema --yes

    """


@command.command(cls=Command, name="list")
@_filter_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_letters(error_class: str | None, topic: str | None, since: str | None, as_json: bool) -> None:
    """List dead letters, each with its id, class and where it came from.

    Examples:
      rentmatch dead-letters list --since 24h
      rentmatch dead-letters list --topic ledger-events --json

    """
    settings = load()
    found = _letters(settings, _filters(settings, error_class, topic, since))
    if as_json:
        for letter in found:
            put_json(letter_as_json(letter))
        return
    rows = []
    for letter in found:
        row = letter_as_json(letter)
        source = f"{row['source_topic']} {row['source_partition']}:{row['source_offset']}" if letter.headers else "-"
        cells = (letter.id, row["written_at"], row["class"], source, row["key"], row["bytes"], row.get("message"))
        rows.append(["-" if cell is None else str(cell) for cell in cells])
    if not rows:
        say("no dead letters")
        return
    put_table(["id", "written at", "class", "source", "key", "bytes", "message"], rows)


@command.command(cls=Command, name="show")
@click.argument("letter_id", metavar="ID")
def show(letter_id: str) -> None:
    """Show one dead letter: headers, bytes, and whether it can be read now.

    ID is partition:offset on the dead-letter topic, as `list` shows it.

    Example:
      rentmatch dead-letters show 3:41

    """
    settings = load()
    letter = _find(settings, letter_id)
    put_line(f"dead letter {letter.id}")
    for name, value in letter_as_json(letter).items():
        if name not in {"id", "original_headers"}:
            put_line(f"  {name.replace('_', ' ')}: {'-' if value is None else value}")
    for name, raw in letter.record.headers if letter.headers is None else letter.original_headers:
        put_line(f"  header {name}: {'-' if raw is None else text_or_hex(raw)}")
    for line in hex_dump(letter.record.value or b""):
        put_line(line)
    for line in verdict(settings, letter):
        put_line(line)


def hex_dump(value: bytes) -> Iterator[str]:
    """Sixteen bytes per line: offset, hexadecimal, and the printable ASCII characters."""
    for start in range(0, min(len(value), HEX_BYTES_SHOWN_MAX), 16):
        row = value[start : start + 16]
        letters = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        yield f"  {start:08x}  {row.hex(' '):<47}  {letters}"
    if len(value) > HEX_BYTES_SHOWN_MAX:
        yield f"  … {len(value) - HEX_BYTES_SHOWN_MAX} more bytes; `rentmatch read dead-letter --json` shows all"


def verdict(settings: Settings, letter: Letter) -> list[str]:
    """Whether this version can read a dead letter, and what to do with it: lines for the operator."""
    source = input_of(settings, letter)
    if source is None and letter.headers is not None and letter.headers.source_topic.startswith(SOURCE_PREFIX):
        name = dict(letter.original_headers).get(FILE_HEADER) or b"a file"
        return [
            f"It is line {letter.headers.source_offset} of {text_or_hex(name)}, which was imported. Correct the line, "
            "or the options of its format, and import the file again; what is there already changes nothing."
        ]
    if (
        source is None
        and letter.headers is not None
        and letter.headers.error_class is DeadLetterClass.UNREADABLE_CHANGE
    ):
        return [
            "It is a change of a ledger. Correct the row, or the mapping; the row counts once it changes again, or "
            "with a new snapshot."
        ]
    if source is None:
        return ["It names no input topic of this installation, so it can neither be decoded nor re-fed."]
    try:
        fact = codec_of(settings).decode_input(source, letter.record.value, letter.original_headers)
    except BadInput as error:
        return [f"It still cannot be read ({error.error_class}): {error.message}"]
    return [
        f"It can be read now: {json_text(fact_to_json(fact))}",
        f"Re-feed it: rentmatch dead-letters refeed {letter.id}",
    ]


@command.command(cls=Command, name="refeed")
@click.argument("letter_ids", metavar="[ID]...", nargs=-1)
@_filter_options
@click.option("--yes", is_flag=True, help="Do it, where the letters are chosen by filters.")
def refeed(
    letter_ids: tuple[str, ...], error_class: str | None, topic: str | None, since: str | None, yes: bool
) -> None:
    """Publish dead letters again on the topic they came from: the same bytes, key and headers.

    Choose them by ID, or by filters with --yes. One more header, the last, names the dead letter. A record that is
    still bad becomes a dead letter again. Re-feeding twice does no harm: a fact counts once. Letters with the same
    bytes, key, headers and topic are re-fed once.

    Examples:
      rentmatch dead-letters refeed 3:41 3:44
      rentmatch dead-letters refeed --topic ledger-events --class unknown_schema --yes

    """
    settings = load()
    filters = _filters(settings, error_class, topic, since)
    if bool(letter_ids) == filters.any:
        misuse("choose the dead letters either by ID or by --class, --topic or --since")
    chosen = [_find(settings, letter_id) for letter_id in letter_ids] or list(_letters(settings, filters))
    if not chosen:
        say("no dead letters match; nothing to do")
        return
    if not letter_ids and not yes:
        misuse(f"{len(chosen)} dead letters match; add --yes to re-feed them, or `list` them with the same filters")
    _refeed(settings, chosen)


def _refeed(settings: Settings, chosen: Iterable[Letter]) -> None:
    producer = BulkProducer(settings)
    sent, homeless = [], 0
    for planned in plan(settings, chosen):
        if planned.topic is None:
            homeless += 1
            say(f"{planned.letter.id}: left out: it names no input topic of this installation")
            continue
        if planned.same_as is not None:
            say(f"{planned.letter.id}: the same record as {planned.same_as}, which is re-fed for both")
            continue
        name = settings.topic(planned.topic)
        record = planned.letter.record
        producer.require(name)
        producer.send(name, record.key, record.value, label=planned.letter.id, headers=planned.headers)
        sent.append((planned.letter.id, name))
    producer.finish()
    lost = {undelivered.label: undelivered.reason for undelivered in producer.undelivered}
    for letter_id, name in sent:
        if letter_id in lost:
            say(f"{letter_id}: not delivered: {lost[letter_id]}")
        else:
            put_line(f"{letter_id}: re-fed to {name}")
    if lost or homeless:
        fail(f"{len(lost)} not delivered, {homeless} left out; see above.")

"""`rentmatch read`: what is on a topic, decoded."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import click

from ops import internal_records
from ops.console import Command, fail, json_text, meter, misuse, put_json, put_line
from streams.broker import reading
from streams.broker.reading import RawRecord, UndecodableError
from streams.codec.codec import Codec, codec_of
from streams.settings import load


@dataclass(slots=True)
class Shower:
    """Prints records and counts those that could not be decoded."""

    codec: Codec
    as_json: bool
    with_metadata: bool
    undecodable: int = 0

    def show(self, record: RawRecord) -> None:
        """Print what a record holds; one that cannot be decoded is printed as such."""
        try:
            objects = reading.describe(self.codec, record)
        except UndecodableError as error:
            self.undecodable += 1
            objects = [{"type": "_undecodable", "error": str(error), **reading.raw_value(record.value)}]
        for held in objects:
            if self.as_json:
                put_json({**held, "_kafka": reading.kafka_metadata(record)} if self.with_metadata else held)
            else:
                put_line(self._line(record, held))

    def _line(self, record: RawRecord, held: dict[str, Any]) -> str:
        place = f"{record.partition}:{record.offset}"
        if self.with_metadata and record.timestamp_ms is not None:
            place += " " + reading.timestamp_text(record.timestamp_ms)
        shown = [f"{name}={_plain(value)}" for name, value in held.items() if name != "type" and value is not None]
        return f"{place}  {reading.text_or_hex(record.key)}  {held.get('type', '')}  {' '.join(shown)}"

    def version_of(self, record: RawRecord) -> int | None:
        """Return the record's version, where it can be decoded and has one."""
        try:
            version = reading.describe(self.codec, record)[0].get("version")
        except (UndecodableError, IndexError):
            return None
        return version if isinstance(version, int) else None


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json_text(value)


@click.command(cls=Command, name="read", short_help="Print what is on a topic.")
@click.argument("topic")
@click.option("--last", is_flag=True, help="Only the last record of each key.")
@click.option("--follow", is_flag=True, help="Go on with what is written from now on, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--limit", type=click.IntRange(min=1), help="Stop after this many records.")
@click.option("--metadata", "with_metadata", is_flag=True, help="Also the place on the broker, under `_kafka`.")
def command(topic: str, *, last: bool, follow: bool, as_json: bool, limit: int | None, with_metadata: bool) -> None:
    """Print the records of TOPIC, decoded, from the beginning to what is the end now.

    TOPIC is any topic of rentmatch by its default name, such as payment-reconciliations (or its full name on the
    broker). Only committed records are read. A record that cannot be decoded is shown with `type` _undecodable, and
    the exit status is 1.

    Examples:
      rentmatch read payment-reconciliations --last
      rentmatch read mismatch-alerts --last --json | jq 'select(.lifecycle != "resolved")'
      rentmatch read late-payment-alerts --follow --json

    """
    if last and follow:
        misuse("--last needs an end, and --follow has none; give one of the two.")
    internal_records.register()
    settings = load()
    found = reading.resolve(settings, topic)
    shower = Shower(codec_of(settings), as_json, with_metadata)
    records: Iterable[RawRecord] = reading.records(settings, found, follow=follow)
    try:
        if last:
            with meter("reading") as progress:
                records = reading.last_of_each_key(_counted(records, progress), shower.version_of)
        for record in islice(records, limit):
            shower.show(record)
            if follow:
                sys.stdout.flush()
    except KeyboardInterrupt:
        if not follow:
            raise
    if shower.undecodable:
        fail(f"{shower.undecodable} records could not be decoded; they are shown with type _undecodable.")


def _counted(records: Iterable[RawRecord], progress: Any) -> Iterable[RawRecord]:
    for record in records:
        progress.step()
        yield record

"""`rentmatch read`: the records of a topic, decoded."""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import click

from ops.console import Command, fail, json_text, meter, misuse, put_json, put_line
from ops.describing import Describer, UndecodableError, describe, kafka_metadata, raw_value, text_or_hex
from ops.internal_records import describers
from streams.broker import reading
from streams.broker.reading import ConsumedRecord
from streams.codec.codec import Codec, codec_of
from streams.settings import load
from streams.topology import TOPOLOGY


@dataclass(slots=True)
class Printer:
    """Prints records and counts those that could not be decoded."""

    codec: Codec
    describers: Mapping[str, Describer]
    as_json: bool
    with_metadata: bool
    undecodable: int = 0

    def show(self, record: ConsumedRecord) -> None:
        """Print a record; one that cannot be decoded is printed as such."""
        try:
            objects = describe(self.codec, record, self.describers)
        except UndecodableError as error:
            self.undecodable += 1
            objects = [{"type": "_undecodable", "error": str(error), **raw_value(record.value)}]
        for fields in objects:
            if self.as_json:
                put_json({**fields, "_kafka": kafka_metadata(record)} if self.with_metadata else fields)
            else:
                put_line(self._line(record, fields))

    def _line(self, record: ConsumedRecord, fields: dict[str, Any]) -> str:
        place = f"{record.partition}:{record.offset}"
        if self.with_metadata and record.timestamp_ms is not None:
            place += " " + reading.timestamp_text(record.timestamp_ms)
        shown = [
            f"{name}={value if isinstance(value, str) else json_text(value)}"
            for name, value in fields.items()
            if name != "type" and value is not None
        ]
        return f"{place}  {text_or_hex(record.key)}  {fields.get('type', '')}  {' '.join(shown)}"

    def version_of(self, record: ConsumedRecord) -> int | None:
        """The record's version; None if it has none or cannot be decoded."""
        try:
            version = describe(self.codec, record, self.describers)[0].get("version")
        except (UndecodableError, IndexError):
            return None
        return version if isinstance(version, int) else None


@click.command(cls=Command, name="read", short_help="Print the records of a topic.")
@click.argument("topic")
@click.option("--last", is_flag=True, help="Only the last record of each key that is not deleted.")
@click.option("--follow", is_flag=True, help="Continue with new records until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--limit", type=click.IntRange(min=1), help="Stop after this many records.")
@click.option("--metadata", "with_metadata", is_flag=True, help="Also the place on the broker, under `_kafka`.")
def command(topic: str, *, last: bool, follow: bool, as_json: bool, limit: int | None, with_metadata: bool) -> None:
    """Print the records of TOPIC, decoded, from the beginning to the current end.

    TOPIC is any topic of rentmatch by its default name, such as payment-reconciliations (or its full name on the
    broker). Only committed records are read. A record that cannot be decoded is shown with `type` _undecodable, and
    the exit status is 1. A null value, which deletes its key, is shown with `type` _deleted; with --last, a key whose
    last record it is has none.

    Examples:
      rentmatch read payment-reconciliations --last
      rentmatch read mismatch-alerts --last --json | jq 'select(.lifecycle != "resolved")'
      rentmatch read late-payment-alerts --follow --json

    """
    if last and follow:
        misuse("--last and --follow exclude each other: the last record is not known before the end.")
    settings = load()
    found = reading.resolve(settings, topic)
    printer = Printer(codec_of(settings), describers(TOPOLOGY), as_json, with_metadata)
    records: Iterable[ConsumedRecord] = reading.records(settings, found, follow=follow)
    try:
        if last:
            with meter("reading") as progress:
                records = reading.last_of_each_key(_counted(records, progress), printer.version_of)
            if found.compacted:
                records = [record for record in records if record.value is not None]
        for record in islice(records, limit):
            printer.show(record)
            if follow:
                sys.stdout.flush()
    except KeyboardInterrupt:
        if not follow:
            raise
    if printer.undecodable:
        fail(f"{printer.undecodable} records could not be decoded; they are shown with type _undecodable.")


def _counted(records: Iterable[ConsumedRecord], progress: Any) -> Iterable[ConsumedRecord]:
    for record in records:
        progress.step()
        yield record

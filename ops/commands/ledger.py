"""`rentmatch ledger`: the changes of a ledger's tables as facts, from Debezium or from the binlog."""

import logging.config
import socket
import zlib
from collections.abc import Callable
from importlib.metadata import version as installed_version
from pathlib import Path

import click

from connectors.ledger.changes import MappingError
from connectors.ledger.debezium import DebeziumReader, topics_of
from connectors.ledger.mapping import LedgerMapping, load_mapping
from connectors.ledger.output import LedgerOutput, OutputLost
from connectors.ledger.progress import ReaderProgress
from connectors.ledger.translation import Translator
from ops.commands.worker import choose_port
from ops.console import Command, Group, fail, log_level_option, misuse, put_table
from ops.ledger.running import Reader, ReaderProcess
from sinks import logs
from sinks.serving import PortUnavailable
from streams.codec.codec import codec_of, registry_of
from streams.settings import Settings, load

mapping_argument = click.argument("mapping_file", metavar="MAPPING", type=click.Path(dir_okay=False, path_type=Path))
without_web_option = click.option("--without-web", is_flag=True, help="No web server: no metrics, no health endpoints.")


def _mapping(path: Path) -> LedgerMapping:
    try:
        mapping = load_mapping(path)
        Translator(mapping)
    except MappingError as error:
        misuse(str(error))
    return mapping


def _log(settings: Settings, level: str | None) -> None:
    logging.config.dictConfig(
        logs.config(
            settings.log_format,
            {"application": settings.application_id, "worker": settings.worker_id or socket.gethostname()},
            settings.secrets(),
            level or settings.log_level,
        )
    )


def _run(
    settings: Settings,
    mapping: LedgerMapping,
    open_reader: Callable[[LedgerOutput, ReaderProgress], Reader],
    *,
    without_web: bool,
) -> None:
    """Run a reader with its web server, until SIGTERM or Ctrl-C."""
    progress = ReaderProgress()
    process = ReaderProcess(mapping.name, progress)

    def opened(process: ReaderProcess) -> Reader:
        process.output = LedgerOutput(settings, mapping.name, codec_of(settings))
        return open_reader(process.output, progress)

    port = 0 if without_web or settings.http_port == 0 else choose_port(settings)
    try:
        process.run(opened, settings.http_host, port)
    except (PortUnavailable, OutputLost) as error:
        again = ". Start again: it goes on from what is committed." if isinstance(error, OutputLost) else ""
        fail(f"{error}{again}")


@click.group(cls=Group, name="ledger", short_help="Read a ledger's changes by Debezium or from its binlog.")
def command() -> None:
    """Read the changes of a ledger's tables as facts.

    A mapping file says which table's rows are which record. An update of posted money becomes a reversal and a new
    posting; a deleted or voided row is taken back. Each change counts once, through restarts of this process, of
    Debezium and of Kafka.

    Example:
      rentmatch ledger check ledger.toml

    """


@command.command(cls=Command, name="check")
@mapping_argument
def check(mapping_file: Path) -> None:
    """Check a mapping file, and show what it does. No broker is needed.

    Example:
      rentmatch ledger check ledger.toml

    """
    mapping = _mapping(mapping_file)
    rows = []
    for entry in mapping.table:
        fields = ", ".join(f"{name} ← {_source(spec)}" for name, spec in mapping.specs_of(entry).items())
        rows.append([entry.table, entry.record, fields])
    put_table(["table", "record", "fields"], rows)


def _source(spec: object) -> str:
    column, value, text = (getattr(spec, name) for name in ("column", "value", "text"))
    return str(column or text or repr(value))


@command.command(cls=Command, name="debezium")
@mapping_argument
@click.option(
    "--after-gap", is_flag=True, help="Go on where records have expired unread; Debezium must snapshot again."
)
@without_web_option
@log_level_option
def debezium(mapping_file: Path, after_gap: bool, without_web: bool, log_level: str | None) -> None:
    """Read Debezium's topics and write `ledger-events`, until SIGTERM or Ctrl-C.

    Read are JSON with and without schemas, and Avro by the Schema Registry; envelopes, and rows of the transform
    ExtractNewRecordState. Facts, dead letters and the offsets are written in one transaction. One process at a time
    runs for a mapping: a second one ends the first.

    Example:
      rentmatch ledger debezium ledger.toml

    """
    mapping = _mapping(mapping_file)
    settings = load()
    _log(settings, log_level)
    try:
        topics_of(mapping)
        _run(
            settings,
            mapping,
            lambda output, progress: DebeziumReader(
                settings,
                mapping,
                output,
                registry_of(settings),
                version=installed_version("rentmatch"),
                after_gap=after_gap,
                progress=progress,
            ),
            without_web=without_web,
        )
    except MappingError as error:
        misuse(f"{mapping_file}: {error}")


@command.command(cls=Command, name="mysql")
@mapping_argument
@click.option("--snapshot", is_flag=True, help="Read all rows again first: after a gap, or a change of the mapping.")
@without_web_option
@log_level_option
def mysql(mapping_file: Path, snapshot: bool, without_web: bool, log_level: str | None) -> None:
    """Read the binlog of MySQL or MariaDB and write `ledger-events`, until SIGTERM or Ctrl-C.

    The server needs binlog_format=ROW, binlog_row_image=FULL and binlog_row_metadata=FULL, and MySQL GTIDs; else the
    command refuses to start. The user needs SELECT on the tables, REPLICATION SLAVE and REPLICATION CLIENT (MariaDB:
    BINLOG MONITOR). The first start reports the rows that there are, and each later one goes on where the last ended.

    Example:
      RENTMATCH_LEDGER_MYSQL_URL=mysql://reader:secret@db-1:3306 rentmatch ledger mysql ledger.toml

    """
    # These take a moment to import; only this command needs them.
    from connectors.ledger.binlog import Server, SourceUnfit  # noqa: PLC0415
    from connectors.ledger.mysql import MySqlReader  # noqa: PLC0415

    mapping = _mapping(mapping_file)
    settings = load()
    _log(settings, log_level)
    url = settings.ledger_mysql_url
    if url is None or not url.get_secret_value():
        misuse("RENTMATCH_LEDGER_MYSQL_URL is not set; it is as in mysql://user:password@host:3306")
    ca_file = settings.ledger_mysql_ca_file

    def open_reader(output: LedgerOutput, progress: ReaderProgress) -> Reader:
        server_id = settings.ledger_mysql_server_id or 1 << 31 | zlib.crc32(output.group.encode()) >> 1
        return MySqlReader(
            lambda: Server(url.get_secret_value(), None if ca_file is None else str(ca_file), server_id),
            mapping,
            output,
            version=installed_version("rentmatch"),
            snapshot=snapshot,
            progress=progress,
        )

    try:
        _run(settings, mapping, open_reader, without_web=without_web)
    except MappingError as error:
        misuse(f"{mapping_file}: {error}")
    except SourceUnfit as error:
        fail(str(error))

"""The binlog of MySQL or MariaDB to `ledger-events`, in transactions that hold the position, too.

The first start reads all rows of the mapped tables, and then follows the binlog from the position before that. A change
that lies between is applied to a row that has it already, which adds nothing or ends as the ledger is. Positions are
written at ends of the ledger's transactions; the rows of a long transaction may be written before, and a change that is
read again is known by its place.
"""

import logging
import re
import time
from collections.abc import Callable, Iterable

import msgspec

from connectors.ledger.binlog import BinlogReader, End, Idle, Item, Server, SourceLost, Statement
from connectors.ledger.changes import Change, RowOperation
from connectors.ledger.mapping import LedgerMapping
from connectors.ledger.output import Checkpoint, LedgerOutput, RefusedChange
from connectors.ledger.progress import ReaderProgress, ReaderState
from connectors.ledger.row_state import LedgerFact
from connectors.ledger.translation import Translator, primary_key_of
from domain.time import Micros
from streams.clocks import system_clock
from streams.codec.dead_letters import BadInput, DeadLetter, DeadLetterClass

log = logging.getLogger(__name__)

BATCH_MAX = 2_000
"""Changes in a transaction of Kafka's."""
LINGER_S = 0.1
"""How long a transaction waits for more."""
RECONNECT_S = (1, 2, 4, 8, 15, 30)

_TRUNCATE = re.compile(r"TRUNCATE\s+(?:TABLE\s+)?([^\s;]+)", re.IGNORECASE)


class MySqlReader:
    """Reads a server's binlog and writes facts, until it is told to stop.

    Args:
        connect: connects to the server, and checks it.
        mapping: of the ledger.
        output: writes, and knows what was reported and how far was read.
        version: of the service, for dead letters.
        snapshot: read all rows again, too.
        clock: the time of day; that of the ledger's server should agree.
        progress: it keeps; by default one of its own.

    """

    def __init__(
        self,
        connect: Callable[[], Server],
        mapping: LedgerMapping,
        output: LedgerOutput,
        *,
        version: str,
        snapshot: bool = False,
        clock: Callable[[], Micros] = system_clock,
        progress: ReaderProgress | None = None,
    ) -> None:
        self._connect, self._output, self._version = connect, output, version
        self._tables = sorted({entry.table for entry in mapping.table})
        self._translator = Translator(mapping)
        self._again, self._clock = snapshot, clock
        self.progress = progress or ReaderProgress()
        self._read = 0
        self._last_change: Micros | None = None
        self._facts: list[LedgerFact] = []
        self._letters: list[RefusedChange] = []

    def run(self, stopped: Callable[[], bool]) -> None:
        """Read and write until `stopped()`; a lost connection to the ledger is opened again.

        Raises:
            MappingError: the mapping does not fit the ledger.
            OutputLost: a transaction of Kafka's failed.
            RegistryError: a schema cannot be registered.
            SourceUnfit: the server cannot be read as it is set up, or its log is gone.

        """
        lost = 0
        while not stopped():
            try:
                self._follow(self._connect(), stopped)
            except SourceLost as error:
                self._forget()
                self.progress.enter(ReaderState.DISCONNECTED, str(error))
                wait_s = RECONNECT_S[min(lost, len(RECONNECT_S) - 1)]
                lost += 1
                log.warning("%s; connecting again in %d s", error, wait_s)
                until = time.monotonic() + wait_s
                while time.monotonic() < until and not stopped():
                    time.sleep(0.1)
                    self.progress.stepped()
        done = self.progress
        log.info("read %d changes: %d facts, %d dead letters", done.changes, done.published, done.refused)

    def _follow(self, server: Server, stopped: Callable[[], bool]) -> None:
        position = self._begin(server)
        if not position.has_snapshot:
            self._snapshot(server, position)
        assert self._output.checkpoint is not None
        reader = server.read(self._output.checkpoint.position, self._tables)
        self.progress.enter(ReaderState.FOLLOWING)
        log.info("following the binlog")
        try:
            while not stopped():
                self._step(reader)
        finally:
            reader.close()

    def _begin(self, server: Server) -> Checkpoint:
        """The position to go on from: where the last process ended, or that of now, noted before rows are read."""
        found = self._output.checkpoint
        if found is not None and not self._again:
            return found
        self._again = False
        found = Checkpoint(server.position())
        self._output.commit([], [], checkpoint=found)
        return found

    def _snapshot(self, server: Server, checkpoint: Checkpoint) -> None:
        """Report the rows that there are, and take back those that were reported and are gone."""
        self.progress.enter(ReaderState.SNAPSHOT)
        log.info("reading all rows of %s", ", ".join(self._tables))
        found: set[str] = set()
        committed_at = 0
        for change in server.rows(self._tables, checkpoint.position):
            found.update(self._translator.names_of(change))
            committed_at = change.committed_at
            self._apply(change)
            if self._is_full():
                self._commit(None)
        at = committed_at or time.time_ns() // 1_000
        for table in self._tables:
            for name in self._translator.live_rows(table, self._output.states):
                if name not in found:
                    position = f"snapshot {checkpoint.position} {at}"
                    self._apply(Change(table, primary_key_of(name), RowOperation.DELETED, None, position, at))
        self._commit(msgspec.structs.replace(checkpoint, has_snapshot=True))
        self.progress.read_up_to(at)

    def _step(self, reader: BinlogReader) -> None:
        """Read what there is into one transaction."""
        end: End | None = None
        is_idle = False
        until = time.monotonic() + LINGER_S
        while not self._is_full() and (left_s := until - time.monotonic()) > 0:
            item = reader.next(left_s)
            if item is None:
                break
            is_idle = isinstance(item, Idle)
            if isinstance(item, End):
                end = item
            self._take(item)
        if end is not None or self._is_full():
            self._commit(None if end is None else Checkpoint(end.position, has_snapshot=True))
        if end is not None:
            self.progress.read_up_to(end.committed_at)
        if is_idle:
            self.progress.read_up_to(self._clock())
        self.progress.stepped()

    def _take(self, item: Item) -> None:
        match item:
            case Statement():
                self._apply_statement(item)
            case Change():
                self._apply(item)

    def _is_full(self) -> bool:
        return len(self._facts) + len(self._letters) >= BATCH_MAX or len(self._output.states.changed) >= 2 * BATCH_MAX

    def _apply(self, change: Change) -> None:
        self._read += 1
        self._last_change = change.committed_at
        done = self._translator.apply(change, self._output.states)
        self._facts += done.facts
        for error in done.refused:
            log.warning("a change of %s is a dead letter: %s", change.table, error.error_class)
            self._refuse(error, change.table, msgspec.json.encode(dict(change.key)), change)

    def _apply_statement(self, statement: Statement) -> None:
        """A statement that was logged as text: what it did to a mapped table is known of TRUNCATE alone."""
        truncated = _TRUNCATE.match(statement.text)
        if truncated is not None:
            name = truncated[1].replace("`", "")
            table = name if "." in name else f"{statement.schema}.{name}"
            rows = self._translator.live_rows(table, self._output.states)
            for row in rows:
                key, position = primary_key_of(row), statement.position
                self._apply(Change(table, key, RowOperation.DELETED, None, position, statement.committed_at))
            return
        touched = touched_tables(statement, self._tables)
        if touched:
            error = BadInput(
                DeadLetterClass.UNREADABLE_CHANGE,
                f"{', '.join(touched)} was changed by a statement that the binlog has as text, not by rows; start once "
                "with --snapshot to report what it did",
            )
            log.error("a statement that was logged as text may have changed %s", ", ".join(touched))
            self._refuse(error, touched[0], None, statement)

    def _refuse(self, error: BadInput, table: str, key: bytes | None, what: Change | Statement) -> None:
        reason = DeadLetter.of(error, f"ledger.{table}", 0, 0, self._version)
        self._letters.append(RefusedChange(key, msgspec.json.encode(what), reason))

    def _commit(self, checkpoint: Checkpoint | None) -> None:
        self._output.commit(self._facts, self._letters, checkpoint=checkpoint)
        self.progress.committed(self._read, len(self._facts), len(self._letters), self._last_change)
        self.progress.stepped()
        if self._output.checkpoint is not None:
            self.progress.position = self._output.checkpoint.position
        self._forget_counts()

    def _forget_counts(self) -> None:
        self._facts, self._letters = [], []
        self._read, self._last_change = 0, None

    def _forget(self) -> None:
        self._forget_counts()
        self._output.states.forget()


_DATA = re.compile(r"(INSERT|UPDATE|DELETE|REPLACE|LOAD|WITH|DROP|RENAME)\b", re.IGNORECASE)


def touched_tables(statement: Statement, tables: Iterable[str]) -> list[str]:
    """The mapped tables that a statement may have changed rows of: those whose name is in its text."""
    if not _DATA.match(statement.text):
        return []
    words = set(re.findall(r"[\w$]+", statement.text))
    return [table for table in tables if table.partition(".")[2] in words]

"""A month that goes in by files and a real binlog alone, through kills, ends as the same month published as records.

Everything is real: Kafka, workers, `rentmatch import`, `rentmatch watch`, MariaDB, `rentmatch ledger mysql`. Each of
these processes is killed by SIGKILL while it has work.
"""

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from connectors.formats import format_of
from connectors.ledger.changes import Change, RowOperation
from domain.facts import BankEntryBooked, InputFact
from domain.time import DAY
from simulator.compare import FinalState
from simulator.deliver import Delivery, topic_and_key
from tests.conftest import go_without
from tests.kit.deployment import AuditedDeployment
from tests.kit.final_states import as_it_is, differences
from tests.kit.ledger_process import LedgerProcess
from tests.kit.ledger_rows import MAPPING, NOW
from tests.kit.ledger_servers import MariaDb
from tests.kit.month_files import MONTH, OPTIONS, changes, files, records
from tests.kit.reading import read_all
from tools.local.cache import MissingToolError
from tools.local.processes import Process, wait_until
from tools.local.worker import REPOSITORY

pytestmark = pytest.mark.kafka

END = NOW + 50 * DAY
TABLES = """
create table charge (id int primary key, lease varchar(20), period varchar(7), tenant varchar(20), property varchar(20),
amount decimal(12,2), due date, plan json, charged_at varchar(30));
create table posting (id int primary key, kind varchar(20), payment varchar(20), charge varchar(40),
amount decimal(12,2), reverses int, status varchar(20), note varchar(40), posted_at varchar(30))
""".replace("\n", " ").split(";")
LEDGER = MAPPING.replace("public.", "books.").partition('[[table]]\ntable = "books.adjustment"')[0]

INITIATIONS = """
record = "PaymentInitiated"
identity = ["Payment"]
zone = "UTC"
[fields]
occurred_at = "At"
payment_id = "Payment"
tenant_id = "Tenant"
property_id = { value = "B1" }
obligation_id = "Charge"
installment_id = "Installment"
amount_minor = "Amount"
currency = { value = "USD" }
method = { column = "By", values = { ach = "ACH_DEBIT", stripe = "CARD", adyen = "CARD" } }
processor = "By"
processor_reference = "Reference"
"""
FEEDS = """
[[feed]]
name = "ach"
files = "*.nacha"
format = "nacha"
account = "chk"
[[feed]]
name = "stripe"
files = "*.stripe-payouts"
format = "stripe-payouts"
account = "chk"
options = { payment_id_column = "payment_metadata[rent]" }
strict = true
[[feed]]
name = "adyen"
files = "*.adyen-settlement"
format = "adyen-settlement"
account = "chk"
options = { payment_id_column = "Merchant Reference" }
[[feed]]
name = "bank"
files = "*.bai2"
format = "bai2"
account = "chk"
[[feed.options.payouts]]
processor = "stripe"
pattern = '(po_\\d+)'
[[feed.options.payouts]]
processor = "adyen"
pattern = 'batch (\\d+)'
payout_id = 'OurRent-\\1'
"""


@pytest.fixture
def database(pytestconfig: pytest.Config, tmp_path: Path) -> Iterator[MariaDb]:
    folder = tmp_path / "mariadb"
    folder.mkdir()
    try:
        server = MariaDb(folder)
    except MissingToolError as error:
        go_without(pytestconfig, "a real MariaDB", error)
    try:
        server.start()
        server.run("create database books")
        server.run(*TABLES, database="books")
        yield server
    finally:
        server.kill()


def statements(found: Sequence[Change]) -> Iterator[str]:
    """The changes as SQL, at their instants by the server's clock."""
    known: set[tuple[str, object]] = set()
    for change in found:
        table, row_id = change.table.partition(".")[2], change.key["id"]
        yield f"set timestamp = {change.committed_at // 1_000_000}"
        if change.operation is RowOperation.DELETED:
            yield f"delete from {table} where id = {row_id}"
            continue
        values = {column: _literal(value) for column, value in (change.after or {}).items()}
        if (table, row_id) in known:
            assignments = ", ".join(f"{column} = {value}" for column, value in values.items())
            yield f"update {table} set {assignments} where id = {row_id}"
        else:
            yield f"insert into {table} ({', '.join(values)}) values ({', '.join(values.values())})"
        known.add((table, row_id))


def _literal(value: object) -> str:
    return "null" if value is None else f"'{value}'"


def month_files() -> dict[str, bytes]:
    """The files by name; that of Stripe in two: its lines, and the payouts themselves."""
    found: dict[str, bytes] = {}
    for number, (name, content) in enumerate(files()):
        if name != "stripe-payouts":
            found[f"{number:02}.{name}"] = content
            continue
        header, *rows = content.splitlines(keepends=True)
        stated = [row for row in rows if b",payout," in row]
        found[f"payouts.{name}"] = b"".join([header, *stated])
        found[f"lines.{name}"] = b"".join([header, *(row for row in rows if row not in stated)])
    return found


def as_records() -> list[InputFact]:
    (bank,) = (content for name, content in files() if name == "bai2")
    format_ = format_of("bai2")
    entries = format_.read(bank, format_.options_from(OPTIONS["bai2"])).facts
    return records({entry.reference or "": entry.entry_id for entry in entries if isinstance(entry, BankEntryBooked)})


class Commands:
    """Commands of rentmatch as processes of their own."""

    def __init__(self, deployment: AuditedDeployment, folder: Path) -> None:
        mine = {name: value for name, value in os.environ.items() if not name.startswith("RENTMATCH_")}
        self._env = mine | deployment.env | {"RENTMATCH_HTTP_PORT": "0", "PYTHONUNBUFFERED": "1"}
        self._folder = folder
        self.running: list[Process] = []

    def start(self, *words: object, killed_after: int | None = None) -> Process:
        module = ["ops.cli"] if killed_after is None else ["tests.kit.killed_sender", str(killed_after)]
        line = [sys.executable, "-m", *module, *map(str, words)]
        process = Process(line, self._folder / f"{words[0]}.log", cwd=REPOSITORY, env=self._env)
        process.start()
        self.running.append(process)
        return process


def put_in(directory: Path, contents: dict[str, bytes]) -> None:
    for name, content in contents.items():
        partial = directory / f"{name}.part"
        partial.write_bytes(content)
        partial.rename(directory / name)


def done(directory: Path) -> set[str]:
    folder = directory / "done"
    return (
        {path.name for path in folder.iterdir() if not path.name.endswith(".report.json")} if folder.exists() else set()
    )


def count(deployment: AuditedDeployment, topic: str) -> int:
    return len(read_all(deployment.bootstrap, deployment.name(topic)))


def settled(deployment: AuditedDeployment) -> FinalState:
    deployment.wait_settled()
    outputs = deployment.outputs()
    assert outputs.dead_letters == []
    return outputs.last()


def by_files(deployment: AuditedDeployment, database: MariaDb, folder: Path) -> None:
    """The month by files, each process killed in its middle."""
    contents = month_files()
    (initiations,) = (name for name in contents if name.endswith(".csv"))
    (folder / "july.csv").write_bytes(contents.pop(initiations))
    (folder / "july.toml").write_text(INITIATIONS)
    incoming = folder / "incoming"
    incoming.mkdir()
    (incoming / "watch.toml").write_text(FEEDS)
    commands = Commands(deployment, folder)
    url = {"RENTMATCH_LEDGER_MYSQL_URL": f"mysql://root@127.0.0.1:{database.port}"}
    ledger = LedgerProcess(folder / "ledger", deployment.bootstrap, deployment.prefix, "mysql", LEDGER, url)
    changed = list(statements(changes()))
    half = len(changed) // 4 * 2
    watching: tuple[Any, ...] = ("watch", incoming, "--settle-seconds", "0.2")
    try:
        ledger.start()
        # The importer dies at the 23rd of 60 records.
        importing = ("import", "csv", folder / "july.csv", "--mapping", folder / "july.toml", "--strict")
        assert commands.start(*importing, killed_after=23).wait() == -signal.SIGKILL
        assert count(deployment, "payment-initiated") == 23
        # So does the watcher, in the second of two files, and a worker while they are read.
        watcher = commands.start(*watching, killed_after=41)
        put_in(incoming, contents)
        again = commands.start(*importing)
        wait_until(lambda: "following" in ledger.tail(), 60, "the ledger to be followed", process=ledger)
        database.run("begin", *changed[:half], "commit", database="books")
        deployment.workers["a"].kill()
        assert watcher.wait() == -signal.SIGKILL
        assert done(incoming) != set(contents)
        wait_until(lambda: len(ledger.facts()) > 0, 60, "the first changes", process=ledger)
        ledger.kill()
        deployment.worker("a", supervised=True)
        watcher = commands.start(*watching)
        database.run(*changed[half:], database="books")
        ledger.start()
        assert again.wait() == 0, again.tail()
        wait_until(lambda: done(incoming) == set(contents), 120, "all files to be imported", process=watcher)
        posted = {rent.payment_id: rent.posted for rent in MONTH if rent.posted}
        ledger.wait_for(posted)
        assert watcher.terminate() == 0, watcher.tail()
        assert ledger.terminate() == 0, ledger.tail()
    finally:
        for process in (*commands.running, ledger):
            process.kill()


def test_a_month_by_files_alone_ends_as_the_month_by_records(
    kafka: str, topic_prefix: str, database: MariaDb, tmp_path: Path
) -> None:
    folders = [tmp_path / name for name in ("files", "records")]
    for folder in folders:
        folder.mkdir()
    with (
        AuditedDeployment(kafka, f"{topic_prefix}f-", folders[0], clock=END, partitions=2) as files_in,
        AuditedDeployment(kafka, f"{topic_prefix}r-", folders[1], clock=END, partitions=2) as records_in,
    ):
        records_in.worker("a")
        for name in ("a", "b"):
            files_in.worker(name, supervised=name == "b")
        facts = as_records()
        records_in.publish([Delivery(*topic_and_key(fact), fact.occurred_at, fact) for fact in facts])
        by_files(files_in, database, folders[0])
        expected, found = as_it_is(settled(records_in)), as_it_is(settled(files_in))
        assert (len(expected.payments), len(expected.obligations)) == (len(MONTH), len(MONTH))
        assert len(expected.breaks) == 14
        assert list(map(str, differences(expected, found))) == []

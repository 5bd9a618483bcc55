"""Real databases on this machine, from Debian's packages, and Debezium on Kafka Connect: what a ledger is kept in."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pymysql

from tools.local import debian, maven
from tools.local.processes import Process, free_ports, wait_until

MARIADB = ("mariadb-server-core", "mariadb-client-core", "libaio1", "liburing2", "libnuma1")
POSTGRES = (
    "postgresql-15", "postgresql-client-15", "libpq5", "libxml2", "libicu72", "libldap-2.5-0", "libgssapi-krb5-2",
    "libxslt1.1", "libsasl2-2", "libkrb5-3", "libk5crypto3", "libkrb5support0", "libkeyutils1",
)  # fmt: skip
NOBODY = 65_534

FAST = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx256m")


def _bare(**more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **more}


class MariaDb(Process):
    """A MariaDB with a row binlog on a free port of 127.0.0.1; the user is `root` without a password."""

    def __init__(self, directory: Path, *options: str) -> None:
        folder = debian.unpacked(MARIADB)
        (self.port,) = free_ports(1)
        self._data, base = directory / "data", folder / "usr"
        self._environment = _bare(LD_LIBRARY_PATH=debian.libraries_of(folder))
        user = ["--user=root"] if os.geteuid() == 0 else []
        self._install = [
            str(base / "bin" / "mariadb-install-db"), "--no-defaults", f"--basedir={base}", f"--datadir={self._data}",
            "--auth-root-authentication-method=normal", "--skip-test-db", *user,
        ]  # fmt: skip
        command = [
            str(base / "sbin" / "mariadbd"), "--no-defaults", f"--basedir={base}", f"--datadir={self._data}",
            f"--lc-messages-dir={base}/share/mysql", f"--character-sets-dir={base}/share/mysql/charsets",
            "--bind-address=127.0.0.1", f"--port={self.port}", f"--socket={directory}/socket", *user,
            "--server-id=7", "--log-bin=ledger-bin", "--binlog-format=ROW", "--binlog-row-image=FULL",
            "--binlog-row-metadata=FULL", "--innodb-buffer-pool-size=32M", "--innodb-flush-log-at-trx-commit=2",
            *options,
        ]  # fmt: skip
        super().__init__(command, directory / "mariadb.log", cwd=directory, env=self._environment)

    def start(self) -> None:
        """Create the data folder the first time, start, and wait until it answers."""
        if not self._data.exists():
            installing = Process(self._install, self.log, cwd=self.log.parent, env=self._environment)
            installing.start()
            if installing.wait(60) != 0:
                raise RuntimeError(f"MariaDB's data folder could not be made\n{installing.tail()}")
        super().start()
        wait_until(self._answers, 60, "MariaDB to answer", process=self)

    def _answers(self) -> bool:
        try:
            self.connect().close()
        except pymysql.err.OperationalError:
            return False
        return True

    def connect(
        self, database: str | None = None, user: str = "root", password: str = ""
    ) -> "pymysql.Connection[pymysql.cursors.Cursor]":
        """A connection that commits each statement."""
        return pymysql.connect(
            host="127.0.0.1", port=self.port, user=user, password=password, database=database, autocommit=True
        )

    def run(self, *statements: str, database: str | None = None) -> None:
        """Run statements, each a transaction unless they say otherwise."""
        connection = self.connect(database)
        with connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)


class Postgres(Process):
    """A PostgreSQL with logical decoding on a free port of 127.0.0.1; the user `ledger` needs no password.

    It refuses to run as root. As root it therefore runs as nobody, from a copy of its programs that nobody may read.
    """

    def __init__(self, directory: Path) -> None:
        folder = debian.unpacked(POSTGRES)
        (self.port,) = free_ports(1)
        self.home, self._as = directory, []
        programs, libraries = folder / "usr" / "lib" / "postgresql" / "15" / "bin", debian.libraries_of(folder)
        if os.geteuid() == 0:
            self._as = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
            copy = directory / "programs"
            shutil.copytree(
                folder, copy, symlinks=True, ignore=shutil.ignore_patterns("bitcode", "locale", "doc", "man")
            )
            programs, libraries = copy / programs.relative_to(folder), debian.libraries_of(copy)
            os.chown(directory, NOBODY, NOBODY)
        self._environment = _bare(LD_LIBRARY_PATH=libraries, HOME=str(directory))
        self._programs = programs
        command = [
            *self._as, str(programs / "postgres"), "-D", str(directory / "data"), "-p", str(self.port), "-k",
            str(directory), "-c", "listen_addresses=127.0.0.1", "-c", "wal_level=logical", "-c", "fsync=off",
            "-c", "jit=off", "-c", "max_wal_senders=4",
        ]  # fmt: skip
        super().__init__(command, directory / "postgres.log", cwd=directory, env=self._environment)

    def start(self) -> None:
        """Create the data folder the first time, start, and wait until it answers."""
        if not (self.home / "data").exists():
            line = [str(self._programs / "initdb"), "-D", "data", "-U", "ledger", "--auth=trust", "--no-sync"]
            self._finish([*line, "-E", "UTF8", "--locale=C"])
        super().start()
        wait_until(lambda: self._query("select 1", check=False) == 0, 60, "PostgreSQL to answer", process=self)

    def run(self, *statements: str) -> None:
        """Run statements; each text is one transaction."""
        for statement in statements:
            self._query(statement)

    def _query(self, statement: str, *, check: bool = True) -> int:
        line = [
            str(self._programs / "psql"),
            "-X",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            "127.0.0.1",
            "-p",
            str(self.port),
        ]
        return self._finish([*line, "-U", "ledger", "-d", "postgres", "-c", statement], check=check)

    def _finish(self, line: list[str], *, check: bool = True) -> int:
        process = Process([*self._as, *line], self.home / "commands.log", cwd=self.home, env=self._environment)
        process.start()
        status = process.wait(60)
        if status and check:
            raise RuntimeError(process.tail())
        return status


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL that runs, in a folder outside of pytest's, which are root's alone."""
    with tempfile.TemporaryDirectory(prefix="rentmatch-postgres-", ignore_cleanup_errors=True) as name:
        server = Postgres(Path(name))
        try:
            server.start()
            yield server
        finally:
            server.kill()


class Debezium(Process):
    """Kafka Connect, standalone, with Debezium's connector for a PostgreSQL; its offsets survive a restart."""

    def __init__(self, directory: Path, bootstrap: str, database: Postgres, prefix: str, *, schemas: bool) -> None:
        (port,) = free_ports(1)
        json = {"converter": "org.apache.kafka.connect.json.JsonConverter", "schemas.enable": str(schemas).lower()}
        worker = {
            "bootstrap.servers": bootstrap,
            "key.converter": json["converter"],
            "value.converter": json["converter"],
            "key.converter.schemas.enable": json["schemas.enable"],
            "value.converter.schemas.enable": json["schemas.enable"],
            "offset.storage.file.filename": str(directory / "offsets"),
            # A kill loses this much: the changes of that time are delivered again.
            "offset.flush.interval.ms": "2000",
            "listeners": f"http://127.0.0.1:{port}",
            "plugin.discovery": "only_scan",
        }
        connector = {
            "name": "ledger",
            "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
            "database.hostname": "127.0.0.1",
            "database.port": str(database.port),
            "database.user": "ledger",
            "database.password": "none",
            "database.dbname": "postgres",
            "topic.prefix": prefix,
            "plugin.name": "pgoutput",
            "schema.include.list": "public",
            "topic.creation.default.partitions": "2",
            "topic.creation.default.replication.factor": "1",
        }
        for name, properties in (("worker", worker), ("connector", connector)):
            text = "".join(f"{key}={value}\n" for key, value in properties.items())
            (directory / f"{name}.properties").write_text(text, encoding="utf-8")
        classpath = ":".join(str(jar) for jar in maven.jars(maven.DEBEZIUM))
        main = "org.apache.kafka.connect.cli.ConnectStandalone"
        line = [maven.java(), *FAST, "-cp", classpath, main, "worker.properties", "connector.properties"]
        super().__init__(line, directory / "debezium.log", cwd=directory, env=_bare())

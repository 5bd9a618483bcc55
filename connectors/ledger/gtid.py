"""Global transaction ids: how far a server's binlog is read, as the server itself says it.

MySQL's position is a set, `uuid:1-77,…`. MariaDB's is the last id of each replication domain, `0-7-41,1-3-9`.
"""

from pymysqlreplication.gtid import Gtid, GtidSet


class MySqlPosition:
    """The transactions of MySQL that are read."""

    def __init__(self, text: str) -> None:
        self._set = GtidSet(text.replace("\n", "") or [])

    def passed(self, gtid: str) -> None:
        """One more is read."""
        self._set.merge_gtid(Gtid(gtid))

    def __str__(self) -> str:
        return str(self._set)


class MariaDbPosition:
    """The last transaction of each domain of MariaDB that is read."""

    def __init__(self, text: str) -> None:
        parts = [part.strip() for part in text.split(",") if part.strip()]
        self._last = {part.partition("-")[0]: part for part in parts}

    def passed(self, gtid: str) -> None:
        """One more is read."""
        self._last[gtid.partition("-")[0]] = gtid

    def __str__(self) -> str:
        return ",".join(self._last[domain] for domain in sorted(self._last, key=int))


Position = MySqlPosition | MariaDbPosition

"""CPU time and memory of a process, as Linux counts them."""

import os
from pathlib import Path

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """CPU seconds, user and system, of all threads of a process since it started, exited ones included."""
    return _cpu_seconds(Path(f"/proc/{pid}/stat"))


def cpu_seconds_by_thread(pid: int) -> dict[str, float]:
    """CPU seconds of the threads that are alive: `main` the first, `rdk:*` librdkafka's, `rocksdb*` RocksDB's.

    Python's own threads carry the process's name; those that are not the first are summed up as `python threads`.
    """
    found: dict[str, float] = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            name = (task / "comm").read_text().strip()
            seconds = _cpu_seconds(task / "stat")
        except OSError:  # it has ended meanwhile
            continue
        if int(task.name) == pid:
            group = "main"
        elif name.startswith("rdk:"):
            group = "librdkafka"
        elif name.startswith("rocksdb"):
            group = "rocksdb"
        else:
            group = "python threads"
        found[group] = found.get(group, 0.0) + seconds
    return found


def peak_bytes(pid: int) -> int:
    """The most memory that a process has had at a time (VmHWM)."""
    return _status_bytes(pid, "VmHWM")


def resident_bytes(pid: int) -> int:
    """The memory of a process now (VmRSS)."""
    return _status_bytes(pid, "VmRSS")


def _cpu_seconds(stat: Path) -> float:
    # The name, in parentheses, may contain blanks: count from after it. utime and stime are fields 14 and 15.
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


def _status_bytes(pid: int, field: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) * 1024
    raise RuntimeError(f"no {field} of process {pid}")

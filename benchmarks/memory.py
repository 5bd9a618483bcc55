"""The memory of a payment: as objects while a transaction touches it, packed in the store's cache between them."""

import gc
import json
import os
import subprocess
import sys
import tempfile
import tracemalloc
from pathlib import Path

from benchmarks import usage
from benchmarks.recovery import Templates
from benchmarks.report import Result
from domain.payments.state import PaymentState
from domain.time import FAR_FUTURE
from streams import topics
from streams.topology import PAYMENTS
from streams.transport.commit import StateChange
from tables.packing import Unpacker
from tables.store import Store, TablePartition

ROOT = Path(__file__).resolve().parents[1]

CACHE_MEBIBYTES = 4_096
"""Large enough for all payments: its use shows the size of a payment."""

CHUNK = 1_000


def packed_payments(count: int) -> dict[str, bytes]:
    """Return `count` payments of a simulated month, packed as in the store."""
    templates = Templates()
    templates.kept = [one for one in templates.kept if one[0] is topics.PAYMENTS_CHANGELOG]
    return {key: value for _, key, value in templates.multiplied(count)}


def bytes_decoded(values: dict[str, bytes], *, traced: bool) -> float:
    """Decode payments, as a table does when it settles them, and measure the memory of each.

    Traced: by what Python allocates; else by how the process grows.
    """
    unpack: Unpacker[PaymentState] = Unpacker(PAYMENTS.state)
    kept: list[object] = []
    gc.collect()
    if traced:
        tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0] if traced else usage.resident_bytes(os.getpid())
    kept.extend(map(unpack, values.values()))
    gc.collect()
    after = tracemalloc.get_traced_memory()[0] if traced else usage.resident_bytes(os.getpid())
    return (after - before) / len(kept)


def bytes_in_store(values: dict[str, bytes]) -> tuple[float, float]:
    """Write payments to a store on disk, read all of them, and measure for each its cache, and what stays uncached.

    Indexes and filters of its files are in the cache, bounded with it; a few bytes a file are not.
    """
    place = TablePartition(PAYMENTS.id, 0)
    keys = list(values)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder), "benchmark", CACHE_MEBIBYTES)
        written = [StateChange(key, value, FAR_FUTURE, FAR_FUTURE) for key, value in values.items()]
        store.write([(place, written, len(written))])
        store._db.flush()  # to files: what is still in the write buffer is not read through the cache
        for begin in range(0, len(keys), CHUNK):
            store.get_many(place, keys[begin : begin + CHUNK])
        used = store._db.property_int_value("rocksdb.block-cache-usage") or 0
        capacity = store._db.property_int_value("rocksdb.block-cache-capacity") or 0
        opened = store._db.property_int_value("rocksdb.estimate-table-readers-mem") or 0
        store.close()
    if used * 2 > capacity:
        raise RuntimeError(f"the cache of {capacity} bytes is nearly full: what fell out of it was not counted")
    return used / len(keys), opened / len(keys)


def measure(way: str, payments: int) -> dict[str, float]:
    """Measure one way."""
    values = packed_payments(payments)
    if way == "cached":
        cached, opened = bytes_in_store(values)
        return {"bytes": cached, "opened": opened, "packed": sum(map(len, values.values())) / payments}
    return {"bytes": bytes_decoded(values, traced=way == "traced")}


def run_memory(payments: int) -> Result:
    """Measure each way in a process of its own."""
    found = {}
    for way in ("cached", "traced", "resident"):
        command = [sys.executable, "-m", "benchmarks.memory", way, str(payments)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        found[way] = json.loads(done.stdout)
    result = Result(
        "memory", f"{payments:,} payments of a simulated month; decoded is what an open transaction touches"
    )
    hot = found["cached"]["bytes"]
    result.add("a hot payment, in the store's cache", hot, "B", "<= 500", hot <= 500)
    result.add("any payment on disk, outside the store's cache", found["cached"]["opened"], "B")
    result.add("a payment packed", found["cached"]["packed"], "B")
    result.add("a payment decoded, by what Python allocates", found["traced"]["bytes"], "B")
    result.add("a payment decoded, by how the process grows", found["resident"]["bytes"], "B")
    return result


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))))

"""What a payment takes: hot, as objects in a table's memory, and packed, as the store and the changelog have it."""

import gc
import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

from benchmarks import usage
from benchmarks.recovery import Templates
from benchmarks.report import Result
from domain.payment import PaymentState, new_payment
from streams import topics
from tables.keyed import KeyedTable

ROOT = Path(__file__).resolve().parents[1]


class Shelf:
    """Stands for the local store: packed states in a dict, which are there before anything is measured."""

    def __init__(self, values: dict[str, bytes]) -> None:
        self.values = values

    def get_many(self, place: object, keys: list[str]) -> list[bytes | None]:
        """The states of some keys."""
        return [self.values[key] for key in keys]


def measure(payments: int, *, traced: bool) -> dict[str, float]:
    """Load so many payments into a table, as it does when their next fact comes, and see what that takes.

    Traced: by what Python allocates; else by how the process grows.
    """
    templates = Templates()
    templates.kept = [one for one in templates.kept if one[0] is topics.PAYMENTS_CHANGELOG]
    values = {key: value for _, key, value in templates.multiplied(payments)}
    shelf = Shelf(values)
    table = KeyedTable(b"p", topics.PAYMENTS_CHANGELOG, shelf, PaymentState, new_payment)  # type: ignore[arg-type]
    table.assigned([0])
    keys = list(values)
    gc.collect()
    if traced:
        tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0] if traced else usage.resident_bytes(os.getpid())
    for begin in range(0, payments, 1_000):
        table.entries(0, keys[begin : begin + 1_000])
    gc.collect()
    after = tracemalloc.get_traced_memory()[0] if traced else usage.resident_bytes(os.getpid())
    return {"hot_bytes": (after - before) / payments, "packed_bytes": sum(map(len, values.values())) / payments}


def run_memory(payments: int) -> Result:
    """Measure in processes of their own, so that neither way of measuring is in the other's."""
    found = []
    for way in ("traced", "resident"):
        command = [sys.executable, "-m", "benchmarks.memory", way, str(payments)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        found.append(json.loads(done.stdout))
    traced, resident = found
    result = Result(
        "memory", f"{payments:,} payments of a simulated month, loaded into the table from their packed form"
    )
    hot = traced["hot_bytes"]
    result.add("a hot payment, by what Python allocates", hot, "B", "<= 500", hot <= 500)
    result.add("a hot payment, by how the process grows", resident["hot_bytes"], "B")
    result.add("a packed payment", traced["packed_bytes"], "B")
    return result


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[2]), traced=sys.argv[1] == "traced")))

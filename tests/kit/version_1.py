"""Version 1 of the service, from this repository's own history: its code, and what its simulator makes up."""

import io
import json
import os
import subprocess
import sys
import tarfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from domain.facts import ProcessorSettled
from domain.time import Micros
from simulator.compare import from_iso
from simulator.deliver import Delivery, InputTopic
from streams.codec.json_form import fact_from_json
from tools.local.worker import REPOSITORY

COMMIT = "7490d0974e684328cea4098018211a8c1cf01366"
"""The last commit whose contract is version 1."""

READ = (("payment-initiated", "processor-settled", "ledger-events"), ("payment-facts",), ("obligation-facts",))
"""The topics that a group of version 1 reads, each after those that its watermark waits for."""


LATER = "2026-07-01T00:00:00Z"


class MissingHistoryError(RuntimeError):
    """The repository's history is not here."""


def unpack(folder: Path) -> Path:
    """Write the code of version 1 to a folder, and return the folder.

    Raises:
        MissingHistoryError: this is no clone of the repository, or a shallow one.

    """
    try:
        done = subprocess.run(["git", "archive", COMMIT], cwd=REPOSITORY, capture_output=True, check=False)
    except OSError as error:
        raise MissingHistoryError(f"git cannot be run: {error}") from None
    if done.returncode != 0:
        raise MissingHistoryError(
            f"commit {COMMIT[:7]} (version 1) is not in the history here; a whole clone has it: "
            f"{done.stderr.decode(errors='replace').strip()}"
        )
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def run(code: Path, env: Mapping[str, str], *words: str, given: str = "") -> str:
    """Run a command of rentmatch from a folder of code, and return its standard output.

    Raises:
        AssertionError: it failed; the message is what it wrote to standard error.

    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("RENTMATCH_")}
    done = subprocess.run(
        [sys.executable, "-m", "ops.cli", *words],
        cwd=code, env=inherited | dict(env), input=given, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


@dataclass(frozen=True)
class Line:
    """A record as version 1 prints and publishes it, and what version 2 knows it as."""

    text: str
    delivery: Delivery

    def without_payout(self) -> "Line":
        """Give the record without its payout, as a telling of the same event."""
        record = json.loads(self.text)
        if record.get("payout_id") is None or not isinstance(fact := self.delivery.fact, ProcessorSettled):
            return self
        delivery = msgspec.structs.replace(self.delivery, fact=msgspec.structs.replace(fact, payout_id=None))
        return Line(json.dumps(record | {"payout_id": None}), delivery)

    def changed(self, **changes: Any) -> "Line":
        """Give another record: with other values, and an event id of its own."""
        record = json.loads(self.text) | changes
        record["event_id"] += "-" + record["payment_id"]
        place = {"topic": self.delivery.topic, "key": record["payment_id"], "arrives_at": LATER}
        return line_of(record | {"_kafka": place})


def simulate(code: Path, seed: int, obligations: int) -> list[Line]:
    """Let the simulator of version 1 make up a month, in the order of arrival."""
    printed = run(code, {}, "simulate", *_size(seed, obligations))
    return [line_of(json.loads(text)) for text in printed.splitlines()]


def _size(seed: int, obligations: int) -> list[str]:
    return ["--seed", str(seed), "--obligations", str(obligations)]


def line_of(record: dict[str, Any]) -> Line:
    """Read a record in the JSON of version 1; `_kafka` says where it belongs."""
    place = record.pop("_kafka")
    topic: InputTopic = place["topic"]
    at: Micros = from_iso(place["arrives_at"], "at")
    if record["type"] == "_raw":
        delivery = Delivery(topic, place["key"], at, raw=b"", fault="of version 1")
    else:
        delivery = Delivery(topic, place["key"], at, fact=fact_from_json(record))
    return Line(json.dumps(record), delivery)


def closes_at(code: Path, seed: int, obligations: int, folder: Path) -> Micros:
    """Return the end of the month that version 1 makes up."""
    truth = folder / "truth.json"
    run(code, {}, "simulate", *_size(seed, obligations), "--truth", str(truth))
    at: Micros = json.loads(truth.read_bytes())["at"]
    return at


def publish(code: Path, env: Mapping[str, str], lines: Iterable[Line]) -> None:
    """Let version 1 publish records, topic by topic."""
    by_topic: defaultdict[str, list[str]] = defaultdict(list)
    for line in lines:
        by_topic[line.delivery.topic].append(line.text)
    for topic, texts in by_topic.items():
        run(code, env, "publish", topic, given="\n".join(texts))

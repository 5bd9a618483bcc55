"""Reads the outputs as any consumer downstream would, and checks them against the contract and the simulator's truth.

It knows the topics' names, the Avro schemas (tests/kit/wire.py) and the truth, and nothing of the service's code.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter

from simulator.compare import FinalState, compare
from simulator.truth import Truth
from simulator.truth_facts import Row, two_parts
from tests.kit import wire
from tests.kit.reading import Read, read_all

KEYS: dict[str, Callable[[Row], str]] = {
    "payment-reconciliations": itemgetter("payment_id"),
    "obligation-reconciliations": itemgetter("obligation_id"),
    "reference-reconciliations": lambda row: two_parts(row["processor"], row["processor_reference"]),
    "payout-reconciliations": lambda row: two_parts(row["processor"], row["payout_id"]),
    "mismatch-alerts": itemgetter("break_id"),
    "late-payment-alerts": itemgetter("alert_id"),
}
"""The output topics by their default names, with the key of a record."""

ENDS = {
    "mismatch-alerts": frozenset({"resolved"}),
    "late-payment-alerts": frozenset({"cured", "cancelled"}),
}
"""The lifecycles after which an alert is no more."""

SOURCES = (
    "payment-initiated",
    "processor-settled",
    "ledger-events",
    "payouts",
    "bank-entries",
    "decisions",
    "payment-facts",
    "reference-facts",
    "payment-resolutions",
    "obligation-facts",
    "bank-entry-facts",
    "payout-facts",
    "match-facts",
    "entry-matches",
    "payout-matches",
)
"""The topics that a dead letter may come from, by their default names."""

SHOWN = 12
"""The number of findings shown; one cause usually has many."""

OWN_HEADERS = 6
"""The number of headers that a dead letter has after those of the original record."""

Place = tuple[str, int, int]
"""Topic (default name), partition, offset of an input record."""


@dataclass(frozen=True, slots=True)
class Published:
    """An input record as the broker stored it."""

    key: bytes | None
    value: bytes | None
    fault: str | None
    """The kind of bad input; None if it is good."""
    headers: tuple[tuple[str, bytes | None], ...] = ()

    @property
    def is_bad(self) -> bool:
        """It must become a dead letter."""
        return self.fault is not None


@dataclass(frozen=True, slots=True)
class OutputRecord:
    """An output record with its place."""

    partition: int
    offset: int
    key: str
    row: Row | None
    """None: a tombstone. There is nothing to say of the key any more."""


@dataclass
class Outputs:
    """Every committed record of the output topics, in the order of their offsets."""

    records: dict[str, list[OutputRecord]] = field(default_factory=dict)
    dead_letters: list[Read] = field(default_factory=list)

    def last(self) -> FinalState:
        """Return the state of a reader that keeps the last record of each key."""
        found = FinalState()
        for topic, records in self.records.items():
            for record in records:
                if record.row is None:
                    found.forget(topic, record.key)
                else:
                    found.take(record.row)
        return found

    def of(self, topic: str) -> list[Row]:
        """The rows of one topic, by its default name, tombstones left out."""
        return [record.row for record in self.records[topic] if record.row is not None]

    def gone(self, topic: str) -> set[str]:
        """The keys of one topic whose last record is a tombstone."""
        last = {record.key: record.row for record in self.records[topic]}
        return {key for key, row in last.items() if row is None}


def read_outputs(bootstrap: str, name_of: Callable[[str], str], registry_url: str | None = None) -> Outputs:
    """Read all output topics read_committed, from beginning to end; `name_of` returns a topic's full name."""
    outputs = Outputs()
    for topic in KEYS:
        records = sorted(read_all(bootstrap, name_of(topic)), key=lambda record: (record.partition, record.offset))
        outputs.records[topic] = [
            OutputRecord(
                record.partition,
                record.offset,
                (record.key or b"").decode(),
                None if record.value is None else wire.decode(record.value, registry_url),
            )
            for record in records
        ]
    outputs.dead_letters = read_all(bootstrap, name_of("dead-letter"))
    return outputs


def faults_of_versions(outputs: Outputs) -> list[str]:
    """Check that each key has one partition and equals its record's id, and that its versions rise.

    A tombstone has no version: it follows a record, and what follows it has a higher version than that record.
    """
    faults = []
    for topic, records in outputs.records.items():
        partitions: dict[str, int] = {}
        versions: dict[str, int] = {}
        gone: set[str] = set()
        for record in records:
            key, row = record.key, record.row
            where = f"{topic} {key}"
            if (partition := partitions.setdefault(key, record.partition)) != record.partition:
                faults.append(f"{where}: in partitions {partition} and {record.partition}")
            if row is None:
                if key in gone or key not in versions:
                    faults.append(f"{where}: a tombstone at {record.partition}:{record.offset} without a record")
                gone.add(key)
                continue
            if (about := KEYS[topic](row)) != key:
                faults.append(f"{where}: the record is about {about}")
            if row["version"] <= versions.get(key, 0):
                faults.append(
                    f"{where}: version {row['version']} at {record.partition}:{record.offset} after "
                    f"{versions.get(key, 0)}"
                )
            versions[key] = row["version"]
            gone.discard(key)
    return faults


def faults_of_lives(outputs: Outputs) -> list[str]:
    """Check that no alert ends or changes without having been opened, and none is opened while it is open.

    A break that people have accepted is not open: it may be opened again, or end. It may also be opened and accepted
    inside one commit, and then is not seen to open.
    """
    faults = []
    for topic, ends in ENDS.items():
        is_open: dict[str, bool] = {}
        for record in outputs.records[topic]:
            lifecycle = "tombstone" if record.row is None else record.row["lifecycle"]
            where = f"{topic} {record.key} at {record.partition}:{record.offset}"
            if lifecycle == "opened":
                # Published again under the same lifecycle when amounts change at the same stage (docs/contract.md).
                if is_open.get(record.key) and topic == "mismatch-alerts":
                    faults.append(f"{where}: opened while open")
            elif lifecycle == "accepted":
                pass
            elif record.key not in is_open:
                faults.append(f"{where}: {lifecycle} without having been opened")
            elif lifecycle not in ends and not is_open[record.key]:
                faults.append(f"{where}: {lifecycle} while accepted")
            is_open[record.key] = lifecycle != "accepted"
            if lifecycle in ends:
                del is_open[record.key]
    return faults


def faults_of_dead_letters(
    outputs: Outputs, published: Mapping[Place, Published], name_of: Callable[[str], str], times: int
) -> list[str]:
    """Check that each bad record is dead-lettered `times` times, unchanged, and nothing else is."""
    default_name = {name_of(topic): topic for topic in SOURCES}
    faults = []
    seen: Counter[Place] = Counter()
    for letter in outputs.dead_letters:
        headers = {name: (value or b"").decode() for name, value in letter.headers[-OWN_HEADERS:]}
        place = (
            default_name[headers["rentmatch.source.topic"]],
            int(headers["rentmatch.source.partition"]),
            int(headers["rentmatch.source.offset"]),
        )
        seen[place] += 1
        origin = published.get(place)
        if origin is None or not origin.is_bad:
            faults.append(
                f"dead letter of {place}: {headers['rentmatch.error.message']}: nothing bad was published there"
            )
        elif (letter.key, letter.value) != (origin.key, origin.value):
            faults.append(f"dead letter of {place}: not the bytes that were published")
        elif letter.headers[:-OWN_HEADERS] != origin.headers:
            faults.append(f"dead letter of {place}: not the headers that were published")
    for place, record in published.items():
        if record.is_bad and seen[place] != times:
            faults.append(f"dead letter of {place}: came {seen[place]} times, not {times}")
    return faults


def check(
    outputs: Outputs,
    truth: Truth,
    published: Mapping[Place, Published],
    name_of: Callable[[str], str],
    *,
    dead_letter_times: int = 1,
) -> None:
    """Check all outputs against the truth and the guarantees to readers.

    Raises:
        AssertionError: something is not as it must be; the message lists the first findings of each kind.
    """
    findings = {
        "versions": faults_of_versions(outputs),
        "lives of alerts": faults_of_lives(outputs),
        "dead letters": faults_of_dead_letters(outputs, published, name_of, dead_letter_times),
        "final state against the truth": [str(difference) for difference in compare(truth, outputs.last())],
    }
    lines = [f"{kind}: {len(faults)}\n  " + "\n  ".join(faults[:SHOWN]) for kind, faults in findings.items() if faults]
    if lines:
        raise AssertionError("\n".join(lines))

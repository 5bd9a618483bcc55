"""A month's output records with their earlier versions, and what must be in the read model after them.

The documents that must be there are made here from what a reader downstream decodes (fastavro, the contract's schemas),
not by the code that makes them in the service.
"""

import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from domain.facts import BreakDecided
from domain.ids import two_part_key
from domain.records import ObligationReconciliation, Output
from domain.time import DAY
from read_model.documents import DocumentKind
from read_model.mongo import Document, Mongo
from read_model.writer import ReceivedRecord
from simulator.compare import FinalState
from simulator.scenario import simulate
from simulator.truth import Truth, truth
from simulator.truth_facts import Row
from streams import topics
from streams.codec.codec import Codec
from tests.kit import wire
from tests.kit.driver import Driver
from tests.kit.memory import State

TOPICS: dict[DocumentKind, topics.Topic] = {
    "payments": topics.PAYMENT_RECONCILIATIONS,
    "obligations": topics.OBLIGATION_RECONCILIATIONS,
    "processor_references": topics.REFERENCE_RECONCILIATIONS,
    "payouts": topics.PAYOUT_RECONCILIATIONS,
    "breaks": topics.MISMATCH_ALERTS,
    "alerts": topics.LATE_PAYMENT_ALERTS,
}
KEYS = {
    "payments": "payment_id",
    "obligations": "obligation_id",
    "processor_references": "reference_key",
    "payouts": "payout_key",
    "breaks": "break_id",
    "alerts": "alert_id",
}
MAPS = frozenset({"by_obligation", "paid", "pending"})
"""The contract's maps."""
PLACE = frozenset({"partition", "offset"})
"""What a current document has of the place of its record."""
FOR_QUERIES = frozenset(
    ("due_order", "entry_id", "entry_ids", "entry_keys", "gross_drift_minor", "groups", "moved_at",
     "size_minor", "was_in")
)  # fmt: skip
"""What a document has besides its record, for filters and orders."""
ATTRIBUTED = ("payments", "processor_references", "breaks")
"""The kinds whose documents have the properties and tenants of other documents."""


def key_of(kind: str, row: Mapping[str, Any]) -> str:
    """Return the key of a record as the contract's JSON or a consumer has it."""
    if kind == "processor_references":
        return two_part_key(row["processor"], row["processor_reference"])
    if kind == "payouts":
        return two_part_key(row["processor"], row["payout_id"])
    return str(row[KEYS[kind]])


@dataclass(frozen=True)
class Month:
    """Everything a worker published in a month, oldest version first, and the truth at its end."""

    arrived: tuple[ReceivedRecord, ...]
    truth: Truth
    closes_at: int


@cache
def month(seed: int, obligations: int, looks: int) -> Month:
    """A simulated month; the worker commits `looks` times, so that most keys have several versions."""
    scenario = simulate(seed, obligations)
    deliveries = [delivery for delivery in scenario.deliveries if not delivery.is_bad]
    opens_at = scenario.closes_at - 40 * DAY
    driver = Driver(partitions=2, now=opens_at)
    for look in range(looks):
        driver.pipe(*(d.fact for d in deliveries[look::looks] if d.fact is not None))
        driver.advance(opens_at + (scenario.closes_at - opens_at) * (look + 1) // looks)
    return Month(
        tuple(_arrived(driver)), truth(replace_deliveries(scenario, deliveries), scenario.closes_at), scenario.closes_at
    )


def replace_deliveries(scenario: Any, deliveries: Sequence[Any]) -> Any:
    return replace(scenario, deliveries=deliveries)


def _arrived(driver: Driver) -> Iterable[ReceivedRecord]:
    for kind, topic in TOPICS.items():
        for number in range(driver.world.broker.partitions[topic]):
            for offset, record in enumerate(driver.world.broker.logs[topic, number]):
                if record is not None and record.state is State.COMMITTED:
                    output = None if record.value is None else driver.world.codec.decode_output(record.value)
                    yield ReceivedRecord(kind, topic.name, number, offset, record.key, record.value, output)


def row_of(document: Document) -> Row:
    """Convert a document to the contract's record: pairs become maps, and fields for queries are dropped."""
    extra = {"_id", "open", "live", "obligation_ids", "reference_key", "payout_key", *PLACE, *FOR_QUERIES}
    extra |= {"property_ids", "tenant_ids"}
    return {name: _plain(name, value) for name, value in document.items() if name not in extra}


def _plain(name: str, value: Any) -> Any:
    if name in MAPS or (name == "gross_minor" and isinstance(value, list)):
        assert len({pair["id"] for pair in value}) == len(value)
        assert all(set(pair) == {"id", "amount_minor"} for pair in value)
        return {pair["id"]: pair["amount_minor"] for pair in value}
    if isinstance(value, dict):
        return {part: _plain(part, inner) for part, inner in value.items()}
    if isinstance(value, list):
        return [_plain("", part) for part in value]
    return value


def rows_of(arrived: Iterable[ReceivedRecord]) -> dict[str, list[Row]]:
    """The decoded output records, by kind."""
    rows: dict[str, list[Row]] = {kind: [] for kind in KEYS}
    for one in arrived:
        if one.value is not None:
            rows[one.kind].append(wire.decode(one.value))
    return rows


def gone_of(arrived: Iterable[ReceivedRecord]) -> dict[str, set[str]]:
    """The keys whose last record is a tombstone, by kind."""
    last = {(one.kind, one.key): one.value for one in arrived}
    gone: dict[str, set[str]] = {kind: set() for kind in KEYS}
    for (kind, key), value in last.items():
        if value is None and key is not None:
            gone[kind].add(key.decode())
    return gone


def attributions(documents: Mapping[str, Mapping[str, Document]]) -> dict[tuple[str, str], tuple[list[str], list[str]]]:
    """The properties and tenants that documents must have, found one by one, by kind and key."""
    obligations = documents["obligations"]

    def of_payment(key: str | None) -> set[str]:
        return set(documents["payments"].get(key or "", {"obligation_ids": ()})["obligation_ids"])

    found = {}
    for kind in ATTRIBUTED:
        for key, document in documents[kind].items():
            about = document.get("key_kind") or {"payments": "payment", "processor_references": "reference"}[kind]
            asked = document.get("key", key)
            touched: set[str] = set()
            if about == "payment":
                touched = of_payment(asked)
            elif about == "reference" and asked in documents["processor_references"]:
                touched = of_payment(documents["processor_references"][asked]["payment_id"])
            elif about == "obligation":
                touched = {asked}
            rows = [obligations[one] for one in touched if one in obligations]
            found[kind, key] = (
                sorted({row["property_id"] for row in rows}), sorted({row["tenant_id"] for row in rows})
            )  # fmt: skip
    return found


async def misattributed(mongo: Mongo) -> list[str]:
    """Return the documents whose properties and tenants are not those of the documents that they depend on."""
    documents = {
        kind: {one["_id"]: one for one in await mongo.find(kind, {"gone": None})}
        for kind in ("obligations", *ATTRIBUTED)
    }
    faults = []
    for (kind, key), (property_ids, tenant_ids) in attributions(documents).items():
        document = documents[kind][key]
        is_right = document.get("property_ids") == property_ids and document.get("tenant_ids") == tenant_ids
        if not is_right or (kind == "breaks" and document["groups"] != (property_ids or [""])):
            was = {name: document.get(name) for name in ("property_ids", "tenant_ids", "groups")}
            faults.append(f"{kind} {key}: should be of {property_ids}, {tenant_ids}, is {was}")
    return faults


async def faults_of(
    mongo: Mongo,
    rows: dict[str, list[Row]],
    *,
    gone: Mapping[str, Collection[str]] | None = None,
    whole_history: bool = True,
) -> list[str]:
    """Return the differences of the collections from the last rows, and of the histories from all rows.

    Args:
        mongo: the database.
        rows: all records, by kind.
        gone: the keys whose last record is a tombstone, by kind.
        whole_history: whether the histories have nothing but these rows.

    """
    faults = await misattributed(mongo)
    for kind, published in rows.items():
        ended = {} if gone is None else gone.get(kind, ())
        newest: dict[str, Row] = {}
        for row in published:
            key = key_of(kind, row)
            if key not in ended and (key not in newest or newest[key]["version"] < row["version"]):
                newest[key] = row
        documents = {document["_id"]: document for document in await mongo.find(kind, {"gone": None})}
        faults += _differences(kind, newest, {at: row_of(document) for at, document in documents.items()})
        for at, document in documents.items():
            if kind == "breaks" and document["open"] is not (document["lifecycle"] in ("opened", "updated")):
                faults.append(f"{kind} {at}: open is {document['open']}")
            if kind == "alerts" and document["live"] is not (document["ended_at"] is None):
                faults.append(f"{kind} {at}: live is {document['live']}")
            if kind in ("processor_references", "payouts") and document[KEYS[kind]] != at:
                faults.append(f"{kind} {at}: {KEYS[kind]} is {document[KEYS[kind]]}")
            if kind == "payments":
                touched = {pair["id"] for pair in document["posted"]["by_obligation"]}
                touched |= {allocation["obligation_id"] for allocation in document["allocations"]}
                if document["initiated"]:
                    touched.add(document["initiated"]["obligation_id"])
                if document["obligation_ids"] != sorted(touched):
                    faults.append(f"{kind} {at}: obligation_ids are {document['obligation_ids']}")
        history = {document["_id"]: document for document in await mongo.find(f"{kind}_history", {})}
        versions = {f"{key_of(kind, row)}@{row['version']}": row for row in published}
        found = {at: row_of(document["record"]) for at, document in history.items()}
        if not whole_history:
            found = {at: row for at, row in found.items() if at in versions}
        faults += _differences(f"{kind}_history", versions, found)
        for at, document in history.items():
            record = document["record"]
            if (document["key"], document["version"]) != (key_of(kind, record), record["version"]):
                faults.append(f"{kind}_history {at}: {document['key']}, {document['version']}")
    return faults


def _differences(what: str, expected: dict[str, Row], found: dict[str, Row]) -> list[str]:
    return [
        f"{what} {at}: should be {expected.get(at)}, is {found.get(at)}"
        for at in sorted({*expected, *found})
        if expected.get(at) != found.get(at)
    ]


async def found_in(mongo: Mongo) -> FinalState:
    """Return the current documents for the comparison with the truth."""
    found = FinalState()
    for kind in KEYS:
        for document in await mongo.find(kind, {"gone": None}):
            found.take(row_of(document))
    return found


def obligations_of_break(truth: Truth, row: Mapping[str, Any]) -> set[str]:
    """Return the obligations that an open break is about, as the contract defines them."""
    touched = {row["key"]} if row["key_kind"] == "obligation" else set()
    payment_id = row["key"] if row["key_kind"] == "payment" else None
    if row["key_kind"] == "reference":
        payment_id = truth.references[row["key"]]["payment_id"]
    if payment_id in truth.payments:
        payment = truth.payments[payment_id]
        touched = {*payment["posted"]["by_obligation"], *(each["obligation_id"] for each in payment["allocations"])}
        if payment["initiated"] is not None:
            touched.add(payment["initiated"]["obligation_id"])
    return touched


def about(truth: Truth, obligations: Collection[str]) -> dict[str, Row]:
    """Return the open breaks about these obligations, found one by one."""
    found = {key: obligations_of_break(truth, row) for key, row in truth.open_breaks.items()}
    return {key: truth.open_breaks[key] for key, touched in found.items() if touched & set(obligations)}


def properties_of_breaks(truth: Truth) -> dict[str, set[str]]:
    """Return the properties of each open break."""
    rows = truth.obligations
    return {
        key: {rows[one]["property_id"] for one in obligations_of_break(truth, row) if one in rows}
        for key, row in truth.open_breaks.items()
    }


def parts(arrived: Sequence[ReceivedRecord], rng: random.Random) -> list[list[ReceivedRecord]]:
    """Return all records in any order, some twice, in parts of any size."""
    sent = [*arrived, *rng.sample(arrived, len(arrived) // 4)]
    rng.shuffle(sent)
    cut: list[list[ReceivedRecord]] = []
    while sent:
        size = rng.choice((1, 7, 100, 500))
        cut.append(sent[:size])
        sent = sent[size:]
    return cut


def record_of_kind(arrived: Iterable[ReceivedRecord], kind: str) -> Output:
    """Any record of a kind."""
    found = next(one.record for one in arrived if one.kind == kind and one.record is not None)
    assert not isinstance(found, BreakDecided)
    return found


def obligation(key: str = "O-1", version: int = 1, **changes: Any) -> ReceivedRecord:
    """A record of an obligation, published at the offset of its version."""
    fields: dict[str, Any] = {
        "obligation_id": key, "version": version, "lease_id": "L", "tenant_id": "T", "property_id": "H",
        "period": "2026-07", "status": "open", "currency": "USD", "charged_minor": 1_000, "adjusted_minor": 0,
        "balance_minor": 1_000, "installments": (), "paid_minor": 0, "pending_minor": 0, "posted_minor": 0,
        "overpaid_minor": 0, "next_due_date": 20_635, "oldest_late_due_date": None, "ageing_bucket": "current",
        "open_breaks": (), "rests_on": 1_785_000_000_000_000,
    }  # fmt: skip
    record = ObligationReconciliation(**{**fields, **changes})
    value = Codec().encode(record, "obligation-reconciliations")
    return ReceivedRecord("obligations", "obligation-reconciliations", 0, version, key.encode(), value, record)


def tombstone(key: str = "O-1", offset: int = 1, partition: int = 0) -> ReceivedRecord:
    """Say that an obligation is no more."""
    return ReceivedRecord("obligations", "obligation-reconciliations", partition, offset, key.encode(), None, None)

"""rentmatch and Kafka Streams on the same input, in turn, on one broker: what each costs, and whether it is right.

Kafka Streams does a simpler job (benchmarks/kafka_streams): it joins payments with settlements and postings, and
obligations with payments, and reports two classes of breaks. It has no deadlines, no other breaks, no references, no
payouts, no decisions, no dead letters. Both run one thread for the work, exactly once, commit every 100 ms where there
is no backlog, and start from nothing.

CPU and memory are those of the process over its whole life: its start and its stop are in it, the wait for the
measurement's end is not.
"""

import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from benchmarks import usage
from benchmarks.deployment import MeasuredDeployment
from benchmarks.events import publish
from benchmarks.report import Result
from benchmarks.versus_input import CLOCK, Outcomes, PeerInput
from domain.records import MismatchAlert, ObligationReconciliation, PaymentReconciliation
from streams import topics
from streams.codec.codec import Codec
from streams.topics import Topic
from tools.local import cache, maven
from tools.local.processes import Process
from tools.local.worker import WorkerProcess

PARTITIONS = 4

PEER = Path(__file__).parent / "kafka_streams"

SCHEMAS = Path(__file__).parents[1] / "schemas" / "avro"

OUTPUTS = (topics.PAYMENT_RECONCILIATIONS, topics.OBLIGATION_RECONCILIATIONS, topics.MISMATCH_ALERTS)

INPUTS = (topics.PAYMENT_INITIATED, topics.PROCESSOR_SETTLED, topics.LEDGER_EVENTS)

QUIET_S = 3.0
"""Nothing more is written for this long, and all inputs are committed: it is done."""

LOOK_EVERY_S = 0.25

MILLION = 1_000_000

HEADER_BYTES = 10
"""Of Avro's single-object encoding."""

Read = Callable[[Outcomes, Topic, bytes, bytes], None]
"""Adds the last record of a key of an output topic to what came out."""


class WrongResult(RuntimeError):
    """What came out is not what must come out."""


def run_versus(broker: str, directory: Path, given: PeerInput) -> Result:
    """Measure each once over the input, check what it wrote, and give the ratios.

    Raises:
        WrongResult: a program is quick and wrong.

    """
    events = len(given.backlog.records)
    inputs = MeasuredDeployment(broker, clock=CLOCK, partitions=PARTITIONS)
    try:
        publish(inputs, given.backlog)
        ours = _measure(inputs, directory / "rentmatch", given, _rentmatch, read_ours)
        theirs = _measure(inputs, directory / "kafka-streams", given, _kafka_streams, _reader_of_theirs())
    finally:
        inputs.remove()
    result = Result("versus", f"{events:,} events, one process each, exactly once from zero, 4 partitions a topic")
    result.add("events", events, "")
    for name, cost in (("rentmatch", ours), ("Kafka Streams", theirs)):
        result.add(f"{name}: CPU a million events", cost["cpu"] / events * MILLION, "s")
        result.add(f"{name}: throughput", events / cost["seconds"], "events/s")
        result.add(f"{name}: peak memory", cost["peak"] / 2**20, "MiB")
        result.add(f"{name}: records written", cost["records"] / events, "an event")
    result.add("CPU beside Kafka Streams", ours["cpu"] / theirs["cpu"], "times", "<= 1", ours["cpu"] <= theirs["cpu"])
    result.add("wall time beside Kafka Streams", ours["seconds"] / theirs["seconds"], "times")
    result.add("peak memory beside Kafka Streams", ours["peak"] / theirs["peak"], "times")
    return result


Start = Callable[[MeasuredDeployment, Path], Process]


def _measure(
    inputs: MeasuredDeployment, directory: Path, given: PeerInput, start: Start, read: Read
) -> dict[str, float]:
    """Run one program from nothing to the end of the inputs and check what it wrote."""
    deployment = MeasuredDeployment(inputs.settings.broker, inputs=inputs.name, clock=CLOCK, partitions=PARTITIONS)
    process = start(deployment, directory)
    begin = time.monotonic()
    process.start()
    try:
        last_at, last_cpu = _wait_until_done(deployment, process)
        idle_cpu = usage.cpu_seconds(process.pid)
        peak = usage.peak_bytes(process.pid)
        process.ask_to_end()
        stop_cpu = _cpu_until_gone(process)
        _check(deployment, given, read, process)
        records = sum(deployment.ends(*OUTPUTS).values())
    finally:
        process.kill()
        deployment.remove(with_inputs=False)
    return {
        "seconds": last_at - begin,
        "cpu": last_cpu + max(0.0, stop_cpu - idle_cpu),
        "peak": float(peak),
        "records": float(records),
    }


def _wait_until_done(deployment: MeasuredDeployment, process: Process, timeout_s: float = 3_600) -> tuple[float, float]:
    """Wait until all is read and written; when the last record was written, and the CPU up to then."""
    seen: dict[tuple[str, int], int] = {}
    changed_at, cpu = begin, _ = time.monotonic(), 0.0
    while True:
        time.sleep(LOOK_EVERY_S)
        if process.exit_code is not None:
            raise RuntimeError(f"it exited with {process.exit_code}\n{process.tail()}")
        now = time.monotonic()
        spent = usage.cpu_seconds(process.pid)
        try:
            ends = deployment.ends(*OUTPUTS)
            if ends != seen:
                seen, changed_at, cpu = ends, now, spent
            elif now - changed_at > QUIET_S and any(ends.values()) and deployment.has_read(*INPUTS):
                return changed_at, cpu
        except KafkaException:
            pass  # a new topic has no leader yet, or a transaction is open on the offsets: the next look answers
        if now - begin > timeout_s:
            raise TimeoutError(f"not everything was read\n{process.tail()}")


def _cpu_until_gone(process: Process, timeout_s: float = 60) -> float:
    """The CPU of a process that ends, as last seen."""
    spent, until = 0.0, time.monotonic() + timeout_s
    while process.is_running:
        try:
            spent = usage.cpu_seconds(process.pid)
        except OSError:
            break
        if time.monotonic() > until:
            raise TimeoutError(f"it did not end\n{process.tail()}")
        time.sleep(0.01)
    return spent


def _check(deployment: MeasuredDeployment, given: PeerInput, read: Read, process: Process) -> None:
    found = Outcomes()
    for topic in OUTPUTS:
        for key, value in _last(deployment, topic).items():
            read(found, topic, key, value)
    wrong = found.differences(given.expected)
    if wrong:
        raise WrongResult("\n".join([*wrong, process.tail()]))


def _last(deployment: MeasuredDeployment, topic: Topic) -> dict[bytes, bytes]:
    """The last committed value of each key."""
    name = deployment.topic(topic)
    consumer = Consumer(
        deployment.kafka(
            {"group.id": "unused", "enable.auto.commit": False, "enable.partition.eof": True,
             "isolation.level": "read_committed"}
        )
    )  # fmt: skip
    last: dict[bytes, bytes] = {}
    try:
        consumer.assign([TopicPartition(name, number, 0) for number in range(PARTITIONS)])
        left = set(range(PARTITIONS))
        while left:
            for message in consumer.consume(10_000, 0.5):
                error = message.error()
                if error is None:
                    last[message.key()] = message.value()
                elif error.code() == KafkaError._PARTITION_EOF:
                    left.discard(message.partition())
                else:
                    raise RuntimeError(str(error))
    finally:
        consumer.close()
    return last


def _rentmatch(deployment: MeasuredDeployment, directory: Path) -> WorkerProcess:
    return deployment.worker(directory)


def read_ours(found: Outcomes, topic: Topic, key: bytes, value: bytes) -> None:
    """Add a record that rentmatch wrote."""
    record = _CODEC.decode_output(value)
    if isinstance(record, PaymentReconciliation):
        assert record.initiated is not None
        settled = record.settled
        found.add_payment(
            record.payment_id,
            record.initiated.amount_minor,
            settled.gross_minor,
            settled.returned_minor + settled.refunded_minor + settled.charged_back_minor,
            record.posted.net_minor,
        )
    elif isinstance(record, ObligationReconciliation):
        covered = {row.installment_id: sum(row.paid.values()) for row in record.installments}
        found.add_obligation(record.obligation_id, record.charged_minor, record.paid_minor, covered)
    elif isinstance(record, MismatchAlert) and record.lifecycle != "resolved" and record.break_class in BREAKS:
        found.add_break(record.key, record.break_class)


BREAKS = ("duplicate_settlement", "settlement_amount_mismatch")
"""The classes of breaks that both report."""

_CODEC = Codec()


def _kafka_streams(deployment: MeasuredDeployment, directory: Path) -> Process:
    directory.mkdir(parents=True)
    built = peer()
    command = [
        maven.java(), "-Xmx1g", "-XX:+UseParallelGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-cp", f"{built}/classes:{built}/libs/*", "rentmatch.peer.Main",
    ]  # fmt: skip
    env = {
        "PEER_NAME": deployment.name,
        "PEER_INPUTS": deployment.inputs,
        "PEER_BROKER": deployment.settings.broker,
        "PEER_STATE": str(directory / "state"),
    }
    return Process(command, directory / "streams.log", cwd=directory, env=env)


def peer() -> Path:
    """The folder with the built Kafka Streams program: `classes` and `libs`. Built once for each state of its sources.

    Raises:
        tools.local.cache.MissingToolError: Java or Maven is missing, or the build failed.

    """
    sources = sorted(path for path in (*PEER.rglob("*"), *SCHEMAS.glob("*.avsc")) if path.is_file())
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    return cache.cached("kafka-streams", f"what the Kafka Streams program needs ({digest})", _build)


def _build(target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copytree(PEER, Path(folder) / "peer")
        maven.package(copy, schemas=SCHEMAS)
        for name in ("classes", "libs"):
            shutil.move(copy / "target" / name, target / name)


def _reader_of_theirs() -> Read:
    schemas: dict[str, Any] = {}
    by_name = {schema["name"]: schema for schema in json.loads((PEER / "records.avsc").read_text(encoding="utf-8"))}
    for topic, name in zip(
        OUTPUTS, ("PaymentReconciliation", "ObligationReconciliation", "MismatchAlert"), strict=True
    ):
        schemas[topic.name] = fastavro.parse_schema(by_name[name])

    def read(found: Outcomes, topic: Topic, key: bytes, value: bytes) -> None:
        record: Any = fastavro.schemaless_reader(BytesIO(value[HEADER_BYTES:]), schemas[topic.name])
        if topic is topics.PAYMENT_RECONCILIATIONS:
            found.add_payment(
                record["payment_id"],
                record["initiated_minor"],
                record["settled_gross_minor"],
                record["returned_minor"],
                record["posted_minor"],
            )
        elif topic is topics.OBLIGATION_RECONCILIATIONS:
            covered = {row["installment_id"]: row["allocated_minor"] for row in record["installments"]}
            found.add_obligation(record["obligation_id"], record["charged_minor"], record["paid_minor"], covered)
        elif record["lifecycle"] != "resolved":
            found.add_break(record["payment_id"], record["class"])

    return read

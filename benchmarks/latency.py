"""Latency from an event to the first output that includes it, at a steady rate.

Open loop: the instant of each event is fixed in advance, whatever the service does, and its latency counts from
then. `occurred_at` is that instant too, so an output whose `rests_on` has reached it is the first that knows of
the event. Both are read on one clock.
"""

import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import OFFSET_END, Consumer, KafkaError, Message, Producer, TopicPartition

from benchmarks import usage
from benchmarks.code import described
from benchmarks.deployment import MeasuredDeployment
from benchmarks.peers.model import RestsOn
from benchmarks.peers.rentmatch import rests_on as rests_on_of_ours
from benchmarks.report import Result
from benchmarks.running import RECOVERED, wait_for
from domain.facts import InputFact, ObligationCharged, PaymentInitiated, PaymentPosted, ProcessorSettled
from domain.time import DAY, SECOND, Micros
from streams import topics
from streams.codec.codec import Codec
from streams.topics import Topic
from tools.local.processes import Process

COMMIT_MS = 100
"""The commit interval, of the peers too: their own settings say the same."""

PERCENTILES = (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999))

WARM_UP_S = 5
"""Events of the first seconds are sent and not counted."""

AFTER_S = 20
"""How long to wait for the last outputs."""

STEPS = 4
"""Events of a rent: charge, initiation, settlement, posting."""

LEAD_S = 3
"""Between making the plan and sending its first event."""

TICK_S = 0.002

Planned = tuple[Micros, Topic, bytes, bytes]
"""The instant at which it is due, its topic, key and value."""


KINDS = {"payment": "payment events", "obligation": "ledger events"}
"""Of outputs, and which events they must include."""

READ = {topics.PAYMENT_RECONCILIATIONS: "payment", topics.OBLIGATION_RECONCILIATIONS: "obligation"}
"""The topics that a listener reads, and the kind of their outputs."""


class ReceivedOutput(NamedTuple):
    """An output record as the listener received it."""

    topic: Topic
    at: Micros
    written_at: Micros
    """When the program handed it to its producer; it becomes visible when the transaction commits."""
    value: bytes


class Latency(NamedTuple):
    """The latency of one event."""

    whole: Micros
    until_written: Micros


Waiting = dict[tuple[str, str], deque[Micros]]
"""By kind and key: the instants of events that no output includes yet, in order."""


def facts_of(number: int, step: int, at: Micros) -> tuple[Topic, str, InputFact]:
    """One of the four events of a rent, with its topic and key."""
    obligation, payment = f"O-{number:08d}", f"P-{number:08d}"
    event = f"e-{number:08d}-{step}"
    if step == 0:
        due = at // DAY + 10
        charge = ObligationCharged(
            event_id=event,
            occurred_at=at,
            obligation_id=obligation,
            lease_id="L-1",
            tenant_id="T-1",
            property_id="PR-1",
            period="2026-06",
            amount_minor=120_000,
            currency="USD",
            due_date=due,
            time_zone="America/New_York",
            grace_days=5,
            installments=(),
        )
        return topics.LEDGER_EVENTS, obligation, charge
    if step == 1:
        initiated = PaymentInitiated(
            event_id=event,
            occurred_at=at,
            payment_id=payment,
            tenant_id="T-1",
            property_id="PR-1",
            obligation_id=obligation,
            installment_id=None,
            amount_minor=120_000,
            currency="USD",
            method="CARD",
            processor="processor",
            processor_reference=None,
        )
        return topics.PAYMENT_INITIATED, payment, initiated
    if step == 2:
        settled = ProcessorSettled(
            event_id=event,
            occurred_at=at,
            payment_id=payment,
            processor="processor",
            processor_reference=f"r-{number}",
            outcome="SETTLED",
            gross_minor=120_000,
            fee_minor=300,
            net_minor=119_700,
            currency="USD",
            reason_code=None,
            payout_id=None,
            value_date=None,
        )
        return topics.PROCESSOR_SETTLED, payment, settled
    posted = PaymentPosted(
        event_id=event,
        occurred_at=at,
        obligation_id=obligation,
        posting_id=f"po-{number}",
        payment_id=payment,
        installment_id=None,
        amount_minor=120_000,
        currency="USD",
    )
    return topics.LEDGER_EVENTS, obligation, posted


def plan(begins_at: Micros, rate: int, seconds: int, warm_up_s: int = WARM_UP_S) -> tuple[list[Planned], Waiting]:
    """Plan evenly spread events: a quarter of each second's are charges, and their payments follow a second a step."""
    encode = Codec().encode
    planned: list[Planned] = []
    waiting: Waiting = {}
    rents_a_second = rate // STEPS
    counted_from = begins_at + warm_up_s * SECOND
    for index in range(rate * (seconds + warm_up_s)):
        rent, step = divmod(index, STEPS)
        number = rent - step * rents_a_second  # each step of a rent comes a second after the one before
        if number < 0:
            continue
        at = begins_at + index * SECOND // rate
        topic, key, fact = facts_of(number, step, at)
        planned.append((at, topic, key.encode(), encode(fact, topic.name)))
        if at >= counted_from:
            kind = "obligation" if topic is topics.LEDGER_EVENTS else "payment"
            waiting.setdefault((kind, key), deque()).append(at)
    return planned, waiting


class OutputListener(threading.Thread):
    """Reads the two reconciliation topics as a consumer downstream does, and notes when each output arrived."""

    def __init__(self, deployment: MeasuredDeployment) -> None:
        super().__init__(daemon=True)
        self.received: list[ReceivedOutput] = []
        self._topics = {deployment.topic(topic): topic for topic in READ}
        self.stopping = threading.Event()
        self._consumer = Consumer(
            deployment.kafka(
                {
                    "group.id": f"{deployment.name}-listener",
                    "isolation.level": "read_committed",
                    "fetch.wait.max.ms": 10,
                    "enable.auto.commit": False,
                },
            )
        )
        self._consumer.assign(
            [
                TopicPartition(name, number, OFFSET_END)
                for name in self._topics
                for number in range(deployment.settings.partitions)
            ]
        )

    def run(self) -> None:
        """Read until `stopping` is set."""
        while not self.stopping.is_set():
            message = self._consumer.poll(0.1)
            if message is not None and message.error() is None:
                at, written_at = time.time_ns() // 1_000, message.timestamp()[1] * 1_000
                topic = self._topics[message.topic() or ""]
                self.received.append(ReceivedOutput(topic, at, written_at, message.value() or b""))
        self._consumer.close()


class Sender:
    """Sends each event when it is due, and measures the sender's own share of the latency."""

    def __init__(self, deployment: MeasuredDeployment) -> None:
        self._names = {topic: deployment.topic(topic) for topic in topics.INPUTS}
        self._producer = Producer(
            deployment.kafka(
                # librdkafka asks the broker once a partition: a shorter linger would keep the broker busy with that.
                {"linger.ms": 20, "partitioner": "murmur2_random", "queue.buffering.max.messages": 1_000_000}
            )
        )
        self.late_max: Micros = 0
        """The longest delay in handing an event to the producer."""
        self.delivered: list[Micros] = []
        """From there to the broker's acknowledgement, for each event."""

    def send(self, planned: list[Planned]) -> None:
        """Send all.

        Raises:
            RuntimeError: an event was not delivered.

        """
        for at, topic, key, value in planned:
            now = time.time_ns() // 1_000
            while now < at:
                self._producer.poll(0)
                time.sleep(min(TICK_S, (at - now) / SECOND))
                now = time.time_ns() // 1_000
            self.late_max = max(self.late_max, now - at)
            self._producer.produce(self._names[topic], value, key, on_delivery=self._note)
        self._producer.flush(60)
        if len(self.delivered) != len(planned):
            raise RuntimeError("not all events were delivered")

    def _note(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self.delivered.append(round(message.latency() * SECOND))


def latencies(received: list[ReceivedOutput], waiting: Waiting, rests_on: RestsOn) -> dict[str, list[Latency]]:
    """Return the latency of each event that an output includes, by kind, and remove it from `waiting`."""
    found: dict[str, list[Latency]] = {kind: [] for kind in KINDS}
    for topic, came_at, written_at, value in received:
        key, included = rests_on(topic, value)
        events = waiting.get((READ[topic], key))
        while events and events[0] <= included:
            at = events.popleft()
            found[READ[topic]].append(Latency(came_at - at, written_at - at))
    return found


def percentile(values: Sequence[Micros], share: float) -> float:
    """Return the percentile in milliseconds."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] / 1_000


@dataclass(frozen=True)
class Latencies:
    """What a program did at a steady rate."""

    found: Mapping[str, list[Latency]]
    """By kind of output."""
    counted: int
    """How many events."""
    busy: float
    """The CPU that it used, cores."""
    sender: Sender

    def whole(self, kind: str) -> list[Micros]:
        """From the instants of events until the outputs of a kind that include them were received."""
        return [latency.whole for latency in self.found[kind]]


def measure_latency(
    deployment: MeasuredDeployment,
    process: Process,
    rests_on: RestsOn,
    *,
    rate: int,
    seconds: int,
    warm_up_s: int = WARM_UP_S,
) -> Latencies:
    """Send `rate` events a second to a program that is ready, and note when its outputs include each.

    Raises:
        RuntimeError: some events are in no output.

    """
    listener = OutputListener(deployment)
    listener.start()
    try:
        sender = Sender(deployment)
        planned, waiting = plan(time.time_ns() // 1_000 + LEAD_S * SECOND, rate, seconds, warm_up_s)
        counted = sum(map(len, waiting.values()))
        before_s, began = usage.cpu_seconds(process.pid), time.monotonic()
        sender.send(planned)
        busy = (usage.cpu_seconds(process.pid) - before_s) / (time.monotonic() - began - LEAD_S)
        until = time.monotonic() + AFTER_S
        received_before = -1
        while time.monotonic() < until and len(listener.received) != received_before:
            received_before = len(listener.received)
            time.sleep(2)
    finally:
        listener.stopping.set()
        listener.join(30)
    found = latencies(listener.received, waiting, rests_on)
    missing = counted - sum(map(len, found.values()))
    if missing:
        raise RuntimeError(f"{missing} of {counted} events are in no output\n{process.tail()}")
    return Latencies(found, counted, busy, sender)


def run_latency(broker: str, directory: Path, *, rate: int, seconds: int, code: Path, commit_ms: int) -> Result:
    """Measure a worker at a steady rate of `rate` events a second.

    Raises:
        RuntimeError: some events are in no output.

    """
    deployment = MeasuredDeployment(broker, RENTMATCH_COMMIT_INTERVAL_MS=str(commit_ms))
    worker = deployment.worker(directory / "latency", code=code)
    try:
        worker.start()
        wait_for(worker, RECOVERED, 120)
        worker.wait_ready(60)
        measured = measure_latency(deployment, worker, rests_on_of_ours, rate=rate, seconds=seconds)
        worker.terminate(60)
    finally:
        worker.kill()
        deployment.remove()
    result = Result(
        "latency",
        f"{rate:,} events/s for {seconds} s, commit interval {commit_ms} ms, read_committed; {described(code)}",
    )
    for kind, name in KINDS.items():
        whole = measured.whole(kind)
        for percent, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)):
            value = percentile(whole, share)
            held = percent == "p99"
            result.add(f"{name}: {percent}", value, "ms", "<= 250" if held else "", value <= 250 if held else None)
        written = percentile([latency.until_written for latency in measured.found[kind]], 0.5)
        result.add(f"{name}: p50 until the worker wrote it", written, "ms")
    sender = measured.sender
    result.add("events a second", rate, "")
    result.add("events counted", measured.counted, "")
    result.add("the worker used", measured.busy * 100, "% of a core")
    result.add("the sender was late by at most", sender.late_max / 1_000, "ms")
    result.add("of which until the broker had the event, p50", percentile(sender.delivered, 0.5), "ms")
    result.add("of which until the broker had the event, p99", percentile(sender.delivered, 0.99), "ms")
    return result

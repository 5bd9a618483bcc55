"""How facts arrive: late, twice, restamped, out of order, before their time."""

from collections.abc import Iterable
from random import Random

import msgspec

from domain.facts import (
    BankEntryBooked,
    BreakDecided,
    EntryMatched,
    InputFact,
    ObligationAdjusted,
    ObligationCancelled,
    ObligationCharged,
    ObligationReinstated,
    PaymentInitiated,
    PaymentPosted,
    PaymentReassigned,
    PayoutReported,
    PlanChanged,
    PostingReversed,
    ProcessorSettled,
    ReferenceAssigned,
)
from domain.time import DAY, HOUR, MINUTE, SECOND, Micros
from simulator.anomalies import Anomalies
from simulator.deliver import Delivery, topic_and_key
from simulator.recording import Recording


def restamped(rng: Random, recording: Recording, fact: InputFact) -> InputFact:
    """Return the record as a careless producer repeats it: with another event id and time, and immaterial changes."""
    seconds = rng.randint(-3, 90)
    again = msgspec.structs.replace(
        fact, event_id=recording.event_id(), occurred_at=fact.occurred_at + seconds * SECOND
    )
    match again:
        case ProcessorSettled():
            # Another reason is no conflict.
            return msgspec.structs.replace(again, reason_code=None)
        case PlanChanged():
            # The same installments listed in another order are the same plan.
            return msgspec.structs.replace(again, installments=again.installments[::-1])
        case ObligationAdjusted() | ObligationCancelled() | ObligationReinstated() | PostingReversed():
            return msgspec.structs.replace(again, reason="reworded")
        case PaymentReassigned() | ReferenceAssigned():
            return msgspec.structs.replace(again, actor="somebody else")
        case BankEntryBooked():
            # The statement of the next day has the entry again, with another text.
            return msgspec.structs.replace(again, text="reworded")
        case PaymentInitiated() | PaymentPosted() | ObligationCharged():
            return again
        case PayoutReported() | EntryMatched() | BreakDecided():
            return again


def lag(rng: Random, anomalies: Anomalies) -> Micros:
    """Return how long after it happened a fact arrives: seconds as a rule, out of order at a set rate."""
    dice = rng.random()
    if dice < anomalies.wildly_late:
        return int(rng.uniform(1, 20) * DAY)
    dice -= anomalies.wildly_late
    if dice < anomalies.out_of_order:
        return int(rng.uniform(1, 120) * MINUTE)
    dice -= anomalies.out_of_order
    if dice < anomalies.from_the_future:
        return -int(rng.uniform(1, 60) * MINUTE)
    return int(rng.uniform(0.05, 20) * SECOND)


def arrivals(recording: Recording, anomalies: Anomalies, facts: Iterable[tuple[InputFact, Micros]]) -> list[Delivery]:
    """Return the deliveries of these facts, unsorted. Everything has arrived when the recording closes.

    `facts` are those of the recording, each with how much later than usual it arrives, in microseconds.
    """
    rng = recording.rng
    closes_at = recording.closes_at
    deliveries = []
    for fact, later in facts:
        topic, key = topic_and_key(fact)
        arrives_at = min(fact.occurred_at + later + lag(rng, anomalies), closes_at)
        told, again = fact, restamped(rng, recording, fact) if rng.random() < anomalies.restamped else None
        if again is not None and isinstance(fact, ProcessorSettled) and rng.random() < 0.5:
            # The payout is reported later: at the payout, only the record that names it is a line.
            told = msgspec.structs.replace(fact, payout_id=None)
        deliveries.append(Delivery(topic, key, arrives_at, told))
        if rng.random() < anomalies.redelivered:
            again_at = arrives_at + int(rng.uniform(1, 30) * (SECOND if rng.random() < 0.7 else HOUR))
            deliveries.append(Delivery(topic, key, min(again_at, closes_at), told))
        if again is not None:
            again_at = arrives_at + int(rng.uniform(1, 30) * MINUTE)
            deliveries.append(Delivery(topic, key, min(again_at, closes_at), again))
    return deliveries

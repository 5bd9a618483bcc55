"""An installation of version 1 that becomes one of version 2 while it runs, and what its readers see of that."""

import itertools
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from domain.facts import (
    Allocation,
    BreakDecided,
    InputFact,
    ObligationReinstated,
    PaymentInitiated,
    PaymentReassigned,
    ProcessorSettled,
)
from domain.time import HOUR
from simulator.compare import compare
from simulator.deliver import Delivery, topic_and_key
from simulator.scenario import simulate
from simulator.truth import truth_of_deliveries
from simulator.truth_facts import identity_of
from tests.kit import version_1
from tests.kit.deployment import AuditedDeployment
from tests.kit.verifier import ENDS, SHOWN, Outputs, Place, faults_of_lives, faults_of_versions
from tests.kit.version_1 import Line
from tools.group_monitor import UPSTREAM_FIRST

SEEN_TWICE = 9
"""Payments of each kind that version 1 sees nothing wrong with, and version 2 does: enough for each partition."""

MONTH = 25
"""Obligations of the month that producers of version 2 write."""

IDS = ("payment_id", "obligation_id", "posting_id", "reversal_id", "processor_reference", "original_reference")
"""The fields of facts with ids that a scenario makes up, beside those of events."""


class Installation(AuditedDeployment):
    """An installation that is of version 1 at first."""

    def __init__(self, *args: Any, code: Path, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.code = code
        self.monitor.steps = [list(names) for names in version_1.READ]
        self.kept: set[int] = set()
        """The deliveries that workers of version 1 have read, by their `id`."""
        self._before: dict[Place, int] = {}

    def create_topics(self) -> None:
        """Create the topics of version 1."""
        version_1.run(self.code, self.env, "provision")

    def provision(self) -> None:
        """Create the topics that version 2 has besides; what happens from now on is the upgrade."""
        self.kept = {id(delivery) for delivery in self.deliveries}
        super().create_topics()
        self.monitor.steps = UPSTREAM_FIRST

    def give(self, lines: Sequence[Line]) -> None:
        """Let a producer of version 1 publish records."""
        version_1.publish(self.code, self.env, lines)
        self.deliveries += [line.delivery for line in lines]

    def check_upgraded(self, *, whole: bool) -> Outputs:
        """Compare the state with the truth of version 2, and see what readers have seen.

        Args:
            whole: about all that was delivered; otherwise about what version 1 kept of what it read.

        Raises:
            AssertionError: something is not as it must be.
        """
        outputs = self.outputs()
        assert self.clock is not None
        known = [_as_kept(one) if not whole and id(one) in self.kept else one for one in self.deliveries]
        truth = truth_of_deliveries(known, self.clock, self.settings.policy)
        faults = [
            *faults_of_versions(outputs),
            *faults_of_lives(outputs),
            *(str(difference) for difference in compare(truth, outputs.last())),
        ]
        assert not faults, f"{len(faults)} findings:\n" + "\n".join(faults[:SHOWN])
        return outputs


def _as_kept(delivery: Delivery) -> Delivery:
    """Give what a worker of version 1 keeps of a record: no payout, no reference of an initiation."""
    match delivery.fact:
        case ProcessorSettled() as fact:
            return msgspec.structs.replace(delivery, fact=msgspec.structs.replace(fact, payout_id=None))
        case PaymentInitiated() as fact:
            return msgspec.structs.replace(delivery, fact=msgspec.structs.replace(fact, processor_reference=None))
        case _:
            return delivery


def month_of_version_1(code: Path, seed: int, obligations: int) -> tuple[list[Line], list[Line]]:
    """Give a month that the simulator of version 1 makes up: what is read before the upgrade, and during it.

    Beside it payments that version 1 sees nothing wrong with: for a rent of another property, and with a settlement
    record on another payment's reference. What is told of an attempt repeatedly comes before the upgrade, and what
    comes during it has no payout: version 1 keeps none, and what is kept must not depend on which worker reads it.
    """
    lines = version_1.simulate(code, seed, obligations)
    rng = random.Random(seed)
    told: dict[tuple[str, ...], set[str | None]] = {}
    for line in lines:
        if isinstance(fact := line.delivery.fact, ProcessorSettled):
            told.setdefault((fact.payment_id or "", *identity_of(fact)), set()).add(fact.payout_id)
    repeated = {key[0] for key, payouts in told.items() if len(payouts) > 1}
    at = len(lines) * 2 // 3
    before: list[Line] = lines[:at]
    during: list[Line] = []
    for line in lines[at:]:
        fact = line.delivery.fact
        if isinstance(fact, ProcessorSettled) and fact.payment_id in repeated:
            before.append(line)
        else:
            during.append(line.without_payout())
    settled = [line for line in lines if isinstance(line.delivery.fact, ProcessorSettled)]
    initiated = [line for line in lines if isinstance(line.delivery.fact, PaymentInitiated)]
    for some in (before, during):
        for number, line in enumerate(rng.sample(initiated, SEEN_TWICE)):
            some.append(line.changed(payment_id=f"P-{len(some)}-{number}-elsewhere", property_id="PR-elsewhere"))
        for number, line in enumerate(rng.sample(settled, SEEN_TWICE)):
            some.append(line.changed(payment_id=f"P-{len(some)}-{number}-twice", payout_id=None))
    return before, during


def facts_of_version_2(outputs: Outputs, deliveries: Iterable[Delivery], seed: int) -> list[Delivery]:
    """Give records that producers of version 2 write: about what version 1 knew, and a month of their own."""
    facts = [delivery.fact for delivery in deliveries if delivery.fact is not None and not delivery.is_bad]
    settled = [fact for fact in facts if isinstance(fact, ProcessorSettled) and fact.outcome == "SETTLED"]
    initiated = [fact for fact in facts if isinstance(fact, PaymentInitiated)]
    found = outputs.last()
    new: list[InputFact] = []
    for number, fact in enumerate(settled[:SEEN_TWICE]):
        new.append(
            msgspec.structs.replace(
                fact, event_id=f"E-back-{number}", occurred_at=fact.occurred_at + HOUR, payment_id=None,
                outcome="RETURNED", processor_reference=f"R-back-{number}", payout_id=None,
                original_reference=fact.processor_reference,
            )
        )  # fmt: skip
    for one, other in itertools.pairwise(initiated[:SEEN_TWICE]):
        whole = Allocation(other.obligation_id, None, one.amount_minor)
        new.append(
            PaymentReassigned(f"E-moved-{one.payment_id}", one.occurred_at + HOUR, one.payment_id, 1, (whole,), "moved")
        )
    for key, row in found.obligations.items():
        if row["status"] == "cancelled":
            new.append(ObligationReinstated(f"E-again-{key}", row["rests_on"] + HOUR, key, "again", "still owed"))
    new += [
        BreakDecided(
            event_id=f"E-{row['break_id']}",
            occurred_at=row["opened_at"],
            decision_id=f"D-{row['break_id']}",
            key_kind=row["key_kind"],
            key=row["key"],
            break_id=row["break_id"],
            action="ACCEPT",
            actor="ann",
            reason="known",
            break_class=row["class"],
            drift_minor=row["drift_minor"],
            evidence=row["evidence"],
        )
        for row in [row for row in found.open_breaks.values() if row["priority"] == 3][:SEEN_TWICE]
    ]  # fmt: skip
    new += [
        renamed(delivery.fact)
        for delivery in simulate(seed, MONTH).deliveries
        if delivery.fact is not None and not delivery.is_bad and not isinstance(delivery.fact, BreakDecided)
    ]
    return [Delivery(*topic_and_key(fact), arrives_at=fact.occurred_at, fact=fact) for fact in new]


def renamed(fact: InputFact) -> InputFact:
    """Give a fact of another month, whose ids are none of version 1's."""
    changes: dict[str, Any] = {
        name: f"N-{getattr(fact, name)}" for name in IDS if getattr(fact, name, None) is not None
    }
    allocations = getattr(fact, "allocations", None)
    if allocations is not None:
        changes["allocations"] = tuple(
            msgspec.structs.replace(part, obligation_id=f"N-{part.obligation_id}") for part in allocations
        )
    return msgspec.structs.replace(fact, **changes)


def reopened(before: Outputs, after: Outputs, given: Iterable[Delivery]) -> list[str]:
    """Return the breaks and late alerts that ended and were opened again between two states of the outputs.

    Those of keys that the records given meanwhile are about are left out: facts may end a break, and open it again.
    """
    about = _ids_in(given)
    found = []
    for topic, ends in ENDS.items():
        ended: set[str] = set()
        known = {(record.partition, record.offset) for record in before.records[topic]}
        for record in after.records[topic]:
            row = record.row
            if row is None or (record.partition, record.offset) in known:
                continue
            if row["lifecycle"] in ends:
                ended.add(record.key)
            keys = {row.get("key"), row.get("obligation_id"), *row.get("subject", ())}
            if row["lifecycle"] == "opened" and record.key in ended and about.isdisjoint(keys):
                found.append(f"{topic} {record.key}: ended and opened again, {row}")
    return found


def _ids_in(given: Iterable[Delivery]) -> set[str]:
    """The payments and obligations that records are about."""
    facts = [delivery.fact for delivery in given]
    return {value for fact in facts for name in IDS[:2] if (value := getattr(fact, name, None)) is not None}

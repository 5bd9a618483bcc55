"""Fault scenarios of what version 2 of the contract brought: claims that move money, and decisions."""

import random
from collections.abc import Sequence
from typing import Any

import msgspec
from confluent_kafka import Producer

from domain.facts import BreakDecided, DecisionAction, InputFact, PaymentInitiated, ProcessorSettled
from domain.time import DAY, Micros
from simulator.deliver import Delivery, topic_and_key, value_of
from simulator.truth_facts import Row
from tests.faults.fault_scenarios import FaultBench
from tests.kit import wire
from tests.kit.deployment import AuditedDeployment

REFERENCES = 12
"""References whose money moves in a turn: enough for each partition."""

DECIDED = 8
"""Breaks of each kind that are decided about."""

LOW_MINOR = 50_000
"""A smaller difference needs no second person (contract section 12)."""


def delivered(facts: Sequence[InputFact]) -> list[Delivery]:
    """Give facts as records of the topics that they belong on."""
    return [Delivery(*topic_and_key(fact), arrives_at=fact.occurred_at, fact=fact) for fact in facts]


def claim_moves_while_a_worker_dies(bench: FaultBench) -> None:
    """Money without a payment id belongs to one payment, then an earlier claim turns up: it goes to another. SIGKILL
    strikes the worker that hands it over, before and after that is committed, and before the payments have read it."""
    scenario = bench.scenario()
    steps = ["offsets", "store"] if bench.strikes == 1 else ["flushed", "offsets", "commit", "store"] * bench.strikes
    bench.rng.shuffle(steps)
    at = scenario.closes_at - 20 * DAY
    with bench.deployment(scenario) as deployment:
        deployment.publish(scenario.deliveries, rng=bench.rng, spread=True)
        deployment.worker()
        for turn, step in enumerate(steps):
            held, earlier = _moving_claims(turn, at)
            deployment.publish(delivered(held), rng=bench.rng, spread=True)
            deployment.wait_settled()
            payments = deployment.outputs().last().payments
            assert all(payments[_second(turn, number)]["settled"]["standing_minor"] for number in range(REFERENCES))
            assert deployment.workers["a"].terminate() == 0
            worker = deployment.worker(fault=f"kill:{step}:1:handover")
            deployment.publish(delivered(earlier), rng=bench.rng, spread=True)
            assert worker.wait(60) == -9, worker.tail()
            deployment.worker()
        deployment.wait_settled()
        payments = deployment.check().last().payments
        for turn in range(len(steps)):
            for number in range(REFERENCES):
                assert payments[_first(turn, number)]["settled"]["standing_minor"] > 0
                assert payments[_second(turn, number)]["settled"]["standing_minor"] == 0


def _first(turn: int, number: int) -> str:
    return f"P-first-{turn}-{number}"


def _second(turn: int, number: int) -> str:
    return f"P-second-{turn}-{number}"


def _moving_claims(turn: int, at: Micros) -> tuple[list[InputFact], list[InputFact]]:
    """Give claims with the money of their references, and earlier claims on the same references."""
    held: list[InputFact] = []
    earlier: list[InputFact] = []
    for number in range(REFERENCES):
        second, reference = _second(turn, number), f"R-{turn}-{number}"
        claim = PaymentInitiated(
            event_id=f"E-{second}",
            occurred_at=at,
            payment_id=second,
            tenant_id="T",
            property_id="PR",
            obligation_id=f"O-moves-{turn}-{number}",
            installment_id=None,
            amount_minor=100_000,
            currency="USD",
            method="CARD",
            processor="card-processor",
            processor_reference=reference,
        )
        settled = ProcessorSettled(
            event_id=f"E-{reference}",
            occurred_at=at + DAY,
            payment_id=None,
            processor="card-processor",
            processor_reference=reference,
            outcome="SETTLED",
            gross_minor=100_000,
            fee_minor=None,
            net_minor=None,
            currency="USD",
            reason_code=None,
            payout_id=None,
            value_date=None,
        )
        held += [claim, settled]
        first = _first(turn, number)
        earlier.append(msgspec.structs.replace(claim, event_id=f"E-{first}", payment_id=first, occurred_at=at - DAY))
    return held, earlier


def decision_in_an_aborted_transaction(bench: FaultBench) -> None:
    """People accept breaks in a transaction that is aborted: nothing is accepted. The same ones, committed, count."""
    for turn in range(bench.strikes):
        _decision_in_an_aborted_transaction(bench.turn(turn))


def _decision_in_an_aborted_transaction(bench: FaultBench) -> None:
    scenario = bench.scenario()
    with bench.deployment(scenario) as deployment:
        deployment.worker()
        deployment.publish(scenario.deliveries, rng=bench.rng, spread=True)
        deployment.wait_settled()
        before = deployment.check()
        accepted, approved = _decisions_about(list(before.last().open_breaks.values()), bench.rng)
        producer = Producer({"bootstrap.servers": bench.bootstrap, "transactional.id": bench.prefix, "linger.ms": 1})
        producer.init_transactions(30)

        _decide(deployment, producer, [*accepted, *approved], commit=False)
        deployment.wait_settled()
        assert deployment.outputs().records == before.records

        # The approvals first: each waits for the acceptance that it refers to.
        _decide(deployment, producer, approved, commit=True)
        _decide(deployment, producer, accepted[: len(accepted) // 2], commit=True)
        _decide(deployment, producer, accepted, commit=False)
        deployment.workers["a"].kill()
        deployment.worker()
        _decide(deployment, producer, accepted[len(accepted) // 2 :], commit=True)
        deployment.wait_settled()
        after = deployment.check().last().accepted_breaks
        assert {one.break_id for one in accepted} <= after.keys()


def _decisions_about(open_breaks: list[Row], rng: random.Random) -> tuple[list[BreakDecided], list[BreakDecided]]:
    """Give acceptances of some breaks, and the approvals of those that need one."""
    undecided = [row for row in open_breaks if row["decision"] is None]
    rng.shuffle(undecided)
    small = [row for row in undecided if row["priority"] > 1 and abs(row["drift_minor"]) < LOW_MINOR][:DECIDED]
    urgent = [row for row in undecided if row["priority"] == 1][:DECIDED]
    assert small
    assert urgent
    return (
        [_decision(row, "ACCEPT", "ann") for row in (*small, *urgent)],
        [_decision(row, "APPROVE", "bob") for row in urgent],
    )


def _decision(row: Row, action: DecisionAction, actor: str) -> BreakDecided:
    decision_id = f"{action}-{row['break_id']}"
    what: dict[str, Any] = {"refers_to": f"ACCEPT-{row['break_id']}"}
    if action == "ACCEPT":
        what = {"break_class": row["class"], "drift_minor": row["drift_minor"], "evidence": row["evidence"]}
    return BreakDecided(
        event_id=f"E-{decision_id}",
        occurred_at=row["opened_at"],
        decision_id=decision_id,
        key_kind=row["key_kind"],
        key=row["key"],
        break_id=row["break_id"],
        action=action,
        actor=actor,
        reason="known",
        **what,
    )


def _decide(
    deployment: AuditedDeployment, producer: Producer, decisions: Sequence[BreakDecided], *, commit: bool
) -> None:
    """Write decisions in one transaction, and commit or abort it."""
    failed: list[Any] = []
    producer.begin_transaction()
    for delivery in delivered(decisions):
        value = value_of(delivery, lambda fact, _: wire.encode(fact))
        producer.produce(
            deployment.name(delivery.topic), value, delivery.key.encode(),
            on_delivery=deployment.noting(delivery, failed) if commit else None,
        )  # fmt: skip
    assert producer.flush(30) == 0
    if commit:
        producer.commit_transaction(30)
    else:
        producer.abort_transaction(30)
    assert failed == []

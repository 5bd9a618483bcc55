"""The attempts, refunds and chargebacks of a payment, gone through in their order (contract section 4)."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from domain.facts import Outcome, ProcessorSettled
from domain.time import Micros

AttemptKey = tuple[str, str]
"""Processor, and original reference or else processor reference."""

ORDER_IN_AN_ATTEMPT: tuple[Outcome, ...] = ("FAILED", "SETTLED", "RETURNED", "RETURN_REVERSED")
REFUNDS: tuple[Outcome, ...] = ("REFUNDED", "REFUND_REVERSED")
CHARGEBACKS: tuple[Outcome, ...] = ("CHARGEBACK", "CHARGEBACK_REVERSED")


@dataclass(slots=True)
class SettledAttempt:
    """An attempt after all its records. Amounts are minor units of the payment's currency."""

    key: AttemptKey
    facts: list[ProcessorSettled]
    """In the order in which they are gone through."""
    live_minor: int = 0
    back_minor: int = 0
    """What failed or was returned."""
    owed_minor: int = 0
    """Returned before it settled."""
    excess_minor: int = 0
    """Reversals of returns that gave back more than was taken."""
    failure_stands: bool = False
    """It failed, and no SETTLED follows."""

    @property
    def settled_and_failed_at_once(self) -> list[ProcessorSettled]:
        """Its FAILED and SETTLED at one instant."""

        def times(outcome: Outcome) -> set[Micros]:
            return {fact.occurred_at for fact in self.facts if fact.outcome == outcome}

        both = times("FAILED") & times("SETTLED")
        return [fact for fact in self.facts if fact.outcome in ("FAILED", "SETTLED") and fact.occurred_at in both]


@dataclass(slots=True)
class GivenBack:
    """Refunds or chargebacks after all their records."""

    facts: list[ProcessorSettled] = field(default_factory=list)
    amount_minor: int = 0
    """What is gone and did not come again."""
    reversal_excess_minor: int = 0
    """Reversals that gave back more than was taken."""
    excess_minor: int = 0
    """Chargebacks above all that was settled."""


def attempt_key(fact: ProcessorSettled) -> AttemptKey:
    """Return the attempt that a record is about."""
    return fact.processor, fact.original_reference or fact.processor_reference


def in_turn(facts: Iterable[ProcessorSettled], outcomes: tuple[Outcome, ...]) -> list[ProcessorSettled]:
    """Return the records of these outcomes in the order in which they are gone through."""
    return sorted(
        (fact for fact in facts if fact.outcome in outcomes),
        key=lambda fact: (
            fact.occurred_at,
            outcomes.index(fact.outcome),
            fact.processor_reference,
            fact.movement_id or "",
        ),
    )


def attempts_of(own: Iterable[ProcessorSettled]) -> tuple[SettledAttempt, ...]:
    """Go through the attempts among these records, which are in the payment's currency."""
    by_attempt: defaultdict[AttemptKey, list[ProcessorSettled]] = defaultdict(list)
    for fact in in_turn(own, ORDER_IN_AN_ATTEMPT):
        by_attempt[attempt_key(fact)].append(fact)
    return tuple(gone_through(SettledAttempt(key, facts)) for key, facts in by_attempt.items())


def gone_through(attempt: SettledAttempt) -> SettledAttempt:
    """Count the records of an attempt."""
    for fact in attempt.facts:
        gross = fact.gross_minor
        if fact.outcome == "SETTLED":
            attempt.live_minor += gross
            moved = min(attempt.owed_minor, attempt.live_minor)
            attempt.owed_minor -= moved
            attempt.live_minor -= moved
            attempt.back_minor += moved
            attempt.failure_stands = False
        elif fact.outcome == "FAILED":
            attempt.back_minor += attempt.live_minor
            attempt.live_minor = 0
            attempt.failure_stands = True
        elif fact.outcome == "RETURNED":
            moved = min(gross, attempt.live_minor)
            attempt.live_minor -= moved
            attempt.back_minor += moved
            attempt.owed_minor += gross - moved
        else:
            unowed = min(gross, attempt.owed_minor)
            attempt.owed_minor -= unowed
            moved = min(gross - unowed, attempt.back_minor)
            attempt.back_minor -= moved
            attempt.live_minor += moved
            attempt.excess_minor += gross - unowed - moved
    return attempt


def refunds_of(own: Iterable[ProcessorSettled]) -> GivenBack:
    """Go through the refunds among these records."""
    refunds = GivenBack(in_turn(own, REFUNDS))
    for fact in refunds.facts:
        if fact.outcome == "REFUNDED":
            refunds.amount_minor += fact.gross_minor
        else:
            again = min(fact.gross_minor, refunds.amount_minor)
            refunds.amount_minor -= again
            refunds.reversal_excess_minor += fact.gross_minor - again
    return refunds


def chargebacks_of(own: Iterable[ProcessorSettled], most_minor: int | None) -> GivenBack:
    """Go through the chargebacks among these records; `most_minor` is what was settled, None while nothing was."""
    chargebacks = GivenBack(in_turn(own, CHARGEBACKS))
    for fact in chargebacks.facts:
        gross = fact.gross_minor
        if fact.outcome == "CHARGEBACK":
            taken = gross if most_minor is None else min(gross, most_minor - chargebacks.amount_minor)
            chargebacks.amount_minor += taken
            chargebacks.excess_minor += gross - taken
        else:
            again = min(gross, chargebacks.amount_minor)
            chargebacks.amount_minor -= again
            unexceeded = min(gross - again, chargebacks.excess_minor)
            chargebacks.excess_minor -= unexceeded
            chargebacks.reversal_excess_minor += gross - again - unexceeded
    return chargebacks

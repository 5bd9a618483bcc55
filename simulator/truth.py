"""The truth: the result that everything delivered must have at an instant, as a batch evaluation of the contract.

It shares no code with the service. It reads the contract in the plainest way: group all records by key and identity,
let one of each identity hold, add up, compare with the clock. Slow is fine here, wrong is not.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from domain.facts import InputFact, PaymentInitiated, PaymentPosted, PostingReversed, ProcessorSettled
from domain.policy import Policy
from domain.time import Micros
from simulator.deliver import Delivery
from simulator.scenario import Scenario
from simulator.truth_facts import Known, Row, known_of
from simulator.truth_obligations import obligation_truth
from simulator.truth_payments import Account, account_of, payment_breaks, payment_row

PAYMENT_RECORDS = (PaymentInitiated, ProcessorSettled, PaymentPosted, PostingReversed)


@dataclass(frozen=True)
class Truth:
    """The final state at an instant. Rows have the contract's field names, without version, lifecycle and history."""

    at: Micros
    payments: dict[str, Row]
    obligations: dict[str, Row]
    open_breaks: dict[str, Row]
    live_alerts: dict[str, Row]
    dead_letters: dict[str, int]
    """How many dead letters each input topic (by its default name) must have caused."""


def truth(scenario: Scenario, at: Micros, policy: Policy | None = None) -> Truth:
    """Return the truth about the scenario's deliveries at the instant `at` (microseconds since 1970 UTC).

    All that is delivered counts as known, whatever `at` is; the clock only decides deadlines and days.
    """
    return truth_of_deliveries(scenario.deliveries, at, policy)


def truth_of_deliveries(deliveries: Iterable[Delivery], at: Micros, policy: Policy | None = None) -> Truth:
    """Return the truth about these deliveries, dead letters included."""
    facts: list[InputFact] = []
    dead_letters: defaultdict[str, int] = defaultdict(int)
    for delivery in deliveries:
        if delivery.is_bad:
            dead_letters[delivery.topic] += 1
        elif delivery.fact is not None:
            facts.append(delivery.fact)
    return truth_of_facts(facts, at, policy, dead_letters=dict(dead_letters))


def truth_of_facts(
    facts: Iterable[InputFact], at: Micros, policy: Policy | None = None, dead_letters: dict[str, int] | None = None
) -> Truth:
    """Return the truth about these valid facts, which does not depend on their order and repetitions."""
    policy = policy or Policy()
    by_payment: defaultdict[str, list[InputFact]] = defaultdict(list)
    by_obligation: defaultdict[str, list[InputFact]] = defaultdict(list)
    for fact in facts:
        if isinstance(fact, PAYMENT_RECORDS):
            by_payment[fact.payment_id].append(fact)
        else:
            by_obligation[fact.obligation_id].append(fact)

    payments: dict[str, Row] = {}
    open_breaks: dict[str, Row] = {}
    initiated_for: defaultdict[str, list[Account]] = defaultdict(list)
    posted_to: defaultdict[str, list[Account]] = defaultdict(list)
    for payment_id, known_facts in by_payment.items():
        known = known_of(payment_id, known_facts)
        account = account_of(known, policy)
        breaks = payment_breaks(account, at, policy)
        payments[payment_id] = payment_row(account, breaks)
        open_breaks.update((row["break_id"], row) for row in breaks)
        if account.initiated is not None:
            initiated_for[account.initiated.obligation_id].append(account)
        for obligation_id in {fact.obligation_id for fact in known.held if isinstance(fact, PaymentPosted)}:
            posted_to[obligation_id].append(account)

    obligations: dict[str, Row] = {}
    live_alerts: dict[str, Row] = {}
    for obligation_id in {**dict.fromkeys(by_obligation), **dict.fromkeys(initiated_for)}:
        known = (
            known_of(obligation_id, by_obligation[obligation_id])
            if obligation_id in by_obligation
            else Known(obligation_id, (), (), ())
        )
        row, breaks, alerts = obligation_truth(
            known, initiated_for[obligation_id], posted_to[obligation_id], at, policy
        )
        open_breaks.update((found["break_id"], found) for found in breaks)
        live_alerts.update((alert["alert_id"], alert) for alert in alerts)
        if row is not None:
            obligations[obligation_id] = row
    return Truth(at, payments, obligations, open_breaks, live_alerts, dead_letters or {})

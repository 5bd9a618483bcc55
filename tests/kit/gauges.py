"""The expected sums of the gauges over all workers, computed from the simulator's truth and from the deliveries
alone, and how to read what they do say."""

import urllib.request
from collections import Counter
from collections.abc import Iterable

from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from domain.facts import PaymentInitiated, PaymentPosted, PostingReversed, ProcessorSettled
from domain.time import DAY, Micros
from simulator.deliver import Delivery
from simulator.truth import Truth
from simulator.truth_facts import PRIORITIES, known_of

Sample = tuple[str, tuple[str, ...]]
"""A metric's name, and the values of its labels in the order of their names."""

OF_STATE = (
    "rentmatch_payments",
    "rentmatch_obligations",
    "rentmatch_obligations_ageing",
    "rentmatch_payments_by_legs",
    "rentmatch_open_breaks",
    "rentmatch_break_gross_drift_minor",
    "rentmatch_break_net_drift_minor",
    "rentmatch_late_alerts",
    "rentmatch_past_due_minor",
    "rentmatch_standing_minor",
    "rentmatch_posted_minor",
    "rentmatch_uncleared_minor",
    "rentmatch_obligation_balance_minor",
    "rentmatch_obligation_paid_minor",
    "rentmatch_ach_entries_60d",
    "rentmatch_ach_returns_60d",
)

CATEGORIES = {
    "unauthorized": {"R05", "R07", "R10", "R11", "R29", "R51"},
    "administrative": {"R02", "R03", "R04"},
}

LEG_OF_RECORD = {PaymentInitiated: "initiated", ProcessorSettled: "settled"}


def expected(truth: Truth, deliveries: Iterable[Delivery]) -> dict[Sample, int]:
    """Return the expected sums over all workers, without zeros."""
    found: Counter[Sample] = Counter()
    for row in truth.payments.values():
        currency = (row["currency"],)
        standing, posted = row["settled"]["standing_minor"], row["posted"]["net_minor"]
        found["rentmatch_payments", (row["status"],)] += 1
        found["rentmatch_standing_minor", currency] += standing
        found["rentmatch_posted_minor", currency] += posted
        found["rentmatch_uncleared_minor", currency] += abs(standing - posted)
    for row in truth.obligations.values():
        found["rentmatch_obligations", (row["status"],)] += 1
        found["rentmatch_obligations_ageing", (row["ageing_bucket"],)] += 1
        found["rentmatch_obligation_balance_minor", (row["currency"],)] += row["balance_minor"]
        found["rentmatch_obligation_paid_minor", (row["currency"],)] += row["paid_minor"]
    for row in truth.open_breaks.values():
        found["rentmatch_open_breaks", (row["class"], str(PRIORITIES[row["class"]]))] += 1
        found["rentmatch_break_gross_drift_minor", (row["class"], row["currency"])] += abs(row["drift_minor"])
        found["rentmatch_break_net_drift_minor", (row["class"], row["currency"])] += row["drift_minor"]
    for row in truth.live_alerts.values():
        past_due = row["amount_due_minor"] - row["paid_minor"] - row["pending_minor"]
        found["rentmatch_late_alerts", (row["stage"],)] += 1
        found["rentmatch_past_due_minor", (row["currency"], row["stage"])] += past_due
    _add_legs_and_entries(found, deliveries, truth.at)
    return {sample: value for sample, value in found.items() if value}


def _add_legs_and_entries(found: Counter[Sample], deliveries: Iterable[Delivery], at: Micros) -> None:
    by_payment: dict[str, list[PaymentInitiated | ProcessorSettled | PaymentPosted | PostingReversed]] = {}
    for delivery in deliveries:
        fact = delivery.fact
        if delivery.is_bad:
            continue
        if isinstance(fact, PaymentInitiated | ProcessorSettled | PaymentPosted | PostingReversed):
            by_payment.setdefault(fact.payment_id, []).append(fact)
    for payment_id, facts in by_payment.items():
        sources = {LEG_OF_RECORD.get(type(fact), "posted") for fact in facts}
        legs = "_".join(leg for leg in ("initiated", "settled", "posted") if leg in sources)
        found["rentmatch_payments_by_legs", (legs,)] += 1
        held = known_of(payment_id, facts).held
        if not any(isinstance(fact, PaymentInitiated) and fact.method == "ACH_DEBIT" for fact in held):
            continue
        attempts: dict[tuple[str, str], dict[str, ProcessorSettled]] = {}
        for fact in held:
            if isinstance(fact, ProcessorSettled) and fact.outcome in ("SETTLED", "RETURNED"):
                attempts.setdefault((fact.processor, fact.processor_reference), {})[fact.outcome] = fact
        for legs_of in attempts.values():
            if _recent(min(leg.occurred_at for leg in legs_of.values()), at):
                found["rentmatch_ach_entries_60d", ()] += 1
            back = legs_of.get("RETURNED")
            if back is not None and _recent(back.occurred_at, at):
                category = next((name for name, codes in CATEGORIES.items() if back.reason_code in codes), "other")
                found["rentmatch_ach_returns_60d", (category,)] += 1


def _recent(occurred_at: Micros, at: Micros) -> bool:
    return at // DAY - 59 <= occurred_at // DAY <= at // DAY


def samples_of(families: Iterable[Metric]) -> dict[Sample, int]:
    """Return the samples of these gauges, without zeros."""
    found: Counter[Sample] = Counter()
    for family in families:
        if family.name in OF_STATE:
            for sample in family.samples:
                labels = tuple(value for _, value in sorted(sample.labels.items()))
                assert sample.value == int(sample.value), f"{sample} is not whole"
                found[family.name, labels] += int(sample.value)
    return {sample: value for sample, value in found.items() if value}


def scraped(urls: Iterable[str]) -> dict[Sample, int]:
    """Return the sums over these workers' /metrics."""
    return samples_of(family for url in urls for family in families_at(url))


def families_at(url: str) -> list[Metric]:
    """Return all metric families of a worker."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=5) as response:
        assert response.status == 200
        assert response.headers["Content-Type"].startswith("text/plain; version=")
        return list(text_string_to_metric_families(response.read().decode()))

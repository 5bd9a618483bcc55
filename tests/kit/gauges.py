"""The expected sums of the gauges over all workers, computed from the simulator's truth and from the deliveries
alone, and how to read what they do say."""

import urllib.request
from collections import Counter
from collections.abc import Iterable
from itertools import zip_longest

from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from domain.facts import (
    BankEntryBooked,
    EntryMatched,
    InputFact,
    PaymentInitiated,
    PaymentPosted,
    PostingReversed,
    ProcessorSettled,
)
from domain.ids import two_part_key
from domain.time import DAY, Micros
from simulator.deliver import Delivery
from simulator.truth import Sorted, Truth
from simulator.truth_facts import PRIORITIES, known_of
from simulator.truth_payouts import entries_of
from simulator.truth_references import handed_over

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
    "rentmatch_accepted_breaks",
    "rentmatch_accepted_gross_drift_minor",
    "rentmatch_breaks_by_decision",
    "rentmatch_references",
    "rentmatch_suspense_minor",
    "rentmatch_payouts",
    "rentmatch_payouts_collected_minor",
    "rentmatch_payouts_deposited_minor",
    "rentmatch_under_way_minor",
    "rentmatch_bank_entries",
    "rentmatch_unmatched_entries_minor",
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

LEG_OF_RECORD: dict[type, str] = {
    PaymentInitiated: "initiated",
    ProcessorSettled: "settled",
    PaymentPosted: "posted",
    PostingReversed: "posted",
}


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
    for row in truth.accepted_breaks.values():
        found["rentmatch_accepted_breaks", (row["class"], str(PRIORITIES[row["class"]]))] += 1
        found["rentmatch_accepted_gross_drift_minor", (row["class"], row["currency"])] += abs(row["drift_minor"])
    for row in (*truth.open_breaks.values(), *truth.accepted_breaks.values()):
        if row["decision"] is not None:
            found["rentmatch_breaks_by_decision", (row["decision"]["state"],)] += 1
    for row in truth.references.values():
        found["rentmatch_references", (row["status"],)] += 1
        if row["status"] == "suspense":
            for currency, gross_minor in row["gross_minor"].items():
                found["rentmatch_suspense_minor", (currency,)] += gross_minor
    for row in truth.live_alerts.values():
        past_due = row["amount_due_minor"] - row["paid_minor"] - row["pending_minor"]
        found["rentmatch_late_alerts", (row["stage"],)] += 1
        found["rentmatch_past_due_minor", (row["currency"], row["stage"])] += past_due
    facts = [delivery.fact for delivery in deliveries if delivery.fact is not None and not delivery.is_bad]
    _add_payouts(found, facts, truth)
    _add_legs_and_entries(found, facts, truth)
    return {sample: value for sample, value in found.items() if value}


def _add_payouts(found: Counter[Sample], facts: Iterable[InputFact], truth: Truth) -> None:
    accepted = {row["key"] for row in truth.accepted_breaks.values() if row["subject"] == ["deposit"]}
    for key, row in truth.payouts.items():
        currency, status, deposited = row["currency"], row["status"], row["deposited_minor"]
        found["rentmatch_payouts", (status,)] += 1
        found["rentmatch_payouts_collected_minor", (currency, status)] += row["lines_minor"] + row["other_minor"]
        found["rentmatch_payouts_deposited_minor", (currency, status)] += deposited
        if status == "in_transit" and key not in accepted:
            found["rentmatch_under_way_minor", (currency,)] += row["amount_minor"] - deposited
        for entry in row["entries"]:
            found["rentmatch_bank_entries", (entry["matched_by"],)] += 1
    matched = {
        two_part_key(entry["account_id"], entry["entry_id"])
        for row in truth.payouts.values()
        for entry in row["entries"]
    }
    known = entries_of(fact for fact in facts if isinstance(fact, BankEntryBooked | EntryMatched))
    for key, one in known.items():
        if key not in matched:
            found["rentmatch_bank_entries", ("unmatched",)] += 1
            found["rentmatch_unmatched_entries_minor", (one.booked.currency,)] += abs(one.booked.amount_minor)


def _add_legs_and_entries(found: Counter[Sample], known_facts: Iterable[InputFact], truth: Truth) -> None:
    known = Sorted(known_facts)
    for payment_id, handed in handed_over(known.references().values()).items():
        known.by_payment[payment_id] += handed
    for payment_id in truth.payments:
        facts = known.by_payment[payment_id]
        sources = {LEG_OF_RECORD[type(fact)] for fact in facts if type(fact) in LEG_OF_RECORD}
        legs = "_".join(leg for leg in ("initiated", "settled", "posted") if leg in sources)
        found["rentmatch_payments_by_legs", (legs,)] += 1
        held = known_of(payment_id, facts).held
        if any(isinstance(fact, PaymentInitiated) and fact.method == "ACH_DEBIT" for fact in held):
            _add_entries(found, (fact for fact in held if isinstance(fact, ProcessorSettled)), truth.at)


def _add_entries(found: Counter[Sample], outcomes: Iterable[ProcessorSettled], at: Micros) -> None:
    """Count each return, and each entry on the day when it is first known of: it settled, or was returned."""
    attempts: dict[tuple[str, str], dict[str, list[Micros]]] = {}
    for fact in outcomes:
        if fact.outcome not in ("SETTLED", "RETURNED"):
            continue
        attempt = fact.processor, fact.original_reference or fact.processor_reference
        attempts.setdefault(attempt, {"SETTLED": [], "RETURNED": []})[fact.outcome].append(fact.occurred_at)
        if fact.outcome == "RETURNED" and _recent(fact.occurred_at, at):
            category = next((name for name, codes in CATEGORIES.items() if fact.reason_code in codes), "other")
            found["rentmatch_ach_returns_60d", (category,)] += 1
    for times in attempts.values():
        for pair in zip_longest(sorted(times["SETTLED"]), sorted(times["RETURNED"])):
            if _recent(min(each for each in pair if each is not None), at):
                found["rentmatch_ach_entries_60d", ()] += 1


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

"""Gauges of payments, obligations, references and payouts, from the tallies of the partitions that this worker owns.

Each worker exposes only what it owns, so the sum over all workers counts every key once.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TypeAlias

from prometheus_client.core import GaugeMetricFamily, Metric

from domain.breaks.model import PRIORITIES
from domain.contributions import UNMATCHED
from domain.records import (
    AgeingBucket,
    BreakClass,
    DecisionState,
    LateStage,
    MatchedBy,
    ObligationStatus,
    PaymentStatus,
    PayoutStatus,
    ReferenceStatus,
)
from domain.tally import (
    ACCEPTED,
    AGEING,
    BREAK,
    DECISION,
    LATE,
    MONEY,
    OWED,
    PAYOUT_MONEY,
    SOURCES,
    SOURCES_PRESENT,
    STATUS,
    SUSPENSE,
    UNDER_WAY,
    UNMATCHED_MONEY,
    WAITING,
    WAITING_FOR,
    Tally,
)
from domain.time import DAY, SECOND, Day

TableTallies: TypeAlias = Mapping[str, Collection[Tally]]
"""The tallies of the partitions that a worker owns, by the name of the table."""


def state_metrics(tallies: TableTallies, today: Day) -> Iterator[Metric]:
    """The gauges; `today` is the day (UTC) by the service's clock, at which the ACH window ends."""
    payments, obligations, references, payouts, bank_entries = (
        _total(tallies.get(name, ())) for name in ("payments", "obligations", "references", "payouts", "bank-entries")
    )
    all_tables = _total(tally for of_table in tallies.values() for tally in of_table)
    yield _counts("rentmatch_payments", "payments by status", STATUS, PaymentStatus, payments)
    yield _counts(
        "rentmatch_payments_by_legs",
        "payments by the sources that have reported them",
        SOURCES,
        SOURCES_PRESENT[1:],
        payments,
    )
    yield from _money(
        payments, MONEY, {
            "rentmatch_standing_minor": "net settled money: collected, less returns, refunds and chargebacks",
            "rentmatch_posted_minor": "posted by the ledger, net of reversals",
            "rentmatch_uncleared_minor": "sum over payments of |standing - posted|; 0 means everything has cleared",
        },
    )  # fmt: skip
    yield from _breaks(all_tables)
    yield _counts(
        "rentmatch_breaks_by_decision", "breaks on which people have decided something, by the state of that decision",
        DECISION, DecisionState, all_tables,
    )  # fmt: skip
    yield _waiting(all_tables)
    yield _counts(
        "rentmatch_references", "references with settlement records that name no payment, or with a break, by status",
        STATUS, ReferenceStatus, references,
    )  # fmt: skip
    yield _counted_money(
        references, SUSPENSE, "rentmatch_suspense_minor",
        "gross of settlement records whose reference no payment holds",
    )  # fmt: skip
    yield _counts("rentmatch_payouts", "payouts by status", STATUS, PayoutStatus, payouts)
    yield from _money(
        payouts, PAYOUT_MONEY, {
            "rentmatch_payouts_collected_minor": "lines of payouts, and what in them belongs to no payment",
            "rentmatch_payouts_deposited_minor": "bank entries of payouts",
        }, "status",
    )  # fmt: skip
    yield _counted_money(
        payouts, UNDER_WAY, "rentmatch_under_way_minor",
        "of payouts that are paid and in transit, the part that is not on the bank account",
    )  # fmt: skip
    yield _counts(
        "rentmatch_bank_entries", "bank entries by how they found their payout", STATUS, (*MatchedBy, UNMATCHED),
        bank_entries, label="matched_by",
    )  # fmt: skip
    yield _counted_money(
        bank_entries, UNMATCHED_MONEY, "rentmatch_unmatched_entries_minor",
        "sum of the absolute amounts of bank entries that belong to no payout",
    )  # fmt: skip
    yield _counts("rentmatch_obligations", "obligations by status", STATUS, ObligationStatus, obligations)
    yield _counts(
        "rentmatch_obligations_ageing", "obligations by age of the oldest debt", AGEING, AgeingBucket, obligations,
        label="bucket",
    )  # fmt: skip
    yield from _money(
        obligations, OWED, {
            "rentmatch_obligation_balance_minor": "amounts owed: charges and adjustments",
            "rentmatch_obligation_paid_minor": "net settled money that is allocated, overpayments included",
        },
    )  # fmt: skip
    yield from _late(obligations)
    yield from _ach(payments, today)


def _total(tallies: Iterable[Tally]) -> Tally:
    total = Tally()
    for tally in tallies:
        total.add(tally)
    return total


def _counts(
    name: str, meaning: str, kind: str, values: Iterable[str], tally: Tally, *, label: str | None = None
) -> Metric:
    family = GaugeMetricFamily(name, f"{meaning}; of the partitions that this worker owns", labels=[label or kind])
    for value in values:
        family.add_metric([str(value)], tally.sums.get((kind, str(value)), (0,))[0])
    return family


def _family(name: str, meaning: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, f"{meaning}; of the partitions that this worker owns", labels=labels)


def _money(tally: Tally, kind: str, names: dict[str, str], *labels_before: str) -> Iterator[Metric]:
    """Amounts by currency, or by `labels_before` and currency."""
    families = [_family(name, f"{meaning}, minor units", *labels_before, "currency") for name, meaning in names.items()]
    for labels, amounts in tally.of_kind(kind):
        for family, amount in zip(families, amounts, strict=True):
            family.add_metric(labels, amount)
    yield from families


def _breaks(tally: Tally) -> Iterator[Metric]:
    yield _break_counts("rentmatch_open_breaks", "breaks that are open", BREAK, tally)
    gross, net = (
        _family(
            f"rentmatch_break_{name}_drift_minor", f"sum of {what} of open breaks, minor units", "class", "currency"
        )
        for name, what in (("gross", "|actual - expected|"), ("net", "actual - expected"))
    )
    for labels, (_, gross_minor, net_minor) in tally.of_kind(BREAK):
        gross.add_metric(labels, gross_minor)
        net.add_metric(labels, net_minor)
    yield from (gross, net)
    yield _break_counts("rentmatch_accepted_breaks", "breaks that people have accepted as they are", ACCEPTED, tally)
    accepted = _family(
        "rentmatch_accepted_gross_drift_minor", "sum of |actual - expected| of accepted breaks, minor units",
        "class", "currency",
    )  # fmt: skip
    for labels, (_, gross_minor, _) in tally.of_kind(ACCEPTED):
        accepted.add_metric(labels, gross_minor)
    yield accepted


def _break_counts(name: str, meaning: str, kind: str, tally: Tally) -> Metric:
    family = _family(name, meaning, "class", "priority")
    count = dict.fromkeys(BreakClass, 0)
    for labels, (number, *_) in tally.of_kind(kind):
        count[BreakClass(labels[0])] += number
    for break_class, number in count.items():
        family.add_metric([break_class.value, str(PRIORITIES[break_class])], number)
    return family


def _waiting(tally: Tally) -> Metric:
    """Absent while nothing waits: 0 would be an instant in 1970."""
    family = _family(
        "rentmatch_waiting_since_timestamp_seconds",
        "the start of the day (UTC) since which the oldest money in suspense waits for its payment, the oldest "
        "acceptance for an approval, the oldest money under way for its deposit, and the oldest bank entry for its "
        "payout", "what",
    )  # fmt: skip
    days: dict[str, list[Day]] = {what: [] for what in WAITING_FOR}
    for (what, day), _ in tally.of_kind(WAITING):
        days[what].append(int(day))
    for what, since in days.items():
        if since:
            family.add_metric([what], min(since) * DAY / SECOND)
    return family


def _counted_money(tally: Tally, kind: str, name: str, meaning: str) -> Metric:
    """The amounts of sums that have a number of keys before them."""
    family = _family(name, f"{meaning}, minor units", "currency")
    for labels, (_, amount) in tally.of_kind(kind):
        family.add_metric(labels, amount)
    return family


def _late(tally: Tally) -> Iterator[Metric]:
    alerts = _family("rentmatch_late_alerts", "live late-payment alerts", "stage")
    past_due = _family(
        "rentmatch_past_due_minor", "due and neither paid nor pending, of live late-payment alerts, minor units",
        "stage", "currency",
    )  # fmt: skip
    count = dict.fromkeys(LateStage, 0)
    for labels, (number, amount) in tally.of_kind(LATE):
        count[LateStage(labels[0])] += number
        past_due.add_metric(labels, amount)
    for stage, number in count.items():
        alerts.add_metric([stage.value], number)
    yield from (alerts, past_due)


def _ach(tally: Tally, today: Day) -> Iterator[Metric]:
    counts = tally.ach.in_window(today)
    entries = _family("rentmatch_ach_entries_60d", "ACH debit entries originated in the last 60 days")
    entries.add_metric([], counts.entries)
    returns = _family(
        "rentmatch_ach_returns_60d",
        "ACH debit entries returned in the last 60 days, by the category of their NACHA reason code", "category",
    )  # fmt: skip
    returns.add_metric(["unauthorized"], counts.unauthorized)
    returns.add_metric(["administrative"], counts.administrative)
    returns.add_metric(["other"], counts.other)
    yield from (entries, returns)

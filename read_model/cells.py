"""What a summary holds: cells, each the count and the money of the documents that agree in what it is by.

Money is exact: a cell is stored as JSON, whose whole numbers have no limit.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import msgspec

from domain.payouts.whereabouts import payout_money
from domain.records import BreakLifecycle, ObligationStatus
from domain.time import DAY, HOUR, Day, Micros
from read_model.mongo import Document
from read_model.scope import NO_PROPERTY

OPENED_HOURS = 31 * 24
"""A break that opened longer ago has no hour in its cell: it is older than every bucket of age."""
FLOW_DAYS = 40
"""The days of which a summary counts what opened and ended."""


class BreakSums(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The open breaks of a property that agree in all but their money."""

    break_class: str
    priority: int
    currency: str
    opened_hour: int | None
    """Whole hours since 1970, UTC; None: longer than `OPENED_HOURS` ago."""
    decision: str | None
    others: tuple[str, ...]
    """The other properties that they are of, sorted: a sum over several properties counts them once."""
    count: int
    gross_minor: int
    """The sum of |drift|."""
    net_minor: int
    """The sum of drift."""


class FlowSums(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What became of the breaks of a property on a UTC day."""

    day: Day
    others: tuple[str, ...]
    opened: int
    resolved: int
    accepted: int


class BreakSummary(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The breaks of a property."""

    open: tuple[BreakSums, ...]
    flow: tuple[FlowSums, ...]


class ObligationSums(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The open obligations of a property in a currency and an ageing bucket: those of `OBLIGATIONS_OPEN`."""

    currency: str
    bucket: str
    count: int
    balance_minor: int
    paid_minor: int
    pending_minor: int
    outstanding_minor: int
    """The sum of max(0, balance less paid)."""


class LateSums(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The live late installments of a property in a stage and a currency."""

    stage: str
    currency: str
    count: int
    outstanding_minor: int
    """The sum of max(0, amount due less paid)."""
    pending_minor: int


class PayoutSums(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where the money of a processor's payouts in a currency is (domain/payouts/whereabouts.py)."""

    currency: str
    payouts: int
    collected_minor: int
    on_account_minor: int
    under_way_minor: int


BREAK_FIELDS = (
    "_id", "class", "priority", "currency", "opened_at", "resolved_at", "lifecycle", "open", "decision", "groups",
    "drift_minor",
)  # fmt: skip
OBLIGATION_FIELDS = ("currency", "ageing_bucket", "balance_minor", "paid_minor", "pending_minor")
OBLIGATIONS_OPEN: Document = {
    "status": {"$nin": [ObligationStatus.PAID.value, ObligationStatus.OVERPAID.value, ObligationStatus.CANCELLED.value]}
}
"""Matches the obligations that are not settled."""

LATE_FIELDS = ("stage", "currency", "amount_due_minor", "paid_minor", "pending_minor")
PAYOUT_FIELDS = ("currency", "status", "lines_minor", "other_minor", "deposited_minor")


def break_summary(of: str, documents: Iterable[Document], now: Micros) -> BreakSummary:
    """Add up the breaks of a property.

    Args:
        of: the property, or `NO_PROPERTY`.
        documents: its open breaks, and those that opened or ended in the last `FLOW_DAYS`, with `BREAK_FIELDS`.
        now: the clock; microseconds since 1970.

    """
    money: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0, 0])
    flow: dict[tuple[Day, tuple[str, ...]], list[int]] = defaultdict(lambda: [0, 0, 0])
    oldest_hour, first_day = now // HOUR - OPENED_HOURS, now // DAY - FLOW_DAYS
    for document in documents:
        others = tuple(one for one in document["groups"] if one not in (of, NO_PROPERTY))
        opened_at, decision = document["opened_at"], document["decision"]
        if document["open"]:
            hour = opened_at // HOUR
            state = None if decision is None else decision["state"]
            place = (
                document["class"], document["priority"], document["currency"], hour if hour >= oldest_hour else None,
                state, others,
            )  # fmt: skip
            _add(money[place], 1, abs(document["drift_minor"]), document["drift_minor"])
        _add(flow[opened_at // DAY, others], 1, 0, 0)
        if document["lifecycle"] == BreakLifecycle.RESOLVED and document["resolved_at"] is not None:
            _add(flow[document["resolved_at"] // DAY, others], 0, 1, 0)
        if document["lifecycle"] == BreakLifecycle.ACCEPTED and decision is not None:
            _add(flow[decision["at"] // DAY, others], 0, 0, 1)
    return BreakSummary(
        tuple(BreakSums(*place, *sums) for place, sums in sorted(money.items(), key=lambda item: str(item[0]))),
        tuple(FlowSums(*place, *sums) for place, sums in sorted(flow.items()) if place[0] > first_day),
    )


def obligation_cells(documents: Iterable[Document]) -> tuple[ObligationSums, ...]:
    """Add up the open obligations of a property, with `OBLIGATION_FIELDS`."""
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0, 0])
    for one in documents:
        balance, paid = one["balance_minor"], one["paid_minor"]
        _add(
            sums[one["currency"], one["ageing_bucket"]], 1, balance, paid, one["pending_minor"], max(0, balance - paid)
        )
    return tuple(ObligationSums(*place, *each) for place, each in sorted(sums.items()))


def late_cells(documents: Iterable[Document]) -> tuple[LateSums, ...]:
    """Add up the live late installments of a property, with `LATE_FIELDS`."""
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for one in documents:
        outstanding = max(0, one["amount_due_minor"] - one["paid_minor"])
        _add(sums[one["stage"], one["currency"]], 1, outstanding, one["pending_minor"])
    return tuple(LateSums(*place, *each) for place, each in sorted(sums.items()))


def payout_cells(documents: Iterable[Document]) -> tuple[PayoutSums, ...]:
    """Add up the payouts of a processor, with `PAYOUT_FIELDS`."""
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for one in documents:
        money = payout_money(
            status=one["status"],
            lines_minor=one["lines_minor"],
            other_minor=one["other_minor"],
            deposited_minor=one["deposited_minor"],
        )
        _add(sums[one["currency"]], 1, *(money or (0, 0, 0)))
    return tuple(PayoutSums(currency, *each) for currency, each in sorted(sums.items()))


def _add(sums: list[int], *values: int) -> None:
    for at, value in enumerate(values):
        sums[at] += value

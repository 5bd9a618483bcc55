"""Leases in properties of several time zones, and the split of each month's rent."""

from datetime import date, timedelta
from random import Random

import msgspec

from domain.facts import Installment, Method
from domain.time import Day
from simulator.banking import day_of

# Zone, currency, share of the leases, least and most rent in minor units. Phoenix keeps no daylight saving, Honolulu is
# furthest behind; the last four are outside the United States and pay in another currency (the yen has no minor unit).
PLACES = (
    ("America/New_York", "USD", 30, 95_000, 420_000),
    ("America/Chicago", "USD", 22, 80_000, 280_000),
    ("America/Denver", "USD", 12, 85_000, 260_000),
    ("America/Phoenix", "USD", 8, 80_000, 220_000),
    ("America/Los_Angeles", "USD", 16, 120_000, 450_000),
    ("Pacific/Honolulu", "USD", 4, 140_000, 390_000),
    ("America/Sao_Paulo", "BRL", 4, 150_000, 600_000),
    ("Europe/London", "GBP", 4, 90_000, 310_000),
    ("Europe/Berlin", "EUR", 4, 70_000, 240_000),
    ("Asia/Tokyo", "JPY", 1, 80_000, 260_000),
)
LEASES_A_PROPERTY = 12

# How many installments a plan has, by share; 0 is an empty list: the whole month in one.
PLAN_SIZES = (0, 1, 2, 3, 4, 5, 6)
PLAN_SHARES = (8, 6, 24, 15, 28, 6, 13)

METHODS: tuple[Method, ...] = ("ACH_DEBIT", "CARD", "INSTANT", "CHECK", "CASH")
METHOD_SHARES = (52, 27, 11, 6, 4)
PROCESSORS: dict[Method, str] = {
    "ACH_DEBIT": "ach-gateway",
    "CARD": "card-processor",
    "INSTANT": "instant-network",
    "CHECK": "lockbox",
    "CASH": "cash-network",
}


def payout_of(processor: str, currency: str, day: Day) -> str:
    """Return the payout of what a processor moved on a day in a currency."""
    return f"PO-{processor}-{currency}-{day}"


class Lease(msgspec.Struct, frozen=True, gc=False):
    """A tenant's contract for a home."""

    number: int
    lease_id: str
    tenant_id: str
    property_id: str
    time_zone: str
    currency: str
    rent_minor: int
    grace_days: int
    plan_size: int
    method: Method
    """How the tenant usually pays."""


class Draft(msgspec.Struct, frozen=True, gc=False):
    """A month's rent of a lease, before anything goes wrong with it."""

    lease: Lease
    obligation_id: str
    period: str
    amount_minor: int
    due_date: Day
    installments: tuple[Installment, ...]
    """As the charge lists them; empty for the whole in one."""

    @property
    def parts(self) -> tuple[Installment, ...]:
        """What the tenant has to pay, with the single installment of an empty list spelled out."""
        return self.installments or (Installment(self.obligation_id, 1, self.amount_minor, self.due_date),)


def make_lease(rng: Random, number: int) -> Lease:
    """Return the lease of that number. All homes of a property lie in one place."""
    property_number = number // LEASES_A_PROPERTY
    zone, currency, _, least, most = Random(f"property {property_number}").choices(
        PLACES, weights=[place[2] for place in PLACES]
    )[0]
    return Lease(
        number=number,
        lease_id=f"L-{number:06d}",
        tenant_id=f"T-{number:06d}",
        property_id=f"PR-{property_number:05d}",
        time_zone=zone,
        currency=currency,
        rent_minor=rng.randrange(least, most, 500),
        grace_days=rng.choice((0, 3, 5, 5, 5, 10)),
        plan_size=rng.choices(PLAN_SIZES, PLAN_SHARES)[0],
        method=rng.choices(METHODS, METHOD_SHARES)[0],
    )


def split(obligation_id: str, label: str, amount_minor: int, due_dates: list[Day]) -> tuple[Installment, ...]:
    """Return installments of equal size on these days; the last takes the remainder."""
    count = len(due_dates)
    share = amount_minor // count
    return tuple(
        Installment(
            f"{obligation_id}/{label}{number}",
            number,
            share if number < count else amount_minor - share * (count - 1),
            due_date,
        )
        for number, due_date in enumerate(due_dates, start=1)
    )


def spread(first: Day, count: int) -> list[Day]:
    """Return `count` due days over a month, from the first."""
    return [first + (28 // count) * number for number in range(count)]


def make_draft(rng: Random, lease: Lease, month: date, *, partial: bool) -> Draft:
    """Return the rent of a month that starts on `month`; a partial one starts with a move-in and is charged by day."""
    period = f"{month:%Y-%m}"
    obligation_id = f"O-{lease.number:06d}-{period}"
    amount, first = lease.rent_minor, day_of(month)
    if partial:
        days = (date(month.year + month.month // 12, month.month % 12 + 1, 1) - month) // timedelta(days=1)
        moved_in = rng.randint(2, 20)
        amount = lease.rent_minor * (days - moved_in + 1) // days
        first += moved_in - 1
    parts = split(obligation_id, "", amount, spread(first, lease.plan_size)) if lease.plan_size else ()
    return Draft(lease, obligation_id, period, amount, first, parts)

"""A month of rent over ACH, Stripe cards and Adyen: as the files that report it, and as the records that they mean.

Both are made from the list of payments alone: the records do not go through the connectors.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from connectors.ledger.changes import Change
from domain.facts import (
    BankEntryBooked,
    InputFact,
    ObligationCharged,
    Outcome,
    PaymentInitiated,
    PaymentPosted,
    PayoutReported,
    PostingReversed,
    ProcessorSettled,
)
from domain.time import EPOCH_ORDINAL, Day, Micros, micros_of
from tests.kit import adyen_report, stripe_report
from tests.kit.ach_file import OUR_BANK, ROUTING, AchBatch, AchFile, debit, returned
from tests.kit.ledger_rows import Ledger, charge, posting
from tests.kit.statements import Booked, bai2, decimal

ACCOUNT = "chk"
NEW_YORK = ZoneInfo("America/New_York")
DAYS = (date(2026, 7, 6), date(2026, 7, 13), date(2026, 7, 20))
"""The days on which money arrives; what it is made of settles on these, or 2 days before."""
ORIGIN = "691000134"
ODD = {
    7: "refunded", 8: "refunded", 10: "disputed", 12: "returned", 17: "unposted", 20: "disputed", 22: "corrected",
    25: "short", 27: "returned", 30: "deleted", 34: "unsettled", 38: "unsettled", 42: "unsettled", 47: "corrected",
}  # fmt: skip
"""What is unusual about a payment, by number."""
CHARGED = micros_of(datetime(2026, 6, 20, tzinfo=UTC))
POSTED = micros_of(datetime(2026, 7, 21, 9, tzinfo=UTC))
CORRECTED = micros_of(datetime(2026, 7, 22, 9, tzinfo=UTC))
TAKEN_BACK = 10_000
"""Of a refund or a dispute."""
STRIPE_FEES, ADYEN_FEES, BANK_FEES = 200, 3_110, 2_500
"""Of the accounts, not of payments."""

INITIATIONS = tomllib.loads("""
record = "PaymentInitiated"
identity = ["Payment"]
zone = "UTC"
[fields]
occurred_at = "At"
payment_id = "Payment"
tenant_id = "Tenant"
property_id = { value = "B1" }
obligation_id = "Charge"
installment_id = "Installment"
amount_minor = "Amount"
currency = { value = "USD" }
method = { column = "By", values = { ach = "ACH_DEBIT", stripe = "CARD", adyen = "CARD" } }
processor = "By"
processor_reference = "Reference"
""")
OPTIONS: dict[str, dict[str, object]] = {
    "csv": INITIATIONS,
    "nacha": {"account_id": ACCOUNT},
    "stripe-payouts": {"payment_id_column": "payment_metadata[rent]", "account_id": ACCOUNT},
    "adyen-settlement": {"payment_id_column": "Merchant Reference", "account_id": ACCOUNT},
    "bai2": {
        "account_id": ACCOUNT,
        "payouts": [
            {"processor": "stripe", "pattern": r"(po_\d+)"},
            {"processor": "adyen", "pattern": r"batch (\d+)", "payout_id": r"OurRent-\1"},
        ],
    },
}
"""By format."""


@dataclass(frozen=True)
class Rent:
    """A payment of the rent of July."""

    number: int

    @property
    def processor(self) -> str:
        return ("ach", "stripe", "adyen")[self.number % 3]

    @property
    def amount(self) -> int:
        return 80_000 + 1_013 * self.number

    @property
    def fee(self) -> int:
        return 0 if self.processor == "ach" else 30 + self.amount // 50

    @property
    def week(self) -> int:
        return self.number // 3 % 3

    @property
    def arrives(self) -> date:
        return DAYS[self.week]

    @property
    def odd(self) -> str:
        return ODD.get(self.number, "")

    @property
    def payment_id(self) -> str:
        return f"P-{self.number}"

    @property
    def obligation_id(self) -> str:
        return f"L{self.number}/2026-07"

    @property
    def reference(self) -> str:
        """Of the attempt."""
        prefix = {"ach": OUR_BANK, "stripe": "ch_", "adyen": "PSP"}[self.processor]
        return f"{prefix}{self.number:07}"

    @property
    def back_reference(self) -> str:
        """Of its refund or dispute."""
        return f"{self.odd}-{self.number}"

    @property
    def named(self) -> str:
        """The payment id in the processor's file; empty where the reference has to be resolved."""
        return "" if self.processor == "ach" or self.number % 2 else self.payment_id

    @property
    def settles(self) -> bool:
        return self.odd != "unsettled"

    @property
    def posted(self) -> int:
        """What the ledger posts at last."""
        return {"unposted": 0, "deleted": 0, "short": self.amount - 700}.get(self.odd, self.amount)


MONTH = tuple(map(Rent, range(1, 61)))


def files() -> list[tuple[str, bytes]]:
    """The files, each with its format."""
    stripe, adyen = stripe_report.report(*_stripe_rows()), adyen_report.report(*_adyen_rows()).encode()
    entries = [Booked(day, amount, reference, text) for day, amount, reference, text in _booked()]
    statement = bai2(entries, account="4711").replace(",EUR,", ",USD,").encode()
    ach = [("nacha", content) for content in _ach_files()]
    return [("csv", _initiations()), *ach, ("stripe-payouts", stripe), ("adyen-settlement", adyen), ("bai2", statement)]


def changes() -> list[Change]:
    """The changes of the ledger's rows, by the mapping of tests/kit/ledger_rows.py."""
    ledger, found = Ledger(), []
    for rent in MONTH:
        number = rent.number
        row = charge(number, decimal(rent.amount), lease=f"L{number}", tenant=f"T{number}")
        found.append(ledger.written("charge", row, at=CHARGED))
        if rent.odd == "unposted":
            continue
        first = {"corrected": 100, "deleted": rent.amount}.get(rent.odd, rent.posted)
        whole = posting(
            number,
            decimal(first),
            payment=rent.payment_id,
            charge=rent.obligation_id,
            posted_at="2026-07-21T09:00:00Z",
        )
        found.append(ledger.written("posting", whole, at=POSTED))
        if rent.odd == "corrected":
            found.append(ledger.written("posting", whole | {"amount": decimal(rent.amount)}, at=CORRECTED))
        if rent.odd == "deleted":
            found.append(ledger.deleted("posting", number, at=CORRECTED))
    return found


def records(entry_ids: Mapping[str, str]) -> list[InputFact]:
    """The month as its systems would publish it themselves.

    Args:
        entry_ids: the ids of the bank's entries by their references: a key, which whoever reads the statement makes.

    """
    found: list[InputFact] = []
    for rent in MONTH:
        found += [_initiated(rent), _charged(rent), *_posted(rent), *_settled(rent)]
    return [*found, *_payouts(), *_entries(entry_ids)]


# Files


def _initiations() -> bytes:
    lines = ["Payment,Tenant,Charge,Installment,Amount,By,Reference,At"]
    lines += [
        f"{rent.payment_id},T{rent.number},{rent.obligation_id},,{decimal(rent.amount)},{rent.processor},"
        f"{rent.reference},2026-07-01 10:{rent.number % 60:02}:00"
        for rent in MONTH
    ]
    return ("\n".join(lines) + "\n").encode()


def _of(processor: str, week: int) -> list[Rent]:
    return [rent for rent in MONTH if (rent.processor, rent.week) == (processor, week) and rent.settles]


def _ach_files() -> list[bytes]:
    """A file of debits a week, and one of returns two days later where there are any."""
    found = []
    for week, day in enumerate(DAYS):
        debits = tuple(debit(rent.amount, rent.number, rent.payment_id) for rent in _of("ach", week))
        found.append(AchFile((AchBatch(debits, effective=f"{day:%y%m%d}"),), f"{day:%y%m%d}0930").content())
        back = tuple(returned(rent.amount, rent.number, own=rent.number) for rent in _returned(week))
        if back:
            created = f"{day + timedelta(2):%y%m%d}1030"
            found.append(AchFile((AchBatch(back, effective=created[:6]),), created).content())
    return found


def _returned(week: int) -> list[Rent]:
    return [rent for rent in _of("ach", week) if rent.odd == "returned"]


def _stripe_rows() -> list[dict[str, str]]:
    rows = []
    for week, day in enumerate(DAYS):
        paid = {"automatic_payout_id": f"po_{week}", "automatic_payout_effective_at_utc": f"{day} 00:00:00"}
        created = {"created_utc": f"{day - timedelta(2)} 10:00:00", **paid}
        for rent in _of("stripe", week):
            amount, fee = decimal(rent.amount), decimal(rent.fee)
            rows.append(
                stripe_report.charge(rent.number, amount, fee, **created)
                | {"source_id": rent.reference, "charge_id": rent.reference, "payment_metadata[rent]": rent.named}
            )
            if kind := {"refunded": "refund", "disputed": "dispute"}.get(rent.odd):
                own = {"source_id": rent.back_reference, "charge_id": rent.reference}
                gross = f"-{decimal(TAKEN_BACK)}"
                rows.append(stripe_report.row(f"txn_back_{rent.number}", kind, gross, **own, **created))
        rows.append(stripe_report.row(f"txn_fee_{week}", "fee", f"-{decimal(STRIPE_FEES)}", **created))
        total = f"-{decimal(_total('stripe', week))}"
        stated = {"source_id": f"po_{week}", **paid, "created_utc": f"{day - timedelta(1)} 10:00:00"}
        rows.append(stripe_report.row(f"txn_po_{week}", "payout", total, **stated))
    return rows


def _adyen_rows() -> list[dict[str, str]]:
    rows = []
    for week, day in enumerate(DAYS):
        money = {"Net_Currency": "USD", "Batch_Number": str(week)}
        created = {**money, "Gross_Currency": "USD", "Creation_Date": f"{day - timedelta(2)} 12:00:00"}
        for rent in _of("adyen", week):
            amount, net = decimal(rent.amount), decimal(rent.amount - rent.fee)
            own = {"Commission": decimal(rent.fee), "Merchant_Reference": rent.named}
            rows.append(
                adyen_report.payment("Settled", rent.reference, f"CAP{rent.number}", amount, net, **own, **created)
            )
            if kind := {"refunded": "Refunded", "disputed": "Chargeback"}.get(rent.odd):
                gross = f"-{decimal(TAKEN_BACK)}"
                own = {"Commission": "0.00"}
                rows.append(
                    adyen_report.payment(kind, rent.reference, rent.back_reference, gross, gross, **own, **created)
                )
        rows.append(adyen_report.other("Fee", f"-{decimal(ADYEN_FEES)}", f"Fees {week}", **money))
        total, at = f"-{decimal(_total('adyen', week))}", {"Creation_Date": f"{day} 21:29:37"}
        rows.append(adyen_report.other("MerchantPayout", total, f"TX{week}XT batch {week}, OurRent", **money, **at))
    return rows


def _total(processor: str, week: int) -> int:
    """What a processor pays out in a week."""
    back = {"refunded", "disputed"}
    lines = sum(rent.amount - rent.fee - TAKEN_BACK * (rent.odd in back) for rent in _of(processor, week))
    return lines - {"ach": 0, "stripe": STRIPE_FEES, "adyen": ADYEN_FEES}[processor]


def _booked() -> list[tuple[date, int, str, str]]:
    """The bank's entries: day, amount, reference, text. The last payout of Adyen never comes."""
    found = []
    for week, day in enumerate(DAYS):
        found += [
            (day, _total("ach", week), f"A{week}", "ACH SETTLEMENT"),
            (day, _total("stripe", week), f"S{week}", f"STRIPE po_{week}"),
            (day, _total("adyen", week), f"Y{week}", f"ADYEN batch {week}"),
        ]
        if back := sum(rent.amount for rent in _returned(week)):
            found.append((day + timedelta(2), -back, f"R{week}", "ACH RETURNS"))
    found.append((DAYS[2], -BANK_FEES, "F", "SERVICE CHARGE"))
    return [each for each in found if each[2] != "Y2"]


# Records


def _day(day: date) -> Day:
    return day.toordinal() - EPOCH_ORDINAL


def _at(day: date, hour: int = 0, minute: int = 0, second: int = 0, zone: ZoneInfo | None = NEW_YORK) -> Micros:
    return micros_of(datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=zone or UTC))


def _initiated(rent: Rent) -> PaymentInitiated:
    return PaymentInitiated(
        event_id=f"initiated-{rent.number}",
        occurred_at=_at(date(2026, 7, 1), 10, rent.number % 60, zone=None),
        payment_id=rent.payment_id,
        tenant_id=f"T{rent.number}",
        property_id="B1",
        obligation_id=rent.obligation_id,
        installment_id=None,
        amount_minor=rent.amount,
        currency="USD",
        method="ACH_DEBIT" if rent.processor == "ach" else "CARD",
        processor=rent.processor,
        processor_reference=rent.reference,
    )


def _charged(rent: Rent) -> ObligationCharged:
    return ObligationCharged(
        event_id=f"charged-{rent.number}",
        occurred_at=CHARGED,
        obligation_id=rent.obligation_id,
        lease_id=f"L{rent.number}",
        tenant_id=f"T{rent.number}",
        property_id="B1",
        period="2026-07",
        amount_minor=rent.amount,
        currency="USD",
        due_date=_day(date(2026, 7, 1)),
        time_zone="America/New_York",
        grace_days=5,
        installments=(),
    )


def _posted(rent: Rent) -> list[InputFact]:
    def post(own: str, amount: int, at: Micros) -> PaymentPosted:
        return PaymentPosted(f"posted-{own}", at, rent.obligation_id, own, rent.payment_id, None, amount, "USD")

    def undo(amount: int) -> PostingReversed:
        return PostingReversed(
            event_id=f"undone-{rent.number}",
            occurred_at=CORRECTED,
            obligation_id=rent.obligation_id,
            reversal_id=f"undone-{rent.number}",
            posting_id=str(rent.number),
            payment_id=rent.payment_id,
            amount_minor=amount,
            currency="USD",
            reason="corrected",
        )

    number = str(rent.number)
    match rent.odd:
        case "unposted":
            return []
        case "corrected":
            return [post(number, 100, POSTED), undo(100), post(f"{number}-again", rent.amount, CORRECTED)]
        case "deleted":
            return [post(number, rent.amount, POSTED), undo(rent.amount)]
        case _:
            return [post(number, rent.posted, POSTED)]


def _payout_id(processor: str, week: int) -> str:
    return {"ach": f"{ORIGIN}-{DAYS[week]:%y%m%d}A-0000001", "stripe": f"po_{week}", "adyen": f"OurRent-{week}"}[
        processor
    ]


def _returns_id(week: int) -> str:
    day = DAYS[week] + timedelta(2)
    return f"{ORIGIN}-{day:%y%m%d}A-{day}"


def _settled(rent: Rent) -> list[InputFact]:
    if not rent.settles:
        return []
    is_ach, is_adyen = rent.processor == "ach", rent.processor == "adyen"
    settled_at = _at(rent.arrives) if is_ach else _at(rent.arrives - timedelta(2), 10, zone=None)

    def line(outcome: Outcome, own: str, gross: int, net: int, at: Micros, **more: object) -> ProcessorSettled:
        fields: dict[str, object] = {
            "payment_id": None, "reason_code": None, "payout_id": _payout_id(rent.processor, rent.week),
            "value_date": _day(rent.arrives), "original_reference": None if own == rent.reference else rent.reference,
        }  # fmt: skip
        return ProcessorSettled(
            event_id=f"{outcome}-{rent.number}",
            occurred_at=at,
            processor=rent.processor,
            processor_reference=own,
            outcome=outcome,
            gross_minor=gross,
            fee_minor=rent.fee if outcome == "SETTLED" else 0,
            net_minor=net,
            currency="USD",
            **(fields | more),  # type: ignore[arg-type]
        )

    own = f"CAP{rent.number}" if is_adyen else rent.reference
    found: list[InputFact] = [
        line("SETTLED", own, rent.amount, rent.amount - rent.fee, settled_at, payment_id=rent.named or None)
    ]
    if rent.odd == "returned":
        at = _at(rent.arrives + timedelta(2), 10, 30)
        more = {
            "reason_code": "R01",
            "value_date": None,
            "payout_id": _returns_id(rent.week),
            "movement_id": f"{ROUTING}{rent.number:07}",
        }
        found.append(line("RETURNED", own, rent.amount, -rent.amount, at, **more))
    if rent.odd in ("refunded", "disputed"):
        outcome: Outcome = "REFUNDED" if rent.odd == "refunded" else "CHARGEBACK"
        movement = None if is_adyen or rent.odd == "refunded" else f"txn_back_{rent.number}"
        found.append(line(outcome, rent.back_reference, TAKEN_BACK, -TAKEN_BACK, settled_at, movement_id=movement))
    return found


def _payouts() -> list[InputFact]:
    found: list[InputFact] = []

    def add(payout_id: str, amount: int, day: date, at: Micros, *, processor: str = "ach", **more: object) -> None:
        fields: dict[str, object] = {"other_minor": 0, "bank_reference": None}
        found.append(
            PayoutReported(
                event_id=f"payout-{payout_id}",
                occurred_at=at,
                processor=processor,
                payout_id=payout_id,
                status="PAID",
                amount_minor=amount,
                currency="USD",
                arrival_date=_day(day),
                account_id=ACCOUNT,
                **(fields | more),  # type: ignore[arg-type]
            )
        )

    for week, day in enumerate(DAYS):
        more: dict[str, tuple[Micros, dict[str, object]]] = {
            "ach": (_at(day), {}),
            "stripe": (_at(day - timedelta(1), 10, zone=None), {"other_minor": -STRIPE_FEES}),
            "adyen": (
                _at(day, 19, 29, 37, zone=None),
                {"other_minor": -ADYEN_FEES, "bank_reference": f"TX{week}XT"},
            ),
        }
        for processor, (at, fields) in more.items():
            add(_payout_id(processor, week), _total(processor, week), day, at, processor=processor, **fields)
        if back := sum(rent.amount for rent in _returned(week)):
            arrives = day + timedelta(2)
            add(_returns_id(week), -back, arrives, _at(arrives))
    return found


def _entries(entry_ids: Mapping[str, str]) -> list[InputFact]:
    found: list[InputFact] = []
    for day, amount, reference, text in _booked():
        week = reference[1:]
        named = {"S": ("stripe", f"po_{week}"), "Y": ("adyen", f"OurRent-{week}")}
        processor, payout_id = named.get(reference[0], (None, None))
        found.append(
            BankEntryBooked(
                event_id=f"entry-{reference}",
                occurred_at=_at(day),
                account_id=ACCOUNT,
                entry_id=entry_ids[reference],
                amount_minor=amount,
                currency="USD",
                booking_date=_day(day),
                processor=processor,
                payout_id=payout_id,
                reference=reference,
                text=text,
            )
        )
    return found

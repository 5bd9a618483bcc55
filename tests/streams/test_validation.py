"""Each rule of contract section 2 and each of our limits, at its boundary."""

from typing import Any

import msgspec
import pytest
from hypothesis import given

from domain.currencies import EXPONENTS
from domain.facts import Allocation, Installment
from streams.codec import validation
from streams.codec.codec import Codec
from streams.codec.dead_letters import BadInput, DeadLetterClass
from streams.codec.json_form import fact_from_json, fact_to_json
from tests.kit import avro_strategies as strategies
from tests.kit.avro_samples import (
    ADJUSTED,
    BOOKED,
    CANCELLED,
    CHARGED,
    CREDITED,
    DAY,
    DECIDED,
    FACTS,
    FEE,
    INITIATED,
    MATCHED,
    NAMED,
    PAID_OUT,
    PLAN_CHANGED,
    POSTED,
    REASSIGNED,
    REFERENCED,
    REVERSED,
    SETTLED,
    SPLIT,
    TOPIC_BY_TYPE,
)


def but(fact: Any, **changes: Any) -> Any:
    return msgspec.structs.replace(fact, **changes)


def plan(*changes: dict[str, Any]) -> tuple[Installment, ...]:
    return tuple(but(Installment(f"i{at}", at, 100, DAY), **change) for at, change in enumerate(changes))


def parts(*changes: dict[str, Any]) -> tuple[Allocation, ...]:
    return tuple(but(Allocation(f"o{at}", None, 100), **change) for at, change in enumerate(changes))


MAY_BE_EMPTY = {"ProcessorSettled.movement_id", "ObligationCancelled.cancellation_id"}
IDS = ("processor", "processor_reference", "original_reference")
SPLIT_FIRST = SPLIT.allocations[0]

BROKEN: dict[str, tuple[Any, DeadLetterClass]] = {
    **{
        f"{type(fact).__name__}.{field} empty": (but(fact, **{field: ""}), DeadLetterClass.EMPTY_ID)
        for fact in FACTS
        for field in fact.__struct_fields__
        if (field.endswith("_id") or field in IDS) and f"{type(fact).__name__}.{field}" not in MAY_BE_EMPTY
    },
    **{
        f"{type(fact).__name__}.{field} too long": (but(fact, **{field: "é" * 256 + "x"}), DeadLetterClass.TOO_LARGE)
        for fact in FACTS
        for field in fact.__struct_fields__
        if field.endswith("_id") or field in (*IDS, "reason_code", "actor")
    },
    **{
        f"{type(fact).__name__}.{field} {amount}": (
            but(fact, **{field: amount}),
            DeadLetterClass.TOO_LARGE if amount > 0 else DeadLetterClass.WRONG_AMOUNT,
        )
        for fact, field, amounts in [
            (INITIATED, "amount_minor", (0, -1, 10**13 + 1)),
            (SETTLED, "gross_minor", (0, -1, 10**13 + 1)),
            (but(SETTLED, outcome="FAILED"), "gross_minor", (-1, 10**13 + 1)),
            (SETTLED, "fee_minor", (10**13 + 1,)),
            (SETTLED, "net_minor", (10**13 + 1,)),
            (CHARGED, "amount_minor", (-1, 10**13 + 1)),
            (ADJUSTED, "amount_delta_minor", (0, 10**13 + 1)),
            (POSTED, "amount_minor", (0, -1, 10**13 + 1)),
            (REVERSED, "amount_minor", (0, -1, 10**13 + 1)),
            (PAID_OUT, "amount_minor", (0, 10**13 + 1)),
            (PAID_OUT, "other_minor", (10**13 + 1,)),
            (BOOKED, "amount_minor", (0, 10**13 + 1)),
        ]
        for amount in amounts
    },
    "a credit too large": (but(ADJUSTED, amount_delta_minor=-(10**13) - 1), DeadLetterClass.TOO_LARGE),
    "a payout too far below 0": (but(PAID_OUT, amount_minor=-(10**13) - 1), DeadLetterClass.TOO_LARGE),
    "other too far below 0": (but(PAID_OUT, other_minor=-(10**13) - 1), DeadLetterClass.TOO_LARGE),
    "a debit too large": (but(BOOKED, amount_minor=-(10**13) - 1), DeadLetterClass.TOO_LARGE),
    "an entry of a processor alone": (but(NAMED, payout_id=None), DeadLetterClass.WRONG_ENTRY),
    "an entry of a payout alone": (but(NAMED, processor=None), DeadLetterClass.WRONG_ENTRY),
    "matched by nobody": (but(MATCHED, actor=""), DeadLetterClass.EMPTY_ID),
    "a fee too far below 0": (but(SETTLED, fee_minor=-(10**13) - 1), DeadLetterClass.TOO_LARGE),
    "a net too far below 0": (but(SETTLED, net_minor=-(10**13) - 1), DeadLetterClass.TOO_LARGE),
    **{
        f"{type(fact).__name__} in {code!r}": (but(fact, currency=code), DeadLetterClass.UNKNOWN_CURRENCY)
        for fact in (INITIATED, SETTLED, CHARGED, ADJUSTED, POSTED, REVERSED, PAID_OUT, BOOKED)
        for code in ("", "usd", "US", "USDX", "XXX", "XTS", "ABC", "U$D")
    },
    **{
        f"fee and net in {code!r}": (but(SETTLED, settlement_currency=code), DeadLetterClass.UNKNOWN_CURRENCY)
        for code in ("", "eur", "XXX", "EURO")
    },
    **{
        f"zone {zone!r}": (but(CHARGED, time_zone=zone), DeadLetterClass.UNKNOWN_TIME_ZONE)
        for zone in (
            "",
            "Mars/Base",
            "america/new_york",
            "../etc/localtime",
            "/etc/localtime",
            "localtime",
            "UTC+2",
            "America",
        )
    },
    **{
        f"period {period!r}": (but(CHARGED, period=period), DeadLetterClass.WRONG_PERIOD)
        for period in ("", "2026-7", "2026-13", "2026-00", "0000-01", "2026-07-01", "2026-07\n", "٢٠٢٦-07", "202607")
    },
    **{
        f"{type(fact).__name__}.occurred_at {instant}": (but(fact, occurred_at=instant), DeadLetterClass.OUT_OF_RANGE)
        for fact in FACTS
        for instant in (validation.INSTANT_MIN - 1, validation.INSTANT_MAX + 1, -1 << 63, (1 << 63) - 1)
    },
    "an instant in milliseconds": (but(SETTLED, occurred_at=1_780_000_000_000), DeadLetterClass.OUT_OF_RANGE),
    **{
        f"acknowledged until {instant}": (
            but(DECIDED, action="ACKNOWLEDGE", until=instant),
            DeadLetterClass.OUT_OF_RANGE,
        )
        for instant in (validation.INSTANT_MIN - 1, validation.INSTANT_MAX + 1)
    },
    **{
        f"{field} {day}": (but(fact, **{field: day}), DeadLetterClass.OUT_OF_RANGE)
        for fact, field in (
            *((SETTLED, "value_date"), (CHARGED, "due_date"), (CHARGED, "grace_ends_on")),
            *((FEE, "due_date"), (but(FEE, kind=None), "due_date")),
            *((PAID_OUT, "arrival_date"), (NAMED, "booking_date"), (NAMED, "value_date")),
        )
        for day in (validation.DAY_MIN - 1, validation.DAY_MAX + 1, -1 << 31, (1 << 31) - 1)
    },
    "grace below 0": (but(CHARGED, grace_days=-1), DeadLetterClass.OUT_OF_RANGE),
    "grace of eleven years": (but(CHARGED, grace_days=3_651), DeadLetterClass.OUT_OF_RANGE),
    "grace that ends before the due date": (but(CHARGED, grace_ends_on=DAY - 1), DeadLetterClass.OUT_OF_RANGE),
    **{
        f"assignment version {version}": (but(REASSIGNED, assignment_version=version), DeadLetterClass.OUT_OF_RANGE)
        for version in (0, -1)
    },
    **{
        f"{type(fact).__name__} with {what}": (but(fact, allocations=allocations, **more), error_class)
        for fact, more in ((REASSIGNED, {}), (INITIATED, {"obligation_id": "o0", "installment_id": None}))
        for what, allocations, error_class in [
            ("no allocations", (), DeadLetterClass.WRONG_ALLOCATIONS),
            ("a part named twice", parts({}, {"obligation_id": "o0"}), DeadLetterClass.WRONG_ALLOCATIONS),
            (
                "an installment named twice",
                parts({"installment_id": "i"}, {}, {"obligation_id": "o0", "installment_id": "i"}),
                DeadLetterClass.WRONG_ALLOCATIONS,
            ),
            ("a part of 0", parts({"amount_minor": 0}, {}), DeadLetterClass.WRONG_AMOUNT),
            ("a part below 0", parts({}, {"amount_minor": -1}), DeadLetterClass.WRONG_AMOUNT),
            ("a part too large", parts({}, {"amount_minor": 10**13 + 1}), DeadLetterClass.TOO_LARGE),
            ("a part for nothing", parts({}, {"obligation_id": ""}), DeadLetterClass.EMPTY_ID),
            ("a part for an installment without id", parts({}, {"installment_id": ""}), DeadLetterClass.EMPTY_ID),
            ("a part with a long id", parts({}, {"obligation_id": "x" * 513}), DeadLetterClass.TOO_LARGE),
            ("1,001 parts", parts(*[{}] * 1_001), DeadLetterClass.TOO_LARGE),
        ]
    },
    **{
        f"a split payment {what}": (but(SPLIT, **changes), DeadLetterClass.WRONG_ALLOCATIONS)
        for what, changes in {
            "that does not add up": {"amount_minor": 150_001},
            "with less than its parts": {"amount_minor": 149_999},
            "of another obligation": {"obligation_id": "o2"},
            "of another installment": {"installment_id": "i2"},
            "of no installment": {"installment_id": None},
            "of one part too small": {"allocations": (SPLIT_FIRST,)},
        }.items()
    },
    **{
        f"an adjustment {what}": (but(fact, **changes), DeadLetterClass.WRONG_ADJUSTMENT)
        for what, fact, changes in [
            ("of an installment and of its own", CREDITED, {"due_date": DAY, "amount_delta_minor": 1}),
            ("below 0 with a due date", ADJUSTED, {"due_date": DAY}),
            ("that is a fee below 0", ADJUSTED, {"kind": "FEE"}),
            ("that is a fee below 0 with a due date", FEE, {"amount_delta_minor": -1}),
            ("that is a fee of an installment", CREDITED, {"kind": "FEE", "amount_delta_minor": 1}),
        ]
    },
    **{
        f"RETURNED with {code}": (but(SETTLED, outcome="RETURNED", reason_code=code), DeadLetterClass.NO_RETURN)
        for code in ("C01", "C13", "C99")
    },
    **{
        f"{action} without {field}": (
            but(DECIDED, **{"action": action, "refers_to": "d0", field: value}),
            DeadLetterClass.EMPTY_ID if (field, value) == ("actor", "") else DeadLetterClass.WRONG_DECISION,
        )
        for action, fields in {
            "ACCEPT": ("break_class", "drift_minor", "evidence"),
            "APPROVE": ("refers_to",),
            "WITHDRAW": ("refers_to",),
        }.items()
        for field in fields
        for value in ((None,) if field == "drift_minor" else (None, ""))
    },
    **{
        f"a decision without {field}": (but(DECIDED, **{field: ""}), DeadLetterClass.EMPTY_ID)
        for field in ("key", "actor", "assignee")
    },
    **{
        f"a decision about {kind} {key}": (but(DECIDED, key_kind=kind, key=key), DeadLetterClass.WRONG_DECISION)
        for kind, key in [
            *(("Payment", "p1"), ("bank entry", "a/1"), ("", "p1"), ("payout", "po_1"), ("bank_entry", "a/")),
            *(("reference", key) for key in ("ch_1", "/ch_1", "acme/", "/", "a%2fb/ch_1", "a%/ch_1")),
        ]
    },
    "plan version 0": (but(PLAN_CHANGED, plan_version=0), DeadLetterClass.OUT_OF_RANGE),
    **{
        f"{type(fact).__name__} with {what}": (but(fact, installments=installments), error_class)
        for fact in (CHARGED, PLAN_CHANGED)
        for what, installments, error_class in [
            ("one id twice", plan({}, {}, {"installment_id": "i0"}), DeadLetterClass.DUPLICATE_INSTALLMENT),
            ("an installment without id", plan({}, {"installment_id": ""}), DeadLetterClass.EMPTY_ID),
            ("a long installment id", plan({"installment_id": "x" * 1_025}), DeadLetterClass.TOO_LARGE),
            ("an installment of 0", plan({"amount_minor": 0}, {}), DeadLetterClass.WRONG_AMOUNT),
            ("an installment below 0", plan({}, {"amount_minor": -1}), DeadLetterClass.WRONG_AMOUNT),
            ("an installment too large", plan({"amount_minor": 10**13 + 1}), DeadLetterClass.TOO_LARGE),
            ("an installment due never", plan({"due_date": validation.DAY_MAX + 1}), DeadLetterClass.OUT_OF_RANGE),
            ("an installment of 1999", plan({"due_date": validation.DAY_MIN - 1}), DeadLetterClass.OUT_OF_RANGE),
            ("grace without an end", plan({"grace_ends_on": validation.DAY_MAX + 1}), DeadLetterClass.OUT_OF_RANGE),
            ("grace that ends early", plan({}, {"grace_ends_on": DAY - 1}), DeadLetterClass.OUT_OF_RANGE),
            ("10,001 installments", plan(*[{}] * 10_001), DeadLetterClass.TOO_LARGE),
        ]
    },
    **{
        f"{type(fact).__name__} with a book of a reason": (but(fact, reason="z" * 8_193), DeadLetterClass.TOO_LARGE)
        for fact in (ADJUSTED, CANCELLED, REVERSED, REASSIGNED, DECIDED)
    },
}

GOOD: dict[str, Any] = {
    "FAILED of 0": but(SETTLED, outcome="FAILED", gross_minor=0, net_minor=0, fee_minor=0),
    "a net below 0": but(SETTLED, net_minor=-450),
    "no value date": but(SETTLED, value_date=None),
    "an empty reason code": but(SETTLED, reason_code=""),
    "a month free of charge": but(CHARGED, amount_minor=0, installments=()),
    "10,000 installments": but(PLAN_CHANGED, installments=plan(*[{}] * 10_000)),
    "one amount twice": but(PLAN_CHANGED, installments=plan({}, {})),
    "an id of the longest": but(POSTED, posting_id="é" * 256),
    "an id of one blank": but(POSTED, posting_id=" "),
    "an empty reason": but(CANCELLED, reason=""),
    "the longest reason": but(CANCELLED, reason="z" * 8_192),
    "the largest amount": but(INITIATED, amount_minor=10**13),
    "the first instant": but(INITIATED, occurred_at=validation.INSTANT_MIN),
    "the last instant": but(INITIATED, occurred_at=validation.INSTANT_MAX),
    "the last day": but(CHARGED, due_date=validation.DAY_MAX, grace_days=3_650),
    "the first day": but(CHARGED, due_date=validation.DAY_MIN, grace_ends_on=validation.DAY_MIN),
    "a fee below 0": but(SETTLED, fee_minor=-450, net_minor=150_450),
    "a fee that is known and a net that is not": but(SETTLED, net_minor=None),
    "an amount settled in another currency": but(SETTLED, settlement_currency="JPY"),
    "no payment": but(SETTLED, payment_id=None),
    "a correction that is no return": but(SETTLED, outcome="FAILED", reason_code="C01"),
    **{
        f"a return with {code!r}": but(SETTLED, outcome="RETURNED", reason_code=code)
        for code in (None, "", "R01", "C1", "C011", "C01 ", "c01", "C\u0660\u0661", "XC01")
    },
    "one obligation in two parts": but(
        SPLIT, allocations=(but(SPLIT_FIRST, amount_minor=1), Allocation("o1", None, 149_999))
    ),
    "1,000 parts": but(REASSIGNED, allocations=parts(*[{}] * 1_000)),
    "one part": but(INITIATED, allocations=(Allocation("o1", "i1", 150_000),)),
    "a rent adjusted above 0 on a day": but(FEE, kind="RENT"),
    "a fee without a day": but(FEE, due_date=None),
    "an installment charged more": but(CREDITED, amount_delta_minor=1),
    "grace of the last day": but(CHARGED, grace_ends_on=DAY),
    "a key of percent signs": but(DECIDED, key="%25" * 512 + "/" + "x" * 512),
    "a key with two slashes": but(DECIDED, key="a%2Fb/c/d"),
    "a large drift": but(DECIDED, drift_minor=(1 << 63) - 1),
    "a class of a later version": but(DECIDED, break_class="lost_in_space"),
    "a comment": but(DECIDED, action="COMMENT", break_class=None, drift_minor=None, evidence=None),
    "assigned to nobody": but(DECIDED, action="ASSIGN", break_class=None, drift_minor=None, evidence=None),
    "acknowledged to the last": but(DECIDED, action="ACKNOWLEDGE", until=validation.INSTANT_MAX),
    "an old zone name": but(CHARGED, time_zone="US/Eastern"),
}


@pytest.mark.parametrize(("fact", "error_class"), BROKEN.values(), ids=BROKEN)
def test_a_broken_rule_is_named(fact: Any, error_class: DeadLetterClass) -> None:
    with pytest.raises(BadInput, match=type(fact).__name__ + "|Installment|Allocation") as caught:
        validation.check(fact)
    assert caught.value.error_class is error_class


@pytest.mark.parametrize("fact", [*GOOD.values(), *FACTS], ids=[*GOOD, *(type(fact).__name__ for fact in FACTS)])
def test_boundary_values_pass(fact: Any) -> None:
    validation.check(fact)


@pytest.mark.parametrize(
    ("fact", "field"), [(REFERENCED, "movement_id"), (CANCELLED, "cancellation_id")], ids=["movement", "cancellation"]
)
def test_an_empty_part_of_an_identity_is_none(fact: Any, field: str) -> None:
    empty, none = but(fact, **{field: ""}), but(fact, **{field: None})
    assert validation.check(empty) == none
    assert getattr(validation.check(but(fact, **{field: " "})), field) == " "
    topic = TOPIC_BY_TYPE[type(fact)]
    for codec in (Codec(), Codec(compiled=False)):
        assert codec.decode_input(topic, codec.encode(empty, "any")) == none
    assert fact_from_json(fact_to_json(empty)) == none


@given(strategies.facts)
def test_every_valid_fact_passes(fact: Any) -> None:
    assert validation.check(fact) == fact


def test_a_message_says_what_was_found_and_what_is_allowed() -> None:
    with pytest.raises(BadInput, match=r"^PaymentInitiated\.amount_minor is -5; it must be above 0$"):
        validation.check(but(INITIATED, amount_minor=-5))
    with pytest.raises(BadInput, match=r"add up to 150000; they must add up to amount_minor, which is 150001$"):
        validation.check(but(SPLIT, amount_minor=150_001))
    with pytest.raises(BadInput, match=r"^BreakDecided\.class is missing; ACCEPT needs it$"):
        validation.check(but(DECIDED, break_class=None))
    with pytest.raises(BadInput, match=r"'refund'; it must be one of payment, obligation, reference, payout, bank_en"):
        validation.check(but(DECIDED, key_kind="refund"))


def test_currencies_are_codes_with_minor_units() -> None:
    assert {"USD", "EUR", "JPY", "KWD", "XOF", "XCG", "ZWG"} <= set(EXPONENTS)
    assert not {"XXX", "XTS", "XAU", "XDR", "BTC"} & set(EXPONENTS)
    assert all(len(code) == 3 and code.isascii() and code.isalpha() and code.isupper() for code in EXPONENTS)

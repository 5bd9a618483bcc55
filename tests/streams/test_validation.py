"""Each rule of contract section 2 and each of our limits, at its boundary."""

from typing import Any

import msgspec
import pytest
from hypothesis import given

from domain.currencies import EXPONENTS
from domain.facts import Installment
from streams.codec import validation
from streams.codec.dead_letters import BadInput, DeadLetterClass
from tests.kit import avro_samples as samples
from tests.kit.avro_samples import (
    ADJUSTED,
    CANCELLED,
    CHARGED,
    DAY,
    FACTS,
    INITIATED,
    PLAN_CHANGED,
    POSTED,
    REVERSED,
    SETTLED,
)


def but(fact: Any, **changes: Any) -> Any:
    return msgspec.structs.replace(fact, **changes)


def plan(*changes: dict[str, Any]) -> tuple[Installment, ...]:
    return tuple(but(Installment(f"i{at}", at, 100, DAY), **change) for at, change in enumerate(changes))


BROKEN: dict[str, tuple[Any, DeadLetterClass]] = {
    **{
        f"{type(fact).__name__}.{field} empty": (but(fact, **{field: ""}), DeadLetterClass.EMPTY_ID)
        for fact in FACTS
        for field in fact.__struct_fields__
        if field.endswith("_id") or field in ("processor", "processor_reference")
    },
    **{
        f"{type(fact).__name__}.{field} too long": (but(fact, **{field: "é" * 256 + "x"}), DeadLetterClass.TOO_LARGE)
        for fact in FACTS
        for field in fact.__struct_fields__
        if field.endswith("_id") or field in ("processor", "processor_reference", "reason_code")
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
            (SETTLED, "fee_minor", (-1, 10**13 + 1)),
            (SETTLED, "net_minor", (10**13 + 1,)),
            (CHARGED, "amount_minor", (-1, 10**13 + 1)),
            (ADJUSTED, "amount_delta_minor", (0, 10**13 + 1)),
            (POSTED, "amount_minor", (0, -1, 10**13 + 1)),
            (REVERSED, "amount_minor", (0, -1, 10**13 + 1)),
        ]
        for amount in amounts
    },
    "a credit too large": (but(ADJUSTED, amount_delta_minor=-(10**13) - 1), DeadLetterClass.TOO_LARGE),
    "a net too far below 0": (but(SETTLED, net_minor=-(10**13) - 1), DeadLetterClass.TOO_LARGE),
    **{
        f"{type(fact).__name__} in {code!r}": (but(fact, currency=code), DeadLetterClass.UNKNOWN_CURRENCY)
        for fact in (INITIATED, SETTLED, CHARGED, ADJUSTED, POSTED, REVERSED)
        for code in ("", "usd", "US", "USDX", "XXX", "XTS", "ABC", "U$D")
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
    **{
        f"{field} {day}": (but(fact, **{field: day}), DeadLetterClass.OUT_OF_RANGE)
        for fact, field in ((SETTLED, "value_date"), (CHARGED, "due_date"))
        for day in (validation.DAY_MIN - 1, validation.DAY_MAX + 1, -1 << 31, (1 << 31) - 1)
    },
    "grace below 0": (but(CHARGED, grace_days=-1), DeadLetterClass.OUT_OF_RANGE),
    "grace of eleven years": (but(CHARGED, grace_days=3_651), DeadLetterClass.OUT_OF_RANGE),
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
            ("10,001 installments", plan(*[{}] * 10_001), DeadLetterClass.TOO_LARGE),
        ]
    },
    **{
        f"{type(fact).__name__} with a book of a reason": (but(fact, reason="z" * 8_193), DeadLetterClass.TOO_LARGE)
        for fact in (ADJUSTED, CANCELLED, REVERSED)
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
    "an old zone name": but(CHARGED, time_zone="US/Eastern"),
}


@pytest.mark.parametrize(("fact", "error_class"), BROKEN.values(), ids=BROKEN)
def test_a_broken_rule_is_named(fact: Any, error_class: DeadLetterClass) -> None:
    with pytest.raises(BadInput, match=type(fact).__name__ + "|Installment") as caught:
        validation.check(fact)
    assert caught.value.error_class is error_class


@pytest.mark.parametrize("fact", [*GOOD.values(), *FACTS], ids=[*GOOD, *(type(fact).__name__ for fact in FACTS)])
def test_boundary_values_pass(fact: Any) -> None:
    validation.check(fact)


@given(samples.facts)
def test_every_valid_fact_passes(fact: Any) -> None:
    validation.check(fact)


def test_a_message_says_what_was_found_and_what_is_allowed() -> None:
    with pytest.raises(BadInput, match=r"^PaymentInitiated\.amount_minor is -5; it must be above 0$"):
        validation.check(but(INITIATED, amount_minor=-5))


def test_currencies_are_codes_with_minor_units() -> None:
    assert {"USD", "EUR", "JPY", "KWD", "XOF", "XCG", "ZWG"} <= set(EXPONENTS)
    assert not {"XXX", "XTS", "XAU", "XDR", "BTC"} & set(EXPONENTS)
    assert all(len(code) == 3 and code.isascii() and code.isalpha() and code.isupper() for code in EXPONENTS)

"""Stripe's events: signatures, each type, and that they agree with the reports."""

import itertools
from typing import Any

import pytest

from connectors.stripe_webhooks import (
    EventNotUnderstood,
    SignatureRefused,
    StripeEvents,
    records_of,
    verify,
)
from domain.facts import PaymentInitiated, ProcessorSettled
from domain.records import BreakClass
from domain.time import SECOND
from streams import topics
from tests.kit.driver import Driver
from tests.kit.stripe_events import NOW_S, SECRET, a_charge, a_dispute, a_movement, a_refund, event, signature
from tests.kit.stripe_report import charge, found_in, report, row

OPTIONS = StripeEvents(payment_id_key="rent")
PAYLOAD = event("charge.succeeded", a_charge())


def records(kind: str, obj: dict[str, Any], created: int = NOW_S) -> list[ProcessorSettled]:
    return records_of(event(kind, obj, created), OPTIONS)[1]


def test_a_signature_that_fits() -> None:
    verify(PAYLOAD, signature(PAYLOAD), [SECRET.encode()], NOW_S + 299)
    rolled = signature(PAYLOAD, "whsec_the_former_one") + "," + signature(PAYLOAD).partition(",")[2] + ",v0=aa"
    verify(PAYLOAD, rolled, [b"whsec_another_one", SECRET.encode()], NOW_S)


@pytest.mark.parametrize(
    ("payload", "header", "now_s"),
    [
        (PAYLOAD + b" ", signature(PAYLOAD), NOW_S),
        (PAYLOAD, signature(PAYLOAD, "whsec_of_somebody_else"), NOW_S),
        (PAYLOAD, signature(PAYLOAD), NOW_S + 301),
        (PAYLOAD, signature(PAYLOAD), NOW_S - 301),
        (PAYLOAD, signature(PAYLOAD).replace(f"t={NOW_S}", f"t={NOW_S + 1}"), NOW_S),
        (PAYLOAD, signature(PAYLOAD) + f",t={NOW_S}", NOW_S),
        (PAYLOAD, signature(PAYLOAD).replace("v1=", "v0="), NOW_S),
        (PAYLOAD, "", NOW_S),
        (PAYLOAD, "t=,v1=", NOW_S),
        (PAYLOAD, "t=\u0661,v1=\u00e9", NOW_S),
    ],
)
def test_a_signature_that_does_not_fit(payload: bytes, header: str, now_s: int) -> None:
    with pytest.raises(SignatureRefused):
        verify(payload, header, [SECRET.encode()], now_s)


def test_without_a_secret_nothing_fits() -> None:
    with pytest.raises(SignatureRefused):
        verify(PAYLOAD, signature(PAYLOAD, ""), [], NOW_S)


def test_a_charge() -> None:
    (fact,) = records("charge.succeeded", a_charge())
    assert (fact.outcome, fact.processor_reference, fact.payment_id) == ("SETTLED", "ch_1", "P-1")
    assert (fact.gross_minor, fact.fee_minor, fact.net_minor, fact.currency) == (85_000, None, None, "USD")
    assert fact.occurred_at == (NOW_S - 5) * SECOND
    assert records("charge.succeeded", a_charge(captured=False, amount_captured=0)) == []
    (captured,) = records("charge.captured", a_charge(amount_captured=70_000))
    assert captured.gross_minor == 70_000
    assert captured.event_id == fact.event_id


def test_a_charge_that_failed() -> None:
    failed = a_charge(captured=False, amount_captured=0, failure_code="card_declined")
    (fact,) = records("charge.failed", failed, NOW_S + 7)
    assert (fact.outcome, fact.gross_minor, fact.reason_code) == ("FAILED", 85_000, "card_declined")
    assert fact.occurred_at == (NOW_S + 7) * SECOND


@pytest.mark.parametrize(
    ("more", "outcomes"),
    [
        ({}, ["REFUNDED"]),
        ({"status": "pending"}, ["REFUNDED"]),
        ({"status": "pending", "balance_transaction": None}, []),
        ({"status": "failed", "balance_transaction": None}, []),
        ({"status": "failed", "failure_balance_transaction": "txn_9"}, ["REFUNDED", "REFUND_REVERSED"]),
        ({"status": "requires_action", "balance_transaction": None}, []),
    ],
)
def test_a_refund(more: dict[str, Any], outcomes: list[str]) -> None:
    found = records("refund.updated", a_refund(**more))
    assert [fact.outcome for fact in found] == outcomes
    assert {(fact.processor_reference, fact.original_reference, fact.gross_minor) for fact in found} <= {
        ("re_4", "ch_1", 1_000)
    }


def test_a_dispute_has_the_records_of_its_balance_transactions() -> None:
    taken, back = a_movement("txn_5", -85_000, 1_500), a_movement("txn_7", 85_000, 0)
    first, second = records("charge.dispute.funds_reinstated", a_dispute(taken, back))
    assert (first.outcome, first.fee_minor, first.net_minor, first.movement_id) == (
        "CHARGEBACK",
        1_500,
        -86_500,
        "txn_5",
    )
    assert (second.outcome, second.net_minor, second.movement_id) == ("CHARGEBACK_REVERSED", 85_000, "txn_7")
    assert {fact.reason_code for fact in (first, second)} == {"10.4"}
    assert records("charge.dispute.created", a_dispute(status="warning_needs_response")) == []
    ach = {"payment_method_details": {"type": "us_bank_account"}, "reason": "insufficient_funds"}
    (returned,) = records("charge.dispute.created", a_dispute(taken, **ach))
    assert (returned.outcome, returned.processor_reference, returned.reason_code) == ("RETURNED", "ch_1", "insufficient_funds")  # fmt: skip # noqa: E501


@pytest.mark.parametrize(
    "kind", ["payout.paid", "customer.created", "charge.pending", "charge.refunded", "charge.updated"]
)
def test_other_events_report_nothing(kind: str) -> None:
    assert records(kind, a_charge()) == []


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"[]", b"{}", b'"x"', b"\xff", b"[" * 100_000,
        event("charge.succeeded", {}),
        event("charge.succeeded", a_charge(amount_captured="850.00")),
        event("charge.succeeded", a_charge(amount_captured=8.5)),
        event("charge.succeeded", a_charge(currency="xxq")),
        event("charge.succeeded", a_charge(created=1)),
        event("charge.dispute.created", a_dispute(a_movement("t", -1, 0), charge=None, payment_method_details={"type": "us_bank_account"})),  # noqa: E501
        event("charge.dispute.created", a_dispute("txn_1")),  # type: ignore[arg-type]
        event("charge.dispute.created", "du_1"),  # type: ignore[arg-type]
        event("charge.succeeded", a_charge(metadata="P-1")),
        event("refund.created", []),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_an_event_that_is_not_understood(payload: bytes) -> None:
    with pytest.raises(EventNotUnderstood):
        records_of(payload, OPTIONS)


def test_amounts_are_in_stripes_minor_units() -> None:
    for currency, amount, minor in (("isk", 700, 7), ("jpy", 700, 700), ("kwd", 7_000, 7_000), ("mga", 7, 700)):
        (fact,) = records("charge.succeeded", a_charge(currency=currency, amount_captured=amount))
        assert fact.gross_minor == minor


AT = {"created_utc": "2026-07-02 13:46:38"}


def the_report() -> list[ProcessorSettled]:
    """What the report says about the same charge, refund and dispute."""
    of_charge = {"charge_id": "ch_1", "payment_method_type": "card"}
    content = report(
        charge(1, "850.00", "6.80", payment_metadata_rent="P-1", **AT),
        row("txn_4", "refund", "-10.00", source_id="re_4", **of_charge, **AT),
        row("txn_5", "dispute", "-850.00", "15.00", source_id="du_5", **of_charge, **AT),
        row("txn_7", "dispute_reversal", "850.00", source_id="du_5", **of_charge, **AT),
    )
    found = found_in(content, payment_id_column="payment_metadata[rent]")
    return [fact for fact in found.facts if isinstance(fact, ProcessorSettled)]


def the_events() -> list[ProcessorSettled]:
    taken, back = a_movement("txn_5", -85_000, 1_500), a_movement("txn_7", 85_000, 0)
    return [
        *records("charge.succeeded", a_charge()),
        *records("charge.succeeded", a_charge(), NOW_S + 60),  # again
        *records("refund.created", a_refund()),
        *records("charge.dispute.created", a_dispute(taken)),
        *records("charge.dispute.funds_reinstated", a_dispute(taken, back)),
    ]


@pytest.mark.parametrize("seed", range(6))
def test_reports_fill_in_what_events_do_not_know_in_any_order(seed: int) -> None:
    facts = [*the_events(), *the_report()]
    orders = list(itertools.islice(itertools.permutations(range(len(facts))), seed * 60_000, None, 60_000))
    driver = Driver(now=(NOW_S + 86_400) * SECOND)
    driver.pipe(
        PaymentInitiated(
            event_id="e-1",
            occurred_at=(NOW_S - 60) * SECOND,
            payment_id="P-1",
            tenant_id="T",
            property_id="H",
            obligation_id="O-1",
            installment_id=None,
            amount_minor=85_000,
            currency="USD",
            method="CARD",
            processor="stripe",
            processor_reference="ch_1",
        )
    )
    for at in orders[0]:
        driver.pipe(facts[at])
    driver.run()
    (payment,) = driver.last(topics.PAYMENT_RECONCILIATIONS).values()
    assert (payment.settled.gross_minor, payment.settled.fee_minor, payment.settled.net_minor) == (85_000, 680, 84_320)
    assert (payment.settled.refunded_minor, payment.settled.charged_back_minor) == (1_000, 0)
    classes = {alert.break_class for alert in driver.last(topics.MISMATCH_ALERTS).values()}
    assert BreakClass.CONFLICTING_FACT not in classes
    assert BreakClass.FEE_VARIANCE not in classes

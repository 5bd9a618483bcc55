"""`stripe-payouts`: each category, the payouts with their remainder, and files that are not what they should be."""

import random
from typing import Any

import pytest

from connectors.model import BrokenFile, Found
from connectors.rows import DelimitedText
from connectors.stripe import api_exponent, minor_from_api
from domain.facts import PayoutReported, ProcessorSettled
from domain.time import iso_date, rfc3339
from tests.kit.stripe_report import COLUMNS, MONTH, charge, found_in, report, row


def settled(found: Found) -> list[ProcessorSettled]:
    return [fact for fact in found.facts if isinstance(fact, ProcessorSettled)]


def payouts(found: Found) -> list[PayoutReported]:
    return [fact for fact in found.facts if isinstance(fact, PayoutReported)]


def the(found: Found) -> ProcessorSettled:
    (fact,) = settled(found)
    return fact


def brief(fact: ProcessorSettled) -> tuple[Any, ...]:
    return (
        fact.outcome,
        fact.processor_reference,
        fact.original_reference,
        fact.gross_minor,
        fact.fee_minor,
        fact.net_minor,
    )


def test_a_payout_with_everything_usual() -> None:
    found = found_in(report(*MONTH), payment_id_column="payment_metadata[rent]", account_id="chk")
    by_reference = {(fact.processor_reference, fact.outcome): fact for fact in settled(found)}
    assert sorted(map(brief, by_reference.values()), key=str) == sorted(
        [
            ("SETTLED", "ch_1", None, 85_000, 680, 84_320),
            ("SETTLED", "ch_2", None, 120_000, 800, 119_200),
            ("SETTLED", "ch_3", None, 4_050, 147, 3_903),
            ("REFUNDED", "re_4", "ch_1", 1_000, 0, -1_000),
            ("CHARGEBACK", "du_5", "ch_3", 4_050, 1_500, -5_550),
            ("CHARGEBACK_REVERSED", "du_5", "ch_3", 4_050, 0, 4_050),
        ],
        key=str,
    )
    first = by_reference["ch_1", "SETTLED"]
    assert (first.payment_id, first.payout_id, first.currency) == ("P-1", "po_1", "USD")
    assert rfc3339(first.occurred_at) == "2026-07-02T10:00:00.000000Z"
    assert first.value_date is not None
    assert iso_date(first.value_date) == "2026-07-06"
    assert by_reference["ch_2", "SETTLED"].payment_id is None
    assert by_reference["du_5", "CHARGEBACK_REVERSED"].payout_id is None
    (payout,) = payouts(found)
    assert (payout.payout_id, payout.status, payout.account_id) == ("po_1", "PAID", "chk")
    # Σ lines 84320 + 119200 + 3903 - 1000 - 5550 = 200873, other -200
    assert (payout.amount_minor, payout.other_minor) == (200_723, -200)
    (control,) = found.controls
    assert (control.stated_minor, control.found_minor) == (200_723, 200_673)
    assert [(one.line, one.reason.partition(":")[0]) for one in found.skipped] == [(8, "fee")]
    assert found.not_understood == []


def test_importing_again_or_a_report_that_is_cut_anew_gives_the_same_records() -> None:
    whole = found_in(report(*MONTH))
    again = found_in(report(*reversed(MONTH), columns=tuple(reversed(COLUMNS))))
    assert {fact.event_id: fact for fact in again.facts} == {fact.event_id: fact for fact in whole.facts}
    one_by_one = [fact for one in MONTH for fact in settled(found_in(report(one)))]
    assert {fact.event_id: fact for fact in one_by_one} == {fact.event_id: fact for fact in settled(whole)}
    assert len({fact.event_id for fact in whole.facts}) == len(whole.facts)


def test_the_zone_of_the_report_changes_nothing() -> None:
    in_utc = found_in(report(charge(1, "5.00")))
    local = charge(1, "5.00") | {
        "created": "2026-07-02 06:00:00",
        "automatic_payout_effective_at": "2026-07-05 20:00:00",
    }
    columns = tuple({"created_utc": "created", "automatic_payout_effective_at_utc": "automatic_payout_effective_at"}.get(c, c) for c in COLUMNS)  # fmt: skip # noqa: E501
    assert found_in(report(local, columns=columns), report_zone="America/New_York").facts == in_utc.facts


@pytest.mark.parametrize(
    ("given", "outcome", "reference", "original"),
    [
        (row("t", "charge_failure", "-12.00", source_id="pyr_1", charge_id="py_1"), "RETURNED", "py_1", None),
        (row("t", "refund_failure", "12.00", source_id="re_1", charge_id="ch_1"), "REFUND_REVERSED", "re_1", "ch_1"),
        (row("t", "dispute", "-12.00", "15", source_id="du_1", charge_id="py_1", payment_method_type="us_bank_account"), "RETURNED", "py_1", None),  # noqa: E501
        (row("t", "dispute_reversal", "12.00", source_id="du_1", charge_id="py_1", payment_method_type="us_bank_account"), "RETURN_REVERSED", "py_1", None),  # noqa: E501
        (row("t", "dispute", "-12.00", source_id="du_1", charge_id="py_1", payment_method_type="sepa_debit"), "CHARGEBACK", "du_1", "py_1"),  # noqa: E501
        (row("t", "charge", "12.00", source_id="ch_9"), "SETTLED", "ch_9", None),
    ],
)  # fmt: skip
def test_a_category(given: dict[str, str], outcome: str, reference: str, original: str | None) -> None:
    fact = the(found_in(report(given)))
    assert (fact.outcome, fact.processor_reference, fact.original_reference) == (outcome, reference, original)
    assert fact.gross_minor == 1_200


def test_a_dispute_that_is_lost_won_and_lost_again_is_three_movements() -> None:
    of_dispute = {"source_id": "du_1", "charge_id": "ch_1", "payment_method_type": "card"}
    found = found_in(
        report(
            row("txn_1", "dispute", "-30.00", "15.00", **of_dispute),
            row("txn_2", "dispute_reversal", "30.00", **of_dispute),
            row("txn_3", "dispute", "-30.00", **of_dispute),
        )
    )
    identities = {(fact.processor_reference, fact.outcome, fact.movement_id) for fact in settled(found)}
    assert identities == {("du_1", "CHARGEBACK", "txn_1"), ("du_1", "CHARGEBACK_REVERSED", "txn_2"), ("du_1", "CHARGEBACK", "txn_3")}  # fmt: skip # noqa: E501


@pytest.mark.parametrize("charge_first", [True, False])
def test_a_partial_capture_is_one_settlement(charge_first: bool) -> None:
    part = row("txn_2", "partial_capture_reversal", "-30.00", "-0.50", source_id="re_2", charge_id="ch_1")
    rows = [charge(1, "100.00", "3.00"), part]
    fact = the(found_in(report(*rows if charge_first else reversed(rows))))
    assert brief(fact) == ("SETTLED", "ch_1", None, 7_000, 250, 6_750)
    assert fact.event_id == the(found_in(report(charge(1, "100.00", "3.00")))).event_id


def test_a_partial_capture_without_its_charge_is_not_understood_and_stays_in_the_payout() -> None:
    part = row("txn_2", "partial_capture_reversal", "-30.00", source_id="re_2", charge_id="ch_1")
    found = found_in(report(charge(3, "50.00"), part), payouts_from_lines=True)
    assert [one.line for one in found.not_understood] == [3]
    (payout,) = payouts(found)
    assert (payout.amount_minor, payout.other_minor) == (2_000, -3_000)


def test_the_customers_currency_is_the_payments() -> None:
    given = charge(1, "93.10", "2.10", customer_facing_amount="1085.00", customer_facing_currency="jpy")
    (unclear,) = found_in(report(given | {"customer_facing_amount": "10.5"})).not_understood
    assert "the currency has 0" in unclear.reason
    fact = the(found_in(report(given)))
    assert (fact.gross_minor, fact.currency) == (1_085, "JPY")
    assert (fact.fee_minor, fact.net_minor, fact.settlement_currency) == (210, 9_100, "USD")


@pytest.mark.parametrize(
    ("category", "understood"), [("network_cost", True), ("risk_reserved_funds", True), ("brand_new", False)]
)
def test_what_is_no_payment_is_part_of_the_payout(category: str, understood: bool) -> None:
    found = found_in(report(charge(1, "50.00"), row("txn_2", category, "-1.25")), payouts_from_lines=True)
    (payout,) = payouts(found)
    assert (payout.amount_minor, payout.other_minor) == (4_875, -125)
    assert bool(found.not_understood) is not understood
    assert bool(found.skipped) is understood


def test_a_payout_that_comes_back_failed_and_is_carried_by_the_next() -> None:
    back = row("txn_9", "payout_reversal", "200.00", source_id="po_1", automatic_payout_id="po_2")
    found = found_in(report(charge(1, "50.00", automatic_payout_id="po_2"), back), payouts_from_lines=True)
    failed, paid = sorted(payouts(found), key=lambda payout: payout.payout_id)
    assert (failed.payout_id, failed.status, failed.amount_minor) == ("po_1", "FAILED", 20_000)
    assert (paid.payout_id, paid.status, paid.amount_minor, paid.other_minor) == ("po_2", "PAID", 25_000, 20_000)


@pytest.mark.parametrize(
    ("gross", "fee", "net", "amount", "other"),
    [
        ("-50.00", "0", "-50.00", 5_000, 0),
        ("50.00", "0", "50.00", 5_000, 0),  # as the bank sees it
        ("-49.25", "0.75", "-50.00", 4_925, -75),  # an instant payout's fee
        ("24.00", "0", "50.00", 5_000, 0),  # gross is wrong: net counts
    ],
)
def test_the_amount_of_a_payout(gross: str, fee: str, net: str, amount: int, other: int) -> None:
    found = found_in(report(charge(1, "50.00"), row("txn_2", "payout", gross, fee, net, source_id="po_1")))
    (payout,) = payouts(found)
    assert (payout.amount_minor, payout.other_minor) == (amount, other)
    assert [control.found_minor - control.stated_minor for control in found.controls] == [0]


def test_a_payout_that_is_taken_from_us() -> None:
    refund = row("txn_1", "refund", "-50.00", source_id="re_1", charge_id="ch_1")
    found = found_in(report(refund, row("txn_2", "payout", "50.00", source_id="po_1")))
    assert [payout.amount_minor for payout in payouts(found)] == [-5_000]


def test_of_a_payout_alone_only_what_is_below_zero_is_clear() -> None:
    alone = {"incomplete_payouts": "report"}
    (payout,) = payouts(found_in(report(row("txn_2", "payout", "-50.00", source_id="po_1")), **alone))
    assert payout.amount_minor == 5_000
    unclear = found_in(report(row("txn_2", "payout", "50.00", source_id="po_1")), **alone)
    assert (payouts(unclear), [one.line for one in unclear.not_understood]) == ([], [2])


def test_the_report_of_payouts() -> None:
    columns = (
        "payout_id", "effective_at_utc", "currency", "gross", "fee", "net", "reporting_category",
        "balance_transaction_id", "payout_expected_arrival_date", "payout_status", "payout_reversed_at_utc",
        "trace_id", "trace_id_status",
    )  # fmt: skip
    common = {"effective_at_utc": "2026-07-03 00:00:00", "currency": "usd", "fee": "0", "reporting_category": "payout"}
    rows = [
        common | {"payout_id": f"po_{n}", "gross": "-9.00", "net": "-9.00", "balance_transaction_id": f"txn_{n}",
                  "payout_status": status, "payout_expected_arrival_date": "2026-07-06", "trace_id": "0210",
                  "trace_id_status": "supported", "payout_reversed_at_utc": "2026-07-08 00:00:00"}
        for n, status in enumerate(("paid", "failed", "canceled", "in_transit"))
    ]  # fmt: skip
    found = found_in(report(*rows, columns=columns), incomplete_payouts="report")
    assert [(one.payout_id, one.status, one.amount_minor, one.other_minor) for one in payouts(found)] == [
        ("po_0", "PAID", 900, 0), ("po_1", "FAILED", 900, 0), ("po_2", "CANCELLED", 900, 0),
    ]  # fmt: skip
    assert {iso_date(one.arrival_date) for one in payouts(found)} == {"2026-07-06"}
    assert {one.bank_reference for one in payouts(found)} == {"0210"}
    assert [rfc3339(one.occurred_at)[:10] for one in payouts(found)] == ["2026-07-03", "2026-07-08", "2026-07-08"]
    assert [one.line for one in found.skipped] == [5]
    waiting = found_in(report(*rows, columns=columns))
    assert [one.status for one in payouts(waiting)] == ["FAILED", "CANCELLED"]
    assert [one.line for one in waiting.skipped] == [5, 2]
    assert "waits: the report with its lines" in waiting.notes[0]


def test_a_payout_that_the_file_does_not_state_is_reported_on_request() -> None:
    content = report(*MONTH[:-1])
    assert payouts(found_in(content)) == []
    assert any("po_1" in note and "payouts_from_lines" in note for note in found_in(content).notes)
    (payout,) = payouts(found_in(content, payouts_from_lines=True))
    assert (payout.amount_minor, payout.other_minor) == (200_673, -200)
    assert iso_date(payout.arrival_date) == "2026-07-06"


def test_a_payout_is_not_the_sum_of_its_lines_while_one_of_them_is_not_understood() -> None:
    bad, other = charge(2, "x", net="1"), charge(3, "7.00", automatic_payout_id="po_2")
    found = found_in(report(charge(1, "5.00"), bad, other), payouts_from_lines=True)
    assert [payout.payout_id for payout in payouts(found)] == ["po_2"]
    assert any("po_1: not reported" in note for note in found.notes)
    cut = report(charge(1, "5.00"), other) + b"txn_9,2026-07-02\n"
    assert payouts(found_in(cut, payouts_from_lines=True)) == []


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (charge(1, "12.345"), "gross: '12.345' has 3 decimals"),
        (charge(1, "1e3", net="1"), "gross: '1e3' is not an amount"),
        (charge(1, "12.00", currency="xxq"), "'XXQ' is no currency"),
        (charge(1, "-12.00"), "sign of its opposite"),
        (charge(1, "0"), "without any money"),
        (charge(1, "12.00", created_utc="yesterday"), "is not a time"),
        (charge(1, "12.00", created_utc="1999-01-01 00:00:00"), "in the years 2000 to 9988"),
        (row("", "charge", "1.00", source_id="ch_1"), "balance_transaction_id is empty"),
        (row("t", "refund", "-1.00"), "no charge and no source"),
        (
            row("t", "dispute", "-1.00", source_id="du_1", payment_method_type="us_bank_account"),
            "takes back its charge",
        ),
        (row("t", "payout_reversal", "1.00"), "payout that came back"),
        (charge(1, "12.00", charge_id="c" * 600), "at most 512 bytes"),
    ],
)
def test_a_row_that_is_not_understood(given: dict[str, str], says: str) -> None:
    found = found_in(report(given, charge(77, "1.00")))
    (unclear,) = found.not_understood
    assert unclear.line == 2
    assert says in unclear.reason
    assert report(given).split(b"\n", 1)[1] == unclear.raw
    assert the(found).processor_reference == "ch_77"


def test_a_row_that_is_there_twice() -> None:
    one, other = charge(1, "12.00"), charge(1, "13.00")
    same = found_in(report(one, one))
    assert (len(settled(same)), [line.reason for line in same.skipped]) == (1, ["the same as line 2"])
    unclear = found_in(report(one, other))
    assert [line.line for line in unclear.not_understood] == [3]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "line 1: the file is empty"),
        (b"\n\n", "line 1: the file is empty"),
        (b"<html>busy</html>\n", "no column 'balance_transaction_id'"),
        (report(charge(1, "1.00"), columns=COLUMNS[1:]), "no column 'balance_transaction_id'"),
        (report(charge(1, "1.00"), columns=(*COLUMNS, "net")), "2 columns 'net'"),
        (report(charge(1, "1.00")) + b'"txn_2,\n', "line 3: unexpected end of data"),
        (report(charge(1, "1.00")) + b'"a"b,\n', "line 3: ',' expected after"),
    ],
)
def test_a_broken_file(content: bytes, says: str) -> None:
    with pytest.raises(BrokenFile) as error:
        found_in(content)
    assert says in str(error.value)


def test_a_missing_column_of_the_payment_id_is_an_error() -> None:
    with pytest.raises(BrokenFile, match="no column 'payment_metadata"):
        found_in(report(charge(1, "1.00")), payment_id_column="payment_metadata[other]")


def test_bytes_that_are_not_utf8_spoil_only_what_uses_them() -> None:
    content = report(charge(1, "1.00", description="caf?"), charge(2, "1.00", charge_id="ch_?")).replace(b"?", b"\xe9")
    found = found_in(content)
    assert [fact.processor_reference for fact in settled(found)] == ["ch_1"]
    (unclear,) = found.not_understood
    assert (unclear.line, b"\xe9" in unclear.raw) == (3, True)


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
def test_ends_of_lines_and_a_byte_order_mark(end: str) -> None:
    rows = (charge(1, "1.00"), charge(2, "2.00"))
    content = b"\xef\xbb\xbf" + report(*rows).replace(b"\n", end.encode())
    assert found_in(content).facts == found_in(report(*rows)).facts


def test_a_file_that_may_be_cut_says_so() -> None:
    whole = report(charge(1, "1.00"), charge(2, "2.00"))
    assert any("complete" in note for note in found_in(whole[:-1]).notes)
    cut = found_in(whole[:-40])
    assert [(one.line, "is it cut?" in one.reason) for one in cut.not_understood] == [(3, True)]


def test_mutated_files_end_in_a_clear_error_and_lose_no_line() -> None:
    rng = random.Random(12)
    clean = report(*MONTH)
    refused = broken = 0
    for _ in range(3_000):
        content = bytearray(clean)
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(content))
            match rng.randrange(4):
                case 0:
                    content[at] = rng.randrange(256)
                case 1:
                    del content[at : at + rng.randint(1, 30)]
                case 2:
                    content[at:at] = rng.choice([b"\n", b",", b'"', b"-", b"0", b"\x00", b"\xff", b"99"])
                case _:
                    content[at:at] = content[max(0, at - 60) : at]
            if not content:
                break
        try:
            found = found_in(bytes(content))
        except BrokenFile as error:
            broken += 1
            refused += "line" in str(error)
            continue
        lines = {one.line for one in (*found.skipped, *found.not_understood)}
        rows = list(DelimitedText(bytes(content)).rows())
        of_rows = len([one for one in rows if one.line not in lines])
        assert of_rows == len(found.facts), (bytes(content), found)
    assert 0 < refused == broken < 2_900


def test_the_exponents_of_the_api_are_not_those_of_iso() -> None:
    assert (api_exponent("MGA"), minor_from_api(7, "MGA")) == (0, 700)
    assert (api_exponent("ISK"), minor_from_api(700, "ISK")) == (2, 7)
    assert (minor_from_api(12_340, "KWD"), minor_from_api(1_234, "USD"), minor_from_api(5, "JPY")) == (12_340, 1_234, 5)
    with pytest.raises(ValueError, match="whole"):
        minor_from_api(705, "ISK")

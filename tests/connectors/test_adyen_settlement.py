"""`adyen-settlement`: each type, fees in both modes, zones, batches that are not paid, and rows that are not whole."""

import random
from typing import Any

import pytest

from connectors.model import BrokenFile, Found
from domain.facts import PayoutReported, ProcessorSettled
from domain.time import iso_date, rfc3339
from tests.kit.adyen_report import COLUMNS, LATER, MONTH, PAYOUT, found_in, other, payment, report


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


def test_a_batch_with_everything_usual() -> None:
    found = found_in(report(*MONTH), payment_id_column="Merchant Reference", account_id="chk")
    assert [brief(fact) for fact in settled(found)] == [
        ("SETTLED", "CAP1", "PSP1", 85_000, 680, 84_320),
        ("SETTLED", "CAP2", "PSP2", 30_000, 71, 29_929),
        ("REFUNDED", "REF1", "PSP1", 4_000, 20, -4_020),
        ("CHARGEBACK", "DIS2", "PSP2", 10_000, 300, -10_300),
        ("CHARGEBACK_REVERSED", "DIS2B", "PSP2", 5_200, 11, 5_189),
        ("SETTLED", "PSP3", None, 10, 12, -2),
    ]
    first = settled(found)[0]
    assert (first.payment_id, first.payout_id, first.settlement_currency) == ("P-1", "OurRent-3", None)
    assert rfc3339(first.occurred_at) == "2026-07-02T08:00:00.000000Z"
    assert first.value_date is not None
    assert iso_date(first.value_date) == "2026-07-06"
    assert settled(found)[1].payment_id is None
    (payout,) = payouts(found)
    assert (payout.payout_id, payout.status, payout.amount_minor, payout.other_minor) == (
        "OurRent-3",
        "PAID",
        102_006,
        -3_110,
    )
    assert (payout.account_id, payout.bank_reference, iso_date(payout.arrival_date)) == ("chk", "TX88XT", "2026-07-06")
    assert [(one.stated_minor, one.found_minor) for one in found.controls] == [(102_006, 102_006)]
    assert [(one.line, one.reason.partition(":")[0]) for one in found.skipped] == [(8, "Fee")]
    assert (found.not_understood, found.notes) == ([], [])


def test_without_a_column_the_reference_decides() -> None:
    assert settled(found_in(report(*MONTH)))[0].payment_id is None
    with pytest.raises(BrokenFile, match="no column 'Tenant'"):
        found_in(report(*MONTH), payment_id_column="Tenant")


def test_order_layout_and_encoding_do_not_matter() -> None:
    rows = [{**row, "Company Account": "Häuser GmbH"} for row in MONTH]
    plain = found_in(report(*rows))
    rows_anew = rows[:]
    random.Random(7).shuffle(rows_anew)
    others = [
        report(*rows_anew),
        report(*rows, columns=tuple(reversed(COLUMNS))),
        report(*rows, columns=LATER),
        "\n\n" + report(*rows).replace("\n", "\n\n"),
        report(*rows).replace("\n", "\r\n"),
        "\ufeff" + report(*rows),
        report(*rows).encode("cp1252"),
    ]
    expected = sorted(plain.facts, key=repr)
    for content in others:
        assert sorted(found_in(content).facts, key=repr) == expected


def test_the_total_of_fees_repeats_their_parts() -> None:
    parts = payment(
        "Settled", "P", "C", "10.00", "9.86", Markup="0", Scheme_Fees="0.04", Interchange="0.1", Payment_Fees="0.14"
    )
    assert the(found_in(report(parts, columns=LATER))).fee_minor == 14
    total = payment("Settled", "P", "C", "10.00", "9.86", Payment_Fees="0.14")
    assert the(found_in(report(total, columns=LATER))).fee_minor == 14


def test_parts_finer_than_a_cent_add_up_or_are_left_out() -> None:
    whole = payment("Settled", "P", "C", "10.00", "9.90", Scheme_Fees="0.0425", Interchange="0.0575")
    assert the(found_in(report(whole))).fee_minor == 10
    broken = found_in(report(payment("Settled", "P", "C", "10.00", "9.90", Scheme_Fees="0.0425", Interchange="0.06")))
    assert (the(broken).fee_minor, the(broken).net_minor) == (None, 990)
    assert "no whole amount" in broken.notes[0]


def test_blank_is_not_zero() -> None:
    assert (the(found_in(report(payment("Settled", "P", "C", "10", "10")))).fee_minor) == 0
    assert the(found_in(report(payment("Settled", "P", "C", "10", "9")))).fee_minor is None
    nothing = payment("Settled", "P", "C", "10", "", Commission="10")
    assert the(found_in(report(nothing))).net_minor == 0
    assert the(found_in(report(payment("Settled", "P", "C", "10", "", Commission="1")))).net_minor is None


def test_another_settlement_currency() -> None:
    row = payment(
        "Settled",
        "P",
        "C",
        "10",
        "-0.03",
        Gross_Currency="INR",
        Net_Currency="USD",
        Scheme_Fees="0.04",
        Interchange="0.1",
    )
    fact = the(found_in(report(row)))
    assert (fact.gross_minor, fact.currency) == (1_000, "INR")
    assert (fact.fee_minor, fact.net_minor, fact.settlement_currency) == (14, -3, "USD")


@pytest.mark.parametrize(
    ("currency", "amount", "minor"),
    [("JPY", "500", 500), ("ISK", "500", 500), ("ISK", "500.00", 500), ("CLP", "500", 500), ("IDR", "500", 50_000),
     ("CVE", "5.5", 550), ("KWD", "1.5", 1_500)],
)  # fmt: skip
def test_digits_of_reports_are_isos(currency: str, amount: str, minor: int) -> None:  # Adyen/adyen-commercetools#1085
    row = payment("Settled", "P", "C", amount, amount, Gross_Currency=currency, Net_Currency=currency)
    assert (the(found_in(report(row))).gross_minor, the(found_in(report(row))).net_minor) == (minor, minor)


def test_a_second_chargeback_is_another_one_in_any_order() -> None:  # killbill/killbill-adyen-plugin#99
    rows = [
        payment("Chargeback", "P", "D", "-10", "-10"),
        payment("ChargebackReversed", "P", "D", "10", "10", Creation_Date="2026-07-03 10:00:00"),
        payment("SecondChargeback", "P", "D", "-10", "-10", Creation_Date="2026-07-04 10:00:00"),
    ]
    found = settled(found_in(report(*rows)))
    assert [(fact.outcome, fact.movement_id) for fact in found] == [
        ("CHARGEBACK", None),
        ("CHARGEBACK_REVERSED", None),
        ("CHARGEBACK", "SecondChargeback"),
    ]
    assert len({fact.event_id for fact in found}) == 3
    assert sorted(settled(found_in(report(*reversed(rows)))), key=repr) == sorted(found, key=repr)


def test_money_that_comes_back_comes_in() -> None:  # Adyen/adyen-magento2#3309
    back = the(found_in(report(payment("ChargebackReversed", "P", "D", "52", "51.89"))))
    assert (back.outcome, back.net_minor) == ("CHARGEBACK_REVERSED", 5_189)
    bounced = the(found_in(report(payment("RefundedReversed", "P", "R", "40", "40"))))
    assert (bounced.outcome, bounced.net_minor) == ("REFUND_REVERSED", 4_000)


def test_two_partial_refunds_are_two() -> None:  # anomalyco/opencode#28398
    found = found_in(report(payment("Refunded", "P", "R1", "-5", "-5"), payment("Refunded", "P", "R2", "-5", "-5")))
    assert [fact.processor_reference for fact in settled(found)] == ["R1", "R2"]


def test_chargebacks_of_ach_are_returns() -> None:
    rows = [
        payment(kind, "P", f"D{n}", gross, gross, method="ach")
        for n, (kind, gross) in enumerate(
            [("Chargeback", "-10"), ("ChargebackReversed", "10"), ("SecondChargeback", "-10")]
        )
    ]
    assert [fact.outcome for fact in settled(found_in(report(*rows)))] == ["RETURNED", "RETURN_REVERSED", "RETURNED"]


@pytest.mark.parametrize(
    ("moment", "zone", "instant"),
    [
        ("2026-06-15 21:00:00", "PST", "2026-06-16T05:00:00.000000Z"),
        ("2026-06-15 21:00:00", "PDT", "2026-06-16T04:00:00.000000Z"),
        ("2026-06-15 21:00:00", "CET", "2026-06-15T19:00:00.000000Z"),  # a place, with summer time
        ("2026-01-15 21:00:00", "CET", "2026-01-15T20:00:00.000000Z"),
        ("2026-06-15 21:00", "BST", "2026-06-15T20:00:00.000000Z"),
        ("2026-06-15T21:00:00", "America/New_York", "2026-06-16T01:00:00.000000Z"),
        ("2026-06-15 21:00:00", "XXT", "2026-06-15T11:00:00.000000Z"),
    ],
)
def test_zones(moment: str, zone: str, instant: str) -> None:
    row = payment("Settled", "P", "C", "1", "1", Creation_Date=moment, TimeZone=zone)
    assert rfc3339(the(found_in(report(row), zones={"XXT": "Australia/Brisbane"})).occurred_at) == instant


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(BrokenFile, match="zones"):
        found_in(report(payment("Settled", "P", "C", "1", "1", TimeZone="XXT")))


def test_the_day_of_the_payout_is_as_written() -> None:  # OCA/bank-statement-import#859
    late = other("MerchantPayout", "-1", "TX1XT", Creation_Date="2026-07-06 23:59:59", TimeZone="PST")
    (payout,) = payouts(found_in(report(payment("Settled", "P", "C", "1", "1"), late)))
    assert iso_date(payout.arrival_date) == "2026-07-06"


def test_a_payout_that_does_not_add_up_shows() -> None:  # vippsas/vipps-developers#87
    found = found_in(
        report(
            payment("Chargeback", "P", "D", "-1.00", "-3.00", Commission="2"),
            other("Fee", "-1.8"),
            other("MerchantPayout", "-4.03", "TX1XT"),
        )
    )
    assert [(one.stated_minor, one.found_minor) for one in found.controls] == [(403, -480)]
    assert payouts(found)[0].other_minor == -180


def test_a_batch_that_is_carried_over_is_no_payout() -> None:
    rows = [
        other("Balancetransfer", "454331.99", "Balancetransfer"),
        payment("Settled", "P", "C", "10", "10"),
        other("Fee", "-0.09", "Transaction Fees"),
        other("Balancetransfer", "-454341.90", "Balancetransfer"),
    ]
    text = report(*rows)
    short = text.splitlines()
    short[3] = ",".join(short[3].split(",")[:15])  # a row of a fee ends after its amount
    for content in (text, "\n".join(short) + "\n"):
        found = found_in(content)
        assert the(found).payout_id is None
        assert payouts(found) == []
        assert [(one.stated_minor, one.found_minor) for one in found.controls] == [(0, 0)]
        assert len(found.skipped) == 3


def test_a_balance_that_comes_from_the_batch_before_is_in_the_payout() -> None:
    found = found_in(
        report(
            other("Balancetransfer", "5", "B"),
            payment("Settled", "P", "C", "10", "10"),
            other("MerchantPayout", "-15", "TX1XT"),
        )
    )
    assert (payouts(found)[0].amount_minor, payouts(found)[0].other_minor) == (1_500, 500)


def test_what_is_taken_from_us_is_a_payout_below_zero() -> None:
    found = found_in(report(payment("Refunded", "P", "R", "-10", "-10"), other("MerchantPayout", "10", "TX1XT")))
    assert payouts(found)[0].amount_minor == -1_000


def test_batches_and_currencies_apart() -> None:
    rows = [
        payment("Settled", f"P{n}", f"C{n}", "1", "1", Batch_Number=batch, Net_Currency=currency)
        for n, (batch, currency) in enumerate([("3", "EUR"), ("4", "EUR"), ("4", "USD")])
    ]
    assert [fact.payout_id for fact in settled(found_in(report(*rows)))] == [
        "OurRent-3",
        "OurRent-4-EUR",
        "OurRent-4-USD",
    ]


def test_the_same_row_again_counts_once() -> None:
    found = found_in(report(*MONTH, MONTH[0], PAYOUT))
    assert found.facts == found_in(report(*MONTH)).facts
    assert [one.reason for one in found.skipped[-2:]] == ["the same as line 2", "the same as line 9"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (payment("Settled", "4.55557E+15", "C", "1", "1"), "a spreadsheet has rounded it"),
        (payment("Settled", "P", "1.2302025304E+022", "1", "1"), "a spreadsheet has rounded it"),
        (payment("Settled", "P", "C", "-1", "-1"), "the sign of its opposite"),
        (payment("Refunded", "P", "C", "1", "1"), "the sign of its opposite"),
        (payment("Settled", "", "C", "1", "1"), "without a Psp Reference"),
        (payment("Settled", "P", "C", "1.234,50", "1"), "is not an amount"),
        (payment("Settled", "P", "C", "1.005", "1"), "3 decimals"),
        (payment("Settled", "P", "C", "1", "1", Gross_Currency="XYZ"), "'XYZ' is no currency"),
        (payment("Settled", "P", "C", "1", "1", Creation_Date="07/02/2026"), "Creation Date is '07/02/2026'"),
        (payment("Settled", "P", "C", "1", "1", Creation_Date="2026-13-02 10:00:00"), "month must be in 1..12"),
        (payment("Settled", "P", "C", "1", "1", Merchant_Account=""), "no merchant account"),
        (other("Mystery", "-1"), "the type 'Mystery' is unknown"),
        (other("Fee", ""), "a Fee without an amount"),
        (other("MerchantPayout", "-1", Creation_Date="soon"), "Creation Date is 'soon'"),
    ],
)  # fmt: skip
def test_rows_that_are_not_understood_keep_their_bytes(row: dict[str, str], reason: str) -> None:
    good = payment("Settled", "GOOD", "GOOD", "1", "1")
    text = report(good, row)
    found = found_in(text)
    assert [fact.processor_reference for fact in settled(found)] == ["GOOD"]
    (one,) = found.not_understood
    assert reason in one.reason
    assert (one.line, one.raw.decode().strip()) == (3, text.splitlines()[2])


def test_an_unknown_type_is_part_of_the_payout() -> None:
    found = found_in(
        report(payment("Settled", "P", "C", "10", "10"), other("Mystery", "-1"), other("MerchantPayout", "-9", "TX1XT"))
    )
    assert payouts(found)[0].other_minor == -100
    assert [(one.stated_minor, one.found_minor) for one in found.controls] == [(900, 900)]


def test_two_movements_of_one_reference_are_not_guessed() -> None:
    found = found_in(report(payment("Refunded", "P", "R", "-5", "-5"), payment("Refunded", "P", "R", "-6", "-6")))
    assert found.facts == []
    assert [one.line for one in found.not_understood] == [2, 3]


def test_a_row_that_is_cut_is_not_understood() -> None:
    text = report(*MONTH[:2])
    found = found_in(text[:-20])
    assert len(settled(found)) == 1
    assert "cut" in found.not_understood[0].reason
    assert "no end of line" in found.notes[0] + found.notes[-1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "line 1: the file is empty"),
        ("a,b\n1,2\n", "line 1: there are no column names"),
        ("Psp Reference,Type\n1,Settled\n", "there is no column 'Merchant Account'"),
        (report(MONTH[0]).replace("visa", 'vi"sa').replace(",OurRent", ',"OurRent'), "line 2"),
    ],
)
def test_broken_files_say_where(content: str, message: str) -> None:
    with pytest.raises(BrokenFile) as caught:
        found_in(content)
    assert message in str(caught.value)

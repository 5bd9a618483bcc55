"""`bai2`: continuations, group status, type codes, funds types, lost line ends."""

from datetime import date
from typing import Any

import pytest

from connectors.model import BrokenFile, Found
from domain.facts import BankEntryBooked
from domain.time import EPOCH_ORDINAL
from tests.kit.statements import Booked, bai2, found_in

DAY = date(2026, 7, 1)


def read(*records: str, status: str = "1", modifier: str = "2", account: str = "03,123,,/", **options: object) -> Found:
    """An account of records, without totals."""
    lines = [
        "01,121000358,1,260702,0700,1,,,2/", f"02,1,121000358,{status},260701,2359,,{modifier}/", account, *records,
        "49,,/", "98,,,/", "99,,,",
    ]  # fmt: skip
    return found_in("bai2", "\n".join(lines).encode(), **options)


def brief(found: Found) -> list[tuple[Any, ...]]:
    return [(fact.amount_minor, fact.reference, fact.text) for fact in found.facts if isinstance(fact, BankEntryBooked)]


def test_an_account_that_is_continued_in_mid_group() -> None:  # ministryofjustice/bai2#50
    found = read("88,500000,,,110,1000000,,,015,500000/", "16,165,1000,Z,,,A/", account="03,123,USD,010,-500000,,,190/")
    assert brief(found) == [(1_000, None, "A")]
    balance = next(one for one in found.controls if one.name.endswith("closing balance"))
    assert (balance.stated_minor, balance.found_minor) == (500_000, -499_000)


def test_a_text_goes_on_and_may_hold_commas_and_slashes() -> None:
    found = read("16,165,1000,,172629,", "88,SOME PAYMENT, A/B", "88,OFFSET/")
    assert brief(found) == [(1_000, "172629", "SOME PAYMENT, A/B OFFSET")]
    assert brief(read("16,165,1000,,172629,CUST,RENT 1/2, JULY/")) == [(1_000, "172629", "RENT 1/2, JULY")]


def test_where_a_text_is_wrapped_does_not_matter() -> None:
    one = read("16,165,1000,,,,RENT OF JULY FLAT 3")
    two = read("16,165,1000,,,,RENT OF", "88,JULY", "88,FLAT 3/")
    assert one.facts == two.facts


@pytest.mark.parametrize(
    ("record", "amount", "value_date", "reference"),
    [
        ("16,165,1000,Z,B,C,T/", 1_000, None, "B"),
        ("16,165,1000,0,B,C,T/", 1_000, None, "B"),
        ("16,165,1000,,B,C,T/", 1_000, None, "B"),
        ("16,165,1000,S,500,300,200,B,C,T/", 1_000, None, "B"),
        ("16,165,1000,V,260703,,B,C,T/", 1_000, date(2026, 7, 3), "B"),
        ("16,165,1000,V,260703,0900,B,C,T/", 1_000, date(2026, 7, 3), "B"),
        ("16,165,1000,D,3,0,500,1,300,2,200,B,C,T/", 1_000, None, "B"),
        ("16,165,1000,Z,,C,T/", 1_000, None, "C"),
        ("16,165,1000,Z,0000,C,T/", 1_000, None, "C"),
    ],
)
def test_funds_types_and_references(record: str, amount: int, value_date: date | None, reference: str) -> None:
    (fact,) = read(record).facts
    assert isinstance(fact, BankEntryBooked)
    assert (fact.amount_minor, fact.reference, fact.text) == (amount, reference, "T")
    assert fact.value_date == (None if value_date is None else value_date.toordinal() - EPOCH_ORDINAL)


@pytest.mark.parametrize(
    ("code", "sign"),
    [("142", 1), ("195", 1), ("399", 1), ("451", -1), ("557", -1), ("699", -1), ("920", 1), ("959", 1), ("960", -1)],
)
def test_the_type_gives_the_sign(code: str, sign: int) -> None:
    assert brief(read(f"16,{code},1000,Z,,,/")) == [(sign * 1_000, None, None)]


def test_types_of_one_bank() -> None:
    found = read("16,790,1000,Z,,,/", "16,920,500,Z,,,/", credit_codes=["790"], debit_codes=["920"])
    assert [each[0] for each in brief(found)] == [1_000, -500]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ("16,890,,,,,NO MONEY/", "type 890 is not about money"),
        ("16,100,1000,Z,,,/", "type 100 is a total, not an entry"),
        ("16,721,1000,Z,,,/", "type 721 details a loan"),
        ("16,910,1000,Z,,,/", "type 910 is not about money"),
        ("16,165,0,Z,,,/", "an entry of nothing"),
    ],
)
def test_what_is_no_entry(record: str, reason: str) -> None:
    found = read(record)
    assert found.facts == []
    assert [(one.line, one.reason) for one in found.skipped] == [(4, reason)]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ("16,165,-1000,Z,,,/", "the amount is '-1000'"),
        ("16,165,10.00,Z,,,/", "the amount is '10.00'"),
        ("16,16,1000,Z,,,/", "'16' is no type code"),
        ("16,165,1000,Q,,,/", "'Q' is no funds type"),
        ("16,165,1000,V,260230,,,,/", "the value date is '260230'"),
        ("16,165,1000,D,x,,,,/", "funds type D with 'x'"),
        ("16,165,²,Z,,,/", "the amount is '²'"),
        ("16,165,99999999999999,Z,,,/", "at most"),
    ],
)
def test_what_is_not_understood_keeps_its_bytes(record: str, reason: str) -> None:
    found = read(record, "88,MORE", "16,165,5,Z,,,/")
    assert [each[0] for each in brief(found)] == [5]
    (one,) = found.not_understood
    assert one.line == 4
    assert reason in one.reason
    assert one.raw == f"{record}\n88,MORE".encode()


def test_group_status() -> None:
    record = "16,165,1000,Z,,,/"
    assert len(read(record, status="1").facts) == 1
    corrected = read(record, status="3")
    assert corrected.facts == read(record, status="1").facts
    assert "corrects" in corrected.notes[0]
    deleted = read(record, status="2")
    assert deleted.facts == []
    assert "deletes" in deleted.not_understood[0].reason
    assert read(record, status="4").skipped[0].reason == "the group is a test"
    with pytest.raises(BrokenFile, match="line 2: the group status is '9'"):
        read(record, status="9")


def test_groups_of_the_same_day_wait_for_the_next() -> None:
    record = "16,165,1000,Z,,,/"
    for modifier in ("", "1", "2"):
        assert len(read(record, modifier=modifier).facts) == 1
    for modifier in ("3", "4"):
        found = read(record, modifier=modifier)
        assert found.facts == []
        assert "same day" in found.skipped[0].reason
        assert len(read(record, modifier=modifier, same_day=True).facts) == 1


def test_the_currency_is_the_accounts_or_the_groups_or_dollars() -> None:
    record = "16,165,1000,Z,,,/"
    assert [fact.currency for fact in read(record).facts if isinstance(fact, BankEntryBooked)] == ["USD"]
    (yen,) = read(record, account="03,123,JPY,010,0,,/").facts
    assert isinstance(yen, BankEntryBooked)
    assert (yen.amount_minor, yen.currency) == (1_000, "JPY")  # whole minor units already
    with pytest.raises(BrokenFile, match="line 3: 'XYZ' is no currency"):
        read(record, account="03,123,XYZ,010,0,,/")


def test_totals_that_do_not_agree_are_shown() -> None:
    text = bai2([Booked(DAY, 100, "A"), Booked(DAY, -30, "B")])
    found = found_in("bai2", text.replace("98,200,1,6/", "98,999,1,7/").encode())
    assert len(found.facts) == 2
    wrong = [
        (one.name, one.stated_minor, one.found_minor) for one in found.controls if one.stated_minor != one.found_minor
    ]
    assert wrong == [
        ("group of 2026-07-01 in line 2: control total", 999, 200),
        ("group of 2026-07-01 in line 2: records", 7, 6),
        ("file: control total", 200, 999),
    ]


def test_lost_line_ends_are_put_back_if_the_counts_agree() -> None:
    text = bai2(
        [Booked(DAY, 100, "A", "TRANSFER PPD/"), Booked(DAY, 250, "B", "ACH SETTLEMENT/"), Booked(DAY, 30, "C", "X/")]
    )
    plain = found_in("bai2", text.encode())
    lines = text.splitlines()
    joined = [lines[0] + "   " + lines[1], lines[2], lines[3] + " " + lines[4], *lines[5:]]
    found = found_in("bai2", "\n".join(joined).encode())
    assert found.facts == plain.facts
    assert "divided" in found.notes[-1]
    split = "\n".join(lines).replace("ACH SETTLEMENT", "ACH\nSETTLEMENT")
    assert found_in("bai2", split.encode()).facts == plain.facts
    lost = [*joined[:3], *joined[4:]]  # the record with C is lost as well
    with pytest.raises(BrokenFile, match="line ends are lost"):
        found_in("bai2", "\n".join(lost).encode())


def test_what_looks_like_a_record_in_a_text_is_text() -> None:
    text = bai2([Booked(DAY, 100, "A", "RENT/ 16,165,5 FLATS"), Booked(DAY, 250, "B", "X/")])
    found = found_in("bai2", text.encode())
    assert [each[2] for each in brief(found)] == ["RENT/ 16,165,5 FLATS", "X"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["02,1,2,1,260701,,,2/"], "line 1: the file begins with 02"),
        (["01,1,2,260702,0700,1,,,2/", "03,1,,/"], "line 2: an account 03"),
        (["01,1,2,260702,0700,1,,,2/", "02,1,2,1,261301,,,2/"], "line 2: the as-of date is '261301'"),
        (["01,1,2,260702,0700,1,,,2/", "16,165,1,,,,/"], "line 2: an entry 16"),
        (["01,1,2,260702,0700,1,,,2/", "02,1,2,1,260701,,,2/", "03,,,/"], "line 3: the account has no number"),
        (["01,1,2,260702,0700,1,,,2/", "02,1,2,1,260701,,,2/", "03,1,,010,1,,,x1/"], "line 3: 'x1' of account 1"),
        (["01,1,2,260702,0700,1,,,2/", "02,1,2,1,260701,,,2/", "03,1,,010,1x,,/"], "line 3: 010 of account 1 is '1x'"),
        (["88,1/"], "line 1: a continuation"),
        (["01,1,2,260702,0700,1,,,2/", "99,x,0,2/"], "line 2: file: control total is 'x'"),
        (["01,1,2,260702,0700,1,,,2/"], "the file ends without its trailer 99"),
    ],
)
def test_broken_files_say_where(lines: list[str], message: str) -> None:
    with pytest.raises(BrokenFile) as caught:
        found_in("bai2", "\n".join(lines).encode())
    assert message in str(caught.value)

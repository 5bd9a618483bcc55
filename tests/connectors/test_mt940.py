"""`mt940`: marks, dates at the turn of a year, amounts, texts, envelopes."""

from datetime import date
from typing import Any

import pytest

from connectors.model import BrokenFile, Found
from domain.facts import BankEntryBooked
from domain.time import EPOCH_ORDINAL
from tests.kit.statements import found_in


def read(
    *fields: str, opening: str = "C260630EUR1000,00", closing: str = "C260701EUR1000,00", **options: object
) -> Found:
    lines = [":20:STARTUMS", ":25:10020030/1234567", ":28C:1/1", f":60F:{opening}", *fields, f":62F:{closing}", "-"]
    return found_in("mt940", "\n".join(lines).encode(), **options)


def entry(found: Found) -> BankEntryBooked:
    (fact,) = found.facts
    assert isinstance(fact, BankEntryBooked)
    return fact


def day(text: str) -> int:
    return date.fromisoformat(text).toordinal() - EPOCH_ORDINAL


@pytest.mark.parametrize(
    ("mark", "amount"),
    [
        ("C", 1_250), ("D", -1_250), ("RC", -1_250), ("RD", 1_250),
        ("CR", 1_250), ("DR", -1_250), ("RCR", -1_250), ("RDR", 1_250),  # R is the currency's third letter, EUR
        ("DD", -1_250), ("CD", 1_250),
    ],
)  # fmt: skip
def test_marks(mark: str, amount: int) -> None:
    assert entry(read(f":61:2607010701{mark}12,50NTRFNONREF")).amount_minor == amount
    assert entry(read(f":61:260701{mark}12,50NTRFNONREF")).amount_minor == amount  # without an entry date
    assert entry(read(f":61:260701    {mark}12,50NTRFNONREF")).amount_minor == amount  # with blanks for it


def test_reversals_of_reversals_add_up() -> None:
    found = read(
        ":61:2607010701C12,50NTRFA//1", ":61:2607010701RC12,50NTRFA//2", ":61:2607010701C12,50NTRFA//3",
        ":61:2607010701RC12,50NTRFA//4",
    )  # fmt: skip
    assert [(one.stated_minor, one.found_minor) for one in found.controls] == [(100_000, 100_000)]


@pytest.mark.parametrize(
    ("value", "entered", "booked"),
    [  # wolph/mt940#17, #121
        ("261231", "0102", "2027-01-02"),
        ("270102", "1231", "2026-12-31"),
        ("260701", "0701", "2026-07-01"),
        ("260630", "0701", "2026-07-01"),
        ("240228", "0229", "2024-02-29"),
        ("280301", "0229", "2028-02-29"),
    ],
)
def test_the_year_of_an_entry_date_is_the_nearest(value: str, entered: str, booked: str) -> None:
    fact = entry(read(f":61:{value}{entered}C1,NTRFNONREF"))
    assert fact.booking_date == day(booked)
    assert fact.value_date == day(f"20{value[:2]}-{value[2:4]}-{value[4:]}")


def test_a_value_date_that_is_no_day_is_left_out() -> None:
    found = read(":61:2602300301DR6,00N024NONREF")
    assert (entry(found).booking_date, entry(found).value_date) == (day("2026-03-01"), None)
    assert "260230 is no day" in found.notes[0]
    found = read(":61:260230DR6,00N024NONREF")
    assert found.facts == []
    assert "no entry date" in found.not_understood[0].reason


@pytest.mark.parametrize(
    ("amount", "minor"),
    [("1,", 100), ("1,5", 150), ("0,01", 1), ("1234567,89", 123_456_789), ("001,50", 150), ("500", 50_000)],
)
def test_amounts(amount: str, minor: int) -> None:
    assert entry(read(f":61:2607010701C{amount}NTRFNONREF")).amount_minor == minor


@pytest.mark.parametrize("amount", ["1.234,56", "1234.56", "1,234", ",50", "-1,00", "1,2,3"])
def test_amounts_that_are_not_understood(amount: str) -> None:
    found = read(f":61:2607010701C{amount}NTRFNONREF", ":86:TEXT")
    assert found.facts == []
    (one,) = found.not_understood
    assert one.raw == f":61:2607010701C{amount}NTRFNONREF\n:86:TEXT".encode()
    assert one.line == 5


def test_yen_have_no_decimals() -> None:
    fact = entry(read(":61:2607010701C500,NTRFNONREF", opening="C260630JPY1000,", closing="C260701JPY1500,"))
    assert (fact.amount_minor, fact.currency) == (500, "JPY")


def brief(found: Found) -> tuple[Any, ...]:
    fact = entry(found)
    return fact.reference, fact.text


@pytest.mark.parametrize(
    ("fields", "reference", "text"),
    [
        ([":61:2607010701C1,00NTRFNONREF"], None, None),
        ([":61:2607010701C1,00NTRFKREF+//BANK1"], "KREF+", None),
        ([":61:2607010701C1,00NTRFNONREF//BANK1"], "BANK1", None),
        ([":61:2607010701C1,00NTRFNONREF", ":86:RENT", ":86:JULY", ":86:2026"], None, "RENT JULY 2026"),
        ([":61:2607010701C1,00NTRFCUST/1//BANK1", "SUPPLEMENT"], "CUST/1", "SUPPLEMENT"),
        ([":61:2607010701C1,00NTRFNONREF", ":86:/NAME/STRIPE", "/REMI/PO1"], None, "/NAME/STRIPE /REMI/PO1"),
        (
            [":61:2607010701C1,00NTRFNONREF", ":86:166?00CREDIT?109301?20EREF+PO-1?212?32STRIPE PAY", "MENTS?33 INC"],
            None,
            "STRIPE PAYMENTS INC EREF+PO-12 166 CREDIT 9301",
        ),
    ],
)  # fmt: skip
def test_references_and_texts(fields: list[str], reference: str | None, text: str | None) -> None:
    assert brief(read(*fields)) == (reference, text)


def test_the_text_after_the_closing_balance_is_about_the_statement() -> None:
    content = (
        ":20:X\n:25:1\n:28C:1\n:60F:C260630EUR0,\n:61:260701C1,00NTRFNONREF\n:62F:C260701EUR1,\n:86:OUR NEW HOURS\n-"
    )
    assert entry(found_in("mt940", content.encode())).text is None


def test_many_messages_with_envelopes() -> None:
    one = ":20:X\r\n:25:1\r\n:28C:{n}/1\r\n:60F:C260630EUR{n},\r\n:61:260701C1,00NTRFNONREF\r\n:62F:C260701EUR{m},\r\n"
    messages = [one.replace("{n}", str(n)).replace("{m}", str(n + 1)) for n in (1, 2, 3)]
    swift = "".join("{1:F01BANKDEFFXXXX0000000000}{2:I940X}{4:\r\n" + message + "-}\r\n" for message in messages)
    found = found_in("mt940", swift.encode())
    assert len(found.facts) == 3
    assert all(each.stated_minor == each.found_minor for each in found.controls)
    same = [
        "\r\n".join(["ABNANL2A", "940", "ABNANL2A", messages[0]]) + "-\r\n" + messages[1] + messages[2],
        swift.replace("{4:\r\n", "{4:"),
        "\r\n\r\n" + "-\r\n".join(messages),
    ]
    for content in same:
        assert [each.event_id for each in found_in("mt940", content.encode()).facts] == [
            each.event_id for each in found.facts
        ]


def test_a_dash_before_the_closing_balance_is_text() -> None:
    fact = entry(read(":61:2607010701C1,00NTRFNONREF", ":86:RENT", "-", "JULY"))
    assert fact.text == "RENT - JULY"


def test_a_message_with_an_end_may_lack_its_closing_balance() -> None:
    content = "{4:\n:20:X\n:25:1\n:28C:1\n:60F:C260630EUR0,\n:61:260701C1,00NTRFNONREF\n-}{5:}\n"
    found = found_in("mt940", content.encode())
    assert (entry(found).amount_minor, found.controls) == (100, [])
    assert "without a closing balance" in found.notes[0]


def test_pages_of_a_statement() -> None:
    first = ":20:X\n:25:1\n:28C:5/1\n:60F:C260630EUR10,\n:61:260701C1,00NTRFNONREF//A\n:62M:C260701EUR11,\n-\n"
    second = ":20:X\n:25:1\n:28C:5/2\n:60M:C260701EUR11,\n:61:260701D4,00NTRFNONREF//B\n:62F:C260701EUR7,\n-\n"
    found = found_in("mt940", (first + second).encode())
    assert len(found.facts) == 2
    assert [(each.stated_minor, each.found_minor) for each in found.controls] == [(1_100, 1_100), (700, 700)]
    assert len(found.notes) == 2


def test_an_mt942_is_skipped() -> None:
    head = ":20:X\n:25:1\n:28C:1\n:34F:EURD0,\n:13D:2607011200+0200\n"
    content = f"{head}:61:260701C1,00NTRFNONREF\n:86:T\n:90D:0EUR0,\n:90C:1EUR1,\n-"
    found = found_in("mt940", content.encode())
    assert found.facts == []
    assert [each.line for each in found.skipped] == [6]


@pytest.mark.parametrize("mark", ["EC", "ED"])
def test_what_is_expected_is_not_booked(mark: str) -> None:
    found = read(f":61:2607010701{mark}1,00NTRFNONREF")
    assert (found.facts, len(found.skipped)) == ([], 1)


def test_an_unknown_field_is_not_understood() -> None:
    found = read(":61:2607010701C1,00NTRFNONREF", ":67:2607010701C1,00NTRFNONREF")
    assert len(found.facts) == 1
    assert [each.line for each in found.not_understood] == [6]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (":25:1\n:60F:C260630EUR0,\n", "line 1: :25: before the :20:"),
        (":20:X\n:60F:C260630EUR0,\n:62F:C260630EUR0,\n", "no field :25: or :25P:"),
        (":20:X\n:25:1\n:60F:C260630EUR0,\n", "no field :62F: or :62M:"),
        (":20:X\n:25:\n:60F:C260630EUR0,\n:62F:C260630EUR0,\n", "line 2: the account :25: is empty"),
        (":20:X\n:25:1\n:60F:C260630EUR0.00\n:62F:C260630EUR0,\n", "line 3: :60F: is 'C260630EUR0.00'"),
        (":20:X\n:25:1\n:60F:C260631EUR0,\n:62F:C260630EUR0,\n", "line 3: :60F: 260631 is no day"),
        (":20:X\n:25:1\n:60F:C260630XXX0,\n:62F:C260630XXX0,\n", "line 3: :60F:"),
        (":20:X\n:25:1\n:60F:C260630EUR0,\n:62F:C260630USD0,\n", "line 4: the statement opens in EUR"),
        (
            ":20:X\n:25:1\n:60F:C260630EUR0,\nx61:260701C1,00NTRFNONREF\n:62F:C260630EUR0,\n",
            "line 4: it begins with no tag",
        ),
        ("Statement of July\n", "line 1: there is no :20:"),
    ],
)
def test_broken_files_say_where(content: str, message: str) -> None:
    with pytest.raises(BrokenFile) as caught:
        found_in("mt940", content.encode())
    assert message in str(caught.value)

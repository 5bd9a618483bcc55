"""What holds for every format of bank statements: the same money, ids that follow from content, options."""

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.model import BrokenFile, Found
from domain.facts import BankEntryBooked
from domain.time import EPOCH_ORDINAL, rfc3339
from tests.kit.examples import examples
from tests.kit.statements import ACCOUNT, RENDERED, Booked, found_in

FORMATS = sorted(RENDERED)

DAYS = [date(2026, 7, day) for day in (1, 2, 3)]
ENTRIES = st.lists(
    st.builds(
        Booked,
        day=st.sampled_from(DAYS),
        amount=st.sampled_from([-100, 100, 250, 85_000]),
        reference=st.sampled_from(["", "REF1", "REF2"]),
        text=st.sampled_from(["", "STRIPE TRANSFER PO1", "MIETE JULI", "Möller Straße"]),
    ),
    min_size=1,
    max_size=12,
)


def booked(found: Found) -> list[BankEntryBooked]:
    assert found.not_understood == []
    return [fact for fact in found.facts if isinstance(fact, BankEntryBooked)]


def content_of(found: Found) -> list[tuple[object, ...]]:
    return sorted(
        (each.event_id, each.entry_id, each.amount_minor, each.booking_date, each.text) for each in booked(found)
    )


@pytest.mark.parametrize("name", FORMATS)
@examples(40)
@given(entries=ENTRIES, data=st.data())
def test_ids_do_not_depend_on_cut_order_or_encoding(name: str, entries: list[Booked], data: st.DataObject) -> None:
    render = RENDERED[name]
    plain = found_in(name, render(entries).encode())
    assert all(one.stated_minor == one.found_minor for one in plain.controls)
    assert len({each.entry_id for each in booked(plain)}) == len(entries)
    assert sum(each.amount_minor for each in booked(plain)) == sum(each.amount for each in entries)
    expected = content_of(plain)

    shuffled = data.draw(st.permutations(entries))
    assert content_of(found_in(name, render(shuffled).encode())) == expected

    cut = [
        found_in(name, render([each for each in entries if each.day == day]).encode())
        for day in DAYS
        if any(each.day == day for each in entries)
    ]
    assert sorted(one for part in cut for one in content_of(part)) == expected

    text = render(entries)
    other = text.replace("\n", "\r\n").replace("UTF-8", "ISO-8859-1").encode("latin-1")
    assert content_of(found_in(name, other)) == expected
    assert content_of(found_in(name, b"\xef\xbb\xbf" + text.encode())) == expected
    wide = text.replace("UTF-8", "UTF-16").encode("utf-16")
    assert content_of(found_in(name, wide)) == expected


@pytest.mark.parametrize("name", FORMATS)
def test_equal_entries_are_as_many_as_they_are(name: str) -> None:  # securo-finance/securo#911, actualbudget/actual#608
    same = Booked(DAYS[0], 100, "FITID1", "COFFEE")
    found = found_in(name, RENDERED[name]([same, same, Booked(DAYS[0], 200, "FITID1", "COFFEE")]).encode())
    assert sorted(each.amount_minor for each in booked(found)) == [100, 100, 200]
    assert len({each.event_id for each in found.facts}) == 3


@pytest.mark.parametrize("name", FORMATS)
def test_a_statement_that_is_in_the_file_twice_counts_once(name: str) -> None:
    entries = [Booked(DAYS[0], 100, "R1"), Booked(DAYS[0], 100, "R1")]
    text = RENDERED[name](entries)
    if name == "camt053":
        statement = re.search("<Stmt>.*</Stmt>", text, re.DOTALL)
        assert statement is not None
        doubled = text.replace(statement[0], statement[0] * 2)
    else:
        doubled = text * 2
    found = found_in(name, doubled.encode())
    assert content_of(found) == content_of(found_in(name, text.encode()))
    assert len(found.skipped) == 2


@pytest.mark.parametrize("name", FORMATS)
def test_the_record(name: str) -> None:
    (fact,) = booked(found_in(name, RENDERED[name]([Booked(DAYS[0], -4_250, "REF1", "STRIPE  TRANSFER")]).encode()))
    assert (fact.account_id, fact.amount_minor, fact.currency) == (ACCOUNT, -4_250, "EUR")
    assert fact.booking_date == DAYS[0].toordinal() - EPOCH_ORDINAL
    assert (fact.reference, fact.text) == ("REF1", "STRIPE TRANSFER")
    assert (fact.processor, fact.payout_id) == (None, None)
    assert rfc3339(fact.occurred_at) == "2026-06-30T22:00:00.000000Z"  # the start of the day in Brussels


@pytest.mark.parametrize("name", FORMATS)
def test_entries_name_a_payout_by_pattern(name: str) -> None:
    text = RENDERED[name](
        [Booked(DAYS[0], 100, "R", "ADYEN TX88XT batch 3, OurRent"), Booked(DAYS[0], 200, "Q", "OTHER")]
    )
    pattern = {"processor": "adyen", "pattern": r"batch (\d+), (\w+)", "payout_id": r"\2-\1"}
    found = found_in(name, text.encode(), payouts=[pattern], reference_pattern=r"(TX\w+XT)")
    by_amount = {each.amount_minor: each for each in booked(found)}
    assert (by_amount[100].processor, by_amount[100].payout_id, by_amount[100].reference) == (
        "adyen",
        "OurRent-3",
        "TX88XT",
    )
    assert (by_amount[200].processor, by_amount[200].payout_id, by_amount[200].reference) == (None, None, "Q")


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    "options",
    [
        {"payouts": [{"processor": "adyen", "pattern": "("}]},
        {"payouts": [{"processor": "adyen", "pattern": "O", "payout_id": r"\7"}]},
        {"reference_pattern": "no group"},
    ],
)
def test_patterns_that_cannot_be_used(name: str, options: dict[str, object]) -> None:
    text = RENDERED[name]([Booked(DAYS[0], 100, "R", "OTHER")])
    with pytest.raises(BrokenFile, match=r"payouts|reference_pattern"):
        found_in(name, text.encode(), **options)


@pytest.mark.parametrize("name", FORMATS)
def test_accounts_have_the_ids_of_the_options(name: str) -> None:
    render = RENDERED[name]
    one = render([Booked(DAYS[0], 100, "R")])
    assert booked(found_in(name, one.encode(), account_id="chk"))[0].account_id == "chk"
    if name == "camt053":
        two = one.replace(
            "</BkToCstmrStmt>",
            re.search("<Stmt>.*</Stmt>", one, re.DOTALL)[0].replace(ACCOUNT, "NL91ABNA0417164300") + "</BkToCstmrStmt>",
        )  # type: ignore[index]
    else:
        two = one + render([Booked(DAYS[0], 100, "R")], account="NL91ABNA0417164300")
    with pytest.raises(BrokenFile, match="use accounts"):
        found_in(name, two.encode(), account_id="chk")
    both = booked(found_in(name, two.encode(), accounts={ACCOUNT: "rent"}))
    assert [each.account_id for each in both] == ["rent", "NL91ABNA0417164300"]
    assert len({each.event_id for each in both}) == 2


@pytest.mark.parametrize("name", FORMATS)
def test_a_cut_file_is_refused(name: str) -> None:
    lines = RENDERED[name]([Booked(DAYS[0], 100, "R", "ONE"), Booked(DAYS[0], 200, "Q", "TWO")]).splitlines()
    last = {"bai2": 1, "mt940": 2, "camt053": 1}[name]
    for end in range(len(lines) - last + 1):
        with pytest.raises(BrokenFile):
            found_in(name, "\n".join(lines[:end]).encode())


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    "content", [b"", b" \r\n ", b"hello", b"\xff\xfe\x00", b"\x00" * 50, b"PK\x03\x04" + bytes(range(256))]
)
def test_what_is_no_statement_is_refused(name: str, content: bytes) -> None:
    with pytest.raises(BrokenFile, match="line"):
        found_in(name, content)


@pytest.mark.parametrize("name", FORMATS)
def test_a_changed_amount_shows_in_the_balance(name: str) -> None:
    text = RENDERED[name]([Booked(DAYS[0], 12_345, "R", "ONE")])
    old, new = {
        "bai2": (",12345,Z", ",12346,Z"),
        "mt940": ("C123,45N", "C123,46N"),
        "camt053": (
            '"EUR">123.45</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>',
            '"EUR">123.46</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>',
        ),
    }[name]
    assert old in text
    found = found_in(name, text.replace(old, new).encode())
    wrong = [one for one in found.controls if one.stated_minor != one.found_minor and "closing balance" in one.name]
    assert [one.found_minor - one.stated_minor for one in wrong] == [1]

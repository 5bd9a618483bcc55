"""The libraries bai2 and mt-940 read the same money from files that they read right.

Where they are wrong is in the docstrings of connectors/bai2_records.py and connectors/mt940.py, and is tested here, so
that a version that is right is noticed.
"""

from datetime import date
from typing import Any

import mt940 as mt940_library
import pytest
from bai2 import bai2 as bai2_library
from bai2.exceptions import NotSupportedYetException
from hypothesis import given
from hypothesis import strategies as st

from domain.facts import BankEntryBooked
from domain.time import EPOCH_ORDINAL
from tests.kit.examples import examples
from tests.kit.statements import Booked, bai2, found_in, mt940

DAYS = [date(2026, 12, 31), date(2027, 1, 1), date(2027, 1, 4)]
ENTRIES = st.lists(
    st.builds(
        Booked,
        day=st.sampled_from(DAYS),
        amount=st.integers(-(10**9), 10**9).filter(bool),
        reference=st.sampled_from(["", "REF1", "REF2"]),
        text=st.sampled_from(["RENT OF JULY", "STRIPE TRANSFER", "A"]),
    ),
    min_size=1,
    max_size=20,
)


def ours(name: str, text: str) -> list[tuple[Any, ...]]:
    found = found_in(name, text.encode())
    assert found.not_understood == []
    return sorted(
        (fact.booking_date, fact.amount_minor, fact.text)
        for fact in found.facts
        if isinstance(fact, BankEntryBooked) and fact.text is not None
    )


def number(day: date) -> int:
    return day.toordinal() - EPOCH_ORDINAL


@examples(60)
@given(ENTRIES)
def test_bai2(entries: list[Booked]) -> None:
    text = bai2(entries)
    parsed = bai2_library.parse_from_string(text.strip())
    theirs = [
        (
            number(group.header.as_of_date),
            detail.amount if detail.type_code.transaction.value == "credit" else -detail.amount,
            detail.text,
        )
        for group in parsed.children
        for account in group.children
        for detail in account.children
    ]
    assert ours("bai2", text) == sorted(theirs)


@examples(60)
@given(ENTRIES)
def test_mt940(entries: list[Booked]) -> None:
    text = mt940(entries)
    theirs = [
        (
            number(entry.data["entry_date"]),
            int(entry.data["amount"].amount.scaleb(2)),
            entry.data["transaction_details"],
        )
        for statement in mt940_library.parse_statements(text)
        for entry in statement.transactions
    ]
    assert ours("mt940", text) == sorted(theirs)


def test_what_bai2_does_not_read() -> None:
    text = bai2([Booked(DAYS[0], 100, "R", "T")]).replace(",,010,0,,,015,100,,/", ",,010,0,,,015/\n88,100,,/")
    text = (
        text.replace("49,200,3/", "49,200,4/")
        .replace("98,200,1,5/", "98,200,1,6/")
        .replace("99,200,1,7/", "99,200,1,8/")
    )
    with pytest.raises(NotSupportedYetException):
        bai2_library.parse_from_string(text.strip())
    found = found_in("bai2", text.encode())
    assert all(one.stated_minor == one.found_minor for one in found.controls)


def test_what_mt940_reads_wrong() -> None:
    head, tail = ":20:X\n:25:1\n:28C:1\n:60F:C260301EUR0,00\n", "\n:62F:C260301EUR0,00\n-\n"

    def theirs(entry: str) -> Any:
        (statement,) = mt940_library.parse_statements(head + entry + tail)
        return statement.transactions[0].data

    assert theirs(":61:2603010301RC5,00NTRFNONREF")["amount"].amount > 0
    assert theirs(":61:2602300301D5,00NTRFNONREF")["date"] == date(2026, 2, 28)

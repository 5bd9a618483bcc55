"""`csv`: any delimited text by a mapping file of a dozen lines."""

import random
import tomllib
from typing import Any

import pytest

from connectors.formats import OptionsError, format_of
from connectors.model import BrokenFile, Found
from domain.facts import BankEntryBooked, ProcessorSettled
from domain.time import iso_date, rfc3339

ACME = """
record = "ProcessorSettled"
zone = "America/New_York"
only = { Type = ["Sale", "Refund", "Return"] }
[fields]
occurred_at = { column = "Booked", format = "%m/%d/%Y %H:%M" }
payment_id = { column = "Metadata", key = "rent" }
processor = { value = "acme" }
processor_reference = "Reference"
outcome = { column = "Type", values = { Sale = "SETTLED", Refund = "REFUNDED", Return = "RETURNED" } }
gross_minor = { column = "Amount", sign = "dropped" }
fee_minor = "Fee"
net_minor = "Net"
currency = "Currency"
payout_id = "Batch"
"""

FILE = """Reference,Type,Booked,Amount,Fee,Net,Currency,Batch,Metadata
a-1,Sale,07/01/2026 23:30,850.00,6.80,843.20,USD,b-1,"{""rent"": ""P-1""}"
a-2,Refund,07/02/2026 08:00,-10,,,USD,b-1,
a-3,Fee,07/02/2026 09:00,-1,,,USD,b-1,
"""

BANK = """
record = "BankEntryBooked"
delimiter = ";"
encoding = "cp1252"
header_line = 3
zone = "Europe/Berlin"
decimal = ","
thousands = "."
skip_lines = "Saldo"
identity = ["Nr"]
[fields]
entry_id = "Nr"
occurred_at = { column = "Datum", format = "%d.%m.%Y" }
booking_date = { column = "Datum", format = "%d.%m.%Y" }
amount_minor = "Betrag"
currency = { value = "EUR" }
reference = { column = "Zweck", pattern = "(po_\\\\w+)" }
text = "Zweck"
"""


def found_in(content: str | bytes, mapping: str = ACME, **more: Any) -> Found:
    format_ = format_of("csv")
    content = content.encode() if isinstance(content, str) else content
    return format_.read(content, format_.options_from(tomllib.loads(mapping) | more))


def test_settlements_by_a_mapping() -> None:
    found = found_in(FILE)
    first, second = found.facts
    assert isinstance(first, ProcessorSettled)
    assert isinstance(second, ProcessorSettled)
    assert (first.payment_id, first.processor, first.outcome, first.gross_minor) == ("P-1", "acme", "SETTLED", 85_000)
    assert (first.fee_minor, first.net_minor, first.payout_id) == (680, 84_320, "b-1")
    assert rfc3339(first.occurred_at) == "2026-07-02T03:30:00.000000Z"
    assert (second.payment_id, second.gross_minor, second.fee_minor, second.net_minor) == (None, 1_000, None, None)
    assert [(one.line, one.reason) for one in found.skipped] == [(4, "Type is 'Fee': the mapping reads others")]


def test_bank_entries_by_a_mapping() -> None:
    content = (
        "Kontoauszug;;;\n;;;\nNr;Datum;Betrag;Zweck\n"
        "7;31.12.2025;1.234,50;Übertrag po_77 Stripe\n8;02.01.2026;-5;Gebühr\nSaldo;;1.229,50;\n"
    ).encode("cp1252")
    found = found_in(content, BANK, account_id="chk-1")
    first, second = found.facts
    assert isinstance(first, BankEntryBooked)
    assert isinstance(second, BankEntryBooked)
    assert (first.account_id, first.entry_id, first.amount_minor, first.reference) == ("chk-1", "7", 123_450, "po_77")
    assert (iso_date(first.booking_date), first.text) == ("2025-12-31", "Übertrag po_77 Stripe")
    assert (second.amount_minor, second.reference) == (-500, None)
    assert [one.line for one in found.skipped] == [6]
    assert found.not_understood == []


def test_event_ids_follow_from_content_alone() -> None:
    header, *rows = FILE.splitlines(keepends=True)
    whole = found_in(FILE)
    again = found_in(header + "".join(reversed(rows)))
    assert sorted(again.facts, key=str) == sorted(whole.facts, key=str)
    twice = found_in(FILE + rows[0])
    assert (len(twice.facts), [one.reason for one in twice.skipped][-1]) == (2, "the same record as line 2")
    assert found_in(FILE.replace("850.00", "851.00")).facts[0].event_id != whole.facts[0].event_id
    by_columns = found_in(FILE, identity=["Reference", "Type"]).facts
    other_amount = found_in(FILE.replace("850.00", "851.00"), identity=["Reference", "Type"]).facts
    assert [fact.event_id for fact in by_columns] == [fact.event_id for fact in other_amount]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("850.00", "8 50", "gross_minor: '8 50' is not an amount"),
        ("850.00", "0", "gross_minor"),
        ("07/01/2026 23:30", "2026", "occurred_at: time data '2026' does not match"),
        ('USD,b-1,"', 'usd,b-1,"', "'usd' is no currency"),
        ("a-1", "", "processor_reference is empty (column 'Reference')"),
        ('{""rent"": ""P-1""}', "rent", "is no JSON"),
        ('{""rent"": ""P-1""}', '{""rent"": [1]}', "neither text nor a whole number"),
        (',USD,b-1,"{""rent"": ""P-1""}"', "", "is it cut?"),
    ],
)
def test_a_row_that_is_not_understood(old: str, new: str, says: str) -> None:
    found = found_in(FILE.replace(old, new, 1))
    (unclear,) = found.not_understood
    assert unclear.line == 2
    assert says in unclear.reason


def test_an_unknown_meaning_is_not_guessed() -> None:
    found = found_in(FILE.replace("Return", "Other"), ACME.replace(', "Return"]', ', "Other", "Fee"]'))
    assert ["'Fee' is none of" in one.reason for one in found.not_understood] == [True]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"ProcessorSettled"', '"Settled"', "it must be one of"),
        ("fee_minor", "fees", "no field 'fees'"),
        ('processor_reference = "Reference"', "", "'processor_reference' of ProcessorSettled is missing"),
        ('"Reference"', '"Ref"', "no column 'Ref'"),
        ('{ value = "acme" }', "{}", "needs either a column or a value"),
        ('"America/New_York"', '"New York"', "no IANA time zone"),
        ('key = "rent"', 'pattern = "("', "no regular expression"),
        ('key = "rent"', 'pattern = "x"', "needs one group"),
    ],
)
def test_a_mapping_that_does_not_fit(old: str, new: str, says: str) -> None:
    with pytest.raises(BrokenFile) as error:
        found_in(FILE, ACME.replace(old, new, 1))
    assert says in str(error.value)


@pytest.mark.parametrize("more", [{"recrod": "x"}, {"delimiter": 7}, {"fields": {"currency": {"colum": "x"}}}])
def test_a_wrong_option_is_named(more: dict[str, Any]) -> None:
    with pytest.raises(OptionsError, match=r"recrod|delimiter|colum"):
        found_in(FILE, **more)


def test_amounts_in_minor_units_take_the_exponents_of_their_source() -> None:
    content = FILE.replace("850.00,6.80,843.20,USD", "85000,680,84320,ISK").replace("-10,,,USD", "-1000,,,ISK")
    mapping = ACME
    for name in ("Amount", "Fee", "Net"):
        mapping = mapping.replace(f'_minor = "{name}"', f'_minor = {{ column = "{name}", unit = "minor" }}')
    mapping = mapping.replace('sign = "dropped"', 'sign = "dropped", unit = "minor"')
    (unclear,) = found_in(content, mapping, exponents={"ISK": 2}).not_understood
    assert "fee_minor" in unclear.reason  # 6.80 ISK is no whole number
    found = found_in(content.replace(",680,84320", ",700,84300"), mapping, exponents={"ISK": 2})
    assert [fact.gross_minor for fact in found.facts if isinstance(fact, ProcessorSettled)] == [850, 10]


def test_a_time_without_a_zone_needs_one() -> None:
    found = found_in(FILE, ACME.replace('zone = "America/New_York"', ""))
    assert all("has no zone" in one.reason for one in found.not_understood)
    assert len(found.not_understood) == 2


def test_mutated_files_end_in_a_clear_error_and_lose_no_line() -> None:
    rng = random.Random(5)
    clean = FILE.encode()
    reasons: list[str] = []
    for _ in range(3_000):
        content = bytearray(clean)
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(len(content))
            content[at : at + rng.randrange(3)] = rng.choice([b"", b"\n", b",", b'"', b"\xff", b"9", b"\x00", b"{"])
        try:
            found = found_in(bytes(content))
        except BrokenFile as error:
            reasons.append(str(error))
            continue
        accounted = len(found.facts) + len(found.skipped) + len(found.not_understood)
        assert accounted >= len(bytes(content).strip(b"\n").split(b"\n")) - 1 - bytes(content).count(b'"')
    assert [reason for reason in reasons if "line" not in reason] == []

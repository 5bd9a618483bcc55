"""`camt053`: versions, status, days, reversals, sub-balances, copies, and XML that does harm."""

from datetime import date
from typing import Any

import pytest

from connectors.model import BrokenFile, Found
from domain.facts import BankEntryBooked
from domain.time import EPOCH_ORDINAL
from tests.kit.statements import Booked, balance, camt053, document, found_in, ntry, statement

DAY = date(2026, 7, 1)
ONE = Booked(DAY, 885, "BANK1", "RENT")


def read(*entries: str, balances: str = "", **options: object) -> Found:
    return found_in("camt053", document([statement(list(entries), balances)]).encode(), **options)


def amounts(found: Found) -> list[int]:
    return [fact.amount_minor for fact in found.facts if isinstance(fact, BankEntryBooked)]


def entry(found: Found) -> BankEntryBooked:
    (fact,) = found.facts
    assert isinstance(fact, BankEntryBooked)
    return fact


def off(found: Found) -> list[tuple[Any, ...]]:
    return [(one.stated_minor, one.found_minor) for one in found.controls if one.stated_minor != one.found_minor]


@pytest.mark.parametrize("version", [0, 2, 3, 4, 6, 8, 10, 12, 13])
def test_versions(version: int) -> None:
    found = found_in("camt053", camt053([ONE], version=version).encode())
    assert found.facts == found_in("camt053", camt053([ONE]).encode()).facts
    assert found.notes == []


def test_prefixes_envelopes_and_layout_do_not_matter() -> None:
    text = camt053([ONE, Booked(DAY, -100, "", "FEE")])
    plain = found_in("camt053", text.encode()).facts
    namespace = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"
    body = text.partition("?>\n")[2]
    prefixed = body.replace("<", "<c:").replace("<c:/", "</c:").replace("xmlns=", "xmlns:c=")
    assert found_in("camt053", prefixed.encode()).facts == plain
    assert found_in("camt053", f"<BizMsg><Hdr/>{body}</BizMsg>".encode()).facts == plain
    assert found_in("camt053", body.replace("><", ">\n  <!-- x -->\n  <").encode()).facts == plain
    assert found_in("camt053", ("\n\n" + text).encode()).facts == plain
    foreign = found_in("camt053", text.replace(namespace, "ISO:camt.053:bank").encode())
    assert foreign.facts == plain
    assert "not ISO's" in foreign.notes[0]


@pytest.mark.parametrize("status", ["PDNG", "INFO", "FUTR"])
@pytest.mark.parametrize("version", [2, 8])
def test_only_booked_is_money(status: str, version: int) -> None:
    found = read(ntry(ONE, version), ntry(ONE, version, status))
    assert amounts(found) == [885]
    assert [one.reason for one in found.skipped] == [f"{status}: not booked"]


def test_an_unknown_status_is_not_understood() -> None:
    found = read(ntry(ONE, status="RJCT"), ntry(ONE).replace("<Sts><Cd>BOOK</Cd></Sts>", ""))
    assert found.facts == []
    assert [one.reason.partition(";")[0] for one in found.not_understood] == [
        "the status is 'RJCT'",
        "the status is ''",
    ]
    assert b"RJCT" in found.not_understood[0].raw


@pytest.mark.parametrize(
    ("written", "day"),
    [  # actualbudget/actual#1053, OCA/bank-statement-import#859
        ("<Dt>2026-07-01</Dt>", date(2026, 7, 1)),
        ("<Dt>2026-07-01+02:00</Dt>", date(2026, 7, 1)),
        ("<DtTm>2026-07-01T00:30:00+02:00</DtTm>", date(2026, 7, 1)),
        ("<DtTm>2026-07-01T23:30:00-05:00</DtTm>", date(2026, 7, 1)),
        ("<DtTm>2026-07-01T23:59:59Z</DtTm>", date(2026, 7, 1)),
        ("<DtTm>2026-07-01T12:00:00.000</DtTm>", date(2026, 7, 1)),
    ],
)
def test_days_are_as_written(written: str, day: date) -> None:
    found = read(ntry(ONE).replace("<Dt>2026-07-01</Dt>", written))
    assert entry(found).booking_date == day.toordinal() - EPOCH_ORDINAL


def test_without_a_booking_date_the_value_date_counts() -> None:
    value = "<ValDt><Dt>2026-07-02</Dt></ValDt>"
    bare = ntry(ONE).replace("<BookgDt><Dt>2026-07-01</Dt></BookgDt>", "")
    fact = entry(read(bare.replace("<AcctSvcrRef>", f"{value}<AcctSvcrRef>")))
    assert fact.booking_date == fact.value_date == date(2026, 7, 2).toordinal() - EPOCH_ORDINAL
    assert "neither a booking date" in read(bare).not_understood[0].reason


@pytest.mark.parametrize(
    ("written", "minor"),
    [("8.850", 885), ("0008.85", 885), ("8.85000", 885), ("8", 800), ("8.8", 880), (" 8.85 ", 885)],
)
def test_amounts(written: str, minor: int) -> None:
    assert amounts(read(ntry(ONE).replace("8.85", written))) == [minor]


@pytest.mark.parametrize("written", ["8.855", "8,85", "1e3", "-8.85x", "", "NaN", "8.8.5"])
def test_amounts_that_are_not_understood(written: str) -> None:
    found = read(ntry(ONE).replace("8.85", written))
    assert (found.facts, len(found.not_understood)) == ([], 1)


def test_the_digits_are_the_currencys() -> None:
    yen = read(ntry(ONE, currency="JPY").replace("8.85", "885"))
    assert (entry(yen).amount_minor, entry(yen).currency) == (885, "JPY")
    assert len(read(ntry(ONE, currency="JPY")).not_understood) == 1
    assert len(read(ntry(ONE, currency="XYZ")).not_understood) == 1


def test_the_entry_counts_and_not_its_details() -> None:  # OCA/bank-statement-import#976, #157
    details = "".join(
        f'<TxDtls><Refs><EndToEndId>E{n}</EndToEndId></Refs><Amt Ccy="SEK">{n}</Amt></TxDtls>' for n in (0, 750, 750)
    )
    charged = ntry(Booked(DAY, -152_600, "B")).replace("</Ntry>", f"<NtryDtls>{details}</NtryDtls></Ntry>")
    assert amounts(read(charged)) == [-152_600]


def test_a_batch_is_one_entry_with_its_reference() -> None:
    batch = (
        "<NtryDtls><Btch><MsgId>M</MsgId><PmtInfId>PO-17</PmtInfId><NbOfTxs>2</NbOfTxs></Btch>"
        "<TxDtls><Refs><EndToEndId>E1</EndToEndId></Refs></TxDtls>"
        "<TxDtls><Refs><EndToEndId>E2</EndToEndId></Refs></TxDtls></NtryDtls>"
    )
    fact = entry(read(ntry(Booked(DAY, 42_956, "B")).replace("</Ntry>", f"{batch}</Ntry>")))
    assert (fact.amount_minor, fact.reference) == (42_956, "PO-17")


@pytest.mark.parametrize(
    ("end_to_end", "options", "reference"),
    [
        ("PO-1", {}, "PO-1"), ("NOTPROVIDED", {}, "BANK1"), ("PO-1", {"reference": "bank"}, "BANK1"),
    ],
)  # fmt: skip
def test_references(end_to_end: str, options: dict[str, object], reference: str) -> None:
    text = ntry(ONE).replace("<TxDtls>", f"<TxDtls><Refs><EndToEndId>{end_to_end}</EndToEndId></Refs>")
    assert entry(read(text, **options)).reference == reference


REVERSAL = "<RvslInd>true</RvslInd>"


def reversal(amount: int) -> str:
    return ntry(Booked(DAY, amount, "B2")).replace("<Sts>", f"{REVERSAL}<Sts>")


@pytest.mark.parametrize(
    ("closing", "options", "expected"),
    [  # OCA/bank-statement-import#375
        (1_000 + 885 - 300, {}, [885, -300]),  # ISO: CdtDbtInd has the sign
        (1_000 + 885 + 300, {}, [885, 300]),  # by the balances, this bank means the opposite
        (1_000 + 885 + 300, {"reversals": "as_stated"}, [885, -300]),
        (1_000 + 885 - 300, {"reversals": "turned"}, [885, 300]),
        (77, {}, [885, -300]),  # no rule fits
    ],
)
def test_reversals(closing: int, options: dict[str, object], expected: list[int]) -> None:
    balances = balance("OPBD", 1_000) + balance("CLBD", closing)
    found = read(ntry(ONE), reversal(-300), balances=balances, **options)
    assert amounts(found) == expected
    assert bool(off(found)) == (closing != 1_000 + sum(expected))


def test_reversals_without_balances_are_noted() -> None:
    found = read(ntry(ONE), reversal(-300))
    assert amounts(found) == [885, -300]
    assert any("reversals" in note for note in found.notes)


def test_sub_balances_are_no_balances() -> None:
    kind = "<SubTp><Cd>{}</Cd></SubTp>"
    balances = (
        balance("OPBD", 5_000, kind=kind.format("LCUR")) + balance("OPBD", 1_000) + balance("OPAV", 77)
        + balance("CLBD", 900, "CHF") + balance("CLBD", 1_885) + balance("CLAV", 1) + balance("FWAV", 2)
        + balance("CLBD", 9, kind=kind.format("BLCK"))
    )  # fmt: skip
    found = read(ntry(ONE), balances=balances)
    assert [(one.stated_minor, one.found_minor) for one in found.controls] == [(1_885, 1_885)]
    page = balance("OPBD", 1_000, kind=kind.format("INTM")) + balance("CLBD", 1_885, kind=kind.format("INTM"))
    assert off(read(ntry(ONE), balances=page)) == []
    assert len(read(ntry(ONE), balances=page).controls) == 1
    before = balance("PRCD", 1_000) + balance("CLBD", 1_885)
    assert [(one.stated_minor, one.found_minor) for one in read(ntry(ONE), balances=before).controls] == [
        (1_885, 1_885)
    ]


def test_a_gap_between_statements_shows() -> None:
    first = statement([ntry(ONE)], balance("OPBD", 0) + balance("CLBD", 885))
    second = statement([], balance("OPBD", 900) + balance("CLBD", 900), number=2)
    found = found_in("camt053", document([first, second]).encode())
    assert off(found) == [(900, 885)]


def test_the_summary_is_checked() -> None:
    summary = (
        "<TxsSummry><TtlNtries><NbOfNtries>3</NbOfNtries></TtlNtries>"
        "<TtlCdtNtries><NbOfNtries>1</NbOfNtries><Sum>8.85</Sum></TtlCdtNtries>"
        "<TtlDbtNtries><NbOfNtries>1</NbOfNtries><Sum>3.01</Sum></TtlDbtNtries></TxsSummry>"
    )
    found = read(ntry(ONE), ntry(Booked(DAY, -300, "B2")), balances=summary)
    assert off(found) == [(3, 2), (301, 300)]


def test_a_copy_has_the_ids_of_the_original() -> None:
    text = camt053([ONE])
    copy = text.replace("<Acct>", "<CpyDplctInd>CODU</CpyDplctInd><Acct>", 1)
    found = found_in("camt053", copy.encode())
    assert found.facts == found_in("camt053", text.encode()).facts
    assert "copy (CODU)" in found.notes[0]


@pytest.mark.parametrize(
    ("root", "message", "inner"), [("BkToCstmrDbtCdtNtfctn", "054", "Ntfctn"), ("BkToCstmrAcctRpt", "052", "Rpt")]
)
def test_notifications_and_reports_are_skipped(root: str, message: str, inner: str) -> None:
    text = document([statement([ntry(ONE), ntry(ONE)], "").replace("Stmt>", f"{inner}>")], 4, root, message)
    found = found_in("camt053", text.encode())
    assert found.facts == []
    assert len(found.skipped) == 2
    assert f"camt.{message}" in found.skipped[0].reason
    assert b"8.85" in found.skipped[0].raw


BOMB = '<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;">]>'
FILE = '<!DOCTYPE d [<!ENTITY c SYSTEM "file:///etc/hostname">]>'
REMOTE = '<!DOCTYPE d SYSTEM "http://127.0.0.1:9/x.dtd">'


@pytest.mark.parametrize("doctype", [BOMB, FILE, REMOTE, "<!DOCTYPE Document>"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_are_refused(doctype: str, encoding: str) -> None:
    text = camt053([Booked(DAY, 885, "B", "&c;" if "ENTITY" in doctype else "T")])
    harmful = text.replace("?>\n", f"?>{doctype}\n", 1).replace("UTF-8", encoding.upper())
    with pytest.raises(BrokenFile, match="DOCTYPE"):
        found_in("camt053", harmful.encode(encoding))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (camt053([ONE]).replace("<Acct>", "<Stmt><Acct>").replace("</Stmt>", "</Stmt></Stmt>"), "inside of another"),
        ("<Document>", "line 1: this is no complete XML"),
        ("<Document><pain.001/></Document>", "there is no BkToCstmrStmt"),
        (camt053([ONE]).replace("</Stmt>", ""), "this is no complete XML"),
        (
            camt053([ONE]).replace("<IBAN>DE02120300000000202051</IBAN>", ""),
            "line 5: the statement's account (Acct) has no",
        ),
        (camt053([ONE]).replace("0.00</Amt>", "x</Amt>", 1), "line 5: the balance OPBD: 'x' is not an amount"),
        (camt053([Booked(DAY, 1, "", "&nbsp;")]), "this is no complete XML"),
    ],
)
def test_broken_files_say_where(content: str, message: str) -> None:
    with pytest.raises(BrokenFile) as caught:
        found_in("camt053", content.encode())
    assert message in str(caught.value)


def test_an_entry_outside_of_a_statement_is_not_lost() -> None:
    found = found_in("camt053", camt053([ONE]).replace("<Stmt>", f"{ntry(ONE)}<Stmt>").encode())
    assert len(found.facts) == 1
    assert [one.reason.partition(":")[0] for one in found.not_understood] == ["an entry outside of a statement (Stmt)"]


def test_an_encoding_that_is_not_the_declared_one() -> None:
    text = camt053([Booked(DAY, 885, "B", "Möller")])
    with pytest.raises(BrokenFile, match="line 6: this is no complete XML"):
        found_in("camt053", text.encode("latin-1"))

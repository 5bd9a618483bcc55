"""`nacha`: what each entry becomes, whose attempt it is about, and files that are not what they should be."""

from typing import Any

import pytest

from connectors.formats import format_of
from connectors.model import BrokenFile, Found
from domain.facts import PayoutReported, ProcessorSettled, ReferenceAssigned
from domain.time import iso_date, rfc3339
from tests.kit.ach_file import (
    AchBatch,
    AchEntry,
    AchFile,
    ach,
    contested_addenda,
    debit,
    dishonoured_addenda,
    notice_addenda,
    return_addenda,
    returned,
    whole,
)

TRACE = "091400600000001"


def found_in(content: bytes, **options: object) -> Found:
    format_ = format_of("nacha")
    return format_.read(content, format_.options_from(options))


def settled(found: Found) -> list[ProcessorSettled]:
    return [fact for fact in found.facts if isinstance(fact, ProcessorSettled)]


def brief(found: Found) -> list[tuple[Any, ...]]:
    return [
        (fact.outcome, fact.processor_reference, fact.gross_minor, fact.net_minor, fact.reason_code)
        for fact in settled(found)
    ]


def reasons(found: Found) -> list[tuple[int, str]]:
    return [(one.line, one.reason) for one in found.skipped]


def agrees(found: Found) -> bool:
    return all(one.stated_minor == one.found_minor for one in found.controls)


def test_an_origination_settles_on_its_effective_date() -> None:
    found = found_in(ach(debit(85_000, 1, "P-1"), debit(120_000, 2, "P-2")))
    assert brief(found) == [
        ("SETTLED", TRACE, 85_000, 85_000, None),
        ("SETTLED", "091400600000002", 120_000, 120_000, None),
    ]
    first = settled(found)[0]
    assert (first.payment_id, first.original_reference, first.movement_id, first.payout_id) == (None, None, None, None)
    assert (first.processor, first.currency, first.fee_minor) == ("ach", "USD", 0)
    assert first.value_date is not None
    assert iso_date(first.value_date) == "2026-07-02"
    assert rfc3339(first.occurred_at) == "2026-07-02T04:00:00.000000Z"  # the start of the day in New York
    assert agrees(found)
    assert len(found.controls) == 9
    assert (found.skipped, found.not_understood, found.notes) == ([], [], [])


@pytest.mark.parametrize(
    ("created", "effective", "settlement", "day"),
    [
        ("2607011030", "260702", "183", "2026-07-02"),
        ("2607011030", "260704", "   ", "2026-07-06"),  # a Saturday
        ("2607011030", "260630", "   ", "2026-07-01"),  # before the file: not in the past
        ("2612311030", "270101", "004", "2027-01-04"),  # the turn of the year
        ("2701021030", "261231", "365", "2026-12-31"),
        ("2607011030", "      ", "   ", "2026-07-01"),
        ("2607011030", "990101", "   ", "2026-07-01"),  # far from the file's own day
        ("2812311030", "281231", "366", "2028-12-31"),  # a leap year
    ],
)
def test_the_settlement_date(created: str, effective: str, settlement: str, day: str) -> None:
    found = found_in(ach(debit(100, 1), created=created, effective=effective, settlement=settlement))
    (fact,) = settled(found)
    assert fact.value_date is not None
    assert iso_date(fact.value_date) == day


def test_a_known_payment_claims_its_trace_by_settling() -> None:
    (fact,) = settled(found_in(ach(debit(85_000, 1, "P-1")), payment_id="identification"))
    assert (fact.payment_id, fact.processor_reference) == ("P-1", TRACE)


def test_a_payment_id_in_the_addenda() -> None:
    text = "0b0a77f2-6e30-4ad8-9c8e-0d4b7e6a8a11"
    entry = AchEntry("27", 100, TRACE, "TENANT-1", (f"705{text:<80}00010000001",))
    (fact,) = settled(found_in(ach(entry), payment_id="addenda"))
    assert fact.payment_id == text
    (fact,) = settled(found_in(ach(returned(100, 1)), payment_id="addenda"))
    assert fact.payment_id is None  # a return has none: its trace says whose it is


def test_without_settling_only_known_payments_claim() -> None:
    found = found_in(ach(debit(85_000, 1, "P-1"), debit(100, 2)), settles=False, payment_id="identification")
    (claim,) = found.facts
    assert isinstance(claim, ReferenceAssigned)
    assert (claim.payment_id, claim.processor, claim.processor_reference) == ("P-1", "ach", TRACE)
    assert [line for line, _ in reasons(found)] == [4]


def test_the_identification_as_the_attempt() -> None:
    out = settled(found_in(ach(debit(85_000, 1, "MjMxNDAwMjAtOGQ")), reference="identification"))[0]
    back = settled(found_in(ach(returned(85_000, 1, identification="MjMxNDAwMjAtOGQ")), reference="identification"))[0]
    assert out.attempt_reference == back.attempt_reference == "MjMxNDAwMjAtOGQ"
    assert out.processor_reference == back.processor_reference == TRACE


def test_a_return_takes_back_its_attempt() -> None:
    found = found_in(ach(returned(12_354, 1, "R01", own=17), created="2607061200", settlement="187"))
    assert brief(found) == [("RETURNED", TRACE, 12_354, -12_354, "R01")]
    (fact,) = settled(found)
    assert fact.movement_id == "231380100000017"
    assert fact.value_date is not None
    assert iso_date(fact.value_date) == "2026-07-06"
    assert (fact.payment_id, fact.fee_minor) == (None, 0)


def test_an_unknown_reason_passes() -> None:
    assert brief(found_in(ach(returned(100, 1, "R97"))))[0][4] == "R97"


def test_a_return_of_a_credit_is_no_payments() -> None:
    found = found_in(ach(returned(12_354, 1), returned(4_565, 3, "R03", own=2, code="21")))
    assert [each[0] for each in brief(found)] == ["RETURNED"]
    assert reasons(found) == [(5, "the return R03 of a credit 091400600000003: no payment")]


def test_a_return_without_addenda_05() -> None:  # moov-io/ach#316
    assert len(settled(found_in(ach(returned(100, 1), sec="WEB")))) == 1


def test_a_dishonoured_return_is_ours_again_and_a_contested_one_is_not() -> None:
    # As RDFIs' files have it, with an origination's code beside addenda 99.
    dishonoured = AchEntry("27", 25_000, TRACE, "", (dishonoured_addenda(1, "R68", 17, 4),))
    found = found_in(ach(dishonoured))
    assert brief(found) == [("RETURN_REVERSED", TRACE, 25_000, 25_000, "R68")]
    assert settled(found)[0].movement_id == "091400600000004"
    assert "231380100000017" in found.notes[0]
    # moov-io/ach#1064: fixed columns, 15 digits; and the last of three addenda is the state.
    stacked = (
        return_addenda(1, "R01", 17),
        dishonoured_addenda(1, "R68", 17, 4),
        contested_addenda(1, "R73", 17, 4, 29),
    )
    found = found_in(ach(AchEntry("26", 25_000, "231380100000029", "", stacked)))
    assert brief(found) == [("RETURNED", TRACE, 25_000, -25_000, "R73")]
    assert settled(found)[0].movement_id == "231380100000029"
    assert "231380100000017" in found.notes[0]


def test_two_dishonoured_returns_of_one_trace_are_two() -> None:
    entries = [AchEntry("27", 100 + own, TRACE, "", (dishonoured_addenda(1, "R68", 17, own),)) for own in (4, 5)]
    found = found_in(ach(*entries))
    assert len({(fact.processor_reference, fact.movement_id) for fact in settled(found)}) == 2
    assert len({fact.event_id for fact in found.facts}) == 2


def test_a_notice_of_change_only_reports() -> None:  # moov-io/ach#1697: a blank inside the account
    entry = AchEntry("21", 0, TRACE, "", (notice_addenda(1, "C06", "1234 5678          22"),))
    found = found_in(ach(entry, sec="COR"))
    assert found.facts == []
    assert reasons(found) == [(3, f"a notice of change C06 of {TRACE}: 1234 5678          22")]
    assert b"1234 5678" in found.skipped[0].raw


def test_an_international_notice_without_its_addenda() -> None:  # moov-io/ach#1385
    found = found_in(ach(AchEntry("26", 0, TRACE, "", (notice_addenda(1, "C01", "99"),)), sec="IAT"))
    assert found.facts == []
    assert len(found.skipped) == 1


def test_an_international_return_with_its_addenda() -> None:
    addenda = (f"710WEB{'':73}0000001", f"711{'':84}0000001", return_addenda(1, "R03", 5))
    (fact,) = settled(
        found_in(ach(AchEntry("26", 700, TRACE, "ACCOUNT PART", addenda), sec="IAT"), reference="identification")
    )
    assert (fact.outcome, fact.gross_minor, fact.original_reference) == ("RETURNED", 700, None)


def test_a_correction_as_a_return_is_not_understood() -> None:
    found = found_in(ach(returned(100, 1, "C01")))
    assert found.facts == []
    assert [one.line for one in found.not_understood] == [3]


@pytest.mark.parametrize(
    ("entry", "batch", "reason"),
    [
        (AchEntry("28", 0, TRACE), {}, "a prenote"),
        (AchEntry("27", 0, TRACE), {}, "an entry of nothing"),
        (AchEntry("27", 1, TRACE), {"description": "Prenote"}, "a prenote"),
        (returned(1, 1, "R03", code="22"), {"description": "Prenote"}, "the return of a prenote"),
        (AchEntry("27", 7, TRACE), {"description": "ACCTVERIFY"}, "an account verification"),
        (AchEntry("22", 700, TRACE), {}, "a credit: money to somebody, no payment"),
        (AchEntry("27", 700, TRACE), {"description": "REVERSAL"}, "a debit that reverses a credit: no payment"),
    ],
)  # fmt: skip
def test_what_is_no_payment(entry: AchEntry, batch: dict[str, str], reason: str) -> None:
    found = found_in(ach(entry, **batch))
    assert found.facts == []
    assert reasons(found) == [(3, reason)]


def test_a_reversal_of_our_own_is_a_refund() -> None:
    entry = AchEntry("22", 85_000, "091400600000009", "MjMxNDAwMjAtOGQ")
    (fact,) = settled(found_in(ach(entry, description="REVERSAL"), reference="identification"))
    assert (fact.outcome, fact.net_minor, fact.attempt_reference) == ("REFUNDED", -85_000, "MjMxNDAwMjAtOGQ")
    back = returned(85_000, 9, "R02", code="21")
    assert [each[0] for each in brief(found_in(ach(back, description="REVERSAL")))] == ["REFUND_REVERSED"]
    assert [each[0] for each in brief(found_in(ach(back), credits="refunds"))] == ["REFUND_REVERSED"]


def test_the_entry_that_balances_a_batch_is_no_payment() -> None:
    credits = [AchEntry("22", amount, f"09140060000000{n}") for n, amount in ((1, 100), (2, 250))]
    found = found_in(ach(*credits, AchEntry("27", 350, "091400600000003", account="OURS")))
    assert found.facts == []
    assert len(found.skipped) == 3
    alone = ach(AchEntry("27", 350, TRACE, account="OURS"))
    assert len(found_in(alone).facts) == 1
    assert found_in(alone, offset_accounts=["OURS"]).facts == []


def test_batches_of_other_companies() -> None:
    file = AchFile((AchBatch((debit(100, 1),)), AchBatch((debit(200, 2),), company="1999999999", number=2)))
    found = found_in(file.content(), company_ids=["1123456789"])
    assert [fact.gross_minor for fact in settled(found)] == [100]
    assert "1999999999" in found.skipped[0].reason


def test_a_trace_that_is_used_twice_tells_nothing() -> None:
    found = found_in(ach(debit(100, 1, "P-1"), debit(200, 1, "P-2"), debit(300, 2, "P-3")))
    assert [fact.gross_minor for fact in settled(found)] == [300]
    assert [one.line for one in found.not_understood] == [3, 4]
    assert b"P-1" in found.not_understood[0].raw


def test_traces_that_begin_anew_in_each_file_are_not_guessed() -> None:
    july, august = ach(debit(100, 1, "P-1")), ach(debit(100, 1, "P-1"), created="2608031030", effective="260804")
    found = found_in(july + august)
    assert [one.line for one in found.not_understood] == [13]
    by_number = [
        ach(debit(100, 1, number), created=created, effective=effective)
        for number, created, effective in (("JULY", "2607011030", "260702"), ("AUGUST", "2608031030", "260804"))
    ]
    told_apart = settled(found_in(b"".join(by_number), reference="identification"))
    assert [fact.attempt_reference for fact in told_apart] == ["JULY", "AUGUST"]
    assert len({fact.event_id for fact in told_apart}) == 2


def test_a_file_in_the_file_twice() -> None:
    content = ach(debit(100, 1), debit(200, 2))
    found = found_in(content + content)
    assert len(found.facts) == 2
    assert len(found.skipped) == 2
    assert agrees(found)


def test_payouts_are_what_the_bank_books() -> None:
    file = AchFile((AchBatch((debit(100, 1), debit(200, 2))), AchBatch((debit(400, 3),), number=2)))
    found = found_in(file.content(), account_id="chk")
    payouts = [fact for fact in found.facts if isinstance(fact, PayoutReported)]
    assert [(each.amount_minor, each.other_minor, each.account_id) for each in payouts] == [
        (300, 0, "chk"),
        (400, 0, "chk"),
    ]
    assert {fact.payout_id for fact in settled(found)} == {each.payout_id for each in payouts}
    by_file = found_in(file.content(), account_id="chk", payouts="file")
    assert [each.amount_minor for each in by_file.facts if isinstance(each, PayoutReported)] == [700]
    by_entry = found_in(file.content(), account_id="chk", payouts="entry")
    assert [each.amount_minor for each in by_entry.facts if isinstance(each, PayoutReported)] == [100, 200, 400]
    back = found_in(ach(returned(100, 1), returned(200, 2, own=2), settlement="187"), account_id="chk")
    assert [each.amount_minor for each in back.facts if isinstance(each, PayoutReported)] == [-300]


def test_a_file_sent_again_has_the_same_ids() -> None:
    entries = (debit(100, 1), returned(200, 2))
    first = found_in(ach(*entries), account_id="chk")
    later = found_in(ach(*entries, created="2607012200"), account_id="chk")
    assert [fact.event_id for fact in first.facts] == [fact.event_id for fact in later.facts]


def test_layouts_of_lines() -> None:
    file = AchFile((AchBatch((debit(100, 1, "P-1"), returned(200, 2))),))
    lines = file.lines()
    plain = found_in(whole(lines)).facts
    assert len(plain) == 2
    assert found_in(file.content("\r\n")).facts == plain
    assert found_in(file.content("\r")).facts == plain
    assert found_in("".join(lines).encode()).facts == plain  # no line ends at all
    assert found_in(whole(line.rstrip() for line in lines)).facts == plain
    assert found_in(whole(line + "  " for line in lines)).facts == plain
    assert found_in(whole(line for line in lines if line.strip("9"))).facts == plain  # without padding
    assert found_in(b"\xef\xbb\xbf" + whole(lines) + b"\x1a").facts == plain
    assert found_in(whole(["", *lines, "", ""])).facts == plain


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
@pytest.mark.parametrize("by_bytes", [True, False])
def test_names_beyond_ascii_shift_no_column(encoding: str, by_bytes: bool) -> None:
    lines = AchFile((AchBatch((debit(100, 1, "P-1"),)),)).lines()
    lines[2] = (
        lines[2].replace("A TENANT  ", "A TÉNANT ")
        if by_bytes and encoding == "utf-8"
        else lines[2].replace("A TENANT", "A TÉNANT")
    )
    found = found_in(whole(lines).decode().encode(encoding), payment_id="identification")
    (fact,) = settled(found)
    assert (fact.processor_reference, fact.payment_id) == (TRACE, "P-1")


def test_accounting_advice_is_no_payment() -> None:
    advice = [
        f"6{code}231380104{'744-5678-99':<15}{amount:012}{'':9}{'':46}0{'':15}"[:94]
        for code, amount in (("81", 500), ("82", 25))
    ]
    lines = [
        AchFile().lines()[0],
        f"5280{'OUR RENT':<16}{'':20}{'121042882':<10}ADVAccounting{'':6}260701   0{'12104288'}0000001".ljust(94),
        *advice,
        f"8280{2:06}{46276020:010}{25:020}{500:020}{'':19}121042880000001",
        f"9{1:06}{1:06}{2:08}{46276020:010}{25:020}{500:020}".ljust(94),
    ]
    found = found_in(whole(lines))
    assert found.facts == []
    assert [reason for _, reason in reasons(found)] == ["accounting advice (ADV)"] * 2
    assert agrees(found)


def test_an_empty_file_of_a_bank_is_valid() -> None:
    found = found_in(AchFile().content("\r\n"))
    assert (found.facts, found.skipped, found.not_understood) == ([], [], [])
    assert agrees(found)


def changed(line: int, at: int, text: str) -> bytes:
    lines = AchFile((AchBatch((debit(100, 1), returned(200, 2))),)).lines()
    lines[line - 1] = lines[line - 1][: at - 1] + text + lines[line - 1][at - 1 + len(text) :]
    return whole(lines)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "line 1: the file is empty"),
        (b"hello\n", "line 1: a record 'h' outside of a file"),
        (whole(AchFile((AchBatch((debit(1, 1),)),)).lines()[1:]), "line 1: a record '5' outside of a file"),
        (whole(AchFile((AchBatch((debit(1, 1),)),)).lines()[:-7]), "the file ends without its control"),
        (whole(AchFile((AchBatch((debit(1, 1),)),)).lines()[:3]), "the file ends without its control"),
        (changed(2, 1, "4"), "line 2: it begins with '4'"),
        (changed(6, 1, "5"), "line 6: a batch"),
        (changed(3, 30, "0000000999"), "in line 2 (line 6): 300 are stated, and the lines come to 1199"),
        (changed(6, 5, "000009"), "entries and addenda of batch 0000001"),
        (changed(6, 21, "00000000030x"), "line 6: debits of batch"),
        (changed(1, 24, "269901"), "line 1: the file was created on '269901'"),
        (changed(3, 94, "1x"), "line 3: it has 95 columns"),
        (b"101 " + b"\0" * 40 + b"\n9", "line 1: it has a byte 0"),
    ],
)  # fmt: skip
def test_broken_files_say_where(content: bytes, message: str) -> None:
    with pytest.raises(BrokenFile) as caught:
        found_in(content)
    assert message in str(caught.value)


def test_wrong_totals_can_be_accepted() -> None:  # moov-io/ach#936
    found = found_in(changed(6, 5, "000009"), accept_wrong_totals=True)
    assert len(found.facts) == 2
    wrong = [one for one in found.controls if one.stated_minor != one.found_minor]
    assert [(one.name, one.stated_minor, one.found_minor) for one in wrong] == [
        ("entries and addenda of batch 0000001 in line 2 (line 6)", 9, 3)
    ]


@pytest.mark.parametrize(
    ("line", "at", "text"),
    [(3, 30, "00000001x0"), (3, 2, "25"), (3, 80, " " * 15), (5, 4, "X01"), (5, 7, "0" * 15)],
)
def test_entries_that_are_not_understood_keep_their_bytes(line: int, at: int, text: str) -> None:
    found = found_in(changed(line, at, text), accept_wrong_totals=True)
    assert len(found.facts) == 1
    (one,) = found.not_understood
    assert one.line == (3 if line == 3 else 4)
    assert one.raw.startswith(b"6")

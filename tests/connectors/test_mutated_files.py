"""Mutated files end in a clear error or a whole account: every entry is a fact, skipped, or not understood."""

import random
from collections.abc import Callable, Iterator
from datetime import date

import pytest

from connectors.bai2_records import has_lost_line_ends
from connectors.bai2_records import records_of as bai2_records
from connectors.model import BrokenFile, Found
from connectors.mt940 import TAGS, messages_of
from connectors.nacha_records import records_of as nacha_records
from connectors.text_lines import lines_of
from domain.facts import PayoutReported
from tests.kit import adyen_report
from tests.kit.ach_file import AchBatch, AchEntry, AchFile, debit, dishonoured_addenda, notice_addenda, returned
from tests.kit.environment import TEST_SEED
from tests.kit.statements import Booked, bai2, camt053, found_in, mt940

FIRST = TEST_SEED or 12
DAY = date(2026, 7, 1)
ENTRIES = [
    Booked(DAY, 85_000, "REF1", "STRIPE TRANSFER PO1"),
    Booked(DAY, -4_250, "", "FEE/ 16, A"),
    Booked(date(2026, 7, 2), 100, "REF2"),
    Booked(date(2026, 7, 2), 100, "REF2"),
]
ACH = AchFile(
    (
        AchBatch((debit(85_000, 1, "P-1"), debit(100, 2), AchEntry("22", 700, "091400600000003"))),
        AchBatch((returned(12_354, 4), returned(4_565, 5, "R03", own=2, code="21")), number=2, settlement="187"),
        AchBatch((AchEntry("21", 0, "091400600000006", "", (notice_addenda(6, "C01", "9"),)),), sec="COR", number=3),
        AchBatch((AchEntry("27", 9, "091400600000007", "", (dishonoured_addenda(7, "R68", 1, 4),)),), number=4),
    )
)


def nacha_entries(content: bytes) -> int:
    return sum(record.text[0] == "6" for record in nacha_records(content))


def bai2_entries(content: bytes) -> int | None:
    lines = lines_of(content)
    return None if has_lost_line_ends(lines) else sum(record.code == "16" for record in bai2_records(lines))


def mt940_entries(content: bytes) -> int:
    fields = [field for message in messages_of(lines_of(content)) for field in message.fields]
    return sum(field.tag == "61" or field.tag not in TAGS.split() for field in fields)


def camt_entries(content: bytes) -> int:
    return content.count(b"</Ntry>") + content.count(b"<Ntry/>")


def adyen_rows(content: bytes) -> int | None:
    return None if b'"' in content else sum(bool(row.strip(b", \t")) for row in content.splitlines()[1:])


FORMATS: dict[str, tuple[bytes, Callable[[bytes], int | None]]] = {
    "nacha": (ACH.content(), nacha_entries),
    "bai2": (bai2(ENTRIES).encode(), bai2_entries),
    "mt940": (mt940(ENTRIES).encode(), mt940_entries),
    "camt053": (camt053(ENTRIES).replace("><", ">\n<").encode(), camt_entries),
    "adyen-settlement": (adyen_report.report(*adyen_report.MONTH).encode(), adyen_rows),
}


def mutations(content: bytes, seed: int, count: int) -> Iterator[bytes]:
    """The content with changed, lost and added bytes, and with lines that are lost, doubled, swapped or cut."""
    chance = random.Random(seed)
    for _ in range(count):
        data = bytearray(content)
        for _ in range(chance.choice((1, 1, 1, 2, 5))):
            at = chance.randrange(len(data) + 1)
            kind = chance.randrange(9)
            if kind < 3:
                data[at : at + 1] = bytes([chance.choice((chance.randrange(256), chance.randrange(32, 127)))])
            elif kind == 3:
                del data[at : at + chance.choice((1, 1, 30))]
            elif kind == 4:
                data[at:at] = bytes(chance.randrange(32, 127) for _ in range(chance.choice((1, 1, 20))))
            else:
                lines = bytes(data).split(b"\n")
                one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
                if kind == 5:
                    del lines[one]
                elif kind == 6:
                    lines.insert(other, lines[one])
                elif kind == 7:
                    lines[one], lines[other] = lines[other], lines[one]
                else:
                    lines[one] = lines[one][: chance.randrange(len(lines[one]) + 1)]
                data = bytearray(b"\n".join(lines))
        yield bytes(data)


def accounted_for(name: str, found: Found) -> int:
    facts = [fact for fact in found.facts if name == "adyen-settlement" or not isinstance(fact, PayoutReported)]
    return len(facts) + len(found.skipped) + len(found.not_understood)


@pytest.mark.parametrize("name", sorted(FORMATS))
@pytest.mark.parametrize("lenient", [False, True])
def test_no_entry_is_lost_and_every_error_is_clear(name: str, lenient: bool) -> None:
    content, entries = FORMATS[name]
    options = (
        {"nacha": {"accept_wrong_totals": True, "account_id": "chk", "credits": "refunds"}}.get(name, {})
        if lenient
        else {}
    )
    errors: list[str] = []
    read = 0
    for seed, mutated in enumerate(mutations(content, seed=FIRST + lenient, count=1_500)):
        try:
            found = found_in(name, mutated, **options)
        except BrokenFile as error:
            errors.append(str(error))
            continue
        read += 1
        expected = entries(mutated)
        assert expected is None or accounted_for(name, found) == expected, (seed, mutated)
        assert len({fact.event_id for fact in found.facts}) == len(found.facts), (seed, mutated)
    assert read > 50
    assert len(errors) > 50
    assert [error for error in errors if "line" not in error and "file" not in error] == []

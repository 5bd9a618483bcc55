"""A month that goes in by files alone comes to the same final state as the same month published as records."""

import random
from collections import Counter, defaultdict
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from connectors.formats import format_of
from connectors.ledger.changes import Change
from connectors.ledger.row_state import RowState
from connectors.ledger.translation import Translator
from domain.facts import BankEntryBooked, InputFact, PaymentPosted, PostingReversed
from domain.time import DAY
from simulator.compare import FinalState, found_from_records
from streams import topics
from tests.kit.driver import Driver
from tests.kit.final_states import differences
from tests.kit.ledger_rows import NOW, ledger_mapping
from tests.kit.month_files import MONTH, OPTIONS, changes, files, records

END = NOW + 50 * DAY
TABLES = frozenset({"csv", "stripe-payouts", "adyen-settlement"})
"""Formats whose rows may be in any order."""


def final_state(facts: Sequence[InputFact]) -> FinalState:
    driver = Driver(now=END)
    driver.pipe(*facts)
    driver.run()
    assert list(driver.world.broker.records(topics.DEAD_LETTER)) == []
    return found_from_records(record for topic in topics.OUTPUTS for record in driver.last(topic).values())


def read_files(rng: random.Random) -> list[InputFact]:
    """What the files say, all of which is understood and adds up; files and the rows of tables are in any order."""
    found: list[InputFact] = []
    month = files()
    for name, written in rng.sample(month, len(month)):
        content = _rows_shuffled(written, rng) if name in TABLES else written
        format_ = format_of(name)
        read = format_.read(content, format_.options_from(OPTIONS[name]))
        assert read.not_understood == [], name
        assert [one for one in read.controls if one.stated_minor != one.found_minor] == [], name
        found += read.facts
    return found


def _rows_shuffled(content: bytes, rng: random.Random) -> bytes:
    header, *rows = content.splitlines(keepends=True)
    rng.shuffle(rows)
    return b"".join((header, *rows))


def shuffled_changes(rng: random.Random) -> list[Change]:
    """The ledger's changes in any order that keeps that of each row, as a log of several partitions has it."""
    rows: dict[str, list[Change]] = defaultdict(list)
    for change in changes():
        rows[f"{change.table}{dict(change.key)}"].append(change)
    order = [key for key, own in rows.items() for _ in own]
    rng.shuffle(order)
    return [rows[key].pop(0) for key in order]


def read_ledger(rng: random.Random) -> list[InputFact]:
    """What the ledger's rows say; delivered again they add nothing."""
    translator = Translator(ledger_mapping())
    states: dict[str, RowState] = {}
    found: list[InputFact] = []
    delivered = shuffled_changes(rng)
    for change in delivered:
        done = translator.apply(change, states)
        assert done.refused == []
        found += done.facts
    assert [translator.apply(change, states).facts for change in delivered] == [[] for _ in delivered]
    return found


def as_records() -> list[InputFact]:
    entries = [fact for fact in read_files(random.Random(0)) if isinstance(fact, BankEntryBooked)]
    return records({entry.reference or "": entry.entry_id for entry in entries})


@pytest.fixture(scope="module")
def published() -> FinalState:
    return final_state(as_records())


def test_files_say_what_the_records_say() -> None:
    """Field by field, but for event ids, and for the ids and reasons of postings that the ledger amended in place."""
    found = [*read_files(random.Random(0)), *read_ledger(random.Random(0))]
    said, expected = [
        {replace(fact, event_id="") for fact in facts if not isinstance(fact, PaymentPosted | PostingReversed)}
        for facts in (found, as_records())
    ]
    assert said == expected


def test_the_month_has_breaks_of_all_three_legs(published: FinalState) -> None:
    assert (len(published.payments), len(published.obligations)) == (len(MONTH), len(MONTH))
    assert Counter(row["class"] for row in published.open_breaks.values()) == {
        "reversed_after_posting": 6,
        "posting_without_settlement": 3,
        "posting_missing": 2,
        "posting_amount_mismatch": 1,
        "bank_entry_unexplained": 1,
        "deposit_missing": 1,
    }
    assert Counter(row["status"] for row in published.payouts.values()) == {"reconciled": 10, "exception": 1}
    assert {row["status"] for row in published.references.values()} == {"held"}
    assert published.live_alerts


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_files_read_twice_in_any_order_are_the_records(seed: int, published: FinalState) -> None:
    rng = random.Random(seed)
    once, again = [*read_files(rng), *read_ledger(rng)], [*read_files(rng), *read_ledger(rng)]
    assert set(once) == set(again)
    facts = once + again
    rng.shuffle(facts)
    assert list(map(str, differences(published, final_state(facts)))) == []


def test_a_month_without_one_of_its_files_is_another(published: FinalState) -> None:
    facts = [*read_files(random.Random(0)), *read_ledger(random.Random(0))]
    without_bank = [fact for fact in facts if not isinstance(fact, BankEntryBooked)]
    assert {each.kind for each in differences(published, final_state(without_bank))} == {"payout", "break"}

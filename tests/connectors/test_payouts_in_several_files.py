"""A payout whose row and lines are in several Stripe files: the same record in any order, together or one by one."""

import random
from collections.abc import Sequence
from itertools import permutations

import pytest

from connectors.formats import Format, format_of
from connectors.model import Found
from connectors.payout_parts import PayoutParts
from domain.facts import InputFact, PayoutReported
from tests.kit.stripe_report import charge, report, row

MONTH = [
    charge(1, "850.00", "6.80"),
    charge(2, "1200.00", "8.00"),
    row("txn_3", "refund", "-10.00", source_id="re_3", charge_id="ch_1"),
    row("txn_4", "fee", "-2.00"),
    row("txn_5", "network_cost", "-0.37"),
    charge(6, "70.00", "1.00", automatic_payout_id="po_2"),
    row("txn_7", "fee", "-1.00", automatic_payout_id="po_2"),
]
STATED = [
    row("txn_8", "payout", "-2022.83", source_id="po_1"),
    row("txn_9", "payout", "-68.00", source_id="po_2", automatic_payout_id="po_2"),
]
PAID = {("po_1", 202_283, -237), ("po_2", 6_800, -100)}


class Importing:
    """Imports as `rentmatch import` does, on a memory of its own."""

    def __init__(self, **options: object) -> None:
        self.format: Format = format_of("stripe-payouts")
        self.options = self.format.options_from(options)
        self.kept: list[PayoutParts] = []
        self.facts: set[InputFact] = set()

    def take(self, *contents: bytes) -> list[Found]:
        assert self.format.parts is not None
        founds = [self.format.parts.read_part(content, self.options) for content in contents]
        self.format.parts.report_payouts(founds, self.options)
        waiting = [payout for found in founds for payout in found.waiting]
        self.kept += waiting
        known = [payout for payout in self.kept if payout.key in {one.key for one in waiting}]
        self.facts |= {fact for found in founds for fact in found.facts}
        self.facts |= set(self.format.parts.complete(known, self.options).facts)
        return founds

    def payouts(self) -> set[tuple[str, int, int]]:
        found = [fact for fact in self.facts if isinstance(fact, PayoutReported)]
        assert len({fact.event_id for fact in found}) == len(found)
        return {(fact.payout_id, fact.amount_minor, fact.other_minor) for fact in found}


def facts_of(imports: Sequence[Sequence[bytes]], **options: object) -> set[InputFact]:
    importing = Importing(**options)
    for contents in imports:
        importing.take(*contents)
    return importing.facts


LIST, FIRST, SECOND = report(*STATED), report(*MONTH[:4]), report(*MONTH[3:])
"""The fee txn_4 is in both files of lines."""


@pytest.mark.parametrize("order", list(permutations((LIST, FIRST, SECOND))))
def test_together_or_one_by_one_in_any_order(order: tuple[bytes, ...]) -> None:
    together = Importing(account_id="chk")
    founds = together.take(*order)
    assert together.payouts() == PAID
    assert [control.stated_minor - control.found_minor for found in founds for control in found.controls] == [0, 0]
    one, two, three = order
    for imports in (
        [[one], [two], [three]],
        [[one, two], [three]],
        [[one], [two, three]],
        [[one], [two], [three], order],
    ):
        assert facts_of(imports, account_id="chk") == together.facts


def test_a_month_that_is_cut_anywhere() -> None:
    rng = random.Random(12)
    whole = facts_of([[report(*MONTH, *STATED)]])
    for _ in range(60):
        rows = rng.sample(MONTH + STATED, len(MONTH + STATED))
        cuts = sorted(rng.sample(range(1, len(rows)), rng.randint(1, 3)))
        files = [report(*rows[a:b]) for a, b in zip([0, *cuts], [*cuts, len(rows)], strict=True)]
        again = rng.sample(files, len(files)) + rng.sample(files, 1)
        assert facts_of([[file] for file in again], incomplete_payouts="wait") == whole
        assert facts_of([files], incomplete_payouts="wait") == whole


def test_nothing_is_reported_while_lines_are_missing() -> None:
    importing = Importing()
    assert importing.take(LIST)[0].controls == []
    assert importing.payouts() == set()
    (found,) = importing.take(FIRST)
    assert importing.payouts() == set()
    assert any("no file states it" in note for note in found.notes)
    founds = Importing().take(LIST, FIRST)
    assert any(
        "USD 2,022.83 is paid out, its lines in this import come to USD 2,023.20" in note for note in founds[0].notes
    )
    assert [(one.line, one.reason) for one in founds[0].skipped] == [(2, "the row of a payout: its lines are not in this import"), (3, "the row of a payout: its lines are not in this import")]  # fmt: skip # noqa: E501


def test_one_file_with_row_and_lines_that_do_not_add_up_is_reported_at_once() -> None:
    content = report(*MONTH[:2], STATED[0])
    assert [fact.other_minor for fact in facts_of([[content]]) if isinstance(fact, PayoutReported)] == [0]
    assert not any(isinstance(fact, PayoutReported) for fact in facts_of([[content]], incomplete_payouts="wait"))
    anyway = facts_of([[LIST]], incomplete_payouts="report")
    assert {fact.other_minor for fact in anyway if isinstance(fact, PayoutReported)} == {0}


def test_the_banks_reference_may_come_later() -> None:
    columns = (*STATED[0], "trace_id")
    later = report(*(stated | {"trace_id": "0210"} for stated in STATED), columns=columns)
    facts = [fact for fact in facts_of([[LIST, FIRST, SECOND], [later]]) if isinstance(fact, PayoutReported)]
    assert {(fact.payout_id, fact.bank_reference) for fact in facts} == {
        ("po_1", None), ("po_1", "0210"), ("po_2", None), ("po_2", "0210"),
    }  # fmt: skip
    assert {(fact.payout_id, fact.amount_minor, fact.other_minor) for fact in facts} == PAID


def test_lines_of_several_files_that_nobody_states() -> None:
    together = Importing(payouts_from_lines=True)
    together.take(FIRST, SECOND)
    assert together.payouts() == PAID


def test_a_line_that_differs_between_files_is_noted() -> None:
    other = report(MONTH[3] | {"gross": "-3.00", "net": "-3.00"})
    founds = Importing().take(FIRST, other)
    assert founds[-1].notes[-1] == "txn_4 is in two files with different amounts: the first counts"

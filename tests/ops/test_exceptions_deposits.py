"""Unexplained bank entries: the payouts that `exceptions show` proposes for them, and `exceptions match`."""

from typing import Any

import pytest

from domain.commands import deposits
from domain.commands.naming import names
from domain.commands.proposals import Proposal
from domain.facts import EntryMatched, InputFact
from domain.ids import break_id
from domain.records import BreakClass, MismatchAlert
from ops.breaks.from_alerts import of_missing_deposits
from streams import topics
from streams.broker import reading
from streams.codec.codec import Codec
from streams.codec.json_form import instant_from_text
from streams.settings import Settings
from tests.kit.command_line import Run
from tests.kit.domain_world import World
from tests.kit.driver import Driver
from tests.kit.scenario_tables import read_facts
from tests.ops.test_exceptions import NOW, WITH_CLOCK, parsed, put_on

AT = instant_from_text(NOW)
ENTRY = "A/n1"
UNEXPLAINED = break_id("bank_entry", ENTRY, ("entry",))

FACTS = """
    2026-07-01 15:00 P-1 SETTLED 850.00 fee 1.50 ref ch_1 payout po_1
    2026-07-01 15:00 acme/po_1 reported PAID 848.50 arriving 2026-07-02 account A
    2026-07-01 15:00 acme/po_2 reported PAID 848.50 other 848.50 arriving 2026-07-03 account A
    2026-07-01 15:00 other/po_3 reported PAID 848.50 other 848.50 arriving 2026-06-20 account B
    2026-07-01 15:00 acme/po_4 reported PAID 100.00 other 100.00 arriving 2026-07-02 account A
    2026-07-02 15:00 A/n1 booked 848.50 on 2026-07-02 ref 0815 text ACME_PAYOUT_PO-1
    2026-07-02 15:00 A/n2 booked 100.00 on 2026-07-02
    2026-07-02 15:00 A/n3 booked -9.90 on 2026-07-02 text fee_for_po_4
"""


@pytest.fixture
def driver() -> Driver:
    driver = Driver(now=AT)
    driver.pipe(*read_facts(FACTS))
    driver.run()
    return driver


@pytest.fixture
def written(run: Run, mock_broker: str, driver: Driver) -> Run:
    put_on(mock_broker, driver)
    return run


def given(broker: str) -> list[InputFact]:
    """What the commands wrote to `bank-entries`."""
    codec = Codec()
    return [
        codec.decode_input(topics.BANK_ENTRIES, record.value, record.headers)
        for record in reading.records(Settings(broker=broker, topic_prefix="here."), topics.BANK_ENTRIES)
    ]


def act(run: Run, *words: str) -> Any:
    return run("exceptions", *words, "--actor", "ana", "--reason", "seen in the portal", env=WITH_CLOCK)


def open_at_the_bank(driver: Driver) -> set[tuple[str, BreakClass]]:
    alerts = driver.last(topics.MISMATCH_ALERTS).values()
    return {
        (one.key, one.break_class)
        for one in alerts
        if isinstance(one, MismatchAlert) and one.resolved_at is None and one.key_kind in {"payout", "bank_entry"}
    }


def test_an_unexplained_entry_is_shown_with_the_payouts_that_it_may_be_of(written: Run) -> None:
    shown = written("exceptions", "show", UNEXPLAINED, "--from-topics", env=WITH_CLOCK)
    assert shown.exit_code == 0, shown.output
    assert "candidates: acme/po_1, acme/po_2" in shown.stdout
    proposed = [line.strip() for line in shown.stdout.partition("none is chosen")[2].splitlines() if line.strip()]
    assert proposed == [
        "1. payout acme/po_1: USD 848.50 paid out, po_1 is in the text, arriving 2026-07-02, that day, acme is in the "
        "text, to that account",
        "2. payout acme/po_2: USD 848.50 paid out, arriving 2026-07-03, 1 day after, acme is in the text, to that "
        "account",
        "3. payout other/po_3: USD 848.50 paid out",
        "but arriving 2026-06-20, 12 days before",
        "but it is to go to account B",
        f"to give it to one: rentmatch exceptions match {UNEXPLAINED} --to-payout acme/po_1 --reason …",
    ]


def test_a_name_in_the_text_is_enough_to_be_proposed(written: Run) -> None:
    fee = break_id("bank_entry", "A/n3", ("entry",))
    shown = written("exceptions", "show", fee, "--from-topics", env=WITH_CLOCK)
    assert "1. payout acme/po_4: po_4 is in the text, arriving 2026-07-02, that day, to that account" in shown.stdout
    assert "but nothing of it is left to be booked" in shown.stdout


def test_an_entry_is_matched_to_a_payout(written: Run, mock_broker: str, driver: Driver) -> None:
    assert (ENTRY, BreakClass.BANK_ENTRY_UNEXPLAINED) in open_at_the_bank(driver)
    tried = act(written, "match", ENTRY, "--to-payout", "acme/po_1", "--dry-run")
    assert tried.exit_code == 0, tried.output
    assert tried.stderr.splitlines() == [
        "ana matches bank entry A/n1 to payout acme/po_1: seen in the portal",
        "USD 848.50 will belong to payout acme/po_1.",
        "It resolves bank_entry_unexplained on entry.",
        "Payout acme/po_1: USD 848.50 of USD 848.50 paid out will be on the account.",
        "Payout acme/po_1: it resolves deposit_missing on deposit.",
        "nothing is written (--dry-run)",
    ]
    assert given(mock_broker) == []

    done = act(written, "match", UNEXPLAINED, "--to-payout", "acme/po_1", "--yes", "--json", "--from-topics")
    assert done.exit_code == 0, done.output
    (record,) = parsed(done.stdout)
    assert (record["type"], record["account_id"], record["entry_id"], record["processor"], record["payout_id"]) == (
        "EntryMatched", "A", "n1", "acme", "po_1",
    )  # fmt: skip
    assert (record["actor"], record["reason"]) == ("ana", "seen in the portal")
    again = act(written, "match", ENTRY, "--to-payout", "acme/po_1", "--yes")  # before a worker has read it
    assert again.exit_code == 1
    assert "ana has matched entry A/n1 to payout acme/po_1 already" in again.stderr
    driver.pipe(*given(mock_broker))
    driver.run()
    assert open_at_the_bank(driver) & {(ENTRY, BreakClass.BANK_ENTRY_UNEXPLAINED)} == set()
    assert ("acme/po_1", BreakClass.DEPOSIT_MISSING) not in open_at_the_bank(driver)
    put_on(mock_broker, driver)

    elsewhere = act(written, "match", ENTRY, "--to-payout", "acme/po_2", "--yes")
    assert elsewhere.stderr.splitlines()[1:5] == [
        "USD 848.50 will belong to payout acme/po_2 instead of payout acme/po_1, to which a person matched it.",
        "Payout acme/po_2: USD 848.50 of USD 848.50 paid out will be on the account.",
        "Payout acme/po_2: it resolves deposit_missing on deposit.",
        "Payout acme/po_1: USD 0.00 of USD 848.50 paid out will be on the account.",
    ]
    assert "Payout acme/po_1: it opens deposit_missing on deposit." in elsewhere.stderr
    first, second = given(mock_broker)
    assert isinstance(first, EntryMatched)
    assert second.occurred_at > first.occurred_at  # although the clock stands still


def test_an_entry_that_was_matched_by_amount_is_given_to_another_payout(written: Run) -> None:
    moved = act(written, "match", "A/n2", "--to-payout", "acme/po_1", "--dry-run")
    assert moved.stderr.splitlines()[1:] == [
        "USD 100.00 will belong to payout acme/po_1 instead of payout acme/po_4, which it fits by amount and day.",
        "Payout acme/po_1: USD 100.00 of USD 848.50 paid out will be on the account.",
        "Payout acme/po_4: USD 0.00 of USD 100.00 paid out will be on the account.",
        "Payout acme/po_4: it opens deposit_missing on deposit.",
        "nothing is written (--dry-run)",
    ]


def test_what_makes_no_match_is_refused(written: Run) -> None:
    for words, what in (
        (("A/n9", "--to-payout", "acme/po_1"), "nothing is known of bank entry A/n9"),
        ((ENTRY, "--to-payout", "acme/po_9"), "nothing is known of payout acme/po_9"),
    ):
        refused = act(written, "match", *words, "--yes")
        assert refused.exit_code == 1
        assert what in refused.stderr
        assert act(written, "match", *words, "--force", "--dry-run").exit_code == 0
    for words, what in (
        ((ENTRY, "--to-payout", "po_1"), "'po_1' is not a key of two parts"),
        ((ENTRY, "--to-payout", "acme/po_1", "--to", "P-1"), "say whose it is"),
        ((ENTRY,), "say whose it is"),
        ((UNEXPLAINED, "--to", "P-1", "--from-topics"), f"is of bank_entry {ENTRY}, and of no reference"),
    ):
        wrong = act(written, "match", *words)
        assert wrong.exit_code == 2, words
        assert what in wrong.stderr
    payout = break_id("payout", "acme/po_1", ("deposit",))
    wrong = act(written, "match", payout, "--to-payout", "acme/po_1", "--from-topics")
    assert "is of payout acme/po_1, and of no bank entry" in wrong.stderr
    assert "A bank entry is named account_id/entry_id" in act(
        written, "match", "nonsense", "--to-payout", "acme/po_1", "--from-topics"
    ).stderr  # fmt: skip


def test_decisions_about_payouts_and_entries(written: Run, mock_broker: str) -> None:
    deposit = break_id("payout", "acme/po_1", ("deposit",))
    done = act(written, "accept", deposit, "--from-topics", "--yes", "--json")
    assert done.exit_code == 0, done.output
    assert "ana accepts deposit_missing of payout acme/po_1, difference USD -848.50" in done.stderr
    assert "another person approves it: its priority is 1" in done.stderr
    (record,) = parsed(done.stdout)
    assert (record["key_kind"], record["key"]) == ("payout", "acme/po_1")
    done = act(written, "assign", UNEXPLAINED, "--to", "bo", "--from-topics", "--yes", "--json")
    (record,) = parsed(done.stdout)
    assert (record["key_kind"], record["key"], record["assignee"]) == ("bank_entry", ENTRY, "bo")
    shown = written("exceptions", "show", deposit, "--from-topics", "--json", env=WITH_CLOCK)
    assert [one["action"] for one in parsed(shown.stdout) if one["type"] == "Decision"] == ["ACCEPT"]


# What is proposed


def proposed(facts: str) -> list[Proposal]:
    world = World()
    for fact in read_facts(facts):
        world.apply(fact)
    booking = world.bank_entries[ENTRY].booking
    assert booking is not None
    return deposits.of_payouts(world.payouts.values(), "A", booking)


@pytest.mark.parametrize(
    ("facts", "reasons", "doubts"),
    [
        pytest.param(
            "2026-07-01 15:00 P-1 SETTLED 848.50 ref ch_1 payout po_1",
            ("USD 848.50 in its lines, not reported as paid yet",), (),
            id="not reported yet",
        ),
        pytest.param(
            "2026-07-01 15:00 acme/po_1 reported PAID 900.00 arriving 2026-07-02 account A\n"
            "2026-07-02 15:00 A/n2 booked 51.50 on 2026-07-02 names acme/po_1\n"
            "2026-07-02 15:00 A/n2 matched acme/po_1 by kim",
            ("USD 900.00 paid out", "arriving 2026-07-02, that day", "to that account"), (),
            id="of which a part is there",
        ),
        pytest.param(
            "2026-07-01 15:00 acme/po_1 reported PAID 848.50 arriving 2026-07-02 account A ref REF/77",
            ("USD 848.50 paid out", "its bank reference REF/77 is in the text", "arriving 2026-07-02, that day",
             "to that account"), (),
            id="by its bank reference",
        ),
        pytest.param(
            "2026-07-01 15:00 acme/po_1 reported PAID 850.00 arriving 2026-07-02 account none ref REF/77",
            ("its bank reference REF/77 is in the text", "arriving 2026-07-02, that day"), ("USD 850.00 paid out",),
            id="of another amount, but named",
        ),
    ],
)  # fmt: skip
def test_reasons_and_doubts(facts: str, reasons: tuple[str, ...], doubts: tuple[str, ...]) -> None:
    entry = "2026-07-02 15:00 A/n1 booked 848.50 on 2026-07-02 ref ref77"
    if "n2" in facts:
        world = World()
        for fact in read_facts(f"{facts}\n{entry}"):
            world.apply(fact)
        world.publish(AT)
        booking = world.bank_entries[ENTRY].booking
        assert booking is not None
        (one,) = deposits.of_payouts(world.payouts.values(), "A", booking)
        reasons = ("USD 848.50 left of what was paid out", *reasons[1:])
    else:
        (one,) = proposed(f"{facts}\n{entry}")
    assert (one.key, one.reasons, one.doubts) == ("acme/po_1", reasons, doubts)


@pytest.mark.parametrize(
    "facts",
    [
        "2026-07-01 15:00 acme/po_1 reported PAID 848.50 EUR arriving 2026-07-02 account none",
        "2026-07-01 15:00 acme/po_1 reported PAID 848.51 arriving 2026-07-02 account none",
        "2026-07-01 15:00 acme/po_1 reported PAID 848.50 arriving 2026-08-02 account none",
        "2026-07-01 15:00 acme/po_1 reported CANCELLED 848.50 arriving 2026-07-02 account none",
    ],
)
def test_payouts_for_which_nothing_speaks_are_not_proposed(facts: str) -> None:
    assert proposed(f"{facts}\n2026-07-02 15:00 A/n1 booked 848.50 on 2026-07-02") == []


def test_names_in_texts() -> None:
    assert names("ACME PAYOUT PO-1 2026", "po_1")
    assert names("acme_po1", "po_1")
    assert not names("ACME PAYOUT PO-12", "po_1")
    assert not names("SPO-1", "po_1")
    assert names("ACMEPAY 2026", "acme", whole=False)
    assert not names("po", "po")
    assert not names(None, "po_1")


def test_an_api_proposes_candidates_and_missing_deposits() -> None:
    entry = {"actual_minor": 84_850, "currency": "USD", "candidates": ["acme/po_1"]}
    missing = {"key": "acme/po_1", "expected_minor": 84_850, "currency": "USD", "due_at": "2026-07-07T04:00:00.000000Z"}
    found = of_missing_deposits(
        [missing, missing | {"key": "acme/po_2"}, missing | {"key": "acme/po_3", "expected_minor": 1}], entry
    )
    assert [one.key for one in found] == ["acme/po_1", "acme/po_2"]
    assert found[0].reasons == ("USD 848.50, on that account and at that time",)
    assert found[1].reasons == ("USD 848.50, whose bank entry is missing since 2026-07-07T04:00:00.000000Z",)

"""Payouts from their lines to the bank account: named, matched, matched by a person, failed (contract section 11)."""

import pytest
from msgspec.structs import replace

from domain.facts import (
    BankEntryBooked,
    BreakDecided,
    EntryMatched,
    PayoutOutcome,
    PayoutReported,
    ProcessorSettled,
    ReferenceAssigned,
)
from domain.payouts.view import PayoutState
from domain.records import MismatchAlert, PayoutReconciliation
from domain.snapshots import OpenEntry, OpenPayout, match_key
from domain.time import DAY, HOUR, Day, Micros
from streams import topics
from streams.codec import bundles
from tests.kit.driver import Crash, Driver, Worker, World, units

TODAY = 20_605
"""Monday, 2026-06-01."""
NOON = TODAY * DAY + 16 * HOUR
KEY = "acme/po1"
ENTRY = "A/n1"


def line(
    reference: str = "ch1", net: int | None = 9_700, payment_id: str | None = "p1", event_id: str | None = None
) -> ProcessorSettled:
    return ProcessorSettled(
        event_id=event_id or f"S-{reference}",
        occurred_at=NOON,
        payment_id=payment_id,
        processor="acme",
        processor_reference=reference,
        outcome="SETTLED",
        gross_minor=10_000,
        fee_minor=None,
        net_minor=net,
        currency="USD",
        reason_code=None,
        payout_id="po1",
        value_date=None,
    )


def report(
    status: PayoutOutcome = "PAID", at: Micros = NOON + HOUR, payout_id: str = "po1", arrival: Day = TODAY + 1
) -> PayoutReported:
    return PayoutReported(
        event_id=f"Y-{payout_id}-{status}",
        occurred_at=at,
        processor="acme",
        payout_id=payout_id,
        status=status,
        amount_minor=9_600,
        other_minor=-100,
        currency="USD",
        arrival_date=arrival,
        account_id="A",
        bank_reference="REF",
    )


def booked(
    entry_id: str = "n1",
    *,
    amount: int = 9_600,
    names: str | None = None,
    reference: str | None = None,
    day: Day = TODAY + 1,
) -> BankEntryBooked:
    return BankEntryBooked(
        event_id=f"B-{entry_id}",
        occurred_at=NOON + DAY,
        account_id="A",
        entry_id=entry_id,
        amount_minor=amount,
        currency="USD",
        booking_date=day,
        processor=None if names is None else "acme",
        payout_id=names,
        reference=reference,
    )


def matched(payout_id: str = "po1", entry_id: str = "n1", at: Micros = NOON + 2 * DAY) -> EntryMatched:
    return EntryMatched(f"M-{entry_id}-{payout_id}", at, "A", entry_id, "acme", payout_id, "kim", "seen in the portal")


def payout(driver: Driver | World, key: str = KEY) -> PayoutReconciliation:
    record = driver.last(topics.PAYOUT_RECONCILIATIONS)[key]
    assert isinstance(record, PayoutReconciliation)
    return record


def entries(driver: Driver | World, key: str = KEY) -> list[tuple[str, str]]:
    return [(one.entry_id, one.matched_by.value) for one in payout(driver, key).entries]


def alerts(driver: Driver, break_class: str) -> list[MismatchAlert]:
    found = driver.emitted(topics.MISMATCH_ALERTS)
    return [one for one in found if isinstance(one, MismatchAlert) and one.break_class == break_class]


@pytest.mark.parametrize(
    ("entry", "matched_by"),
    [
        pytest.param(booked(names="po1"), "named", id="named"),
        pytest.param(booked(reference="REF"), "reference", id="by the bank's reference"),
        pytest.param(booked(reference="po1"), "reference", id="by the payout's id"),
        pytest.param(booked(), "amount", id="by amount"),
    ],
)
def test_money_goes_from_its_lines_to_the_account(entry: BankEntryBooked, matched_by: str) -> None:
    driver = Driver(now=NOON)
    driver.pipe(line(), line("ch2", 0, None))
    driver.run()
    assert (payout(driver).status, payout(driver).lines, payout(driver).lines_minor) == ("collecting", 2, 9_700)
    driver.pipe(report())
    driver.advance(NOON + 2 * HOUR)
    assert payout(driver).status == "in_transit"
    driver.pipe(entry)
    driver.advance(NOON + DAY)
    assert (payout(driver).status, payout(driver).deposited_minor) == ("reconciled", 9_600)
    assert entries(driver) == [("n1", matched_by)]
    driver.advance(NOON + 30 * DAY)
    breaks = {one.break_class for one in driver.emitted(topics.MISMATCH_ALERTS) if one.key_kind != "payment"}
    assert breaks == {"reference_unknown"}, "only the line whose payment nobody knows"


def test_the_entry_may_come_first() -> None:
    driver = Driver(now=NOON)
    driver.pipe(booked())
    driver.advance(NOON + 2 * DAY)
    driver.pipe(report(), line())
    driver.run()
    assert (payout(driver).status, entries(driver)) == ("reconciled", [("n1", "amount")])
    assert alerts(driver, "bank_entry_unexplained") == []


def test_no_alert_is_raised_while_the_entry_is_on_its_way_between_the_tables() -> None:
    """Report and entry are days old when they are read: the deadline waits for the match, which comes back late."""
    driver = Driver(now=NOON + 20 * DAY)
    driver.pipe(report(), line(), booked())
    driver.run()
    assert payout(driver).status == "reconciled"
    assert alerts(driver, "deposit_missing") == alerts(driver, "bank_entry_unexplained") == []


def test_an_entry_that_two_payouts_fit_names_them_until_a_person_decides() -> None:
    driver = Driver(now=NOON)
    driver.pipe(report(), report(payout_id="po2"), line(), booked())
    driver.advance(NOON + 5 * DAY)
    (alert,) = alerts(driver, "bank_entry_unexplained")
    assert (alert.key_kind, alert.key, alert.drift_minor) == ("bank_entry", ENTRY, 9_600)
    assert alert.candidates == ("acme/po1", "acme/po2")
    assert {one.key for one in alerts(driver, "deposit_missing")} == {"acme/po1", "acme/po2"}
    driver.pipe(matched("po2"))
    driver.run()
    assert entries(driver, "acme/po2") == [("n1", "person")]
    assert [one.lifecycle for one in alerts(driver, "bank_entry_unexplained")] == ["opened", "resolved"]
    last = {one.key: one.lifecycle for one in alerts(driver, "deposit_missing")}
    assert last == {"acme/po1": "opened", "acme/po2": "resolved"}
    driver.pipe(matched("po1", at=NOON + 3 * DAY))
    driver.run()
    assert (entries(driver), entries(driver, "acme/po2")) == ([("n1", "person")], [])


def test_a_payout_that_an_entry_names_is_matched_to_no_other() -> None:
    driver = Driver(now=NOON)
    driver.pipe(report(), line(), booked())
    driver.run()
    assert entries(driver) == [("n1", "amount")]
    driver.pipe(booked("n2", names="po1", amount=9_000))
    driver.run()
    assert entries(driver) == [("n2", "named")]
    (alert,) = alerts(driver, "deposit_amount_mismatch")
    assert (alert.expected_minor, alert.actual_minor, alert.event_ids) == (9_600, 9_000, ("B-n2", "Y-po1-PAID"))
    driver.advance(NOON + 5 * DAY)
    assert [one.key for one in alerts(driver, "bank_entry_unexplained")] == [ENTRY]


def test_a_failed_payout_gives_its_money_back() -> None:
    driver = Driver(now=NOON)
    driver.pipe(report(), line(), booked())
    driver.advance(NOON + DAY)
    driver.pipe(report("FAILED", NOON + DAY))
    driver.run()
    assert payout(driver).status == "failed"
    driver.advance(NOON + 5 * DAY)
    assert [one.actual_minor for one in alerts(driver, "deposit_after_failure")] == [9_600]
    driver.pipe(booked("n2", names="po1", amount=-9_600), matched())
    driver.run()
    assert (payout(driver).status, payout(driver).deposited_minor) == ("failed", 0)
    assert entries(driver) == [("n1", "person"), ("n2", "named")]


def test_a_line_counts_whether_its_payment_is_known_or_not() -> None:
    driver = Driver(now=NOON)
    driver.pipe(line(payment_id=None), report())
    driver.run()
    assert (payout(driver).lines, payout(driver).lines_minor) == (1, 9_700)
    before = len(driver.emitted(topics.PAYOUT_RECONCILIATIONS))
    driver.pipe(ReferenceAssigned("A", NOON, "p1", "acme", "ch1"), line(event_id="S-ch1"))
    driver.run()
    assert len(driver.emitted(topics.PAYOUT_RECONCILIATIONS)) == before, "the payment is filled in, which shows nowhere"
    assert (payout(driver).lines, payout(driver).lines_minor, payout(driver).open_breaks) == (1, 9_700, ())


def test_a_line_whose_net_comes_later() -> None:
    driver = Driver(now=NOON)
    driver.pipe(line(net=None), report())
    driver.advance(NOON + 3 * DAY)
    assert (payout(driver).unknown_lines, alerts(driver, "payout_sum_mismatch")) == (1, [])
    driver.pipe(replace(line(net=9_700), event_id="S-again", occurred_at=NOON + DAY))
    driver.pipe(booked())
    driver.run()
    assert (payout(driver).unknown_lines, payout(driver).status) == (0, "reconciled")


def test_decisions_reach_payouts_and_entries() -> None:
    driver = Driver(now=NOON)
    driver.pipe(report(), line(), booked("n2", amount=5))
    driver.advance(NOON + 5 * DAY)
    for number, one in enumerate((*alerts(driver, "deposit_missing"), *alerts(driver, "bank_entry_unexplained"))):
        driver.pipe(
            BreakDecided(
                event_id=f"D{number}",
                occurred_at=NOON + 6 * DAY,
                decision_id=f"d{number}",
                key_kind=one.key_kind,
                key=one.key,
                break_id=one.break_id,
                action="ACCEPT",
                actor="kim",
                reason="the bank's own entry",
                break_class=one.break_class.value,
                drift_minor=one.drift_minor,
                evidence=one.evidence,
            )
        )
    driver.run()
    states = {
        one.key: (one.lifecycle, one.decision and one.decision.state)
        for one in driver.emitted(topics.MISMATCH_ALERTS)
        if one.key_kind != "payment"
    }  # type: ignore[union-attr]
    assert states == {KEY: ("updated", "accept_requested"), "A/n2": ("accepted", "accepted")}
    assert payout(driver).status == "exception"


@pytest.mark.parametrize("where", Crash)
@pytest.mark.parametrize("lose_disk", [False, True])
@pytest.mark.parametrize("commits_before", range(4))
def test_a_crash_on_the_way_of_a_match(where: Crash, lose_disk: bool, commits_before: int) -> None:
    """The worker dies in each commit: entry and report to their group, what it finds back to both."""
    driver = Driver(now=NOON)
    driver.pipe(booked(), report(), line(), booked("n2", names="po2"), report(payout_id="po2"))

    def read() -> None:
        driver.worker.read_watermarks()
        driver.worker.ask()
        for source in list(driver.worker.engine.expected):
            driver.worker.read(source, 10)

    for _ in range(commits_before):
        read()
        driver.worker.commit()
    read()
    driver.crash(where, lose_disk=lose_disk)
    driver.run()
    driver.advance(NOON + 30 * DAY)
    assert (payout(driver).status, entries(driver)) == ("reconciled", [("n1", "amount")])
    assert entries(driver, "acme/po2") == [("n2", "named")]
    assert alerts(driver, "bank_entry_unexplained") == alerts(driver, "deposit_missing") == []
    versions = [one.version for one in driver.emitted(topics.PAYOUT_RECONCILIATIONS) if one.payout_id == "po1"]  # type: ignore[union-attr]
    assert versions == sorted(set(versions))


def test_keys_of_several_workers() -> None:
    """Every fact and every answer travels to another worker, in whatever order their commits come."""
    world = World(partitions=4, now=NOON)
    shares = units(world)
    workers = [Worker(world) for _ in range(3)]
    for number, worker in enumerate(workers):
        worker.assign([source for share in shares[number::3] for source in share], world.broker.generation)
    for number in range(40):
        paid = replace(report(payout_id=f"po{number}"), amount_minor=1_000 + number, other_minor=1_000 + number)
        world.pipe(replace(paid, arrival_date=TODAY + number))
        world.pipe(booked(f"n{number}", amount=1_000 + number, day=TODAY + number))
    for _ in range(10):
        for worker in workers:
            worker.run_until_idle()
    assert {key: entries(world, key) for key in world.last(topics.PAYOUT_RECONCILIATIONS)} == {
        f"acme/po{number}": [(f"n{number}", "amount")] for number in range(40)
    }


def test_what_comes_back_changes_nothing_that_was_sent_to_the_group() -> None:
    """The promise of a late input: else the watermarks of the tables would have to wait for each other."""
    driver = Driver(now=NOON)
    driver.pipe(report(), line(), booked())
    driver.advance(NOON + 30 * DAY)
    assert entries(driver) == [("n1", "amount")]
    group = match_key("A", "USD", 9_600)
    unpack = bundles.decoder_of(topics.MATCH_FACTS)
    sent: list[OpenEntry | OpenPayout] = [
        fact for record in driver.world.broker.records(topics.MATCH_FACTS) for fact in unpack(record.value or b"")
    ]
    assert all(fact.match_key == group for fact in sent)
    table = next(table for table in driver.worker.tables.values() if table.spec.key == "match_key")
    (found,) = [e for e in (table.entry(n, group) for n in range(3)) if e.state.entries]
    assert len(found.state.entries) == len(found.state.payouts) == 1
    before = found.published.version
    driver.advance(NOON + 60 * DAY)
    (found,) = [e for e in (table.entry(n, group) for n in range(3)) if e.state.entries]
    assert found.published.version == before


def test_a_payout_of_which_a_decision_alone_is_known_has_no_record() -> None:
    driver = Driver(now=NOON)
    driver.pipe(
        BreakDecided(
            event_id="D",
            occurred_at=NOON,
            decision_id="d",
            key_kind="payout",
            key=KEY,
            break_id="0" * 32,
            action="COMMENT",
            actor="kim",
            reason="where is it?",
        ),
        matched(),
    )
    driver.advance(NOON + 30 * DAY)
    assert driver.last(topics.PAYOUT_RECONCILIATIONS) == {}
    assert driver.emitted(topics.MISMATCH_ALERTS) == []
    driver.pipe(booked())
    driver.run()
    assert (payout(driver).status, entries(driver)) == ("exception", [("n1", "person")])
    assert [one.key for one in alerts(driver, "payout_unreported")] == [KEY]
    driver.pipe(matched("po9", at=NOON + 3 * DAY))
    driver.run()
    values = [r.value for r in driver.world.broker.records(topics.PAYOUT_RECONCILIATIONS) if r.key == KEY.encode()]
    assert values[-1] is None, "the entry has gone, and nothing else is known of it"
    assert driver.worker.tables[PayoutState]

"""What is counted, and when: what holds, once; and nothing of what does not. Over the production wiring in process."""

from collections.abc import Iterable
from typing import get_args

import msgspec
import pytest
from prometheus_client.core import Metric

from domain.ach_returns import AchReturns
from domain.facts import (
    BankEntryBooked,
    BreakDecided,
    DecisionAction,
    ObligationCharged,
    PaymentInitiated,
    PaymentPosted,
    PayoutReported,
    ProcessorSettled,
)
from domain.obligations.state import ObligationState
from domain.records import BreakClass, DecisionState, MatchedBy, PayoutStatus
from domain.tally import Tally
from domain.time import DAY, HOUR
from sinks.metrics import Machinery, Metrics, answer, names_of
from streams import topics
from streams.topology import TOPOLOGY
from streams.transport.commit import Commit, CommitCounts
from streams.transport.commit_listener import CommitDetails
from tests.kit.driver import Driver, all_sources

NOW = 20_605 * DAY
MACHINERY = Machinery(
    live=True,
    ready=True,
    partitions={"payment-facts": 3},
    lag={"ledger-events": 5},
    inputs_caught_up_to={"ledger-events": None},
    caught_up_to=None,
    newest_ms={},
    recovery_remaining=0,
    recovery_seconds=1.5,
    pending=2,
)

CHARGE = ObligationCharged(
    event_id="e0",
    occurred_at=NOW - DAY,
    obligation_id="O1",
    lease_id="L",
    tenant_id="T",
    property_id="H",
    period="2026-06",
    amount_minor=900,
    currency="USD",
    due_date=20_700,
    time_zone="UTC",
    grace_days=5,
    installments=(),
)
INITIATED = PaymentInitiated(
    event_id="e1",
    occurred_at=NOW - 2 * HOUR,
    payment_id="P1",
    tenant_id="T",
    property_id="H",
    obligation_id="O1",
    installment_id=None,
    amount_minor=900,
    currency="USD",
    method="CARD",
    processor="acme",
    processor_reference=None,
)
SETTLED = ProcessorSettled(
    event_id="e2",
    occurred_at=NOW - HOUR,
    payment_id="P1",
    processor="acme",
    processor_reference="R1",
    outcome="SETTLED",
    gross_minor=950,
    fee_minor=0,
    net_minor=950,
    currency="USD",
    reason_code=None,
    payout_id=None,
    value_date=None,
)
POSTED = PaymentPosted(
    event_id="e3",
    occurred_at=NOW,
    obligation_id="O1",
    posting_id="J1",
    payment_id="P1",
    installment_id=None,
    amount_minor=950,
    currency="USD",
)


class Watched:
    """A driver whose commits are told as the commit loop reports them."""

    def __init__(self) -> None:
        self.driver = Driver(partitions=1, now=NOW)
        self.metrics = Metrics("1.2.3", lambda: self.driver.world.now, names_of(TOPOLOGY))

    def freeze(self) -> Commit:
        """Read, and close the transaction; nothing of it is written yet."""
        worker = self.driver.worker
        for source in list(worker.engine.expected):
            worker.read(source, 100)
        commit = worker.engine.prepare_commit()
        assert commit is not None
        return commit

    def commit(self) -> Commit:
        """The same, and the transaction holds."""
        commit, worker = self.freeze(), self.driver.worker
        worker.world.broker.transact(worker.generation, commit)
        worker.write(commit)
        worker.engine.committed(commit)
        commit.count_outputs()
        self.metrics.committed(
            CommitDetails(
                counts=commit.counts,
                records=len(commit),
                keys=commit.keys,
                seconds=0.02,
                occurred=commit.occurred,
                stamped_ms=commit.stamped_ms,
            )
        )
        return commit

    def give_up(self) -> None:
        """Lose what is on its way, as at a rebalance, and go on from what is committed."""
        worker = self.driver.worker
        worker.engine.revoked()
        worker.assign(all_sources(worker.world), worker.generation)

    def tally(self) -> Tally:
        """Of the obligations, for whoever scrapes now."""
        return self.driver.worker.tables[ObligationState].tallies.committed.get(0, Tally())

    def told(self) -> dict[tuple[str, ...], float]:
        """The samples of the counters that are not 0."""
        return {key: value for key, value in all_samples(self.metrics.registry.collect()).items() if value}


def all_samples(families: Iterable[Metric]) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def counts(told: dict[tuple[str, ...], float], name: str) -> dict[tuple[str, ...], float]:
    return {key[1:]: value for key, value in told.items() if key[0] == name}


def test_what_a_transaction_did_is_counted_once_it_holds() -> None:
    watched = Watched()
    watched.driver.pipe(CHARGE, INITIATED, SETTLED, SETTLED, POSTED)
    watched.driver.pipe(b"nonsense", topic=topics.LEDGER_EVENTS)
    commit = watched.commit()
    told = watched.told()
    assert counts(told, "rentmatch_events_total") == {
        ("routed", "ledger-events", "ObligationCharged"): 1,
        ("routed", "ledger-events", "PaymentPosted"): 1,
        ("routed", "payment-initiated", "PaymentInitiated"): 1,
        ("routed", "processor-settled", "ProcessorSettled"): 2,
        ("dead_letter", "ledger-events", "unknown"): 1,
    }
    assert counts(told, "rentmatch_dead_letters_total") == {("unknown_framing", "ledger-events"): 1}
    # A payment learns three facts and hears one again; the obligation learns its charge and the payment's part, and the
    # attempt's reference, twice, for whom it settled.
    assert counts(told, "rentmatch_facts_total") == {
        ("learned", "payments"): 3, ("repeated", "payments"): 1, ("learned", "obligations"): 2,
        ("learned", "references"): 1, ("repeated", "references"): 1,
    }  # fmt: skip
    assert counts(told, "rentmatch_break_transitions_total") == {
        ("settlement_amount_mismatch", "opened"): 1, ("overpayment", "opened"): 1,
    }  # fmt: skip
    assert counts(told, "rentmatch_outputs_total") == {
        ("payment-reconciliations",): 1, ("obligation-reconciliations",): 1, ("mismatch-alerts",): 2,
        ("dead-letter",): 1,
    }  # fmt: skip
    assert told["rentmatch_commits_total",] == 1
    assert told["rentmatch_commit_records_sum",] == len(commit)
    assert told["rentmatch_commit_keys_sum",] == commit.keys == sum(len(write.changes) for write in commit.table_writes)
    assert len(commit) == sum(map(len, commit.records.values())) + 1


def test_what_does_not_hold_is_not_counted_and_is_counted_once_when_it_is_read_again() -> None:
    watched = Watched()
    watched.driver.pipe(CHARGE, INITIATED)
    watched.freeze()
    assert watched.told() == {}
    watched.give_up()
    watched.commit()
    assert sum(counts(watched.told(), "rentmatch_events_total").values()) == 2


def test_latency_is_that_of_the_first_and_the_last_event_of_a_batch() -> None:
    watched = Watched()
    late = msgspec.structs.replace(INITIATED, event_id="e9", occurred_at=NOW - 5 * HOUR, payment_id="P2")
    for fact in (INITIATED, late, INITIATED):
        watched.driver.pipe(fact)
    commit = watched.commit()
    assert commit.occurred == [NOW - 2 * HOUR, NOW - 2 * HOUR]
    told = watched.told()
    assert told["rentmatch_event_latency_seconds_count", "occurred"] == 2
    assert told["rentmatch_event_latency_seconds_sum", "occurred"] == pytest.approx(4 * 3_600)


def test_a_record_without_a_timestamp_has_no_latency() -> None:
    metrics = Metrics("1", lambda: NOW, names_of(TOPOLOGY))
    metrics.committed(
        CommitDetails(counts=CommitCounts(), records=1, keys=1, seconds=0.1, occurred=[], stamped_ms=[-1, -1])
    )
    told = all_samples(metrics.registry.collect())
    assert told["rentmatch_event_latency_seconds_count", "broker"] == 0


def test_every_series_of_a_closed_list_is_there_before_its_first_event() -> None:
    metrics = Metrics("1.2.3", lambda: NOW, names_of(TOPOLOGY))
    told = all_samples(metrics.families({}, MACHINERY))
    assert told["rentmatch_payments", "exception"] == 0
    assert told["rentmatch_obligations_ageing", "days_over_90"] == 0
    assert len(counts(told, "rentmatch_open_breaks")) == len(BreakClass)
    assert len(counts(told, "rentmatch_payments_by_legs")) == 7
    assert len(counts(told, "rentmatch_break_transitions_total")) == 4 * len(BreakClass)
    assert len(counts(told, "rentmatch_accepted_breaks")) == len(BreakClass)
    assert counts(told, "rentmatch_references") == {("held",): 0, ("suspense",): 0, ("claimed_twice",): 0}
    assert counts(told, "rentmatch_payouts") == {(status,): 0 for status in PayoutStatus}
    assert counts(told, "rentmatch_bank_entries") == {(by,): 0 for by in (*MatchedBy, "unmatched")}
    assert len(counts(told, "rentmatch_breaks_by_decision")) == len(DecisionState)
    assert counts(told, "rentmatch_decisions_total") == {(action,): 0 for action in get_args(DecisionAction)}
    assert told["rentmatch_events_total", "routed", "ledger-events", "PlanChanged"] == 0
    assert told["rentmatch_build_info", "1.2.3"] == 1
    # What is not known is absent, and not 0: 0 is an instant in 1970.
    assert not {key for key in told if key[0] == "rentmatch_waiting_since_timestamp_seconds"}
    assert not {key for key in told if key[0] == "rentmatch_caught_up_timestamp_seconds"}
    assert told["rentmatch_input_lag_records", "ledger-events"] == 5
    assert told["rentmatch_pending_keys",] == 2


def test_gauges_are_of_what_is_committed() -> None:
    """A transaction that is still on its way may yet fail."""
    watched = Watched()
    watched.driver.pipe(CHARGE)
    watched.freeze()
    assert watched.tally() == Tally()
    watched.give_up()
    watched.commit()
    assert watched.tally().sums["status", "open"] == (1,)
    # The next owner of the partition counts it from now on.
    watched.driver.worker.engine.revoked()
    assert watched.tally() == Tally()


def test_suspense_decisions_and_acceptances_are_counted() -> None:
    """A reference that nobody holds is accepted by one person, which a second one has to approve."""
    watched = Watched()
    unkeyed = msgspec.structs.replace(SETTLED, payment_id=None, occurred_at=NOW - 3 * DAY)
    watched.driver.pipe(unkeyed)
    watched.driver.run()
    (alert,) = watched.driver.last(topics.MISMATCH_ALERTS).values()

    def decide(number: int, action: str, actor: str, **more: object) -> None:
        watched.driver.pipe(
            BreakDecided(
                event_id=f"d{number}", occurred_at=NOW + number, decision_id=f"D{number}", key_kind=alert.key_kind,
                key=alert.key, break_id=alert.break_id, action=action, actor=actor, reason="known", **more,
            )
        )  # fmt: skip
        watched.commit()

    def told() -> dict[tuple[str, ...], float]:
        tallies = {table.spec.name: table.tallies.committed.values() for table in watched.driver.worker.tables.values()}
        found = all_samples(watched.metrics.families(tallies, MACHINERY))
        return {key: value for key, value in found.items() if value}

    since = "rentmatch_waiting_since_timestamp_seconds"
    assert told()["rentmatch_references", "suspense"] == 1
    assert told()["rentmatch_suspense_minor", "USD"] == 950
    assert told()["rentmatch_open_breaks", "reference_unknown", "1"] == 1
    assert counts(told(), since) == {("suspense",): (NOW - 3 * DAY) / 1e6}
    decide(1, "ACCEPT", "one", break_class=alert.break_class, drift_minor=950, evidence=alert.evidence)
    assert counts(told(), "rentmatch_breaks_by_decision") == {("accept_requested",): 1}
    assert told()["rentmatch_open_breaks", "reference_unknown", "1"] == 1
    assert counts(told(), since) == {("suspense",): (NOW - 3 * DAY) / 1e6, ("approval",): NOW / 1e6}
    decide(2, "APPROVE", "two", refers_to="D1")
    assert counts(told(), "rentmatch_breaks_by_decision") == {("accepted",): 1}
    assert counts(told(), "rentmatch_accepted_breaks") == {("reference_unknown", "1"): 1}
    assert counts(told(), "rentmatch_accepted_gross_drift_minor") == {("reference_unknown", "USD"): 950}
    assert counts(told(), "rentmatch_open_breaks") == {}
    assert counts(told(), since) == {}
    assert counts(told(), "rentmatch_decisions_total") == {("ACCEPT",): 1, ("APPROVE",): 1}
    assert counts(told(), "rentmatch_break_transitions_total") == {
        ("reference_unknown", "updated"): 1, ("reference_unknown", "accepted"): 1,
    }  # fmt: skip
    decide(3, "WITHDRAW", "two", refers_to="D2")
    assert counts(told(), "rentmatch_open_breaks") == {("reference_unknown", "1"): 1}


def test_a_payout_goes_from_under_way_to_the_account() -> None:
    watched = Watched()
    watched.driver.pipe(
        msgspec.structs.replace(SETTLED, payout_id="po1"),
        PayoutReported("y1", NOW, "acme", "po1", "PAID", 940, other_minor=-10, currency="USD", arrival_date=20_606,
                       account_id="A"),
        BankEntryBooked("b1", NOW, "A", "n1", -7, currency="EUR", booking_date=20_605),
    )  # fmt: skip
    watched.driver.run()

    def told() -> dict[tuple[str, ...], float]:
        tallies = {table.spec.name: table.tallies.committed.values() for table in watched.driver.worker.tables.values()}
        found = all_samples(watched.metrics.families(tallies, MACHINERY))
        return {key: value for key, value in found.items() if value}

    since = "rentmatch_waiting_since_timestamp_seconds"
    assert counts(told(), "rentmatch_payouts") == {("in_transit",): 1}
    assert counts(told(), "rentmatch_payouts_collected_minor") == {("USD", "in_transit"): 940}
    assert counts(told(), "rentmatch_under_way_minor") == {("USD",): 940}
    assert counts(told(), "rentmatch_bank_entries") == {("unmatched",): 1}
    assert counts(told(), "rentmatch_unmatched_entries_minor") == {("EUR",): 7}
    assert told()[since, "under_way"] == 20_606 * DAY / 1e6
    watched.driver.pipe(BankEntryBooked("b2", NOW, "A", "n2", 940, currency="USD", booking_date=20_606))
    watched.driver.run()
    assert counts(told(), "rentmatch_payouts") == {("reconciled",): 1}
    assert counts(told(), "rentmatch_payouts_deposited_minor") == {("USD", "reconciled"): 940}
    assert counts(told(), "rentmatch_under_way_minor") == {}
    assert counts(told(), "rentmatch_bank_entries") == {("amount",): 1, ("unmatched",): 1}
    assert (since, "under_way") not in told()
    watched.driver.advance(NOW + 9 * DAY)
    assert told()["rentmatch_open_breaks", "bank_entry_unexplained", "2"] == 1
    # The end of Wednesday in Brussels, two banking days after Monday, is still Wednesday in UTC.
    assert told()[since, "unexplained"] == 20_607 * DAY / 1e6


def test_a_scrape_does_not_grow_with_what_is_kept() -> None:
    metrics = Metrics("1", lambda: NOW, names_of(TOPOLOGY))
    tally = Tally(ach=AchReturns({20_605 - back: (9, 1, 1, 1) for back in range(75)}))
    for break_class in BreakClass:
        for currency in ("USD", "CAD"):
            tally.put(("break", break_class.value, currency), (10**6, 10**12, -(10**12)))
    families = metrics.families({"payments": [tally] * 64, "obligations": [tally] * 64}, MACHINERY)
    response = answer(families, "")
    assert response.content_type == "text/plain"
    assert isinstance(response.body, bytes)
    assert len(response.body) < 100_000
    told = all_samples(families)
    assert told["rentmatch_open_breaks", "overpayment", "3"] == 2 * 128 * 10**6
    assert told["rentmatch_break_net_drift_minor", "overpayment", "CAD"] == -128 * 10**12
    assert told["rentmatch_ach_entries_60d",] == 64 * 60 * 9

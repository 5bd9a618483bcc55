"""Values that version 1 wrote are taken over: read, gone through once, and written in the form of today.

`version_1/*.hex` holds the bytes that tests/domain/test_packed_bytes.py wrote with version 1 of the contract.
"""

import sys
from pathlib import Path

import msgspec
import pytest

from domain.facts import PostingReversed, ProcessorSettled
from domain.obligations.view import ObligationState
from domain.payments.view import PaymentState
from domain.publishing import Published, send_again
from domain.records import BreakClass, MismatchAlert, PaymentReconciliation
from domain.references.state import ReferenceState
from domain.time import DAY, HOUR
from streams import topics
from streams.transport.batch import TopicPartition
from streams.transport.watermarks import Watermark
from tables.packing import AMONG_VERSION_1, DEADLINE_BYTES, FORMAT, Unpacker, is_outdated, pack
from tables.store import TALLY_KEY, TablePartition
from tables.tallies import unpack_tally
from tests.kit.driver import Crash, Driver
from tests.kit.scenario_words import instant

FOLDER = Path(__file__).parent / "version_1"
AT = instant("2026-01-10 12:00")


def golden(name: str) -> bytes:
    return bytes.fromhex((FOLDER / f"{name}.hex").read_text())


def test_a_payment_of_version_1_is_read() -> None:
    value = golden("payment")
    assert is_outdated(value)
    state, published = Unpacker(PaymentState)(value)
    assert state.initiation is not None
    assert (state.initiation.obligation_id, state.initiation.amount_minor) == ("O1", 10_000)
    assert state.initiation.version_1 is not None
    assert not state.initiation.conflict
    settled, returned = state.attempts["acme"]["R1"].values()
    assert settled.conflict  # two amounts; which, version 1 did not keep
    assert set(settled.event_ids()) == {"e03", "e04"}
    assert (returned.gross_minor, returned.reason_code) == (10_000, "R01")
    assert {posting.obligation_id for posting in state.postings.values()} == {"O1", "O2"}
    assert published.breaks
    assert not is_outdated(pack(AT, state, published))


def test_an_obligation_of_version_1_is_read() -> None:
    state, published = Unpacker(ObligationState)(golden("obligation"))
    assert state.charge is not None
    assert [one.amount_minor for one in state.charge.installments] == [20_000, 10_000]
    assert state.plans[1].installments
    assert state.adjustments["D1"].amount_delta_minor == -2_000
    assert all(len(one.shares) == 1 for one in state.applications.values() if one.initiated)
    assert published.late


def test_what_version_1_wrote_is_no_state_for_a_worker_of_version_1_any_more() -> None:
    """A worker of version 1 must stop at a value of version 2: it would drop what it does not know."""
    state, published = Unpacker(PaymentState)(golden("payment"))
    value = pack(AT, state, published)
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(value[DEADLINE_BYTES:], type=tuple[PaymentState, Published])


class Upgraded(Driver):
    """A worker that takes over what a worker of version 1 has left: changelogs, tallies, watermarks."""

    def __init__(self) -> None:
        super().__init__(partitions=1, now=AT)
        broker = self.world.broker
        for changelog, key, name in (
            (topics.PAYMENTS_CHANGELOG, b"P1", "payment"),
            (topics.PAYMENTS_CHANGELOG, TALLY_KEY, "payments-tally"),
            (topics.OBLIGATIONS_CHANGELOG, b"O1", "obligation"),
            (topics.OBLIGATIONS_CHANGELOG, TALLY_KEY, "obligations-tally"),
        ):
            broker.publish(changelog, key, golden(name), 0)
        for topic in (topics.PAYMENT_FACTS, topics.OBLIGATION_FACTS):
            mark = Watermark(caught_up=AT, offset=0, passed=AT, partitions=1)
            key = f"{topic.name}:0".encode()
            broker.publish(topics.PROGRESS, key, msgspec.msgpack.encode(mark), 0)
        self.worker = self._start(None)


def test_a_takeover_publishes_everything_once_in_the_new_form() -> None:
    driver = Upgraded()
    driver.run()
    payment = driver.last(topics.PAYMENT_RECONCILIATIONS)["P1"]
    assert isinstance(payment, PaymentReconciliation)
    assert [one.obligation_id for one in payment.allocations] == ["O1"]
    alerts = [alert for alert in driver.last(topics.MISMATCH_ALERTS).values() if isinstance(alert, MismatchAlert)]
    assert alerts
    assert all(alert.evidence for alert in alerts)
    assert BreakClass.CONFLICTING_FACT in {alert.break_class for alert in alerts}
    store = driver.worker.store
    for table, key in ((b"p", "P1"), (b"o", "O1")):
        value = store.get(TablePartition(table, 0), key)
        assert value is not None
        assert not is_outdated(value)
        tally = store.tally(TablePartition(table, 0))
        assert tally is not None
        assert unpack_tally(tally).format == FORMAT
    written = len(list(driver.world.broker.records(topics.PAYMENTS_CHANGELOG)))
    driver.worker = driver._start(None)  # another takeover finds nothing to do
    driver.run()
    assert len(list(driver.world.broker.records(topics.PAYMENTS_CHANGELOG))) == written


def test_no_deadline_that_has_passed_is_taken_back_by_a_takeover() -> None:
    """The new internal topics have no watermark at first: views must not be derived as if nothing were caught up."""
    driver = Upgraded()
    driver.run()
    late = driver.emitted(topics.LATE_PAYMENT_ALERTS)
    assert not [alert for alert in late if getattr(alert, "lifecycle", "") in {"cured", "cancelled"}]
    resolved = [
        alert for alert in driver.emitted(topics.MISMATCH_ALERTS) if getattr(alert, "lifecycle", "") == "resolved"
    ]
    assert not resolved


def test_a_record_without_payment_id_finds_an_attempt_that_version_1_knew() -> None:
    driver = Upgraded()
    driver.run()
    driver.pipe(
        ProcessorSettled(
            event_id="late-return",
            occurred_at=AT + HOUR,
            payment_id=None,
            processor="acme",
            processor_reference="rf1",
            outcome="REFUNDED",
            gross_minor=500,
            fee_minor=None,
            net_minor=None,
            currency="USD",
            reason_code=None,
            payout_id=None,
            value_date=None,
            original_reference="R1",
        )
    )
    driver.advance(AT + DAY)
    payment = driver.last(topics.PAYMENT_RECONCILIATIONS)["P1"]
    assert isinstance(payment, PaymentReconciliation)
    assert payment.settled.refunded_minor == 500


def test_a_crash_during_the_takeover_loses_nothing() -> None:
    for where in Crash:
        driver = Upgraded()
        driver.worker.read_watermarks()
        driver.crash(where, lose_disk=where is Crash.BEFORE_STORE)
        driver.run()
        value = driver.worker.store.get(TablePartition(b"p", 0), "P1")
        assert value is not None
        assert not is_outdated(value)
        assert TopicPartition(topics.PAYMENT_FACTS, 0) in driver.worker.engine.expected


def test_while_version_1_takes_part_nothing_is_settled() -> None:
    """What is written then is in a form of its own, and is gone through and sent again when version 1 is gone."""
    driver = Upgraded()
    source = TopicPartition(topics.PAYMENT_FACTS, 0)
    engine = driver.worker.engine
    engine._version_1_until = {
        TopicPartition(topic, 0): sys.maxsize for stage in engine._stages if stage.table for topic in stage.inputs
    }
    driver.run()
    place = TablePartition(b"p", 0)
    driver.pipe(
        PostingReversed("rv", AT, obligation_id="O1", reversal_id="rv", posting_id="none", payment_id="P1",
                        amount_minor=1, currency="USD", reason="r")
    )  # fmt: skip
    driver.run()
    value = driver.worker.store.get(place, "P1")
    assert value is not None
    assert is_outdated(value)
    assert value[DEADLINE_BYTES + 1] == AMONG_VERSION_1

    engine._version_1_until = {source: engine.expected[source]}
    driver.run()
    value = driver.worker.store.get(place, "P1")
    assert value is not None
    assert not is_outdated(value)
    state = driver.worker.store.get(TablePartition(b"r", 0), "acme/R1")
    assert state is not None
    reference, _ = Unpacker(ReferenceState)(state)
    assert set(reference.attempt_claims) == {"P1"}


def test_what_was_sent_among_version_1_is_sent_again() -> None:
    published = Published(applications={"O1": b"digest"})
    send_again(published)
    assert published.applications == {"O1": b""}  # and if the payment is for it no more, that is sent

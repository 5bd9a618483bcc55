"""rentmatch itself, as one of the programs that are measured in turn."""

from pathlib import Path

from benchmarks.peers.model import BREAKS, Peer
from benchmarks.running import RECOVERED
from benchmarks.versus_input import Outcomes
from domain.records import MismatchAlert, ObligationReconciliation, PaymentReconciliation
from domain.time import Micros
from streams.codec.codec import Codec
from streams.topics import Topic
from tools.local.worker import REPOSITORY

_CODEC = Codec()


def read(found: Outcomes, topic: Topic, key: bytes, value: bytes) -> None:
    """Add a record that rentmatch wrote."""
    record = _CODEC.decode_output(value)
    if isinstance(record, PaymentReconciliation):
        assert record.initiated is not None
        settled = record.settled
        found.add_payment(
            record.payment_id,
            record.initiated.amount_minor,
            settled.gross_minor,
            settled.returned_minor + settled.refunded_minor + settled.charged_back_minor,
            record.posted.net_minor,
        )
    elif isinstance(record, ObligationReconciliation):
        covered = {row.installment_id: sum(row.paid.values()) for row in record.installments}
        found.add_obligation(record.obligation_id, record.charged_minor, record.paid_minor, covered)
    elif isinstance(record, MismatchAlert) and record.lifecycle != "resolved" and record.break_class in BREAKS:
        found.add_break(record.key, record.break_class)


def rests_on(topic: Topic, value: bytes) -> tuple[str, Micros]:
    """The key of a reconciliation that rentmatch wrote, and the latest `occurred_at` of the events that it includes."""
    record = _CODEC.decode_output(value)
    if isinstance(record, PaymentReconciliation):
        return record.payment_id, record.rests_on
    assert isinstance(record, ObligationReconciliation), topic.name
    return record.obligation_id, record.rests_on


def rentmatch(code: Path = REPOSITORY) -> Peer:
    """Describe rentmatch, run from this folder: a checkout or an unpacked wheel."""
    return Peer(
        name="rentmatch",
        title="rentmatch",
        exactly_once=True,
        process=lambda deployment, directory: deployment.worker(directory, code=code),
        read=read,
        has_read=lambda deployment: deployment.is_read(),
        recovered=RECOVERED,
        rests_on=rests_on,
    )

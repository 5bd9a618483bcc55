"""Facts that lie on the broker and that no worker has committed yet: what a changelog does not say."""

from collections.abc import Iterator
from typing import Any

from confluent_kafka import KafkaException

from domain.bank_entries import view as bank_entry
from domain.bank_entries.view import BankEntryState
from domain.facts import EntryMatched, PaymentReassigned, ReferenceAssigned
from domain.payments import view as payment
from domain.payments.view import PaymentState
from domain.references import view as reference
from domain.references.view import ReferenceState
from ops.breaks.from_topics import TopicSource
from ops.console import fail
from streams import topics
from streams.broker import reading
from streams.codec import bundles
from streams.codec.codec import Codec, codec_of
from streams.codec.dead_letters import BadInput
from streams.settings import Settings
from streams.topics import Topic, TopicRole
from tables.recovery import LogOffsets


def payment_with_unread_moves(settings: Settings, payment_id: str) -> PaymentState | None:
    """Give a payment as workers have committed it, with the reassignments that they have not read yet.

    Raises:
        BrokerError: no broker answers, or a topic does not exist.

    """
    # In the order of flow, the changelog last: a fact that a worker reads meanwhile is seen further down.
    unread = [*_unread(settings, topics.PAYMENT_INITIATED), *_unread(settings, topics.PAYMENT_FACTS)]
    state = TopicSource(settings).state_of(PaymentState, payment_id)
    if state is not None:
        for fact in unread:
            if isinstance(fact, PaymentReassigned) and fact.payment_id == payment_id:
                payment.apply(state, fact)
    return state


def reference_with_unread_assignments(settings: Settings, key: str) -> ReferenceState | None:
    """Give a reference as workers have committed it, with the assignments that they have not read yet.

    Raises:
        BrokerError: no broker answers, or a topic does not exist.

    """
    unread = [*_unread(settings, topics.PAYMENT_INITIATED), *_unread(settings, topics.REFERENCE_FACTS)]
    state = TopicSource(settings).state_of(ReferenceState, key)
    for fact in unread:
        if isinstance(fact, ReferenceAssigned) and fact.reference_key == key:
            state = state or reference.new_reference(key)
            reference.apply(state, fact)
    return state


def entry_with_unread_matches(settings: Settings, key: str) -> BankEntryState | None:
    """Give a bank entry as workers have committed it, with the matches by people that they have not read yet.

    Raises:
        BrokerError: no broker answers, or a topic does not exist.

    """
    unread = [*_unread(settings, topics.BANK_ENTRIES), *_unread(settings, topics.BANK_ENTRY_FACTS)]
    state = TopicSource(settings).state_of(BankEntryState, key)
    for fact in unread:
        if isinstance(fact, EntryMatched) and fact.bank_entry_key == key:
            state = state or bank_entry.new_bank_entry(key)
            bank_entry.apply(state, fact)
    return state


def _unread(settings: Settings, topic: Topic) -> Iterator[Any]:
    """Give the facts of a topic after the offsets that the workers have committed."""
    bounds = reading.bounds(settings, topic)
    name = settings.topic(topic)
    log_offsets = LogOffsets(settings.kafka(), settings.application_id)
    try:
        committed = log_offsets.committed([(name, number) for number in bounds])
    except KafkaException as error:
        fail(f"the broker does not give the offsets of the group {settings.application_id}: {error.args[0].str()}")
    finally:
        log_offsets.close()
    begins = {number: max(low, committed.get((name, number), 0)) for number, (low, _) in bounds.items()}
    ends = {number: high for number, (_, high) in bounds.items()}
    codec = codec_of(settings)
    for record in reading.records_between(settings, topic, begins, ends):
        yield from _facts(codec, record)


def _facts(codec: Codec, record: reading.ConsumedRecord) -> list[Any]:
    if record.topic.role is TopicRole.INTERNAL:
        return [] if record.value is None else bundles.decoder_of(record.topic)(record.value)
    try:
        return [codec.decode_input(record.topic, record.value, record.headers)]
    except BadInput:
        return []  # the workers make it a dead letter

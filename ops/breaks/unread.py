"""States as workers have committed them, with the decisions of people that no worker has read yet."""

from domain.bank_entries import view as bank_entry
from domain.bank_entries.view import BankEntryState
from domain.facts import EntryMatched, PaymentReassigned, ReferenceAssigned
from domain.payments import view as payment
from domain.payments.view import PaymentState
from domain.references import view as reference
from domain.references.view import ReferenceState
from gateway.commands.unread import unread
from ops.breaks.from_topics import TopicSource
from streams import topics
from streams.codec.codec import codec_of
from streams.settings import Settings


def payment_with_unread_moves(settings: Settings, payment_id: str) -> PaymentState | None:
    """Give a payment as workers have committed it, with the reassignments that they have not read yet.

    Raises:
        BrokerError: no broker answers, or a topic does not exist.

    """
    codec = codec_of(settings)
    # In the order of flow, the changelog last: a fact that a worker reads meanwhile is seen further down.
    facts = [*unread(settings, codec, topics.PAYMENT_INITIATED), *unread(settings, codec, topics.PAYMENT_FACTS)]
    state = TopicSource(settings).state_of(PaymentState, payment_id)
    if state is not None:
        for fact in facts:
            if isinstance(fact, PaymentReassigned) and fact.payment_id == payment_id:
                payment.apply(state, fact)
    return state


def reference_with_unread_assignments(settings: Settings, key: str) -> ReferenceState | None:
    """Give a reference as workers have committed it, with the assignments that they have not read yet.

    Raises:
        BrokerError: no broker answers, or a topic does not exist.

    """
    codec = codec_of(settings)
    facts = [*unread(settings, codec, topics.PAYMENT_INITIATED), *unread(settings, codec, topics.REFERENCE_FACTS)]
    state = TopicSource(settings).state_of(ReferenceState, key)
    for fact in facts:
        if isinstance(fact, ReferenceAssigned) and fact.reference_key == key:
            state = state or reference.new_reference(key)
            reference.apply(state, fact)
    return state


def entry_with_unread_matches(settings: Settings, key: str) -> BankEntryState | None:
    """Give a bank entry as workers have committed it, with the matches by people that they have not read yet.

    Raises:
        BrokerError: no broker answers, or a topic does not exist.

    """
    codec = codec_of(settings)
    facts = [*unread(settings, codec, topics.BANK_ENTRIES), *unread(settings, codec, topics.BANK_ENTRY_FACTS)]
    state = TopicSource(settings).state_of(BankEntryState, key)
    for fact in facts:
        if isinstance(fact, EntryMatched) and fact.bank_entry_key == key:
            state = state or bank_entry.new_bank_entry(key)
            bank_entry.apply(state, fact)
    return state

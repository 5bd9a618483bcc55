"""Where a fact goes: its input topic, and the key of its record there."""

from domain.facts import InputFact, ProcessorSettled
from streams import topics
from streams.topics import Topic

_TOPIC_OF = {record: topic for topic in topics.INPUTS for record in topic.records}


def topic_of(fact: InputFact) -> Topic:
    """The input topic of a fact."""
    return _TOPIC_OF[type(fact)]


def key_of(fact: InputFact) -> bytes:
    """The record key of a fact: the field that its topic is keyed by.

    A settlement record that names no payment has the key of its reference, `processor/reference`.
    """
    if isinstance(fact, ProcessorSettled) and fact.payment_id is None:
        return fact.reference_key.encode()
    return str(getattr(fact, topic_of(fact).key)).encode()

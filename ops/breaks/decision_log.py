"""The log of what people decided: the topic `decisions`, read from its beginning."""

from domain.decisions import Decisions, apply_decision
from domain.facts import BreakDecided
from ops.console import meter
from streams import topics
from streams.broker import reading
from streams.codec.codec import codec_of
from streams.codec.dead_letters import BadInput
from streams.settings import Settings


def decisions_of_key(settings: Settings, key_kind: str, key: str) -> Decisions:
    """Give all decisions about breaks of a key, those included that no worker has read yet.

    Raises:
        BrokerError: no broker answers, or the topic does not exist.

    """
    codec = codec_of(settings)
    found: Decisions = {}
    with meter("reading decisions") as progress:
        for record in reading.records(settings, topics.DECISIONS):
            progress.step()
            try:
                fact = codec.decode_input(topics.DECISIONS, record.value, record.headers)
            except BadInput:
                continue  # the workers make it a dead letter
            if isinstance(fact, BreakDecided) and (fact.key_kind, fact.key) == (key_kind, key):
                apply_decision(found, fact)
    return found

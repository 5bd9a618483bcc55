"""Payouts that wait for further files: kept on a compacted topic of their own, until what is known of them adds up.

What a file says of such a payout is written before the file's records, and then read back with what earlier imports
wrote. So two imports at one time both see what the later of them wrote, and an import that is killed and runs again
ends the same.
"""

from collections.abc import Iterable, Iterator
from hashlib import sha256

import msgspec

from connectors.payout_parts import PayoutParts
from ops.producing import BulkProducer
from streams.broker.cluster import BrokerError
from streams.broker.state_topic import ensure_topic, read_state
from streams.settings import Settings

TOPIC = "import-payouts"
LINES_MAX = 5_000
"""Of a payout, in one record: some 300 kB."""

Key = tuple[str, str, str]

_decode = msgspec.json.Decoder(PayoutParts).decode


def topic_of(settings: Settings) -> str:
    """The full name of the topic."""
    return settings.topic_prefix + TOPIC


def keep(settings: Settings, format_name: str, payouts: Iterable[PayoutParts]) -> list[PayoutParts]:
    """Write what files say of payouts, and read all that is known of these.

    Args:
        settings: the broker.
        format_name: of the files; formats do not mix.
        payouts: what the files say.

    Returns:
        What this import and earlier ones said, in the order in which it was first written.

    Raises:
        BrokerError: no broker answers, or the topic cannot be created, written or read.

    """
    waiting = list(payouts)
    name = topic_of(settings)
    ensure_topic(settings, name, "what was imported of payouts that wait for further files would be forgotten")
    producer = BulkProducer(settings)
    for payout in waiting:
        for part in _portions(payout):
            value = msgspec.json.encode(part)
            key = msgspec.json.encode([format_name, *part.key, sha256(value).hexdigest()[:16]])
            producer.send(name, key, value, label=f"payout {part.payout_id}", partition=0)
    producer.finish()
    if producer.undelivered:
        raise BrokerError(f"{name} cannot be written: {producer.undelivered[0].reason}")
    wanted = {payout.key for payout in waiting}
    return list(_known(settings, format_name, wanted))


def _portions(payout: PayoutParts) -> Iterator[PayoutParts]:
    lines = list(payout.lines.items())
    for at in range(0, max(1, len(lines)), LINES_MAX):
        statements = [] if at else payout.statements
        yield PayoutParts(*payout.key, dict(lines[at : at + LINES_MAX]), statements)


def _known(settings: Settings, format_name: str, wanted: set[Key]) -> Iterator[PayoutParts]:
    for key, value in read_state(settings, topic_of(settings), f"{settings.application_id}-import"):
        format_of_key, *payout, _ = msgspec.json.decode(key)
        if format_of_key == format_name and tuple(payout) in wanted:
            yield _decode(value)

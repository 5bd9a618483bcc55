"""The records of the internal topics: each carries many facts of one partition, packed.

A commit writes at most a few records to each internal partition however many facts it routes, which is most of
what makes a hop cheap. The facts of a bundle keep the order in which they were routed.
"""

from collections.abc import Sequence

import msgspec

from domain.facts import InputFact, ObligationFact, PaymentApplication, PaymentFact

BUNDLE_BYTES = 64 * 1024
"""A bundle is closed when it grows past this; one fact alone may be larger (10,000 installments are legal)."""

_encoder = msgspec.msgpack.Encoder()
_payment_facts = msgspec.msgpack.Decoder(list[PaymentFact])
_obligation_facts = msgspec.msgpack.Decoder(list[ObligationFact | PaymentApplication])


def pack(facts: Sequence[InputFact | PaymentApplication]) -> list[bytes]:
    """Pack facts into as few records as keep each near `BUNDLE_BYTES`."""
    whole = _encoder.encode(facts)
    if len(whole) <= BUNDLE_BYTES or len(facts) == 1:
        return [whole]
    middle = len(facts) // 2
    return pack(facts[:middle]) + pack(facts[middle:])


def payment_facts(value: bytes) -> list[PaymentFact]:
    """The facts of a record of `payment-facts`."""
    return _payment_facts.decode(value)


def obligation_facts(value: bytes) -> list[ObligationFact | PaymentApplication]:
    """The facts of a record of `obligation-facts`."""
    return _obligation_facts.decode(value)

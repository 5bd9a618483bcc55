"""The state of a reference: who claims it, and the settlement records without a payment id (contract section 10).

States are packed as arrays and stored: fields may only be appended, with a default.
"""

import msgspec

from domain.facts import ReferenceFact


class ReferenceState(msgspec.Struct, array_like=True, gc=False):
    """The facts of a reference. It survives a round trip through `msgspec.msgpack`."""

    reference_key: str


def new_reference(reference_key: str) -> ReferenceState:
    """Create the state of a reference without facts."""
    return ReferenceState(reference_key)


def apply(state: ReferenceState, fact: ReferenceFact) -> bool:
    """Apply a fact to a state, in place.

    Returns:
        Whether anything changed; False for a redelivery.

    """
    raise NotImplementedError

"""How much memory the decoded states of a worker take, by estimate.

The estimate follows from the packed size of a state. Counted over 32,000 states of a simulated month, with every object
that they refer to: a payment packs to 398 bytes and takes 3.3 kB, a reference 106 and 1.5 kB, an obligation 930 and
7 kB, a payout 4 kB and 28 kB.
"""

STATE_BYTES = 1_000
"""About what a state takes by itself: its objects, and its places in the tables' dicts."""

BYTES_OF_A_PACKED_BYTE = 6
"""About what each packed byte takes once it is decoded."""

FACT_BYTES = 800
"""About what a fact adds to a decoded state, until the next commit measures it."""


def decoded_bytes(packed_bytes: int) -> int:
    """About the memory that a state takes which packs to so many bytes."""
    return STATE_BYTES + BYTES_OF_A_PACKED_BYTE * packed_bytes

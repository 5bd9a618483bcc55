"""Chooses the programs that `python -m benchmarks versus` measures beside rentmatch."""

from benchmarks.peers.kafka_streams import KAFKA_STREAMS
from benchmarks.peers.model import Peer
from benchmarks.peers.naive_faust import NAIVE_FAUST
from benchmarks.peers.quix import QUIX

PEERS: dict[str, Peer] = {peer.name: peer for peer in (KAFKA_STREAMS, QUIX, NAIVE_FAUST)}
"""By the name on the command line."""


def chosen(names: str) -> list[Peer]:
    """Return the peers of a comma-separated list of names, in its order.

    Raises:
        ValueError: a name is unknown, or twice there, or there is none.

    """
    found = [name.strip() for name in names.split(",")]
    unknown = [name for name in found if name not in PEERS]
    if unknown:
        raise ValueError(f"unknown peer {unknown[0]!r}; there are {', '.join(PEERS)}")
    if len(set(found)) != len(found):
        raise ValueError(f"a peer is named twice: {names}")
    return [PEERS[name] for name in found]

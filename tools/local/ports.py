"""The ports of the topology, all of 127.0.0.1: usual ones, each of which can be another."""

from collections.abc import Iterable, Mapping

from ops.ports import is_free
from tools.local.processes import free_ports

DEFAULTS: Mapping[str, int] = {
    "kafka-1": 9092,
    "kafka-2": 9093,
    "kafka-3": 9094,
    "controller-1": 9192,
    "controller-2": 9193,
    "controller-3": 9194,
    "registry": 8081,
    "mongo": 27017,
    "worker-1": 6066,
    "worker-2": 6067,
    "projector": 6068,
    "prometheus": 9090,
}


class PortError(ValueError):
    """A port cannot be had; the message says which and how to choose another."""


def chosen(given: Iterable[str], *, free: bool = False) -> dict[str, int]:
    """Every port by its name: the given ones (`registry=8085`), else the defaults, or any that are free now.

    Raises:
        PortError: a name is unknown, a number is none, or two are the same.

    """
    ports = dict(zip(DEFAULTS, free_ports(len(DEFAULTS)), strict=True)) if free else dict(DEFAULTS)
    for words in given:
        name, _, number = words.partition("=")
        if name not in DEFAULTS:
            raise PortError(f"no port is called {name!r}; there are {', '.join(DEFAULTS)}")
        if not number.isdecimal() or not 0 < int(number) < 65_536:
            raise PortError(f"{words!r}: a port is a number from 1 to 65535, as in {name}={DEFAULTS[name]}")
        ports[name] = int(number)
    names: dict[int, str] = {}
    for name, port in ports.items():
        if port in names:
            raise PortError(f"{names[port]} and {name} cannot both have port {port}")
        names[port] = name
    return ports


def require_free(ports: Mapping[str, int]) -> None:
    """See that nobody listens on any of them.

    Raises:
        PortError: somebody does; the message names all that are taken.

    """
    taken = {name: port for name, port in ports.items() if not is_free(port)}
    if taken:
        told = ", ".join(f"{port} (for {name})" for name, port in taken.items())
        name, port = next(iter(taken.items()))
        raise PortError(
            f"taken by another process: {told}. End it, or choose another port for each: --port {name}={port + 10_000}"
        )

"""The ports of `make up`, all of 127.0.0.1: usual ones, each of which can be changed."""

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
    "gateway-pages": 6069,
    "gateway": 6070,
    "prometheus": 9090,
}


class PortError(ValueError):
    """A port cannot be used; the message names it and says how to choose another."""


def chosen(given: Iterable[str], *, free: bool = False) -> dict[str, int]:
    """Return every port by name: the given ones (`registry=8085`), else the defaults, or any that are free now.

    Raises:
        PortError: a name is unknown, a number is invalid, or two ports are the same.

    """
    ports = dict(zip(DEFAULTS, free_ports(len(DEFAULTS)), strict=True)) if free else dict(DEFAULTS)
    for option in given:
        name, _, number = option.partition("=")
        if name not in DEFAULTS:
            raise PortError(f"no port is called {name!r}; there are {', '.join(DEFAULTS)}")
        if not number.isdecimal() or not 0 < int(number) < 65_536:
            raise PortError(f"{option!r}: a port is a number from 1 to 65535, as in {name}={DEFAULTS[name]}")
        ports[name] = int(number)
    names: dict[int, str] = {}
    for name, port in ports.items():
        if names.setdefault(port, name) != name:
            raise PortError(f"{names[port]} and {name} cannot both have port {port}")
    return ports


def require_free(ports: Mapping[str, int]) -> None:
    """Check that no process listens on any of the ports.

    Raises:
        PortError: some are taken; the message names them all.

    """
    taken = {name: port for name, port in ports.items() if not is_free(port)}
    if taken:
        listed = ", ".join(f"{port} (for {name})" for name, port in taken.items())
        name, port = next(iter(taken.items()))
        raise PortError(f"in use: {listed}. Stop their processes, or choose other ports: --port {name}={port + 10_000}")

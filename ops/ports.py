"""Whether a port can be had."""

import socket


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether nobody listens on a port of an address of this machine."""
    with socket.socket() as probe:
        # As a server would: connections of a former one that linger do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True

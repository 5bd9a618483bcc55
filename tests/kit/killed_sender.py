"""`rentmatch` in a process that ends itself by SIGKILL while it sends: `python -m tests.kit.killed_sender 23 import …`.

It dies once the broker has so many records of it, so that a test knows that the middle of a file was struck.
"""

import os
import signal
import sys
from typing import Any

from ops.cli import main
from ops.producing import BulkProducer

DELIVERY_S = 20


def die_after(records: int) -> None:
    """Build the death into the producer."""
    send = BulkProducer.send
    sent = 0

    def sending(producer: BulkProducer, *words: Any, **more: Any) -> None:
        nonlocal sent
        send(producer, *words, **more)
        sent += 1
        if sent == records:
            producer._producer.flush(DELIVERY_S)
            os.kill(os.getpid(), signal.SIGKILL)

    BulkProducer.send = sending  # type: ignore[method-assign, assignment]


if __name__ == "__main__":
    die_after(int(sys.argv.pop(1)))
    main()

"""A producer and the thread that makes its calls, so that a call that never returns blocks nothing else.

librdkafka's transactional calls take a timeout and do not always respect it (docs/decisions/0014). Such a call cannot
be interrupted. It can only be abandoned, with its thread, its producer and the memory of both.
"""

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

from confluent_kafka import Producer

STEP_S = 4.0
"""The timeout of a transactional call. librdkafka answers before that, or reports that the call may be repeated."""

ANSWER_S = STEP_S + 1.0
"""A call that has not returned by then is hung: its own timeout has passed. A third of the default transaction
timeout, so that the broker still has the transaction when it is fenced."""

_POLL_S = 0.5


class NoAnswer(RuntimeError):
    """A call did not return within its own timeout. Its outcome is unknown."""


class ProducerThread:
    """Runs work in the producer's thread, and gives up when a call inside does not return."""

    def __init__(self, producer: Producer) -> None:
        self.producer = producer
        self._work: queue.SimpleQueue[tuple[Callable[[], None], Future[None]] | None] = queue.SimpleQueue()
        self._late_at: float | None = None
        """When the current call counts as hung; None between calls."""
        self._abandoned = False
        # A daemon: a thread that hangs in librdkafka must not keep the process from ending.
        threading.Thread(target=self._run, name="rentmatch-producer", daemon=True).start()

    def run(self, work: Callable[[], None]) -> None:
        """Do some work in the thread, and wait for it.

        Raises:
            NoAnswer: a `call` inside is hung; the thread is still in the call.

        """
        done: Future[None] = Future()
        self._work.put((work, done))
        while True:
            try:
                error = done.exception(_POLL_S)
            except TimeoutError:
                late_at = self._late_at
                if late_at is not None and time.monotonic() > late_at:
                    raise NoAnswer("librdkafka did not return within its own timeout") from None
                continue
            if error is not None:
                raise error
            return

    def call(self, function: Callable[[], None], within_s: float | None = None) -> None:
        """Make a call that may hang, inside of work that runs here. The default of `within_s` is `ANSWER_S`.

        Raises:
            NoAnswer: it returned after the producer was abandoned; this thread must do nothing more.

        """
        self._late_at = time.monotonic() + (ANSWER_S if within_s is None else within_s)
        try:
            function()
        finally:
            self._late_at = None
            if self._abandoned:
                raise NoAnswer("the producer was abandoned meanwhile")

    def abandon(self) -> None:
        """Abandon the producer. Its thread ends now, or when its call returns, which may be never."""
        self._abandoned = True
        self._work.put(None)

    def _run(self) -> None:
        while (given := self._work.get()) is not None:
            work, done = given
            try:
                work()
            except BaseException as error:
                done.set_exception(error)
            else:
                done.set_result(None)
            del given, work, done

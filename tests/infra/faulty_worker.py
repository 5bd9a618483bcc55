"""A worker with a fault built in, for tests: `python -m tests.infra.faulty_worker worker`, FAULT in its environment.

The fault is put in from outside, where the service lets its parts be handed over; the service knows nothing of it.

- `FAULT=kill:offsets:3` dies by SIGKILL the third time that a transaction has got behind the step `offsets`
- `FAULT=kill:flushed:3` behind `produce`, once the broker has all records of it: the transaction is open there
- `FAULT=kill:flushed:1:last` the same, but counts only transactions of the last stage alone: those that write a
  changelog and nothing that is read on, so that they hold nobody up
- `FAULT=stop:offsets:3` freezes there by SIGSTOP instead, with the transaction open
- `FAULT=raise:P-0000007` fails with an exception whenever it derives the view of that payment
"""

import os
import signal
from typing import Any

import domain.payment
from ops.cli import main
from streams import topics
from streams.commit import Commit
from streams.writer import Membership, Writer

SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


class BuiltInError(RuntimeError):
    """The fault of `raise`."""


def signal_at(wanted: str, times: int, last_stage_only: bool, signal_: signal.Signals) -> None:
    """Have the writer send the signal to this process behind a step of a transaction, the given time it gets there."""
    write = Writer._write
    place = "produce" if wanted == "flushed" else wanted
    passed = 0

    def write_with_fault(self: Writer, commit: Commit, membership: Membership) -> None:
        def after_step(step: str) -> None:
            nonlocal passed
            if step != place or not counts:
                return
            passed += 1
            if passed == times:
                if wanted == "flushed":
                    self._producer.flush(10)
                os.kill(os.getpid(), signal_)

        written = {topic for topic, _ in commit.records}
        counts = not last_stage_only or (
            topics.OBLIGATIONS_CHANGELOG in written and not written & {topics.PAYMENT_FACTS, topics.OBLIGATION_FACTS}
        )
        self.after_step = after_step
        write(self, commit, membership)

    setattr(Writer, "_write", write_with_fault)  # noqa: B010 - mypy lets nobody assign to a method


def raise_at(payment_id: str) -> None:
    """Have the view of one payment fail."""
    view = domain.payment.view

    def view_with_fault(state: domain.payment.PaymentState, *rest: Any) -> Any:
        if state.payment_id == payment_id:
            raise BuiltInError(f"a fault was built in for {payment_id}")
        return view(state, *rest)

    setattr(domain.payment, "view", view_with_fault)  # noqa: B010 - nor to a function


if __name__ == "__main__":
    kind, _, rest = os.environ["FAULT"].partition(":")
    if kind == "raise":
        raise_at(rest)
    else:
        step_, times_, *more = rest.split(":")
        signal_at(step_, int(times_), more == ["last"], SIGNALS[kind])
    main()

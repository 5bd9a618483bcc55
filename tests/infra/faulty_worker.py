"""A worker with a fault built in, for tests: `python -m tests.infra.faulty_worker worker`, FAULT in its environment.

The fault is put in from outside, where the service lets its parts be handed over; the service knows nothing of it.

- `FAULT=kill:offsets:3` dies by SIGKILL the third time that a transaction has got behind the step `offsets`
- `FAULT=stop:offsets:3` freezes there by SIGSTOP instead, with the transaction open
- `FAULT=raise:P-0000007` fails with an exception whenever it derives the view of that payment
"""

import os
import signal
from collections.abc import Callable
from typing import Any

import app
import domain.payment
from ops.cli import main

SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


class BuiltInError(RuntimeError):
    """The fault of `raise`."""


def at_step(wanted: str, times: int, signal_: signal.Signals) -> Callable[[str], None]:
    """Send the signal to this process behind a step of a transaction, once, the given time that it gets there."""
    passed = 0

    def after_step(step: str) -> None:
        nonlocal passed
        passed += step == wanted
        if step == wanted and passed == times:
            os.kill(os.getpid(), signal_)

    return after_step


def signal_at(step: str, times: int, signal_: signal.Signals) -> None:
    """Have every pipeline's writer send the signal."""
    open_ = app.Pipeline.open

    async def open_with_fault(self: app.Pipeline) -> None:
        await open_(self)
        self.writer.after_step = at_step(step, times, signal_)

    setattr(app.Pipeline, "open", open_with_fault)  # noqa: B010 - mypy lets nobody assign to a method


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
        step_, _, times_ = rest.partition(":")
        signal_at(step_, int(times_), SIGNALS[kind])
    main()

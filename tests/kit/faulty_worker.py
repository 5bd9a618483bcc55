"""A worker with a fault built in, for tests: `python -m tests.kit.faulty_worker worker`, FAULT in its environment.

The fault is put in from outside, where the service lets its parts be handed over; the service knows nothing of it.

- `FAULT=kill:offsets:3` dies by SIGKILL the third time that a transaction has passed the step `offsets`
- `FAULT=kill:flushed:3` after `flushed`: the broker has all records of it, the transaction is open there
- `FAULT=kill:flushed:1:last` the same, but counts only transactions of the last stage alone: those that write a
  changelog and nothing that is read on, so that they hold nobody up
- `FAULT=stop:offsets:3` freezes there by SIGSTOP instead, with the transaction open
- `FAULT=stop:offsets:1:apart` the same, with records that leave the worker only when they are waited for, and counts
  only transactions that change the states of payments of which it reads no facts: who takes those over has no offsets
  to wait for
- `FAULT=kill:store:1:handover` counts only transactions that hand settlement records without a payment id to payments
- `FAULT=hang:before-offsets:3` hangs for ever in a call of its producer, the third time that it gets there
  (tests/kit/hanging_producer.py); fresh producers do not. With `:last` behind it no fresh one may be made
- `FAULT=wait:produce:/some/file` waits after `produce` while that file exists
- `FAULT=raise:P-0000007` fails with an exception whenever it derives the view of that payment
"""

import itertools
import os
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from confluent_kafka import Producer

import domain.payments.view
import streams.transport.writer
from ops.cli import main
from streams import topics
from streams.topology import TOPOLOGY
from streams.transport.commit import Commit
from streams.transport.membership import Membership
from streams.transport.writer import Writer
from tests.kit.hanging_producer import Hang, HangingProducer

HANGS = "the producer hangs"
"""What is written to standard error when `hang` strikes, with where."""

SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


class BuiltInError(RuntimeError):
    """The fault of `raise`."""


def _any(commit: Commit) -> bool:
    return True


def _last(commit: Commit) -> bool:
    """Return whether the commit writes a changelog and no other topic that is read."""
    written = {topic for topic, _ in commit.records}
    return topics.OBLIGATIONS_CHANGELOG in written and written.isdisjoint(TOPOLOGY.upstream)


def _apart(commit: Commit) -> bool:
    """Return whether the commit's offsets are of other partitions than the payments that it changes."""
    changed = {number for topic, number in commit.records if topic is topics.PAYMENTS_CHANGELOG}
    return bool(changed) and changed.isdisjoint({source.number for source in commit.offsets})


def _hands_over(commit: Commit) -> bool:
    """Return whether the commit hands settlement records to payments, which read them in a later one."""
    return any(topic is topics.PAYMENT_RESOLUTIONS for topic, _ in commit.records)


COUNTED: dict[str, Callable[[Commit], bool]] = {
    "": _any,
    "last": _last,
    "apart": _apart,
    "handover": _hands_over,
}


def hold_records_back() -> None:
    """Let the producer buffer records until a flush."""

    def patient_producer(conf: dict[str, Any]) -> Producer:
        return Producer(conf | {"linger.ms": 50_000})  # less than the time a transaction has

    setattr(streams.transport.writer, "Producer", patient_producer)  # noqa: B010 - mypy lets nobody assign to it


def behind_each_step(act: Callable[[Commit, str], None]) -> None:
    """Run a callback after each step of each transaction."""
    write = Writer._write

    def write_and_act(self: Writer, commit: Commit, membership: Membership) -> None:
        self.after_step = partial(act, commit)
        write(self, commit, membership)

    setattr(Writer, "_write", write_and_act)  # noqa: B010 - mypy lets nobody assign to a method


def signal_at(awaited: str, times: int, counted: Callable[[Commit], bool], signal_: signal.Signals) -> None:
    """Send the signal to this process after a step of a transaction, the n-th time that the writer gets there."""
    passed = 0

    def act(commit: Commit, step: str) -> None:
        nonlocal passed
        if step != awaited or not counted(commit):
            return
        passed += 1
        if passed == times:
            places = sorted((topic.name, number) for topic, number in commit.records)
            sys.stderr.write(f"{signal_.name} after {awaited}: {sorted(map(str, commit.offsets))} {places}\n")
            os.kill(os.getpid(), signal_)

    behind_each_step(act)


def hang_at(where: Hang, times: int, *, last: bool) -> None:
    """Have the writer's producer hang at a point, the given time that it gets there."""
    passed = itertools.count(1)

    def hangs(here: Hang) -> bool:
        if here is not where or next(passed) != times:
            return False
        sys.stderr.write(f"{HANGS} {where.value}\n")
        return True

    def producer(conf: dict[str, Any]) -> Producer:
        return HangingProducer(conf, hangs)

    setattr(streams.transport.writer, "Producer", producer)  # noqa: B010 - mypy lets nobody assign to it
    if last:
        setattr(streams.transport.writer, "FRESH_MAX", 0)  # noqa: B010 - nor to this


def wait_at(awaited: str, file: Path) -> None:
    """Let the writer wait after a step of each transaction until a file is deleted."""

    def act(commit: Commit, step: str) -> None:
        while step == awaited and file.exists():
            time.sleep(0.05)

    behind_each_step(act)


def raise_at(payment_id: str) -> None:
    """Let the view of one payment fail."""
    view = domain.payments.view.view

    def view_with_fault(state: domain.payments.view.PaymentState, *rest: Any) -> Any:
        if state.payment_id == payment_id:
            raise BuiltInError(f"a fault was built in for {payment_id}")
        return view(state, *rest)

    setattr(domain.payments.view, "view", view_with_fault)  # noqa: B010 - nor to a function


if __name__ == "__main__":
    kind, _, rest = os.environ["FAULT"].partition(":")
    if kind == "raise":
        raise_at(rest)
    elif kind == "hang":
        where_, times_, last_ = f"{rest}:".split(":")[:3]
        hang_at(Hang(where_), int(times_), last=last_ == "last")
    elif kind == "wait":
        step_, _, file_ = rest.partition(":")
        wait_at(step_, Path(file_))
    else:
        step_, times_, which = f"{rest}:".split(":")[:3]
        if which == "apart":
            hold_records_back()
        signal_at(step_, int(times_), COUNTED[which], SIGNALS[kind])
    main()

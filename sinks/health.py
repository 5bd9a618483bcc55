"""Liveness and readiness, each with its reason.

A worker is alive while it makes progress or has nothing to do. Conditions that a restart cannot fix do not fail
liveness: a broker that does not answer, a producer's open transaction that hides records, a long recovery. If one of
them lasts too long, the worker ends by itself (streams/transport/commit_loop.py, tables/recovery.py).
"""

from typing import Any, NamedTuple

STALLED_AFTER_S = 60.0
"""With work to do and no progress for this long, a worker is not alive any more."""

NOTICED_AFTER_S = 5.0
"""A commit that is in flight for longer is reported."""

SILENT_AFTER_S = 30.0
"""A broker that has not answered for this long is reported."""


class Vitals(NamedTuple):
    """The values that the verdicts rest on. Seconds are ages."""

    opened: bool
    """The worker is open."""
    broken: bool
    """An error stopped it, and the process is about to end."""
    recovering: bool
    recovery_remaining: int
    """Changelog records that are still to be read."""
    pending: int
    """Keys and records in the open transaction."""
    uncommitted_s: float
    """Since a transaction was last committed, or there was nothing to commit."""
    writing_s: float | None
    """Since when a commit is in flight; None where none is."""
    write_timeout_s: float
    """After this the worker gives up on that commit and ends."""
    unread: int
    """Records that could be read and are not processed; 0 without a recent answer of the broker."""
    unread_s: float
    """Since a batch was last processed, or there was nothing to read."""
    silent_s: float | None
    """Since the broker last answered; None before it first did."""
    caught_up_to: int | None
    """The time up to which everything is reconciled, microseconds since 1970; None before the first watermark."""


class HealthVerdict(NamedTuple):
    """An answer and its reason."""

    good: bool
    state: str
    """One word, for machines."""
    why: str

    def as_json(self) -> dict[str, Any]:
        """The body of a health page."""
        return {"ok": self.good, "state": self.state, "why": self.why}


def live(vitals: Vitals) -> HealthVerdict:
    """Whether the worker makes progress, has nothing to do, or waits for what a restart would wait for too."""
    if not vitals.opened:
        return HealthVerdict(True, "starting", "starting")
    if vitals.broken:
        return HealthVerdict(False, "failed", "stopped by an error")
    if vitals.writing_s is not None and vitals.writing_s > NOTICED_AFTER_S:
        if vitals.writing_s > vitals.write_timeout_s + STALLED_AFTER_S:
            return HealthVerdict(False, "stalled", f"a commit has been in flight for {vitals.writing_s:.0f} s")
        return HealthVerdict(
            True, "waiting_for_broker",
            f"the broker has not acknowledged a commit for {vitals.writing_s:.0f} s; the worker ends after "
            f"{vitals.write_timeout_s:.0f} s",
        )  # fmt: skip
    if vitals.recovering:
        return HealthVerdict(True, "recovering", _recovering(vitals))
    if vitals.pending and vitals.uncommitted_s > STALLED_AFTER_S:
        return HealthVerdict(
            False, "stalled",
            f"{vitals.pending} keys and records wait for a commit; the last was {vitals.uncommitted_s:.0f} s ago",
        )  # fmt: skip
    if vitals.unread and vitals.unread_s > STALLED_AFTER_S:
        return HealthVerdict(
            False, "stalled", f"{vitals.unread} records wait to be read; the last was read {vitals.unread_s:.0f} s ago"
        )
    if vitals.silent_s is not None and vitals.silent_s > SILENT_AFTER_S:
        return HealthVerdict(True, "waiting_for_broker", f"the broker has not answered for {vitals.silent_s:.0f} s")
    return HealthVerdict(True, "working", "working")


def ready(vitals: Vitals) -> HealthVerdict:
    """Whether recovery is done and the pipeline has a watermark, so that deadlines fire (contract section 9)."""
    if vitals.opened and vitals.broken:
        return HealthVerdict(False, "failed", "stopped by an error")
    if not vitals.opened or vitals.recovering:
        return HealthVerdict(False, "recovering", _recovering(vitals))
    if vitals.caught_up_to is None:
        return HealthVerdict(False, "catching_up", "catching up: not every input has been read to its end yet")
    return HealthVerdict(True, "reconciling", "reconciling")


def _recovering(vitals: Vitals) -> str:
    remaining = vitals.recovery_remaining
    return "recovering state" + (f": {remaining} changelog records to go" if remaining else "")

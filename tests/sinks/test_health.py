"""Each verdict on a worker, and what must not be taken for another."""

import pytest

from sinks.health import STALLED_AFTER_S, Vitals, live, ready

IDLE = Vitals(
    opened=True,
    broken=False,
    recovering=False,
    recovery_remaining=0,
    pending=0,
    uncommitted_s=0.2,
    writing_s=None,
    write_timeout_s=30.0,
    unread=0,
    unread_s=0.2,
    silent_s=3.0,
    caught_up_to=1_700_000_000_000_000,
)
LONG_S = STALLED_AFTER_S + 1


@pytest.mark.parametrize(
    ("changes", "good", "state"),
    [
        ({}, True, "working"),
        # Much to do, and it is being done.
        ({"pending": 9_000, "unread": 100_000, "writing_s": 0.4}, True, "working"),
        # Long idle is no stall, whatever the ages say.
        ({"uncommitted_s": LONG_S, "unread_s": LONG_S}, True, "working"),
        ({"pending": 1, "uncommitted_s": LONG_S}, False, "stalled"),
        ({"unread": 1, "unread_s": LONG_S}, False, "stalled"),
        ({"broken": True}, False, "failed"),
        # The broker holds the worker up: a new one would wait for it, too. The worker itself gives up after a time.
        ({"writing_s": 25.0, "pending": 10_000, "uncommitted_s": 25.0}, True, "waiting_for_broker"),
        ({"writing_s": 90.0, "write_timeout_s": 1_800.0, "uncommitted_s": 90.0}, True, "waiting_for_broker"),
        ({"writing_s": 91.0}, False, "stalled"),
        ({"silent_s": 31.0}, True, "waiting_for_broker"),
        ({"silent_s": None}, True, "working"),
        ({"recovering": True, "pending": 1, "uncommitted_s": LONG_S}, True, "recovering"),
        ({"opened": False}, True, "starting"),
    ],
)
def test_live(changes: dict[str, object], good: bool, state: str) -> None:
    verdict = live(IDLE._replace(**changes))
    assert (verdict.good, verdict.state) == (good, state), verdict.why
    assert verdict.why


@pytest.mark.parametrize(
    ("changes", "good", "state"),
    [
        ({}, True, "reconciling"),
        ({"recovering": True, "recovery_remaining": 7}, False, "recovering"),
        ({"opened": False}, False, "recovering"),
        ({"caught_up_to": None}, False, "catching_up"),
        ({"broken": True}, False, "failed"),
        # What holds it up for a while makes it no less ready: it answers by what is committed.
        ({"writing_s": 25.0}, True, "reconciling"),
    ],
)
def test_ready(changes: dict[str, object], good: bool, state: str) -> None:
    verdict = ready(IDLE._replace(**changes))
    assert (verdict.good, verdict.state) == (good, state), verdict.why


def test_the_reason_names_what_is_to_do() -> None:
    assert "7 changelog records" in ready(IDLE._replace(recovering=True, recovery_remaining=7)).why
    assert "3 records wait" in live(IDLE._replace(unread=3, unread_s=LONG_S)).why

"""Feeds that are silent, by the numbers that the alerts have."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain.time import HOUR, MINUTE, Micros, micros_of
from gateway.monitoring import DEAD_S, FEEDS, rest_factor, silent_feeds
from streams import topics

THRESHOLDS = Path(__file__).parents[2] / "ops" / "deploy" / "prometheus" / "rules" / "thresholds.yml"
WEDNESDAY = micros_of(datetime(2026, 7, 8, 15, tzinfo=UTC))


def test_the_limits_are_those_of_the_alerts() -> None:
    text = THRESHOLDS.read_text(encoding="utf-8")
    found = re.findall(r"limit_feed_silent_seconds\", labels: \{topic: ([a-z-]+)\}, expr: vector\((\d+)\)", text)
    assert {name: int(seconds) for name, seconds in found} == {
        topic.name: seconds for topic, (_, seconds) in FEEDS.items()
    }
    assert f'limit_feed_dead_seconds", expr: vector({DEAD_S})' in text


@pytest.mark.parametrize(
    ("at", "factor"),
    [
        (datetime(2026, 7, 8, 14, tzinfo=UTC), 1),
        (datetime(2026, 7, 8, 21, tzinfo=UTC), 6),
        (datetime(2026, 7, 8, 13, 59, tzinfo=UTC), 6),
        (datetime(2026, 7, 10, 20, 59, tzinfo=UTC), 1),
        (datetime(2026, 7, 11, 15, tzinfo=UTC), 30),
        (datetime(2026, 7, 12, 15, tzinfo=UTC), 30),
        (datetime(2026, 7, 13, 15, tzinfo=UTC), 1),
    ],
)
def test_feeds_may_rest_longer_at_night_and_at_the_weekend(at: datetime, factor: int) -> None:
    assert rest_factor(micros_of(at)) == factor


def ages(now: Micros, **last: Micros) -> set[str]:
    by_name = {topic.name.replace("-", "_"): topic for topic in FEEDS}
    return {topic.name for topic in silent_feeds({by_name[name]: now - age for name, age in last.items()}, now)}


def test_a_feed_is_silent_while_another_moves() -> None:
    assert ages(WEDNESDAY, payment_initiated=31 * MINUTE, ledger_events=MINUTE) == {"payment-initiated"}
    assert ages(WEDNESDAY, payment_initiated=29 * MINUTE, ledger_events=MINUTE) == set()
    assert ages(WEDNESDAY, payment_initiated=31 * MINUTE, ledger_events=31 * MINUTE) == set()
    assert ages(WEDNESDAY + 8 * HOUR, payment_initiated=31 * MINUTE, ledger_events=MINUTE) == set()
    assert ages(WEDNESDAY, bank_entries=97 * HOUR) == {"bank-entries"}
    assert ages(WEDNESDAY) == set()
    assert topics.DECISIONS not in FEEDS

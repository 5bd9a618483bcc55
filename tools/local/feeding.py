"""Feeds a running deployment with simulated rent whose last month is the current one.

The workers read the system's clock. Everything that had arrived by now is published within some minutes, in the order
of arrival; the rest is published as it arrives, over days. Progress is saved, so that a restart goes on from there.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from domain.time import SECOND, Micros
from ops.deliveries import DeliveryProducer
from simulator.deliver import Delivery
from simulator.scenario import Scenario, first_of_month, simulate
from streams.broker.reading import timestamp_text
from streams.clocks import system_clock
from streams.settings import Settings
from tools.local.supervisor import Health

MONTHS = 4
CONFIRM_EVERY_S = 1
SLEEP_S_MAX = 60
"""A machine that was suspended must not sleep for hours more."""


@dataclass(frozen=True, slots=True)
class FeedProgress:
    """The scenario that is fed, and how many of its deliveries the broker has."""

    seed: int
    obligations: int
    start: date
    published: int = 0

    def scenario(self) -> Scenario:
        """Simulate it; the result is the same each time."""
        return simulate(self.seed, self.obligations, start=self.start, months=MONTHS)


def begin(path: Path, seed: int, obligations: int, now: Micros) -> FeedProgress:
    """Return the progress saved in `path`, else that of a new scenario whose last month is the current one."""
    if path.exists():
        saved = json.loads(path.read_text(encoding="utf-8"))
        return FeedProgress(saved["seed"], saved["obligations"], date.fromisoformat(saved["start"]), saved["published"])
    today = datetime.fromtimestamp(now // SECOND, UTC).date()
    return FeedProgress(seed, obligations, first_of_month(today, 1 - MONTHS))


def due(deliveries: Sequence[Delivery], now: Micros, catching_up: Micros) -> Iterator[tuple[Micros, Delivery]]:
    """Yield when each delivery is to be published, in order.

    Deliveries that had arrived by `now` are spread proportionally over the span `catching_up` from now on; later ones
    are published when they arrive, but not before that span is over.
    """
    first = deliveries[0].arrives_at if deliveries else now
    past = max(1, now - first)
    for delivery in deliveries:
        if delivery.arrives_at <= now:
            yield now + (delivery.arrives_at - first) * catching_up // past, delivery
        else:
            yield max(now + catching_up, delivery.arrives_at), delivery


def feed(
    settings: Settings,
    path: Path,
    progress: FeedProgress,
    *,
    catching_up_s: int,
    clock: Callable[[], Micros] = system_clock,
    sleep: Callable[[float], object] = time.sleep,
) -> int:
    """Publish all remaining deliveries when they are due, and return their number.

    Raises:
        BrokerError: no broker answers, a topic is missing, or a record was not delivered. Confirmed progress is saved;
            a restart publishes the rest, some of it twice, which changes nothing.

    """
    producer = DeliveryProducer(settings)
    deliveries = progress.scenario().deliveries
    left = deliveries[progress.published :]
    published, last = progress.published, None
    confirmed, confirmed_at = -1, 0

    def confirm() -> None:
        nonlocal confirmed, confirmed_at
        producer.finish()
        _save(path, progress, published, len(deliveries), last)
        confirmed, confirmed_at = published, clock()

    for at, delivery in due(left, clock(), catching_up_s * SECOND):
        while True:
            if published > confirmed and clock() - confirmed_at >= CONFIRM_EVERY_S * SECOND:
                confirm()
            wait_s = (at - clock()) / SECOND
            if wait_s <= 0:
                break
            sleep(min(wait_s, CONFIRM_EVERY_S if published > confirmed else SLEEP_S_MAX))
        producer.send(delivery, published)
        published, last = published + 1, delivery
    confirm()
    return len(left)


def _save(path: Path, progress: FeedProgress, published: int, of: int, last: Delivery | None) -> None:
    saved = {
        "seed": progress.seed,
        "obligations": progress.obligations,
        "start": progress.start.isoformat(),
        "published": published,
        "of": of,
        "arrived_up_to": None if last is None else timestamp_text(last.arrives_at // 1_000),
    }
    beside = path.with_name(f"{path.name}.new")
    path.parent.mkdir(parents=True, exist_ok=True)
    beside.write_text(json.dumps(saved) + "\n", encoding="utf-8")
    beside.rename(path)


class Fed:
    """A probe: healthy once something is published; the reason shows the progress."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self) -> Health:
        """Read the saved progress."""
        try:
            saved = json.loads(self._path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return Health(False, "has published nothing yet")
        return Health(True, f"{saved['published']:,} of {saved['of']:,} events, up to {saved['arrived_up_to']}")

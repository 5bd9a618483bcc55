"""Feeds a running topology with rent that is made up to end in the future: quickly up to now, then as it happens.

The worker's clock is the system's, so nothing is moved in time: four months of rent are made up, of which the last is
the current one. What had arrived by now is published within some minutes, in the order of arrival; the rest follows
when its time comes, which is days. How far it has come is kept, so that it goes on from there after a new start.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from domain.time import SECOND, Micros
from ops.producing import BulkProducer
from simulator.deliver import Delivery, value_of
from simulator.scenario import Scenario, first_of_month, simulate
from streams import topics
from streams.broker.cluster import BrokerError
from streams.broker.reading import timestamp_text
from streams.clocks import system_clock
from streams.codec.codec import codec_of
from streams.settings import Settings
from tools.local.supervisor import Health

MONTHS = 4
CONFIRM_EVERY_S = 1.0
SLEEP_S_MAX = 60.0
"""A machine that was suspended must not sleep on for hours."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What is fed, and how much of it the broker has."""

    seed: int
    obligations: int
    start: date
    published: int = 0

    def scenario(self) -> Scenario:
        """Make it up; the same each time."""
        return simulate(self.seed, self.obligations, start=self.start, months=MONTHS)


def begin(path: Path, seed: int, obligations: int, now: Micros) -> Progress:
    """Go on with what `path` tells of; where there is nothing yet, begin rent whose last month is the current one."""
    if path.exists():
        told = json.loads(path.read_text(encoding="utf-8"))
        return Progress(told["seed"], told["obligations"], date.fromisoformat(told["start"]), told["published"])
    today = datetime.fromtimestamp(now / SECOND, UTC).date()
    return Progress(seed, obligations, first_of_month(today, 1 - MONTHS))


def due(deliveries: Sequence[Delivery], now: Micros, catching_up: Micros) -> Iterator[tuple[Micros, Delivery]]:
    """When each delivery is to be published, in their order.

    What had arrived by `now` is spread over the span `catching_up` from now on, as it was spread in truth; what arrives
    later comes when it arrives, but not before all of that.
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
    progress: Progress,
    *,
    catching_up_s: int,
    clock: Callable[[], Micros] = system_clock,
    sleep: Callable[[float], object] = time.sleep,
) -> int:
    """Publish all that is left, each when it is due; how much that was.

    Raises:
        BrokerError: no broker answers, a topic is missing, or a record was not taken. What was confirmed until then is
            written down; the rest is published at the next start, some of it twice, which changes nothing.

    """
    codec, producer = codec_of(settings), BulkProducer(settings)
    names = {topic.name: settings.topic(topic) for topic in topics.INPUTS}
    for name in names.values():
        producer.require(name)
    deliveries = progress.scenario().deliveries
    left = deliveries[progress.published :]
    published, last = progress.published, None
    confirmed, confirmed_at = -1, 0

    def confirm() -> None:
        nonlocal confirmed, confirmed_at
        producer.finish()
        if producer.undelivered:
            lost = producer.undelivered[0]
            raise BrokerError(f"{lost.label} was not taken: {lost.reason}")
        _note(path, progress, published, len(deliveries), last)
        confirmed, confirmed_at = published, clock()

    for at, delivery in due(left, clock(), catching_up_s * SECOND):
        while True:
            if published > confirmed and clock() - confirmed_at >= CONFIRM_EVERY_S * SECOND:
                confirm()
            wait_s = (at - clock()) / SECOND
            if wait_s <= 0:
                break
            sleep(min(wait_s, CONFIRM_EVERY_S if published > confirmed else SLEEP_S_MAX))
        value = value_of(delivery, lambda fact, topic: codec.encode_fact(fact, names[topic]))
        producer.send(names[delivery.topic], delivery.key.encode("utf-8"), value, label=f"delivery {published}")
        published, last = published + 1, delivery
    confirm()
    return len(left)


def _note(path: Path, progress: Progress, published: int, of: int, last: Delivery | None) -> None:
    told = {
        "seed": progress.seed,
        "obligations": progress.obligations,
        "start": progress.start.isoformat(),
        "published": published,
        "of": of,
        "arrived_up_to": None if last is None else timestamp_text(last.arrives_at // 1_000),
    }
    beside = path.with_name(f"{path.name}.new")
    path.parent.mkdir(parents=True, exist_ok=True)
    beside.write_text(json.dumps(told) + "\n", encoding="utf-8")
    beside.rename(path)


class Fed:
    """Whether it feeds, and how far it has come: a probe."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self) -> Health:
        """Read what the feeder noted last."""
        try:
            told = json.loads(self._path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return Health(False, "has published nothing yet")
        return Health(True, f"{told['published']:,} of {told['of']:,} events, up to {told['arrived_up_to']}")

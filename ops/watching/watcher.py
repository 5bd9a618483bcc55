"""Imports what arrives in a directory: each file once, however often the process is killed."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from connectors.model import BrokenFile
from domain.time import SECOND, Micros, rfc3339
from ops.importing import report
from ops.importing.door import PreparedFile, complete_payouts, prepare, publish, read_content
from ops.watching.feeds import Feed, seconds_overdue
from ops.watching.inbox import DONE, FAILED, Arrival, Inbox
from ops.watching.metrics import WatchMetrics
from sinks.health import HealthVerdict
from streams.broker.cluster import BrokerError
from streams.codec.codec import Codec
from streams.codec.registry import RegistryError
from streams.settings import Settings

log = logging.getLogger(__name__)


class FeedState(NamedTuple):
    """What is remembered of a feed, in instants; 0 is never."""

    credited: Micros
    """The last due instant for which a file has come."""
    last_file: Micros


class Watcher:
    """Looks into the directory, and imports what is complete.

    Args:
        settings: where the records go.
        codec: encodes them.
        inbox: the directory.
        feeds: what its files are; the first that takes a name decides.
        metrics: are set at each look.
        clock: the time of day.

    """

    def __init__(
        self,
        settings: Settings,
        codec: Codec,
        inbox: Inbox,
        feeds: Sequence[Feed],
        metrics: WatchMetrics,
        clock: Callable[[], Micros],
    ) -> None:
        self._settings, self._codec = settings, codec
        self._inbox, self._feeds, self._metrics, self._clock = inbox, feeds, metrics, clock
        self._blocked = ""
        self._looked_at = time.monotonic()
        self._named: set[str] = set()
        saved = inbox.load_state()
        now = clock()
        self._states: dict[str, FeedState] = {}
        for feed in feeds:
            known: Any = saved.get(feed.name)
            # A feed that is new owes nothing of the time before.
            fresh = FeedState(credited=feed.last_due(now) or 0, last_file=0)
            self._states[feed.name] = FeedState(known[0], known[1]) if _is_state(known) else fresh
        self._save()
        self._measure()

    def look(self, now_s: float) -> int:
        """Import what is complete; the number of files put away.

        Args:
            now_s: of a clock that never goes back.

        """
        complete, arriving = self._inbox.look(now_s)
        put_away, unmatched = 0, 0
        self._blocked = ""
        for arrival in complete:
            feed = next((feed for feed in self._feeds if feed.takes(arrival.path.name)), None)
            if feed is None:
                unmatched += 1
                if arrival.path.name not in self._named:
                    self._named.add(arrival.path.name)
                    log.warning("%s belongs to no feed; it stays where it is", arrival.path.name)
                continue
            if self._blocked:
                continue
            put_away += self._take(feed, arrival)
        self._metrics.waiting.set(len(complete) - unmatched - put_away + arriving)
        self._metrics.unmatched.set(unmatched)
        self._measure()
        self._looked_at = time.monotonic()
        return put_away

    def _take(self, feed: Feed, arrival: Arrival) -> bool:
        """Import a file; whether it is put away."""
        name = arrival.path.name
        try:
            content = read_content(arrival.path)
        except BrokenFile as error:
            if not self._inbox.is_unchanged(arrival):
                return False  # removed or replaced since: the next look has it, if it is there
            return self._fail(feed, arrival, {"file": name}, str(error))
        # Found complete, read, and still the same: otherwise what was read may be a part of it.
        if not self._inbox.is_unchanged(arrival) or len(content.content) != arrival.signature.size:
            return False
        base = {"file": name, "sha256": content.sha256, "bytes": len(content.content), "format": feed.format.name}
        try:
            file = prepare(self._settings, self._codec, content, feed.format, feed.options)
        except BrokenFile as error:
            return self._fail(feed, arrival, base, str(error))
        except RegistryError as error:
            return self._wait(name, error)
        except Exception as error:
            # Put aside, so that a file that a format stumbles over does not hold up the others.
            log.exception("%s: %s has a defect", name, feed.format.name)
            return self._fail(feed, arrival, base, f"a defect of {feed.format.name}: {type(error).__name__}: {error}")
        if feed.config.strict and not (file.is_understood and file.adds_up):
            why = "strict: a line is not understood, or a total does not add up; nothing was sent"
            return self._fail(feed, arrival, report.as_json(file, report.payouts_of([file]), dry_run=True), why)
        if not self._inbox.is_unchanged(arrival):
            return False
        try:
            complete_payouts(self._settings, self._codec, [file], feed.format, feed.options)
            publish(self._settings, [file])
        except (BrokerError, RegistryError) as error:
            return self._wait(name, error)
        self._finish(feed, arrival, file)
        return True

    def _wait(self, name: str, error: Exception) -> bool:
        """Leave a file where it is until the broker or the registry is back."""
        self._blocked = str(error)
        log.warning("%s: not imported yet: %s", name, error)
        return False

    def _finish(self, feed: Feed, arrival: Arrival, file: PreparedFile) -> None:
        found = file.found
        self._put_away(feed, arrival, DONE, report.as_json(file, report.payouts_of([file]), dry_run=False))
        lines = self._metrics.lines
        lines.labels(feed.name, "published").inc(file.published)
        lines.labels(feed.name, "skipped").inc(len(found.skipped))
        lines.labels(feed.name, "not_understood").inc(len(found.not_understood))
        off = [one for one in found.controls if one.stated_minor != one.found_minor]
        self._metrics.off.labels(feed.name).inc(len(off))
        level = logging.WARNING if off or found.not_understood else logging.INFO
        log.log(
            level, "%s (%s): %s records published, %s lines skipped, %s not understood, %s totals do not add up",
            arrival.path.name, feed.name, file.published, len(found.skipped), len(found.not_understood), len(off),
        )  # fmt: skip

    def _fail(self, feed: Feed, arrival: Arrival, base: dict[str, Any], why: str) -> bool:
        self._put_away(feed, arrival, FAILED, {**base, "error": why})
        log.error("%s (%s): %s", arrival.path.name, feed.name, why)
        return True

    def _put_away(self, feed: Feed, arrival: Arrival, outcome: str, body: dict[str, Any]) -> None:
        now = self._clock()
        whole = {**body, "feed": feed.name, "outcome": outcome, "finished_at": rfc3339(now)}
        self._inbox.put_away(arrival, outcome, whole)
        self._metrics.files.labels(feed.name, outcome).inc()
        if outcome == DONE:
            self._credit(feed, now)

    def _credit(self, feed: Feed, now: Micros) -> None:
        """A file came: it is the one that is missing, or else the next one."""
        state = self._states[feed.name]
        last_due = feed.last_due(now)
        is_missing = last_due is not None and last_due > state.credited
        due = last_due if is_missing else feed.next_due(now)
        self._states[feed.name] = FeedState(max(state.credited, due or 0), now)
        self._save()

    def _save(self) -> None:
        self._inbox.save_state(self._states)

    def _measure(self) -> None:
        now = self._clock()
        for feed in self._feeds:
            state = self._states[feed.name]
            self._metrics.overdue.labels(feed.name).set(seconds_overdue(feed.last_due(now), state.credited, now))
            self._metrics.last.labels(feed.name).set(state.last_file // SECOND)

    # Health

    def live(self, stalled_after_s: float = 300) -> HealthVerdict:
        """Whether it still looks."""
        silent = time.monotonic() - self._looked_at
        if silent > stalled_after_s:
            return HealthVerdict(False, "stalled", f"the last look into the directory ended {silent:.0f} s ago")
        return HealthVerdict(True, "watching", "watching")

    def ready(self) -> HealthVerdict:
        """Whether what arrives can be sent."""
        if self._blocked:
            return HealthVerdict(False, "blocked", self._blocked)
        return HealthVerdict(True, "watching", "watching")


def _is_state(value: Any) -> bool:
    return isinstance(value, list) and len(value) == len(FeedState._fields) and all(type(one) is int for one in value)

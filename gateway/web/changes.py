"""The changes that open pages follow: which records are new, each second, in each viewer's scope.

A change is passed on when the read model has it: a page that asks at once must not be answered with what was before. No
stream holds more than a thousand items for a slow client; then it says `resync`, and the page asks for all again.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from domain.time import HOUR, SECOND, Micros
from gateway.people.viewer import Viewer
from gateway.web.change_reader import ChangedRecord
from gateway.web.metrics import GatewayMetrics
from read_model.documents import DocumentKind

log = logging.getLogger(__name__)

EVERY_S = 1.0
PENDING_MAX = 1_000
"""Changes that wait for the read model, and items that wait for a client."""
PATIENCE: Micros = 10 * SECOND
"""After this the read model is not waited for any more."""
STREAMS_OF_A_PERSON = 4
STREAMS_MAX = 256
STREAM_LASTS: Micros = HOUR
"""The client connects again."""
CHECKED_EVERY: Micros = 30 * SECOND
"""Whether the viewer is still signed in."""
QUIET_S = 5.0
"""Without changes something is sent this often, so that the page knows how current it is."""


class TooManyStreams(Exception):
    """The viewer, or the gateway, has as many streams as it may have; the message is for people."""


class VisibleChange(NamedTuple):
    """A change that the read model has."""

    kind: DocumentKind
    key: str
    """The `_id` of the document that changed."""
    shown_as: tuple[DocumentKind, str]
    """What a page shows of it: for a late installment its obligation."""
    version: int
    properties: Collection[str]
    """The ids of its properties."""


class ChangeBatch(NamedTuple):
    """What a stream sends."""

    resync: bool
    """Something was dropped: ask for everything again."""
    items: dict[tuple[DocumentKind, str], int]
    """The versions of what changed, by kind and key."""


Lookup = Callable[[DocumentKind, Collection[str]], Awaitable[dict[str, VisibleChange]]]
"""What the read model has of these keys, whatever the scope; may raise an error of the read model."""


@dataclass
class _Stream:
    viewer: Viewer
    items: dict[tuple[DocumentKind, str], int] = field(default_factory=dict)
    resync: bool = False
    ended: bool = False
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, change: VisibleChange) -> None:
        if self.viewer.properties is not None and self.viewer.properties.isdisjoint(change.properties):
            return
        if not self.resync:
            self.items[change.shown_as] = max(change.version, self.items.get(change.shown_as, 0))
        if len(self.items) > PENDING_MAX:
            self.ask_again()
        self.news.set()

    def ask_again(self) -> None:
        self.items.clear()
        self.resync = True
        self.news.set()

    def end(self) -> None:
        self.ended = True
        self.news.set()

    def take(self) -> ChangeBatch:
        batch = ChangeBatch(self.resync, dict(self.items))
        self.items.clear()
        self.resync = False
        self.news.clear()
        return batch


class ChangeHub:
    """Passes changes to streams. It belongs to one event loop.

    Args:
        lookup: what the read model has.
        unavailable: the errors of `lookup` that pass.
        is_known: whether a viewer is still signed in.
        metrics: count the streams.
        clock: the time, microseconds since 1970.

    """

    def __init__(
        self,
        *,
        lookup: Lookup,
        unavailable: tuple[type[Exception], ...],
        is_known: Callable[[Viewer], Awaitable[bool]],
        metrics: GatewayMetrics,
        clock: Callable[[], Micros],
    ) -> None:
        self._lookup = lookup
        self._unavailable = unavailable
        self._is_known = is_known
        self._metrics = metrics
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._streams: list[_Stream] = []
        self._pending: dict[tuple[DocumentKind, str], tuple[int, Micros]] = {}
        self._closed = False
        metrics.streams.set_function(lambda: len(self._streams))

    def is_wanted(self) -> bool:
        """Whether there is a stream."""
        return bool(self._streams)

    def take(self, changes: Sequence[ChangedRecord] | None) -> None:
        """Take changes, from any thread; None: something may have been missed."""
        with suppress(RuntimeError):  # the loop is closed: the process ends
            self._loop.call_soon_threadsafe(self._note, changes)

    async def run(self) -> None:
        """Pass changes on, until it is cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self.pass_on()
            except self._unavailable as error:
                log.debug("changes wait for the read model: %s", error)

    def close(self) -> None:
        """End all streams, and begin none: the gateway stops. Clients connect again, and are told to resync."""
        self._closed = True
        for stream in self._streams:
            stream.end()

    async def changes(self, viewer: Viewer) -> AsyncIterator[ChangeBatch]:
        """The changes for a viewer, until the stream has lasted long enough or the viewer is signed out.

        Raises:
            TooManyStreams: there are too many already.

        """
        stream = self._open(viewer)
        try:
            ends_at = self._clock() + STREAM_LASTS
            checked_at = self._clock()
            yield ChangeBatch(False, {})
            while not stream.ended and self._clock() < min(ends_at, viewer.expires_at or ends_at):
                try:
                    async with asyncio.timeout(QUIET_S):
                        await stream.news.wait()
                except TimeoutError:
                    log.debug("nothing changed for %s s", QUIET_S)
                if self._clock() - checked_at >= CHECKED_EVERY:
                    checked_at = self._clock()
                    if not await self._still_known(viewer):
                        return
                if not stream.ended:
                    yield stream.take()
        finally:
            if stream in self._streams:
                self._streams.remove(stream)

    async def pass_on(self) -> None:
        """Pass on what the read model has by now.

        Raises:
            Exception: one of `unavailable`; everything waits.

        """
        if len(self._pending) > PENDING_MAX or not self._streams:
            if self._streams and self._pending:
                self._resync_all()
            self._pending.clear()
        by_kind: dict[DocumentKind, list[str]] = {}
        for kind, key in self._pending:
            by_kind.setdefault(kind, []).append(key)
        for kind, keys in by_kind.items():
            found = await self._lookup(kind, keys)
            for key in keys:
                self._decide((kind, key), found.get(key))

    def _decide(self, place: tuple[DocumentKind, str], visible: VisibleChange | None) -> None:
        if place not in self._pending:
            return
        version, since = self._pending[place]
        if visible is not None and version and visible.version >= version:
            del self._pending[place]
            for stream in self._streams:
                stream.add(visible)
        elif version == 0 or self._clock() - since > PATIENCE:
            # A tombstone, or the read model is far behind: nobody can say whose it is.
            del self._pending[place]
            for stream in self._streams:
                stream.ask_again()

    def _note(self, changes: Sequence[ChangedRecord] | None) -> None:
        if changes is None:
            self._resync_all()
            return
        now = self._clock()
        for change in changes:
            place = (change.kind, change.key)
            _, since = self._pending.get(place, (0, now))
            if len(self._pending) <= PENDING_MAX or place in self._pending:
                self._pending[place] = (change.version, since)

    def _resync_all(self) -> None:
        for stream in self._streams:
            self._metrics.resyncs.inc()
            stream.ask_again()

    def _open(self, viewer: Viewer) -> _Stream:
        same = [
            stream
            for stream in self._streams
            if viewer.session_id_hash is not None and stream.viewer.session_id_hash == viewer.session_id_hash
        ]
        if self._closed:
            raise TooManyStreams("the gateway is stopping; connect again in a moment")
        for stream in same:  # a session has one; the browser that opens another has lost the first
            self._streams.remove(stream)
            stream.end()
        if sum(stream.viewer.name == viewer.name for stream in self._streams) >= STREAMS_OF_A_PERSON:
            raise TooManyStreams(f"{STREAMS_OF_A_PERSON} streams of yours are open already; close one")
        if len(self._streams) >= STREAMS_MAX:
            raise TooManyStreams("the gateway has as many streams as it may have; try again later")
        stream = _Stream(viewer)
        self._streams.append(stream)
        return stream

    async def _still_known(self, viewer: Viewer) -> bool:
        try:
            return await self._is_known(viewer)
        except self._unavailable as error:
            log.debug("a viewer cannot be checked now: %s", error)
            return True


def lookup_in(rows: Any) -> Lookup:
    """The lookup of a read model without a scope."""

    async def lookup(kind: DocumentKind, keys: Collection[str]) -> dict[str, VisibleChange]:
        match kind:
            case "payments":
                found = await rows.payments_by_ids(keys)
                return {key: _visible(kind, key, row.payment, row.property_ids) for key, row in found.items()}
            case "breaks":
                found = await rows.breaks_by_ids(keys)
                return {key: _visible(kind, key, row.alert, row.property_ids) for key, row in found.items()}
            case "processor_references":
                found = await rows.references_by_keys(keys)
                return {key: _visible(kind, key, row.reference, row.property_ids) for key, row in found.items()}
            case "obligations":
                found = await rows.obligations_by_ids(keys)
                return {key: _visible(kind, key, row, (row.property_id,)) for key, row in found.items()}
            case "payouts":
                found = await rows.payouts_by_keys(keys)
                return {key: _visible(kind, key, row, ()) for key, row in found.items()}
            case "alerts":
                found = await rows.late_alerts_by_ids(keys)
                return {
                    key: VisibleChange(kind, key, ("obligations", row.obligation_id), row.version, (row.property_id,))
                    for key, row in found.items()
                }

    return lookup


def _visible(kind: DocumentKind, key: str, record: Any, properties: Collection[str]) -> VisibleChange:
    return VisibleChange(kind, key, (kind, key), record.version, properties)

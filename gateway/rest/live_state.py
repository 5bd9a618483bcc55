"""The committed state of this worker's keys as JSON, and the owners of all other keys: what `live=true` reads."""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from domain.explain import explanation
from domain.time import NOT_CAUGHT_UP, rfc3339
from gateway.rest.answers import Live
from read_model.queries import KeyKind
from streams.codec.json_form import output_to_json
from streams.topics import Topic
from streams.transport.owners import owner_of
from tables.committed import CommittedReader, KeySnapshot


@dataclass(frozen=True, slots=True)
class WorkerPort:
    """What live queries need of a worker. The functions are called for each query, because its parts change."""

    url: str
    """The URL that the worker advertises to the others."""
    topic_names: Mapping[Topic, str]
    committed: Callable[[], CommittedReader | None]
    """None before the assigned partitions are recovered, and after a fatal error."""
    worker_name: Callable[[], str]
    distribution: Callable[[], Mapping[str, Mapping[str, Sequence[int]]]]
    """The partitions of the last assignment, by topic name and by advertised URL."""


class LiveState:
    """Reads the keys of this worker, and finds the owner of any key."""

    def __init__(self, worker: WorkerPort) -> None:
        self._worker = worker

    @property
    def url(self) -> str:
        """The URL of this worker."""
        return self._worker.url

    @property
    def reader(self) -> CommittedReader | None:
        """The state of this worker; None before it is recovered."""
        return self._worker.committed()

    def owner_of(self, reader: CommittedReader, kind: KeyKind, key: str) -> str | None:
        """The URL of the worker that owns a key since the last assignment; None if it is not known."""
        partition = reader.source_of(kind, key)
        return owner_of(self._worker.distribution(), self._worker.topic_names[partition.topic], partition.number)

    async def record(self, reader: CommittedReader, kind: KeyKind, key: str) -> bytes | None:
        """The JSON of a key's reconciliation with `live`; None if the key has no record.

        Raises:
            NotOwned: this worker does not own the key, or lost it meanwhile.

        """
        worker = self._worker.worker_name()

        def render(found: KeySnapshot) -> bytes | None:
            record = found.reconciliation()
            return None if record is None else _answer(output_to_json(record), found, worker)

        return await reader.read(kind, key, render)

    async def state(self, reader: CommittedReader, kind: KeyKind, key: str) -> bytes | None:
        """The JSON of a key's committed state with `live`; None if nothing is known of the key.

        Raises:
            NotOwned: this worker does not own the key, or lost it meanwhile.

        """
        worker = self._worker.worker_name()

        def render(found: KeySnapshot) -> bytes:
            packed = base64.b64encode(found.packed).decode("ascii")
            return _answer({"type": "State", "key_kind": kind, "key": key, "packed": packed}, found, worker)

        return await reader.read(kind, key, render)

    async def explanation(self, reader: CommittedReader, kind: KeyKind, key: str, break_id: str) -> bytes | None:
        """The JSON of a break's explanation with `live`; None if the break is not open.

        Raises:
            NotOwned: this worker does not own the key, or lost it meanwhile.

        """
        worker = self._worker.worker_name()

        def render(found: KeySnapshot) -> bytes | None:
            one = explanation.find(found.state, break_id, found.watermark, found.policy)
            if one is None:
                return None
            published = found.published.breaks.get(break_id)
            opened_at = None if published is None else published.opened_at
            explained = explanation.explain(found.state, one, found.watermark, found.policy, opened_at=opened_at)
            return _answer(explanation.as_json(explained), found, worker)

        return await reader.read(kind, key, render)


def _answer(body: Mapping[str, object], found: KeySnapshot, worker: str) -> bytes:
    """Encoded here, in the reader's thread, so that it costs the event loop nothing."""
    caught_up_to = None if found.watermark == NOT_CAUGHT_UP else rfc3339(found.watermark)
    live = Live(worker, found.partition, caught_up_to, found.facts)
    return msgspec.json.encode({**body, "live": live})

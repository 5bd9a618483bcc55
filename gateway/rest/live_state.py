"""Live answers as JSON, and which worker gives them: the Owner of gateway/rest/live_queries.py."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol

from domain.explain import explanation
from domain.time import NOT_CAUGHT_UP, rfc3339
from streams.codec.json_form import output_to_json
from streams.settings import Settings
from streams.topics import Topic
from streams.transport.commit_loop import CommitLoop
from streams.transport.owners import owner_of
from tables.committed import CommittedReader, KeySnapshot, NotKept

Json = dict[str, Any]


class Kept(Protocol):
    """What is asked of `app.pipeline`."""

    settings: Settings
    opened: bool
    commit_loop: CommitLoop
    committed: CommittedReader

    @property
    def names(self) -> Mapping[Topic, str]:
        """All topics, as they are called here."""

    @property
    def worker_name(self) -> str:
        """The stable name of the worker, once it is open."""


class LiveState:
    """What this worker holds, and who holds what it does not."""

    not_held: ClassVar[type[Exception]] = NotKept

    def __init__(self, pipeline: Kept, app: Any) -> None:
        self._pipeline = pipeline
        self._app = app
        self.url = pipeline.settings.advertised_url

    @property
    def settled(self) -> bool:
        """Whether this worker's share of the partitions is assigned and recovered, and it goes on."""
        pipeline = self._pipeline
        return pipeline.opened and self._app.tables.recovery.completed.is_set() and not pipeline.commit_loop.broken

    def holds(self, kind: str, key: str) -> bool:
        """Whether the key is kept here."""
        return self.settled and self._pipeline.committed.owns(kind, key)

    def owner_of(self, kind: str, key: str) -> str | None:
        """The URL of the worker that keeps the key, as of the last assignment."""
        source = self._pipeline.committed.source_of(kind, key)
        distribution = self._app.router.external_topics_metadata()
        return owner_of(distribution, self._pipeline.names[source.topic], source.number)

    async def record(self, kind: str, key: str) -> Json | None:
        """The key's reconciliation with `live`, from what is committed."""
        return await self._look(kind, key, live_record)

    async def explanation(self, kind: str, key: str, break_id: str) -> Json | None:
        """What is behind an open break of the key, with `live`."""
        return await self._look(kind, key, lambda found: live_explanation(found, break_id))

    async def _look(self, kind: str, key: str, render: Callable[[KeySnapshot], Json | None]) -> Json | None:
        answer = await self._pipeline.committed.read(kind, key, render)
        if answer is not None:
            answer["live"]["worker"] = self._pipeline.worker_name
        return answer


def live_record(found: KeySnapshot) -> Json | None:
    """How a key stands, as `rentmatch read` tells it, and as of when; None where nothing is told of it."""
    record = found.reconciliation()
    return None if record is None else output_to_json(record) | {"live": _live(found)}


def live_explanation(found: KeySnapshot, break_id: str) -> Json | None:
    """What is behind a break of a key, and as of when; None where it is not open."""
    one = explanation.find(found.state, break_id, found.watermark, found.policy)
    if one is None:
        return None
    told = found.published.breaks.get(break_id)
    story = explanation.explain(
        found.state, one, found.watermark, found.policy, opened_at=None if told is None else told.opened_at
    )
    return explanation.as_json(story) | {"live": _live(found)}


def _live(found: KeySnapshot) -> Json:
    return {
        "partition": found.partition,
        "caught_up_to": None if found.watermark == NOT_CAUGHT_UP else rfc3339(found.watermark),
        "facts": found.facts,
    }

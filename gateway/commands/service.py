"""Decides for people: permission, scope, check, Kafka, and an entry in the audit log for each decision and refusal.

A command is carried out in a task of its own. A client that gives up does not stop it half way; the same request again
waits for it, or finds what it became. Commands about one key wait for each other, so that of two clicks the second
finds what the first has written.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any, NamedTuple, Protocol, TypeAlias
from weakref import WeakValueDictionary

from domain.commands.refusal import Author, RefusalKind, Refused
from domain.time import Micros
from gateway.commands.checking import Checker, Prepared, Subject, no_such_break, subject_of
from gateway.commands.known import INPUT_OF, KeyOf, KnownKeys, WrittenFacts, apply
from gateway.commands.permissions import check_permission, check_texts, checked_reason
from gateway.commands.requests import CarriedOut, Request, RequestLog, request_of, reused
from gateway.commands.wanted import (
    AcknowledgeBreak,
    AssignBreak,
    CommentOnBreak,
    Decision,
    MatchBreak,
    MovePayment,
    Wanted,
    about,
    name_of,
)
from gateway.commands.writing import FactWriter, NotWritten
from gateway.people.audit import AuditUnavailable
from gateway.people.viewer import Viewer
from read_model.finding import ReadModelUnavailable
from read_model.mongo import MongoUnavailable
from read_model.rows import BreakRow
from read_model.scope import Scope
from read_model.scoped import ScopedReadModel
from streams import topics
from streams.settings import Settings
from streams.topics import Topic

log = logging.getLogger(__name__)

NOT_ACKNOWLEDGED = (
    "Kafka has not acknowledged the record. It may have arrived all the same: send the same request again, and it "
    "counts once"
)
STORE_DOWN = "the read model does not answer, so it cannot be checked. Nothing was written; try again"


class Audit(Protocol):
    """The audit log."""

    async def check(self) -> None:
        """Check that the log can be written.

        Raises:
            AuditUnavailable: it cannot; nothing may be done.

        """

    async def record(self, *, actor: str, action: str, outcome: str, about: str = "", reason: str = "") -> None:
        """Append an entry."""


class BulkOutcome(NamedTuple):
    """What became of one break of many."""

    break_id: str
    record_id: str | None
    refused: Refused | None


Outcomes: TypeAlias = list[BulkOutcome | CarriedOut]
"""What a request became: each part of it."""
CarryOut: TypeAlias = Callable[[], Coroutine[Any, Any, Outcomes]]


class CommandService:
    """Carries out what people want.

    Args:
        read: the read model in a scope.
        checker: checks commands.
        known: what is known of keys.
        written: where the facts of this gateway are kept for a while.
        writer: writes to Kafka.
        requests: remembers requests.
        audit: the audit log.
        settings: name the topics.
        clock: the service's clock, microseconds since 1970.

    """

    def __init__(
        self,
        *,
        read: Callable[[Scope], ScopedReadModel],
        checker: Checker,
        known: KnownKeys,
        written: WrittenFacts,
        writer: FactWriter,
        requests: RequestLog,
        audit: Audit,
        settings: Settings,
        clock: Callable[[], Micros],
    ) -> None:
        self._read = read
        self._checker = checker
        self._known = known
        self._written = written
        self._writer = writer
        self._requests = requests
        self._audit = audit
        self._settings = settings
        self._clock = clock
        self._locks: WeakValueDictionary[KeyOf, asyncio.Lock] = WeakValueDictionary()
        self._running: dict[str, tuple[str, asyncio.Task[Outcomes]]] = {}
        """The hash of what is wanted, and the task, by the id of the request."""

    async def forecast(self, viewer: Viewer, wanted: Wanted) -> list[str]:
        """Say what would become of a command, in sentences. Nothing is written.

        Raises:
            Refused: it may not be carried out.

        """
        check_permission(viewer, wanted)
        check_texts(wanted)
        author = Author(viewer.name, checked_reason(wanted.reason), "forecast")
        with _read_model_answers():
            read = self._scoped(viewer)
            subject = await self._checker.subject(read, wanted)
            return (await self._checker.prepare(read, subject, wanted, author, self._clock())).text

    async def decide(self, viewer: Viewer, request_id: str, wanted: Wanted) -> CarriedOut:
        """Carry out a command; returns once the broker has its record.

        Args:
            viewer: who wants it.
            request_id: a UUID of this command. The same again is answered, not repeated.
            wanted: the command.

        Raises:
            Refused: it is not carried out, and the audit log says so.

        """
        async with self._audited(viewer, name_of(wanted), about(wanted)):
            check_permission(viewer, wanted)
            check_texts(wanted)
            checked_reason(wanted.reason)
            request = request_of(viewer.name, request_id, wanted)
            running = self._running_of(request, lambda: self._carry_out(viewer, request, wanted))
        (done,) = await asyncio.shield(running)
        assert isinstance(done, CarriedOut)
        return done

    async def decide_many(self, viewer: Viewer, request_id: str, decisions: Sequence[Decision]) -> list[BulkOutcome]:
        """Decide about many breaks, all in the same way; an outcome for each, in their order.

        Args:
            viewer: who decides.
            request_id: a UUID of this command.
            decisions: one for each break.

        Raises:
            Refused: none is taken, and the audit log says so.

        """
        first = decisions[0]
        async with self._audited(viewer, name_of(first), ",".join(map(about, decisions))):
            check_permission(viewer, first)
            check_texts(decisions)
            checked_reason(first.reason)
            if not isinstance(first, AcknowledgeBreak | AssignBreak | CommentOnBreak):
                raise Refused("many breaks can be acknowledged, assigned or commented on at once, and nothing else")
            if len({one.break_id for one in decisions}) < len(decisions):
                raise Refused("a break is named twice")
            request = request_of(viewer.name, request_id, list(decisions))
            running = self._running_of(request, lambda: self._carry_out_many(viewer, request, decisions))
        found = await asyncio.shield(running)  # the client may give up; what is begun is finished
        by_break = {one.about: one for one in found if isinstance(one, CarriedOut)}
        refusals = {one.break_id: one for one in found if isinstance(one, BulkOutcome)}
        return [
            refusals.get(one.break_id) or BulkOutcome(one.break_id, by_break[one.break_id].record_id, None)
            for one in decisions
        ]

    async def close(self) -> None:
        """Wait for the commands that are being carried out."""
        if self._running:
            await asyncio.wait([task for _, task in self._running.values()])

    # One command

    async def _carry_out(self, viewer: Viewer, request: Request, wanted: Wanted) -> Outcomes:
        async with self._audited(viewer, name_of(wanted), about(wanted)):
            before = await self._done_before(request)
            if before is not None:
                return before
            read = self._scoped(viewer)
            with _read_model_answers():
                subject = await self._checker.subject(read, wanted)
            async with self._alone([subject.key]):
                author = Author(viewer.name, checked_reason(wanted.reason), request.record_id(about(wanted)))
                with _read_model_answers():
                    prepared = await self._checker.prepare(read, subject, wanted, author, self._clock())
                done = await self._written_down(viewer, subject, wanted, prepared)
            await self._remember(request, [done])
            return [done]

    async def _written_down(self, viewer: Viewer, subject: Subject, wanted: Wanted, prepared: Prepared) -> CarriedOut:
        if prepared.fact is None:
            topic = self._settings.topic(_topic_of(subject, wanted))
        else:
            try:
                topic = await self._writer.write(prepared.fact)
            except NotWritten as error:
                log.warning("a decision is not acknowledged: %s", error)
                raise Refused(NOT_ACKNOWLEDGED, RefusalKind.UNAVAILABLE) from None
            self._written.add(prepared.fact)
        done = CarriedOut(about(wanted), prepared.record_id, topic, prepared.text)
        await self._audit.record(
            actor=viewer.name,
            action=f"decide.{name_of(wanted)}",
            outcome="done",
            about=f"{about(wanted)},{prepared.record_id}",
            reason=wanted.reason,
        )
        return done

    # Many breaks

    async def _carry_out_many(self, viewer: Viewer, request: Request, decisions: Sequence[Decision]) -> Outcomes:
        async with self._audited(viewer, name_of(decisions[0]), ",".join(map(about, decisions))):
            before = await self._done_before(request)
            if before is not None:
                return before
            read = self._scoped(viewer)
            with _read_model_answers():
                rows = await read.breaks_by_ids([one.break_id for one in decisions])
        outcomes = await self._decide_each(viewer, request, decisions, read, rows)
        for outcome in outcomes:
            if isinstance(outcome, BulkOutcome) and outcome.refused is not None:
                await self._audit_refusal(viewer, name_of(decisions[0]), outcome.break_id, outcome.refused)
        carried_out = [one for one in outcomes if isinstance(one, CarriedOut)]
        if len(carried_out) == len(decisions):
            await self._remember(request, carried_out)
        return outcomes

    async def _decide_each(
        self,
        viewer: Viewer,
        request: Request,
        decisions: Sequence[Decision],
        read: ScopedReadModel,
        rows: Mapping[str, BreakRow],
    ) -> Outcomes:
        subjects = {break_id: subject_of(row.alert) for break_id, row in rows.items()}
        keys = sorted({subject.key for subject in subjects.values()})
        outcomes: Outcomes = []
        async with self._alone(keys):
            try:
                known = await self._known.with_decisions(keys) if keys else {}
            except Refused as refused:
                return [BulkOutcome(one.break_id, None, refused) for one in decisions]
            ready: list[tuple[Decision, Subject, Prepared]] = []
            for one in decisions:
                try:
                    subject = subjects.get(one.break_id)
                    if subject is None:
                        raise no_such_break(one.break_id)
                    of_key = known[subject.key]
                    if isinstance(of_key, Refused):
                        raise of_key
                    author = Author(viewer.name, checked_reason(one.reason), request.record_id(one.break_id))
                    with _read_model_answers():
                        prepared = await self._checker.decision(read, subject, of_key, one, author, self._clock())
                except Refused as refused:
                    outcomes.append(BulkOutcome(one.break_id, None, refused))
                    continue
                if prepared.fact is not None:
                    apply(of_key.state, prepared.fact)  # the next decision about this key comes after it
                ready.append((one, subject, prepared))
            outcomes += await asyncio.gather(*(self._outcome(viewer, *each) for each in ready))
        return outcomes

    async def _outcome(
        self, viewer: Viewer, wanted: Decision, subject: Subject, prepared: Prepared
    ) -> BulkOutcome | CarriedOut:
        try:
            return await self._written_down(viewer, subject, wanted, prepared)
        except Refused as refused:
            return BulkOutcome(wanted.break_id, None, refused)

    # Both

    def _scoped(self, viewer: Viewer) -> ScopedReadModel:
        return self._read(Scope(viewer.properties))

    def _running_of(self, request: Request, carry_out: CarryOut) -> asyncio.Task[Outcomes]:
        """The task that carries a request out: the one that runs already, or a new one.

        Raises:
            Refused: the same id is being used for something else.

        """
        command, running = self._running.get(request.id, ("", None))
        if running is not None:
            if command != request.command:
                raise reused()
            return running
        running = asyncio.create_task(carry_out())
        self._running[request.id] = request.command, running
        running.add_done_callback(lambda task: self._ended(request, task))
        return running

    def _ended(self, request: Request, task: "asyncio.Task[Outcomes]") -> None:
        del self._running[request.id]
        if not task.cancelled() and isinstance(task.exception(), Refused):
            log.debug("a command is refused")  # whoever waits for it is told; nobody may be waiting any more

    async def _done_before(self, request: Request) -> Outcomes | None:
        try:
            await self._audit.check()
            before = await self._requests.find(request)
        except AuditUnavailable as error:
            raise Refused(str(error), RefusalKind.UNAVAILABLE) from None
        except MongoUnavailable as error:
            log.warning("requests cannot be looked up: %s", error)
            raise Refused(STORE_DOWN, RefusalKind.UNAVAILABLE) from None
        return None if before is None else list(before)

    async def _remember(self, request: Request, carried_out: Sequence[CarriedOut]) -> None:
        try:
            await self._requests.remember(request, carried_out)
        except MongoUnavailable as error:
            # The same request again becomes the same record, which counts once.
            log.warning("a request is not remembered: %s", error)

    async def _audit_refusal(self, viewer: Viewer, action: str, about_ids: str, refused: Refused) -> None:
        await self._audit.record(
            actor=viewer.name,
            action=f"decide.{action}",
            outcome=f"refused.{refused.kind.value}",
            about=about_ids,
            reason=refused.message,
        )

    @asynccontextmanager
    async def _audited(self, viewer: Viewer, action: str, about_ids: str) -> AsyncIterator[None]:
        """Enter a refusal in the audit log."""
        try:
            yield
        except Refused as refused:
            await self._audit_refusal(viewer, action, about_ids, refused)
            raise

    @asynccontextmanager
    async def _alone(self, keys: Collection[KeyOf]) -> AsyncIterator[None]:
        """Wait until no other command of this gateway is about one of the keys."""
        async with AsyncExitStack() as held:
            for key in sorted(keys):
                lock = self._locks.get(key)
                if lock is None:
                    lock = self._locks[key] = asyncio.Lock()
                await held.enter_async_context(lock)
            yield


def _topic_of(subject: Subject, wanted: Wanted) -> Topic:
    """Where a record of a command is."""
    if isinstance(wanted, MatchBreak | MovePayment):
        return INPUT_OF[subject.key[0]]
    return topics.DECISIONS


@contextmanager
def _read_model_answers() -> Iterator[None]:
    try:
        yield
    except ReadModelUnavailable as error:
        log.warning("a command cannot be checked: %s", error)
        raise Refused(STORE_DOWN, RefusalKind.UNAVAILABLE) from None

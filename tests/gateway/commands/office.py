"""A gateway's commands over one in-process worker: Kafka is in memory, MongoDB and the worker's HTTP API are real."""

import asyncio
from collections.abc import Collection, Coroutine, Sequence
from typing import Any, TypeVar

from domain.facts import InputFact
from domain.records import MismatchAlert, PaymentReconciliation
from gateway.commands.checking import Checker
from gateway.commands.known import KeyOf, KnownKeys, WrittenFacts, key_of_fact
from gateway.commands.requests import RequestLog
from gateway.commands.service import CommandService
from gateway.commands.writing import NotWritten
from gateway.people.audit import AuditLog, AuditRecord
from gateway.people.viewer import Role, Viewer
from gateway.rest.handlers import ReconciliationApi
from gateway.workers import Workers
from read_model.mongo import Mongo
from read_model.scoped import ScopedReadModel
from read_model.writer import ReadModelWriter
from streams import topics
from streams.codec.json_form import instant_from_text
from streams.headers import Header
from streams.routing import topic_of
from tests.kit.driver import Driver
from tests.kit.projected import _arrived
from tests.kit.scenario_tables import read_facts
from tests.kit.serving import InProcessLiveState, Served

T = TypeVar("T")

AT = instant_from_text("2026-07-08T12:00:00Z")
FACTS = """
    2026-06-20 12:00 O-1 charged 850.00 due 2026-07-01
    2026-06-20 12:00 O-2 charged 850.00 due 2026-08-01
    2026-06-20 12:00 O-8 charged 850.00 due 2026-08-01 property H-8
    2026-07-01 15:00 P-1 initiated 850.00 CARD for O-1
    2026-07-02 16:00 P-4 initiated 850.00 CARD for O-1
    2026-07-02 17:00 P-4 SETTLED 850.00
    2026-07-02 18:00 P-4 posted 850.00 to O-1 as L-4
    2026-07-02 16:00 P-8 initiated 850.00 CARD for O-8 property H-8
    2026-07-02 20:00 acme/ch_9 SETTLED 850.00
    2026-07-01 15:00 P-6 SETTLED 850.00 fee 1.50 ref ch_6 payout po_1
    2026-07-01 15:00 acme/po_1 reported PAID 848.50 arriving 2026-07-02 account A
    2026-07-01 15:00 acme/po_2 reported PAID 848.50 other 848.50 arriving 2026-07-03 account A
    2026-07-02 15:00 A/n1 booked 848.50 on 2026-07-02
"""

ANA = Viewer("ana", Role.APPROVER, None, session_id_hash="a" * 64)
BEN = Viewer("ben", Role.APPROVER, None, session_id_hash="b" * 64)
EVE = Viewer("eve", Role.VIEWER, None, session_id_hash="e" * 64)
PAT = Viewer("pat", Role.ADMIN, frozenset({"H-8"}), session_id_hash="c" * 64)
BOT = Viewer("bot", Role.ADMIN, None, token_id="t-1")


class Office:
    """A driver whose worker is served, a read model of its outputs, and the gateway's commands."""

    def __init__(self, url: str, database: str, facts: str = FACTS) -> None:
        self.runner = asyncio.Runner()
        self.driver = Driver(now=AT)
        self.driver.pipe(*read_facts(facts))
        self.driver.run()
        self.url, self.database = url, database
        self.live = InProcessLiveState(self.driver.worker, "alone", "http://alone.invalid", {})
        self.served = Served(ReconciliationApi(None, self.live, "0"))
        self.served.__enter__()
        self.unread: list[InputFact] = []
        self.broken: Exception | None = None
        self.broker_is_down = False
        self.mongo = Mongo(url, database, timeout_s=5)
        self.workers = Workers([self.served.url])
        self.start_gateway()
        self.project()

    def start_gateway(self) -> None:
        """A gateway that remembers nothing but what MongoDB has."""
        self.audit = AuditLog(self.mongo, lambda: self.driver.world.now)
        written = WrittenFacts()
        known = KnownKeys(self.workers, self, written)
        self.service = CommandService(
            read=lambda scope: ScopedReadModel(self.mongo, scope),
            checker=Checker(known, self.driver.world.settings.policy),
            known=known,
            written=written,
            writer=self,
            requests=RequestLog(self.mongo),
            audit=self.audit,
            settings=self.driver.world.settings,
            clock=lambda: self.driver.world.now,
        )

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def close(self) -> None:
        self.run(self.workers.close())
        self.run(self.mongo.close())
        self.served.__exit__()
        self.runner.close()

    # The broker, in memory

    async def write(self, fact: InputFact) -> str:
        await self.send("", None, None, [])
        self.unread.append(fact)
        return topic_of(fact).name

    async def send(self, topic_name: str, key: bytes | None, value: bytes | None, headers: list[Header]) -> None:
        await asyncio.sleep(0.01)
        if self.broker_is_down:
            raise NotWritten("all brokers are down")

    def decisions(self, keys: Collection[KeyOf]) -> Sequence[InputFact]:
        if self.broken is not None:
            raise self.broken
        return [fact for fact in self.unread if key_of_fact(fact) in keys]

    def moves(self, key: KeyOf) -> Sequence[InputFact]:
        return [fact for fact in self.decisions([key]) if topic_of(fact) is not topics.DECISIONS]

    # The pipeline

    def worker_reads(self) -> None:
        """The worker reads what is written, and the read model follows."""
        self.driver.pipe(*self.unread)
        self.unread = []
        self.driver.run()
        self.project()

    def project(self) -> None:
        async def write() -> None:
            writer = ReadModelWriter(self.mongo, lambda: 0)
            await writer.prepare()
            await writer.write(list(_arrived(self.driver)))

        self.run(write())

    # What is there

    def alert(self, key: str) -> MismatchAlert:
        """The only break of a key that is not resolved."""
        (found,) = (
            one
            for one in self.driver.last(topics.MISMATCH_ALERTS).values()
            if isinstance(one, MismatchAlert) and one.key == key and one.resolved_at is None
        )
        return found

    def payment(self, payment_id: str) -> PaymentReconciliation:
        found = self.driver.last(topics.PAYMENT_RECONCILIATIONS)[payment_id]
        assert isinstance(found, PaymentReconciliation)
        return found

    def entries(self) -> list[AuditRecord]:
        return list(reversed(self.run(self.audit.entries({}, limit=500))))

"""Commands and operations of a gateway, put together and in the schema's types."""

from dataclasses import dataclass
from functools import partial

from gateway.commands.checking import Checker
from gateway.commands.dead_letters import DeadLetters
from gateway.commands.known import KnownKeys, UnreadOnKafka, WrittenFacts
from gateway.commands.proposals import Proposals
from gateway.commands.requests import RequestLog
from gateway.commands.service import CommandService
from gateway.commands.writing import KafkaWriter
from gateway.graphql.mutations.commands import GraphqlCommands
from gateway.graphql.mutations.operations import GraphqlOperations
from gateway.monitoring import look
from gateway.people.audit import AuditLog
from gateway.workers import Workers
from read_model.mongo import Mongo
from read_model.scope import EVERYTHING
from read_model.scoped import ScopedReadModel
from streams.clocks import clock_of, system_clock
from streams.codec.codec import Codec
from streams.settings import Settings


@dataclass(frozen=True)
class CommandParts:
    """What a gateway answers with beside the read model."""

    commands: GraphqlCommands
    operations: GraphqlOperations
    service: CommandService
    _writer: KafkaWriter

    async def close(self) -> None:
        """Finish the commands that are being carried out, and release the connections to Kafka."""
        await self.service.close()
        await self.operations.close()
        await self._writer.close()


def command_parts(settings: Settings, *, mongo: Mongo, workers: Workers, audit: AuditLog, codec: Codec) -> CommandParts:
    """Put commands and operations together. Nothing is connected before the first request.

    Args:
        settings: where Kafka is, and the deadlines.
        mongo: the read model's MongoDB.
        workers: the workers' live API.
        audit: the audit log.
        codec: encodes and decodes records.

    """
    written = WrittenFacts()
    known = KnownKeys(workers, UnreadOnKafka(settings, codec), written)
    writer = KafkaWriter(settings, codec)
    service = CommandService(
        read=partial(ScopedReadModel, mongo),
        checker=Checker(known, settings.policy),
        known=known,
        written=written,
        writer=writer,
        requests=RequestLog(mongo),
        audit=audit,
        settings=settings,
        clock=clock_of(settings),
    )
    letters = DeadLetters(settings, codec, writer)
    proposals = Proposals(ScopedReadModel(mongo, EVERYTHING), workers, settings.policy)
    return CommandParts(
        commands=GraphqlCommands(service, proposals, letters, audit),
        operations=GraphqlOperations(workers, mongo, lambda: look(settings, system_clock()), letters, system_clock),
        service=service,
        _writer=writer,
    )

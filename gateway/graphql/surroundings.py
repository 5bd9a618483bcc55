"""What is the same for all requests, and makes the context of each."""

from collections.abc import Callable
from dataclasses import dataclass

from domain.time import Micros
from gateway.graphql.context import Context
from gateway.graphql.loaders import Loaders
from gateway.graphql.ports import ChangesPort, CommandsPort, LivePort, OperationsPort, PeoplePort
from gateway.people.viewer import Viewer
from read_model.queries import ReadModel
from read_model.scope import Scope


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The read model, and the other parts of the gateway."""

    read_model: ReadModel
    live: LivePort
    operations: OperationsPort
    commands: CommandsPort
    people: PeoplePort
    changes: ChangesPort
    clock: Callable[[], Micros]
    introspection: bool = True
    """Whether viewers who may send documents of their own may ask for the schema."""

    def context(self, viewer: Viewer) -> Context:
        """Make the context of a request of this viewer's."""
        read = self.read_model.scoped(Scope(viewer.properties))
        return Context(
            viewer=viewer,
            read=read,
            loaders=Loaders(read, self.live),
            live=self.live,
            operations=self.operations,
            commands=self.commands,
            people=self.people,
            changes=self.changes,
            now=self.clock(),
            may_introspect=self.introspection and viewer.may_query_freely,
        )

"""Commands of people through the GraphQL schema, as the console sends them."""

import uuid
from collections.abc import Callable
from typing import Any

from domain.time import Micros
from gateway.graphql.schema.factory import gateway_schema
from gateway.graphql.surroundings import Surroundings
from gateway.people.viewer import Viewer
from gateway.workers import Workers
from read_model.mongo import Mongo
from read_model.queries import ReadModel

DECIDE = """
mutation ($requestId: ID!, $command: CommandInput!) {
  decide(requestId: $requestId, command: $command) {
    __typename
    ... on Written { decisionId topic text }
    ... on Refusal { kind message }
  }
}"""
DECIDE_MANY = """
mutation ($requestId: ID!, $action: BulkAction!, $breakIds: [ID!]!, $reason: String!, $assignee: String) {
  decideMany(requestId: $requestId, action: $action, breakIds: $breakIds, reason: $reason, assignee: $assignee) {
    breakId decisionId refusal { kind message }
  }
}"""
FORECAST = """
query ($command: CommandInput!) { forecast(command: $command) { allowed text refusal { kind message } } }"""
REFEED = """
mutation ($requestId: ID!, $ids: [ID!]!) {
  refeedDeadLetters(requestId: $requestId, ids: $ids) { refed refused { id reason } }
}"""
BREAK = """
query ($id: ID!) {
  break(id: $id) {
    id evidence lifecycle version decision { state actor approvedBy assignee }
    proposals { keyKind key reasons doubts }
  }
}"""
HEALTH = """
{ health {
    freshness { caughtUpTo lag } workers { url ready reason partitions } topics { group topic partition lag }
    feeds { source topic lastAt silent } readModel { up lag } deadLetters { value atLeast }
} }"""
DEAD_LETTERS = """
query ($first: Int!, $after: String) {
  deadLetters(first: $first, after: $after) {
    edges { cursor node {
      id at topic partition offset errorClass error key decoded bytes size headers { name value }
    } }
    pageInfo { hasNextPage endCursor }
  }
}"""


def new_request() -> str:
    """An id that no other request has."""
    return str(uuid.uuid4())


class Desk:
    """A gateway's schema, without its web server.

    Args:
        mongo: the read model's.
        workers: the workers.
        commands: `CommandsPort`.
        operations: `OperationsPort`.
        clock: of the requests.

    """

    def __init__(
        self, mongo: Mongo, workers: Workers, commands: Any, operations: Any, clock: Callable[[], Micros]
    ) -> None:
        ports: dict[str, Any] = {"people": None, "changes": None}
        self._surroundings = Surroundings(
            ReadModel(mongo), workers, operations=operations, commands=commands, clock=clock, **ports
        )

    async def ask(self, viewer: Viewer, document: str, **variables: Any) -> Any:
        """The only field of an answer without errors."""
        result = await gateway_schema().execute(
            document, variable_values=variables, context_value=self._surroundings.context(viewer)
        )
        assert result.errors is None, result.errors
        assert result.data is not None
        (found,) = result.data.values()
        return found

    async def decide(self, viewer: Viewer, command: dict[str, Any], request_id: str | None = None) -> dict[str, Any]:
        """The answer to a command."""
        found: dict[str, Any] = await self.ask(viewer, DECIDE, requestId=request_id or new_request(), command=command)
        return found

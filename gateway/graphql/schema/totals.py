"""The overview and the ageing, from the summaries of the read model."""

from collections.abc import Sequence

from gateway.graphql.context import Info
from gateway.graphql.errors import ErrorCode, GatewayError
from gateway.graphql.schema.decisions import Decision
from gateway.graphql.schema.inputs import AgeingFilter, DecisionFilter
from gateway.graphql.schema.money import Connection
from gateway.graphql.schema.overview import AgeingCell, AgeingRow, LateCell, Overview
from gateway.graphql.schema.who import SearchHit


def _absent() -> GatewayError:
    return GatewayError(ErrorCode.UNAVAILABLE, "this is not answered yet")


async def overview_of(info: Info, properties: Sequence[str] | None) -> Overview:
    """Give the overview of the viewer's properties, or of those of them that are named."""
    raise _absent()


async def ageing_rows(info: Info, only: AgeingFilter, *, first: int, after: str | None) -> Connection[AgeingRow]:
    """Give the ageing by property and currency."""
    raise _absent()


async def ageing_cells(info: Info, *, properties: Sequence[str]) -> list[AgeingCell]:
    """Give the ageing of properties by currency and bucket."""
    raise _absent()


async def late_cells(info: Info, *, properties: Sequence[str]) -> list[LateCell]:
    """Give the late installments of properties by stage and currency."""
    raise _absent()


async def decisions_of(info: Info, only: DecisionFilter, *, first: int, after: str | None) -> Connection[Decision]:
    """Give the decisions that match."""
    raise _absent()


async def hits(info: Info, text: str, *, first: int) -> list[SearchHit]:
    """Give what is found by text."""
    raise _absent()

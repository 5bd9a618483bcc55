"""Who decides: what the commands write for people."""

from typing import Annotated

from pydantic import BaseModel, Field


class DecisionSettings(BaseModel):
    """The person at the command line."""

    actor: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(
        None, description="who decides about breaks on the command line; default: the login name"
    )

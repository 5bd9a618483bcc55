"""A worker: its name, its files and logs, its clock, and how often it commits."""

from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

from domain.time import Micros, micros_of

SYSTEM_CLOCK = "system"

_Name = Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]{1,100}$")]


def _clock(text: str) -> str:
    if text != SYSTEM_CLOCK and datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("an instant needs a zone, as in 2026-07-10T00:00:00Z")
    return text


class WorkerSettings(BaseModel):
    """Identity, state, logs and timing."""

    application_id: _Name = Field("rentmatch", description="consumer group, and prefix of the transactional ids")
    worker_id: _Name | None = Field(
        None,
        description="stable name of this worker; default: the host name and the first free slot in the state directory",
    )
    state_dir: Path = Field(Path(".rentmatch/state"), description="directory of the local state, one folder per worker")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="least severe level to log")
    log_format: Literal["text", "json"] = Field("text", description="lines for people, or one JSON object per line")
    clock: Annotated[str, AfterValidator(_clock)] = Field(
        SYSTEM_CLOCK,
        description="`system`, or an ISO 8601 instant with a zone, at which the clock of the service is fixed",
    )
    commit_interval_ms: int = Field(
        100, ge=1, le=60_000, description="time between two commits under load; up to 50 times that in a backlog"
    )
    progress_interval_ms: int = Field(
        500, ge=10, le=60_000, description="how often watermarks are measured and written"
    )
    transaction_timeout_ms: int = Field(
        15_000, ge=1_000, le=900_000, description="the broker aborts a dead worker's transaction after this"
    )
    session_timeout_ms: int = Field(
        10_000, ge=1_000, le=300_000, description="the group removes a silent worker after this"
    )
    standby_replicas: int = Field(
        0, ge=0, le=10, description="how many other workers keep a warm copy of each table partition"
    )
    state_memory_mib: int = Field(
        256,
        ge=16,
        le=1 << 20,
        description="memory for what commits hold, in MiB: two fifths for the facts of the open one; "
        "what the last one writes takes about as much",
    )
    compiled_codec: bool = Field(
        True, description="use the compiled Avro codec where it was built; `false`: plain Python, for comparison"
    )

    @cached_property
    def standing_clock(self) -> Micros | None:
        """The instant at which the clock stands still, in microseconds UTC; None for the system's clock."""
        if self.clock == SYSTEM_CLOCK:
            return None
        return micros_of(datetime.fromisoformat(self.clock))

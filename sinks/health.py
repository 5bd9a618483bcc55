"""Liveness and readiness as JSON, each with its reason."""

import time
from typing import Any, NamedTuple

STALLED_AFTER_S = 60.0
"""With work to do and nothing committed for this long, a worker is not alive any more."""


class Verdict(NamedTuple):
    """An answer and why."""

    good: bool
    why: str


class Health:
    """Looks at the pipeline of one worker."""

    def __init__(self, pipeline: Any, app: Any) -> None:
        self._pipeline = pipeline
        self._app = app

    def live(self) -> Verdict:
        """Whether the pipeline makes progress, or has nothing to do."""
        if not self._pipeline.opened:
            return Verdict(True, "starting")
        pump = self._pipeline.pump
        if pump.broken:
            return Verdict(False, "stopped by an error")
        idle_s = time.monotonic() - pump.last_progress_at
        if pump.engine.pending() and idle_s > STALLED_AFTER_S:
            return Verdict(False, f"nothing committed for {idle_s:.0f} s with work to do")
        return Verdict(True, "working")

    def ready(self) -> Verdict:
        """Whether recovery is done and the gate for deadlines is open (contract section 9)."""
        if not self._pipeline.opened or not self._app.tables.recovery.completed.is_set():
            return Verdict(False, "recovering state")
        if self._pipeline.pump.engine.progress.gate() is None:
            return Verdict(False, "catching up: not every input has been read to its end yet")
        return Verdict(True, "reconciling")

    def caught_up_to(self) -> int | None:
        """The time up to which everything is reconciled, microseconds since 1970; None before the gate is open."""
        return self._pipeline.pump.engine.progress.gate() if self._pipeline.opened else None


def serve_health(app: Any, health: Health) -> None:
    """Answer /livez and /readyz: 200 or 503, with the reason as JSON."""

    async def livez(web: Any, request: Any) -> Any:
        return _answer(web, health.live(), health.caught_up_to())

    async def readyz(web: Any, request: Any) -> Any:
        return _answer(web, health.ready(), health.caught_up_to())

    app.page("/livez", name="livez")(livez)
    app.page("/readyz", name="readyz")(readyz)


def _answer(web: Any, verdict: Verdict, caught_up_to: int | None) -> Any:
    body = {"ok": verdict.good, "why": verdict.why, "caught_up_to_micros": caught_up_to}
    return web.json(body, status=200 if verdict.good else 503)

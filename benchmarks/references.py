"""What it costs that each settlement record claims its attempt's reference: one small state an attempt.

The same backlog is run in process with the claims and without them, in turn.
"""

import tempfile
import time
from collections.abc import Sequence
from statistics import median

from agents.pipeline import AGENTS
from agents.route_inputs import RouteInputs
from agents.router import Origin
from benchmarks.events import Backlog
from benchmarks.in_process import InProcess
from benchmarks.report import Result
from domain.facts import ProcessorSettled
from streams.topics import REFERENCES_CHANGELOG

ROUNDS = 5


class WithoutClaims(RouteInputs):
    """Routes a settlement record to its payment, or without a payment id to its reference, and makes no claim."""

    def _route_settled(self, facts: Sequence[ProcessorSettled], origin: Origin) -> None:
        self._payments.route([fact for fact in facts if fact.payment_id is not None], origin)
        self._references.route([fact for fact in facts if fact.payment_id is None], origin)


NO_CLAIMS = tuple(WithoutClaims if agent is RouteInputs else agent for agent in AGENTS)


def run_references(backlog: Backlog) -> Result:
    """Run the pipeline with and without claims of settlement records, and compare CPU and changelog."""
    events = len(backlog.records)
    result = Result("references", f"{events:,} events in process, {ROUNDS} times with and without claims, medians")
    seconds: dict[str, list[float]] = {"with": [], "without": []}
    written: dict[str, tuple[int, int]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(ROUNDS):
            for name, agents in (("with", AGENTS), ("without", NO_CLAIMS)):
                pipeline = InProcess.over(backlog, folder, agents=agents)
                begin = time.process_time()
                pipeline.run()
                seconds[name].append(time.process_time() - begin)
                result.details[f"commits {name}"] = pipeline.commits
                written[name] = pipeline.written[REFERENCES_CHANGELOG], pipeline.written_bytes[REFERENCES_CHANGELOG]
                pipeline.store.close()
    cpu = {name: median(found) / events * 1e6 for name, found in seconds.items()}
    result.add("CPU with claims", cpu["with"], "µs/event")
    result.add("CPU without claims", cpu["without"], "µs/event")
    more, more_bytes = (with_ - without for with_, without in zip(written["with"], written["without"], strict=True))
    result.add("changelog records that claims add", more / events, "an event")
    result.add("bytes of such a record, with its key", more_bytes / max(1, more), "bytes")
    result.add("changelog bytes that claims add", more_bytes / events, "bytes/event")
    result.add("CPU of such a record", (cpu["with"] - cpu["without"]) * events / max(1, more), "µs")
    return result

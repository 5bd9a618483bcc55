"""What a program must offer to be measured by `versus`, rentmatch itself included.

A program reads the deployment's input topics in a consumer group that has the deployment's name, and writes the
output topics below under the deployment's names. It stops at SIGTERM, keeps its state in the folder that it gets, and
continues from there when it is started again.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.deployment import MeasuredDeployment
from benchmarks.versus_input import Outcomes
from domain.time import Micros
from streams import topics
from streams.topics import Topic
from tools.local.processes import Process

OUTPUTS = (topics.PAYMENT_RECONCILIATIONS, topics.OBLIGATION_RECONCILIATIONS, topics.MISMATCH_ALERTS)

INPUTS = (topics.PAYMENT_INITIATED, topics.PROCESSOR_SETTLED, topics.LEDGER_EVENTS)

BREAKS = ("duplicate_settlement", "settlement_amount_mismatch")
"""The classes of breaks that all report."""

MakeProcess = Callable[[MeasuredDeployment, Path], Process]
"""A process of it for a deployment, not started yet, with its log and its `state` in this folder, which may exist."""

Read = Callable[[Outcomes, Topic, bytes, bytes], None]
"""Adds the last record of a key (topic, key, value) of an output topic to what came out."""

HasRead = Callable[[MeasuredDeployment], bool]
"""Whether the program has committed all that it has to read."""

RestsOn = Callable[[Topic, bytes], tuple[str, Micros]]
"""The key of a reconciliation (topic, value) and the latest `occurred_at` of the events that it includes."""


def has_read_inputs(deployment: MeasuredDeployment) -> bool:
    """Return whether the inputs are committed up to their ends."""
    return deployment.has_read(*INPUTS)


@dataclass(frozen=True)
class Peer:
    """A program under measurement. What it does not offer is None, and is not measured."""

    name: str
    """On the command line and in the names of folders."""
    title: str
    """In tables."""
    exactly_once: bool
    process: MakeProcess
    read: Read
    most_events: int | None = None
    """The largest input that it reads in reasonable time; None: any."""
    shares_work: bool = True
    """Whether two processes of it share the work."""
    has_read: HasRead = has_read_inputs
    recovered: "re.Pattern[str] | None" = None
    """The line of its log that says that it has recovered; its first group is the number of records read."""
    rests_on: RestsOn | None = None
    """For the latency of an event."""

"""The same job on stock Faust (Python, in benchmarks/simple_job), as a peer: a record at a time, at least once.

Not benchmarks/naive.py: that applies rentmatch's rules without its watermark, so it never says that too little was
collected, which both Kafka Streams and Quix Streams say.

One process of it is measured: two did not read 3,000 events to their end within minutes.
"""

import os
import sys
from pathlib import Path

from benchmarks.deployment import MeasuredDeployment
from benchmarks.peers import records
from benchmarks.peers.model import Peer
from tools.local.processes import Process
from tools.local.worker import REPOSITORY


def process(deployment: MeasuredDeployment, directory: Path) -> Process:
    """A process of it, with its state in `directory`/state."""
    directory.mkdir(parents=True, exist_ok=True)
    env = os.environ | {
        "PEER_NAME": deployment.name,
        "PEER_INPUTS": deployment.inputs,
        "PEER_BROKER": deployment.settings.broker,
        "PEER_PARTITIONS": str(deployment.settings.partitions),
    }
    command = [
        sys.executable, "-m", "benchmarks.simple_job.on_faust", "--loop", "uvloop",
        "--datadir", str(directory / "state"), "worker", "--without-web", "-l", "warn",
    ]  # fmt: skip
    return Process(command, directory / "faust.log", cwd=REPOSITORY, env=env)


NAIVE_FAUST = Peer(
    name="naive-faust",
    title="naive Faust",
    exactly_once=False,
    most_events=20_000,
    shares_work=False,
    process=process,
    read=records.read,
)

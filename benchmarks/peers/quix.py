"""The same job on Quix Streams (Python, in benchmarks/simple_job), as a peer.

It does what the Kafka Streams program does, with the same rules and records. Exactly once, in one thread. Its packages
are not the project's: they are installed into an environment of their own when it is first asked for.
"""

import os
from pathlib import Path

from benchmarks.deployment import MeasuredDeployment
from benchmarks.peers import records
from benchmarks.peers.model import Peer
from tools.local import venv
from tools.local.processes import Process
from tools.local.worker import REPOSITORY

LOCK = Path(__file__).parents[1] / "simple_job" / "quix.lock"


def process(deployment: MeasuredDeployment, directory: Path) -> Process:
    """A process of it, with its state in `directory`/state.

    Raises:
        tools.local.cache.MissingToolError: its packages cannot be installed.

    """
    directory.mkdir(parents=True, exist_ok=True)
    # No PYTHONPATH: it would bring the packages of whoever runs the benchmark.
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")} | {
        "PEER_NAME": deployment.name,
        "PEER_INPUTS": deployment.inputs,
        "PEER_BROKER": deployment.settings.broker,
        "PEER_STATE": str(directory / "state"),
    }
    command = [str(venv.python_with(LOCK)), "-m", "benchmarks.simple_job.on_quix"]
    return Process(command, directory / "quix.log", cwd=REPOSITORY, env=env)


QUIX = Peer(
    name="quix",
    title="Quix Streams",
    exactly_once=True,
    most_events=200_000,
    process=process,
    read=records.read,
)

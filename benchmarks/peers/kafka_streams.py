"""The same job on Kafka Streams (Java, in benchmarks/kafka_streams), as a peer.

It does less: it joins payments with settlements and postings, and obligations with payments, and reports two classes
of breaks. It has no deadlines, no other breaks, no references, no payouts, no decisions, no dead letters. One thread
does the work, exactly once, with a commit each 100 ms.
"""

import hashlib
import re
import shutil
import tempfile
from pathlib import Path

from benchmarks.deployment import MeasuredDeployment
from benchmarks.peers import records
from benchmarks.peers.model import Peer
from tools.local import cache, maven
from tools.local.processes import Process

SOURCES = Path(__file__).parents[1] / "kafka_streams"

SCHEMAS = Path(__file__).parents[2] / "schemas" / "avro"


def process(deployment: MeasuredDeployment, directory: Path) -> Process:
    """A process of it, with its state in `directory`/state.

    Raises:
        tools.local.cache.MissingToolError: Java or Maven is missing, or the build failed.

    """
    directory.mkdir(parents=True, exist_ok=True)
    program = built()
    command = [
        maven.java(), "-Xmx1g", "-XX:+UseParallelGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-cp", f"{program}/classes:{program}/libs/*", "rentmatch.peer.Main",
    ]  # fmt: skip
    env = {
        "PEER_NAME": deployment.name,
        "PEER_INPUTS": deployment.inputs,
        "PEER_BROKER": deployment.settings.broker,
        "PEER_STATE": str(directory / "state"),
    }
    return Process(command, directory / "streams.log", cwd=directory, env=env)


def built() -> Path:
    """The folder with the built program: `classes` and `libs`. Built once for each state of its sources.

    Raises:
        tools.local.cache.MissingToolError: Java or Maven is missing, or the build failed.

    """
    sources = sorted(path for path in (*SOURCES.rglob("*"), *SCHEMAS.glob("*.avsc")) if path.is_file())
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    return cache.cached("kafka-streams", f"what the Kafka Streams program needs ({digest})", _build)


def _build(target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copytree(SOURCES, Path(folder) / "peer")
        maven.package(copy, schemas=SCHEMAS)
        for name in ("classes", "libs"):
            shutil.move(copy / "target" / name, target / name)


KAFKA_STREAMS = Peer(
    name="kafka-streams",
    title="Kafka Streams",
    exactly_once=True,
    process=process,
    read=records.read,
    recovered=re.compile(r"recovered (\d+) records in "),
    rests_on=records.rests_on,
)

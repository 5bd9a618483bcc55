"""A MongoDB for tests, as a process that can be killed, frozen and started again on the same data."""

import json
import socket
import sys
from pathlib import Path
from typing import Any

from tools.local.processes import Process, free_ports, wait_until

REPOSITORY = Path(__file__).resolve().parents[2]


class MongoServer:
    """One server (tests/kit/mongo_child.py) with its data in a folder. Each test uses a database of its own."""

    def __init__(self, folder: Path) -> None:
        (folder / "data").mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._faults = folder / "faults.json"
        self._port = free_ports(1)[0]
        command = (sys.executable, "-m", "tests.kit.mongo_child", str(self._port), str(folder))
        self.process = Process(command, folder / "mongo.log", cwd=REPOSITORY)

    @property
    def url(self) -> str:
        """Its connection string."""
        return f"mongodb://127.0.0.1:{self._port}/"

    def start(self) -> None:
        """Start it, or restart it on its data, and wait until it listens."""
        self.process.start()
        wait_until(self._listens, 60, "MongoDB to listen", process=self.process)

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()

    def refuse(self, text: str, *, code: int = 121, whole: bool = False) -> None:
        """From now on refuse documents whose `_id` contains the text; with `whole` the rest of their command too."""
        self._tell({"refuse": {"text": text, "code": code, "whole": whole}})

    def fail(self, code: int, message: str) -> None:
        """From now on refuse every write."""
        self._tell({"fail": {"code": code, "message": message}})

    def heal(self) -> None:
        """Refuse nothing from now on."""
        self._faults.unlink(missing_ok=True)

    def _tell(self, faults: dict[str, Any]) -> None:
        fresh = self._faults.with_suffix(".new")
        fresh.write_text(json.dumps(faults))
        fresh.rename(self._faults)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0

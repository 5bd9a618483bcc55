"""Health probes of the parts. A probe answers within two seconds and raises nothing."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from tools.local.supervisor import Health

TIMEOUT_S = 2

Probe = Callable[[], Health]


def kafka_node(port: int, node_id: int) -> Probe:
    """Healthy if the broker answers and its metadata lists itself."""
    admins: list[Any] = []

    def probe() -> Health:
        if not admins:  # connects only once the node is to be probed
            admins.append(AdminClient({"bootstrap.servers": f"127.0.0.1:{port}", "log_level": 0}))
        try:
            brokers = admins[0].list_topics(timeout=TIMEOUT_S).brokers
        except KafkaException as error:
            return Health(False, error.args[0].str())
        return Health(node_id in brokers, f"{len(brokers)} brokers in the cluster")

    return probe


def http_ok(url: str) -> Probe:
    """Healthy if the page answers 200."""

    def probe() -> Health:
        status, why = _get(url)
        return Health(status == 200, "answers" if status == 200 else why)

    return probe


def rentmatch(url: str) -> Probe:
    """Probe a process of rentmatch by its /readyz and /livez."""

    def probe() -> Health:
        ready, why = _get(f"{url}/readyz")
        if ready == 200:
            return Health(True, why)
        alive, why_not = _get(f"{url}/livez")
        # No answer may only mean that it is starting; only an explicit 503 calls for a restart.
        return Health(False, why) if alive != 503 else Health(False, why_not, is_alive=False)

    return probe


def mongo(url: str) -> Probe:
    """Healthy if the server answers a ping in MongoDB's protocol."""
    timeout_ms = TIMEOUT_S * 1000
    client: MongoClient[dict[str, Any]] = MongoClient(
        url, serverSelectionTimeoutMS=timeout_ms, socketTimeoutMS=timeout_ms, connect=False
    )

    def probe() -> Health:
        try:
            client.admin.command("ping")
        except PyMongoError as error:
            return Health(False, f"no answer: {str(error)[:80]}")
        return Health(True, "answers")

    return probe


def _get(url: str) -> tuple[int | None, str]:
    """Return the status, and the reason: the page's own `why` if it has one."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as response:
            return response.status, _why(response.read())
    except urllib.error.HTTPError as error:
        return error.code, _why(error.read()) or f"answers {error.code}"
    except (urllib.error.URLError, OSError, ValueError) as error:
        return None, f"no answer: {getattr(error, 'reason', error)}"


def _why(body: bytes) -> str:
    try:
        return str(json.loads(body)["why"])
    except (ValueError, KeyError, TypeError):
        return ""

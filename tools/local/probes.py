"""How the parts are asked whether they are well. A probe answers within two seconds and raises nothing."""

import json
import urllib.error
import urllib.request
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from tools.local.supervisor import Health

TIMEOUT_S = 2


class KafkaNode:
    """A broker that answers and knows itself to be in the cluster."""

    def __init__(self, port: int, node_id: int) -> None:
        self._address = f"127.0.0.1:{port}"
        self._id = node_id
        self._admin: Any = None

    def __call__(self) -> Health:
        """Ask for the cluster's metadata."""
        if self._admin is None:
            self._admin = AdminClient({"bootstrap.servers": self._address, "log_level": 0})
        try:
            brokers = self._admin.list_topics(timeout=TIMEOUT_S).brokers
        except KafkaException as error:
            return Health(False, error.args[0].str())
        return Health(self._id in brokers, f"{len(brokers)} brokers in the cluster")


class HttpAnswers:
    """A page that answers 200."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __call__(self) -> Health:
        """Ask for it."""
        status, why = _get(self._url)
        return Health(status == 200, "answers" if status == 200 else why)


class Rentmatch:
    """A process of rentmatch's, by its /readyz and /livez."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __call__(self) -> Health:
        """Ask both."""
        status, why = _get(f"{self._url}/readyz")
        if status == 200:
            return Health(True, why)
        alive, why_not = _get(f"{self._url}/livez")
        # No answer may only mean that it starts; to say no, it must have been able to.
        return Health(False, why, is_alive=True) if alive != 503 else Health(False, why_not, is_alive=False)


class MongoPing:
    """A server that answers a ping in MongoDB's protocol."""

    def __init__(self, url: str) -> None:
        self._client: MongoClient[dict[str, Any]] = MongoClient(
            url, serverSelectionTimeoutMS=TIMEOUT_S * 1000, socketTimeoutMS=TIMEOUT_S * 1000, connect=False
        )

    def __call__(self) -> Health:
        """Ping it."""
        try:
            self._client.admin.command("ping")
        except PyMongoError as error:
            return Health(False, f"no answer: {str(error)[:80]}")
        return Health(True, "answers")


def _get(url: str) -> tuple[int | None, str]:
    """Status and reason; the reason is what the page itself gives as `why`, where it does."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as response:
            return response.status, _why(response.read())
    except urllib.error.HTTPError as error:
        return error.code, _why(error.read()) or f"answers {error.code}"
    except (urllib.error.URLError, OSError, ValueError) as error:
        return None, f"no answer: {getattr(error, 'reason', error)}"


def _why(body: bytes) -> str:
    try:
        told = json.loads(body)
    except ValueError:
        return ""
    return str(told.get("why", "")) if isinstance(told, dict) else ""

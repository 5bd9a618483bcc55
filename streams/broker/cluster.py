"""Connects to the broker, and asks it which topics there are, with how many partitions and which ids."""

import logging
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from streams.settings import Settings
from streams.topics import Topic
from streams.topology import TOPOLOGY, Topology

log = logging.getLogger(__name__)

ANSWER_SECONDS_MAX = 10.0
"""Timeout of a request to the broker, seconds."""
MOCK_CLUSTER_ID = "mockCluster"
"""The start of the cluster id of librdkafka's mock cluster, which has neither CreateTopics nor DescribeConfigs."""


class BrokerError(RuntimeError):
    """A request to the broker failed. The message names the request, the answer and what to do."""


Client = TypeVar("Client")


def connect(make: Callable[[dict[str, Any]], Client], settings: Settings, **more: Any) -> tuple[Client, Any]:
    """Open a confluent-kafka client and check that a broker answers.

    Args:
        make: `AdminClient`, `Consumer` or `Producer`.
        settings: the broker's address, protocol and credentials.
        more: further librdkafka settings, with `_` for `.` in their names.

    Returns:
        The client and the cluster's metadata, all topics included.

    Raises:
        BrokerError: the client refuses the settings or no broker answers.

    """
    errors: list[str] = []
    conf = settings.kafka(**{name.replace("_", "."): value for name, value in more.items()})
    conf["error_cb"] = lambda error: errors.append(error.str())
    # librdkafka writes each failed attempt to stderr by itself; an operator needs the reason once.
    conf["log_level"] = 2
    try:
        client = make(conf)
    except KafkaException as error:
        raise BrokerError(
            f"the Kafka client cannot use these settings: {error.args[0].str()}. "
            "Look at the RENTMATCH_SECURITY_… variables (`rentmatch settings`)."
        ) from None
    return client, metadata(client, settings, errors)


def metadata(client: Any, settings: Settings, errors: list[str] | None = None) -> Any:
    """Ask the cluster for its brokers and topics.

    Raises:
        BrokerError: no broker answers in time; the message names the address and the last error.

    """
    try:
        return client.list_topics(timeout=ANSWER_SECONDS_MAX)
    except KafkaException as error:
        client.poll(0)  # delivers pending errors to `error_cb`, such as a refused password
        reason = errors[-1] if errors else error.args[0].str()
        raise BrokerError(
            f"no Kafka broker answers at {settings.broker}: {reason}. Start it, or set RENTMATCH_BROKER to its "
            "address and RENTMATCH_SECURITY_PROTOCOL to its protocol."
        ) from None


class MissingTopics(BrokerError):
    """Topics are missing or not co-partitioned; the message says what to do."""


def partition_counts(settings: Settings, topology: Topology = TOPOLOGY) -> dict[Topic, int]:
    """The number of partitions of each topic of the topology.

    Raises:
        MissingTopics: a topic is missing, or a changelog does not have as many partitions as the topic that feeds it.
        BrokerError: no broker answers.

    """
    _, cluster = connect(AdminClient, settings)
    names = {topic: settings.topic(topic) for topic in topology.topics}
    missing = [name for name in names.values() if name not in cluster.topics or not cluster.topics[name].partitions]
    if missing:
        raise MissingTopics(f"topics are missing: {', '.join(missing)}. Run `rentmatch provision` first.")
    counts = {topic: len(cluster.topics[name].partitions) for topic, name in names.items()}
    for facts, changelog in topology.changelogs.items():
        if counts[facts] != counts[changelog]:
            raise MissingTopics(
                f"{names[facts]} has {counts[facts]} partitions and {names[changelog]} has {counts[changelog]}; they "
                "must be equal. `rentmatch provision --check` shows the details."
            )
    return counts


def look_up(consumer: Any, names: Iterable[str]) -> None:
    """Let a client fetch the metadata of topics before it is assigned their partitions.

    Otherwise librdkafka refreshes partition leaders only once a second, which delays the first fetch.
    """
    for name in set(names):
        try:
            consumer.list_topics(name, 10)
        except KafkaException as error:
            log.warning("%s cannot be looked up: %s", name, error)


def is_mock(cluster: Any) -> bool:
    """Whether metadata is that of librdkafka's mock cluster, which can do less than Kafka."""
    return (cluster.cluster_id or "").startswith(MOCK_CLUSTER_ID)


def identity(settings: Settings, named: Iterable[Topic]) -> str:
    """The ids of the cluster and of these topics: it changes when one is deleted and created again.

    Of the cluster alone where the broker gives topics no ids.

    Raises:
        BrokerError: the broker does not describe them.

    """
    admin, cluster = connect(AdminClient, settings)
    if is_mock(cluster):
        return str(cluster.cluster_id)
    names = list(dict.fromkeys(settings.topic(topic) for topic in named))
    futures = admin.describe_topics(TopicCollection(names), request_timeout=ANSWER_SECONDS_MAX)
    try:
        ids = [str(futures[name].result(ANSWER_SECONDS_MAX + 1).topic_id) for name in names]
    except KafkaException as error:
        raise BrokerError(f"the broker does not describe {', '.join(names)}: {error.args[0].str()}") from None
    return " ".join([str(cluster.cluster_id), *ids])

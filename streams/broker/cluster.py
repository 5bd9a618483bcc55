"""The broker as every part of rentmatch meets it: connecting, which topics there are, and what they are."""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from streams import topics
from streams.settings import Settings
from streams.topics import Topic

log = logging.getLogger(__name__)

ANSWER_SECONDS_MAX = 10.0
"""How long a broker may take to answer before we say that it does not."""
MOCK_CLUSTER_ID = "mockCluster"
"""How the cluster id of librdkafka's mock cluster begins. It has no CreateTopics and tells no configuration."""

CHANGELOG_OF: Mapping[Topic, Topic] = {
    topics.PAYMENT_FACTS: topics.PAYMENTS_CHANGELOG,
    topics.OBLIGATION_FACTS: topics.OBLIGATIONS_CHANGELOG,
}
"""The changelog of what is learned from an internal topic: it has one partition for each partition of that."""


class BrokerError(RuntimeError):
    """The broker cannot do what was asked; the message says what was asked, what it answered and what to do."""


Client = TypeVar("Client")


def connect(make: Callable[[dict[str, Any]], Client], settings: Settings, **more: Any) -> tuple[Client, Any]:
    """Open a confluent-kafka client and see that a broker answers.

    Args:
        make: `AdminClient`, `Consumer` or `Producer`.
        settings: where the broker is and how to speak to it.
        more: further librdkafka settings, with `_` for `.` in their names.

    Returns:
        The client and the cluster's metadata, all topics included.

    Raises:
        BrokerError: the client refuses the settings or no broker answers.

    """
    told: list[str] = []
    conf = settings.kafka(**{name.replace("_", "."): value for name, value in more.items()})
    conf["error_cb"] = lambda error: told.append(error.str())
    # librdkafka writes each failed attempt to stderr by itself; an operator needs the reason once.
    conf["log_level"] = 2
    try:
        client = make(conf)
    except KafkaException as error:
        raise BrokerError(
            f"the Kafka client cannot use these settings: {error.args[0].str()}. "
            "Look at the RENTMATCH_SECURITY_… variables (`rentmatch settings`)."
        ) from None
    return client, metadata(client, settings, told)


def metadata(client: Any, settings: Settings, told: list[str] | None = None) -> Any:
    """Ask the cluster for its brokers and topics.

    Raises:
        BrokerError: no broker answers in time; the message names the address and the last reason heard.

    """
    try:
        return client.list_topics(timeout=ANSWER_SECONDS_MAX)
    except KafkaException as error:
        client.poll(0)  # hands over what went wrong below, such as a refused password
        reason = told[-1] if told else error.args[0].str()
        raise BrokerError(
            f"no Kafka broker answers at {settings.broker}: {reason}. Start it, or set RENTMATCH_BROKER to where it "
            "is (and RENTMATCH_SECURITY_PROTOCOL to how it is spoken to)."
        ) from None


class MissingTopics(BrokerError):
    """Topics are not there, or do not fit together; the message says what to do."""


def partition_counts(settings: Settings) -> dict[Topic, int]:
    """How many partitions each of our topics has.

    Raises:
        MissingTopics: a topic is not there, or a changelog has not as many partitions as what it belongs to.
        BrokerError: no broker answers.

    """
    _, cluster = connect(AdminClient, settings)
    names = {topic: settings.topic(topic) for topic in topics.ALL}
    missing = [name for name in names.values() if name not in cluster.topics or not cluster.topics[name].partitions]
    if missing:
        raise MissingTopics(f"topics are missing: {', '.join(missing)}. Run `rentmatch provision` first.")
    counts = {topic: len(cluster.topics[name].partitions) for topic, name in names.items()}
    for facts, changelog in CHANGELOG_OF.items():
        if counts[facts] != counts[changelog]:
            raise MissingTopics(
                f"{names[facts]} has {counts[facts]} partitions and {names[changelog]} has {counts[changelog]}; they "
                "must be equal. `rentmatch provision --check` says more."
            )
    return counts


def look_up(consumer: Any, names: Iterable[str]) -> None:
    """Have a client know topics before it is assigned their partitions.

    One that does not looks for their leaders once a second only, and that second is one in which nothing is told.
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
    """What these topics are, whatever they are called: it changes when one is deleted and made again.

    The ids of the cluster and of the topics; of the cluster alone where the broker gives topics none.

    Raises:
        BrokerError: the broker does not tell.

    """
    admin, cluster = connect(AdminClient, settings)
    if is_mock(cluster):
        return str(cluster.cluster_id)
    names = [settings.topic(topic) for topic in named]
    futures = admin.describe_topics(TopicCollection(names), request_timeout=ANSWER_SECONDS_MAX)
    try:
        ids = [str(futures[name].result(ANSWER_SECONDS_MAX + 1).topic_id) for name in names]
    except KafkaException as error:
        raise BrokerError(f"the broker does not describe {', '.join(names)}: {error.args[0].str()}") from None
    return " ".join([str(cluster.cluster_id), *ids])

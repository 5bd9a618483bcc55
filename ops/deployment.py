"""A deployment of rentmatch on a broker: the settings that its workers share, and its topics and consumer group."""

from collections.abc import Collection, Mapping
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from streams import topics
from streams.broker.cluster import BrokerError, connect
from streams.broker.provisioning import provision
from streams.settings import Settings, load
from streams.topics import Topic


class Deployment:
    """Names of its own for topics and group keep a deployment apart from others on the same broker."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self.env = dict(env)
        """All RENTMATCH_ variables of its workers."""
        self.settings: Settings = load(self.env)

    def topic(self, topic: Topic) -> str:
        """Return a topic's full name."""
        return self.settings.topic(topic)

    def create_topics(self) -> None:
        """Create the topics that are missing.

        Raises:
            BrokerError: no broker answers, or a topic cannot be used as it is.

        """
        report = provision(self.settings)
        if report.errors:
            raise BrokerError("the topics cannot be set up: " + "; ".join(report.errors))

    def delete_topics(self, only: Collection[Topic] = topics.ALL) -> None:
        """Delete topics with all their records.

        Raises:
            BrokerError: no broker answers, or it refuses.

        """
        admin, _ = connect(AdminClient, self.settings)
        _wait(admin.delete_topics([self.topic(topic) for topic in only]))

    def delete_group(self) -> None:
        """Delete the consumer group with its offsets; it must have no members.

        Raises:
            BrokerError: no broker answers, or it refuses.

        """
        admin, _ = connect(AdminClient, self.settings)
        _wait(admin.delete_consumer_groups([self.settings.application_id]))


def _wait(futures: Mapping[str, Any]) -> None:
    for name, future in futures.items():
        try:
            future.result(60)
        except KafkaException as error:
            raise BrokerError(f"{name} cannot be deleted: {error.args[0].str()}") from None

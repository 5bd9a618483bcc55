"""Publishes the simulator's deliveries to the input topics of a deployment."""

from ops.producing import BulkProducer
from simulator.deliver import Delivery, value_of
from streams import topics
from streams.broker.cluster import BrokerError
from streams.codec.codec import codec_of
from streams.settings import Settings


class DeliveryProducer:
    """Encodes deliveries and hands them to a `BulkProducer`.

    Raises:
        BrokerError: no broker answers, or an input topic is missing.

    """

    def __init__(self, settings: Settings) -> None:
        self._codec = codec_of(settings)
        self._producer = BulkProducer(settings)
        self._names = {topic.name: settings.topic(topic) for topic in topics.INPUTS}
        for name in self._names.values():
            self._producer.require(name)

    def send(self, delivery: Delivery, number: int) -> None:
        """Hand over a delivery; `number` names it in errors."""
        value = value_of(delivery, lambda fact, topic: self._codec.encode(fact, self._names[topic]))
        self._producer.send(self._names[delivery.topic], delivery.key.encode(), value, label=f"delivery {number}")

    def finish(self) -> int:
        """Wait until everything is delivered, and return the number of records.

        Raises:
            BrokerError: a record was not delivered.

        """
        delivered = self._producer.finish()
        if undelivered := self._producer.undelivered:
            lost = undelivered[0]
            raise BrokerError(
                f"{len(undelivered)} records were not delivered; the first is {lost.label}: {lost.reason}"
            )
        return delivered

"""A producer whose records can be awaited one by one."""

import asyncio
import threading
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from streams.broker.cluster import BrokerError, connect
from streams.broker.provisioning import INPUT_BYTES_MAX
from streams.broker.reading import missing_topic
from streams.headers import Header
from streams.settings import Settings

DELIVERY_SECONDS_MAX = 8
"""Below the time after which Stripe gives up a request (docs.stripe.com/webhooks: some seconds are expected)."""


class NotAcknowledged(Exception):
    """The broker did not acknowledge a record in time, or refused it."""


class AcknowledgedProducer:
    """An idempotent producer for an event loop. One request is in flight at a time (KAFKA-15591).

    Args:
        settings: where.
        topic_names: those that will be written.

    Raises:
        BrokerError: no broker answers, or a topic is missing.

    """

    def __init__(self, settings: Settings, topic_names: list[str]) -> None:
        self._producer, cluster = connect(
            Producer,
            settings,
            enable_idempotence=True,
            max_in_flight=1,
            partitioner="murmur2_random",
            linger_ms=2,
            message_max_bytes=INPUT_BYTES_MAX + 1024 * 1024,
            message_timeout_ms=DELIVERY_SECONDS_MAX * 1000,
        )
        for name in topic_names:
            found = cluster.topics.get(name)
            if found is None or found.error is not None:
                raise BrokerError(missing_topic(settings, name))
        self._stopped = threading.Event()
        self._poller = threading.Thread(target=self._poll, name="acknowledgements", daemon=True)
        self._poller.start()

    def _poll(self) -> None:
        while not self._stopped.is_set():
            self._producer.poll(0.1)

    async def send(
        self, topic_name: str, key: bytes | None, value: bytes | None, headers: list[Header] | None = None
    ) -> None:
        """Send a record, and return once the broker has it.

        Raises:
            NotAcknowledged: it has not. It may arrive all the same.

        """
        loop = asyncio.get_running_loop()
        delivered: asyncio.Future[None] = loop.create_future()

        def settle(error: KafkaError | None) -> None:
            if delivered.done():
                return
            if error is None:
                delivered.set_result(None)
            else:
                delivered.set_exception(NotAcknowledged(error.str()))

        def on_delivery(error: KafkaError | None, _: Any) -> None:
            loop.call_soon_threadsafe(settle, error)

        try:
            self._producer.produce(topic_name, value, key, on_delivery=on_delivery, headers=headers)
        except BufferError:
            raise NotAcknowledged("too many records wait for the broker") from None
        except KafkaException as error:
            raise NotAcknowledged(error.args[0].str()) from None
        try:
            await asyncio.wait_for(delivered, DELIVERY_SECONDS_MAX + 1)
        except TimeoutError:
            raise NotAcknowledged("the broker did not answer in time") from None

    def close(self) -> None:
        """Wait for what is under way, and end."""
        self._producer.flush(DELIVERY_SECONDS_MAX)
        self._stopped.set()
        self._poller.join(2)

"""Writes people's facts to Kafka, each acknowledged by the broker."""

import asyncio
from typing import Protocol

from domain.facts import InputFact
from streams import topics
from streams.broker.cluster import BrokerError
from streams.broker.sending import AcknowledgedProducer, NotAcknowledged
from streams.codec.codec import Codec
from streams.codec.registry import RegistryError
from streams.headers import Header
from streams.routing import key_of, topic_of
from streams.settings import Settings


class NotWritten(Exception):
    """The broker does not have the record, or did not say so in time. It may have it all the same."""


class FactWriter(Protocol):
    """Writes records, and returns once the broker has them."""

    async def write(self, fact: InputFact) -> str:
        """Write a fact to its input topic.

        Returns:
            The topic's name on this installation.

        Raises:
            NotWritten: the broker has not acknowledged it.

        """

    async def send(self, topic_name: str, key: bytes | None, value: bytes | None, headers: list[Header]) -> None:
        """Write a record as it is.

        Raises:
            NotWritten: the broker has not acknowledged it.

        """


class KafkaWriter:
    """An idempotent producer, which connects at the first record. acks=all, one request in flight."""

    def __init__(self, settings: Settings, codec: Codec) -> None:
        self._settings = settings
        self._codec = codec
        self._producer: AcknowledgedProducer | None = None
        self._connecting = asyncio.Lock()

    async def write(self, fact: InputFact) -> str:
        """Write a fact to its input topic; gives the topic's name."""
        name = self._settings.topic(topic_of(fact))
        try:
            value = await asyncio.to_thread(self._codec.encode, fact, name)  # may ask the Schema Registry
        except RegistryError as error:
            raise NotWritten(f"the Schema Registry does not answer: {error}") from None
        await self.send(name, key_of(fact), value, [])
        return name

    async def send(self, topic_name: str, key: bytes | None, value: bytes | None, headers: list[Header]) -> None:
        """Write a record as it is."""
        producer = await self._connected()
        try:
            await producer.send(topic_name, key, value, headers or None)
        except NotAcknowledged as error:
            raise NotWritten(str(error)) from None

    async def _connected(self) -> AcknowledgedProducer:
        async with self._connecting:
            if self._producer is None:
                names = [self._settings.topic(topic) for topic in topics.INPUTS]
                try:
                    self._producer = await asyncio.to_thread(AcknowledgedProducer, self._settings, names)
                except BrokerError as error:
                    raise NotWritten(str(error)) from None
            return self._producer

    async def close(self) -> None:
        """Wait for what is under way, and end."""
        if self._producer is not None:
            await asyncio.to_thread(self._producer.close)

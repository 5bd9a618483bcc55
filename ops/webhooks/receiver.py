"""Answers Stripe's requests: 200 only once Kafka has the records, so that Stripe sends again whatever may be lost."""

import logging
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Protocol

from aiohttp import web

from connectors.identity import content_id
from connectors.stripe_webhooks import EventNotUnderstood, SignatureRefused, StripeEvents, records_of, verify
from ops.webhooks.metrics import WebhookMetrics
from sinks.health import HealthVerdict
from streams import topics
from streams.broker.sending import NotAcknowledged
from streams.codec.codec import Codec
from streams.codec.dead_letters import BadInput, DeadLetter, DeadLetterClass
from streams.codec.registry import RegistryError
from streams.headers import Header
from streams.routing import key_of, topic_of
from streams.settings import Settings

log = logging.getLogger(__name__)

PATH = "/stripe"
BODY_BYTES_MAX = 1024 * 1024
"""Events have some kilobytes."""
SOURCE = "webhook.stripe"
"""The source topic of a dead letter that comes from a webhook."""


class Sending(Protocol):
    """What takes the records."""

    async def send(self, topic_name: str, key: bytes, value: bytes, headers: list[Header] | None = None) -> None:
        """Send a record, and return once the broker has it; `NotAcknowledged` if it has not."""


class Receiver:
    """The handler of the requests.

    Args:
        settings: the topics.
        secrets: of the endpoint.
        options: how events are read.
        codec: encodes the records.
        producer: takes them.
        metrics: count the requests.
        clock: seconds since 1970.

    """

    def __init__(
        self,
        settings: Settings,
        secrets: Sequence[bytes],
        options: StripeEvents,
        codec: Codec,
        producer: Sending,
        metrics: WebhookMetrics,
        clock: Callable[[], int] = lambda: int(time.time()),
    ) -> None:
        self._settings, self._secrets, self._options = settings, secrets, options
        self._codec, self._producer, self._metrics, self._clock = codec, producer, metrics, clock
        self._unavailable = ""

    def application(self) -> web.Application:
        """The application to serve."""
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        app.router.add_post(PATH, self.handle)
        return app

    async def handle(self, request: web.Request) -> web.Response:
        """Answer a request. The body of an answer says nothing that a stranger could use."""
        began = time.monotonic()
        try:
            payload = await request.read()
        except web.HTTPRequestEntityTooLarge:
            outcome, status = "too_large", 413
        else:
            outcome, status = await self._take(payload, request.headers.get("Stripe-Signature", ""))
        self._metrics.requests.labels(outcome).inc()
        self._metrics.seconds.observe(time.monotonic() - began)
        return web.Response(status=status, text="" if status == 200 else f"{outcome}\n")

    async def _take(self, payload: bytes, signature: str) -> tuple[str, int]:
        now = self._clock()
        try:
            verify(payload, signature, self._secrets, now)
        except SignatureRefused as error:
            log.warning("a request was refused: %s", error)
            return "bad_signature", 400
        self._metrics.last.set(now)
        try:
            outcome = await self._publish(payload)
        except (NotAcknowledged, RegistryError) as error:
            self._unavailable = str(error)
            log.warning("an event is not taken, Stripe will send it again: %s", error)
            return "unavailable", 503
        self._unavailable = ""
        return outcome, 200

    async def _publish(self, payload: bytes) -> str:
        """Send the records of a signed event; what is not understood goes to the dead letters with its bytes."""
        try:
            kind, records = records_of(payload, self._options)
            ready = []
            for record in records:
                name = self._settings.topic(topic_of(record))
                ready.append((name, key_of(record), self._codec.encode(record, name)))
        except (EventNotUnderstood, UnicodeEncodeError, OverflowError) as error:
            log.warning("an event is a dead letter: %s", error)
            await self._bury(payload, str(error))
            return "dead_letter"
        for name, key, value in ready:
            await self._producer.send(name, key, value)
        if not records:
            log.debug("an event of type %s reports nothing for us", kind)
        return "published" if records else "ignored"

    async def _bury(self, payload: bytes, reason: str) -> None:
        error = BadInput(DeadLetterClass.UNREADABLE_LINE, reason)
        headers = DeadLetter.of(error, SOURCE, 0, 0, version("rentmatch")).headers()
        key = content_id("line", SOURCE, payload.hex(), "1").encode()
        await self._producer.send(self._settings.topic(topics.DEAD_LETTER), key, payload, headers)

    # Health

    def live(self) -> HealthVerdict:
        """The process answers."""
        return HealthVerdict(True, "receiving", "receiving")

    def ready(self) -> HealthVerdict:
        """Whether the last event could be published."""
        if self._unavailable:
            return HealthVerdict(False, "blocked", self._unavailable)
        return HealthVerdict(True, "receiving", "receiving")

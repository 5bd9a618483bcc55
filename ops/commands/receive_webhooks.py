"""`rentmatch receive-webhooks`: the process that takes Stripe's events."""

import asyncio
import logging.config
import signal
import socket

import click
from aiohttp import web

from connectors.stripe_webhooks import StripeEvents
from ops.commands.worker import choose_port
from ops.console import Command, fail, log_level_option, misuse
from ops.webhooks.metrics import WebhookMetrics
from ops.webhooks.receiver import PATH, Receiver
from sinks import logs
from sinks.pages import add_pages
from sinks.serving import PortUnavailable, served
from streams import topics
from streams.broker.sending import AcknowledgedProducer
from streams.codec.codec import codec_of
from streams.settings import Settings, load

log = logging.getLogger(__name__)


@click.command(cls=Command, name="receive-webhooks", short_help="Receive Stripe's webhooks.")
@click.option("--without-web", is_flag=True, help="No second web server: no metrics, no health endpoints.")
@log_level_option
def command(without_web: bool, log_level: str | None) -> None:
    """Receive Stripe's webhooks at /stripe, until SIGTERM or Ctrl-C.

    Every request needs a valid signature (RENTMATCH_STRIPE_WEBHOOK_SECRET). It is answered with 200 only when the
    broker has the records; otherwise Stripe sends it again. Put a reverse proxy with TLS before RENTMATCH_WEBHOOK_HOST
    and RENTMATCH_WEBHOOK_PORT; metrics and health are on RENTMATCH_HTTP_PORT. docs/connectors.md lists the events.

    Example:
      RENTMATCH_STRIPE_WEBHOOK_SECRET=whsec_… rentmatch receive-webhooks

    """
    settings = load()
    logging.config.dictConfig(
        logs.config(
            settings.log_format,
            {"application": settings.application_id, "worker": settings.worker_id or socket.gethostname()},
            settings.secrets(),
            log_level or settings.log_level,
        )
    )
    if not settings.stripe_webhook_secrets:
        misuse(
            "RENTMATCH_STRIPE_WEBHOOK_SECRET is not set: it is the signing secret of the endpoint in Stripe, whsec_…"
        )
    codec = codec_of(settings)
    names = [settings.topic(topic) for topic in (topics.PROCESSOR_SETTLED, topics.DEAD_LETTER)]
    producer = AcknowledgedProducer(settings, names)
    metrics = WebhookMetrics()
    options = StripeEvents(payment_id_key=settings.stripe_payment_id_key)
    receiver = Receiver(settings, settings.stripe_webhook_secrets, options, codec, producer, metrics)
    port = 0 if without_web or settings.http_port == 0 else choose_port(settings)
    try:
        asyncio.run(_run(settings, receiver, metrics, port))
    except PortUnavailable as error:
        fail(str(error))
    finally:
        producer.close()


async def _run(settings: Settings, receiver: Receiver, metrics: WebhookMetrics, port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    pages = web.Application()
    add_pages(pages, live=receiver.live, ready=receiver.ready, families=metrics.families)
    names = "RENTMATCH_WEBHOOK_HOST, RENTMATCH_WEBHOOK_PORT"
    async with (
        served(pages, settings.http_host, port),
        served(receiver.application(), settings.webhook_host, settings.webhook_port, names=names),
    ):
        log.info("receiving at http://%s:%s%s", settings.webhook_host, settings.webhook_port, PATH)
        await stop.wait()

"""`rentmatch project-read-model`: the process that keeps the read model in MongoDB up to date."""

import asyncio
import logging.config
import signal
import socket

import click
from aiohttp import web
from confluent_kafka import KafkaException

from ops.commands.worker import choose_port
from ops.console import Command, fail, log_level_option, misuse
from read_model.consumer import OutputConsumer
from read_model.documents import READ
from read_model.metrics import ReadModelMetrics
from read_model.mongo import Mongo, MongoConfigError, connect
from read_model.projector import Projector
from read_model.summaries import SummaryKeeper
from read_model.writer import ReadModelWriter
from sinks import logs
from sinks.pages import add_pages
from sinks.serving import PortUnavailable, served
from streams.clocks import system_clock
from streams.codec.codec import codec_of
from streams.settings import Settings, load

WRITE_TIMEOUT_S = 30.0
"""A bulk write that takes longer is retried."""


def mongo_of(settings: Settings, timeout_s: float = WRITE_TIMEOUT_S) -> Mongo:
    """The client for the settings. It connects at the first operation."""
    try:
        mongo = connect(settings, timeout_s)
    except MongoConfigError as error:
        misuse(f"RENTMATCH_MONGO_URL, RENTMATCH_MONGO_CA_FILE: {error}")
    if mongo is None:
        misuse(
            "RENTMATCH_MONGO_URL is not set; it is the connection string of the read model's MongoDB, as in "
            "mongodb://user:password@host:27017/?replicaSet=rs0"
        )
    return mongo


@click.command(cls=Command, name="project-read-model", short_help="Keep the read model in MongoDB up to date.")
@click.option("--without-web", is_flag=True, help="No web server: no metrics, no health endpoints.")
@log_level_option
def command(without_web: bool, log_level: str | None) -> None:
    """Project the output topics and the decisions into MongoDB, until SIGTERM or Ctrl-C.

    The projector is a process of its own, so a slow or unavailable MongoDB never slows the workers. It reads them in
    the consumer group `<application id>-read-model`, and commits the offset of a record only after a majority of
    MongoDB's servers has acknowledged its document. You may start several: documents have versions, so duplicates and
    late or reordered records change nothing. While MongoDB is unavailable the projector retries, and /readyz has the
    reason. Nothing is lost. Totals follow about a second after the documents.

    A record that cannot be decoded, or whose document MongoDB refuses (one larger than 16 MiB), is put aside in the
    collection `poisoned`. docs/read-model.md describes the collections and the guarantees.

    Example:
      RENTMATCH_MONGO_URL='mongodb://mongo-1,mongo-2,mongo-3/?replicaSet=rs0' rentmatch project-read-model

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
    port = 0 if without_web or settings.http_port == 0 else choose_port(settings)
    mongo = mongo_of(settings)
    source = OutputConsumer(settings)
    metrics = ReadModelMetrics(topic.name for topic in READ)
    writer, keeper = ReadModelWriter(mongo, system_clock), SummaryKeeper(mongo, system_clock)
    projector = Projector(source, codec_of(settings), mongo, writer, keeper, metrics)
    try:
        asyncio.run(_run(projector, mongo, metrics, settings.http_host, port))
    except PortUnavailable as error:
        fail(str(error))
    except KafkaException as error:
        fail(f"the output topics cannot be read: {error.args[0].str()}")
    except MongoConfigError as error:
        fail(f"the read model cannot be written: {error}. Drop that index; read_model/documents.py lists ours.")


async def _run(projector: Projector, mongo: Mongo, metrics: ReadModelMetrics, host: str, port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        pages = web.Application()
        add_pages(pages, live=projector.live, ready=projector.ready, families=metrics.families)
        async with served(pages, host, port):
            await projector.run(stop)
    finally:
        await mongo.close()

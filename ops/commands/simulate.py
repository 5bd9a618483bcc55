"""`rentmatch simulate`: rent made up from a seed, as JSON lines or straight to the broker, with its own truth."""

import base64
from collections.abc import Iterable
from contextlib import ExitStack
from datetime import date, datetime
from pathlib import Path
from typing import Any, BinaryIO

import click
import msgspec

from domain.time import micros_of
from ops.console import Command, fail, meter, misuse, put_json, say
from ops.deliveries import DeliveryProducer
from simulator.deliver import Delivery, value_of
from simulator.scenario import DEFAULT_START, Scenario, simulate
from simulator.truth import truth
from streams import topics
from streams.broker.reading import timestamp_text
from streams.codec.codec import Codec
from streams.codec.json_form import fact_to_json
from streams.settings import Settings, load


def to_json(delivery: Delivery, codec: Codec) -> dict[str, Any]:
    """Give a delivery as `rentmatch publish` takes it.

    Input that is bad on purpose has no JSON form, for that form is validated: its bytes are carried in base64.
    """
    if delivery.fact is not None and not delivery.is_bad:
        return fact_to_json(delivery.fact)
    value = value_of(delivery, codec.encode)
    return {"type": "_raw", "key": delivery.key, "base64": base64.b64encode(value).decode("ascii")}


def to_stdout(scenario: Scenario) -> None:
    """Print all deliveries in the order of arrival; `_kafka` tells where each belongs."""
    codec = Codec()
    for delivery in scenario.deliveries:
        place = {
            "topic": delivery.topic,
            "key": delivery.key,
            "arrives_at": timestamp_text(delivery.arrives_at // 1000),
        }
        put_json(to_json(delivery, codec) | {"_kafka": place})


def to_files(scenario: Scenario, folder: Path) -> list[Path]:
    """Write a file of JSON lines for each input topic, in the order of arrival."""
    codec, encode = Codec(), msgspec.json.Encoder().encode
    folder.mkdir(parents=True, exist_ok=True)
    paths = {topic.name: folder / f"{topic.name}.jsonl" for topic in topics.INPUTS}
    with ExitStack() as stack, meter("writing", len(scenario.deliveries)) as progress:
        files: dict[str, BinaryIO] = {name: stack.enter_context(path.open("wb")) for name, path in paths.items()}
        for delivery in scenario.deliveries:
            files[delivery.topic].write(encode(to_json(delivery, codec)) + b"\n")
            progress.step()
    return list(paths.values())


def to_broker(deliveries: Iterable[Delivery], settings: Settings, total: int | None = None) -> int:
    """Publish deliveries in order to the input topics of a deployment, and return their number.

    Raises:
        BrokerError: no broker answers, an input topic is missing, or a record was not delivered.

    """
    producer = DeliveryProducer(settings)
    with meter("publishing", total) as progress:
        for number, delivery in enumerate(deliveries, start=1):
            producer.send(delivery, number)
            progress.step()
        return producer.finish()


def _instant(text: str) -> int:
    """Read an ISO 8601 instant with a zone as microseconds since 1970."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        misuse(f"--at: {text!r} is not an ISO 8601 instant with a zone, as in 2026-07-10T00:00:00Z")
    return micros_of(instant)


def write_truth(path: Path, scenario: Scenario, settings: Settings, at: int) -> None:
    """Write what must follow from a scenario at an instant, under the deadlines of these settings, as one JSON object.

    Instants are microseconds since 1970 UTC, days are days since 1970.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    held = msgspec.to_builtins(truth(scenario, at, settings.policy))
    injected = {name: sorted(keys) for name, keys in scenario.injected.items()}
    about = {"seed": scenario.seed, "obligations": scenario.obligations, "injected": injected}
    path.write_bytes(msgspec.json.format(msgspec.json.encode(about | held), indent=1) + b"\n")


@click.command(cls=Command, name="simulate", short_help="Make up rent, with its own truth.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same rent.")
@click.option(
    "--obligations", type=click.IntRange(1, 1_000_000), default=2000, show_default=True, help="How many charges."
)
@click.option("--months", type=click.IntRange(1, 120), default=1, show_default=True, help="Over how many months.")
@click.option(
    "--start",
    type=click.DateTime(["%Y-%m"]),
    default=f"{DEFAULT_START:%Y-%m}",
    show_default=True,
    help="The first month.",
)
@click.option("--to-broker", "publish", is_flag=True, help="Publish to the input topics.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Write a file for each topic here.")
@click.option("--truth", "truth_file", type=click.Path(dir_okay=False, path_type=Path), help="Write what must follow.")
@click.option("--at", help="The instant of the truth; by default the scenario's end.")
def command(
    *,
    seed: int,
    obligations: int,
    months: int,
    start: datetime,
    publish: bool,
    out: Path | None,
    truth_file: Path | None,
    at: str | None,
) -> None:
    """Make up rent: charges, plans, payments, settlements and postings, with every kind of trouble at a set rate.

    About 13 records an obligation, in the order in which they arrive, some of them late, doubled, contradictory or
    unreadable. Without --to-broker or --out they go to standard output as JSON lines. --truth says which state must
    follow from them, worked out independently of the service.

    Examples:
      rentmatch simulate --seed 7 --obligations 100 --out month/ --truth month/truth.json
      rentmatch publish ledger-events < month/ledger-events.jsonl
      rentmatch simulate --seed 7 --to-broker

    """
    if publish and out:
        misuse("--to-broker and --out: give one of the two")
    if at and not truth_file:
        misuse("--at is the instant of the truth; give --truth FILE too")
    settings = load()
    at_micros = _instant(at) if at else None
    scenario = simulate(seed, obligations, start=date(start.year, start.month, 1), months=months)
    total = len(scenario.deliveries)
    try:
        if truth_file:
            write_truth(truth_file, scenario, settings, scenario.closes_at if at_micros is None else at_micros)
        written = to_files(scenario, out) if out else []
    except OSError as error:
        fail(f"cannot write {error.filename}: {error.strerror}")
    if publish:
        say(f"{to_broker(scenario.deliveries, settings, total)} records published")
    elif out:
        say(f"{total} records written to {', '.join(str(path) for path in written)}")
    else:
        to_stdout(scenario)

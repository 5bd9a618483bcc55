"""`rentmatch publish`: JSON lines to an input topic."""

import base64
import json
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import click

from ops.console import Command, fail, meter, say
from ops.producing import BulkProducer, Undelivered
from streams import topics
from streams.broker.reading import resolve
from streams.codec.codec import Codec, codec_of
from streams.codec.dead_letters import BadInput, quoted
from streams.codec.json_form import fact_from_json
from streams.codec.registry import RegistryError
from streams.headers import Header
from streams.routing import key_of, topic_of
from streams.settings import Settings, load
from streams.topics import Topic

UNDELIVERED_SHOWN_MAX = 20


class BadLineError(ValueError):
    """A line cannot be published; the message says why."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A record ready for the broker."""

    line: int
    key: bytes | None
    value: bytes
    headers: list[Header] | None = None


class LineReader:
    """Turns lines into records of one topic.

    A line is a fact as JSON, or `{"type": "_raw", "base64": …, "key": …, "headers": …}`: bytes that are published as
    they are, the form in which `rentmatch simulate` carries input that is bad on purpose. `headers` is a list of
    `{"name": …, "text": …}` or `{"name": …, "base64": …}`, as `rentmatch read` shows them. `_kafka` (from `rentmatch
    read --metadata`) is ignored.
    """

    def __init__(self, settings: Settings, topic: Topic, codec: Codec) -> None:
        self._topic = topic
        self._name = settings.topic(topic)
        self._codec = codec

    def ready(self, number: int, line: bytes) -> Ready:
        """Validate and frame one line.

        Raises:
            BadLineError: it is not a valid record of the topic.

        """
        parsed = _parse(line)
        if not isinstance(parsed, dict):
            raise BadLineError(f"a JSON object is needed, not {type(parsed).__name__}")
        parsed.pop("_kafka", None)
        if parsed.get("type") == "_raw":
            return _raw(number, parsed)
        try:
            fact = fact_from_json(parsed)
        except (ValueError, BadInput) as error:
            raise BadLineError(str(error)) from None
        if topic_of(fact) is not self._topic:
            raise BadLineError(
                f"a {type(fact).__name__} travels on {topic_of(fact).name}, not on {self._topic.name}; publish it there"
            )
        return Ready(number, key_of(fact), self._codec.encode(fact, self._name))


def _parse(line: bytes) -> Any:
    try:
        return json.loads(line.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_number)
    except BadLineError:
        raise
    except (ValueError, RecursionError) as error:
        raise BadLineError(f"not JSON: {error}") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, whose names must differ: taking one of two values would publish what nobody meant."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise BadLineError(f"the name {quoted(twice)} occurs twice in one object")
    return found


def _no_number(word: str) -> None:
    raise BadLineError(f"not JSON: {word} is no number there")


def _raw(number: int, parsed: dict[str, Any]) -> Ready:
    more = parsed.keys() - {"type", "base64", "key", "headers"}
    if more:
        raise BadLineError(f"a _raw line has type, base64, key and headers only, not {', '.join(sorted(more))}")
    key, text = parsed.get("key"), parsed.get("base64")
    if key is not None and not isinstance(key, str):
        raise BadLineError("key must be text")
    headers = parsed.get("headers")
    if headers is not None and not isinstance(headers, list):
        raise BadLineError("headers must be a list")
    return Ready(
        number,
        None if key is None else _utf8(key, "key"),
        _bytes_of(text),
        None if headers is None else list(map(_header, headers)),
    )


def _bytes_of(text: Any) -> bytes:
    if not isinstance(text, str):
        raise BadLineError("base64 must be text")
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise BadLineError(f"base64: {error}") from None


def _utf8(text: str, what: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise BadLineError(f"{what}: {error}") from None


def _header(item: Any) -> Header:
    if not isinstance(item, dict) or item.keys() not in ({"name", "text"}, {"name", "base64"}):
        raise BadLineError("a header is an object with name, and text or base64")
    name = item["name"]
    if not isinstance(name, str) or "\0" in name:
        raise BadLineError("the name of a header must be text without U+0000")
    _utf8(name, "the name of a header")
    if "base64" in item:
        return name, _bytes_of(item["base64"])
    text = item["text"]
    if text is not None and not isinstance(text, str):
        raise BadLineError("the text of a header must be text or null")
    return name, None if text is None else _utf8(text, "the text of a header")


def numbered_lines(stream: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Lines with their numbers from 1, without a byte order mark; blank lines are skipped."""
    for number, line in enumerate(stream, start=1):
        text = line.removeprefix(BOM_UTF8) if number == 1 else line
        if text.strip():
            yield number, text


@click.command(cls=Command, name="publish", short_help="Publish JSON lines to an input topic.")
@click.argument("topic")
@click.option("--dry-run", is_flag=True, help="Only validate; no broker is needed.")
@click.option("--keep-going", is_flag=True, help="Publish the good lines and list the bad ones (exit status 1).")
def command(topic: str, dry_run: bool, keep_going: bool) -> None:
    r"""Publish JSON lines from standard input to the input topic TOPIC.

    TOPIC is payment-initiated, processor-settled, ledger-events, payouts, bank-entries or decisions (or its full name
    on the broker). Each line is one record; `type` names it, instants are ISO 8601 with a zone, days are ISO dates,
    money is whole minor units; what may be null may be left out. Each is validated first. By default the first bad line
    ends the command: the lines before it are published, none after.

    The key is the payment_id, the obligation_id, the payout_id, the account_id, or the key of the break; of a
    settlement record without a payment_id it is processor/reference.

    Example:
      echo '{"type": "ObligationCancelled", "event_id": "e-1",' \
           '"occurred_at": "2026-07-01T15:00:00Z", "obligation_id": "o-1",' \
           '"reason": "moved out"}' | rentmatch publish ledger-events

    """
    settings = load()
    found = resolve(settings, topic, topics.INPUTS)
    stdin = click.get_binary_stream("stdin")
    if stdin.isatty():
        say(f"Reading records for {settings.topic(found)} from the keyboard; end with Ctrl-D.")
    reader = LineReader(settings, found, Codec() if dry_run else codec_of(settings))
    producer = None
    if not dry_run:
        producer = BulkProducer(settings)
        producer.require(settings.topic(found))
    good, bad, number, stopped = 0, [], 0, ""
    with meter("validating" if dry_run else "publishing", shown=not stdin.isatty()) as progress:
        try:
            for number, line in numbered_lines(stdin):
                try:
                    record = reader.ready(number, line)
                except BadLineError as error:
                    bad.append(f"line {number}: {error}")
                    if keep_going:
                        continue
                    stopped = f"line {number}"
                    break
                if producer is not None:
                    producer.send(
                        settings.topic(found), record.key, record.value, label=f"line {number}", headers=record.headers
                    )
                good += 1
                progress.step()
        except RegistryError as error:
            bad.append(f"line {number}: {error}")
            stopped = f"line {number}"
        except KeyboardInterrupt:
            stopped = f"line {max(number, 1)} by Ctrl-C"
        finally:
            # However it ended, even by a bug: every record sent is delivered, or known not to be.
            delivered = good if producer is None else producer.finish()
    done = f"{delivered} {'valid for' if dry_run else 'published to'} {settings.topic(found)}"
    _close(done, bad, [] if producer is None else producer.undelivered, stopped)


def _close(done: str, bad: list[str], undelivered: list[Undelivered], stopped: str) -> None:
    """Print the result; every line is either counted as published or named."""
    for message in bad:
        say(message)
    for lost in undelivered[:UNDELIVERED_SHOWN_MAX]:
        say(f"{lost.label}: not delivered: {lost.reason}")
    if len(undelivered) > UNDELIVERED_SHOWN_MAX:
        say(f"… and {len(undelivered) - UNDELIVERED_SHOWN_MAX} more were not delivered")
    if undelivered:
        fail(f"{done}, {len(undelivered)} not delivered. Publish again once the broker is well; duplicates do no harm.")
    if stopped:
        fail(f"{done}, stopped at {stopped}. Publish again from there; duplicates do no harm.")
    if bad:
        fail(f"{done}, {len(bad)} bad lines left out. Correct them and publish those.")
    say(done)

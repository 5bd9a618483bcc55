"""Consumed records as JSON objects, for `rentmatch read` and `rentmatch dead-letters`."""

import base64
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from streams import topics
from streams.broker.reading import ConsumedRecord, timestamp_text
from streams.codec.codec import Codec
from streams.codec.dead_letters import BadInput, DeadLetter
from streams.codec.json_form import fact_to_json, output_to_json
from streams.headers import Headers
from streams.topics import TopicRole

Describer = Callable[[bytes | None, bytes | None], Iterable[dict[str, Any]]]
"""From the key and the value of a record to JSON objects, one for each item in it. Any exception: undecodable."""


class UndecodableError(ValueError):
    """A record is not what its topic should contain; the message says why."""


def describe(codec: Codec, record: ConsumedRecord, describers: Mapping[str, Describer]) -> list[dict[str, Any]]:
    """A record as JSON objects: one, or one for each fact that a record of an internal topic carries.

    Args:
        codec: decodes inputs and outputs.
        record: of any topic of rentmatch.
        describers: for internal and changelog topics, by the topic's default name.

    Raises:
        UndecodableError: the record is not what the topic should contain.

    """
    topic = record.topic
    if topic is topics.DEAD_LETTER:
        return [_dead_letter(record)]
    try:
        if topic.role is TopicRole.INPUT:
            return [fact_to_json(codec.decode_input(topic, record.value, record.headers))]
        if record.value is None:
            return [{"type": "_deleted"}]
        if topic.role is TopicRole.OUTPUT:
            return [output_to_json(codec.decode_output(record.value))]
    except BadInput as error:
        raise UndecodableError(f"{error.error_class}: {error.message}") from None
    describer = describers.get(topic.name)
    if describer is None:
        raise UndecodableError(f"there is no describer of {topic.name}")
    try:
        return list(describer(record.key, record.value))
    except Exception as error:  # the bytes may be anything, and the others are still to be shown
        raise UndecodableError(f"{type(error).__name__}: {error}") from None


def _dead_letter(record: ConsumedRecord) -> dict[str, Any]:
    """A dead letter: its own headers by name, then those of the original record in order."""
    own, original = record.headers, None
    try:
        original = DeadLetter.parse(record.headers).original_headers
    except ValueError:
        pass  # somebody else's record: all headers are its own
    else:
        own = own[len(original) :]
    headers = {name: None if value is None else value.decode("utf-8", "replace") for name, value in own}
    described: dict[str, Any] = {"type": "_dead_letter", "headers": headers}
    if original:
        described["original_headers"] = headers_to_json(original)
    return described | raw_value(record.value)


def headers_to_json(headers: Headers) -> list[dict[str, str | None]]:
    """Headers as JSON objects, in order: `name`, and `text` where the value is null or UTF-8, else `base64`."""
    described: list[dict[str, str | None]] = []
    for name, value in headers:
        try:
            described.append({"name": name, "text": None if value is None else value.decode("utf-8")})
        except UnicodeDecodeError:
            described.append({"name": name, **raw_value(value)})
    return described


def raw_value(value: bytes | None) -> dict[str, Any]:
    """Bytes as JSON: `{"base64": …}`, null for a record without a value."""
    return {"base64": None if value is None else base64.b64encode(value).decode("ascii")}


def text_or_hex(key: bytes | None) -> str | None:
    """A key for people: its text if it is UTF-8, else `hex:` and its bytes."""
    if key is None:
        return None
    try:
        return key.decode("utf-8")
    except UnicodeDecodeError:
        return "hex:" + key.hex()


def kafka_metadata(record: ConsumedRecord) -> dict[str, Any]:
    """A record's place on the broker, key and headers, which `rentmatch read --metadata` shows under `_kafka`."""
    place: dict[str, Any] = {
        "topic": record.name,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": None if record.timestamp_ms is None else timestamp_text(record.timestamp_ms),
        "key": text_or_hex(record.key),
    }
    return place | {"headers": headers_to_json(record.headers)} if record.headers else place

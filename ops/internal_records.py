"""Records of internal and changelog topics as JSON: the facts of a bundle, a packed state, a watermark."""

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from domain.time import FAR_FUTURE, NOT_CAUGHT_UP, rfc3339
from ops.describing import Describer
from streams import topics
from streams.codec import bundles
from streams.codec.avro_schemas import INPUT_TYPES
from streams.codec.json_form import fact_to_json
from streams.topics import TopicRole
from streams.topology import Topology
from streams.transport import watermarks
from tables.packing import Unpacker, deadline_of
from tables.store import TALLY_KEY
from tables.tallies import unpack_tally


def _plain(thing: Any) -> Any:
    """A struct as a JSON object with its fields' names, however deep; an input record in its own JSON form."""
    if type(thing) in INPUT_TYPES:
        return fact_to_json(thing)
    if isinstance(thing, msgspec.Struct):
        return {name: _plain(getattr(thing, name)) for name in thing.__struct_fields__}
    if isinstance(thing, dict):
        return {str(key): _plain(value) for key, value in thing.items()}
    if isinstance(thing, list | tuple | set | frozenset):
        return [_plain(item) for item in thing]
    return thing.hex() if isinstance(thing, bytes) else thing


def _facts(unpack: Callable[[bytes], list[Any]], key: bytes | None, value: bytes | None) -> list[dict[str, Any]]:
    return [_fact(fact) for fact in unpack(value or b"")]


def _fact(fact: msgspec.Struct) -> dict[str, Any]:
    """A fact. The type of one that exists on internal topics only is its tag: `_part`, `_rclm`, `_aclm`, `_rres`."""
    fields: dict[str, Any] = _plain(fact)
    return fields if type(fact) in INPUT_TYPES else {"type": "_" + str(fact.__struct_config__.tag).lower(), **fields}


def _instant(micros: int) -> str | None:
    return None if micros in (FAR_FUTURE, NOT_CAUGHT_UP) else rfc3339(micros)


def _state(unpack: Unpacker[Any], key: bytes | None, value: bytes | None) -> list[dict[str, Any]]:
    if key == TALLY_KEY:
        return [{"type": "_tally", "tally": None if value is None else _plain(unpack_tally(value).packed())}]
    name = (key or b"").decode()
    if value is None:
        return [{"type": "_deleted", "key": name}]
    state, published = unpack(value)
    return [
        {
            "type": "_state",
            "key": name,
            "next_deadline": _instant(deadline_of(value)),
            "state": _plain(state),
            "published": _plain(published),
        }
    ]


def _watermark(key: bytes | None, value: bytes | None) -> list[dict[str, Any]]:
    watermark = watermarks.decode_watermark(value or b"")
    return [
        {
            "type": "_caught_up",
            "partition": (key or b"").decode(),
            "until": _instant(watermark.caught_up),
            "passed": _instant(watermark.passed),
            "offset": watermark.offset,
        }
    ]


def describers(topology: Topology) -> dict[str, Describer]:
    """How to show the records of each internal topic and changelog, by the topic's default name."""
    found: dict[str, Describer] = {topics.PROGRESS.name: _watermark}
    for topic in topology.sources:
        if topic.role is TopicRole.INTERNAL:
            found[topic.name] = partial(_facts, bundles.decoder_of(topic))
    for table in topology.tables:
        found[table.changelog.name] = partial(_state, Unpacker(table.state))
    return found

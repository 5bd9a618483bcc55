"""Records of internal and changelog topics as JSON: the facts of a bundle, a packed state, a watermark."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import msgspec

from domain.facts import PaymentApplication
from domain.time import FAR_FUTURE, NOT_CAUGHT_UP, rfc3339
from ops.describing import Describer
from streams import topics
from streams.codec import bundles
from streams.codec.json_form import fact_to_json
from streams.transport import watermarks
from tables.packing import Unpacker, deadline_of, unpack_obligation, unpack_payment
from tables.store import TALLY_KEY
from tables.tallies import unpack_tally


def _plain(thing: Any) -> Any:
    """A struct as a JSON object with its fields' names, however deep."""
    if isinstance(thing, msgspec.Struct):
        return {name: _plain(getattr(thing, name)) for name in thing.__struct_fields__}
    if isinstance(thing, dict):
        return {str(key): _plain(value) for key, value in thing.items()}
    if isinstance(thing, list | tuple | set | frozenset):
        return [_plain(item) for item in thing]
    return thing.hex() if isinstance(thing, bytes) else thing


def _payment_facts(key: bytes | None, value: bytes | None) -> Iterable[dict[str, Any]]:
    return [fact_to_json(fact) for fact in bundles.payment_facts(value or b"")]


def _obligation_facts(key: bytes | None, value: bytes | None) -> Iterable[dict[str, Any]]:
    return [
        {"type": "_part", **_plain(fact)} if isinstance(fact, PaymentApplication) else fact_to_json(fact)
        for fact in bundles.obligation_facts(value or b"")
    ]


def _instant(micros: int) -> str | None:
    return None if micros in (FAR_FUTURE, NOT_CAUGHT_UP) else rfc3339(micros)


def _state(unpack: Unpacker[Any], key: bytes | None, value: bytes | None) -> Iterable[dict[str, Any]]:
    if key == TALLY_KEY:
        return [{"type": "_tally", "tally": None if value is None else _plain(unpack_tally(value))}]
    name = (key or b"").decode()
    if value is None:
        return [{"type": "_deleted", "key": name}]
    state, history = unpack(value)
    return [
        {
            "type": "_state",
            "key": name,
            "next_deadline": _instant(deadline_of(value)),
            "state": _plain(state),
            "told": _plain(history),
        }
    ]


def _mark(key: bytes | None, value: bytes | None) -> Iterable[dict[str, Any]]:
    mark = watermarks.decode_watermark(value or b"")
    return [
        {
            "type": "_caught_up",
            "partition": (key or b"").decode(),
            "until": _instant(mark.caught_up),
            "passed": _instant(mark.passed),
            "offset": mark.offset,
        }
    ]


DESCRIBERS: Mapping[str, Describer] = {
    topics.PAYMENT_FACTS.name: _payment_facts,
    topics.OBLIGATION_FACTS.name: _obligation_facts,
    topics.PAYMENTS_CHANGELOG.name: partial(_state, unpack_payment),
    topics.OBLIGATIONS_CHANGELOG.name: partial(_state, unpack_obligation),
    topics.PROGRESS.name: _mark,
}
"""By the topic's default name."""

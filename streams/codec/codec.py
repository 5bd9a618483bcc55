"""Encoding and decoding of record values: inputs to facts, facts and outputs to bytes (contract section 2, "Framing").

Subjects in a Schema Registry: `<topic>-value` for a topic with one record type (the default of Confluent's tools), and
`<topic>-<record's full name>` (TopicRecordNameStrategy) for a topic with several.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from domain.facts import InputFact
from domain.records import Output
from streams import topics
from streams.codec import avro_compiled, avro_plain, framing
from streams.codec.avro_plain import Decode, Encode, Reader
from streams.codec.avro_schemas import INPUT_NAMES, KNOWN, OURS, OUTPUT_TYPES, RECORDS_ON, Schema, kind, short_name
from streams.codec.dead_letters import BadInput, DeadLetterClass
from streams.codec.registry import SchemaRegistry, id_text
from streams.codec.resolution import IncompatibleError
from streams.headers import Headers
from streams.settings import Settings, SettingsError
from streams.topics import Topic

UNKNOWN = "unknown"
"""The record name of a value that names no schema."""

_OUTPUTS = frozenset(struct.__name__ for struct in OUTPUT_TYPES)
_SHARED_TOPICS = frozenset(name for names in RECORDS_ON.values() if len(names) > 1 for name in names)
"""Record types that share their topic with others."""

UNION_BRANCHES_MAX = 64
"""The index of such a union is one byte of zigzag."""


class Codec:
    """Decodes and encodes values. One for each process; not for use by several threads at once.

    Args:
        registry: the registry for schemas in Confluent's framing. With one, encoded values have Confluent's framing;
            without, that of Avro single-object encoding.
        compiled: use the compiled codec if it was built; False: plain Python, for comparison.

    """

    def __init__(self, registry: SchemaRegistry | None = None, *, compiled: bool = True) -> None:
        self._registry = registry
        self.is_compiled = compiled and bool(avro_compiled.BODIES)
        bodies = avro_compiled if self.is_compiled else avro_plain
        self._reader = bodies.reader
        self._encode_bodies: Mapping[str, Encode] = bodies.ENCODE
        self._input_decoders: dict[str, dict[bytes, Decode]] = {topic.name: {} for topic in topics.INPUTS}
        self._bare_decoders: dict[str, dict[bytes, Decode]] = {topic.name: {} for topic in topics.INPUTS}
        """By the header that names the schema, for values without a frame."""
        self._output_decoders: dict[bytes, Decode] = {}
        self._frames: dict[tuple[str, str], bytes] = {}

    def decode_input(self, topic: Topic, value: bytes | None, headers: Headers | None = None) -> InputFact:
        """The fact in a record of an input topic.

        Args:
            topic: the input topic, of `streams.topics`.
            value: the record's value as received.
            headers: the record's headers, if it has any.

        Raises:
            BadInput: it cannot be decoded, breaks a rule of contract section 2, or does not belong on the topic.
            RegistryUnavailable: its schema is not known yet and the registry does not answer.

        """
        if headers:
            header = self._schema_header(value, headers)
            if header is not None:
                return self._decode_bare(topic, header, framing.required(value))  # type: ignore[no-any-return]
        decoders = self._input_decoders[topic.name]
        if value is not None:
            # Known frames first. The frame itself is the key, so bytes that are no frame find nothing.
            decode = decoders.get(value[: framing.SINGLE_OBJECT_SIZE])
            if decode is not None:
                return decode(value, framing.SINGLE_OBJECT_SIZE)  # type: ignore[no-any-return]
            decode = decoders.get(value[: framing.CONFLUENT_SIZE])
            if decode is not None:
                return decode(value, framing.CONFLUENT_SIZE)  # type: ignore[no-any-return]
        return self._decode_first(decoders, value, RECORDS_ON[topic.name], topic.name)  # type: ignore[no-any-return]

    def decode_output(self, value: bytes | None) -> Output:
        """The output record in a value that a worker wrote.

        Raises:
            BadInput: it cannot be decoded, or is no output record.
            RegistryUnavailable: its schema is not known yet and the registry does not answer.

        """
        return self._decode_first(self._output_decoders, value, _OUTPUTS, "an output topic")  # type: ignore[no-any-return]

    def record_name(self, value: bytes | None, headers: Headers = ()) -> str:
        """The input record that a record's schema names, for bad input: `unknown` where it names none."""
        header = self._schema_header(value, headers)
        try:
            if header is None:
                written = self._writer((value or b"")[: framing.frame_size(value)]).parsed
            else:
                written = self._registered(framing.schema_of_header(header)).parsed
        except BadInput:
            return UNKNOWN
        name = short_name(written["name"]) if isinstance(written, dict) and "name" in written else UNKNOWN
        return name if name in INPUT_NAMES else UNKNOWN

    def encode(self, record: InputFact | Output, topic_name: str) -> bytes:
        """The value of a record, for the topic with this full name.

        The first one registers its schema, if there is a registry.

        Raises:
            OverflowError: a number does not fit into the schema's type.
            RegistryError: the schema cannot be registered.

        """
        name = type(record).__name__
        frame = self._frames.get((name, topic_name))
        if frame is None:
            frame = self._frames[name, topic_name] = self._frame(name, topic_name)
        return self._encode_bodies[name](record, frame)

    def _frame(self, name: str, topic_name: str) -> bytes:
        schema = OURS[name]
        if self._registry is None:
            return framing.single_object(schema.fingerprint)
        suffix = schema.parsed["name"] if name in _SHARED_TOPICS else "value"
        return framing.confluent(self._registry.register(f"{topic_name}-{suffix}", schema.text))

    def _schema_header(self, value: bytes | None, headers: Headers) -> bytes | None:
        """The header that names the schema of a value; None if the value's first bytes do.

        The header has precedence. Without a registry it names nothing, and a value in single-object encoding, which is
        never the bare body of one of our records, can still be read.
        """
        header = framing.schema_header(headers)
        if header is not None and self._registry is None and (value or b"").startswith(framing.SINGLE_OBJECT_MARK):
            return None
        return header

    def _decode_bare(self, topic: Topic, header: bytes, value: bytes) -> Any:
        """Decode a value that is a body alone, and keep the decoder for the next one with its schema."""
        decoders = self._bare_decoders[topic.name]
        decode = decoders.get(header)
        if decode is None:
            schema = self._registered(framing.schema_of_header(header))
            decode = decoder(schema, RECORDS_ON[topic.name], topic.name, self._reader)
            decoders[header] = decode
        return decode(value, 0)

    def _decode_first(
        self, decoders: dict[bytes, Decode], value: bytes | None, records: frozenset[str], place: str
    ) -> Any:
        """Decode a record, and keep the decoder for the next one with its schema."""
        size = framing.frame_size(value)
        assert value is not None
        frame = value[:size]
        decode = decoders.get(frame)
        if decode is None:
            decode = decoder(self._writer(frame), records, place, self._reader)
            decoders[frame] = decode
        return decode(value, size)

    def _writer(self, frame: bytes) -> Schema:
        """The schema that a complete frame names."""
        schema_id = framing.schema_id(frame)
        if schema_id is None:
            schema = KNOWN.get(frame[len(framing.SINGLE_OBJECT_MARK) :])
            if schema is None:
                found = int.from_bytes(frame[len(framing.SINGLE_OBJECT_MARK) :], "little")
                raise BadInput(
                    DeadLetterClass.UNKNOWN_SCHEMA,
                    f"no known schema has the fingerprint {found:016x}; put the writer's schema into "
                    "schemas/avro/known, then re-feed",
                )
            return schema
        return self._registered(schema_id)

    def _registered(self, schema_id: int | UUID) -> Schema:
        """The schema with an id or a GUID in the registry."""
        if self._registry is None:
            raise BadInput(
                DeadLetterClass.UNKNOWN_SCHEMA,
                f"the record names schema {id_text(schema_id)}, and no Schema Registry is configured; set "
                "RENTMATCH_SCHEMA_REGISTRY_URL, then re-feed",
            )
        return self._registry.schema(schema_id)


def codec_of(settings: Settings) -> Codec:
    """Make the codec of an installation. The registry is first asked when a record needs it.

    Raises:
        SettingsError: the Schema Registry's URL is not valid.

    """
    return Codec(registry_of(settings), compiled=settings.compiled_codec)


def registry_of(settings: Settings) -> SchemaRegistry | None:
    """The Schema Registry of an installation, if it has one. It is first asked when a record needs it.

    Raises:
        SettingsError: its URL is not valid.

    """
    if settings.schema_registry_url is None:
        return None
    password = settings.schema_registry_password
    try:
        return SchemaRegistry(
            settings.schema_registry_url,
            settings.schema_registry_username,
            None if password is None else password.get_secret_value(),
        )
    except ValueError as error:
        raise SettingsError(f"RENTMATCH_SCHEMA_REGISTRY_URL: {error}") from None


def decoder(
    writer: Schema,
    records: frozenset[str],
    place: str,
    reader: Reader = avro_plain.reader,
) -> Decode:
    """A reader of the bodies of a writer's schema, which is a record or a union of records.

    If no body of this writer can be read, the reader raises `BadInput` for each.

    Args:
        writer: the schema of the bodies.
        records: names of the records that are allowed.
        place: the topic, for messages.
        reader: makes the reader of one record's bodies.

    """
    if kind(writer.parsed) == "union":
        return _union_decoder(writer, records, place, reader)
    definition = writer.names.get(kind(writer.parsed), writer.parsed)
    written = short_name(definition["name"]) if kind(definition) in {"record", "error"} else kind(definition)
    name = next((name for name in sorted(records) if written in _names_of(OURS[name])), None)
    if name is None:
        allowed = ", ".join(sorted(records))
        return _refusing(DeadLetterClass.WRONG_RECORD, f"{written} does not belong on {place}; it takes {allowed}")
    try:
        return reader(replace(writer, parsed=definition), name)
    except IncompatibleError as error:
        return _refusing(DeadLetterClass.INCOMPATIBLE_SCHEMA, f"the writer's schema cannot be read: {error}")
    except RecursionError:
        return _refusing(DeadLetterClass.INCOMPATIBLE_SCHEMA, "the writer's schema is nested too deeply")


def _refusing(error_class: DeadLetterClass, message: str) -> Decode:
    def decode(data: bytes, start: int) -> Any:
        raise BadInput(error_class, message)

    return decode


def _union_decoder(writer: Schema, records: frozenset[str], place: str, reader: Reader) -> Decode:
    """A writer whose schema is a union of the records of a topic: the branch's index comes before the body."""
    if len(writer.parsed) > UNION_BRANCHES_MAX:
        reason = f"the writer's schema is a union of more than {UNION_BRANCHES_MAX} records"
        return _refusing(DeadLetterClass.INCOMPATIBLE_SCHEMA, reason)
    branches = [
        decoder(replace(writer, parsed=branch, identity=""), records, place, reader) for branch in writer.parsed
    ]

    def decode(data: bytes, start: int) -> Any:
        if start >= len(data):
            raise BadInput(DeadLetterClass.TRUNCATED, "the bytes end before the union's index")
        index = data[start]
        if index & 1 or index >> 1 >= len(branches):
            raise BadInput(DeadLetterClass.UNDECODABLE, f"the union has no branch for byte {index}")
        return branches[index >> 1](data, start + 1)

    return decode


def _names_of(schema: Schema) -> set[str]:
    """A record's name and its aliases, without namespaces, as Avro resolution compares them."""
    return {short_name(name) for name in (schema.parsed["name"], *schema.parsed.get("aliases", ()))}

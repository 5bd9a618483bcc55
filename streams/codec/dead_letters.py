"""Dead letters: the classes of bad input, and the headers of a dead letter (contract section 2, "Bad input")."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

MESSAGE_CHARACTERS_MAX = 1_000
"""A dead letter's message is cut to this: it quotes the input, which may be hostile."""


class DeadLetterClass(StrEnum):
    """Why a record is a dead letter: a closed list, for counting and for choosing what to re-feed."""

    EMPTY_VALUE = "empty_value"
    """Null or no bytes: inputs have no tombstones."""
    UNKNOWN_FRAMING = "unknown_framing"
    """The first bytes are neither Confluent's nor those of Avro single-object encoding."""
    UNKNOWN_SCHEMA = "unknown_schema"
    """The schema id or the fingerprint is unknown, or a schema id came without a configured Schema Registry."""
    INCOMPATIBLE_SCHEMA = "incompatible_schema"
    """The writer's schema is known, but Avro resolution cannot read it as ours."""
    WRONG_RECORD = "wrong_record"
    """A record that does not belong on this topic."""
    TRUNCATED = "truncated"
    """The bytes end before the record does."""
    TRAILING_BYTES = "trailing_bytes"
    """The record ends before the bytes do."""
    UNDECODABLE = "undecodable"
    """The bytes contradict the writer's schema: invalid UTF-8, an enum or union index out of range, …"""
    EMPTY_ID = "empty_id"
    """An id is the empty string."""
    TOO_LARGE = "too_large"
    """A text, an amount or a plan is larger than `streams/codec/validation.py` allows."""
    WRONG_AMOUNT = "wrong_amount"
    """An amount breaks its rule: above 0, 0 or more, not 0."""
    UNKNOWN_CURRENCY = "unknown_currency"
    """Not an ISO 4217 code of a currency that has minor units."""
    UNKNOWN_TIME_ZONE = "unknown_time_zone"
    """Not a name of the IANA time zone database."""
    WRONG_PERIOD = "wrong_period"
    """Not a month as YYYY-MM."""
    OUT_OF_RANGE = "out_of_range"
    """An instant, a day, grace_days or plan_version is outside its range."""
    DUPLICATE_INSTALLMENT = "duplicate_installment"
    """Two installments of one plan have the same id."""
    KEY_FULL = "key_full"
    """The payment or obligation already has as many facts as are kept for one key."""


class BadInput(ValueError):
    """A record cannot be decoded or breaks a rule: it becomes a dead letter and never stops its partition."""

    def __init__(self, error_class: DeadLetterClass, message: str) -> None:
        super().__init__(message)
        self.error_class = error_class
        self.message = message


def quoted(value: object) -> str:
    """An input value for a message: one line, printable, short."""
    text = ascii(value[:60] if isinstance(value, str | bytes) else value)
    return text if len(text) <= 80 else text[:77] + "..."


ERROR_CLASS = "rentmatch.error.class"
ERROR_MESSAGE = "rentmatch.error.message"
SOURCE_TOPIC = "rentmatch.source.topic"
SOURCE_PARTITION = "rentmatch.source.partition"
SOURCE_OFFSET = "rentmatch.source.offset"
SERVICE_VERSION = "rentmatch.service.version"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """The headers of a dead letter. Its key and value are the original bytes, unchanged."""

    error_class: DeadLetterClass
    message: str
    source_topic: str
    source_partition: int
    source_offset: int
    service_version: str

    @classmethod
    def of(cls, error: BadInput, topic: str, partition: int, offset: int, service_version: str) -> "DeadLetter":
        """The dead letter of the record at (topic, partition, offset) for which `error` was raised."""
        return cls(error.error_class, error.message, topic, partition, offset, service_version)

    def headers(self) -> list[tuple[str, bytes]]:
        """The record's headers; numbers as decimal text, all text as UTF-8."""
        return [
            (ERROR_CLASS, self.error_class.value.encode()),
            (ERROR_MESSAGE, self.message[:MESSAGE_CHARACTERS_MAX].encode(errors="backslashreplace")),
            (SOURCE_TOPIC, self.source_topic.encode()),
            (SOURCE_PARTITION, b"%d" % self.source_partition),
            (SOURCE_OFFSET, b"%d" % self.source_offset),
            (SERVICE_VERSION, self.service_version.encode()),
        ]

    @classmethod
    def parse(cls, headers: Iterable[tuple[str, bytes | None]] | None) -> "DeadLetter":
        """Parse the headers: the last of two with one name counts, unknown ones are ignored.

        Raises:
            ValueError: a header is missing or cannot be read; the message names it.

        """
        given = dict(headers or ())

        def text(name: str) -> str:
            value = given.get(name)
            if value is None:
                raise ValueError(f"header {name} is missing: this is not a dead letter of rentmatch")
            return value.decode()

        def number(name: str) -> int:
            value = text(name)
            if not (value.isascii() and value.isdigit()):
                raise ValueError(f"header {name} is {quoted(value)}, not a decimal number")
            return int(value)

        return cls(
            DeadLetterClass(text(ERROR_CLASS)),
            text(ERROR_MESSAGE),
            text(SOURCE_TOPIC),
            number(SOURCE_PARTITION),
            number(SOURCE_OFFSET),
            text(SERVICE_VERSION),
        )

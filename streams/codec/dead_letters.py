"""Dead letters: the classes of bad input, and the headers of a dead letter (contract section 2, "Bad input")."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from streams.headers import Header, Headers

MESSAGE_CHARACTERS_MAX = 1_000
"""A dead letter's message is cut to this: it quotes the input, which may be hostile."""


class DeadLetterClass(StrEnum):
    """Why a record is a dead letter: a closed list, for counting and for choosing what to re-feed."""

    EMPTY_VALUE = "empty_value"
    """Null or no bytes: inputs have no tombstones."""
    UNKNOWN_FRAMING = "unknown_framing"
    """The first bytes are neither Confluent's nor those of Avro single-object encoding, or the header for a schema's id
    has another form than Confluent's."""
    UNKNOWN_SCHEMA = "unknown_schema"
    """The schema's id, GUID or fingerprint is unknown, or no Schema Registry is configured to look it up."""
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
    """A text, an amount, a plan or a list of allocations is larger than `streams/codec/validation.py` allows."""
    WRONG_AMOUNT = "wrong_amount"
    """An amount breaks its rule: above 0, 0 or more, not 0."""
    UNKNOWN_CURRENCY = "unknown_currency"
    """Not an ISO 4217 code of a currency that has minor units."""
    UNKNOWN_TIME_ZONE = "unknown_time_zone"
    """Not a name of the IANA time zone database."""
    WRONG_PERIOD = "wrong_period"
    """Not a month as YYYY-MM."""
    OUT_OF_RANGE = "out_of_range"
    """An instant, a day, grace_days, plan_version or assignment_version is outside its range."""
    DUPLICATE_INSTALLMENT = "duplicate_installment"
    """Two installments of one plan have the same id."""
    WRONG_ALLOCATIONS = "wrong_allocations"
    """The allocations of a payment are none, do not add up, name one thing twice, or contradict the payment."""
    WRONG_ADJUSTMENT = "wrong_adjustment"
    """Two fields of an adjustment exclude each other: it is both part of an installment and one of its own, …"""
    NO_RETURN = "no_return"
    """A RETURNED with the code of a notification of change, which returns nothing."""
    WRONG_ENTRY = "wrong_entry"
    """A bank entry names a processor without a payout, or a payout without its processor."""
    WRONG_DECISION = "wrong_decision"
    """A decision lacks what its action needs, or is about a key that no break has."""
    UNREADABLE_LINE = "unreadable_line"
    """A line of an imported file, or an event of a webhook, that its format does not understand."""
    UNREADABLE_CHANGE = "unreadable_change"
    """A change of a ledger that no record of the contract can report (`rentmatch ledger`)."""
    KEY_FULL = "key_full"
    """The payment, obligation or reference already has as many facts as are kept for one key."""


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

_NAMES = [ERROR_CLASS, ERROR_MESSAGE, SOURCE_TOPIC, SOURCE_PARTITION, SOURCE_OFFSET, SERVICE_VERSION]
"""The headers that a dead letter adds to those of the original record, in this order."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """The headers of a dead letter. Its key and value are the original bytes, unchanged.

    The original headers come first, then ours: six in a row, in a fixed order. An original header may have the name of
    one of ours, and a record may be a dead letter more than once. Ours are therefore the last six such headers in a
    row, and the original headers are all before them. Headers after them were added by whoever copied the dead letter.
    """

    error_class: DeadLetterClass
    message: str
    source_topic: str
    source_partition: int
    source_offset: int
    service_version: str
    original_headers: tuple[Header, ...] = ()
    """Of the original record. Empty in dead letters of versions that did not keep them."""

    @classmethod
    def of(
        cls,
        error: BadInput,
        topic: str,
        partition: int,
        offset: int,
        service_version: str,
        original_headers: Headers = (),
    ) -> "DeadLetter":
        """The dead letter of the record at (topic, partition, offset) for which `error` was raised."""
        return cls(error.error_class, error.message, topic, partition, offset, service_version, tuple(original_headers))

    def headers(self) -> list[Header]:
        """The record's headers: the original ones, then ours with numbers as decimal text and all text as UTF-8."""
        return [
            *self.original_headers,
            (ERROR_CLASS, self.error_class.value.encode()),
            (ERROR_MESSAGE, self.message[:MESSAGE_CHARACTERS_MAX].encode(errors="backslashreplace")),
            (SOURCE_TOPIC, self.source_topic.encode()),
            (SOURCE_PARTITION, b"%d" % self.source_partition),
            (SOURCE_OFFSET, b"%d" % self.source_offset),
            (SERVICE_VERSION, self.service_version.encode()),
        ]

    @classmethod
    def parse(cls, headers: Iterable[tuple[str, bytes | None]] | None) -> "DeadLetter":
        """Parse the headers of a dead letter.

        Raises:
            ValueError: a header is missing or cannot be read; the message names it.

        """
        found = list(headers or ())
        names = [name for name, _ in found]
        size = len(_NAMES)
        start = next((at for at in range(len(names) - size, -1, -1) if names[at : at + size] == _NAMES), None)
        if start is None:
            missing = next((name for name in _NAMES if name not in names), None)
            what = "its headers are not in a row" if missing is None else f"header {missing} is missing"
            raise ValueError(f"{what}: this is not a dead letter of rentmatch")
        given = dict(found[start : start + size])

        def text(name: str) -> str:
            value = given.get(name)
            if value is None:
                raise ValueError(f"header {name} is null: this is not a dead letter of rentmatch")
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
            tuple(found[:start]),
        )

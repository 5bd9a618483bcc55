"""Dead letters: their headers, where they came from, and what is sent when they are fed again."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from streams import topics
from streams.broker import reading
from streams.broker.reading import ConsumedRecord
from streams.codec.dead_letters import DeadLetter
from streams.headers import Header
from streams.settings import Settings
from streams.topics import Topic

REFED_FROM = "rentmatch.refed.from"
"""The last header of a re-fed record: `topic:partition:offset` of the dead letter that it was."""

_ID = re.compile(r"([0-9]{1,9}):([0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class Letter:
    """A record of the dead-letter topic, and its headers; None if they are not a dead letter's."""

    record: ConsumedRecord
    headers: DeadLetter | None

    @property
    def id(self) -> str:
        """Its name: partition and offset on the dead-letter topic."""
        return f"{self.record.partition}:{self.record.offset}"

    @property
    def original_headers(self) -> tuple[Header, ...]:
        """The headers of the record that became this dead letter."""
        return () if self.headers is None else self.headers.original_headers

    def headers_to_refeed(self) -> tuple[Header, ...]:
        """The original headers, without the one that an earlier `refeed` added.

        Otherwise a record that is still bad would gain a header each time.
        """
        headers = self.original_headers
        mark = re.compile(re.escape(self.record.name.encode()) + rb":[0-9]+:[0-9]+")
        if headers and headers[-1][0] == REFED_FROM and mark.fullmatch(headers[-1][1] or b""):
            return headers[:-1]
        return headers


class PlannedRefeed(NamedTuple):
    """What is done with a dead letter that is to be fed again."""

    letter: Letter
    topic: Topic | None
    """Where it goes: the input topic that it came from; None where that is none of this installation."""
    headers: list[Header]
    same_as: str | None
    """The id of a letter before it with the same record, which is sent for both; None where it is sent itself."""


def letter_of(record: ConsumedRecord) -> Letter:
    """A record of the dead-letter topic as a letter."""
    try:
        return Letter(record, DeadLetter.parse(record.headers))
    except ValueError:
        return Letter(record, None)


def place_of(letter_id: str) -> tuple[int, int]:
    """The partition and the offset in the id of a letter.

    Raises:
        ValueError: it is no such id.

    """
    match = _ID.fullmatch(letter_id)
    if match is None:
        raise ValueError(f"{letter_id!r} is not the id of a dead letter: partition:offset")
    return int(match[1]), int(match[2])


def find(settings: Settings, letter_id: str) -> Letter | None:
    """The dead letter with an id; None if there is none.

    Raises:
        ValueError: it is no such id.
        BrokerError: no broker answers.

    """
    record = reading.record_at(settings, topics.DEAD_LETTER, *place_of(letter_id))
    return None if record is None else letter_of(record)


def input_of(settings: Settings, letter: Letter) -> Topic | None:
    """The input topic of this installation that a dead letter came from; None if there is none."""
    if letter.headers is None:
        return None
    return next((topic for topic in topics.INPUTS if settings.topic(topic) == letter.headers.source_topic), None)


def plan(settings: Settings, chosen: Iterable[Letter]) -> Iterator[PlannedRefeed]:
    """Give for each letter what is sent again: the same bytes, key and headers, and one more header, the last.

    Of letters with the same record one is sent: a bad record that is re-fed becomes one more dead letter, and their
    number would double each time.
    """
    dead_letter_topic = settings.topic(topics.DEAD_LETTER)
    first_of: dict[tuple[str, bytes | None, bytes | None, tuple[Header, ...]], str] = {}
    for letter in chosen:
        topic = input_of(settings, letter)
        if topic is None:
            yield PlannedRefeed(letter, None, [], None)
            continue
        headers = letter.headers_to_refeed()
        same = (settings.topic(topic), letter.record.key, letter.record.value, headers)
        first = first_of.setdefault(same, letter.id)
        mark = (REFED_FROM, f"{dead_letter_topic}:{letter.id}".encode())
        yield PlannedRefeed(letter, topic, [*headers, mark], None if first == letter.id else first)

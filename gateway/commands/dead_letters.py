"""The dead letters for the page of operations: the latest first, how many there are, and feeding them again."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from domain.commands.refusal import RefusalKind, Refused
from gateway.commands.letters import Letter, find, input_of, letter_of, place_of, plan
from gateway.commands.writing import FactWriter, NotWritten
from streams import topics
from streams.broker import reading
from streams.broker.cluster import BrokerError
from streams.codec.codec import Codec
from streams.codec.dead_letters import BadInput
from streams.codec.json_form import fact_to_json
from streams.settings import Settings

log = logging.getLogger(__name__)

COUNT_MAX = 10_001
"""Counting stops here."""
LETTERS_MAX = 200
"""Fed again at once."""


class LetterPage(NamedTuple):
    """A part of the list."""

    letters: list[Letter]
    cursors: list[str]
    """The position of each letter; the last one continues the list."""
    has_next: bool


class Refeeding(NamedTuple):
    """What became of letters that were to be fed again."""

    refed: list[str]
    refused: dict[str, str]
    """Why not, by id."""


class InvalidLetterCursor(ValueError):
    """A cursor is not one of this list."""


class DeadLetters:
    """The dead-letter topic of an installation.

    Args:
        settings: where.
        codec: decodes inputs.
        writer: feeds letters again.

    """

    def __init__(self, settings: Settings, codec: Codec, writer: FactWriter) -> None:
        self._settings = settings
        self._codec = codec
        self._writer = writer
        self._offsets: dict[int, list[int]] = {}
        """The offsets of the letters that are counted, by partition: offsets of transactions' ends lie between them."""
        self._counted_to: dict[int, int] = {}
        self._counting = asyncio.Lock()

    async def latest(self, *, first: int, after: str | None) -> LetterPage:
        """The letters, the latest first.

        Raises:
            InvalidLetterCursor: `after` is no cursor of this list.
            BrokerError: no broker answers.

        """
        before = None if after is None else _positions(after)
        return await asyncio.to_thread(self._latest, first, before)

    async def count(self) -> int:
        """How many there are; `COUNT_MAX` where there are more.

        Raises:
            BrokerError: no broker answers.

        """
        async with self._counting:
            return await asyncio.to_thread(self._count)

    def decoded(self, letter: Letter) -> dict[str, object] | None:
        """The record as JSON, if it can be read now."""
        source = input_of(self._settings, letter)
        if source is None:
            return None
        try:
            return fact_to_json(self._codec.decode_input(source, letter.record.value, letter.original_headers))
        except BadInput:
            return None

    async def refeed(self, ids: Sequence[str]) -> Refeeding:
        """Send letters again to the topics that they came from. Doing it twice does no harm: a fact counts once.

        Raises:
            Refused: the letters cannot be read now.

        """
        refused: dict[str, str] = {}
        letters = []
        for letter_id in dict.fromkeys(ids):
            try:
                place_of(letter_id)
                letter = await asyncio.to_thread(find, self._settings, letter_id)
            except ValueError as error:
                refused[letter_id] = str(error)
                continue
            except BrokerError as error:
                log.warning("a dead letter cannot be read: %s", error)
                raise Refused("Kafka does not answer, so nothing was fed; try again", RefusalKind.UNAVAILABLE) from None
            if letter is None:
                refused[letter_id] = "there is no such dead letter; it may have expired"
            else:
                letters.append(letter)
        refed: list[str] = []
        for planned in plan(self._settings, letters):
            letter = planned.letter
            if planned.topic is None:
                refused[letter.id] = "it names no input topic of this installation"
            elif planned.same_as is not None:
                if planned.same_as in refused:
                    refused[letter.id] = refused[planned.same_as]
                else:
                    refed.append(letter.id)
            else:
                name = self._settings.topic(planned.topic)
                try:
                    await self._writer.send(name, letter.record.key, letter.record.value, planned.headers)
                    refed.append(letter.id)
                except NotWritten as error:
                    log.warning("a dead letter is not fed: %s", error)
                    refused[letter.id] = "Kafka has not acknowledged it; feed it again, it counts once"
        return Refeeding(refed, refused)

    def _latest(self, first: int, before: Mapping[int, int] | None) -> LetterPage:
        bounds = reading.bounds(self._settings, topics.DEAD_LETTER)
        uppers = {number: min(high, (before or {}).get(number, high)) for number, (_, high) in bounds.items()}
        found: list[Letter] = []
        lowers = dict(uppers)
        step = 2 * (first + 1)
        # Each partition is read backwards until it has a whole page, or no more.
        while wanting := {
            number: max(bounds[number][0], lowers[number] - step)
            for number in bounds
            if lowers[number] > bounds[number][0]
            and sum(letter.record.partition == number for letter in found) <= first
        }:
            ends = {number: lowers[number] for number in wanting}
            found += map(letter_of, reading.records_between(self._settings, topics.DEAD_LETTER, wanting, ends))
            lowers |= wanting
            step *= 4
        found.sort(key=lambda one: (-(one.record.timestamp_ms or 0), one.record.partition, -one.record.offset))
        shown = found[:first]
        cursors = []
        for letter in shown:
            uppers[letter.record.partition] = letter.record.offset
            cursors.append("_".join(f"{number}:{upper}" for number, upper in sorted(uppers.items())))
        return LetterPage(shown, cursors, len(found) > len(shown))

    def _count(self) -> int:
        bounds = reading.bounds(self._settings, topics.DEAD_LETTER)
        for number, (low, _) in bounds.items():
            self._offsets[number] = [offset for offset in self._offsets.get(number, ()) if offset >= low]
        begins = {number: max(low, self._counted_to.get(number, low)) for number, (low, _) in bounds.items()}
        ends = {number: high for number, (_, high) in bounds.items()}
        counted = sum(map(len, self._offsets.values()))
        if counted < COUNT_MAX and any(end > begins[number] for number, end in ends.items()):
            for record in reading.records_between(self._settings, topics.DEAD_LETTER, begins, ends):
                self._offsets[record.partition].append(record.offset)
                self._counted_to[record.partition] = record.offset + 1
                counted += 1
                if counted >= COUNT_MAX:
                    break
            else:
                self._counted_to |= ends
        return counted


def _positions(cursor: str) -> dict[int, int]:
    try:
        return dict(map(place_of, cursor.split("_")))
    except ValueError:
        raise InvalidLetterCursor("this is not a cursor of the list of dead letters") from None

"""The door for files: everything in one is checked and encoded before the first record is sent.

Facts go to their input topics, as `rentmatch publish` sends them; lines that are not understood go to the dead letters
with their bytes. Importing again sends the same facts with the same event ids, which changes nothing, and no dead
letter that is there already.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from connectors.formats import Format
from connectors.identity import content_id
from connectors.model import BrokenFile, Found, NotUnderstood
from connectors.payout_parts import PayoutParts, merged, waits_note
from domain.facts import InputFact, PayoutReported
from ops.importing import waiting
from ops.producing import BulkProducer, Undelivered
from streams import topics
from streams.broker import reading
from streams.broker.cluster import BrokerError
from streams.codec.codec import Codec
from streams.codec.dead_letters import BadInput, DeadLetter, DeadLetterClass
from streams.codec.json_form import fact_to_json
from streams.codec.validation import check
from streams.headers import Header
from streams.routing import key_of, topic_of
from streams.settings import Settings

FILE_BYTES_MAX = 512 * 1024 * 1024
"""A file is held in memory as a whole, some times over."""

FILE_HEADER = "rentmatch.import.file"
LINE_HEADER = "rentmatch.import.line"
SOURCE_PREFIX = "import."
"""The source topic of a dead letter that comes from a file: `import.<format>`; its offset is the line."""


SERVICE_VERSION = version("rentmatch")


class ReadyRecord(NamedTuple):
    """A record ready for the broker."""

    topic_name: str
    key: bytes
    value: bytes


class LineLetter(NamedTuple):
    """A dead letter ready for the broker. The key follows from the line's content."""

    key: bytes
    value: bytes
    headers: list[Header]


@dataclass(frozen=True, slots=True)
class FileContent:
    """A file as it was read."""

    name: str
    content: bytes
    sha256: str


@dataclass(slots=True)
class PreparedFile:
    """A file that is checked and encoded."""

    file: FileContent
    format_name: str
    found: Found
    records: list[ReadyRecord] = field(default_factory=list)
    letters: list[LineLetter] = field(default_factory=list)
    by_type: Counter[str] = field(default_factory=Counter)
    kept: dict[tuple[str, str, str], PayoutParts] = field(default_factory=dict)
    """What is known of the payouts of `found.waiting`: from this import, and once it is published from earlier ones."""
    published: int = 0
    letters_published: int = 0

    @property
    def is_understood(self) -> bool:
        """Every line is understood."""
        return not self.found.not_understood

    @property
    def adds_up(self) -> bool:
        """Every total and balance that the file states is what its lines come to."""
        return all(control.stated_minor == control.found_minor for control in self.found.controls)


class NotDelivered(BrokerError):
    """Some records of a file were not acknowledged by the broker; importing it again is safe."""


def read_content(path: Path, name: str | None = None) -> FileContent:
    """Read a file.

    Raises:
        BrokenFile: it cannot be read, or is too large.

    """
    shown = path.name if name is None else name
    try:
        size = path.stat().st_size
        if size > FILE_BYTES_MAX:
            raise BrokenFile(f"{shown} has {size:,} bytes; at most {FILE_BYTES_MAX:,} are read at once: split it")
        content = path.read_bytes()
    except OSError as error:
        raise BrokenFile(f"{shown} cannot be read: {error.strerror}") from None
    return FileContent(shown, content, sha256(content).hexdigest())


def prepare(settings: Settings, codec: Codec, file: FileContent, format_: Format, options: Any) -> PreparedFile:
    """Read, check and encode all of a file.

    Raises:
        BrokenFile: the file cannot be used at all; the message has the line.
        RegistryError: the Schema Registry does not take a schema.

    """
    prepared = read(file, format_, options)
    encode_together(settings, codec, [prepared], format_, options)
    return prepared


def read(file: FileContent, format_: Format, options: Any) -> PreparedFile:
    """Read a file; `encode_together` comes next.

    Raises:
        BrokenFile: the file cannot be used at all; the message has the line.

    """
    return PreparedFile(
        file, format_.name, (format_.read if format_.parts is None else format_.parts.read_part)(file.content, options)
    )


def encode_together(
    settings: Settings, codec: Codec, files: Sequence[PreparedFile], format_: Format, options: Any
) -> None:
    """Check and encode files that are imported together; payouts that are in several of them are put together.

    Raises:
        RegistryError: the Schema Registry does not take a schema.

    """
    if format_.parts is not None:
        format_.parts.report_payouts([file.found for file in files], options)
    for file in files:
        facts, file.found.facts = file.found.facts, []
        for fact in facts:
            _encode(settings, codec, file, fact)
        file.letters = _letters(file)
    known, _ = merged(payout for file in files for payout in file.found.waiting)
    for file in files:
        file.kept = {payout.key: known[payout.key] for payout in file.found.waiting}


def _encode(settings: Settings, codec: Codec, file: PreparedFile, fact: InputFact) -> None:
    try:
        checked = check(fact)
        topic_name = settings.topic(topic_of(checked))
        record = ReadyRecord(topic_name, key_of(checked), codec.encode(checked, topic_name))
    except (BadInput, UnicodeEncodeError, OverflowError) as error:
        reason = f"the record breaks the contract: {error}"
        file.found.not_understood.append(NotUnderstood(0, reason, _as_bytes(fact)))
        return
    file.found.facts.append(checked)
    file.records.append(record)
    file.by_type[_type_of(checked)] += 1


def complete_payouts(
    settings: Settings, codec: Codec, files: Sequence[PreparedFile], format_: Format, options: Any
) -> None:
    """Keep what files say of payouts that wait for others, and report those that now add up: before `publish`.

    Raises:
        BrokerError: no broker answers, or what waits cannot be kept.
        RegistryError: the Schema Registry does not take a schema.

    """
    home = {payout.key: file for file in files for payout in file.found.waiting}
    if format_.parts is None or not home:
        return
    own = [payout for file in files for payout in file.found.waiting]
    known = waiting.keep(settings, format_.name, own)
    for key, payout in merged(known)[0].items():
        home[key].kept[key] = payout
    done = format_.parts.complete(known, options)
    sent = {fact for file in files for fact in file.found.facts if isinstance(fact, PayoutReported)}
    for fact in done.facts:
        for file in files:
            begin = waits_note(fact.payout_id)
            file.found.notes = [note for note in file.found.notes if not note.startswith(begin)]
        if fact not in sent:
            file = home[fact.processor, fact.payout_id, fact.currency]
            _encode(settings, codec, file, fact)
            file.found.notes.append(f"payout {fact.payout_id}: reported with what earlier imports have of it")
            file.letters = _letters(file)
    files[-1].found.notes += done.notes


def _type_of(fact: Any) -> str:
    name = type(fact).__name__
    detail = getattr(fact, "outcome", None) or getattr(fact, "status", None)
    return f"{name} {detail}" if detail else name


def _as_bytes(fact: InputFact) -> bytes:
    """A record that is none of ours, for people: as JSON, or else as the format made it."""
    try:
        return msgspec.json.encode(fact_to_json(fact))
    except (ValueError, KeyError, TypeError):
        return repr(fact).encode("utf-8", "backslashreplace")


def _letters(prepared: PreparedFile) -> list[LineLetter]:
    occurrences: Counter[bytes] = Counter()
    letters = []
    for line in prepared.found.not_understood:
        occurrences[line.raw] += 1
        key = content_id("line", prepared.format_name, line.raw.hex(), str(occurrences[line.raw])).encode()
        error = BadInput(DeadLetterClass.UNREADABLE_LINE, line.reason)
        original: list[Header] = [
            (FILE_HEADER, prepared.file.name.encode("utf-8", "backslashreplace")),
            (LINE_HEADER, b"%d" % line.line),
        ]
        letter = DeadLetter.of(
            error, SOURCE_PREFIX + prepared.format_name, 0, line.line, SERVICE_VERSION, original_headers=original
        )
        letters.append(LineLetter(key, line.raw, letter.headers()))
    return letters


def publish(settings: Settings, files: Sequence[PreparedFile], step: Callable[[], None] = lambda: None) -> None:
    """Send everything, and wait until the broker has it.

    Raises:
        BrokerError: no broker answers, or a topic is missing; nothing was sent.
        NotDelivered: the broker did not acknowledge some records.

    """
    new_letters = _new_letters(settings, [letter for file in files for letter in file.letters])
    producer = BulkProducer(settings)
    dead_letter = settings.topic(topics.DEAD_LETTER)
    needed = {record.topic_name for file in files for record in file.records} | (
        {dead_letter} if new_letters else set()
    )
    for name in sorted(needed):
        producer.require(name)
    for file in files:
        for number, record in enumerate(file.records, start=1):
            label = f"{file.file.name}: record {number}"
            producer.send(record.topic_name, record.key, record.value, label=label)
            step()
        for letter in file.letters:
            if letter.key in new_letters:
                new_letters.discard(letter.key)
                label = f"{file.file.name}: a dead letter"
                producer.send(dead_letter, letter.key, letter.value, label=label, headers=letter.headers)
                file.letters_published += 1
            step()
    producer.finish()
    if producer.undelivered:
        raise NotDelivered(_lost(producer.undelivered))
    for file in files:
        file.published = len(file.records)


def _new_letters(settings: Settings, letters: Iterable[LineLetter]) -> set[bytes]:
    """The keys of those that are not on the topic yet."""
    wanted = {letter.key for letter in letters}
    if wanted:
        for record in reading.records(settings, topics.DEAD_LETTER):
            wanted.discard(record.key or b"")
            if not wanted:
                break
    return wanted


def _lost(undelivered: list[Undelivered]) -> str:
    first = undelivered[0]
    return (
        f"{len(undelivered)} records were not delivered; the first is {first.label}: {first.reason}. Import the files "
        "again once the broker is well; what is there already changes nothing."
    )

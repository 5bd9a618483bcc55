"""Compares the last record of each key, and each dead letter byte for byte, with the simulator's truth."""

from collections import Counter
from dataclasses import dataclass

from domain.time import Micros
from ops.demo.following import DeadLetterRecord, Follower
from simulator.compare import FieldDifference, FinalState, compare, found_from_records
from simulator.deliver import value_of
from simulator.scenario import Scenario
from simulator.truth import Truth, truth
from streams import topics
from streams.codec.codec import Codec
from streams.codec.dead_letters import DeadLetter, DeadLetterClass
from streams.settings import Settings

Record = tuple[str, bytes | None, bytes | None]
"""An input record: the default name of its topic, its key, its value."""


@dataclass(frozen=True)
class Judgement:
    """The results, the truth, and every difference."""

    truth: Truth
    found: FinalState
    differences: list[FieldDifference]
    dead_letters: Counter[DeadLetterClass]
    """How many there are of each class."""

    @property
    def is_exact(self) -> bool:
        """Nothing differs."""
        return not self.differences


class Judge:
    """Knows the results that must follow from a scenario at an instant."""

    def __init__(self, scenario: Scenario, at: Micros, settings: Settings) -> None:
        self._settings = settings
        self.codec = Codec()
        self.truth = truth(scenario, at, settings.policy)
        self._expected_letters: Counter[Record] = Counter(
            (delivery.topic, delivery.key.encode(), value_of(delivery, self.codec.encode))
            for delivery in scenario.deliveries
            if delivery.is_bad
        )
        rows = {
            topics.PAYMENT_RECONCILIATIONS: self.truth.payments,
            topics.OBLIGATION_RECONCILIATIONS: self.truth.obligations,
            topics.REFERENCE_RECONCILIATIONS: self.truth.references,
            topics.PAYOUT_RECONCILIATIONS: self.truth.payouts,
            topics.MISMATCH_ALERTS: {**self.truth.open_breaks, **self.truth.accepted_breaks},
            topics.LATE_PAYMENT_ALERTS: self.truth.live_alerts,
        }
        self._expected_keys = {topic: {key.encode() for key in held} for topic, held in rows.items()}
        self.expected = sum(map(len, self._expected_keys.values())) + self._expected_letters.total()
        """The number of keys and dead letters that there must be at the end."""

    def found_so_far(self, follower: Follower) -> int:
        """Return how many of the expected keys and dead letters have been read: the measure of progress."""
        held = sum(len(keys & follower.last[topic].keys()) for topic, keys in self._expected_keys.items())
        return held + min(len(follower.letters), self._expected_letters.total())

    def judge(self, follower: Follower) -> Judgement:
        """Compare everything."""
        found = found_from_records(
            self.codec.decode_output(value) for held in follower.last.values() for value in held.values()
        )
        names = {self._settings.topic(topic): topic.name for topic in topics.INPUTS}
        parsed = [DeadLetter.parse(letter.headers) for letter in follower.letters]
        sources = [names.get(letter.source_topic, letter.source_topic) for letter in parsed]
        found.dead_letters = dict(Counter(sources))
        differences = compare(self.truth, found) + self._letter_differences(sources, follower.letters)
        return Judgement(self.truth, found, differences, Counter(letter.error_class for letter in parsed))

    def _letter_differences(self, sources: list[str], letters: list[DeadLetterRecord]) -> list[FieldDifference]:
        """Return the bad records without a dead letter of the same bytes, and the dead letters without a bad record."""
        found = Counter((source, letter.key, letter.value) for source, letter in zip(sources, letters, strict=True))
        missing, unexpected = self._expected_letters - found, found - self._expected_letters
        return [
            *(FieldDifference("dead letter", _place(record), "", record[2], None) for record in missing.elements()),
            *(FieldDifference("dead letter", _place(record), "", None, record[2]) for record in unexpected.elements()),
        ]


def _place(record: Record) -> str:
    return f"{record[0]}, key {(record[1] or b'').decode(errors='replace')}"

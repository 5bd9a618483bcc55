"""The record of a simulated month: the facts as they happen, and each break that was injected."""

from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

from domain.facts import InputFact
from domain.time import Micros

SomeFact = TypeVar("SomeFact", bound=InputFact)


@dataclass(slots=True)
class Recording:
    """The facts of a scenario as they were recorded. What is not known before `closes_at` is dropped."""

    rng: Random
    closes_at: Micros
    facts: list[tuple[InputFact, Micros]] = field(default_factory=list)
    """A fact and how much later than usual it arrives, in microseconds."""
    injected: dict[str, set[str]] = field(default_factory=dict)
    """Break class -> the keys (payments, obligations, references) with an injected break of that class."""
    accepted: dict[str, set[str]] = field(default_factory=dict)
    """Break class -> the keys whose injected break of that class people accept."""

    def event_id(self) -> str:
        """Return a new event id."""
        return f"E-{self.rng.getrandbits(64):016x}"

    def record(self, fact: SomeFact, arrives_later: Micros = 0) -> SomeFact:
        """Record a fact, if it occurs before the recording closes, or is known before it occurs; return it."""
        if fact.occurred_at + min(0, arrives_later) <= self.closes_at:
            self.facts.append((fact, arrives_later))
        return fact

    def inject(self, break_class: str, key: str) -> None:
        """Note that a break of that class must be open at that key when the recording closes."""
        self.injected.setdefault(break_class, set()).add(key)

    def accept(self, break_class: str, key: str) -> None:
        """Note that an injected break is accepted, and not open, when the recording closes."""
        self.injected[break_class].remove(key)
        self.accepted.setdefault(break_class, set()).add(key)

    def between(self, least: Micros, most: Micros) -> Micros:
        """Return a random span between two, in microseconds."""
        return least + int(self.rng.random() * (most - least))

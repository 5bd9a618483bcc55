"""What a row of the catalogue of breaks says: a class of breaks, and the forms in which it occurs."""

from collections.abc import Callable, Iterator
from typing import Any, Literal

import msgspec

from domain.breaks.model import PRIORITIES
from domain.explain.corrective_events import Candidate
from domain.records import BreakClass

KeyKind = Literal["payment", "obligation", "reference", "payout", "bank_entry"]
Feed = Literal["payment-initiated", "processor-settled", "ledger-events", "payouts", "bank-entries"]


class BreakForm(msgspec.Struct, frozen=True, kw_only=True):
    """How a class of breaks occurs on one kind of subject: a row of a table in contract sections 7, 10 and 11."""

    key_kinds: tuple[KeyKind, ...] = ("payment",)
    subject: tuple[str, ...]
    """The kind of subject, then what its further parts are."""
    condition: str
    """The contract's condition, and the amounts (expected → actual)."""
    title: str
    """The break in a few words."""
    expected: str
    missing: str
    """What is missing, or contradicts the rest."""
    advice: str
    """What people do about it."""
    remedies: Callable[[Any], Iterator[Candidate]] | None
    """Gives what may resolve it, from the context of its key kind (domain/explain/context.py); None if nothing can."""


class BreakRule(BreakForm, frozen=True, kw_only=True):
    """A class of breaks; the form of most is the only one."""

    break_class: BreakClass
    rule: str
    """When it is open, for readers who do not know the contract's terms."""
    section: int = 7
    """The section of the contract that has the rule."""
    opens_at_deadline: bool = False
    """It may open by the passing of a deadline alone. Alerts on it are suppressed while the watermark is old."""
    feed: Feed | None = None
    """The input topic whose silence alone would open such breaks. Alerts on it are suppressed during such silence."""
    other_forms: tuple[BreakForm, ...] = ()

    @property
    def priority(self) -> int:
        """1 is the most urgent."""
        return PRIORITIES[self.break_class]

    @property
    def forms(self) -> tuple[BreakForm, ...]:
        """How it occurs."""
        return (self, *self.other_forms)

    @property
    def is_permanent(self) -> bool:
        """Whether no event resolves it: it stays open until people accept it."""
        return self.remedies is None

    def form_of(self, key_kind: KeyKind, subject: str) -> BreakForm:
        """Give the form of a key kind and a kind of subject.

        Raises:
            KeyError: there is none.

        """
        for form in self.forms:
            if key_kind in form.key_kinds and form.subject[0] == subject:
                return form
        raise KeyError(f"{self.break_class} has no form for the subject {subject!r} of a {key_kind}")

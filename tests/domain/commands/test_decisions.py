"""Decisions about breaks: what is written, what will become of the break, and what is refused."""

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.breaks.model import Break, new_break
from domain.commands import decisions
from domain.commands.decisions import BreakAtHand, forecast
from domain.commands.refusal import Author, Hint, Refused
from domain.decisions import Decisions, apply_decision
from domain.facts import BreakDecided
from domain.policy import Policy
from domain.records import BreakClass
from domain.time import HOUR, micros_of

AT = micros_of(datetime(2026, 7, 8, 12, tzinfo=UTC))


def ana() -> Author:
    return Author("ana", "agreed with the owner", uuid.uuid4().hex)


def bo() -> Author:
    return Author("bo", "checked", uuid.uuid4().hex)


def a_break(
    break_class: BreakClass = BreakClass.POSTING_MISSING, drift_minor: int = -5_000, events: str = "e-1 e-2"
) -> Break:
    return new_break(
        "payment", "P-9", ("posting",), break_class, currency="USD", event_ids=events.split(), expected_minor=5_000,
        actual_minor=5_000 + drift_minor,
    )  # fmt: skip


def at_hand(
    *decided: BreakDecided, mismatch: Break | None = None, resolved: bool = False, now: int = AT
) -> BreakAtHand:
    known: Decisions = {}
    for fact in decided:
        assert apply_decision(known, fact)
    return BreakAtHand("payment", "P-9", mismatch or a_break(), resolved, known, now, Policy())


def refusal(what: Any) -> str:
    with pytest.raises(Refused) as refused:
        what()
    return str(refused.value)


def test_an_acceptance_of_a_small_difference_needs_nobody_else() -> None:
    accepted = decisions.accept(at_hand(), ana())
    assert (accepted.action, accepted.break_class, accepted.drift_minor) == ("ACCEPT", "posting_missing", -5_000)
    assert forecast(at_hand(), accepted).startswith("The break will be accepted. It opens again as soon as")
    after = at_hand(accepted)
    assert "ana has accepted it, so it is not open" in refusal(lambda: decisions.accept(after, bo()))
    assert "ana has accepted it, so it is not open" in refusal(lambda: decisions.approve(after, bo(), None))
    assert "so it is not open" in refusal(lambda: decisions.acknowledge(after, bo(), None))


@pytest.mark.parametrize(
    ("mismatch", "why"),
    [
        (a_break(BreakClass.DUPLICATE_POSTING), "its priority is 1"),
        (a_break(drift_minor=-100_000), "its difference of USD -1,000.00 reaches the limit of USD 1,000.00"),
    ],
)
def test_four_eyes(mismatch: Break, why: str) -> None:
    before = at_hand(mismatch=mismatch)
    accepted = decisions.accept(before, ana())
    assert forecast(before, accepted) == (
        f"The break stays open. It will be accepted once another person approves it: {why}."
    )
    requested = at_hand(accepted, mismatch=mismatch)
    assert "you have accepted it already" in refusal(lambda: decisions.accept(requested, ana()))
    assert "ana has accepted it already; approve that" in refusal(lambda: decisions.accept(requested, bo()))
    assert "you accepted it yourself, ana: another person" in refusal(lambda: decisions.approve(requested, ana(), None))
    approved = decisions.approve(requested, bo(), None)
    assert approved.refers_to == accepted.decision_id
    assert forecast(requested, approved).startswith("The break will be accepted, approved by bo.")
    done = at_hand(accepted, approved, mismatch=mismatch)
    taken_back = decisions.withdraw(done, ana(), approved.decision_id)
    assert "once another person approves it" in forecast(done, taken_back)


def test_an_acceptance_that_no_longer_fits_is_not_approved() -> None:
    accepted = decisions.accept(at_hand(mismatch=a_break(BreakClass.DUPLICATE_POSTING)), ana())
    grown = at_hand(accepted, mismatch=a_break(BreakClass.DUPLICATE_POSTING, drift_minor=-6_000))
    assert refusal(lambda: decisions.approve(grown, bo(), None)) == (
        "ana accepted duplicate_posting with a difference of USD -50.00, and it is duplicate_posting with a difference "
        "of USD -60.00 now: that acceptance no longer fits. Look at the break, and accept it as it is now"
    )
    other_events = at_hand(accepted, mismatch=a_break(BreakClass.DUPLICATE_POSTING, events="e-1 e-3"))
    assert "its evidence has changed since ana accepted it" in refusal(
        lambda: decisions.approve(other_events, bo(), None)
    )
    again = decisions.accept(other_events, ana())
    assert again.evidence == other_events.evidence != accepted.evidence
    assert "nobody has accepted it" in refusal(lambda: decisions.approve(at_hand(), bo(), None))


def test_withdrawing() -> None:
    assert "nothing to withdraw" in refusal(lambda: decisions.withdraw(at_hand(), ana(), None))
    accepted = decisions.accept(at_hand(), ana())
    done = at_hand(accepted)
    assert "there is no decision nonsense about this break" in refusal(
        lambda: decisions.withdraw(done, bo(), "nonsense")
    )
    withdrawn = decisions.withdraw(done, bo(), None)
    assert withdrawn.refers_to == accepted.decision_id
    assert forecast(done, withdrawn) == "The break stays open, and nobody has decided anything about it."
    after = at_hand(accepted, withdrawn)
    assert "is withdrawn already" in refusal(lambda: decisions.withdraw(after, bo(), accepted.decision_id))
    assert "nothing to withdraw" in refusal(lambda: decisions.withdraw(after, bo(), None))
    back = decisions.withdraw(after, ana(), withdrawn.decision_id)
    assert forecast(after, back).startswith("The break will be accepted.")

    noted = decisions.comment(at_hand(), ana())
    assert "is a comment" in refusal(lambda: decisions.withdraw(at_hand(noted), ana(), noted.decision_id))
    assigned = decisions.assign(at_hand(), ana(), "bo")
    seen = decisions.acknowledge(at_hand(assigned), ana(), None)
    two = refusal(lambda: decisions.withdraw(at_hand(assigned, seen), ana(), None))
    assert "2 decisions about it count; name one" in two
    assert assigned.decision_id in two


def test_acknowledging_and_assigning() -> None:
    assert "is in the past" in refusal(lambda: decisions.acknowledge(at_hand(), ana(), AT))
    until = decisions.acknowledge(at_hand(), ana(), AT + HOUR)
    assert forecast(at_hand(), until) == "The break stays open, acknowledged until 2026-07-08 13:00 UTC."
    for_good = decisions.acknowledge(at_hand(until), ana(), None)
    assert forecast(at_hand(until), for_good) == "The break stays open, acknowledged for good."
    with pytest.raises(Refused, match="ana has acknowledged it for good already; withdraw that first") as refused:
        decisions.acknowledge(at_hand(until, for_good), bo(), AT + 2 * HOUR)
    assert (refused.value.hint, refused.value.decision_id) == (Hint.WITHDRAW, for_good.decision_id)
    later = at_hand(until, now=AT + HOUR)
    assert decisions.acknowledge(later, bo(), AT + 2 * HOUR).until == AT + 2 * HOUR

    assigned = decisions.assign(at_hand(), ana(), "bo")
    assert forecast(at_hand(), assigned) == "The break stays open, assigned to bo."
    assert "assigned to bo already" in refusal(lambda: decisions.assign(at_hand(assigned), ana(), "bo"))
    assert "assigned to nobody already" in refusal(lambda: decisions.assign(at_hand(), ana(), None))
    freed = decisions.assign(at_hand(assigned), ana(), None)
    assert freed.occurred_at > assigned.occurred_at  # although the clock stands still
    assert forecast(at_hand(assigned), freed) == "The break stays open, and nobody has decided anything about it."


def test_a_resolved_break_takes_comments_only() -> None:
    gone = at_hand(resolved=True)
    for decide in (
        lambda: decisions.accept(gone, ana()),
        lambda: decisions.assign(gone, ana(), "bo"),
        lambda: decisions.acknowledge(gone, ana(), None),
        lambda: decisions.approve(gone, ana(), None),
    ):
        assert "the break is resolved" in refusal(decide)
    assert "changes nothing else" in forecast(gone, decisions.comment(gone, ana()))

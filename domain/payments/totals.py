"""The totals of a payment (contract section 4): money collected, money left of it, and postings by obligation."""

import msgspec

from domain.breaks.model import NO_CURRENCY
from domain.dedup import Accepted, canonical
from domain.payments.movements import (
    ORDER_WITHIN_INSTANT,
    Movement,
    go_through_attempt,
    go_through_chargebacks,
    go_through_refunds,
)
from domain.payments.state import (
    Assignment,
    OutcomeId,
    PaymentState,
    Posting,
    SettlementOutcome,
    identities,
    outcomes,
    resolved,
)
from domain.time import FAR_PAST, Micros

AttemptKey = tuple[str, str]
"""Processor, and the reference of the attempt (contract section 4)."""

OF_ATTEMPTS = frozenset(("SETTLED", "FAILED", "RETURNED", "RETURN_REVERSED"))
OF_REFUNDS = frozenset(("REFUNDED", "REFUND_REVERSED"))
OF_CHARGEBACKS = frozenset(("CHARGEBACK", "CHARGEBACK_REVERSED"))
_OUTCOMES = frozenset(("SETTLED", "FAILED", "RETURNED"))


class PaymentTotals(msgspec.Struct, gc=False):
    """A payment added up, in its own currency; facts in another count as zero and are listed in `foreign`."""

    currency: str
    """`NO_CURRENCY` while no fact with a currency is known."""
    gross_minor: int = 0
    fee_minor: int = 0
    """Without what is not known, or in another settlement currency; `net_minor` too."""
    net_minor: int = 0
    collected_minor: int = 0
    """What is live of all attempts."""
    returned_minor: int = 0
    """What returns and failures took back."""
    refunded_minor: int = 0
    charged_back_minor: int = 0
    standing_minor: int = 0
    """Net settled (after returns, refunds and chargebacks): the only money that counts."""
    return_excess_minor: int = 0
    """What reversed returns gave back beyond what returns had taken; likewise the next two."""
    refund_excess_minor: int = 0
    chargeback_reversal_excess_minor: int = 0
    chargeback_excess_minor: int = 0
    """Chargebacks above all that settled."""
    settled: bool = False
    """A SETTLED is known, in the payment's currency."""
    outcome: bool = False
    """A SETTLED, FAILED or RETURNED is known, in any currency."""
    returned: bool = False
    """A RETURNED is known, in the payment's currency."""
    returned_in_any_currency: bool = False
    failed: bool = False
    """A FAILED stands: no SETTLED of its attempt follows it."""
    live_settlements: int = 0
    """How many SETTLED the live attempts have."""
    live_postings: int = 0
    """Postings that are not reversed in full."""
    posted_minor: int = 0
    posted: dict[str, dict[str, int]] = {}
    """Live postings by obligation and currency, net of reversals, without zeros; every obligation ever posted to."""
    foreign: tuple[str, ...] = ()
    """The events in another currency, without foreign postings that are reversed in full."""
    unmatched: tuple[str, ...] = ()
    """The ids of the reversals whose posting is not known."""
    over_reversed: tuple[str, ...] = ()
    """The ids of the postings in the payment's currency whose reversals exceed them."""
    exceeding: tuple[AttemptKey, ...] = ()
    """The attempts of which reversed returns gave back more than was taken."""
    contradictory: tuple[tuple[AttemptKey, tuple[str, ...]], ...] = ()
    """The attempts that failed and settled at the same instant, with the events that say so."""
    latest_settlement: Micros | None = None
    """The latest settlement record or reversal of a known posting; the posting deadline counts from it."""
    earliest_movement: Micros | None = None
    """The first settlement record, posting or reversal."""
    rests_on: Micros = 0
    """The latest `occurred_at` among the accepted facts."""
    disputed: bool = False
    """A fact was told more than once, or an event used for two facts: there may be a conflict."""

    @property
    def reversed_minor(self) -> int:
        """What was refunded or charged back."""
        return self.refunded_minor + self.charged_back_minor

    @property
    def has_excess(self) -> bool:
        """Whether a reversal gave back more than was taken, or chargebacks are above all that settled."""
        return bool(
            self.return_excess_minor
            or self.refund_excess_minor
            or self.chargeback_reversal_excess_minor
            or self.chargeback_excess_minor
        )

    @property
    def went_back(self) -> bool:
        """Whether money was returned, refunded or charged back, or an attempt failed for good."""
        return self.returned or self.failed or self.reversed_minor > 0


def currency_of(state: PaymentState) -> str:
    """Give the currency of a payment: its initiation's, or before that is known its first fact's.

    The first is by (`occurred_at`, `event_id`, canonical content), so that the order of arrival does not matter. An
    assignment has no currency.
    """
    if state.initiation is not None:
        return state.initiation.currency
    money = (accepted for _, accepted in identities(state) if not isinstance(accepted, Assignment))
    first = min(money, key=_first_order, default=None)
    if first is None:
        return NO_CURRENCY
    currency: str = getattr(first, "currency")  # noqa: B009 - all these facts have one; Accepted itself does not
    return currency


def _first_order(accepted: Accepted) -> tuple[Micros, str, bytes]:
    return accepted.occurred_at, accepted.event_id, canonical(accepted)


def live_postings(state: PaymentState) -> list[tuple[str, Posting, int]]:
    """Give the postings that are not reversed in full: posting id, posting, and the minor units left of it."""
    undone = reversed_by_posting(state)
    return [
        (posting_id, posting, posting.amount_minor - undone.get(posting_id, 0))
        for posting_id, posting in state.postings.items()
        if posting.amount_minor > undone.get(posting_id, 0)
    ]


def reversed_by_posting(state: PaymentState) -> dict[str, int]:
    """Give the sum of the reversals of each posting, in its currency. A reversal in another does not count."""
    undone: dict[str, int] = {}
    for reversal in state.reversals.values():
        posting = state.postings.get(reversal.posting_id)
        if posting is not None and posting.currency == reversal.currency:
            undone[reversal.posting_id] = undone.get(reversal.posting_id, 0) + reversal.amount_minor
    return undone


def attempt_key(identity: OutcomeId, reported: SettlementOutcome) -> AttemptKey:
    """Give the attempt that an outcome is about: of its original reference, or else of its own."""
    return identity[0], reported.original_reference or identity[1]


def add_up(state: PaymentState) -> PaymentTotals:
    """Add up the facts of a payment."""
    if state.resolutions:
        state = resolved(state)
    initiation = state.initiation
    totals = PaymentTotals(currency_of(state) if initiation is None else initiation.currency)
    events: list[str] = []
    foreign: list[str] = []
    latest: Micros = FAR_PAST
    if initiation is not None:
        latest = initiation.occurred_at
        if initiation.tellings is None and initiation.version_1 is None:
            events.append(initiation.event_id)
        else:
            _note_events(totals, initiation, events)
    if state.attempts:
        at = _add_outcomes(totals, state, events, foreign)
        latest = max(latest, at)
    if state.postings or state.reversals:
        at = _add_postings(totals, state, events, foreign)
        latest = max(latest, at)
    for assignment in state.assignments.values():
        latest = max(latest, assignment.occurred_at)
        _note_events(totals, assignment, events)
    totals.rests_on = latest
    if foreign:
        totals.foreign = tuple(foreign)
    if len(set(events)) != len(events):
        totals.disputed = True
    return totals


def _note_events(totals: PaymentTotals, accepted: Accepted, events: list[str]) -> None:
    """Add the events of an identity, and note whether it was told more than once."""
    if len(accepted.told) > 1 or accepted.version_1 is not None:
        totals.disputed = True
    events.extend(accepted.event_ids())


def _add_outcomes(totals: PaymentTotals, state: PaymentState, events: list[str], foreign: list[str]) -> Micros:
    """Add what the processors reported. Returns the latest `occurred_at`."""
    settled = _only_settlement(state)
    if settled is None or settled.currency != totals.currency:
        return _add_all_outcomes(totals, state, events, foreign)
    events.append(settled.event_id)
    _add_settlement(totals, settled)
    totals.outcome = True
    totals.collected_minor = totals.standing_minor = settled.gross_minor
    totals.live_settlements = 1
    at = settled.occurred_at
    totals.latest_settlement = totals.earliest_movement = at
    return at


def _only_settlement(state: PaymentState) -> SettlementOutcome | None:
    """Give the one SETTLED of an ordinary payment, told once; None if there is more to its outcomes."""
    if len(state.attempts) != 1:
        return None
    for references in state.attempts.values():
        if len(references) == 1:
            for reported in references.values():
                if len(reported) == 1:
                    settled = reported.get("SETTLED")
                    if settled is not None and settled.tellings is None and settled.version_1 is None:
                        return settled if settled.gross_minor else None
    return None


def _add_settlement(totals: PaymentTotals, settled: SettlementOutcome) -> None:
    """Add gross, fee and net of a SETTLED in the payment's currency."""
    totals.settled = True
    totals.gross_minor += settled.gross_minor
    settlement_currency = settled.settlement_currency
    if settlement_currency is None or settlement_currency == totals.currency:
        totals.fee_minor += settled.fee_minor or 0
        totals.net_minor += settled.net_minor or 0


def _add_all_outcomes(totals: PaymentTotals, state: PaymentState, events: list[str], foreign: list[str]) -> Micros:
    currency = totals.currency
    earliest = latest = None
    settled_in_any_currency = False
    attempts: dict[AttemptKey, list[Movement]] = {}
    failed_at: dict[tuple[AttemptKey, Micros], list[str]] = {}
    settled_at: dict[tuple[AttemptKey, Micros], list[str]] = {}
    refunds: list[Movement] = []
    chargebacks: list[Movement] = []
    for identity, reported in outcomes(state):
        _, reference, outcome, movement_id = identity
        at = reported.occurred_at
        latest = at if latest is None or at > latest else latest
        earliest = at if earliest is None or at < earliest else earliest
        _note_events(totals, reported, events)
        if outcome in _OUTCOMES:
            totals.outcome = True
            settled_in_any_currency |= outcome == "SETTLED"
            totals.returned_in_any_currency |= outcome == "RETURNED"
        if reported.currency != currency:
            foreign.append(reported.event_id)
            continue
        movement = (at, ORDER_WITHIN_INSTANT[outcome], reference, movement_id, reported.gross_minor)
        if outcome not in OF_ATTEMPTS:
            (refunds if outcome in OF_REFUNDS else chargebacks).append(movement)
            continue
        key = attempt_key(identity, reported)
        attempts.setdefault(key, []).append(movement)
        if outcome == "SETTLED":
            _add_settlement(totals, reported)
            settled_at.setdefault((key, at), []).append(reported.event_id)
        elif outcome == "FAILED":
            failed_at.setdefault((key, at), []).append(reported.event_id)
        elif outcome == "RETURNED":
            totals.returned = True
    _go_through(totals, attempts)
    if refunds:
        totals.refunded_minor, totals.refund_excess_minor = go_through_refunds(refunds)
    if chargebacks:
        summed = go_through_chargebacks(chargebacks, totals.gross_minor if settled_in_any_currency else None)
        totals.charged_back_minor = summed.charged_back_minor
        totals.chargeback_excess_minor = summed.above_gross_minor
        totals.chargeback_reversal_excess_minor = summed.excess_minor
    totals.standing_minor = max(0, totals.collected_minor - totals.reversed_minor)
    if failed_at:
        totals.contradictory = _contradictory(failed_at, settled_at)
    totals.latest_settlement = latest
    totals.earliest_movement = earliest
    return FAR_PAST if latest is None else latest


def _go_through(totals: PaymentTotals, attempts: dict[AttemptKey, list[Movement]]) -> None:
    exceeding: list[AttemptKey] = []
    for key, movements in attempts.items():
        attempt = go_through_attempt(movements)
        totals.collected_minor += attempt.live_minor
        totals.returned_minor += attempt.back_minor
        if attempt.excess_minor:
            totals.return_excess_minor += attempt.excess_minor
            exceeding.append(key)
        if attempt.live_minor:
            totals.live_settlements += attempt.settlements
        totals.failed |= attempt.failed
    totals.exceeding = tuple(exceeding)


def _contradictory(
    failed_at: dict[tuple[AttemptKey, Micros], list[str]], settled_at: dict[tuple[AttemptKey, Micros], list[str]]
) -> tuple[tuple[AttemptKey, tuple[str, ...]], ...]:
    """Give the attempts that failed and settled at the same instant, with those events."""
    by_attempt: dict[AttemptKey, list[str]] = {}
    for (key, at), failures in failed_at.items():
        settlements = settled_at.get((key, at))
        if settlements is not None:
            by_attempt.setdefault(key, []).extend((*failures, *settlements))
    return tuple((key, tuple(event_ids)) for key, event_ids in by_attempt.items())


def _add_postings(totals: PaymentTotals, state: PaymentState, events: list[str], foreign: list[str]) -> Micros:
    """Add what the ledger posted and reversed. Returns the latest `occurred_at`."""
    currency = totals.currency
    latest = FAR_PAST
    undone: dict[str, int] = {}
    if state.reversals:
        latest = _add_reversals(totals, state, events, foreign)
        undone = reversed_by_posting(state)
    earliest = totals.earliest_movement
    over_reversed: list[str] = []
    foreign_live: set[str] = set()
    for posting_id, posting in state.postings.items():
        occurred_at = posting.occurred_at
        if earliest is None or occurred_at < earliest:
            earliest = occurred_at
        latest = max(latest, occurred_at)
        if posting.tellings is None and posting.version_1 is None:
            events.append(posting.event_id)
        else:
            _note_events(totals, posting, events)
        by_currency = totals.posted.get(posting.obligation_id)
        if by_currency is None:
            by_currency = totals.posted[posting.obligation_id] = {}
        live = posting.amount_minor
        if undone:
            live -= undone.get(posting_id, 0)
            if live < 0 and posting.currency == currency:
                over_reversed.append(posting_id)
            if live <= 0:
                continue
        by_currency[posting.currency] = by_currency.get(posting.currency, 0) + live
        if posting.currency == currency:
            totals.live_postings += 1
            totals.posted_minor += live
        else:
            foreign_live.add(posting_id)
            foreign.append(posting.event_id)
    if over_reversed:
        totals.over_reversed = tuple(over_reversed)
    if foreign_live:
        foreign.extend(
            reversal.event_id
            for reversal in state.reversals.values()
            if reversal.posting_id in foreign_live and reversal.currency == state.postings[reversal.posting_id].currency
        )
    totals.earliest_movement = earliest
    return latest


def _add_reversals(totals: PaymentTotals, state: PaymentState, events: list[str], foreign: list[str]) -> Micros:
    """Note the ledger's reversals. Returns the latest `occurred_at`."""
    unmatched: list[str] = []
    latest = FAR_PAST
    for reversal_id, reversal in state.reversals.items():
        occurred_at = reversal.occurred_at
        latest = max(latest, occurred_at)
        if totals.earliest_movement is None or occurred_at < totals.earliest_movement:
            totals.earliest_movement = occurred_at
        _note_events(totals, reversal, events)
        posting = state.postings.get(reversal.posting_id)
        if posting is None:
            unmatched.append(reversal_id)
        elif totals.latest_settlement is None or occurred_at > totals.latest_settlement:
            totals.latest_settlement = occurred_at
        if (posting is None or posting.currency != reversal.currency) and reversal.currency != totals.currency:
            foreign.append(reversal.event_id)
    totals.unmatched = tuple(unmatched)
    return latest

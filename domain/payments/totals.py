"""The totals of a payment (contract section 4): money collected, money left of it, and postings by obligation."""

import msgspec

from domain.breaks.model import NO_CURRENCY
from domain.dedup import Accepted, canonical
from domain.payments.state import Attempt, PaymentState, Posting, SettlementOutcome, identities
from domain.time import Micros


class PaymentTotals(msgspec.Struct, gc=False):
    """A payment added up, in its own currency; facts in another count as zero and are listed in `foreign`."""

    currency: str
    gross_minor: int = 0
    fee_minor: int = 0
    net_minor: int = 0
    returned_minor: int = 0
    """Gross of attempts that were returned or voided."""
    refunded_minor: int = 0
    charged_back_minor: int = 0
    standing_minor: int = 0
    """Net settled (after returns, refunds and chargebacks): the only money that counts."""
    settled: bool = False
    """A SETTLED is known, in the payment's currency."""
    outcome: bool = False
    """A SETTLED, FAILED or RETURNED is known, in any currency."""
    returned: bool = False
    """A RETURNED is known."""
    failed: bool = False
    """A FAILED is known that no retry made good."""
    live_attempts: int = 0
    """Attempts that settled and were neither voided nor returned."""
    live_postings: int = 0
    """Postings that are not reversed in full."""
    posted_minor: int = 0
    posted: dict[str, dict[str, int]] = {}
    """Live postings by obligation and currency, net of reversals, without zeros; every obligation ever posted to."""
    foreign: list[str] = []
    """The events in another currency, without foreign postings that are reversed in full."""
    latest_settlement: Micros | None = None
    """The latest settlement outcome or posting reversal; the posting deadline counts from it."""
    earliest_movement: Micros | None = None
    """The first settlement outcome, posting or reversal."""
    rests_on: Micros = 0
    """The latest `occurred_at` among the accepted facts."""
    disputed: bool = False
    """A fact was reported with different terms, or an event used for two facts."""

    @property
    def collected_minor(self) -> int:
        """What was collected and not taken back by its own attempt."""
        return self.gross_minor - self.returned_minor

    @property
    def reversed_minor(self) -> int:
        """What was refunded or charged back."""
        return self.refunded_minor + self.charged_back_minor

    @property
    def went_back(self) -> bool:
        """Whether money was returned, refunded or charged back, or an attempt failed for good."""
        return self.returned or self.failed or self.reversed_minor > 0


def currency_of(state: PaymentState) -> str:
    """Give the currency of a payment: its initiation's, or before that is known its first fact's.

    The first is by (`occurred_at`, `event_id`, canonical content), so that the order of arrival does not matter.
    """
    if state.initiation is not None:
        return state.initiation.currency
    first = min((accepted for _, accepted in identities(state)), key=_first_order, default=None)
    if first is None:
        return NO_CURRENCY
    currency: str = getattr(first, "currency")  # noqa: B009 - every payment fact has one; Accepted itself does not
    return currency


def _first_order(accepted: Accepted) -> tuple[Micros, str, bytes]:
    return accepted.occurred_at, accepted.event_id, canonical(accepted)


def is_voided(attempt: Attempt, currency: str) -> bool:
    """Whether a FAILED undid the settlement of an attempt. One before the SETTLED was made good by a retry."""
    settled, failed = attempt.settled, attempt.failed
    if settled is None or settled.currency != currency or failed is None or failed.currency != currency:
        return False
    return failed.occurred_at >= settled.occurred_at


def live_settlement(attempt: Attempt, currency: str) -> SettlementOutcome | None:
    """Give the SETTLED of an attempt, unless it was voided or returned. Facts in another currency do not count."""
    settled, returned = attempt.settled, attempt.returned
    if settled is None or settled.currency != currency or is_voided(attempt, currency):
        return None
    return None if returned is not None and returned.currency == currency else settled


def live_postings(state: PaymentState) -> list[tuple[str, Posting, int]]:
    """Give the postings that are not reversed in full: posting id, posting, and the minor units left of it."""
    undone = _reversed_by_posting(state)
    return [
        (posting_id, posting, posting.amount_minor - undone.get(posting_id, 0))
        for posting_id, posting in state.postings.items()
        if posting.amount_minor > undone.get(posting_id, 0)
    ]


def _reversed_by_posting(state: PaymentState) -> dict[str, int]:
    """Give the sum of the reversals of each posting, in its currency. A reversal in another does not count."""
    undone: dict[str, int] = {}
    for reversal in state.reversals.values():
        posting = state.postings.get(reversal.posting_id)
        if posting is not None and posting.currency == reversal.currency:
            undone[reversal.posting_id] = undone.get(reversal.posting_id, 0) + reversal.amount_minor
    return undone


def add_up(state: PaymentState) -> PaymentTotals:
    """Add up the facts of a payment."""
    totals = PaymentTotals(currency_of(state))
    events: list[str] = []
    initiation = state.initiation
    latest: Micros | None = None
    if initiation is not None:
        events.append(initiation.event_id)
        latest = initiation.occurred_at
        totals.disputed = initiation.conflict
        if initiation.duplicate_event_ids is not None:
            events.extend(initiation.duplicate_event_ids)
    latest = _add_attempts(totals, state, events, latest)
    if state.postings or state.reversals:
        latest = _add_postings(totals, state, events, latest)
    if latest is not None:
        totals.rests_on = latest
    if len(set(events)) != len(events):
        totals.disputed = True
    return totals


def _add_attempts(
    totals: PaymentTotals, state: PaymentState, events: list[str], latest: Micros | None
) -> Micros | None:
    charged_back = 0
    latest_outcome: Micros | None = None
    earliest: Micros | None = None
    currency = totals.currency
    for references in state.attempts.values():
        for attempt in references.values():
            for reported in (
                attempt.settled,
                attempt.failed,
                attempt.returned,
                attempt.refunded,
                attempt.chargeback,
                attempt.chargeback_reversed,
            ):
                if reported is None:
                    continue
                occurred_at = reported.occurred_at
                if latest_outcome is None or occurred_at > latest_outcome:
                    latest_outcome = occurred_at
                if earliest is None or occurred_at < earliest:
                    earliest = occurred_at
                events.append(reported.event_id)
                if reported.duplicate_event_ids is not None:
                    events.extend(reported.duplicate_event_ids)
                if reported.conflict:
                    totals.disputed = True
                if reported.currency != currency:
                    totals.foreign.append(reported.event_id)
            _add_settlement(totals, attempt)
            if attempt.refunded is not None:
                totals.refunded_minor += _gross(attempt.refunded, currency)
            if attempt.chargeback is not None:
                charged_back += _gross(attempt.chargeback, currency)
            if attempt.chargeback_reversed is not None:
                charged_back -= _gross(attempt.chargeback_reversed, currency)
    totals.charged_back_minor = max(0, charged_back)
    totals.standing_minor = max(0, totals.collected_minor - totals.reversed_minor)
    totals.latest_settlement = latest_outcome
    totals.earliest_movement = earliest
    return latest_outcome if latest is None or (latest_outcome is not None and latest_outcome > latest) else latest


def _gross(reported: SettlementOutcome, currency: str) -> int:
    return reported.gross_minor if reported.currency == currency else 0


def _add_settlement(totals: PaymentTotals, attempt: Attempt) -> None:
    """Add the settlement of one attempt, and its return or void."""
    settled, failed, returned = attempt.settled, attempt.failed, attempt.returned
    if settled is None and failed is None and returned is None:
        return
    totals.outcome = True
    currency = totals.currency
    if returned is not None and returned.currency == currency:
        totals.returned = True
    if settled is None or settled.currency != currency:
        if failed is not None and failed.currency == currency:
            totals.failed = True
        return
    totals.settled = True
    totals.gross_minor += settled.gross_minor
    totals.fee_minor += settled.fee_minor
    totals.net_minor += settled.net_minor
    if (failed is None and returned is None) or live_settlement(attempt, currency) is not None:
        totals.live_attempts += 1
        return
    totals.returned_minor += settled.gross_minor
    if is_voided(attempt, currency):
        totals.failed = True


def _add_postings(
    totals: PaymentTotals, state: PaymentState, events: list[str], latest: Micros | None
) -> Micros | None:
    currency = totals.currency
    postings = state.postings
    earliest = totals.earliest_movement
    for reversal in state.reversals.values():
        occurred_at = reversal.occurred_at
        if totals.latest_settlement is None or occurred_at > totals.latest_settlement:
            totals.latest_settlement = occurred_at
        earliest = occurred_at if earliest is None else min(earliest, occurred_at)
        latest = occurred_at if latest is None else max(latest, occurred_at)
        events.extend(reversal.event_ids())
        if reversal.conflict:
            totals.disputed = True
        reversed_posting = postings.get(reversal.posting_id)
        counts = reversed_posting is not None and reversed_posting.currency == reversal.currency
        if not counts and reversal.currency != currency:
            totals.foreign.append(reversal.event_id)
    undone = _reversed_by_posting(state) if state.reversals else {}
    foreign_live: set[str] = set()
    for posting_id, posting in postings.items():
        occurred_at = posting.occurred_at
        if earliest is None or occurred_at < earliest:
            earliest = occurred_at
        if latest is None or occurred_at > latest:
            latest = occurred_at
        events.append(posting.event_id)
        if posting.duplicate_event_ids is not None:
            events.extend(posting.duplicate_event_ids)
        if posting.conflict:
            totals.disputed = True
        by_currency = totals.posted.get(posting.obligation_id)
        if by_currency is None:
            by_currency = totals.posted[posting.obligation_id] = {}
        live = posting.amount_minor - undone.get(posting_id, 0)
        if live <= 0:
            continue
        by_currency[posting.currency] = by_currency.get(posting.currency, 0) + live
        if posting.currency == currency:
            totals.live_postings += 1
            totals.posted_minor += live
        else:
            foreign_live.add(posting_id)
            totals.foreign.append(posting.event_id)
    if foreign_live:
        totals.foreign.extend(
            reversal.event_id
            for reversal in state.reversals.values()
            if reversal.posting_id in foreign_live and reversal.currency == postings[reversal.posting_id].currency
        )
    totals.earliest_movement = earliest
    return latest

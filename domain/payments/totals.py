"""The sums of a payment (contract section 4): what was collected, what stands, what is posted where."""

import msgspec

from domain.breaks.model import NO_CURRENCY
from domain.dedup import canonical
from domain.payments.state import Attempt, PaymentState, SettlementOutcome, identities
from domain.time import Micros


class PaymentTotals(msgspec.Struct):
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
    """The only money that counts."""
    settled: bool = False
    """Something settled in the payment's currency."""
    outcome: bool = False
    """SETTLED, FAILED or RETURNED is known, in whatever currency."""
    returned: bool = False
    """RETURNED is known."""
    failed: bool = False
    """A FAILED stands: it is not one whose retry succeeded."""
    live_attempts: int = 0
    """Attempts that settled and were neither voided nor returned."""
    live_postings: int = 0
    posted_minor: int = 0
    posted: dict[str, dict[str, int]] = {}
    """Live postings by obligation and currency, net of reversals, amounts of 0 left out; every obligation posted to."""
    foreign: list[str] = []
    """The events in another currency, less foreign postings that are reversed to zero."""
    latest_settlement: Micros | None = None
    """The latest settlement fact or posting reversal: the posting deadline counts from it."""
    earliest_movement: Micros | None = None
    """The first settlement fact, posting or reversal."""
    rests_on: Micros = 0
    """The latest `occurred_at` among the facts that hold."""
    disputed: bool = False
    """A fact was told in two ways, or an event used for two identities."""

    @property
    def collected_minor(self) -> int:
        """What was collected and not taken back by its own attempt."""
        return self.gross_minor - self.returned_minor


def currency_of(state: PaymentState) -> str:
    """Give the currency of a payment: its initiation's, or before that is known its first fact's.

    The first is by (`occurred_at`, `event_id`, canonical content), so that the order of arrival does not matter.
    """
    if state.initiation is not None:
        return state.initiation.currency
    known = [accepted for _, accepted in identities(state)]
    if not known:
        return NO_CURRENCY
    at, event_id = min((accepted.occurred_at, accepted.event_id) for accepted in known)
    first = min(
        (accepted for accepted in known if accepted.occurred_at == at and accepted.event_id == event_id), key=canonical
    )
    currency: str = getattr(first, "currency")  # noqa: B009 - every payment fact has one; Accepted itself does not
    return currency


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
    charged_back = charged_back_reversed = 0
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
            totals.refunded_minor += _gross(attempt.refunded, currency)
            charged_back += _gross(attempt.chargeback, currency)
            charged_back_reversed += _gross(attempt.chargeback_reversed, currency)
    totals.charged_back_minor = max(0, charged_back - charged_back_reversed)
    totals.standing_minor = max(0, totals.collected_minor - totals.refunded_minor - totals.charged_back_minor)
    totals.latest_settlement = latest_outcome
    totals.earliest_movement = earliest
    return latest_outcome if latest is None or (latest_outcome is not None and latest_outcome > latest) else latest


def _gross(reported: SettlementOutcome | None, currency: str) -> int:
    return reported.gross_minor if reported is not None and reported.currency == currency else 0


def _add_settlement(totals: PaymentTotals, attempt: Attempt) -> None:
    """Add what one attempt collected, and what it took back."""
    settled, failed, returned = attempt.settled, attempt.failed, attempt.returned
    if settled is None and failed is None and returned is None:
        return
    totals.outcome = True
    # A fact in another currency counts as zero: it neither adds nor takes back.
    currency = totals.currency
    own_settled = settled if settled is not None and settled.currency == currency else None
    own_failed = failed if failed is not None and failed.currency == currency else None
    own_returned = returned is not None and returned.currency == currency
    if own_returned:
        totals.returned = True
    if own_settled is None:
        if own_failed is not None:
            totals.failed = True
        return
    totals.settled = True
    totals.gross_minor += own_settled.gross_minor
    totals.fee_minor += own_settled.fee_minor
    totals.net_minor += own_settled.net_minor
    # FAILED before SETTLED is a retry that succeeded.
    voided = own_failed is not None and own_failed.occurred_at >= own_settled.occurred_at
    if voided:
        totals.failed = True
    if voided or own_returned:
        totals.returned_minor += own_settled.gross_minor
    else:
        totals.live_attempts += 1


def _add_postings(
    totals: PaymentTotals, state: PaymentState, events: list[str], latest: Micros | None
) -> Micros | None:
    currency = totals.currency
    postings = state.postings
    undone: dict[str, int] = {}
    earliest = totals.earliest_movement
    for reversal in state.reversals.values():
        occurred_at = reversal.occurred_at
        if totals.latest_settlement is None or occurred_at > totals.latest_settlement:
            totals.latest_settlement = occurred_at
        earliest = occurred_at if earliest is None else min(earliest, occurred_at)
        latest = occurred_at if latest is None else max(latest, occurred_at)
        events.append(reversal.event_id)
        if reversal.duplicate_event_ids is not None:
            events.extend(reversal.duplicate_event_ids)
        if reversal.conflict:
            totals.disputed = True
        posting = postings.get(reversal.posting_id)
        if posting is not None and posting.currency == reversal.currency:
            undone[reversal.posting_id] = undone.get(reversal.posting_id, 0) + reversal.amount_minor
        elif reversal.currency != currency:
            totals.foreign.append(reversal.event_id)
    foreign_live: set[str] = set()
    for posting_id, posting in postings.items():
        occurred_at = posting.occurred_at
        earliest = occurred_at if earliest is None else min(earliest, occurred_at)
        latest = occurred_at if latest is None else max(latest, occurred_at)
        events.append(posting.event_id)
        if posting.duplicate_event_ids is not None:
            events.extend(posting.duplicate_event_ids)
        if posting.conflict:
            totals.disputed = True
        there = totals.posted.get(posting.obligation_id)
        if there is None:
            there = totals.posted[posting.obligation_id] = {}
        live = posting.amount_minor - undone.get(posting_id, 0)
        if live <= 0:
            continue
        there[posting.currency] = there.get(posting.currency, 0) + live
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

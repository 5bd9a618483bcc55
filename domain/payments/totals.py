"""The sums of a payment (contract section 4): what was collected, what stands, what is posted where."""

import msgspec

from domain.breaks.model import NO_CURRENCY
from domain.dedup import canonical
from domain.facts import Micros
from domain.payments.state import Attempt, Leg, PaymentState, identities


class Money(msgspec.Struct):
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
    known = [held for _, held in identities(state)]
    if not known:
        return NO_CURRENCY
    at, event_id = min((held.occurred_at, held.event_id) for held in known)
    first = min((held for held in known if held.occurred_at == at and held.event_id == event_id), key=canonical)
    currency: str = getattr(first, "currency")  # noqa: B009 - every payment fact has one; Held itself does not
    return currency


def add_up(state: PaymentState) -> Money:
    """Add up the facts of a payment."""
    money = Money(currency_of(state))
    events: list[str] = []
    initiation = state.initiation
    latest: Micros | None = None
    if initiation is not None:
        events.append(initiation.event_id)
        latest = initiation.occurred_at
        money.disputed = initiation.conflict
        if initiation.also is not None:
            events.extend(initiation.also)
    latest = _add_attempts(money, state, events, latest)
    if state.postings or state.reversals:
        latest = _add_postings(money, state, events, latest)
    if latest is not None:
        money.rests_on = latest
    if len(set(events)) != len(events):
        money.disputed = True
    return money


def _add_attempts(money: Money, state: PaymentState, events: list[str], latest: Micros | None) -> Micros | None:
    charged_back = charged_back_reversed = 0
    latest_leg: Micros | None = None
    earliest: Micros | None = None
    currency = money.currency
    for references in state.attempts.values():
        for attempt in references.values():
            for leg in (
                attempt.settled,
                attempt.failed,
                attempt.returned,
                attempt.refunded,
                attempt.chargeback,
                attempt.chargeback_reversed,
            ):
                if leg is None:
                    continue
                occurred_at = leg.occurred_at
                if latest_leg is None or occurred_at > latest_leg:
                    latest_leg = occurred_at
                if earliest is None or occurred_at < earliest:
                    earliest = occurred_at
                events.append(leg.event_id)
                if leg.also is not None:
                    events.extend(leg.also)
                if leg.conflict:
                    money.disputed = True
                if leg.currency != currency:
                    money.foreign.append(leg.event_id)
            _add_settlement(money, attempt)
            money.refunded_minor += _gross(attempt.refunded, currency)
            charged_back += _gross(attempt.chargeback, currency)
            charged_back_reversed += _gross(attempt.chargeback_reversed, currency)
    money.charged_back_minor = max(0, charged_back - charged_back_reversed)
    money.standing_minor = max(0, money.collected_minor - money.refunded_minor - money.charged_back_minor)
    money.latest_settlement = latest_leg
    money.earliest_movement = earliest
    return latest_leg if latest is None or (latest_leg is not None and latest_leg > latest) else latest


def _gross(leg: Leg | None, currency: str) -> int:
    return leg.gross_minor if leg is not None and leg.currency == currency else 0


def _add_settlement(money: Money, attempt: Attempt) -> None:
    """Add what one attempt collected, and what it took back."""
    settled, failed, returned = attempt.settled, attempt.failed, attempt.returned
    if settled is None and failed is None and returned is None:
        return
    money.outcome = True
    # A fact in another currency counts as zero: it neither adds nor takes back.
    currency = money.currency
    own_settled = settled if settled is not None and settled.currency == currency else None
    own_failed = failed if failed is not None and failed.currency == currency else None
    own_returned = returned is not None and returned.currency == currency
    if own_returned:
        money.returned = True
    if own_settled is None:
        if own_failed is not None:
            money.failed = True
        return
    money.settled = True
    money.gross_minor += own_settled.gross_minor
    money.fee_minor += own_settled.fee_minor
    money.net_minor += own_settled.net_minor
    # FAILED before SETTLED is a retry that succeeded.
    voided = own_failed is not None and own_failed.occurred_at >= own_settled.occurred_at
    if voided:
        money.failed = True
    if voided or own_returned:
        money.returned_minor += own_settled.gross_minor
    else:
        money.live_attempts += 1


def _add_postings(money: Money, state: PaymentState, events: list[str], latest: Micros | None) -> Micros | None:
    currency = money.currency
    postings = state.postings
    undone: dict[str, int] = {}
    earliest = money.earliest_movement
    for reversal in state.reversals.values():
        occurred_at = reversal.occurred_at
        if money.latest_settlement is None or occurred_at > money.latest_settlement:
            money.latest_settlement = occurred_at
        earliest = occurred_at if earliest is None else min(earliest, occurred_at)
        latest = occurred_at if latest is None else max(latest, occurred_at)
        events.append(reversal.event_id)
        if reversal.also is not None:
            events.extend(reversal.also)
        if reversal.conflict:
            money.disputed = True
        posting = postings.get(reversal.posting_id)
        if posting is not None and posting.currency == reversal.currency:
            undone[reversal.posting_id] = undone.get(reversal.posting_id, 0) + reversal.amount_minor
        elif reversal.currency != currency:
            money.foreign.append(reversal.event_id)
    foreign_live: set[str] = set()
    for posting_id, posting in postings.items():
        occurred_at = posting.occurred_at
        earliest = occurred_at if earliest is None else min(earliest, occurred_at)
        latest = occurred_at if latest is None else max(latest, occurred_at)
        events.append(posting.event_id)
        if posting.also is not None:
            events.extend(posting.also)
        if posting.conflict:
            money.disputed = True
        there = money.posted.get(posting.obligation_id)
        if there is None:
            there = money.posted[posting.obligation_id] = {}
        live = posting.amount_minor - undone.get(posting_id, 0)
        if live <= 0:
            continue
        there[posting.currency] = there.get(posting.currency, 0) + live
        if posting.currency == currency:
            money.live_postings += 1
            money.posted_minor += live
        else:
            foreign_live.add(posting_id)
            money.foreign.append(posting.event_id)
    if foreign_live:
        money.foreign.extend(
            reversal.event_id
            for reversal in state.reversals.values()
            if reversal.posting_id in foreign_live and reversal.currency == postings[reversal.posting_id].currency
        )
    money.earliest_movement = earliest
    return latest

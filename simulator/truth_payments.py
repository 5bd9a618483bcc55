"""What a payment comes to, straight from the definitions of contract section 4. Its breaks: truth_payment_breaks.py.

`account_of` adds up what is known of a payment, without a clock.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from domain.facts import (
    Allocation,
    InputFact,
    Outcome,
    PaymentInitiated,
    PaymentPosted,
    PaymentReassigned,
    PostingReversed,
    ProcessorSettled,
)
from domain.policy import Policy
from domain.time import Micros
from simulator.banking import banking_deadline
from simulator.truth_facts import Known, Row, first_of
from simulator.truth_settlements import GivenBack, SettledAttempt, attempts_of, chargebacks_of, refunds_of


@dataclass(frozen=True, slots=True)
class LivePosting:
    """A posting with its amount after reversals (above 0)."""

    posting_id: str
    obligation_id: str
    currency: str
    left_minor: int


@dataclass(frozen=True, slots=True)
class Place:
    """An allocation in force with the money that it gets."""

    number: int
    """Its place among those in force."""
    allocation: Allocation
    standing_minor: int
    in_flight_minor: int

    @property
    def given_minor(self) -> int:
        """All that it gets."""
        return self.standing_minor + self.in_flight_minor


@dataclass(frozen=True, slots=True)
class Account:
    """What is known of a payment, added up. Amounts are minor units of `currency`; another currency counts as zero."""

    known: Known
    initiated: PaymentInitiated | None
    assigned: PaymentReassigned | None
    """The assignment in force, unless that is the initiation's."""
    currency: str
    movements: tuple[ProcessorSettled, ...]
    """All settlement records, in any currency."""
    postings: tuple[PaymentPosted, ...]
    reversals: tuple[PostingReversed, ...]
    attempts: tuple[SettledAttempt, ...]
    refunds: GivenBack
    chargebacks: GivenBack
    live_postings: tuple[LivePosting, ...]
    """In any currency."""
    settlement_deadline: Micros | None
    posting_deadline: Micros | None

    @property
    def payment_id(self) -> str:
        """The payment's id."""
        return self.known.key

    def own(self, *outcomes: Outcome) -> list[ProcessorSettled]:
        """Return the settlement records of these outcomes in the payment's currency."""
        return [fact for fact in self.movements if fact.outcome in outcomes and fact.currency == self.currency]

    @property
    def outcomes(self) -> frozenset[Outcome]:
        """The outcomes known in the payment's currency."""
        return frozenset(fact.outcome for fact in self.movements if fact.currency == self.currency)

    def is_known(self, *outcomes: Outcome) -> bool:
        """Return whether one of these outcomes is known, in any currency."""
        return any(fact.outcome in outcomes for fact in self.movements)

    @property
    def has_outcome(self) -> bool:
        """SETTLED, FAILED or RETURNED is known."""
        return self.is_known("SETTLED", "FAILED", "RETURNED")

    @property
    def gross_minor(self) -> int:
        """All that was ever settled."""
        return sum(fact.gross_minor for fact in self.own("SETTLED"))

    @property
    def collected_minor(self) -> int:
        """The amount settled by the processors and not returned as unpaid."""
        return sum(attempt.live_minor for attempt in self.attempts)

    @property
    def gone_minor(self) -> int:
        """Refunded and charged back."""
        return self.refunds.amount_minor + self.chargebacks.amount_minor

    @property
    def standing_minor(self) -> int:
        """The only money that counts."""
        return max(0, self.collected_minor - self.gone_minor)

    @property
    def a_failure_stands(self) -> bool:
        """An attempt failed and did not settle after that."""
        return any(attempt.failure_stands for attempt in self.attempts)

    def in_flight_minor(self, at: Micros) -> int:
        """Return the money that is on its way at that instant: a lost payment and a post-dated cheque hide no debt."""
        if self.initiated is None or self.settlement_deadline is None:
            return 0
        if not self.initiated.occurred_at <= at < self.settlement_deadline:
            return 0
        if self.a_failure_stands or self.is_known("RETURNED"):
            return 0
        return max(0, self.initiated.amount_minor - max(self.gross_minor, self.gone_minor))

    @property
    def allocations(self) -> tuple[Allocation, ...]:
        """The allocations in force: none before the initiation."""
        initiated = self.initiated
        if initiated is None:
            return ()
        if self.assigned is not None:
            return self.assigned.allocations
        if initiated.allocations is not None:
            return initiated.allocations
        return (Allocation(initiated.obligation_id, initiated.installment_id, initiated.amount_minor),)

    @property
    def allocated_at(self) -> Micros:
        """The latest of the initiation and the assignment in force: the grace of the obligations' breaks counts."""
        times = [fact.occurred_at for fact in (self.initiated, self.assigned) if fact is not None]
        return max(times)

    @property
    def allocation_events(self) -> list[str]:
        """The events of the initiation and of the assignment in force."""
        return [fact.event_id for fact in (self.initiated, self.assigned) if fact is not None]

    def places(self, at: Micros) -> list[Place]:
        """Return where the money goes: standing money fills the allocations in order, money in flight the room left."""
        standing, in_flight = self.standing_minor, self.in_flight_minor(at)
        places = []
        allocations = self.allocations
        for number, allocation in enumerate(allocations):
            is_last = number == len(allocations) - 1
            stands = standing if is_last else min(standing, allocation.amount_minor)
            flies = in_flight if is_last else min(in_flight, allocation.amount_minor - stands)
            standing -= stands
            in_flight -= flies
            places.append(Place(number, allocation, stands, flies))
        return places

    @property
    def own_postings(self) -> tuple[LivePosting, ...]:
        """The live postings in the payment's currency."""
        return tuple(posting for posting in self.live_postings if posting.currency == self.currency)

    @property
    def posted_minor(self) -> int:
        """The live postings in the payment's currency, each net of its reversals."""
        return sum(posting.left_minor for posting in self.own_postings)

    @property
    def posted_by_obligation(self) -> dict[str, int]:
        """The same by the obligation that each was posted to; obligations without a live posting are left out."""
        total: defaultdict[str, int] = defaultdict(int)
        for posting in self.own_postings:
            total[posting.obligation_id] += posting.left_minor
        return dict(total)


def settlement_deadline_of(initiated: PaymentInitiated, policy: Policy) -> Micros:
    """Return the instant from which a payment without an outcome is overdue."""
    match initiated.method:
        case "INSTANT":
            return initiated.occurred_at + policy.settlement_micros_instant
        case "ACH_DEBIT":
            days = policy.settlement_banking_days_ach_debit
        case "CARD":
            days = policy.settlement_banking_days_card
        case "CHECK":
            days = policy.settlement_banking_days_check
        case "CASH":
            days = policy.settlement_banking_days_cash
    return banking_deadline(initiated.occurred_at, days, initiated.currency)


def reversed_minor(posting: PaymentPosted, reversals: Iterable[PostingReversed]) -> int:
    """Return the sum of the reversals that name a posting, in its currency."""
    return sum(
        reversal.amount_minor
        for reversal in reversals
        if reversal.posting_id == posting.posting_id and reversal.currency == posting.currency
    )


def postings_left(postings: Iterable[PaymentPosted], reversals: tuple[PostingReversed, ...]) -> tuple[LivePosting, ...]:
    """Return each posting net of its reversals; postings reversed to zero are left out."""
    left = []
    for posting in postings:
        rest = posting.amount_minor - reversed_minor(posting, reversals)
        if rest > 0:
            left.append(LivePosting(posting.posting_id, posting.obligation_id, posting.currency, rest))
    return tuple(left)


def currency_of(held: Iterable[InputFact]) -> str | None:
    """Return a payment's currency: its initiation's, before that is known its first fact's, None without any."""
    with_currency = [
        fact for fact in held if isinstance(fact, PaymentInitiated | ProcessorSettled | PaymentPosted | PostingReversed)
    ]
    initiated = [fact for fact in with_currency if isinstance(fact, PaymentInitiated)]
    if not with_currency:
        return None
    first = first_of(initiated or with_currency)
    assert isinstance(first, PaymentInitiated | ProcessorSettled | PaymentPosted | PostingReversed)
    return first.currency


def account_of(known: Known, policy: Policy) -> Account | None:
    """Return the totals of a payment's records; None before a fact with a currency is known of it."""
    currency = currency_of(known.held)
    if currency is None:
        return None
    initiated = next((fact for fact in known.held if isinstance(fact, PaymentInitiated)), None)
    assignments = [fact for fact in known.held if isinstance(fact, PaymentReassigned)]
    movements = tuple(fact for fact in known.held if isinstance(fact, ProcessorSettled))
    postings = tuple(fact for fact in known.held if isinstance(fact, PaymentPosted))
    reversals = tuple(fact for fact in known.held if isinstance(fact, PostingReversed))
    own = [movement for movement in movements if movement.currency == currency]

    gross = sum(fact.gross_minor for fact in own if fact.outcome == "SETTLED")
    settled_is_known = any(fact.outcome == "SETTLED" for fact in movements)
    posting_ids = {posting.posting_id for posting in postings}
    moves_the_deadline = [
        *(movement.occurred_at for movement in movements),
        *(reversal.occurred_at for reversal in reversals if reversal.posting_id in posting_ids),
    ]
    return Account(
        known=known,
        initiated=initiated,
        assigned=max(assignments, key=lambda fact: fact.assignment_version, default=None),
        currency=currency,
        movements=movements,
        postings=postings,
        reversals=reversals,
        attempts=attempts_of(own),
        refunds=refunds_of(own),
        chargebacks=chargebacks_of(own, gross if settled_is_known else None),
        live_postings=postings_left(postings, reversals),
        settlement_deadline=None if initiated is None else settlement_deadline_of(initiated, policy),
        posting_deadline=banking_deadline(max(moves_the_deadline), policy.posting_banking_days, currency)
        if moves_the_deadline
        else None,
    )


def payment_status(account: Account, at: Micros, has_break: bool) -> str:
    """Return the first status of contract section 4 that applies."""
    if has_break:
        return "exception"
    if not account.has_outcome:
        return "initiated"
    if account.standing_minor > 0:
        squared = (
            account.initiated is not None
            and account.in_flight_minor(at) == 0
            and account.posted_minor == account.standing_minor
        )
        return "reconciled" if squared else "settled"
    if account.chargebacks.amount_minor > 0:
        return "charged_back"
    if "RETURNED" in account.outcomes:
        return "returned"
    if account.refunds.amount_minor > 0:
        return "refunded"
    return "failed"


def payment_row(account: Account, at: Micros, open_breaks: Iterable[Row]) -> Row:
    """Return the payment as `payment-reconciliations` should show it (contract section 6)."""
    initiated = account.initiated
    open_ids = sorted(row["break_id"] for row in open_breaks)
    settled = account.own("SETTLED")
    in_currency = [
        fact for fact in settled if (fact.settlement_currency or fact.currency) == account.currency
    ]  # of fee and net
    return {
        "payment_id": account.payment_id,
        "status": payment_status(account, at, bool(open_ids)),
        "currency": account.currency,
        "initiated": None
        if initiated is None
        else {
            "obligation_id": initiated.obligation_id,
            "installment_id": initiated.installment_id,
            "amount_minor": initiated.amount_minor,
            "method": initiated.method,
        },
        "settled": {
            "gross_minor": account.gross_minor,
            "fee_minor": sum(fact.fee_minor or 0 for fact in in_currency),
            "net_minor": sum(fact.net_minor or 0 for fact in in_currency),
            "returned_minor": sum(attempt.back_minor for attempt in account.attempts),
            "refunded_minor": account.refunds.amount_minor,
            "charged_back_minor": account.chargebacks.amount_minor,
            "standing_minor": account.standing_minor,
        },
        "posted": {"net_minor": account.posted_minor, "by_obligation": account.posted_by_obligation},
        "open_breaks": open_ids,
        "rests_on": account.known.rests_on,
        "in_flight_minor": account.in_flight_minor(at),
        "allocations": [
            {
                "obligation_id": place.allocation.obligation_id,
                "installment_id": place.allocation.installment_id,
                "amount_minor": place.allocation.amount_minor,
                "standing_minor": place.standing_minor,
                "pending_minor": place.in_flight_minor,
            }
            for place in account.places(at)
        ],
    }

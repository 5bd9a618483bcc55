"""What a payment comes to, straight from the definitions of contract sections 4 and 7.

`account_of` adds up what is known of a payment, without a clock; `payment_breaks` holds it against an instant.
"""

from collections import defaultdict
from dataclasses import dataclass

from domain.facts import Outcome, PaymentInitiated, PaymentPosted, PostingReversed, ProcessorSettled
from domain.policy import Policy
from domain.time import Micros
from simulator.banking import banking_deadline
from simulator.truth_facts import Known, Row, break_row, conflict_rows, first_of


@dataclass(frozen=True, slots=True)
class LivePosting:
    """A posting with its amount after reversals (above 0)."""

    posting_id: str
    obligation_id: str
    currency: str
    left_minor: int


@dataclass(frozen=True, slots=True)
class Account:
    """What is known of a payment, added up. Amounts are minor units of `currency`; another currency counts as zero."""

    known: Known
    initiated: PaymentInitiated | None
    currency: str
    settled: tuple[ProcessorSettled, ...]
    """The SETTLED records, in any currency."""
    gross_minor: int
    fee_minor: int
    net_minor: int
    taken_back_minor: int
    """Voided and returned."""
    refunded_minor: int
    charged_back_minor: int
    live_attempts: int
    """Attempts that settled and were neither voided nor returned."""
    has_outcome: bool
    outcomes: frozenset[Outcome]
    """The outcomes known in `currency`."""
    has_failed_attempt: bool
    """An attempt failed and did not settle after that."""
    live_postings: tuple[LivePosting, ...]
    """In any currency."""
    has_foreign_leg: bool
    settlement_deadline: Micros | None
    posting_deadline: Micros | None

    @property
    def payment_id(self) -> str:
        """The payment's id."""
        return self.known.key

    @property
    def collected_minor(self) -> int:
        """The amount settled by the processors and not returned as unpaid."""
        return self.gross_minor - self.taken_back_minor

    @property
    def standing_minor(self) -> int:
        """The only money that counts."""
        return max(0, self.collected_minor - self.refunded_minor - self.charged_back_minor)

    def in_flight_minor(self, at: Micros) -> int:
        """Return the initiated amount, less refunds and chargebacks already known, while there is no outcome.

        From the settlement deadline on it counts as 0: a lost payment hides no debt.
        """
        if self.initiated is None or self.has_outcome or self.settlement_deadline is None:
            return 0
        if at >= self.settlement_deadline:
            return 0
        return max(0, self.initiated.amount_minor - self.refunded_minor - self.charged_back_minor)

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

    @property
    def something_came_back(self) -> bool:
        """Something was returned, refunded, charged back, or failed."""
        came_back = self.charged_back_minor > 0 or bool(self.outcomes & {"RETURNED", "REFUNDED"})
        return came_back or self.has_failed_attempt


def settlement_deadline_of(initiated: PaymentInitiated, policy: Policy) -> Micros:
    """Return the instant from which a payment without an outcome is overdue."""
    match initiated.method:
        case "INSTANT":
            return initiated.occurred_at + policy.settlement_micros_instant
        case "ACH_DEBIT":
            return banking_deadline(initiated.occurred_at, policy.settlement_banking_days_ach_debit)
        case "CARD":
            return banking_deadline(initiated.occurred_at, policy.settlement_banking_days_card)
        case "CHECK":
            return banking_deadline(initiated.occurred_at, policy.settlement_banking_days_check)
        case "CASH":
            return banking_deadline(initiated.occurred_at, policy.settlement_banking_days_cash)


def postings_left(postings: list[PaymentPosted], reversals: list[PostingReversed]) -> tuple[LivePosting, ...]:
    """Return each posting net of the reversals that name it in its currency; postings reversed to zero are left out."""
    left = []
    for posting in postings:
        back = sum(
            reversal.amount_minor
            for reversal in reversals
            if reversal.posting_id == posting.posting_id and reversal.currency == posting.currency
        )
        if posting.amount_minor > back:
            left.append(
                LivePosting(posting.posting_id, posting.obligation_id, posting.currency, posting.amount_minor - back)
            )
    return tuple(left)


def account_of(known: Known, policy: Policy) -> Account:
    """Return the totals of a payment's records."""
    initiated = next((fact for fact in known.held if isinstance(fact, PaymentInitiated)), None)
    movements = [fact for fact in known.held if isinstance(fact, ProcessorSettled)]
    postings = [fact for fact in known.held if isinstance(fact, PaymentPosted)]
    reversals = [fact for fact in known.held if isinstance(fact, PostingReversed)]
    if initiated is not None:
        currency = initiated.currency
    else:
        first = first_of(known.held)
        assert isinstance(first, ProcessorSettled | PaymentPosted | PostingReversed)
        currency = first.currency

    own = [movement for movement in movements if movement.currency == currency]
    attempts: defaultdict[tuple[str, str], dict[Outcome, ProcessorSettled]] = defaultdict(dict)
    for movement in own:
        attempts[movement.processor, movement.processor_reference][movement.outcome] = movement
    taken_back = live = 0
    has_failed_attempt = False
    for attempt in attempts.values():
        settled, failed = attempt.get("SETTLED"), attempt.get("FAILED")
        if settled is None:
            has_failed_attempt |= failed is not None
            continue
        voided = failed is not None and failed.occurred_at >= settled.occurred_at
        has_failed_attempt |= voided
        # An attempt that is both voided and returned brought its money back once, not twice.
        if voided or "RETURNED" in attempt:
            taken_back += settled.gross_minor
        else:
            live += 1

    def total(outcome: Outcome) -> int:
        return sum(movement.gross_minor for movement in own if movement.outcome == outcome)

    own_settled = [movement for movement in own if movement.outcome == "SETTLED"]
    live_postings = postings_left(postings, reversals)
    posting_currency = {posting.posting_id: posting.currency for posting in postings}
    foreign_leg = (
        any(movement.currency != currency for movement in movements)
        or any(posting.currency != currency for posting in live_postings)
        # A reversal in another currency is a leg of its own unless it belongs to a posting in that currency: such a
        # posting speaks for both until it is reversed to zero, and then both are forgotten.
        or any(
            reversal.currency != currency and posting_currency.get(reversal.posting_id) != reversal.currency
            for reversal in reversals
        )
    )
    latest = max((fact.occurred_at for fact in (*movements, *reversals)), default=None)
    return Account(
        known=known,
        initiated=initiated,
        currency=currency,
        settled=tuple(movement for movement in movements if movement.outcome == "SETTLED"),
        gross_minor=sum(record.gross_minor for record in own_settled),
        fee_minor=sum(record.fee_minor for record in own_settled),
        net_minor=sum(record.net_minor for record in own_settled),
        taken_back_minor=taken_back,
        refunded_minor=total("REFUNDED"),
        charged_back_minor=max(0, total("CHARGEBACK") - total("CHARGEBACK_REVERSED")),
        live_attempts=live,
        has_outcome=any(movement.outcome in ("SETTLED", "FAILED", "RETURNED") for movement in movements),
        outcomes=frozenset(movement.outcome for movement in own),
        has_failed_attempt=has_failed_attempt,
        live_postings=live_postings,
        has_foreign_leg=foreign_leg,
        settlement_deadline=None if initiated is None else settlement_deadline_of(initiated, policy),
        posting_deadline=None if latest is None else banking_deadline(latest, policy.posting_banking_days),
    )


DueFinding = tuple[str, int, int, Micros | None]
"""A break class, the expected and the actual amount, and the deadline."""


def settlement_finding(account: Account, at: Micros) -> DueFinding | None:
    """Return the break between initiation and settlement: the first class of the subject whose condition is true."""
    initiated, posted, standing = account.initiated, account.posted_minor, account.standing_minor
    due = account.settlement_deadline
    overdue = due is not None and at >= due and not account.has_outcome
    amount = None if initiated is None else initiated.amount_minor
    back = account.refunded_minor + account.charged_back_minor
    if overdue and posted > 0:
        return ("posting_without_settlement", posted, 0, due)
    if amount is not None and standing > amount and account.live_attempts >= 2:
        return ("duplicate_settlement", amount, standing, None)
    if "SETTLED" in account.outcomes and back > account.collected_minor:
        return ("over_reversed", account.collected_minor, back, None)
    if amount is not None and standing > amount:
        return ("settlement_amount_mismatch", amount, standing, None)
    if amount is not None and 0 < account.collected_minor < amount:
        return ("settlement_amount_mismatch", amount, account.collected_minor, None)
    if overdue and amount is not None:
        return ("settlement_missing", amount, 0, due)
    return None


def posting_finding(account: Account, at: Micros) -> DueFinding | None:
    """Return the break between settlement and ledger: the first class of the subject whose condition is true."""
    posted, standing = account.posted_minor, account.standing_minor
    due = account.posting_deadline
    overdue = due is not None and at >= due
    allowed: int | None = account.gross_minor
    if "SETTLED" not in account.outcomes:
        allowed = None if account.initiated is None else account.initiated.amount_minor
    if overdue and account.something_came_back and posted > standing:
        return ("reversed_after_posting", standing, posted, due)
    if allowed is not None and posted > allowed:
        several = len(account.own_postings) > 1
        return ("duplicate_posting" if several else "posting_amount_mismatch", allowed, posted, None)
    if overdue and 0 < posted < standing:
        return ("posting_amount_mismatch", standing, posted, due)
    if overdue and posted == 0 and standing > 0:
        return ("posting_missing", standing, 0, due)
    return None


def payment_breaks(account: Account, at: Micros, policy: Policy) -> list[Row]:
    """Return the payment-keyed breaks that are open at that instant."""
    key, currency = account.payment_id, account.currency

    def found(subject: tuple[str, ...], finding: DueFinding) -> Row:
        break_class, expected, actual, due_at = finding
        return break_row("payment", key, subject, (break_class, expected, actual, currency), due_at)

    rows = conflict_rows("payment", account.known, currency)
    for record in account.settled:
        should_be = record.gross_minor - record.fee_minor
        if should_be != record.net_minor:
            subject = ("fee", record.processor, record.processor_reference)
            finding = ("fee_variance", should_be, record.net_minor, record.currency)
            rows.append(break_row("payment", key, subject, finding))

    if account.initiated is None:
        due = min(fact.occurred_at for fact in account.known.held) + policy.orphan_grace_micros
        if at >= due:
            amount = account.gross_minor or account.posted_minor
            # Nothing else may stand beside it, so this is all there is to say of such a payment.
            return [*rows, found(("payment",), ("unkeyed_movement", 0, amount, due))]
    else:
        for obligation_id, amount in account.posted_by_obligation.items():
            if obligation_id != account.initiated.obligation_id:
                rows.append(found(("obligation", obligation_id), ("obligation_mismatch", 0, amount, None)))

    settlement, posting = settlement_finding(account, at), posting_finding(account, at)
    if account.has_foreign_leg:
        rows.append(found(("currency",), ("currency_mismatch", 0, 0, None)))
        settlement = None
        if posting is not None and posting[0] != "reversed_after_posting":
            posting = None
    if settlement is not None:
        rows.append(found(("settlement",), settlement))
    if posting is not None:
        rows.append(found(("posting",), posting))
    return rows


def payment_status(account: Account, has_break: bool) -> str:
    """Return the first status of contract section 4 that applies."""
    if has_break:
        return "exception"
    if not account.has_outcome:
        return "initiated"
    if account.standing_minor > 0:
        squared = account.initiated is not None and account.posted_minor == account.standing_minor
        return "reconciled" if squared else "settled"
    if account.charged_back_minor > 0:
        return "charged_back"
    if "RETURNED" in account.outcomes:
        return "returned"
    if account.refunded_minor > 0:
        return "refunded"
    return "failed"


def payment_row(account: Account, breaks: list[Row]) -> Row:
    """Return the payment as `payment-reconciliations` should show it (contract section 6)."""
    initiated = account.initiated
    return {
        "payment_id": account.payment_id,
        "status": payment_status(account, bool(breaks)),
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
            "fee_minor": account.fee_minor,
            "net_minor": account.net_minor,
            "returned_minor": account.taken_back_minor,
            "refunded_minor": account.refunded_minor,
            "charged_back_minor": account.charged_back_minor,
            "standing_minor": account.standing_minor,
        },
        "posted": {"net_minor": account.posted_minor, "by_obligation": account.posted_by_obligation},
        "open_breaks": sorted(row["break_id"] for row in breaks),
        "rests_on": account.known.rests_on,
    }

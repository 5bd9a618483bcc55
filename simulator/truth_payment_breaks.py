"""What is wrong with a payment at an instant (contract section 7, the payment-keyed breaks)."""

from collections.abc import Iterable

from domain.facts import Fact
from domain.policy import Policy
from domain.time import Micros
from simulator.truth_breaks import break_row, conflict_rows
from simulator.truth_facts import Row
from simulator.truth_payments import Account, reversed_minor

DueFinding = tuple[str, int, int, Micros | None]
"""A break class, the expected and the actual amount, and the deadline."""


def events_of(*groups: Iterable[Fact]) -> list[str]:
    """Return the events of these facts."""
    return [fact.event_id for group in groups for fact in group]


def settlement_finding(account: Account, at: Micros) -> DueFinding | None:
    """Return the break between initiation and settlement: the first class of the subject whose condition is true."""
    initiated = account.initiated
    assert initiated is not None
    amount, posted, standing = initiated.amount_minor, account.posted_minor, account.standing_minor
    due = account.settlement_deadline
    overdue = due is not None and at >= due
    missing = overdue and not account.has_outcome
    settled_alive = sum(
        fact.outcome == "SETTLED" for attempt in account.attempts if attempt.live_minor > 0 for fact in attempt.facts
    )
    if missing and posted > 0:
        return ("posting_without_settlement", posted, 0, due)
    if standing > amount and settled_alive >= 2:
        return ("duplicate_settlement", amount, standing, None)
    if account.has_outcome and account.gone_minor > account.collected_minor:
        return ("over_reversed", account.collected_minor, account.gone_minor, None)
    if standing > amount:
        return ("settlement_amount_mismatch", amount, standing, None)
    if overdue and 0 < account.collected_minor < amount:
        return ("settlement_amount_mismatch", amount, account.collected_minor, due)
    if missing:
        return ("settlement_missing", amount, 0, due)
    return None


def posting_finding(account: Account, at: Micros) -> DueFinding | None:
    """Return the break between settlement and ledger: the first class of the subject whose condition is true."""
    initiated = account.initiated
    assert initiated is not None
    posted, standing = account.posted_minor, account.standing_minor
    due = account.posting_deadline
    overdue = due is not None and at >= due
    allowed = account.gross_minor if "SETTLED" in account.outcomes else initiated.amount_minor
    came_back = "RETURNED" in account.outcomes or account.gone_minor > 0 or account.a_failure_stands
    over_reversed = over_reversed_postings(account)
    if over_reversed is not None:
        return over_reversed
    if overdue and came_back and posted > standing:
        return ("reversed_after_posting", standing, posted, due)
    if posted > allowed:
        several = len(account.own_postings) > 1
        return ("duplicate_posting" if several else "posting_amount_mismatch", allowed, posted, None)
    if overdue and 0 < posted < standing:
        return ("posting_amount_mismatch", standing, posted, due)
    if overdue and posted == 0 and standing > 0:
        return ("posting_missing", standing, 0, due)
    return None


def over_reversed_postings(account: Account) -> DueFinding | None:
    """Return the break of postings in the payment's currency that were reversed above their amounts."""
    sums = [
        (posting.amount_minor, reversed_minor(posting, account.reversals))
        for posting in account.postings
        if posting.currency == account.currency
    ]
    over = [(amount, back) for amount, back in sums if back > amount]
    if not over:
        return None
    return ("posting_over_reversed", sum(amount for amount, _ in over), sum(back for _, back in over), None)


def foreign_events(account: Account) -> list[str]:
    """Return the events of everything in another currency.

    A reversal in another currency is a leg of its own unless it belongs to a posting in that currency: such a posting
    speaks for both until it is reversed to zero, and then both are forgotten.
    """
    currency = account.currency
    live = {posting.posting_id for posting in account.live_postings if posting.currency != currency}
    posting_currency = {posting.posting_id: posting.currency for posting in account.postings}
    return events_of(
        (movement for movement in account.movements if movement.currency != currency),
        (posting for posting in account.postings if posting.posting_id in live),
        (
            reversal
            for reversal in account.reversals
            if reversal.currency != currency
            and (reversal.posting_id in live or posting_currency.get(reversal.posting_id) != reversal.currency)
        ),
    )


class PaymentJudge:
    """Holds a payment against an instant."""

    def __init__(self, account: Account, at: Micros, policy: Policy) -> None:
        self.account = account
        self.at = at
        self.policy = policy
        self.rows: list[Row] = []
        initiated = account.initiated
        self.initiation = [] if initiated is None else [initiated.event_id]
        self.settlement_events = self.initiation + events_of(account.movements)
        known = {posting.posting_id for posting in account.postings}
        undoing = [reversal for reversal in account.reversals if reversal.posting_id in known]
        self.all_events = self.settlement_events + events_of(account.postings, undoing)

    def find(
        self, subject: tuple[str, ...], finding: DueFinding, events: Iterable[str], currency: str | None = None
    ) -> None:
        """Note a break, in the payment's currency unless another is given."""
        break_class, expected, actual, due_at = finding
        amounts = (break_class, expected, actual, currency or self.account.currency)
        self.rows.append(break_row("payment", self.account.payment_id, subject, amounts, events, due_at))

    def judge(self) -> list[Row]:
        """Return the breaks whose condition holds."""
        account = self.account
        self.rows += conflict_rows("payment", account.known, account.currency)
        self.fees()
        self.simultaneous_outcomes()
        if account.initiated is None:
            # Nothing else is judged beside it, before its grace and after.
            self.unkeyed()
            return self.rows
        self.settlement_and_posting()
        self.excesses()
        self.unmatched_reversals()
        self.posted_elsewhere()
        return self.rows

    def fees(self) -> None:
        """SETTLED with a net that is not gross less fee, where both are known in its own currency."""
        for fact in self.account.movements:
            if fact.outcome != "SETTLED" or fact.fee_minor is None or fact.net_minor is None:
                continue
            should_be = fact.gross_minor - fact.fee_minor
            if should_be != fact.net_minor and (fact.settlement_currency or fact.currency) == fact.currency:
                movement = (fact.movement_id,) if fact.movement_id else ()
                finding = ("fee_variance", should_be, fact.net_minor, None)
                self.find(
                    ("fee", fact.processor, fact.processor_reference, *movement),
                    finding,
                    (fact.event_id,),
                    fact.currency,
                )

    def simultaneous_outcomes(self) -> None:
        """FAILED and SETTLED of one attempt at one instant."""
        for attempt in self.account.attempts:
            if both := attempt.settled_and_failed_at_once:
                self.find(("attempt", *attempt.key), ("conflicting_fact", 0, 0, None), events_of(both))

    def unkeyed(self) -> None:
        """Money of a payment that was never initiated."""
        account = self.account
        movements = (*account.movements, *account.postings, *account.reversals)
        due = min(fact.occurred_at for fact in movements) + self.policy.orphan_grace_micros
        if self.at >= due:
            amount = account.gross_minor or account.posted_minor
            self.find(("payment",), ("unkeyed_movement", 0, amount, due), events_of(movements))

    def settlement_and_posting(self) -> None:
        """The legs against each other, and another currency, which silences all but the two worst of the ledger."""
        account = self.account
        settlement, posting = settlement_finding(account, self.at), posting_finding(account, self.at)
        if foreign := foreign_events(account):
            self.find(("currency",), ("currency_mismatch", 0, 0, None), self.initiation + foreign)
            settlement = None
            if posting is not None and posting[0] not in ("posting_over_reversed", "reversed_after_posting"):
                posting = None
        if settlement is not None:
            with_ledger = settlement[0] == "posting_without_settlement"
            self.find(("settlement",), settlement, self.all_events if with_ledger else self.settlement_events)
        if posting is not None:
            over_reversed = posting[0] == "posting_over_reversed"
            self.find(("posting",), posting, self.over_reversed_events() if over_reversed else self.all_events)

    def over_reversed_events(self) -> list[str]:
        """The postings that were reversed above their amounts, and their reversals."""
        account = self.account
        over = {
            posting.posting_id: posting.currency
            for posting in account.postings
            if posting.currency == account.currency
            and reversed_minor(posting, account.reversals) > posting.amount_minor
        }
        return events_of(
            (posting for posting in account.postings if posting.posting_id in over),
            (
                reversal
                for reversal in account.reversals
                if reversal.posting_id in over and reversal.currency == account.currency
            ),
        )

    def excesses(self) -> None:
        """Reversals that gave back more than was taken, and chargebacks above all that was settled."""
        account = self.account
        exceeding = [attempt for attempt in account.attempts if attempt.excess_minor > 0]
        refunds, chargebacks = account.refunds, account.chargebacks
        settled = account.own("SETTLED")
        for kind, excess, events in (
            ("RETURN", sum(attempt.excess_minor for attempt in exceeding), events_of(*(a.facts for a in exceeding))),
            ("REFUND", refunds.reversal_excess_minor, events_of(refunds.facts)),
            ("CHARGEBACK", chargebacks.reversal_excess_minor, events_of(chargebacks.facts)),
        ):
            if excess > 0:
                self.find(("excess", kind), ("reversal_excess", 0, excess, None), events)
        if chargebacks.excess_minor > 0:
            finding = ("chargeback_excess", 0, chargebacks.excess_minor, None)
            self.find(("chargeback",), finding, events_of(chargebacks.facts, settled))

    def unmatched_reversals(self) -> None:
        """Reversals of postings that are not known."""
        known = {posting.posting_id for posting in self.account.postings}
        for reversal in self.account.reversals:
            due = reversal.occurred_at + self.policy.orphan_grace_micros
            if reversal.posting_id not in known and self.at >= due:
                finding = ("reversal_unmatched", 0, reversal.amount_minor, due)
                subject = ("posting_reversal", reversal.reversal_id)
                self.find(subject, finding, (reversal.event_id,), reversal.currency)

    def posted_elsewhere(self) -> None:
        """Postings to obligations that no allocation names; else those that do not follow the allocations."""
        account, posted = self.account, self.account.posted_by_obligation
        given: dict[str, int] = {}
        for place in account.places(self.at):
            name = place.allocation.obligation_id
            given[name] = given.get(name, 0) + place.standing_minor
        astray = [name for name in posted if name not in given]
        for name in astray:
            finding: DueFinding = ("obligation_mismatch", 0, posted[name], None)
            self.find(("obligation", name), finding, account.allocation_events + self.posting_events(name))
        due = account.posting_deadline
        if astray or due is None or self.at < due or account.posted_minor != account.standing_minor:
            return
        for name, amount in given.items():
            if posted.get(name, 0) != amount:
                finding = ("posting_misallocated", amount, posted.get(name, 0), due)
                self.find(("obligation", name), finding, self.all_events + account.allocation_events)

    def posting_events(self, obligation_id: str) -> list[str]:
        """The live postings to an obligation, and their reversals."""
        live = {p.posting_id for p in self.account.own_postings if p.obligation_id == obligation_id}
        return events_of(
            (posting for posting in self.account.postings if posting.posting_id in live),
            (
                reversal
                for reversal in self.account.reversals
                if reversal.posting_id in live and reversal.currency == self.account.currency
            ),
        )


def payment_breaks(account: Account, at: Micros, policy: Policy) -> list[Row]:
    """Return the payment-keyed breaks whose condition holds at that instant, accepted or not."""
    return PaymentJudge(account, at, policy).judge()

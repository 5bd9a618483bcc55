"""The catalogue of breaks: a row a class, with its priority, the contract's conditions, and its description in words.

Priorities, explanations, the demo's table, the Prometheus rules and the tables of docs/contract.md section 7 follow
from these rows, or are tested against them (tests/domain/test_break_catalogue.py). To add a class of breaks:

1. add it to `BreakClass` (domain/records.py) and to the enum of schemas/avro/mismatch_alert.avsc;
2. add its row here;
3. open it by a rule in domain/payments/breaks.py or domain/obligations/breaks.py, with its remedies in domain/explain;
4. add its scenario to tests/domain/scenarios;
5. add it to the simulator, whose truth evaluates the contract independently (simulator/truth_*.py).

Descriptions are `str.format` templates. `domain.explain.descriptions` fills in:

- `{expected}`, `{actual}`, `{difference}`: amounts; `{over_or_under}` is its direction;
- `{at_most}`: "At most " where the actual amount is over, else nothing;
- `{currency}`: that of the break; `{other_currency}`: that of the payment or adjustment which the break is about;
- `{processor}`: the processor of the payment; `{obligation}`, `{installment}`: what the payment is for;
- `{subject}`: the last part of the subject; `{subject_parts}`: its parts but the first; `{second}`: its second part;
- `{settle_by}`, `{post_by}`: " by …", the deadline that passed and how it is counted, or nothing;
- `{grace}`: the orphan grace; `{refund}`: what may be done with a surplus.
"""

from collections.abc import Callable, Iterator
from typing import Any, Literal

import msgspec

from domain.explain import obligation_remedies, payment_remedies
from domain.explain.corrective_events import Candidate
from domain.records import BreakClass

KeyKind = Literal["payment", "obligation"]
Feed = Literal["payment-initiated", "processor-settled", "ledger-events"]


class BreakForm(msgspec.Struct, frozen=True, kw_only=True):
    """How a class of breaks occurs on one kind of subject: a row of a table in contract section 7."""

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
    """Gives what may resolve it, from its `PaymentContext` or `ObligationContext`; None if nothing can."""


class BreakRule(BreakForm, frozen=True, kw_only=True):
    """A class of breaks; the form of most is the only one."""

    break_class: BreakClass
    priority: int
    """1 is the most urgent."""
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
    def forms(self) -> tuple[BreakForm, ...]:
        """How it occurs."""
        return (self, *self.other_forms)

    @property
    def is_permanent(self) -> bool:
        """Whether no event resolves it: it stays open as a record."""
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


_RECORD = "This break stays open as a record: no event withdraws a contradictory report. "

_ROWS = (
    BreakRule(
        break_class=BreakClass.POSTING_WITHOUT_SETTLEMENT,
        priority=1,
        rule="no outcome is reported past the settlement deadline, and something is posted",
        opens_at_deadline=True,
        feed="processor-settled",
        subject=("settlement",),
        condition="no outcome past the settlement deadline, and posted > 0 (posted → 0)",
        title="Posted, but not settled",
        expected="{processor} reports the outcome of the payment{settle_by}.",
        missing="No outcome is reported, and {expected} is posted.",
        advice="Ask {processor} for the outcome. If the payment failed, the posting has to be reversed.",
        remedies=payment_remedies.outcome_is_reported,
    ),
    BreakRule(
        break_class=BreakClass.DUPLICATE_SETTLEMENT,
        priority=1,
        rule="net settled is above the initiated amount, from two or more live attempts",
        subject=("settlement",),
        condition="standing > initiated, from two or more live attempts",
        title="Settled more than once",
        expected="{expected} is settled, as initiated.",
        missing="Two or more attempts settled {actual}: {difference} over.",
        advice="Refund the tenant before the payment is returned or charged back.",
        remedies=payment_remedies.settled_amount_is_corrected,
    ),
    BreakRule(
        break_class=BreakClass.OVER_REVERSED,
        priority=1,
        rule="refunds and chargebacks exceed the amount collected",
        subject=("settlement",),
        condition="SETTLED known, refunded + charged back > collected",
        title="Over-reversed: refunded and charged back",
        expected="No more than the {expected} collected is refunded or charged back.",
        missing="{actual} is refunded or charged back: {difference} more than was collected.",
        advice="Dispute the chargeback with proof of the refund, or collect again.",
        remedies=payment_remedies.over_reversal_is_recovered,
    ),
    BreakRule(
        break_class=BreakClass.SETTLEMENT_AMOUNT_MISMATCH,
        priority=2,
        rule="one attempt settled more than was initiated, or less was collected than was initiated",
        feed="processor-settled",
        subject=("settlement",),
        condition="standing > initiated (one attempt), or 0 < collected < initiated",
        title="Settled amount differs from initiated",
        expected="{expected} is settled, as initiated.",
        missing="{actual} is settled: {difference} {over_or_under}.",
        advice="Ask {processor} why the amounts differ.",
        remedies=payment_remedies.settled_amount_is_corrected,
    ),
    BreakRule(
        break_class=BreakClass.SETTLEMENT_MISSING,
        priority=3,
        rule="no outcome is reported past the settlement deadline, and nothing is posted",
        opens_at_deadline=True,
        feed="processor-settled",
        subject=("settlement",),
        condition="no outcome past the settlement deadline, nothing posted",
        title="Settlement missing",
        expected="{processor} reports the outcome of {expected}{settle_by}.",
        missing="No outcome is reported. The amount no longer counts as pending.",
        advice="Ask {processor} for the outcome, and look for its event among the dead letters.",
        remedies=payment_remedies.outcome_is_reported,
    ),
    BreakRule(
        break_class=BreakClass.REVERSED_AFTER_POSTING,
        priority=1,
        rule="money was returned, refunded or charged back, or the payment failed, and past the posting deadline more "
        "is posted than is net settled",
        opens_at_deadline=True,
        feed="ledger-events",
        subject=("posting",),
        condition="something returned, refunded, charged back, or failed; posted > standing past the posting deadline",
        title="Returned, but still posted",
        expected="The ledger reduces the posted amount to net settled, {expected},{post_by}.",
        missing="{actual} is posted: {difference} more than net settled.",
        advice="Have the ledger reverse the posting; the installment is then open again.",
        remedies=payment_remedies.posted_amount_is_corrected,
    ),
    BreakRule(
        break_class=BreakClass.DUPLICATE_POSTING,
        priority=1,
        rule="more than one posting is live, and together they exceed what settled (or was initiated, before anything "
        "settled)",
        subject=("posting",),
        condition="more than one live posting, posted above what may be posted (note)",
        title="Posted more than once",
        expected="At most {expected} is posted.",
        missing="Two or more live postings total {actual}: {difference} over.",
        advice="Have the ledger reverse the duplicate posting.",
        remedies=payment_remedies.posted_amount_is_corrected,
    ),
    BreakRule(
        break_class=BreakClass.POSTING_AMOUNT_MISMATCH,
        priority=2,
        rule="the one live posting exceeds what settled (or was initiated, before anything settled), or past the "
        "posting deadline less is posted than is net settled",
        opens_at_deadline=True,
        feed="ledger-events",
        subject=("posting",),
        condition="one live posting above that; or 0 < posted < standing past the posting deadline",
        title="Posted amount differs from settled",
        expected="{at_most}{expected} is posted{post_by}.",
        missing="{actual} is posted: {difference} {over_or_under}.",
        advice="Have the ledger correct its posting.",
        remedies=payment_remedies.posted_amount_is_corrected,
    ),
    BreakRule(
        break_class=BreakClass.POSTING_MISSING,
        priority=3,
        rule="something is net settled, and nothing is posted past the posting deadline",
        opens_at_deadline=True,
        feed="ledger-events",
        subject=("posting",),
        condition="nothing posted, standing > 0, past the posting deadline",
        title="Settled, but not posted",
        expected="The ledger posts {expected}{post_by}.",
        missing="Nothing is posted: the ledger does not show that the tenant paid.",
        advice="Have the ledger post it, and look for its event among the dead letters.",
        remedies=payment_remedies.posted_amount_is_corrected,
    ),
    BreakRule(
        break_class=BreakClass.CURRENCY_MISMATCH,
        priority=2,
        rule="amounts in another currency are not counted",
        subject=("currency",),
        condition="an amount in another currency (0 → 0); silences `settlement` and `posting` except "
        "`reversed_after_posting`; a foreign posting reversed to zero is forgotten",
        title="Reported in two currencies",
        expected="Every amount of the payment is in {currency}.",
        missing="An amount is reported in another currency, and is not counted.",
        advice="Find out which currency is right. A posting can be reversed; what a processor reported can "
        "only be corrected by an earlier-dated record, which leaves a conflicting_fact.",
        remedies=payment_remedies.currency_is_corrected,
        other_forms=(
            BreakForm(
                key_kinds=("obligation",),
                subject=("payment", "payment_id"),
                condition="payment's currency ≠ the charge's; not allocated",
                title="Paid in another currency than charged",
                expected="Payments are in {currency}, as the charge is.",
                missing="Payment {subject} is in {other_currency}, and is not allocated.",
                advice="If both are right, the money has to be refunded or exchanged outside rentmatch; the break then "
                "stays open as a record.",
                remedies=obligation_remedies.payment_currency_is_corrected,
            ),
            BreakForm(
                key_kinds=("obligation",),
                subject=("adjustment", "id"),
                condition="not counted",
                title="Adjusted in another currency than charged",
                expected="Adjustments are in {currency}, as the charge is.",
                missing="Adjustment {subject} is in {other_currency}, and is not counted.",
                advice="Have the ledger adjust in {currency} under a new id; the break of the wrong record closes only "
                "when an earlier-dated record of the same id corrects it.",
                remedies=obligation_remedies.adjustment_currency_is_corrected,
            ),
        ),
    ),
    BreakRule(
        break_class=BreakClass.UNKEYED_MOVEMENT,
        priority=1,
        rule="money moved or was posted, and the payment was never initiated",
        opens_at_deadline=True,
        feed="payment-initiated",
        subject=("payment",),
        condition="never initiated, earliest movement + orphan grace (0 → settled gross, else posted); only "
        "`fee_variance` and `conflicting_fact` may be open beside it, and its money is not allocated",
        title="Money moved, but no payment was initiated",
        expected="The app reports the initiation before, or within {grace} of, the first movement.",
        missing="No initiation is known for {actual}, so it is allocated to no obligation.",
        advice="Look for the initiation among the dead letters, or ask whether the processor reported the "
        "wrong payment id.",
        remedies=payment_remedies.initiation_is_reported,
    ),
    BreakRule(
        break_class=BreakClass.OBLIGATION_MISMATCH,
        priority=3,
        rule="a live posting is to another obligation than the payment was initiated for",
        subject=("obligation", "id"),
        condition="live posting to another obligation than initiated for, one break each (0 → amount)",
        title="Posted to the wrong obligation",
        expected="The ledger posts the payment to {obligation}.",
        missing="{actual} is posted to obligation {subject}, which appears paid.",
        advice="Have the ledger reverse the posting, and post to the right obligation.",
        remedies=payment_remedies.posting_is_moved,
    ),
    BreakRule(
        break_class=BreakClass.FEE_VARIANCE,
        priority=2,
        rule="the gross less the fee of a SETTLED is not its net",
        subject=("fee", "processor", "reference"),
        condition="SETTLED with gross − fee ≠ net",  # noqa: RUF001 - as the contract writes it
        title="Net is not gross less fee",
        expected="Attempt {subject} nets {expected}: gross less fee.",
        missing="{second} reports {actual}: {difference} {over_or_under}.",
        advice="Compare with the payout statement of {second}. A correction has to be dated before the wrong "
        "record to take effect, and leaves a conflicting_fact; a variance that is accepted stays open as a "
        "record.",
        remedies=payment_remedies.fee_or_net_is_corrected,
    ),
    BreakRule(
        break_class=BreakClass.CONFLICTING_FACT,
        priority=3,
        rule="one record is reported with different money or routing, or one event id is used for two records",
        section=3,
        key_kinds=("payment", "obligation"),
        subject=("fact", "record type", "identity…"),
        condition="section 3 (0 → 0); permanent",
        title="One record reported in two versions",
        expected="A record that is reported again has the same money and routing.",
        missing="{subject_parts} is reported in versions that differ. The one that occurred first counts.",
        advice=_RECORD + "Find out which version is right. If it is not the one that counts, undo the effects "
        "of that one by further events (a posting reversal, a refund, an adjustment).",
        remedies=None,
        other_forms=(
            BreakForm(
                key_kinds=("payment", "obligation"),
                subject=("event", "event_id"),
                condition="section 3; currency `XXX`",
                title="One event id used for two records",
                expected="Each event has an id of its own.",
                missing="Event id {subject} is used for two or more records. All of them count.",
                advice=_RECORD + "Check that each record is right, and have the sender fix how it makes event ids.",
                remedies=None,
            ),
        ),
    ),
    BreakRule(
        break_class=BreakClass.OBLIGATION_UNKNOWN,
        priority=3,
        rule="a payment is for an obligation that has no charge",
        opens_at_deadline=True,
        feed="ledger-events",
        key_kinds=("obligation",),
        subject=("payment", "payment_id"),
        condition="standing or in flight, initiation + orphan grace, no charge (0 → that amount)",
        title="Paid, but never charged",
        expected="The ledger charges {obligation} before, or within {grace} of, a payment for it.",
        missing="No charge is known. {actual} of payment {subject} cannot be allocated.",
        advice="Look for the charge among the dead letters, or ask whether the payment names the wrong obligation.",
        remedies=obligation_remedies.charge_is_reported,
    ),
    BreakRule(
        break_class=BreakClass.INSTALLMENT_UNKNOWN,
        priority=3,
        rule="a payment names an installment that no version of the plan ever had",
        opens_at_deadline=True,
        feed="ledger-events",
        key_kinds=("obligation",),
        subject=("payment", "payment_id"),
        condition="names an installment that no version of the plan ever had, initiation + orphan grace (the "
        "money then counts as unnamed)",
        title="Unknown installment named",
        expected="Payment {subject} names an installment of some version of the plan.",
        missing="It names {installment}, which no version of the plan had; its {actual} is allocated to the "
        "oldest due date instead.",
        advice="The money is allocated. Look for a plan among the dead letters, or find out why the app showed this "
        "installment.",
        remedies=obligation_remedies.installment_is_reported,
    ),
    BreakRule(
        break_class=BreakClass.PLAN_SUM_MISMATCH,
        priority=3,
        rule="the plan in force does not add up to the balance",
        opens_at_deadline=True,
        feed="ledger-events",
        key_kinds=("obligation",),
        subject=("plan",),
        condition="a non-empty plan in force ≠ balance, latest of charge, plan, adjustments + orphan grace; "
        "not when cancelled",
        title="Plan does not add up to the balance",
        expected="The installments of the plan in force add up to the balance, {expected}.",
        missing="They add up to {actual}: {difference} {over_or_under}. The last installments absorb the difference.",
        advice="Have the ledger issue a new plan, or adjust the balance.",
        remedies=obligation_remedies.plan_or_balance_is_changed,
    ),
    BreakRule(
        break_class=BreakClass.OVERPAYMENT,
        priority=3,
        rule="net settled exceeds what is owed",
        feed="ledger-events",
        key_kinds=("obligation",),
        subject=("balance",),
        condition="overpaid > 0 (max(0, balance) → paid)",
        title="Overpayment",
        expected="{expected} is owed.",
        missing="{actual} is net settled: {difference} is allocated to no installment.",
        advice="{refund}; rentmatch carries nothing over to another obligation.",
        remedies=obligation_remedies.surplus_is_refunded_or_charged,
    ),
)

CATALOGUE: dict[BreakClass, BreakRule] = {row.break_class: row for row in _ROWS}

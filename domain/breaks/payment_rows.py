"""The rows of the catalogue for the breaks of payments, and for what payments and obligations have in common."""

from domain.breaks.rules import BreakForm, BreakRule
from domain.explain import obligation_remedies, payment_remedies, payout_remedies, posting_remedies
from domain.records import BreakClass

_RECORD = "No event withdraws a contradictory report, so this break stays open until somebody accepts it. "

PAYMENT_ROWS = (
    BreakRule(
        break_class=BreakClass.POSTING_WITHOUT_SETTLEMENT,
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
        rule="net settled is above the initiated amount, from two or more settlements of live attempts",
        subject=("settlement",),
        condition="standing > initiated, from two or more SETTLED of live attempts (initiated → standing)",
        title="Settled more than once",
        expected="{expected} is settled, as initiated.",
        missing="Two or more settlements add up to {actual}: {difference} over.",
        advice="Refund the tenant before the payment is returned or charged back.",
        remedies=payment_remedies.settled_amount_is_corrected,
    ),
    BreakRule(
        break_class=BreakClass.OVER_REVERSED,
        rule="refunds and chargebacks exceed the amount collected",
        subject=("settlement",),
        condition="an outcome is known, refunded + charged back > collected (collected → that sum)",
        title="Over-reversed: refunded and charged back",
        expected="No more than the {expected} collected is refunded or charged back.",
        missing="{actual} is refunded or charged back: {difference} more than was collected.",
        advice="Dispute the chargeback with proof of the refund, take back the refund, or collect again.",
        remedies=payment_remedies.over_reversal_is_recovered,
    ),
    BreakRule(
        break_class=BreakClass.SETTLEMENT_AMOUNT_MISMATCH,
        rule="more settled than was initiated, or past the settlement deadline less is collected than was initiated",
        opens_at_deadline=True,
        feed="processor-settled",
        subject=("settlement",),
        condition="standing > initiated (→ standing), or 0 < collected < initiated past the settlement deadline "
        "(initiated → collected; also after a partial return: people may accept it)",
        title="Settled amount differs from initiated",
        expected="{expected} is settled, as initiated{settle_by}.",
        missing="{actual} is settled: {difference} {over_or_under}.",
        advice="Ask {processor} why the amounts differ. If the difference is agreed, as after a partial return, accept "
        "it.",
        remedies=payment_remedies.settled_amount_is_corrected,
    ),
    BreakRule(
        break_class=BreakClass.SETTLEMENT_MISSING,
        rule="no outcome is reported past the settlement deadline, and nothing is posted",
        opens_at_deadline=True,
        feed="processor-settled",
        subject=("settlement",),
        condition="no outcome past the settlement deadline, nothing posted (initiated → 0)",
        title="Settlement missing",
        expected="{processor} reports the outcome of {expected}{settle_by}.",
        missing="No outcome is reported. The amount no longer counts as pending.",
        advice="Look for it among the references in suspense (class reference_unknown) and among the dead letters, and "
        "ask {processor} for the outcome.",
        remedies=payment_remedies.outcome_is_reported,
    ),
    BreakRule(
        break_class=BreakClass.POSTING_OVER_REVERSED,
        rule="the ledger reversed more of a posting than it had posted",
        subject=("posting",),
        condition="reversals of a posting in the payment's currency above its amount (Σ amounts of such postings → Σ "
        "their reversals)",
        title="Posting reversed more than once",
        expected="No more than the {expected} posted is reversed.",
        missing="Reversals add up to {actual}: {difference} more than was posted.",
        advice="Find out which reversal is wrong, and what the ledger shows. A correction has to be dated before the "
        "wrong record to take effect, and leaves a conflicting_fact; once the ledger is right, the break can be "
        "accepted.",
        remedies=posting_remedies.over_reversal_is_corrected,
    ),
    BreakRule(
        break_class=BreakClass.REVERSED_AFTER_POSTING,
        rule="money was returned, refunded or charged back, or the payment failed, and past the posting deadline more "
        "is posted than is net settled",
        opens_at_deadline=True,
        feed="ledger-events",
        subject=("posting",),
        condition="a RETURNED is known in its currency, refunded or charged back > 0, or a FAILED stands; posted > "
        "standing past the posting deadline (standing → posted)",
        title="Returned, but still posted",
        expected="The ledger reduces the posted amount to net settled, {expected},{post_by}.",
        missing="{actual} is posted: {difference} more than net settled.",
        advice="Have the ledger reverse the posting; the installment is then open again.",
        remedies=posting_remedies.posted_amount_is_corrected,
    ),
    BreakRule(
        break_class=BreakClass.DUPLICATE_POSTING,
        rule="more than one posting is live, and together they exceed what settled (or was initiated, before anything "
        "settled)",
        subject=("posting",),
        condition="more than one live posting, posted above what may be posted (note)",
        title="Posted more than once",
        expected="At most {expected} is posted.",
        missing="Two or more live postings total {actual}: {difference} over.",
        advice="Have the ledger reverse the duplicate posting.",
        remedies=posting_remedies.posted_amount_is_corrected,
    ),
    BreakRule(
        break_class=BreakClass.POSTING_AMOUNT_MISMATCH,
        rule="the one live posting exceeds what settled (or was initiated, before anything settled), or past the "
        "posting deadline less is posted than is net settled",
        opens_at_deadline=True,
        feed="ledger-events",
        subject=("posting",),
        condition="one live posting above that; or 0 < posted < standing past the posting deadline (standing → posted)",
        title="Posted amount differs from settled",
        expected="{at_most}{expected} is posted{post_by}.",
        missing="{actual} is posted: {difference} {over_or_under}.",
        advice="Have the ledger correct its posting.",
        remedies=posting_remedies.posted_amount_is_corrected,
    ),
    BreakRule(
        break_class=BreakClass.POSTING_MISSING,
        rule="something is net settled, and nothing is posted past the posting deadline",
        opens_at_deadline=True,
        feed="ledger-events",
        subject=("posting",),
        condition="nothing posted, standing > 0, past the posting deadline (standing → 0)",
        title="Settled, but not posted",
        expected="The ledger posts {expected}{post_by}.",
        missing="Nothing is posted: the ledger does not show that the tenant paid.",
        advice="Have the ledger post it, and look for its event among the dead letters.",
        remedies=posting_remedies.posted_amount_is_corrected,
    ),
    BreakRule(
        break_class=BreakClass.CURRENCY_MISMATCH,
        rule="amounts in another currency are not counted",
        subject=("currency",),
        condition="a leg in another currency (0 → 0); silences `settlement` and `posting` except the first two of "
        "`posting`; a foreign posting reversed to zero is forgotten",
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
                advice="If the payment is for another rent, move it. If both currencies are right, the money has to be "
                "refunded or exchanged outside rentmatch; the break can then be accepted.",
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
                "when an earlier-dated record of the same id corrects it, or when somebody accepts it.",
                remedies=obligation_remedies.adjustment_currency_is_corrected,
            ),
            BreakForm(
                key_kinds=("payout",),
                subject=("currency",),
                condition="a line or entry in another currency; it counts zero (0 → 0)",
                title="Payout with amounts in two currencies",
                expected="Lines and entries of the payout are in {currency}, as the payout is.",
                missing="At least one is in another currency, and counts zero.",
                advice="Find out which currency is right. Fee and net of a line are in its settlement_currency, if it "
                "has one. An entry of another payout can be matched to that. Else accept the break.",
                remedies=payout_remedies.currencies_agree,
            ),
        ),
    ),
    BreakRule(
        break_class=BreakClass.REVERSAL_EXCESS,
        rule="the reversals of returns, refunds or chargebacks give back more than was taken",
        subject=("excess", "`RETURN`, `REFUND` or `CHARGEBACK`"),
        condition="a reversal gave back more than was taken (0 → excess)",
        title="More given back than was taken",
        expected="A {subject}_REVERSED gives back no more than was taken before it.",
        missing="{actual} was given back that had not been taken. It is not counted.",
        advice="Ask the processor for what was taken: its record may be lost, or dated after the reversal.",
        remedies=payment_remedies.taken_money_is_reported,
    ),
    BreakRule(
        break_class=BreakClass.CHARGEBACK_EXCESS,
        rule="chargebacks exceed everything that ever settled",
        subject=("chargeback",),
        condition="chargebacks above Σ SETTLED gross, while a SETTLED is known (0 → excess)",
        title="Charged back more than settled",
        expected="No more is charged back than has settled.",
        missing="Chargebacks exceed what settled by {actual}, which is not counted.",
        advice="Ask {processor} what the excess is: a dispute fee and a difference of exchange are no chargeback. If "
        "the dispute was won, the reversal has to cover the whole chargeback.",
        remedies=payment_remedies.chargeback_is_reversed,
    ),
    BreakRule(
        break_class=BreakClass.REVERSAL_UNMATCHED,
        rule="the ledger reversed a posting that is not known",
        opens_at_deadline=True,
        subject=("posting_reversal", "reversal_id"),
        condition="its posting is not known, its `occurred_at` + orphan grace (0 → amount, in its own currency)",
        title="Reversal of an unknown posting",
        expected="The ledger reports a posting before, or within {grace} of, its reversal {subject}.",
        missing="The posting is not known, so that {actual} is taken back of nothing.",
        advice="Look for the posting among the dead letters, or ask the ledger which posting it reversed.",
        remedies=posting_remedies.posting_is_reported,
    ),
    BreakRule(
        break_class=BreakClass.UNKEYED_MOVEMENT,
        rule="money moved or was posted, and the payment was never initiated",
        opens_at_deadline=True,
        feed="payment-initiated",
        subject=("payment",),
        condition="never initiated, earliest movement + orphan grace (0 → settled gross, else posted); while there is "
        "no initiation, before that grace and after it, only `fee_variance` and `conflicting_fact` are judged beside "
        "it, and its money is not allocated",
        title="Money moved, but no payment was initiated",
        expected="The app reports the initiation before, or within {grace} of, the first movement.",
        missing="No initiation is known for {actual}, so it is allocated to no obligation.",
        advice="Look for the initiation among the dead letters, or ask whether the processor reported the "
        "wrong payment id.",
        remedies=payment_remedies.initiation_is_reported,
    ),
    BreakRule(
        break_class=BreakClass.OBLIGATION_MISMATCH,
        rule="a live posting is to an obligation that the payment is not for",
        subject=("obligation", "id"),
        condition="live posting to an obligation that no allocation in force names, one break each (0 → amount)",
        title="Posted to the wrong obligation",
        expected="The ledger posts the payment to {obligation}.",
        missing="{actual} is posted to obligation {subject}, which appears paid.",
        advice="Have the ledger reverse the posting, and post to the right obligation. If the ledger is right, move "
        "the payment (rentmatch exceptions move).",
        remedies=posting_remedies.posting_is_moved,
    ),
    BreakRule(
        break_class=BreakClass.POSTING_MISALLOCATED,
        rule="the payment is posted in full, but to its obligations in other amounts than its money is given to them",
        opens_at_deadline=True,
        feed="ledger-events",
        subject=("obligation", "id"),
        condition="an allocation names it; past the posting deadline, posted = standing, no live posting is to an "
        "obligation that no allocation names, but what is posted to it ≠ the standing money given to it (that → posted "
        "to it)",
        title="Posted in the wrong amounts",
        expected="{expected} of the payment is posted to obligation {subject}{post_by}.",
        missing="{actual} is posted to it: {difference} {over_or_under}.",
        advice="Have the ledger move the difference. If the ledger is right, move the payment's money (rentmatch "
        "exceptions move).",
        remedies=posting_remedies.postings_follow_the_allocations,
    ),
    BreakRule(
        break_class=BreakClass.FEE_VARIANCE,
        rule="the gross less the fee of a SETTLED is not its net",
        subject=("fee", "processor", "reference", "movement_id where there is one"),
        condition="SETTLED with fee and net known in its own currency and gross − fee ≠ net (gross − fee → net)",  # noqa: RUF001 - as the contract writes it
        title="Net is not gross less fee",
        expected="Attempt {reference} nets {expected}: gross less fee.",
        missing="{second} reports {actual}: {difference} {over_or_under}.",
        advice="Compare with the payout statement of {second}. A correction has to be dated before the wrong "
        "record to take effect, and leaves a conflicting_fact; a variance that is agreed can be accepted.",
        remedies=payment_remedies.fee_or_net_is_corrected,
    ),
    BreakRule(
        break_class=BreakClass.CONFLICTING_FACT,
        rule="one record is reported with different money or routing, or again after its opposite; one event id is "
        "used for two records; or an attempt failed and settled at the same instant",
        section=3,
        key_kinds=("payment", "obligation"),
        subject=("fact", "record type", "identity…"),
        condition="section 3 (0 → 0); stays",
        title="One record reported in two versions",
        expected="A record that is reported again has the same money and routing, and is not reported again after its "
        "opposite.",
        missing="{subject_parts} is reported in versions that differ, or again after its opposite. The version that "
        "occurred first counts, once.",
        advice=_RECORD + "Find out which version is right, and whether the second report is a second event. If what "
        "counts is wrong, undo its effects by further events (a posting reversal, a refund, an adjustment); a second "
        "event needs an identity of its own (a movement id).",
        remedies=None,
        other_forms=(
            BreakForm(
                key_kinds=("payout", "bank_entry"),
                subject=("fact", "record type", "identity…"),
                condition="section 3 (0 → 0); stays",
                title="One record reported in two versions",
                expected="A record that is reported again has the same money, dates and routing.",
                missing="{subject_parts} is reported in versions that differ. The version that occurred first counts.",
                advice=_RECORD + "Find out which version is right. If the wrong one counts, what follows from it, such "
                "as a payout_sum_mismatch, can be accepted, too, or an entry be matched to another payout.",
                remedies=None,
            ),
            BreakForm(
                key_kinds=("payment", "obligation", "payout", "bank_entry"),
                subject=("event", "event_id"),
                condition="section 3; currency `XXX`",
                title="One event id used for two records",
                expected="Each event has an id of its own.",
                missing="Event id {subject} is used for two or more records. All of them count.",
                advice=_RECORD + "Check that each record is right, and have the sender fix how it makes event ids.",
                remedies=None,
            ),
            BreakForm(
                subject=("attempt", "processor", "reference"),
                condition="FAILED and SETTLED of one attempt at the same instant (0 → 0)",
                title="Failed and settled at the same instant",
                expected="The outcomes of an attempt happen one after the other.",
                missing="{second} reports that attempt {subject} failed and settled at the same instant. It counts as "
                "settled.",
                advice=_RECORD + "Ask {second} which came last. If the attempt failed, have it report a RETURNED.",
                remedies=None,
            ),
        ),
    ),
)

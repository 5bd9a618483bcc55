"""The rows of the catalogue for the breaks of references."""

from domain.breaks.rules import BreakRule
from domain.explain import reference_remedies
from domain.records import BreakClass

REFERENCE_ROWS = (
    BreakRule(
        break_class=BreakClass.REFERENCE_UNKNOWN,
        rule="a processor reported an outcome without a payment id, and no payment holds its reference",
        section=10,
        opens_at_deadline=True,
        feed="payment-initiated",
        key_kinds=("reference",),
        subject=("reference",),
        condition="a record without payment id and no holder, earliest such record + orphan grace (0 → gross of its "
        "SETTLED records in the currency of the first of them, else of its first record)",
        title="Outcome of an unknown reference",
        expected="A payment claims {reference} of {processor} before its first record, or within {grace} of it.",
        missing="No payment does. {actual} is in suspense: it counts for no payment.",
        advice="Find the payment: by amount and day, at {processor}, among the dead letters. Then give the reference "
        "to it (rentmatch exceptions match).",
        remedies=reference_remedies.reference_is_claimed,
    ),
    BreakRule(
        break_class=BreakClass.REFERENCE_CLAIMED_TWICE,
        rule="one reference is claimed for two payments, or a processor reported it for two",
        section=10,
        key_kinds=("reference",),
        subject=("claim",),
        condition="settlement records of the attempt name two payments themselves (their money may count twice); or "
        "claims of any kind are for two payments, a record without payment id needs a holder, and no "
        "`ReferenceAssigned` is known (0 → 0; `XXX`)",
        title="Two payments claim one reference",
        expected="Reference {reference} of {processor} belongs to one payment.",
        missing="It is claimed for {claimants}. What is reported of it may count for the wrong one, or twice.",
        advice="Ask {processor} whose money it is. Records without a payment id follow the decision (rentmatch "
        "exceptions match). Of records that name two payments themselves the wrong ones have to be undone (a refund, a "
        "return), and the break accepted.",
        remedies=reference_remedies.claim_is_decided,
    ),
)

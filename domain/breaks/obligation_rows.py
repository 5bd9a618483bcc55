"""The rows of the catalogue for the breaks of obligations."""

from domain.breaks.rules import BreakRule
from domain.explain import obligation_remedies
from domain.records import BreakClass

OBLIGATION_ROWS = (
    BreakRule(
        break_class=BreakClass.OBLIGATION_UNKNOWN,
        rule="a payment is for an obligation that has no charge",
        opens_at_deadline=True,
        feed="ledger-events",
        key_kinds=("obligation",),
        subject=("payment", "payment_id"),
        condition="money given to it stands or is in flight, the latest of initiation and assignment in force + orphan "
        "grace, no charge (0 → that amount)",
        title="Paid, but never charged",
        expected="The ledger charges {obligation} before, or within {grace} of, a payment for it.",
        missing="No charge is known. {actual} of payment {subject} cannot be allocated.",
        advice="Look for the charge among the dead letters, or ask whether the payment names the wrong obligation; it "
        "can be moved to the right one (rentmatch exceptions move).",
        remedies=obligation_remedies.charge_is_reported,
    ),
    BreakRule(
        break_class=BreakClass.INSTALLMENT_UNKNOWN,
        rule="a payment names an installment that no version of the plan and no dated adjustment ever had",
        opens_at_deadline=True,
        feed="ledger-events",
        key_kinds=("obligation",),
        subject=("payment", "payment_id"),
        condition="an allocation names an installment that no version of the plan and no dated adjustment ever had, "
        "the latest of initiation and assignment in force + orphan grace (0 → standing + in flight of all such "
        "allocations; whatever that is)",
        title="Unknown installment named",
        expected="Payment {subject} names an installment of some version of the plan, or a dated adjustment.",
        missing="It names {installment}, which was never there; its {actual} is allocated to the oldest due date "
        "instead.",
        advice="The money is allocated. Look for a plan among the dead letters, or find out why the app showed this "
        "installment.",
        remedies=obligation_remedies.installment_is_reported,
    ),
    BreakRule(
        break_class=BreakClass.PROPERTY_MISMATCH,
        rule="a payment was initiated for one property, and the obligation that it is for is another property's",
        key_kinds=("obligation",),
        subject=("payment", "payment_id"),
        condition="the initiation's property ≠ the charge's, for allocations of the initiation itself (0 → standing + "
        "in flight; whatever that is). Tenants may differ: people share a lease",
        title="Paid for another property",
        expected="A payment names the property of the rent that it is for.",
        missing="Payment {subject} was initiated for {payment_property}, not for {property} of {obligation}. Its "
        "{actual} is allocated.",
        advice="Find out which rent was meant. Moving the payment, or confirming it where it is (rentmatch exceptions "
        "move), settles it.",
        remedies=obligation_remedies.property_is_confirmed,
    ),
    BreakRule(
        break_class=BreakClass.PLAN_SUM_MISMATCH,
        rule="the plan in force does not add up to the balance",
        opens_at_deadline=True,
        feed="ledger-events",
        key_kinds=("obligation",),
        subject=("plan",),
        condition="a non-empty plan in force, with the adjustments that name its installments, ≠ balance less dated "
        "adjustments and those that name them; latest of charge, plan, adjustments + orphan grace; not when cancelled "
        "(balance less dated → that sum)",
        title="Plan does not add up to the balance",
        expected="The installments of the plan in force add up to {expected}: the balance less what has a due date of "
        "its own.",
        missing="They add up to {actual}: {difference} {over_or_under}. The last installments absorb the difference.",
        advice="Have the ledger issue a new plan, or adjust the balance.",
        remedies=obligation_remedies.plan_or_balance_is_changed,
    ),
    BreakRule(
        break_class=BreakClass.OVERPAYMENT,
        rule="net settled exceeds what is owed",
        feed="ledger-events",
        key_kinds=("obligation",),
        subject=("balance",),
        condition="overpaid > 0 (balance → paid)",
        title="Overpayment",
        expected="{expected} is owed.",
        missing="{actual} is net settled: {difference} is allocated to no installment.",
        advice="{refund}; rentmatch carries nothing over to another obligation by itself.",
        remedies=obligation_remedies.surplus_is_refunded_or_charged,
    ),
)

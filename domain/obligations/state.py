"""The state of an obligation: its facts, each identity once, and the latest application of each payment.

Contract section 3. States are packed as arrays and stored: fields may only be appended, with a default.
"""

from collections.abc import Iterator, Mapping
from typing import ClassVar, Self, assert_never

import msgspec

from domain.decisions import Decisions, apply_decision
from domain.dedup import Accepted, merge, merge_into
from domain.facts import (
    AdjustmentKind,
    BreakDecided,
    Installment,
    ObligationAdjusted,
    ObligationCancelled,
    ObligationCharged,
    ObligationFact,
    ObligationReinstated,
    PaymentApplication,
    PlanChanged,
    Share,
)
from domain.time import Day, Micros


class Charge(Accepted, array_like=True, gc=False):
    """The accepted `ObligationCharged`. Its installments are in order of payment."""

    lease_id: str
    tenant_id: str
    property_id: str
    period: str
    amount_minor: int
    currency: str
    due_date: Day
    time_zone: str
    grace_days: int
    installments: tuple[Installment, ...]
    grace_ends_on: Day | None = None
    tellings: "tuple[Charge, ...] | None" = None

    filled_in: ClassVar[tuple[tuple[str, ...], ...]] = (("grace_ends_on",),)

    @classmethod
    def from_fact(cls, fact: ObligationCharged) -> Self:
        """Take the fields that a view can depend on."""
        return cls(
            fact.event_id,
            fact.occurred_at,
            None,
            fact.lease_id,
            fact.tenant_id,
            fact.property_id,
            fact.period,
            fact.amount_minor,
            fact.currency,
            fact.due_date,
            fact.time_zone,
            fact.grace_days,
            in_order(fact.installments),
            fact.grace_ends_on,
        )

    def material_terms(self) -> Mapping[str, object]:
        """Give money and routing as contract section 3 lists them: everything but the event and its time."""
        terms: dict[str, object] = {
            "lease_id": self.lease_id,
            "tenant_id": self.tenant_id,
            "property_id": self.property_id,
            "period": self.period,
            "amount_minor": self.amount_minor,
            "currency": self.currency,
            "due_date": self.due_date,
            "time_zone": self.time_zone,
            "grace_days": self.grace_days,
            **_terms_of_installments(self.installments),
        }
        if self.grace_ends_on is not None:
            terms["grace_ends_on"] = self.grace_ends_on
        return terms

    def fill_in_from(self, other: Self) -> None:
        """Fill in the grace of the installments."""
        self.installments = _with_grace_of(self.installments, other.installments)


class Plan(Accepted, array_like=True, gc=False):
    """The accepted `PlanChanged` of a plan version. Its installments are in order of payment."""

    installments: tuple[Installment, ...]
    tellings: "tuple[Plan, ...] | None" = None

    @classmethod
    def from_fact(cls, fact: PlanChanged) -> Self:
        """Take the fields that a view can depend on."""
        return cls(fact.event_id, fact.occurred_at, None, in_order(fact.installments))

    def material_terms(self) -> Mapping[str, object]:
        """Give the installments."""
        return _terms_of_installments(self.installments)

    def fill_in_from(self, other: Self) -> None:
        """Fill in the grace of the installments."""
        self.installments = _with_grace_of(self.installments, other.installments)


class Adjustment(Accepted, array_like=True, gc=False):
    """The accepted `ObligationAdjusted` of an adjustment id."""

    amount_delta_minor: int
    currency: str
    installment_id: str | None = None
    """The installment that it changes."""
    due_date: Day | None = None
    kind: AdjustmentKind | None = None
    tellings: "tuple[Adjustment, ...] | None" = None

    @classmethod
    def from_fact(cls, fact: ObligationAdjusted) -> Self:
        """Take the fields that a view can depend on."""
        return cls(
            fact.event_id,
            fact.occurred_at,
            None,
            fact.amount_delta_minor,
            fact.currency,
            fact.installment_id,
            fact.due_date,
            fact.kind,
        )

    @property
    def is_dated(self) -> bool:
        """Whether it is an installment of its own (contract section 5)."""
        return self.due_date is not None or self.kind == "FEE"

    def material_terms(self) -> Mapping[str, object]:
        """Give the money, and what it is for."""
        terms: dict[str, object] = {"amount_delta_minor": self.amount_delta_minor, "currency": self.currency}
        if self.installment_id is not None:
            terms["installment_id"] = self.installment_id
        if self.due_date is not None:
            terms["due_date"] = self.due_date
        if self.kind is not None:
            terms["kind"] = self.kind
        return terms

    def fill_in_from(self, other: Self) -> None:
        """Fill in what it is for; only a dated adjustment has a due date or is a fee, and it names no installment."""
        if self.installment_id is None and not self.is_dated:
            self.installment_id = other.installment_id
        if self.due_date is None and self.installment_id is None:
            self.due_date = other.due_date
        if self.kind is None and (self.installment_id is None or other.kind != "FEE"):
            self.kind = other.kind


class Cancellation(Accepted, array_like=True, gc=False):
    """The accepted `ObligationCancelled` of a cancellation id. A reason is neither money nor routing."""

    tellings: "tuple[Cancellation, ...] | None" = None

    @classmethod
    def from_fact(cls, fact: ObligationCancelled) -> Self:
        """Take the fields that a view can depend on."""
        return cls(fact.event_id, fact.occurred_at, None)

    def material_terms(self) -> Mapping[str, object]:
        """Give nothing that could differ."""
        return {}


class Reinstatement(Accepted, array_like=True, gc=False):
    """The accepted `ObligationReinstated` of a reinstatement id. A reason is neither money nor routing."""

    tellings: "tuple[Reinstatement, ...] | None" = None

    @classmethod
    def from_fact(cls, fact: ObligationReinstated) -> Self:
        """Take the fields that a view can depend on."""
        return cls(fact.event_id, fact.occurred_at, None)

    def material_terms(self) -> Mapping[str, object]:
        """Give nothing that could differ."""
        return {}


class Application(msgspec.Struct, array_like=True, gc=False):
    """A `PaymentApplication` without the ids that the state already has as keys, and without version 1's fields."""

    revision: int
    shares: tuple[Share, ...]
    """In the order of their places; empty for a payment that was only posted to the obligation."""
    initiated_at: Micros
    currency: str
    pending_until: Micros | None
    posted: dict[str, int]
    rests_on: Micros
    initiation_event_id: str
    assigned_at: Micros
    """The latest of the initiation and the assignment in force."""
    assignment_event_id: str
    property_id: str | None
    """The initiation's property, while its own allocations are in force; else None."""

    @classmethod
    def from_fact(cls, fact: PaymentApplication) -> Self:
        """Take all but the ids. A snapshot of version 1 is one share."""
        shares, assigned_at = fact.shares, fact.assigned_at
        if len(shares) > 1:
            shares = tuple(sorted(shares, key=_place))
        elif not shares and fact.initiated:
            shares = (Share(0, fact.installment_id, fact.standing_minor, fact.in_flight_minor),)
            assigned_at = fact.initiated_at
        return cls(
            fact.revision,
            shares,
            fact.initiated_at,
            fact.currency,
            fact.pending_until,
            fact.posted,
            fact.rests_on,
            fact.initiation_event_id,
            assigned_at,
            fact.assignment_event_id,
            fact.property_id,
        )

    @property
    def initiated(self) -> bool:
        """Whether an allocation in force is for the obligation; else the payment was only posted to it."""
        return bool(self.shares)

    @property
    def standing_minor(self) -> int:
        """The net settled money that the payment gives to the obligation."""
        return sum([share.standing_minor for share in self.shares])

    @property
    def in_flight_minor(self) -> int:
        """The money that counts as pending from `initiated_at` to `pending_until`."""
        return sum([share.in_flight_minor for share in self.shares])

    @property
    def event_ids(self) -> tuple[str, ...]:
        """The events that say what the payment is for: the initiation's, and that of an assignment in force."""
        return tuple([each for each in (self.initiation_event_id, self.assignment_event_id) if each])


def _place(share: Share) -> int:
    return share.place


class ObligationState(msgspec.Struct, array_like=True, gc=False):
    """The accepted facts of an obligation. It survives a round trip through `msgspec.msgpack`."""

    obligation_id: str
    charge: Charge | None = None
    applications: dict[str, Application] = {}
    """By payment id."""
    plans: dict[int, Plan] = {}
    """By plan version; version 0 is the charge's own."""
    adjustments: dict[str, Adjustment] = {}
    """By adjustment id."""
    cancellations: dict[str, Cancellation] = {}
    """By cancellation id; "" for the one without an id."""
    reinstatements: dict[str, Reinstatement] = {}
    """By reinstatement id."""
    decisions: Decisions = {}
    """What people have decided about its breaks."""


def new_obligation(obligation_id: str) -> ObligationState:
    """Create the state of an obligation without facts."""
    return ObligationState(obligation_id)


def apply(state: ObligationState, fact: ObligationFact) -> bool:
    """Apply a fact to a state, in place. Of the applications of one payment the highest revision counts.

    Returns:
        Whether anything changed; False for a redelivery.

    """
    if isinstance(fact, PaymentApplication):
        known = state.applications.get(fact.payment_id)
        if known is not None and known.revision >= fact.revision:
            return False
        state.applications[fact.payment_id] = Application.from_fact(fact)
        return True
    if isinstance(fact, ObligationCharged):
        charge = merge(state.charge, Charge.from_fact(fact))
        if charge is None:
            return False
        state.charge = charge
        return True
    if isinstance(fact, PlanChanged):
        return merge_into(state.plans, fact.plan_version, Plan.from_fact(fact))
    if isinstance(fact, ObligationAdjusted):
        return merge_into(state.adjustments, fact.adjustment_id, Adjustment.from_fact(fact))
    if isinstance(fact, ObligationCancelled):
        return merge_into(state.cancellations, fact.cancellation_id or "", Cancellation.from_fact(fact))
    if isinstance(fact, ObligationReinstated):
        return merge_into(state.reinstatements, fact.reinstatement_id, Reinstatement.from_fact(fact))
    if isinstance(fact, BreakDecided):
        return apply_decision(state.decisions, fact)
    assert_never(fact)


def in_order(installments: tuple[Installment, ...]) -> tuple[Installment, ...]:
    """Sort installments in the order of payment of contract section 5, so that order of listing does not matter."""
    return installments if len(installments) < 2 else tuple(sorted(installments, key=_due_order))


def _due_order(installment: Installment) -> tuple[Day, int, str]:
    return installment.due_date, installment.sequence, installment.installment_id


def _terms_of_installments(installments: tuple[Installment, ...]) -> dict[str, object]:
    """Give the terms of a plan. Its graces are terms of their own: one that is not given conflicts with nothing."""
    terms: dict[str, object] = {
        "installments": tuple(
            [(each.installment_id, each.sequence, each.amount_minor, each.due_date) for each in installments]
        )
    }
    for each in installments:
        if each.grace_ends_on is not None:
            terms[f"grace_ends_on:{each.installment_id}"] = each.grace_ends_on
    return terms


def _with_grace_of(installments: tuple[Installment, ...], others: tuple[Installment, ...]) -> tuple[Installment, ...]:
    """Fill in the graces that are not given from another telling of the same installments, in the same order."""
    return tuple(
        [
            msgspec.structs.replace(each, grace_ends_on=other.grace_ends_on) if each.grace_ends_on is None else each
            for each, other in zip(installments, others, strict=True)
        ]
    )


def identities(state: ObligationState) -> Iterator[tuple[tuple[str, ...], Accepted]]:
    """Give every identity of an obligation, as its record type and id, with the accepted record."""
    if state.charge is not None:
        yield ("ObligationCharged",), state.charge
    for version, plan in state.plans.items():
        yield ("PlanChanged", str(version)), plan
    for adjustment_id, adjustment in state.adjustments.items():
        yield ("ObligationAdjusted", adjustment_id), adjustment
    for cancellation_id, cancellation in state.cancellations.items():
        yield cancellation_identity(cancellation_id), cancellation
    for reinstatement_id, reinstatement in state.reinstatements.items():
        yield ("ObligationReinstated", reinstatement_id), reinstatement


def cancellation_identity(cancellation_id: str) -> tuple[str, ...]:
    """Give the identity of a cancellation; an empty id adds no part (contract section 3)."""
    return ("ObligationCancelled", cancellation_id) if cancellation_id else ("ObligationCancelled",)

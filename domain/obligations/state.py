"""The state of an obligation: its facts, each identity once, and the latest application of each payment.

Contract section 3. States are packed as arrays and stored: fields may only be appended, with a default.
"""

from collections.abc import Iterator
from typing import Self, assert_never

import msgspec

from domain.dedup import Accepted, merge, merge_into
from domain.facts import (
    Installment,
    ObligationAdjusted,
    ObligationCancelled,
    ObligationCharged,
    ObligationFact,
    PaymentApplication,
    PlanChanged,
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

    @classmethod
    def from_fact(cls, fact: ObligationCharged) -> Self:
        """Take the fields that a view can depend on."""
        return cls(
            fact.event_id,
            fact.occurred_at,
            None,
            False,
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
        )

    def material_terms(self) -> tuple[object, ...]:
        """Give money and routing as contract section 3 lists them; period and grace days are not among them."""
        return (
            self.amount_minor,
            self.currency,
            self.due_date,
            self.time_zone,
            self.lease_id,
            self.tenant_id,
            self.property_id,
            self.installments,
        )


class Plan(Accepted, array_like=True, gc=False):
    """The accepted `PlanChanged` of a plan version. Its installments are in order of payment."""

    installments: tuple[Installment, ...]

    @classmethod
    def from_fact(cls, fact: PlanChanged) -> Self:
        """Take the fields that a view can depend on."""
        return cls(
            fact.event_id,
            fact.occurred_at,
            None,
            False,
            in_order(fact.installments),
        )

    def material_terms(self) -> tuple[object, ...]:
        """Give the installments."""
        return self.installments


class Adjustment(Accepted, array_like=True, gc=False):
    """The accepted `ObligationAdjusted` of an adjustment id."""

    amount_delta_minor: int
    currency: str

    @classmethod
    def from_fact(cls, fact: ObligationAdjusted) -> Self:
        """Take the fields that a view can depend on."""
        return cls(
            fact.event_id,
            fact.occurred_at,
            None,
            False,
            fact.amount_delta_minor,
            fact.currency,
        )

    def material_terms(self) -> tuple[object, ...]:
        """Give the money."""
        return self.amount_delta_minor, self.currency


class Cancellation(Accepted, array_like=True, gc=False):
    """The accepted `ObligationCancelled`. Two of them cannot conflict: a reason is neither money nor routing."""

    @classmethod
    def from_fact(cls, fact: ObligationCancelled) -> Self:
        """Take the fields that a view can depend on."""
        return cls(event_id=fact.event_id, occurred_at=fact.occurred_at, duplicate_event_ids=None, conflict=False)

    def material_terms(self) -> tuple[object, ...]:
        """Give nothing that could differ."""
        return ()


class Application(msgspec.Struct, array_like=True, gc=False):
    """A `PaymentApplication` without the ids that the state already has as keys."""

    revision: int
    initiated: bool
    initiated_at: Micros
    currency: str
    installment_id: str | None
    standing_minor: int
    in_flight_minor: int
    pending_until: Micros | None
    posted: dict[str, int]
    rests_on: Micros
    initiation_event_id: str

    @classmethod
    def from_fact(cls, fact: PaymentApplication) -> Self:
        """Take all but the ids."""
        return cls(
            fact.revision,
            fact.initiated,
            fact.initiated_at,
            fact.currency,
            fact.installment_id,
            fact.standing_minor,
            fact.in_flight_minor,
            fact.pending_until,
            fact.posted,
            fact.rests_on,
            fact.initiation_event_id,
        )


class ObligationState(msgspec.Struct, array_like=True, gc=False):
    """The accepted facts of an obligation. It survives a round trip through `msgspec.msgpack`."""

    obligation_id: str
    charge: Charge | None = None
    cancellation: Cancellation | None = None
    plans: dict[int, Plan] = {}
    """By plan version; version 0 is the charge's own."""
    adjustments: dict[str, Adjustment] = {}
    """By adjustment id."""
    applications: dict[str, Application] = {}
    """By payment id."""


def new_obligation(obligation_id: str) -> ObligationState:
    """Create the state of an obligation without facts."""
    return ObligationState(obligation_id)


def apply(state: ObligationState, fact: ObligationFact | PaymentApplication) -> bool:
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
        cancellation = merge(state.cancellation, Cancellation.from_fact(fact))
        if cancellation is None:
            return False
        state.cancellation = cancellation
        return True
    assert_never(fact)


def in_order(installments: tuple[Installment, ...]) -> tuple[Installment, ...]:
    """Sort installments in the order of payment of contract section 5, so that order of listing does not matter."""
    return installments if len(installments) < 2 else tuple(sorted(installments, key=_due_order))


def _due_order(installment: Installment) -> tuple[Day, int, str]:
    return installment.due_date, installment.sequence, installment.installment_id


def identities(state: ObligationState) -> Iterator[tuple[tuple[str, ...], Accepted]]:
    """Give every identity of an obligation, as its record type and id, with the accepted record."""
    if state.charge is not None:
        yield ("ObligationCharged",), state.charge
    for version, plan in state.plans.items():
        yield ("PlanChanged", str(version)), plan
    for adjustment_id, adjustment in state.adjustments.items():
        yield ("ObligationAdjusted", adjustment_id), adjustment
    if state.cancellation is not None:
        yield ("ObligationCancelled",), state.cancellation

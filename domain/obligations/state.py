"""What is remembered of an obligation: its facts, each once, and what each payment last told it.

Contract section 3.
"""

from collections.abc import Iterator
from typing import TypeVar, assert_never

import msgspec

from domain.dedup import Accepted, merge
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
    """The `ObligationCharged` that holds. Its installments are in order."""

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

    def material_terms(self) -> tuple[object, ...]:
        """Give money and routing as section 3 lists them: period and grace days are not among them."""
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
    """The `PlanChanged` that holds for a plan version. Its installments are in order."""

    installments: tuple[Installment, ...]

    def material_terms(self) -> tuple[object, ...]:
        """Give the installments."""
        return self.installments


class Adjustment(Accepted, array_like=True, gc=False):
    """The `ObligationAdjusted` that holds for an adjustment id."""

    amount_delta_minor: int
    currency: str

    def material_terms(self) -> tuple[object, ...]:
        """Give the money."""
        return self.amount_delta_minor, self.currency


class Cancellation(Accepted, array_like=True, gc=False):
    """The `ObligationCancelled` that holds. Two of them cannot conflict: a reason is neither money nor routing."""

    def material_terms(self) -> tuple[object, ...]:
        """Give nothing."""
        return ()


class Application(msgspec.Struct, array_like=True):
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


class ObligationState(msgspec.Struct, array_like=True):
    """The facts learned of an obligation. Packs with `msgspec.msgpack` and unpacks to the same."""

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
    """Begin an obligation of which nothing is known."""
    return ObligationState(obligation_id)


def apply(state: ObligationState, fact: ObligationFact | PaymentApplication) -> bool:
    """Learn a fact, in place. Of the parts of one payment the highest revision holds, whenever it comes.

    Returns:
        Whether anything changed; False for a redelivery.

    """
    if isinstance(fact, PaymentApplication):
        return _apply_application(state, fact)
    if isinstance(fact, ObligationCharged):
        charge = merge(
            state.charge,
            Charge(
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
            ),
        )
        if charge is not None:
            state.charge = charge
        return charge is not None
    if isinstance(fact, PlanChanged):
        plan = Plan(fact.event_id, fact.occurred_at, None, False, in_order(fact.installments))
        return _apply_keyed(state.plans, fact.plan_version, plan)
    if isinstance(fact, ObligationAdjusted):
        adjustment = Adjustment(fact.event_id, fact.occurred_at, None, False, fact.amount_delta_minor, fact.currency)
        return _apply_keyed(state.adjustments, fact.adjustment_id, adjustment)
    if isinstance(fact, ObligationCancelled):
        cancellation = merge(state.cancellation, Cancellation(fact.event_id, fact.occurred_at, None, False))
        if cancellation is not None:
            state.cancellation = cancellation
        return cancellation is not None
    assert_never(fact)


K = TypeVar("K")
H = TypeVar("H", bound=Accepted)


def _apply_keyed(known: dict[K, H], key: K, new: H) -> bool:
    accepted = merge(known.get(key), new)
    if accepted is None:
        return False
    known[key] = accepted
    return True


def _apply_application(state: ObligationState, application: PaymentApplication) -> bool:
    accepted = state.applications.get(application.payment_id)
    if accepted is not None and accepted.revision >= application.revision:
        return False
    state.applications[application.payment_id] = Application(
        application.revision,
        application.initiated,
        application.initiated_at,
        application.currency,
        application.installment_id,
        application.standing_minor,
        application.in_flight_minor,
        application.pending_until,
        application.posted,
        application.rests_on,
        application.initiation_event_id,
    )
    return True


def in_order(installments: tuple[Installment, ...]) -> tuple[Installment, ...]:
    """Put installments in the order of contract section 5. The same ones told in another order are the same plan."""
    return installments if len(installments) < 2 else tuple(sorted(installments, key=_due_order))


def _due_order(installment: Installment) -> tuple[Day, int, str]:
    return installment.due_date, installment.sequence, installment.installment_id


def identities(state: ObligationState) -> Iterator[tuple[tuple[str, ...], Accepted]]:
    """Give every identity known of an obligation, as record type and identity, with what holds for it."""
    if state.charge is not None:
        yield ("ObligationCharged",), state.charge
    for version, plan in state.plans.items():
        yield ("PlanChanged", str(version)), plan
    for adjustment_id, adjustment in state.adjustments.items():
        yield ("ObligationAdjusted", adjustment_id), adjustment
    if state.cancellation is not None:
        yield ("ObligationCancelled",), state.cancellation

"""The filters of the schema as those of the read model."""

from enum import Enum
from typing import TypeVar

import strawberry

from gateway.graphql.errors import bad_argument
from gateway.graphql.schema import inputs
from gateway.graphql.schema.enums import BreakState
from gateway.people.viewer import Viewer
from read_model import selections
from read_model.selections import (
    BreakSelection,
    DecisionSelection,
    LateAlertSelection,
    ObligationSelection,
    PaymentSelection,
    PayoutSelection,
    ReferenceSelection,
)

T = TypeVar("T")
_VALUES_MAX = 100
_TEXT_MAX = 2_049
"""Characters: a key of two parts has up to this many."""


def break_selection(only: inputs.BreakFilter | None) -> BreakSelection:
    """Give the read model's filter of breaks.

    Raises:
        GatewayError: a value cannot be.

    """
    if only is None:
        return BreakSelection()
    if only.min_gross and not only.currency:
        raise bad_argument("`minGross` needs `currency`: amounts of different currencies cannot be compared")
    return BreakSelection(
        state="any" if only.state is None else _STATES[only.state],
        classes=tuple(_symbol(each) for each in _list(only.classes)),
        priorities=tuple(_list(only.priorities)),
        currency=_text(only.currency),
        key_kind=None if not only.key_kind else _symbol(only.key_kind),
        key=_text(only.key),
        decision=None if not only.decision else only.decision.value,
        assignee=_text(only.assignee),
        property_id=_text(only.property),
        tenant_id=_text(only.tenant),
        opened_from=_given(only.opened_after),
        opened_before=_given(only.opened_before),
        min_gross_minor=_given(only.min_gross),
    )


_STATES: dict[BreakState, selections.BreakState] = {
    BreakState.OPEN: "open",
    BreakState.ACCEPTED: "accepted",
    BreakState.RESOLVED: "resolved",
    BreakState.ANY: "any",
}


def payment_selection(only: inputs.PaymentFilter | None) -> PaymentSelection:
    """Give the read model's filter of payments; errors as `break_selection`."""
    if only is None:
        return PaymentSelection()
    if (only.min_amount or only.max_amount) and not only.currency:
        raise bad_argument("`minAmount` and `maxAmount` need `currency`: currencies cannot be compared")
    return PaymentSelection(
        status=None if not only.status else _symbol(only.status),
        property_id=_text(only.property),
        tenant_id=_text(only.tenant),
        method=None if not only.method else _symbol(only.method),
        currency=_text(only.currency),
        obligation_id=_text(only.obligation),
        min_minor=_given(only.min_amount),
        max_minor=_given(only.max_amount),
        rests_on_from=_given(only.latest_from),
        rests_on_before=_given(only.latest_before),
    )


def obligation_selection(only: inputs.ObligationFilter | None) -> ObligationSelection:
    """Give the read model's filter of obligations; errors as `break_selection`."""
    if only is None:
        return ObligationSelection()
    return ObligationSelection(
        status=None if not only.status else _symbol(only.status),
        property_id=_text(only.property),
        tenant_id=_text(only.tenant),
        lease_id=_text(only.lease),
        period=_text(only.period),
        ageing=None if not only.ageing else _symbol(only.ageing),
        currency=_text(only.currency),
    )


def late_selection(only: inputs.LateFilter | None) -> LateAlertSelection:
    """Give the read model's filter of late installments; errors as `break_selection`."""
    if only is None:
        return LateAlertSelection()
    return LateAlertSelection(
        live=only.live,
        stage=None if not only.stage else _symbol(only.stage),
        property_id=_text(only.property),
        tenant_id=_text(only.tenant),
        currency=_text(only.currency),
    )


def reference_selection(only: inputs.ReferenceFilter | None) -> ReferenceSelection:
    """Give the read model's filter of references; errors as `break_selection`."""
    if only is None:
        return ReferenceSelection()
    return ReferenceSelection(
        status=None if not only.status else _symbol(only.status),
        processor=_text(only.processor),
        payment_id=_text(only.payment),
    )


def payout_selection(only: inputs.PayoutFilter | None) -> PayoutSelection:
    """Give the read model's filter of payouts; errors as `break_selection`."""
    if only is None:
        return PayoutSelection()
    return PayoutSelection(
        status=None if not only.status else _symbol(only.status),
        processor=_text(only.processor),
        currency=_text(only.currency),
        account_id=_text(only.account),
        arrival_from=_given(only.arrival_after),
        arrival_before=_given(only.arrival_before),
    )


def decision_selection(only: inputs.DecisionFilter | None, viewer: Viewer) -> DecisionSelection:
    """Give the read model's filter of decisions, with those that wait for this viewer; errors as `break_selection`."""
    if only is None:
        return DecisionSelection()
    return DecisionSelection(
        actor=_text(only.actor),
        action=None if not only.action else _symbol(only.action),
        key=_text(only.key),
        break_id=_text(only.break_id),
        at_from=_given(only.after),
        at_before=_given(only.before),
        waiting_for=viewer.name if only.waiting_for_me else None,
    )


def _given(value: T | None) -> T | None:
    """Give a value of a filter; None where it is absent, which strawberry calls UNSET and which is falsy as a bool."""
    return None if value is strawberry.UNSET else value


def _symbol(value: Enum) -> str:
    if value.name == "UNKNOWN":
        raise bad_argument("UNKNOWN is an answer and no filter")
    return str(value.value)


def _text(value: str | None) -> str | None:
    if not value:
        return None
    if len(value) > _TEXT_MAX:
        raise bad_argument(f"a text of a filter has {len(value)} characters; {_TEXT_MAX} is the most")
    return str(value)


def _list(values: list[T] | None) -> list[T]:
    found = values or []
    if len(found) > _VALUES_MAX:
        raise bad_argument(f"a list of a filter has {len(found)} values; {_VALUES_MAX} is the most")
    return found

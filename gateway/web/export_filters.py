"""The selection of an export from the JSON of GraphQL's filter of that list, checked as GraphQL checks it."""

from collections.abc import Callable, Mapping
from typing import Any

from graphql.utilities import coerce_input_value, validate_input_value
from strawberry.types.arguments import convert_argument

from gateway.graphql.errors import GatewayError
from gateway.graphql.schema import inputs, selections
from gateway.graphql.schema.enums import BreakOrder
from gateway.graphql.schema.factory import gateway_schema

_FILTERS: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "breaks": (inputs.BreakFilter, selections.break_selection),
    "payments": (inputs.PaymentFilter, selections.payment_selection),
    "obligations": (inputs.ObligationFilter, selections.obligation_selection),
    "late": (inputs.LateFilter, selections.late_selection),
    "payouts": (inputs.PayoutFilter, selections.payout_selection),
}
"""The input type and how the read model's filter is made of it, by list."""


def select(name: str, only: Mapping[str, Any], order: str | None) -> tuple[Any, str | None]:
    """The selection and the order.

    Args:
        name: of the list.
        only: the filter.
        order: of breaks, as GraphQL names it.

    Raises:
        ValueError: it is no such filter; the message says what is wrong.

    """
    made_of, made = _FILTERS[name]
    if order is not None and (name != "breaks" or order not in BreakOrder.__members__):
        raise ValueError(f"`order` is one of {', '.join(BreakOrder.__members__)}, and for breaks alone")
    try:
        return made(_input(made_of, only)), None if order is None else str(BreakOrder[order].value)
    except GatewayError as error:
        raise ValueError(error.message) from None


def _input(made_of: Any, value: Mapping[str, Any]) -> Any:
    schema = gateway_schema()
    type_: Any = schema._schema.type_map[made_of.__name__]
    problems: list[str] = []
    validate_input_value(value, type_, lambda error, _: problems.append(error.message), hide_suggestions=True)
    if problems:
        raise ValueError(problems[0])
    coerced = coerce_input_value(value, type_)
    return convert_argument(coerced, made_of, schema.schema_converter.scalar_registry, schema.config)

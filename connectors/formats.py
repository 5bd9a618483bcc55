"""The formats that `rentmatch import` and `rentmatch watch` read: one line each.

A format's module has a function `read(content: bytes, options: <a msgspec.Struct>) -> Found`; the struct is found by
that annotation.
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

import msgspec

from connectors.model import Found

MODULES = {
    "adyen-settlement": "connectors.adyen_settlement",
    "bai2": "connectors.bai2",
    "camt053": "connectors.camt053",
    "csv": "connectors.csv_mapping",
    "mt940": "connectors.mt940",
    "nacha": "connectors.nacha",
    "stripe-payouts": "connectors.stripe_payouts",
}
"""Each format and its module, which is imported when the format is used."""


class OptionsError(ValueError):
    """The options of a format cannot be used; the message names the option."""


@dataclass(frozen=True, slots=True)
class Format:
    """A format, ready to read."""

    name: str
    read: Callable[[bytes, Any], Found]
    options: type[msgspec.Struct]

    @property
    def option_names(self) -> tuple[str, ...]:
        """The names of its options."""
        return self.options.__struct_fields__

    def options_from(self, given: Mapping[str, Any]) -> Any:
        """The options from plain values: numbers and booleans may be text.

        Raises:
            OptionsError: one is unknown, missing, or of another type.

        """
        for name in given:
            if name not in self.option_names:
                known = ", ".join(self.option_names)
                raise OptionsError(f"{self.name} has no option {name!r}; it has {known}")
        try:
            return msgspec.convert(dict(given), self.options, strict=False)
        except msgspec.ValidationError as error:
            raise OptionsError(f"{self.name}: {error}") from None


def format_of(name: str) -> Format:
    """A format by its name in MODULES."""
    module = importlib.import_module(MODULES[name])
    options = get_type_hints(module.read)["options"]
    return Format(name, module.read, options)

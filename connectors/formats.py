"""The formats that `rentmatch import` and `rentmatch watch` read: one line each.

A format's module has a function `read(content: bytes, options: <a msgspec.Struct>) -> Found`; the struct is found by
that annotation.
"""

import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_type_hints

import msgspec

from connectors.model import Found
from connectors.payout_parts import Completed, PayoutParts

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

IN_PARTS = {"stripe-payouts": "connectors.stripe_payout_reports"}
"""Formats of which several files may be about one payout, and the module with `report_payouts` and `complete`. The
format's own module has `read_part` for them, which is `read` without the reports of payouts.
"""


class OptionsError(ValueError):
    """The options of a format cannot be used; the message names the option."""


@dataclass(frozen=True, slots=True)
class PartsOfPayouts:
    """How a format puts together payouts that are in several files."""

    read_part: Callable[[bytes, Any], Found]
    report_payouts: Callable[[Sequence[Found], Any], None]
    """For files that are imported together."""
    complete: Callable[[Iterable[PayoutParts], Any], Completed]
    """For payouts that waited."""


@dataclass(frozen=True, slots=True)
class Format:
    """A format, ready to read."""

    name: str
    read: Callable[[bytes, Any], Found]
    options: type[msgspec.Struct]
    parts: PartsOfPayouts | None = None
    """None: each file is read by itself."""

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
    parts = None
    if name in IN_PARTS:
        reports = importlib.import_module(IN_PARTS[name])
        parts = PartsOfPayouts(module.read_part, reports.report_payouts, reports.complete)
    return Format(name, module.read, options, parts)

"""How often things go wrong in a simulated month. Rates are shares between 0 and 1."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from simulator.broken_payments import BROKEN_PAYMENTS
from simulator.obligations import BROKEN_OBLIGATIONS, HARMLESS_OBLIGATIONS
from simulator.payments import HARMLESS_PAYMENTS


def default_payments() -> dict[str, float]:
    """Return the share of payments of each case; the rest are plain."""
    rates = dict.fromkeys(HARMLESS_PAYMENTS, 0.006) | dict.fromkeys(BROKEN_PAYMENTS, 0.0045)
    return rates | {"retried": 0.02, "failed": 0.02, "returned": 0.015}


def default_obligations() -> dict[str, float]:
    """Return the share of obligations of each case; the rest are only charged."""
    rates = dict.fromkeys(HARMLESS_OBLIGATIONS, 0.01) | dict.fromkeys(BROKEN_OBLIGATIONS, 0.006)
    return rates | {"plan_changed": 0.07, "deferred": 0.05, "deferred_beyond": 0.015, "adjusted": 0.05}


@dataclass(frozen=True)
class Anomalies:
    """Every rate of the simulator. The defaults make each break class and late stage occur among 2,000 obligations."""

    payments: Mapping[str, float] = field(default_factory=default_payments)
    """PaymentCase -> share of payments; the names are those of HARMLESS_PAYMENTS and BROKEN_PAYMENTS."""
    obligations: Mapping[str, float] = field(default_factory=default_obligations)
    """PaymentCase -> share of obligations; the names are those of HARMLESS_OBLIGATIONS and BROKEN_OBLIGATIONS."""
    partial_months: float = 0.05
    late_payers: float = 0.10
    part_payers: float = 0.04
    non_payers: float = 0.05
    last_day_payers: float = 0.04
    """Pay their last installment in the last days of the recording, so that some money is still on its way."""
    split_payments: float = 0.10
    """Installments paid in two payments."""
    paid_again: float = 0.75
    """Of payments that failed or came back: the tenant pays once more."""
    redelivered: float = 0.07
    restamped: float = 0.02
    out_of_order: float = 0.10
    """Facts that arrive minutes to two hours late."""
    wildly_late: float = 0.005
    """Facts that arrive days to weeks late."""
    from_the_future: float = 0.005
    """Facts stamped later than they arrive."""
    bad_input: float = 0.003
    """Bad records for each good one."""

    def __post_init__(self) -> None:
        """Reject unknown cases: a misspelt rate would otherwise have no effect.

        Raises:
            ValueError: a case is unknown.

        """
        unknown = set(self.payments) - set(HARMLESS_PAYMENTS) - set(BROKEN_PAYMENTS)
        unknown |= set(self.obligations) - set(HARMLESS_OBLIGATIONS) - set(BROKEN_OBLIGATIONS)
        if unknown:
            raise ValueError(f"no such case: {', '.join(sorted(unknown))}")

    def times(self, factor: float) -> "Anomalies":
        """Return the same mix with cases and bad input more or less frequent."""
        return replace(
            self,
            payments={name: rate * factor for name, rate in self.payments.items()},
            obligations={name: rate * factor for name, rate in self.obligations.items()},
            bad_input=self.bad_input * factor,
        )


NONE = Anomalies(
    payments={},
    obligations={},
    partial_months=0,
    late_payers=0,
    part_payers=0,
    non_payers=0,
    last_day_payers=0,
    split_payments=0,
    paid_again=0,
    redelivered=0,
    restamped=0,
    out_of_order=0,
    wildly_late=0,
    from_the_future=0,
    bad_input=0,
)
"""Everybody pays on time and nothing goes wrong."""

"""How often things go wrong in a simulated month. Rates are shares between 0 and 1."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from simulator.cases import (
    BROKEN_OBLIGATION_CASES,
    BROKEN_PAYMENT_CASES,
    HARMLESS_OBLIGATION_CASES,
    HARMLESS_PAYMENT_CASES,
    OBLIGATION_CASES,
    PAYMENT_CASES,
)
from simulator.deciding import DECISION_CASES
from simulator.payouts import BROKEN_PAYOUT_CASES, HARMLESS_PAYOUT_CASES, PAYOUT_CASES


def default_payments() -> dict[str, float]:
    """Return the share of payments of each case; the rest are plain."""
    rates = dict.fromkeys(HARMLESS_PAYMENT_CASES, 0.005) | dict.fromkeys(BROKEN_PAYMENT_CASES, 0.004)
    return rates | {"retried": 0.02, "failed": 0.02, "returned": 0.015}


def default_obligations() -> dict[str, float]:
    """Return the share of obligations of each case; the rest are only charged."""
    rates = dict.fromkeys(HARMLESS_OBLIGATION_CASES, 0.009) | dict.fromkeys(BROKEN_OBLIGATION_CASES, 0.006)
    return rates | {"plan_changed": 0.07, "deferred": 0.05, "deferred_beyond": 0.015, "adjusted": 0.05}


def default_payouts() -> dict[str, float]:
    """Return the share of payouts of each case; the rest are plain."""
    rates = dict.fromkeys(HARMLESS_PAYOUT_CASES, 0.012) | dict.fromkeys(BROKEN_PAYOUT_CASES, 0.01)
    return rates | {"unreported": 0.02, "matched_by_a_person": 0.02}


def default_decisions() -> dict[str, float]:
    """Return the share of injected breaks about which people decide in each way."""
    return dict.fromkeys(DECISION_CASES, 0.015) | {"accepted": 0.03, "accepted_too_early": 0.04}


@dataclass(frozen=True)
class Anomalies:
    """Every rate of the simulator. The defaults make each break class and late stage occur among 2,000 obligations."""

    payments: Mapping[str, float] = field(default_factory=default_payments)
    """PaymentCase -> share of payments; the names are those of PAYMENT_CASES."""
    obligations: Mapping[str, float] = field(default_factory=default_obligations)
    """ObligationCase -> share of obligations; the names are those of OBLIGATION_CASES."""
    payouts: Mapping[str, float] = field(default_factory=default_payouts)
    """PayoutCase -> share of payouts; the names are those of PAYOUT_CASES."""
    decisions: Mapping[str, float] = field(default_factory=default_decisions)
    """DecisionCase -> share of the injected breaks; the names are those of DECISION_CASES."""
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
        unknown = set(self.payments) - set(PAYMENT_CASES)
        unknown |= set(self.obligations) - set(OBLIGATION_CASES)
        unknown |= set(self.payouts) - set(PAYOUT_CASES)
        unknown |= set(self.decisions) - set(DECISION_CASES)
        if unknown:
            raise ValueError(f"no such case: {', '.join(sorted(unknown))}")

    def times(self, factor: float) -> "Anomalies":
        """Return the same mix with cases and bad input more or less frequent."""
        return replace(
            self,
            payments={name: rate * factor for name, rate in self.payments.items()},
            obligations={name: rate * factor for name, rate in self.obligations.items()},
            payouts={name: rate * factor for name, rate in self.payouts.items()},
            bad_input=self.bad_input * factor,
        )


NONE = Anomalies(
    payments={},
    obligations={},
    payouts={},
    decisions={},
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

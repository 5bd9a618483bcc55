"""Every case of payments and obligations, by name: those that end without a break, and those that end in one."""

from simulator.broken_payments import BROKEN_PAYMENTS
from simulator.obligation_terms import BROKEN_TERMS, HARMLESS_TERMS
from simulator.obligations import BROKEN_OBLIGATIONS, HARMLESS_OBLIGATIONS, ObligationCase
from simulator.payments import HARMLESS_PAYMENTS, PaymentCase
from simulator.reference_payments import BROKEN_REFERENCES, HARMLESS_REFERENCES
from simulator.repeats import BROKEN_REPEATS, HARMLESS_REPEATS

HARMLESS_PAYMENT_CASES: dict[str, PaymentCase] = {**HARMLESS_PAYMENTS, **HARMLESS_REPEATS, **HARMLESS_REFERENCES}
BROKEN_PAYMENT_CASES: dict[str, PaymentCase] = {**BROKEN_PAYMENTS, **BROKEN_REPEATS, **BROKEN_REFERENCES}
PAYMENT_CASES = {**HARMLESS_PAYMENT_CASES, **BROKEN_PAYMENT_CASES}

HARMLESS_OBLIGATION_CASES: dict[str, ObligationCase] = {**HARMLESS_OBLIGATIONS, **HARMLESS_TERMS}
BROKEN_OBLIGATION_CASES: dict[str, ObligationCase] = {**BROKEN_OBLIGATIONS, **BROKEN_TERMS}
OBLIGATION_CASES = {**HARMLESS_OBLIGATION_CASES, **BROKEN_OBLIGATION_CASES}

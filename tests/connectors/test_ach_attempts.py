"""ACH files through the whole pipeline: whose payment a trace is, and what its returns leave standing."""

import random

import pytest

from connectors.formats import format_of
from domain.facts import InputFact, PaymentInitiated
from domain.records import PaymentReconciliation, ReferenceReconciliation
from domain.time import DAY, HOUR
from streams import topics
from tests.kit.ach_file import AchEntry, ach, contested_addenda, debit, dishonoured_addenda, returned
from tests.kit.driver import Driver

TRACE = "091400600000001"
START = 20_635 * DAY + 16 * HOUR  # noon in New York on 1 July 2026
OUT = ach(debit(85_000, 1, "RENT-JULY"))
BACK = ach(returned(85_000, 1, own=17, identification="RENT-JULY"), created="2607061200", settlement="187")
DISHONOURED = ach(
    AchEntry("27", 85_000, TRACE, "RENT-JULY", (dishonoured_addenda(1, "R68", 17, 4),)),
    created="2607081200", settlement="189",
)  # fmt: skip
CONTESTED = ach(
    AchEntry("26", 85_000, TRACE, "RENT-JULY", (contested_addenda(1, "R73", 17, 4, 29),)),
    created="2607101200", settlement="191",
)  # fmt: skip


def facts_of(*files: bytes, **options: object) -> list[InputFact]:
    format_ = format_of("nacha")
    return [fact for file in files for fact in format_.read(file, format_.options_from(options)).facts]


def initiated(reference: str | None) -> PaymentInitiated:
    return PaymentInitiated(
        event_id="I",
        occurred_at=START,
        payment_id="P-1",
        tenant_id="t1",
        property_id="h1",
        obligation_id="o1",
        installment_id=None,
        amount_minor=85_000,
        currency="USD",
        method="ACH_DEBIT",
        processor="ach",
        processor_reference=reference,
    )


def standing(driver: Driver) -> tuple[int, int]:
    record = driver.last(topics.PAYMENT_RECONCILIATIONS)["P-1"]
    assert isinstance(record, PaymentReconciliation)
    return record.settled.standing_minor, record.settled.returned_minor


NAMED = ach(debit(85_000, 1, "P-1"))
BY_RECORD = facts_of(NAMED, payment_id="identification")
BY_ASSIGNMENT = facts_of(NAMED, payment_id="identification", settles=False)


@pytest.mark.parametrize(
    ("reference", "claims", "options"),
    [
        pytest.param(TRACE, [], {}, id="the initiation claims the trace"),
        pytest.param("RENT-JULY", [], {"reference": "identification"}, id="the initiation claims the identification"),
        pytest.param(None, BY_RECORD, {}, id="the settlement record claims"),
        pytest.param(None, BY_ASSIGNMENT, {}, id="an assignment claims"),
    ],
)
@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([OUT], (85_000, 0)),
        ([OUT, BACK], (0, 85_000)),
        ([OUT, BACK, DISHONOURED], (85_000, 0)),
        ([OUT, BACK, DISHONOURED, CONTESTED], (0, 85_000)),
    ],
)
def test_what_stands(
    reference: str | None,
    claims: list[InputFact],
    options: dict[str, object],
    files: list[bytes],
    expected: tuple[int, int],
) -> None:
    facts = [initiated(reference), *claims, *facts_of(*files, **options), *facts_of(*files, **options)]
    for seed in range(3):
        random.Random(seed).shuffle(facts)
        driver = Driver(now=START + 20 * DAY)
        driver.pipe(*facts)
        driver.run()
        assert standing(driver) == expected


def test_an_unclaimed_trace_is_in_suspense() -> None:
    driver = Driver(now=START + 20 * DAY)
    driver.pipe(*facts_of(OUT))
    driver.run()
    record = driver.last(topics.REFERENCE_RECONCILIATIONS)[f"ach/{TRACE}"]
    assert isinstance(record, ReferenceReconciliation)
    assert (record.payment_id, record.status.value, record.gross_minor) == (None, "suspense", {"USD": 85_000})
    driver.pipe(initiated(TRACE))
    driver.run()
    assert standing(driver) == (85_000, 0)

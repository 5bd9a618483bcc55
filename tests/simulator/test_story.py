"""Sentences for people."""

import pytest

from domain.records import BreakClass, LateStage
from simulator.scenario import simulate
from simulator.story import money, tell_break, tell_late, when
from simulator.truth import truth
from tests.kit.build_scenario import at, charged, initiated, outcome, posted, seen


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (170_000, "USD", "USD 1,700.00"),
        (-5, "USD", "USD -0.05"),
        (120_000, "JPY", "JPY 120,000"),
        (1_234_567, "KWD", "KWD 1,234.567"),
        (0, "EUR", "EUR 0.00"),
    ],
)
def test_money(amount: int, currency: str, text: str) -> None:
    assert money(amount, currency) == text


def test_instants_read_alike_from_micros_and_from_the_command_line() -> None:
    assert when(at("2026-06-09T04:00Z")) == when("2026-06-09T04:00:00Z") == "2026-06-09 04:00 UTC"


def test_a_duplicate_settlement() -> None:
    facts = (charged(), initiated(), outcome(), outcome(processor_reference="R-2"), posted(amount=85_000))
    truth_ = seen("2026-06-04T00:00Z", *facts)
    alert = next(row for row in truth_.open_breaks.values() if row["class"] == "duplicate_settlement")
    assert tell_break(alert, truth_.payments["P-1"], "T-17") == (
        "Payment P-1 was collected twice: tenant T-17 set up USD 850.00 by ach debit, two or more attempts brought "
        "USD 1,700.00; USD 850.00 has to be refunded."
    )
    assert "the tenant set up USD 850.00," in tell_break(alert)


def test_a_late_alert() -> None:
    truth_ = seen("2026-06-09T05:00Z", charged(), initiated(amount=30_000, when="2026-06-08T14:00Z"))
    (alert,) = truth_.live_alerts.values()
    assert tell_late(alert) == (
        "Installment O-1 of obligation O-1 (2026-06) is late: tenant T-1 owed USD 850.00 by 2026-06-02 04:00 UTC, "
        "USD 0.00 is paid and USD 300.00 on its way, and its days of grace are over, a late fee may be charged; "
        "USD 550.00 more cures it."
    )


def test_every_class_and_stage_has_a_sentence_that_names_its_key() -> None:
    made = simulate(1, 2_000)
    told = truth(made, made.closes_at)
    classes, stages = set(), set()
    for alert in told.open_breaks.values():
        sentence = tell_break(alert, told.payments.get(alert["key"]))
        assert alert["key"] in sentence
        assert sentence.endswith(".")
        assert "None" not in sentence
        classes.add(alert["class"])
    for alert in told.live_alerts.values():
        assert alert["installment_id"] in tell_late(alert)
        stages.add(alert["stage"])
    assert classes == {str(name) for name in BreakClass}
    assert stages == {str(name) for name in LateStage}


def test_an_unknown_class_is_an_error() -> None:
    alert = next(iter(seen("2026-07-01T00:00Z", charged(), initiated()).open_breaks.values()))
    with pytest.raises(ValueError, match="no such class"):
        tell_break({**alert, "class": "mystery"})

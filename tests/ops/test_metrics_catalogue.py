"""docs/metrics.md says what is so."""

from domain.records import (
    AgeingBucket,
    BreakLifecycle,
    LateLifecycle,
    LateStage,
    ObligationStatus,
    PaymentStatus,
)
from tests.kit.metrics_catalogue import CATALOGUE, VALUES


def test_closed_lists_are_those_of_the_domain() -> None:
    for metric, label, of in (
        ("rentmatch_payments", "status", PaymentStatus),
        ("rentmatch_obligations", "status", ObligationStatus),
        ("rentmatch_obligations_ageing", "bucket", AgeingBucket),
        ("rentmatch_late_alerts", "stage", LateStage),
        ("rentmatch_break_transitions_total", "lifecycle", BreakLifecycle),
        ("rentmatch_late_alert_transitions_total", "lifecycle", LateLifecycle),
    ):
        assert VALUES[metric, label] == [str(value) for value in of], (metric, label)


def test_lists_are_of_labels_that_are_there() -> None:
    assert [(metric, label) for metric, label in VALUES if label not in CATALOGUE[metric].labels] == []


def test_names_say_the_kind_and_the_unit() -> None:
    assert len(CATALOGUE) > 40
    for name, metric in CATALOGUE.items():
        assert name.endswith("_total") == (metric.kind == "counter"), name
        assert metric.kind in ("counter", "gauge", "histogram"), name
        assert ("currency" in metric.labels) == name.endswith("_minor"), name

"""docs/metrics.md says what is so."""

from typing import get_args

from domain.contributions import UNMATCHED
from domain.facts import DecisionAction
from domain.records import (
    AgeingBucket,
    BreakLifecycle,
    DecisionState,
    LateLifecycle,
    LateStage,
    MatchedBy,
    ObligationStatus,
    PaymentStatus,
    PayoutStatus,
    ReferenceStatus,
)
from domain.tally import WAITING_FOR
from gateway.web.metrics import EXPORTS, SIGN_INS, GatewayMetrics
from ops.ledger.metrics import RECORD_OUTCOMES
from ops.watching.metrics import FILE_OUTCOMES, LINE_OUTCOMES
from ops.webhooks.metrics import OUTCOMES as WEBHOOK_OUTCOMES
from read_model.decisions import DECISIONS
from read_model.documents import KINDS
from read_model.metrics import DECISION_OUTCOMES, OUTCOMES
from streams.topology import TOPOLOGY
from tests.kit.metrics_catalogue import CATALOGUE, VALUES


def test_closed_lists_are_those_of_the_domain() -> None:
    for metric, label, of in (
        ("rentmatch_payments", "status", PaymentStatus),
        ("rentmatch_obligations", "status", ObligationStatus),
        ("rentmatch_obligations_ageing", "bucket", AgeingBucket),
        ("rentmatch_late_alerts", "stage", LateStage),
        ("rentmatch_breaks_by_decision", "decision", DecisionState),
        ("rentmatch_references", "status", ReferenceStatus),
        ("rentmatch_payouts", "status", PayoutStatus),
        ("rentmatch_bank_entries", "matched_by", (*MatchedBy, UNMATCHED)),
        ("rentmatch_waiting_since_timestamp_seconds", "what", WAITING_FOR),
        ("rentmatch_decisions_total", "action", get_args(DecisionAction)),
        ("rentmatch_facts_total", "table", [table.name for table in TOPOLOGY.tables]),
        ("rentmatch_read_model_documents_total", "collection", (*KINDS, DECISIONS)),
        ("rentmatch_read_model_documents_total", "outcome", dict.fromkeys((*OUTCOMES, *DECISION_OUTCOMES))),
        ("rentmatch_webhook_requests_total", "outcome", WEBHOOK_OUTCOMES),
        ("rentmatch_gateway_sign_ins_total", "outcome", SIGN_INS),
        ("rentmatch_gateway_exported_rows_total", "export", EXPORTS),
        ("rentmatch_watch_files_total", "outcome", FILE_OUTCOMES),
        ("rentmatch_watch_lines_total", "outcome", LINE_OUTCOMES),
        ("rentmatch_ledger_records_total", "outcome", RECORD_OUTCOMES),
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


def test_every_metric_of_the_gateway_is_in_the_catalogue() -> None:
    exported = {family.name + ("_total" if family.type == "counter" else "") for family in GatewayMetrics().families()}
    assert exported == {name for name in CATALOGUE if name.startswith("rentmatch_gateway_")}

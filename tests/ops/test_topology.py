"""`rentmatch topology` prints the graph, and the README's picture is the one that it draws."""

import json
import re
from pathlib import Path

from click.testing import CliRunner

from ops.cli import cli
from streams.topology import TOPOLOGY

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")


def printed(*options: str) -> str:
    result = CliRunner().invoke(cli, ["topology", *options])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_picture_in_the_readme_is_the_topology() -> None:
    block = re.search(r"<!-- topology: begin -->\n```mermaid\n(.*?)```\n<!-- topology: end -->", README, re.DOTALL)
    assert block is not None
    assert block[1] == printed("--mermaid"), "put the output of `rentmatch topology --mermaid` between the marks"


def test_the_text_names_everything() -> None:
    text = printed()
    for each in (*TOPOLOGY.processors, *TOPOLOGY.tables, *TOPOLOGY.topics):
        assert re.search(rf"^{each.name}\s", text, re.MULTILINE), each.name
    assert re.search(r"^route_inputs +│ payment-initiated +│ payment-facts +│ -$", text, re.MULTILINE)
    assert "mismatch-alerts (key_kind payment)" in text
    assert "payment-resolutions (late)" in text
    assert re.search(r"^decisions .* for ever$", text, re.MULTILINE)
    assert re.search(r"^dead-letter .* written by the runtime +│ 90 days$", text, re.MULTILINE)


def test_the_json_is_the_graph() -> None:
    graph = json.loads(printed("--json"))
    processors = {each["name"]: each for each in graph["processors"]}
    assert list(processors) == [
        "route_inputs",
        "match_payments",
        "resolve_references",
        "allocate_installments",
        "name_payouts",
        "reconcile_payouts",
        "match_deposits",
    ]
    assert processors["match_payments"] == {
        "name": "match_payments",
        "inputs": ["payment-facts", "payment-resolutions"],
        "late_inputs": ["payment-resolutions"],
        "outputs": ["payment-reconciliations", "mismatch-alerts", "reference-facts", "obligation-facts"],
        "table": "payments",
        "shares": [
            {"topic": "reference-facts", "field": "type", "values": ["ReferenceClaim"]},
            {"topic": "obligation-facts", "field": "type", "values": ["PaymentApplication"]},
            {"topic": "mismatch-alerts", "field": "key_kind", "values": ["payment"]},
        ],
    }
    assert graph["tables"][0] == {
        "name": "payments",
        "id": "p",
        "key": "payment_id",
        "state": "PaymentState",
        "changelog": "payments-changelog",
    }
    topics = {each["name"]: each for each in graph["topics"]}
    assert list(topics) == [topic.name for topic in TOPOLOGY.topics]
    assert topics["payment-initiated"] == {
        "name": "payment-initiated",
        "role": "input",
        "key": "payment_id",
        "records": ["PaymentInitiated", "PaymentReassigned", "ReferenceAssigned"],
        "retention_ms": 2_592_000_000,
        "partitions": None,
        "written_by_runtime": False,
        "meaning": "payments that tenants initiate, and what people assign",
    }
    assert topics["progress"]["partitions"] == 1
    assert topics["progress"]["written_by_runtime"]
    assert topics["decisions"]["retention_ms"] == -1
    assert graph["upstream"]["obligation-facts"] == ["payment-resolutions"]

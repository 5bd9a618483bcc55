"""The dashboards are what the generator makes, and ask only for what is told, in PromQL that parses."""

import json
import re
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.deploy.grafana.boards import DASHBOARDS
from ops.deploy.grafana.generate import FOLDER, text_of
from tests.kit.metrics_catalogue import SERIES, used

RULES = Path(__file__).resolve().parents[2] / "ops" / "deploy" / "prometheus" / "rules"
FILES = {dashboard.name: json.loads((FOLDER / f"{dashboard.name}.json").read_text()) for dashboard in DASHBOARDS}


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    return [inner for panel in board["panels"] for inner in (panel, *panel.get("panels", ()))]


def expressions(board: dict[str, Any]) -> list[str]:
    return [target["expr"] for panel in panels(board) for target in panel.get("targets", ())]


def without_variables(expression: str) -> str:
    """As Grafana would send it."""
    return re.sub(
        r"\$\{?\w+\}?", lambda found: "5m" if "interval" in found[0] or "rate" in found[0] else ".*", expression
    )


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.name)
def test_the_files_are_what_the_generator_makes(dashboard: Any) -> None:
    path = FOLDER / f"{dashboard.name}.json"
    assert path.read_text(encoding="utf-8") == text_of(dashboard), "run: python -m ops.deploy.grafana.generate"


def test_the_three_are_there_and_each_is_its_own() -> None:
    assert set(FILES) == {"business", "pipeline", "exceptions"} == {path.stem for path in FOLDER.glob("*.json")}
    assert len({board["uid"] for board in FILES.values()}) == 3
    for board in FILES.values():
        ids = [panel["id"] for panel in panels(board)]
        assert len(ids) == len(set(ids))
        assert board["schemaVersion"] >= 39
        assert len(expressions(board)) >= 8


@pytest.mark.parametrize("name", FILES)
def test_no_panel_lies_on_another(name: str) -> None:
    places = [(panel["title"], panel["gridPos"]) for panel in FILES[name]["panels"]]
    for (one, a), (other, b) in combinations(places, 2):
        apart = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        above = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        assert apart or above, f"{one} and {other}"
    assert all(place["x"] + place["w"] <= 24 for _, place in places)


@pytest.mark.parametrize("name", FILES)
def test_dashboards_query_only_known_metrics(name: str) -> None:
    recorded = {
        rule["record"]
        for path in RULES.glob("*.yml")
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
        if "record" in rule
    }
    for expression in expressions(FILES[name]):
        for series, labels in used(expression):
            assert series in SERIES, expression
            assert set(labels) <= SERIES[series] | {"job", "instance"}, expression
        for sum_ in re.findall(r"rentmatch:[\w:]+", expression):
            assert sum_ in recorded, expression


def test_every_expression_parses(promtool: Path, tmp_path: Path) -> None:
    rules = [
        {"record": f"dashboard:{number}", "expr": without_variables(expression)}
        for number, expression in enumerate(e for board in FILES.values() for e in expressions(board))
    ]
    path = tmp_path / "expressions.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}))
    done = subprocess.run([promtool, "check", "rules", path], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

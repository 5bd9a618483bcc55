"""Writes the dashboards of `boards.py` as Grafana reads them: `python -m ops.deploy.grafana.generate`."""

import json
from pathlib import Path

from ops.deploy.grafana.boards import DASHBOARDS
from ops.deploy.grafana.panels import Dashboard, as_json

FOLDER = Path(__file__).parent / "dashboards"


def text_of(dashboard: Dashboard) -> str:
    """The file's text; the same dashboard always gives the same."""
    return json.dumps(as_json(dashboard), indent=1, ensure_ascii=False) + "\n"


def write_all() -> None:
    """Write every dashboard's file."""
    for dashboard in DASHBOARDS:
        (FOLDER / f"{dashboard.name}.json").write_text(text_of(dashboard), encoding="utf-8")


if __name__ == "__main__":
    write_all()

"""Prometheus for `make up`, with the alert rules that operators use."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.local import debian

DEPLOY = Path(__file__).resolve().parents[2] / "ops" / "deploy"
SCRAPE_INTERVAL = "5s"
EVALUATION_INTERVAL = "30s"
"""As in ops/deploy/prometheus/prometheus.yml: some rules count evaluations."""


def command_of(port: int, config: Path, data: Path) -> list[str]:
    """Return the command that runs it on a port of 127.0.0.1.

    Raises:
        MissingToolError: it is not installed, and cannot be fetched as a Debian package.

    """
    program = debian.find(debian.PROMETHEUS)
    return [
        str(program),
        f"--config.file={config}",
        f"--storage.tsdb.path={data}",
        "--storage.tsdb.retention.time=45d",
        f"--web.listen-address=127.0.0.1:{port}",
    ]


def write_config(path: Path, targets: Mapping[str, Sequence[int]]) -> None:
    """Write a configuration with the rules of ops/deploy/prometheus, and targets by job name: ports of 127.0.0.1.

    It is JSON, which is valid YAML.
    """
    rules = sorted(str(file) for file in (DEPLOY / "prometheus" / "rules").glob("*.yml"))
    jobs = [
        {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{port}" for port in ports]}]}
        for job, ports in targets.items()
    ]
    config = {
        "global": {"scrape_interval": SCRAPE_INTERVAL, "evaluation_interval": EVALUATION_INTERVAL},
        "rule_files": rules,
        "scrape_configs": jobs,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")

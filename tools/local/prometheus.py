"""Prometheus for the topology: where it finds whom, with the alert rules that operators use."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.local import debian

DEPLOY = Path(__file__).resolve().parents[2] / "ops" / "deploy"
SCRAPE_INTERVAL = "5s"
EVALUATION_INTERVAL = "30s"
"""As in ops/deploy/prometheus/prometheus.yml: the limits of silence count evaluations."""


def command_of(port: int, config: Path, data: Path) -> list[str]:
    """Run it on a port of 127.0.0.1, with this configuration.

    Raises:
        MissingToolError: it is not on this machine, and cannot be fetched as a Debian package.

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
    """Write a configuration: job name -> ports of 127.0.0.1, and the rules of ops/deploy/prometheus.

    It is JSON, which YAML takes as well.
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

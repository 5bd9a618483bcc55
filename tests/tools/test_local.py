"""The parts of `make up` that need no running deployment: ports, folder, feeder, commands."""

import json
import os
import socket
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from domain.time import DAY, SECOND
from ops.breaks.from_api import default_url
from simulator.deliver import value_of
from simulator.scenario import simulate
from streams.codec.codec import Codec
from streams.codec.json_form import instant_from_text
from streams.settings import load
from tests.kit.command_line import Run
from tests.kit.reading import read_all
from tools.local import feeding, ports
from tools.local.feeding import Fed, FeedProgress
from tools.local.folder import AlreadyRunningError, Folder
from tools.local.processes import free_ports
from tools.local.prometheus import write_config
from tools.local.topology import LocalDeployment, Simulation, _simulator
from tools.local.worker import REPOSITORY

NOW = instant_from_text("2026-11-20T12:00:00Z")


# Ports


def test_default_ports_can_be_overridden() -> None:
    assert ports.chosen([]) == dict(ports.DEFAULTS)
    assert ports.chosen(["registry=8085"]) == dict(ports.DEFAULTS) | {"registry": 8085}


def test_free_ports_are_all_different() -> None:
    found = ports.chosen(["registry=8085"], free=True)
    assert found["registry"] == 8085
    assert len(set(found.values())) == len(ports.DEFAULTS)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("nobody=1", "no port is called 'nobody'"),
        ("registry", "'registry': a port is a number"),
        ("registry=0", "a port is a number from 1 to 65535"),
        ("registry=66000", "a port is a number from 1 to 65535"),
        ("registry=9092", "kafka-1 and registry cannot both have port 9092"),
    ],
)
def test_an_invalid_port_is_an_error(given: str, message: str) -> None:
    with pytest.raises(ports.PortError, match=message):
        ports.chosen([given])


def test_ports_in_use_are_reported_with_their_parts() -> None:
    chosen = ports.chosen([], free=True)
    ports.require_free(chosen)
    with socket.create_server(("127.0.0.1", chosen["mongo"])), pytest.raises(ports.PortError) as raised:
        ports.require_free(chosen)
    assert f"in use: {chosen['mongo']} (for mongo)." in str(raised.value)
    assert f"--port mongo={chosen['mongo'] + 10_000}" in str(raised.value)


# The folder


def test_a_folder_is_locked_by_one_process(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "up")
    assert folder.runner() is None
    with folder.locked():
        assert folder.runner() == os.getpid()
        with pytest.raises(AlreadyRunningError, match=f"in process {os.getpid()}"), folder.locked():
            pass
    assert folder.runner() is None


def test_wiping_keeps_only_the_lock(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "up")
    with folder.locked():
        folder.data.mkdir()
        (folder.data / "kept").write_text("x")
        first = folder.token()
        folder.wipe()
        assert [path.name for path in folder.path.iterdir()] == ["lock"]
        assert folder.token() != first


def test_the_env_file_is_private_and_can_be_sourced(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "it's")
    with folder.locked():
        folder.write_env({"RENTMATCH_BROKER": "a:1,b:2", "RENTMATCH_TOPIC_PREFIX": "it's $HOME"})
    assert folder.env.stat().st_mode & 0o777 == 0o600
    line = 'source "$1" && echo "$RENTMATCH_BROKER/$RENTMATCH_TOPIC_PREFIX"'
    printed = subprocess.run(["bash", "-c", line, "-", folder.env], capture_output=True, text=True, check=True).stdout
    assert printed == "a:1,b:2/it's $HOME\n"


def test_the_status_of_an_earlier_run_is_deleted(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.write_status({"is_well": True})
    with folder.locked():
        assert folder.status() is None


def test_the_env_file_has_the_address_of_the_api(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    local = LocalDeployment(folder, ports.chosen([], free=True))
    folder.write_env(local.client_variables())
    line = 'source "$1" && env -0'
    printed = subprocess.run(["bash", "-c", line, "-", folder.env], capture_output=True, text=True, check=True).stdout
    sourced = dict(pair.split("=", 1) for pair in printed.split("\0") if pair.startswith("RENTMATCH_"))
    assert default_url(load(sourced)) == local.url("worker-1")


# Feeding


def test_the_simulator_of_make_up_starts_outside_of_the_installed_packages(tmp_path: Path) -> None:
    simulation = Simulation(seed=1, obligations=10, catching_up_s=5)
    local = LocalDeployment(Folder(tmp_path), ports.chosen([], free=True), simulation=simulation)
    (part,) = _simulator(local)
    subprocess.run(
        [*part.command, "--help"], cwd=part.directory, env=dict(part.environment), capture_output=True, check=True
    )


def test_past_deliveries_are_spread_over_the_catching_up_and_later_ones_keep_their_time() -> None:
    progress = feeding.begin(Path("nowhere"), 3, 40, NOW)
    scenario = progress.scenario()
    assert progress.start == date(2026, 8, 1)
    assert scenario.closes_at > NOW  # the last month is the current one
    times = list(feeding.due(scenario.deliveries, NOW, 60 * SECOND))
    assert [delivery for _, delivery in times] == list(scenario.deliveries)
    assert [at for at, _ in times] == sorted(at for at, _ in times)
    past = [at for at, delivery in times if delivery.arrives_at <= NOW]
    later = [(at, delivery.arrives_at) for at, delivery in times if delivery.arrives_at > NOW + 60 * SECOND]
    assert past[0] == NOW
    assert NOW + 50 * SECOND < past[-1] <= NOW + 60 * SECOND
    assert len(later) > 30
    assert all(at == arrives_at for at, arrives_at in later)


def test_the_feeder_resumes(run: Run, mock_broker: str, tmp_path: Path) -> None:
    settings = load({"RENTMATCH_BROKER": mock_broker, "RENTMATCH_TOPIC_PREFIX": "here."})
    saved = tmp_path / "simulated.json"
    progress = feeding.begin(saved, 3, 20, NOW)
    deliveries = progress.scenario().deliveries
    now = [NOW]

    class PulledPlugError(Exception):
        pass

    def sleep(seconds: float) -> None:
        # Quicker than asked for where there is nothing to be caught up: days are waited for.
        now[0] += int(seconds * SECOND) + 1 if now[0] < NOW + 60 * SECOND else DAY // 4
        if now[0] > NOW + 20 * SECOND and progress.published == 0:
            raise PulledPlugError

    assert not Fed(saved)().ready
    with pytest.raises(PulledPlugError):
        feeding.feed(settings, saved, progress, catching_up_s=30, clock=lambda: now[0], sleep=sleep)
    progress = feeding.begin(saved, 99, 99, NOW)
    assert (progress.seed, progress.obligations) == (3, 20)
    assert 0 < progress.published < len(deliveries)
    assert Fed(saved)().ready
    left = feeding.feed(settings, saved, progress, catching_up_s=30, clock=lambda: now[0], sleep=sleep)
    assert left == len(deliveries) - progress.published
    assert json.loads(saved.read_text())["published"] == len(deliveries)

    codec = Codec()
    for topic in ("payment-initiated", "processor-settled", "ledger-events"):
        found = Counter(record.value for record in read_all(mock_broker, f"here.{topic}"))
        expected = Counter(value_of(d, codec.encode) for d in deliveries if d.topic == topic)
        assert expected - found == Counter()  # what was not confirmed yet comes twice
        assert set(found) == set(expected)


def test_a_scenario_is_the_same_each_time() -> None:
    start = date(2026, 8, 1)
    assert FeedProgress(3, 8, start).scenario() == simulate(3, 8, start=start, months=feeding.MONTHS)


# Prometheus


def test_the_configuration_of_prometheus_lists_the_targets(tmp_path: Path) -> None:
    write_config(tmp_path / "prometheus.yml", {"rentmatch-worker": [6066, 6067]})
    config = json.loads((tmp_path / "prometheus.yml").read_text())
    assert config["scrape_configs"] == [
        {"job_name": "rentmatch-worker", "static_configs": [{"targets": ["127.0.0.1:6066", "127.0.0.1:6067"]}]}
    ]
    assert all(Path(rule).exists() for rule in config["rule_files"])


# Commands


def local(folder: Path, command: str, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "tools.local", command, "--folder", str(folder), *words]
    return subprocess.run(
        line, cwd=REPOSITORY, env=os.environ | env, capture_output=True, text=True, timeout=60, check=False
    )


def test_down_and_status_when_nothing_is_running(tmp_path: Path) -> None:
    down, status = local(tmp_path / "up", "down"), local(tmp_path / "up", "status")
    assert (down.returncode, down.stderr) == (0, "nothing is running\n")
    assert (status.returncode, status.stderr) == (1, "Error: nothing is running; `make up` starts it\n")
    assert not (tmp_path / "up").exists()


def test_without_java_the_error_names_the_package_to_install(tmp_path: Path) -> None:
    done = local(tmp_path / "up", "up", JAVA_HOME=str(tmp_path / "none"))
    assert done.returncode == 1
    assert "no Java: install Java 17 or later" in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_options_are_reported(topology_tools: None, tmp_path: Path) -> None:
    port = free_ports(1)[0]
    with socket.create_server(("127.0.0.1", port)):
        taken = local(tmp_path / "up", "up", "--free-ports", "--port", f"registry={port}")
    assert (taken.returncode, f"{port} (for registry)" in taken.stderr) == (2, True)
    unknown = local(tmp_path / "up", "up", "--free-ports", "--set", "RENTMATCH_CLOK=system")
    assert (unknown.returncode, "did you mean RENTMATCH_CLOCK?" in unknown.stderr) == (2, True)
    assert "Traceback" not in taken.stderr + unknown.stderr

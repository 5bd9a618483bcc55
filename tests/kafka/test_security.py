"""A broker that asks for TLS and SASL: everything goes through it, and what is wrong is told in a sentence, soon."""

from pathlib import Path
from typing import Any

import pytest

from simulator.scenario import simulate
from tests.conftest import MakeCluster, go_without
from tests.kit.certificates import Authority
from tests.kit.deployment import AuditedDeployment
from tools.local.cache import MissingToolError
from tools.local.kafka import KafkaCluster

pytestmark = pytest.mark.kafka

USER, PASSWORD = "rentmatch", "correct-horse-battery"


@pytest.fixture
def authority(pytestconfig: pytest.Config, tmp_path: Path) -> Authority:
    try:
        return Authority(tmp_path / "certificates")
    except MissingToolError as error:
        go_without(pytestconfig, "TLS and SASL", error)


@pytest.fixture
def guarded(kafka_cluster_factory: MakeCluster, authority: Authority) -> KafkaCluster:
    """A broker with a second listener, for SASL over TLS; clients must show a certificate, too."""
    local = "127.0.0.1"
    return kafka_cluster_factory(
        extra_properties={
            "listeners": f"PLAINTEXT://{local}:{{port}},SASL_SSL://{local}:{{extra_port}},"
            f"CONTROLLER://{local}:{{controller_port}}",
            "advertised.listeners": f"PLAINTEXT://{local}:{{port}},SASL_SSL://{local}:{{extra_port}}",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": (
                "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            ),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(authority.sign("broker").both),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(authority.ca),
            "listener.name.sasl_ssl.ssl.client.auth": "required",
        },
        format_arguments=("--add-scram", f"SCRAM-SHA-512=[name={USER},password={PASSWORD}]"),
    )


def settings_of(guarded: KafkaCluster, authority: Authority) -> dict[str, Any]:
    client = authority.sign("client")
    return {
        "broker": f"127.0.0.1:{guarded.extra_ports[0]}",
        "security_protocol": "SASL_SSL",
        "security_ca_file": str(authority.ca),
        "security_cert_file": str(client.certificate),
        "security_key_file": str(client.key),
        "security_sasl_username": USER,
        "security_sasl_password": PASSWORD,
    }


def test_a_month_through_tls_and_sasl_and_errors_of_wrong_credentials(
    guarded: KafkaCluster, authority: Authority, topic_prefix: str, tmp_path: Path
) -> None:
    scenario = simulate(8, 60)
    settings = settings_of(guarded, authority)
    with AuditedDeployment(
        guarded.bootstrap, topic_prefix, tmp_path, clock=scenario.closes_at, session_timeout_ms=2_500, **settings
    ) as deployment:
        # `provision` and the workers go through the guarded listener; the auditor looks from beside.
        worker = deployment.worker()
        deployment.publish(scenario.deliveries)
        deployment.wait_progress(len(scenario.deliveries) // 2)
        worker.kill()
        worker = deployment.worker()
        deployment.wait_settled()
        deployment.check(scenario)
        assert worker.terminate() == 0
        assert PASSWORD not in worker.log.read_text(encoding="utf-8")
        deployment.dismiss("a")

        good = dict(deployment.env)
        other = Authority(tmp_path / "of-somebody-else")
        for name, wrong, told in (
            ("PASSWORD", {"RENTMATCH_SECURITY_SASL_PASSWORD": "wrong-horse"}, "uthentication failed"),
            ("CA", {"RENTMATCH_SECURITY_CA_FILE": str(other.ca)}, "certificate verify failed"),
        ):
            deployment.env = good | wrong
            refused = deployment.worker(f"wrong-{name}")
            assert refused.wait(40) == 1
            log = refused.log.read_text(encoding="utf-8")
            assert "no Kafka broker answers at" in log
            assert told in log
            assert "Traceback" not in log
            assert "wrong-horse" not in log
            deployment.dismiss(f"wrong-{name}")

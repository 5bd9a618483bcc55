"""Settings come from the environment alone; an error names the variable."""

import pytest

from domain.policy import Policy
from streams import topics
from streams.settings import Settings, SettingsError, described, load


def test_every_setting_is_described() -> None:
    rows = {row.name: row for row in described()}
    assert len(rows) == len(Settings.model_fields)
    assert all(row.meaning for row in rows.values())
    assert rows["RENTMATCH_BROKER"].default == "localhost:9092"
    assert rows["RENTMATCH_HTTP_TOKEN"].default == ""
    assert (rows["RENTMATCH_COMPILED_CODEC"].default, rows["RENTMATCH_PARTITIONS"].default) == ("true", "8")


def test_described_defaults_are_the_defaults() -> None:
    assert load({row.name: row.default for row in described() if row.default}) == load({})


def test_every_topic_has_a_setting() -> None:
    settings = load({"RENTMATCH_TOPIC_PREFIX": "eu.", "RENTMATCH_TOPIC_LEDGER_EVENTS": "ledger"})
    assert settings.topic(topics.LEDGER_EVENTS) == "eu.ledger"
    others = [topic for topic in topics.ALL if topic is not topics.LEDGER_EVENTS]
    assert [settings.topic(topic) for topic in others] == [f"eu.{topic.name}" for topic in others]


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("BROKER", "kafka-1", "'kafka-1' is not host:port"),
        ("BROKER", "kafka-1:9092,:9092", "':9092' is not host:port"),
        ("CLOCK", "2026-07-10T00:00:00", "an instant needs a zone"),
        ("CLOCK", "noon", "noon"),
        ("HTTP_PORT", "65536", "less than or equal to 65535"),
        ("PARTITIONS", "none", "integer"),
        ("LOG_FORMAT", "xml", "'text' or 'json'"),
        ("APPLICATION_ID", "rent match", "match pattern"),
        ("WORKER_ID", "a/b", "match pattern"),
        ("COMPILED_CODEC", "perhaps", "boolean"),
        ("FOUR_EYES_MINOR", "1000", "'1000' is not CURRENCY=MINOR_UNITS; write it as in USD=100000,*=50000"),
        ("FOUR_EYES_MINOR", "", "'' is not CURRENCY=MINOR_UNITS"),
        ("FOUR_EYES_MINOR", "USD=100000,", "'' is not CURRENCY=MINOR_UNITS"),
        ("FOUR_EYES_MINOR", "USD=1000.00", "'USD=1000.00' is not CURRENCY=MINOR_UNITS"),
        ("FOUR_EYES_MINOR", "USD=-1", "'USD=-1' is not CURRENCY=MINOR_UNITS"),
        ("FOUR_EYES_MINOR", "usd=1", "'usd' is no ISO 4217 currency"),
        ("FOUR_EYES_MINOR", "USD=1,USD=2", "USD is there twice"),
        ("BROKERS", "kafka-1:9092", "did you mean RENTMATCH_BROKER"),
        ("XYZZY", "1", "rentmatch settings"),
    ],
)
def test_a_wrong_variable_is_named(name: str, value: str, says: str) -> None:
    with pytest.raises(SettingsError, match=f"^RENTMATCH_{name}[: ]") as caught:
        load({f"RENTMATCH_{name}": value})
    assert says in str(caught.value)


def test_four_eyes_by_currency() -> None:
    assert load({}).policy.four_eyes_minor == Policy().four_eyes_minor == {"USD": 100_000, "JPY": 150_000, "*": 100_000}
    settings = load({"RENTMATCH_FOUR_EYES_MINOR": "EUR=0, KWD=1000000"})
    assert settings.policy.four_eyes_minor == {"EUR": 0, "KWD": 1_000_000}


def test_other_variables_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER", "elsewhere:1")
    monkeypatch.setenv("RENTMATCH_BROKER", "elsewhere:1")
    assert load({"BROKER": "elsewhere:1"}).broker == "localhost:9092"
    assert Settings().broker == "localhost:9092"


def test_the_clock_stands_at_its_instant() -> None:
    assert load({}).standing_clock is None
    assert load({"RENTMATCH_CLOCK": "1970-01-01T01:00:00.000001+01:00"}).standing_clock == 1


def test_the_configuration_of_every_kafka_client() -> None:
    assert load({}).kafka(acks="all") == {
        "bootstrap.servers": "localhost:9092",
        "security.protocol": "PLAINTEXT",
        "acks": "all",
    }
    secured = {
        "RENTMATCH_SECURITY_PROTOCOL": "SASL_SSL",
        "RENTMATCH_SECURITY_CA_FILE": "ca.pem",
        "RENTMATCH_SECURITY_CERT_FILE": "cert.pem",
        "RENTMATCH_SECURITY_KEY_FILE": "key.pem",
        "RENTMATCH_SECURITY_KEY_PASSWORD": "secret",
        "RENTMATCH_SECURITY_SASL_USERNAME": "anna",
    }
    assert load(secured).kafka() == {
        "bootstrap.servers": "localhost:9092",
        "security.protocol": "SASL_SSL",
        "ssl.ca.location": "ca.pem",
        "ssl.certificate.location": "cert.pem",
        "ssl.key.location": "key.pem",
        "ssl.key.password": "secret",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "anna",
        "sasl.password": "",
    }

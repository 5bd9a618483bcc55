"""Every setting of rentmatch: environment variables `RENTMATCH_…`, read once at the start.

A bad or unknown variable is an error that names it. The table in README.md is checked against this module by a test.
"""

import difflib
import ipaddress
import os
import re
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import unquote, urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from domain.facts import Micros
from domain.policy import Policy
from streams.topics import Topic

PREFIX = "RENTMATCH_"

TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{16,512}")
"""A bearer token: what RFC 6750 lets it be made of, and too long to be guessed."""

NO_WEB_SERVER = "http://no-web-server.invalid"
"""What a worker without a web server is known by to the others: a name that no resolver answers (RFC 6761)."""


class SettingsError(ValueError):
    """A setting is unknown or its value cannot be used; the message names the variable and says what to do."""


class Settings(BaseSettings):
    """All settings. Field `state_dir` is the variable `RENTMATCH_STATE_DIR`, and so on."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    broker: str = Field("localhost:9092", description="Kafka bootstrap servers, host:port, comma-separated")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="how to speak to the broker"
    )
    security_ca_file: Path | None = Field(
        None, description="PEM file of the certificate authority that signed the broker's certificate"
    )
    security_cert_file: Path | None = Field(None, description="PEM file of our client certificate")
    security_key_file: Path | None = Field(None, description="PEM file of our client key")
    security_key_password: SecretStr | None = Field(None, description="password of the client key")
    security_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="SASL mechanism"
    )
    security_sasl_username: str | None = Field(None, description="SASL user")
    security_sasl_password: SecretStr | None = Field(None, description="SASL password")
    schema_registry_url: str | None = Field(
        None, description="Confluent-compatible Schema Registry; when set, outputs use Confluent framing"
    )
    schema_registry_username: str | None = Field(None, description="basic-auth user of the Schema Registry")
    schema_registry_password: SecretStr | None = Field(None, description="basic-auth password of the Schema Registry")

    application_id: str = Field(
        "rentmatch",
        pattern=r"^[a-zA-Z0-9._-]{1,100}$",
        description="consumer group, and prefix of the transactional ids",
    )
    worker_id: str | None = Field(
        None,
        pattern=r"^[a-zA-Z0-9._-]{1,100}$",
        description="stable name of this worker; default: the host name and the first free slot in the state directory",
    )
    state_dir: Path = Field(Path(".rentmatch/state"), description="where the local state is kept, a folder a worker")
    http_host: str = Field("127.0.0.1", description="address that the worker's web server listens on")
    http_port: int = Field(6066, ge=0, le=65535, description="port of the worker's web server; 0 turns it off")
    http_token: SecretStr | None = Field(
        None,
        description="bearer tokens of the HTTP API, comma-separated (each at least 16 characters); needed unless the "
        "web server listens on a loopback address",
    )
    http_advertised_url: str | None = Field(
        None,
        description="how other workers reach this worker's web server; default: http://, the address that it listens "
        "on (the host name where that is all addresses) and the port",
    )
    mongo_url: SecretStr | None = Field(
        None, description="connection string of the MongoDB that holds the read model; may hold a user and a password"
    )
    mongo_database: str = Field("rentmatch", pattern=r"^[a-zA-Z0-9_-]{1,63}$", description="database of the read model")
    mongo_ca_file: Path | None = Field(
        None, description="PEM file of the certificate authority that signed MongoDB's certificate; turns TLS on"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="how much to log")
    log_format: Literal["text", "json"] = Field("text", description="lines for people, or one JSON object a line")
    clock: str = Field(
        "system", description="`system`, or an ISO 8601 instant with a zone at which the service's clock stands still"
    )

    commit_interval_ms: int = Field(
        100, ge=1, le=60_000, description="time between two commits under load; up to 20 times that in a backlog"
    )
    progress_interval_ms: int = Field(
        500, ge=10, le=60_000, description="how often caught-up time is measured and written"
    )
    transaction_timeout_ms: int = Field(
        15_000, ge=1_000, le=900_000, description="the broker aborts a dead worker's transaction after this"
    )
    session_timeout_ms: int = Field(
        10_000, ge=1_000, le=300_000, description="the group gives up a silent worker after this"
    )
    standby_replicas: int = Field(
        0, ge=0, le=10, description="how many other workers keep a warm copy of each table partition"
    )

    compiled_codec: bool = Field(
        True, description="use the compiled Avro codec where it was built; `false`: plain Python, for comparison"
    )

    partitions: int = Field(8, ge=1, le=10_000, description="partitions that `provision` gives a topic that it creates")
    replication_factor: int = Field(
        0,
        ge=0,
        le=32_767,
        description="replication that `provision` gives a topic; 0: three, or as many as there are brokers",
    )

    topic_prefix: str = Field("", pattern=r"^[a-zA-Z0-9._-]{0,100}$", description="put before every topic's name")
    topic_payment_initiated: str = Field("payment-initiated", description="input topic")
    topic_processor_settled: str = Field("processor-settled", description="input topic")
    topic_ledger_events: str = Field("ledger-events", description="input topic")
    topic_payment_facts: str = Field("payment-facts", description="internal topic")
    topic_obligation_facts: str = Field("obligation-facts", description="internal topic")
    topic_progress: str = Field("progress", description="internal topic")
    topic_payments_changelog: str = Field("payments-changelog", description="changelog topic")
    topic_obligations_changelog: str = Field("obligations-changelog", description="changelog topic")
    topic_payment_reconciliations: str = Field("payment-reconciliations", description="output topic")
    topic_obligation_reconciliations: str = Field("obligation-reconciliations", description="output topic")
    topic_mismatch_alerts: str = Field("mismatch-alerts", description="output topic")
    topic_late_payment_alerts: str = Field("late-payment-alerts", description="output topic")
    topic_dead_letter: str = Field("dead-letter", description="output topic")

    settlement_banking_days_ach_debit: int = Field(
        5, ge=0, le=365, description="ACH_DEBIT must settle within these banking days"
    )
    settlement_banking_days_card: int = Field(2, ge=0, le=365, description="CARD must settle within these banking days")
    settlement_banking_days_check: int = Field(
        10, ge=0, le=365, description="CHECK must settle within these banking days"
    )
    settlement_banking_days_cash: int = Field(1, ge=0, le=365, description="CASH must settle within these banking days")
    settlement_minutes_instant: int = Field(
        60, ge=0, le=525_600, description="INSTANT must settle within these minutes"
    )
    posting_banking_days: int = Field(
        1, ge=0, le=365, description="a settlement must be posted within these banking days"
    )
    orphan_grace_minutes: int = Field(
        30, ge=0, le=525_600, description="how long a record may wait for the one it refers to"
    )

    @field_validator("clock")
    @classmethod
    def _clock_is_an_instant(cls, value: str) -> str:
        if value != "system":
            parsed = datetime.fromisoformat(value)
            if parsed.tzinfo is None:
                raise ValueError("an instant needs a zone, as in 2026-07-10T00:00:00Z")
        return value

    @field_validator("broker")
    @classmethod
    def _broker_has_ports(cls, value: str) -> str:
        for server in value.split(","):
            host, _, port = server.strip().rpartition(":")
            if not host or not port.isdigit():
                raise ValueError(f"{server.strip()!r} is not host:port")
        return value

    @field_validator("http_token")
    @classmethod
    def _tokens_are_tokens(cls, value: SecretStr | None) -> SecretStr | None:
        for token in () if value is None else value.get_secret_value().split(","):
            if TOKEN.fullmatch(token.strip()) is None:
                raise ValueError("each token needs 16 to 512 characters out of A-Z a-z 0-9 . _ ~ + / = -")
        return value

    @field_validator("http_advertised_url")
    @classmethod
    def _advertised_url_is_a_root(cls, value: str | None) -> str | None:
        parts = urlsplit("http://host" if value is None else value)
        if (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or parts.query
            or parts.fragment
            or "@" in parts.netloc
        ):
            raise ValueError("it must be http(s)://host[:port], as other workers reach this one")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take only what `load` hands over: no hidden .env file, no second reading of the environment."""
        return (init_settings,)

    @cached_property
    def standing_clock(self) -> Micros | None:
        """The instant at which the clock stands still, or None for the system's clock."""
        if self.clock == "system":
            return None
        delta = datetime.fromisoformat(self.clock) - datetime(1970, 1, 1, tzinfo=UTC)
        return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds

    @cached_property
    def policy(self) -> Policy:
        """The deadlines, as the domain takes them."""
        minute = 60 * 1_000_000
        return Policy(
            settlement_banking_days_ach_debit=self.settlement_banking_days_ach_debit,
            settlement_banking_days_card=self.settlement_banking_days_card,
            settlement_banking_days_check=self.settlement_banking_days_check,
            settlement_banking_days_cash=self.settlement_banking_days_cash,
            settlement_micros_instant=self.settlement_minutes_instant * minute,
            posting_banking_days=self.posting_banking_days,
            orphan_grace_micros=self.orphan_grace_minutes * minute,
        )

    @cached_property
    def http_tokens(self) -> tuple[bytes, ...]:
        """The bearer tokens that the HTTP API takes."""
        given = "" if self.http_token is None else self.http_token.get_secret_value()
        return tuple(token.strip().encode() for token in given.split(",") if token.strip())

    @cached_property
    def advertised_url(self) -> str:
        """The root of this worker's web server for other workers, without a slash at the end."""
        if self.http_port == 0:
            return NO_WEB_SERVER
        if self.http_advertised_url is not None:
            return self.http_advertised_url.rstrip("/")
        host = self.http_host
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            pass
        else:
            # All addresses is none that another machine could connect to.
            host = socket.gethostname() if address.is_unspecified else f"[{host}]" if address.version == 6 else host
        return f"http://{host}:{self.http_port}"

    def check_web(self) -> None:
        """Refuse a web server that anybody on the network could ask.

        Raises:
            SettingsError: it listens on more than the loopback address, and no token is set.

        """
        if self.http_port and not self.http_tokens and not is_loopback(self.http_host):
            raise SettingsError(
                f"RENTMATCH_HTTP_HOST is {self.http_host!r}, which other machines can reach, and RENTMATCH_HTTP_TOKEN "
                "is not set: set a token of at least 16 characters (`openssl rand -hex 32` makes one), listen on "
                "127.0.0.1, or turn the web server off with RENTMATCH_HTTP_PORT=0"
            )

    def topic(self, topic: Topic) -> str:
        """The name of a topic on this installation: its setting behind the prefix."""
        return self.topic_prefix + str(getattr(self, topic.setting))

    def secrets(self) -> set[str]:
        """Every value that no log may hold: the secret settings, and the passwords inside of URLs."""
        found = {token.decode() for token in self.http_tokens}
        for name in type(self).model_fields:
            value = getattr(self, name)
            text = value.get_secret_value() if isinstance(value, SecretStr) else value
            if isinstance(value, SecretStr):
                found.add(text)
            if isinstance(text, str) and "://" in text and (password := urlsplit(text).password):
                found |= {password, unquote(password)}
        return found

    def kafka(self, **more: Any) -> dict[str, Any]:
        """The librdkafka configuration that every client of ours starts from."""
        conf: dict[str, Any] = {"bootstrap.servers": self.broker, "security.protocol": self.security_protocol}
        if self.security_ca_file:
            conf["ssl.ca.location"] = str(self.security_ca_file)
        if self.security_cert_file:
            conf["ssl.certificate.location"] = str(self.security_cert_file)
        if self.security_key_file:
            conf["ssl.key.location"] = str(self.security_key_file)
        if self.security_key_password:
            conf["ssl.key.password"] = self.security_key_password.get_secret_value()
        if self.security_protocol.startswith("SASL"):
            conf["sasl.mechanism"] = self.security_sasl_mechanism
            conf["sasl.username"] = self.security_sasl_username or ""
            conf["sasl.password"] = (
                self.security_sasl_password.get_secret_value() if self.security_sasl_password else ""
            )
        return conf | more


def is_loopback(host: str) -> bool:
    """Whether a host is this machine alone: `localhost`, or an address of 127.0.0.0/8 or ::1."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment.

    Raises:
        SettingsError: a variable that begins with RENTMATCH_ is unknown, or a value cannot be used.

    """
    environ = os.environ if environ is None else environ
    given: dict[str, Any] = {name: value for name, value in environ.items() if name.startswith(PREFIX)}
    known = {PREFIX + field.upper(): field for field in Settings.model_fields}
    for name in sorted(given):
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else "; `rentmatch settings` lists all"
            raise SettingsError(f"{name} is not a setting of rentmatch{hint}")
    try:
        return Settings(**{known[name]: value for name, value in given.items()})
    except ValidationError as error:
        first = error.errors()[0]
        name = PREFIX + str(first["loc"][0]).upper() if first["loc"] else PREFIX
        field = Settings.model_fields.get(str(first["loc"][0])) if first["loc"] else None
        secret = field is not None and SecretStr in get_args(field.annotation)
        got = "a secret, not shown" if secret else f"got {first.get('input')!r}"
        raise SettingsError(f"{name}: {first['msg']} ({got})") from None

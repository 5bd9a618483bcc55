"""How clients reach the Kafka brokers and the Schema Registry."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, SecretStr


def _servers(text: str) -> str:
    for server in text.split(","):
        host, _, port = server.strip().rpartition(":")
        if not host or not port.isdigit():
            raise ValueError(f"{server.strip()!r} is not host:port")
    return text


class KafkaSettings(BaseModel):
    """Addresses and credentials."""

    broker: Annotated[str, AfterValidator(_servers)] = Field(
        "localhost:9092", description="Kafka bootstrap servers, host:port, comma-separated"
    )
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="security protocol of the connections to the brokers"
    )
    security_ca_file: Path | None = Field(
        None, description="PEM file of the certificate authority that signed the brokers' certificates"
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
        None, description="Confluent-compatible Schema Registry; if set, outputs use Confluent framing"
    )
    schema_registry_username: str | None = Field(None, description="basic-auth user of the Schema Registry")
    schema_registry_password: SecretStr | None = Field(None, description="basic-auth password of the Schema Registry")

    def kafka(self, **more: Any) -> dict[str, Any]:
        """The librdkafka configuration that every client starts from, with `more` on top."""
        conf: dict[str, Any] = {
            "bootstrap.servers": self.broker,
            "security.protocol": self.security_protocol,
            "ssl.ca.location": self.security_ca_file and str(self.security_ca_file),
            "ssl.certificate.location": self.security_cert_file and str(self.security_cert_file),
            "ssl.key.location": self.security_key_file and str(self.security_key_file),
            "ssl.key.password": _revealed(self.security_key_password) or None,
        }
        if self.security_protocol.startswith("SASL"):
            conf["sasl.mechanism"] = self.security_sasl_mechanism
            conf["sasl.username"] = self.security_sasl_username or ""
            conf["sasl.password"] = _revealed(self.security_sasl_password)
        return {name: value for name, value in conf.items() if value is not None} | more


def _revealed(secret: SecretStr | None) -> str:
    return "" if secret is None else secret.get_secret_value()

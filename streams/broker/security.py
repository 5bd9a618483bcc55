"""How Faust's and aiokafka's side of the worker speaks to a broker that asks for TLS or SASL."""

import ssl
from typing import Any

from faust.auth import SASLCredentials, SSLCredentials
from faust.types.auth import SASLMechanism

from streams.settings import Settings


def faust_credentials(settings: Settings) -> Any:
    """Credentials for the group's connection, or None where the broker asks for none."""
    context = _context(settings) if settings.security_protocol.endswith("SSL") else None
    if settings.security_protocol.startswith("SASL"):
        password = settings.security_sasl_password
        credentials = SASLCredentials(
            username=settings.security_sasl_username,
            password=password.get_secret_value() if password else None,
            ssl_context=context,
            mechanism=SASLMechanism(settings.security_sasl_mechanism),
        )
        if context is None:
            credentials.protocol = "SASL_PLAINTEXT"
        return credentials
    return SSLCredentials(context) if context is not None else None


def _context(settings: Settings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.security_ca_file)
    if settings.security_cert_file:
        password = settings.security_key_password
        context.load_cert_chain(
            settings.security_cert_file,
            settings.security_key_file,
            password.get_secret_value() if password else None,
        )
    return context

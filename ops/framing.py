"""The codec that the settings ask for: with a Schema Registry or without."""

from streams.codec import Codec
from streams.registry import SchemaRegistry
from streams.settings import Settings, SettingsError


def codec_of(settings: Settings) -> Codec:
    """Make the codec for an installation; the registry is first spoken to when a record needs it.

    Raises:
        SettingsError: the Schema Registry's URL cannot be one.

    """
    if settings.schema_registry_url is None:
        return Codec()
    password = settings.schema_registry_password
    try:
        registry = SchemaRegistry(
            settings.schema_registry_url,
            settings.schema_registry_username,
            None if password is None else password.get_secret_value(),
        )
    except ValueError as error:
        raise SettingsError(f"RENTMATCH_SCHEMA_REGISTRY_URL: {error}") from None
    return Codec(registry)

"""Every setting of rentmatch: environment variables `RENTMATCH_…`, read once at the start.

One module for each subject. A bad or unknown variable is an error that names it.
"""

import difflib
import os
from collections.abc import Mapping
from typing import Any, NamedTuple, get_args
from urllib.parse import unquote, urlsplit

from pydantic import ConfigDict, SecretStr, ValidationError

from streams.settings.deadlines import DeadlineSettings
from streams.settings.decisions import DecisionSettings
from streams.settings.errors import SettingsError
from streams.settings.gateway import GatewaySettings
from streams.settings.http import NO_WEB_SERVER, HttpSettings, is_loopback
from streams.settings.kafka import KafkaSettings
from streams.settings.ledger import LedgerSettings
from streams.settings.read_model import ReadModelSettings
from streams.settings.topics import TopicSettings
from streams.settings.webhooks import WebhookSettings
from streams.settings.worker import WorkerSettings

__all__ = ["NO_WEB_SERVER", "PREFIX", "SettingRow", "Settings", "SettingsError", "described", "is_loopback", "load"]

PREFIX = "RENTMATCH_"


# Pydantic takes the fields of the last base first: this is the order of the documentation from its end.
class Settings(
    DecisionSettings,
    DeadlineSettings,
    TopicSettings,
    LedgerSettings,
    ReadModelSettings,
    WebhookSettings,
    GatewaySettings,
    HttpSettings,
    WorkerSettings,
    KafkaSettings,
):
    """All settings. Field `state_dir` is the variable `RENTMATCH_STATE_DIR`, and so on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def secrets(self) -> set[str]:
        """Every value that no log may contain: the secret settings, and the passwords inside URLs."""
        found = {token.decode() for token in (*self.http_tokens, *self.stripe_webhook_secrets)}
        for name in type(self).model_fields:
            value = getattr(self, name)
            text = value.get_secret_value() if isinstance(value, SecretStr) else value
            if isinstance(value, SecretStr):
                found.add(text)
            if isinstance(text, str) and "://" in text and (password := urlsplit(text).password):
                found |= {password, unquote(password)}
        return found


class SettingRow(NamedTuple):
    """One setting, as the documentation lists it."""

    name: str
    """The environment variable."""
    default: str
    """As one would set it; empty where there is none."""
    meaning: str


def described() -> list[SettingRow]:
    """Every setting with its default and meaning, in the order of the documentation."""
    return [
        SettingRow(PREFIX + name.upper(), _as_set(info.default), str(info.description))
        for name, info in Settings.model_fields.items()
    ]


def _as_set(value: Any) -> str:
    """A value as an environment variable holds it."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment.

    Raises:
        SettingsError: a variable that begins with RENTMATCH_ is unknown, or a value cannot be used.

    """
    environ = os.environ if environ is None else environ
    given = {name: value for name, value in environ.items() if name.startswith(PREFIX)}
    known = {PREFIX + field.upper(): field for field in Settings.model_fields}
    for name in sorted(given.keys() - known):
        near = difflib.get_close_matches(name.removeprefix(PREFIX).lower(), Settings.model_fields, n=1)
        hint = f"; did you mean {PREFIX}{near[0].upper()}?" if near else "; `rentmatch settings` lists all"
        raise SettingsError(f"{name} is not a setting of rentmatch{hint}")
    try:
        return Settings.model_validate({known[name]: value for name, value in given.items()})
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0])
        is_secret = SecretStr in get_args(Settings.model_fields[field].annotation)
        found = "a secret, not shown" if is_secret else f"got {first['input']!r}"
        raise SettingsError(f"{PREFIX}{field.upper()}: {first['msg']} ({found})") from None

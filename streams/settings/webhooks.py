"""The receiver of Stripe's webhooks: where it listens, and how it knows that a request is from Stripe."""

from functools import cached_property
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, SecretStr


def _secrets(value: SecretStr | None) -> SecretStr | None:
    for secret in () if value is None else value.get_secret_value().split(","):
        if len(secret.strip()) < 16:
            raise ValueError("each secret needs at least 16 characters, as in whsec_…")
    return value


class WebhookSettings(BaseModel):
    """Address and secrets of `rentmatch receive-webhooks`."""

    webhook_host: str = Field("127.0.0.1", description="address that `rentmatch receive-webhooks` listens on")
    webhook_port: int = Field(6067, ge=1, le=65535, description="port that `rentmatch receive-webhooks` listens on")
    stripe_webhook_secret: Annotated[SecretStr | None, AfterValidator(_secrets)] = Field(
        None,
        description="signing secrets of the Stripe webhook endpoint (`whsec_…`), comma-separated: two while one is "
        "rolled",
    )
    stripe_payment_id_key: str | None = Field(
        None, min_length=1, max_length=200, description="key of Stripe's metadata that holds our payment id"
    )

    @cached_property
    def stripe_webhook_secrets(self) -> tuple[bytes, ...]:
        """The secrets, any of which may have signed a request."""
        given = "" if self.stripe_webhook_secret is None else self.stripe_webhook_secret.get_secret_value()
        return tuple(secret.strip().encode() for secret in given.split(",") if secret.strip())

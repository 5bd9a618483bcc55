"""Schemas by id or GUID, and ids of schemas, from a Schema Registry (Confluent's, or another with its REST interface).

Confluent's own client does the asking. Here is what a ledger adds: a registry that is away says nothing about a record.
That is `RegistryUnavailable`, on which a worker stops, and never a dead letter. Only the registry's own answer that it
does not know an id makes one.
"""

import logging
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from streams.codec.avro_schemas import Schema, SchemaError, parse_writer
from streams.codec.dead_letters import BadInput, DeadLetterClass

UNKNOWN_FOR_SECONDS = 5.0
"""How long an unknown id is not asked for again: a flood of them must not become a flood of requests, and a schema that
is registered late must be found soon."""
UNKNOWN_MAX = 10_000
_NOT_FOUND = {40401, 40402, 40403}
"""The registry's codes for an unknown subject, version or schema. A bare 404 may come from a wrong URL."""
_REFUSED = {409, 422}
"""HTTP statuses of a schema that is incompatible or invalid."""


class RegistryError(Exception):
    """The Schema Registry could not do what it was asked; no fault of any record."""


class RegistryUnavailable(RegistryError):
    """The registry is away, busy, refuses our credentials, or is not a Schema Registry. To be tried again."""


class SchemaRefusedError(RegistryError):
    """The registry refuses to register a schema: invalid, or incompatible with the subject's versions."""


class _NotFoundError(Exception):
    pass


class _NoSuchPathError(RegistryUnavailable):
    pass


def id_text(schema_id: int | UUID) -> str:
    """An id or a GUID, for messages."""
    return f"GUID {schema_id}" if isinstance(schema_id, UUID) else f"id {schema_id}"


class SchemaRegistry:
    """A Schema Registry, each of whose schemas is asked for once.

    Args:
        url: the registry's base URL, with a path if it has one (`…/apis/ccompat/v7`); several, comma-separated, are
            tried in turn.
        username: for HTTP basic authentication; None: without.
        password: for HTTP basic authentication.
        timeout_s: how long one request may take, in seconds.

    Raises:
        ValueError: the URL is none.

    """

    def __init__(
        self, url: str, username: str | None = None, password: str | None = None, *, timeout_s: float = 5.0
    ) -> None:
        # Costs 0.1 s and 20 MiB, which only an installation with a registry should pay.
        from confluent_kafka.schema_registry import SchemaRegistryClient  # noqa: PLC0415

        if urlsplit(url).scheme not in {"http", "https"}:
            raise ValueError(f"the Schema Registry's URL must begin with http:// or https://, and {url!r} does not")
        trusted = ssl.get_default_verify_paths()  # the client would take certifi's, and not the machine's
        conf = {
            "url": url,
            "timeout": timeout_s,
            "max.retries": 0,  # whoever stops on RegistryUnavailable decides when to try again
            "ssl.ca.location": trusted.cafile or trusted.capath,
        }
        if username is not None:
            conf["basic.auth.user.info"] = f"{username}:{password or ''}"
        self._client: Any = SchemaRegistryClient(conf)
        logging.getLogger("httpx2").setLevel(logging.WARNING)  # a line for each request says nothing to an operator
        self._url = url
        self._schemas: dict[int | UUID, Schema] = {}
        self._unknown: dict[int | UUID, tuple[float, str]] = {}
        """Until when an unknown schema is not asked for again, and what to do about it."""

    def schema(self, schema_id: int | UUID) -> Schema:
        """The schema with this id or GUID.

        Raises:
            BadInput: the registry does not know it, or it is not an Avro schema, or it is a GUID and the registry does
                not look schemas up by GUID.
            RegistryUnavailable: the registry did not answer.

        """
        known = self._schemas.get(schema_id)
        if known is not None:
            return known
        until, reason = self._unknown.get(schema_id, (0.0, ""))
        if until <= time.monotonic():
            what = f"schema {schema_id}"
            try:
                with self._asking(what):
                    if isinstance(schema_id, UUID):
                        found = self._client.get_schema_by_guid(str(schema_id))
                    else:
                        found = self._client.get_schema(schema_id)
                schema = self._schemas[schema_id] = self._parse(found, what)
                return schema
            except _NotFoundError:
                reason = f"the Schema Registry does not know schema {id_text(schema_id)}; register it, then re-feed"
            except _NoSuchPathError:
                if not (isinstance(schema_id, UUID) and self._is_a_registry()):
                    raise
                reason = (
                    f"the record names schema {id_text(schema_id)}, and the Schema Registry does not look schemas up "
                    "by GUID; upgrade it, or let the producer write the schema's id, then re-feed"
                )
            if len(self._unknown) >= UNKNOWN_MAX:
                self._unknown.clear()
            self._unknown[schema_id] = (time.monotonic() + UNKNOWN_FOR_SECONDS, reason)
        raise BadInput(DeadLetterClass.UNKNOWN_SCHEMA, reason)

    def _is_a_registry(self) -> bool:
        """Whether the URL is that of a Schema Registry: it answers a request that each of them knows."""
        try:
            with self._asking("schema types"):
                return isinstance(self._client.get_schema_types(), list)
        except (_NotFoundError, _NoSuchPathError):
            return False

    def register(self, subject: str, text: str) -> int:
        """The id of a schema under a subject, which registers it if it is not yet.

        Raises:
            SchemaRefusedError: the registry does not accept the schema.
            RegistryUnavailable: the registry did not answer.

        """
        from confluent_kafka.schema_registry import Schema as RegistrySchema  # noqa: PLC0415 - as above

        try:
            with self._asking(f"registration under {subject}", registering=True):
                schema_id = self._client.register_schema(subject, RegistrySchema(text, "AVRO"))
        except _NotFoundError as error:
            raise SchemaRefusedError(str(error)) from None
        if isinstance(schema_id, int) and not isinstance(schema_id, bool) and 0 <= schema_id < 1 << 32:
            return schema_id
        self._client.clear_caches()
        raise RegistryUnavailable(f"registration under {subject}: {self._url} answered without a schema id")

    def _parse(self, found: Any, what: str) -> Schema:
        """A schema, with the schemas that it refers to."""
        try:
            if found.schema_type != "AVRO" or not isinstance(found.schema_str, str):
                raise SchemaError(f"{found.schema_type}, not AVRO; inputs are Avro records")
            names: dict[str, Any] = {}
            for reference in found.references or ():
                inner = f"{reference.subject} version {reference.version}"
                with self._asking(inner):
                    referred = self._client.get_version(reference.subject, reference.version)
                names |= self._parse(referred.schema, inner).names
            return parse_writer(found.schema_str, names)
        except SchemaError as error:
            self._client.clear_caches()
            raise BadInput(DeadLetterClass.UNKNOWN_SCHEMA, f"{what} is {error}") from None

    @contextmanager
    def _asking(self, what: str, *, registering: bool = False) -> Iterator[None]:
        """Sort what may go wrong with a request: not found, refused, or no word on the matter."""
        from confluent_kafka.schema_registry import SchemaRegistryError  # noqa: PLC0415 - as above

        try:
            yield
        except SchemaRegistryError as error:
            text = f"{what}: {self._url} answered {error.http_status_code}: {str(error.error_message)[:300]}"
            if error.http_status_code == 404 and error.error_code in _NOT_FOUND:
                raise _NotFoundError(text) from None
            if registering and error.http_status_code in _REFUSED:
                raise SchemaRefusedError(text) from None
            if error.http_status_code == 404:
                text += "; is RENTMATCH_SCHEMA_REGISTRY_URL the address of a Schema Registry, with its whole path?"
                raise _NoSuchPathError(text) from None
            raise RegistryUnavailable(text) from None
        except Exception as error:  # no connection, a timeout, not JSON, JSON of another shape
            raise RegistryUnavailable(f"{what}: {self._url}: {type(error).__name__}: {error}") from error

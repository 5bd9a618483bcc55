"""A client of the Schema Registry's REST interface (Confluent's, which Apicurio and others also speak).

A registry that is away says nothing about a record: that is `RegistryUnavailable`, on which a worker stops loudly,
never a dead letter. Only the registry's own word that it does not know an id makes one.
"""

import base64
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from streams.codec.avro_schemas import Schema, SchemaError, parse_writer
from streams.codec.dead_letters import BadInput, DeadLetterClass

MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"
ANSWER_BYTES_MAX = 16 * 1024 * 1024
UNKNOWN_FOR_SECONDS = 5.0
"""How long an id that the registry does not know is not asked for again: a flood of them must not become a flood of
requests, and a schema that is registered late must be found soon."""
UNKNOWN_MAX = 10_000
_NOT_FOUND = {40401, 40402, 40403}
"""The registry's codes for a subject, a version or a schema that is not there. A bare 404 may come from a wrong URL."""


class RegistryError(Exception):
    """The Schema Registry could not do what it was asked; no fault of any record."""


class RegistryUnavailable(RegistryError):
    """The registry is away, busy, refuses our credentials, or is not a Schema Registry. To be tried again."""


class SchemaRefusedError(RegistryError):
    """The registry refuses to register a schema: invalid, or not compatible with the subject's versions."""


class _NotFoundError(Exception):
    pass


class SchemaRegistry:
    """Schemas by id, and ids of schemas, each asked for once.

    Args:
        url: the registry's base URL, with a path if it has one (`…/apis/ccompat/v7`).
        username: for HTTP basic authentication; None: without.
        password: for HTTP basic authentication.
        timeout_s: how long one request may take, seconds.

    """

    def __init__(
        self, url: str, username: str | None = None, password: str | None = None, *, timeout_s: float = 5.0
    ) -> None:
        if urllib.parse.urlsplit(url).scheme not in {"http", "https"}:
            raise ValueError(f"the Schema Registry's URL must begin with http:// or https://, and {url!r} does not")
        self._url = url.rstrip("/")
        self._timeout_s = timeout_s
        self._headers = {"Accept": f"{MEDIA_TYPE}, application/json", "Content-Type": MEDIA_TYPE}
        if username is not None:
            credentials = base64.b64encode(f"{username}:{password or ''}".encode()).decode()
            self._headers["Authorization"] = f"Basic {credentials}"
        self._schemas: dict[int, Schema] = {}
        self._unknown: dict[int, float] = {}
        self._ids: dict[tuple[str, str], int] = {}

    def schema(self, schema_id: int) -> Schema:
        """The schema with this id.

        Raises:
            BadInput: the registry does not know the id, or what it has is not Avro.
            RegistryUnavailable: the registry did not answer.

        """
        known = self._schemas.get(schema_id)
        if known is not None:
            return known
        if self._unknown.get(schema_id, 0.0) <= time.monotonic():
            try:
                answer = self._request("GET", f"/schemas/ids/{schema_id}")
                schema = self._schemas[schema_id] = self._parse(answer, f"schema {schema_id}")
                return schema
            except _NotFoundError:
                if len(self._unknown) >= UNKNOWN_MAX:
                    self._unknown.clear()
                self._unknown[schema_id] = time.monotonic() + UNKNOWN_FOR_SECONDS
        raise BadInput(
            DeadLetterClass.UNKNOWN_SCHEMA,
            f"the Schema Registry does not know schema id {schema_id}; register it, then re-feed",
        )

    def register(self, subject: str, text: str) -> int:
        """The id of a schema under a subject; it is registered if it is not yet.

        Raises:
            SchemaRefusedError: the registry does not accept the schema.
            RegistryUnavailable: the registry did not answer.

        """
        known = self._ids.get((subject, text))
        if known is None:
            path = f"/subjects/{urllib.parse.quote(subject, safe='')}/versions"
            try:
                known = self._request("POST", path, {"schema": text}).get("id")
            except _NotFoundError as error:
                raise SchemaRefusedError(f"the Schema Registry has no place for subject {subject}: {error}") from None
            if not isinstance(known, int) or isinstance(known, bool) or not 0 <= known < 1 << 32:
                raise RegistryUnavailable(f"{self._url}{path} answered without a schema id")
            self._ids[subject, text] = known
        return known

    def _parse(self, answer: dict[str, Any], what: str) -> Schema:
        """The schema in an answer, with the schemas that it refers to."""
        text, language = answer.get("schema"), answer.get("schemaType", "AVRO")
        if language != "AVRO" or not isinstance(text, str):
            raise BadInput(DeadLetterClass.UNKNOWN_SCHEMA, f"{what} is {language}, not AVRO; inputs are Avro records")
        names = self._referred(answer.get("references"))
        try:
            return parse_writer(text, names)
        except SchemaError as error:
            raise BadInput(DeadLetterClass.UNKNOWN_SCHEMA, f"{what} is {error}") from None

    def _referred(self, references: Any) -> dict[str, Any]:
        """The named types of the subjects that a schema refers to, and of those that these refer to."""
        names: dict[str, Any] = {}
        for reference in references or ():
            try:
                subject, version = str(reference["subject"]), str(reference["version"])
            except (KeyError, TypeError):
                raise RegistryUnavailable(f"{self._url}: cannot understand reference {reference!r}") from None
            path = f"/subjects/{urllib.parse.quote(subject, safe='')}/versions/{urllib.parse.quote(version, safe='')}"
            names |= self._parse(self._request("GET", path), f"{subject} version {version}").names
        return names

    def _request(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """One request, and its answer as a JSON object."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, self._headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=self._timeout_s) as response:
                answer = json.loads(response.read(ANSWER_BYTES_MAX))
        except urllib.error.HTTPError as error:
            with error:
                raise self._failure(error, method, path) from None
        except (OSError, ValueError) as error:  # no connection, a timeout, a broken answer, not JSON
            raise RegistryUnavailable(f"{method} {self._url}{path}: {type(error).__name__}: {error}") from error
        if not isinstance(answer, dict):
            raise RegistryUnavailable(f"{method} {self._url}{path} answered {type(answer).__name__}, not an object")
        return answer

    def _failure(self, error: urllib.error.HTTPError, method: str, path: str) -> Exception:
        """What an answer that is not a success means."""
        try:
            said = json.loads(error.read(ANSWER_BYTES_MAX))
            code, message = said.get("error_code"), str(said.get("message", ""))[:300]
        except (OSError, ValueError, AttributeError):
            code, message = None, ""
        text = f"{method} {self._url}{path} answered {error.code} {error.reason}: {message or 'no reason given'}"
        if error.code == 404 and code in _NOT_FOUND:
            return _NotFoundError(text)
        if method == "POST" and error.code in {409, 422}:
            return SchemaRefusedError(text)
        if error.code == 404:
            text += "; is RENTMATCH_SCHEMA_REGISTRY_URL the address of a Schema Registry, with its whole path?"
        return RegistryUnavailable(text)

"""Logging: lines for people, or one JSON object per line; secrets in neither.

A JSON line has `at` (RFC 3339, UTC), `level`, `logger`, `message`, `process`, the names of the process (`application`,
`worker`), the caller's `extra`, and for an error `error` with its type, message and traceback. Messages name topics,
partitions, offsets, routes and counts. They name no tenant and no amount: those are in the read model, behind a token.
"""

import json
import logging
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

HIDDEN = "[secret]"

_OWN = frozenset(vars(logging.LogRecord("", 0, "", 0, "", None, None))) | {"message", "asctime", "taskName"}
"""The attributes of every log record; any other came as `extra`."""

_SHORTEST_SECRET = 4
"""A shorter secret would be found inside ordinary words, so it is not hidden. No setting refuses one."""


class JsonFormatter(logging.Formatter):
    """One JSON object a line.

    Args:
        known_by: put into every line, as `application` and `worker`.

    """

    def __init__(self, known_by: Mapping[str, str]) -> None:
        super().__init__()
        self._known_by = dict(known_by)

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end. A value that JSON has no type for is written as text."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "process": os.getpid(),
            **self._known_by,
        }
        line |= {name: value for name, value in vars(record).items() if name not in _OWN and name not in line}
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = {
                "type": record.exc_info[0].__qualname__,
                "message": str(record.exc_info[1]),
                "traceback": self.formatException(record.exc_info),
            }
        return json.dumps(line, ensure_ascii=False, default=str)


class Hiding(logging.Formatter):
    """Wraps a formatter and removes secrets from its lines.

    Our own code logs no secret. But a library may put a whole URL or configuration into an error, and the log reaches
    people and machines that may not see the password.
    """

    def __init__(self, inner: logging.Formatter, secrets: Iterable[str]) -> None:
        super().__init__()
        self._inner = inner
        # The longest first: one secret may be a part of another.
        self._secrets = sorted({s for s in secrets if len(s) >= _SHORTEST_SECRET}, key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        """The inner formatter's line, with each secret hidden."""
        line = self._inner.format(record)
        for secret in self._secrets:
            if secret in line:
                line = line.replace(secret, HIDDEN)
        return line


def formatter(style: str, known_by: Mapping[str, str], secrets: Iterable[str]) -> logging.Formatter:
    """The formatter of a process: `style` is `json` or `text`."""
    inner: logging.Formatter
    if style == "json":
        inner = JsonFormatter(known_by)
    else:
        inner = logging.Formatter("[%(asctime)s] [%(process)s] [%(levelname)s] %(message)s")
    return Hiding(inner, [*secrets, *(json.dumps(secret)[1:-1] for secret in secrets)])


def config(style: str, known_by: Mapping[str, str], secrets: Iterable[str], level: str) -> dict[str, Any]:
    """The configuration for `logging.config.dictConfig`: everything goes to standard error."""
    secrets = list(secrets)
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"ours": {"()": formatter, "style": style, "known_by": dict(known_by), "secrets": secrets}},
        "handlers": {"ours": {"class": "logging.StreamHandler", "formatter": "ours"}},
        "root": {"level": level, "handlers": ["ours"]},
    }

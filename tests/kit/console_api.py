"""What a page of the console could ask, asked by a test in the page's own session."""

import json
import re
import time
from functools import cache
from typing import Any

from playwright.sync_api import Page

from tools.local.worker import REPOSITORY

_ASK = """
async ([documentId, variables]) => {
  const answer = await fetch("/graphql", {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Rentmatch": "1" },
    body: JSON.stringify({ documentId, variables }),
  });
  return answer.json();
}
"""


@cache
def document_names() -> dict[str, str]:
    """The name of each document of the console, by its id."""
    text = (REPOSITORY / "console" / "persisted-documents.json").read_text(encoding="utf-8")
    documents: dict[str, str] = json.loads(text)
    operation = re.compile(r"\b(?:query|mutation|subscription) (\w+)")
    return {identity: found[1] for identity, body in documents.items() if (found := operation.search(body))}


def ask(page: Page, name: str, **variables: Any) -> dict[str, Any]:
    """Send a document of the console; returns the data."""
    identity = next(each for each, known in document_names().items() if known == name)
    answer = page.evaluate(_ASK, [identity, variables])
    assert "errors" not in answer, answer["errors"]
    data: dict[str, Any] = answer["data"]
    return data


def wait_for_break(page: Page, *, timeout_s: float = 30, **selection: Any) -> dict[str, Any]:
    """Wait until a break of this filter is open; returns its row."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        found = ask(page, "Exceptions", filter=selection, order="PRESSING", first=1, withCount=False)
        edges = found["breaks"]["edges"]
        if edges:
            row: dict[str, Any] = edges[0]["node"]
            return row
        page.wait_for_timeout(300)
    raise TimeoutError(f"no break of {selection} within {timeout_s} s")

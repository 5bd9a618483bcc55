"""What the built console weighs, and that its words are those of the domain."""

import gzip
import json
import re
from collections.abc import Iterator
from typing import Any

from domain.breaks.catalogue import CATALOGUE
from tests.console.conftest import RunningConsole
from tools.local.worker import REPOSITORY

BUILT = REPOSITORY / "gateway" / "console"
FIRST_LOAD_MAX = 200_000
"""Bytes of scripts and styles, compressed, until a page is usable."""
ENTRY = "index.html"


def files_of(manifest: dict[str, Any], name: str, seen: set[str]) -> Iterator[str]:
    """The scripts and styles that a chunk needs before it runs."""
    if name in seen:
        return
    seen.add(name)
    chunk = manifest[name]
    yield chunk["file"]
    yield from chunk.get("css", [])
    for needed in chunk.get("imports", []):
        yield from files_of(manifest, needed, seen)


def test_the_first_load_of_each_page_is_small(console: RunningConsole) -> None:
    manifest = json.loads((BUILT / "manifest.json").read_text(encoding="utf-8"))
    pages = [name for name, chunk in manifest.items() if chunk.get("isDynamicEntry")]
    assert len(pages) >= 6
    sizes = {}
    for page in pages:
        seen: set[str] = set()
        files = [*files_of(manifest, ENTRY, seen), *files_of(manifest, page, seen)]
        sizes[page] = sum(len(gzip.compress((BUILT / name).read_bytes())) for name in files)
    assert max(sizes.values()) < FIRST_LOAD_MAX, sizes


def test_the_filters_have_the_titles_of_the_catalogue() -> None:
    text = (REPOSITORY / "console" / "src" / "labels" / "classes.ts").read_text(encoding="utf-8")
    titles = dict(re.findall(r'^  (\w+): "(.*)",$', text, re.MULTILINE))
    del titles["UNKNOWN"]
    assert titles == {name.name: rule.title for name, rule in CATALOGUE.items()}


def test_no_source_sets_markup_or_code_from_text() -> None:
    """The policy refuses it at run time; here it is refused before."""
    unsafe = re.compile(
        r"dangerouslySetInnerHTML|\.innerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function\("
    )
    folder = REPOSITORY / "console" / "src"
    sources = [path for path in folder.rglob("*.ts*") if "gql" not in path.parts]
    assert len(sources) > 30
    assert [path.name for path in sources if unsafe.search(path.read_text(encoding="utf-8"))] == []

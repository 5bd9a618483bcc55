"""The built console: its files in memory, compressed once, and `index.html` for each of its pages.

The files have no data, so they need no session: the page asks for data, and shows how to sign in where it gets none.
"""

import gzip
import hashlib
import mimetypes
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from aiohttp import web

from gateway.web.errors import WebError

PAGES = (
    "exceptions", "payments", "obligations", "leases", "tenants", "properties", "late", "references", "payouts",
    "bank-entries", "decisions", "operations", "audit", "tokens",
)  # fmt: skip
"""The first parts of the console's paths. Its router knows the rest."""
BUILD = Path(__file__).resolve().parents[1] / "console"
"""Where the build is in the package."""
MANIFEST = "persisted-documents.json"
"""The console's documents, in the build."""
ASSETS = "assets"
FOREVER = "public, max-age=31536000, immutable"
"""A file in assets/ has the hash of its content in its name."""
ASK_AGAIN = "no-cache"
COMPRESSED = frozenset({".css", ".html", ".js", ".json", ".svg", ".txt"})
NOT_SERVED = frozenset({"manifest.json", MANIFEST})
"""Of the build, for the gateway itself."""


class ConsoleMissing(Exception):
    """There is no built console in the package."""


class ConsoleFile(NamedTuple):
    """A file of the build."""

    body: bytes
    zipped: bytes | None
    content_type: str
    etag: str


def console_files(folder: Path) -> dict[str, ConsoleFile]:
    """All files of a build by their path, such as `assets/index-3f2a.js`.

    Raises:
        ConsoleMissing: there is no index.html.

    """
    found = dict(_read(folder, "")) if folder.is_dir() else {}
    if "index.html" not in found:
        raise ConsoleMissing("the console is not built: `make console` builds it")
    return found


def _read(folder: Path, prefix: str) -> list[tuple[str, ConsoleFile]]:
    found: list[tuple[str, ConsoleFile]] = []
    for entry in folder.iterdir():
        path = prefix + entry.name
        if entry.is_dir():
            found += _read(entry, path + "/")
        elif path not in NOT_SERVED:
            body = entry.read_bytes()
            suffix = "." + entry.name.rpartition(".")[2]
            zipped = gzip.compress(body, 9, mtime=0) if suffix in COMPRESSED else None
            content_type = mimetypes.guess_type(entry.name)[0] or "application/octet-stream"
            found.append((path, ConsoleFile(body, zipped, content_type, hashlib.sha256(body).hexdigest()[:32])))
    return found


def add_console(application: web.Application, files: Mapping[str, ConsoleFile]) -> None:
    """Serve the files, and index.html at `/` and at every page of the console."""

    async def index(request: web.Request) -> web.Response:
        return _answer(request, files["index.html"], ASK_AGAIN)

    async def asset(request: web.Request) -> web.Response:
        file = files.get(f"{ASSETS}/{request.match_info['name']}")
        if file is None:
            raise WebError("not_found", "there is no such file; the console was updated, load the page again")
        return _answer(request, file, FOREVER)

    application.router.add_get("/", index)
    for page in PAGES:
        application.router.add_get(f"/{page}", index)
        application.router.add_get(f"/{page}/{{rest:.*}}", index)
    application.router.add_get(f"/{ASSETS}/{{name:.+}}", asset)
    for path, file in files.items():
        if path != "index.html" and not path.startswith(ASSETS + "/"):
            application.router.add_get("/" + path, _serving(file))


def _serving(file: ConsoleFile) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def serve(request: web.Request) -> web.Response:
        return _answer(request, file, ASK_AGAIN)

    return serve


def _answer(request: web.Request, file: ConsoleFile, cache: str) -> web.Response:
    is_zipped = file.zipped is not None and "gzip" in request.headers.get("Accept-Encoding", "")
    headers = {"Cache-Control": cache, "ETag": f'"{file.etag}"', "Vary": "Accept-Encoding"}
    if request.headers.get("If-None-Match") == headers["ETag"]:
        return web.Response(status=304, headers=headers)
    if is_zipped:
        headers["Content-Encoding"] = "gzip"
    body = file.zipped if file.zipped is not None and is_zipped else file.body
    charset = "utf-8" if file.content_type.startswith(("text/", "application/json")) else None
    return web.Response(body=body, headers=headers, content_type=file.content_type, charset=charset)

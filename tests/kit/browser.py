"""Debian's Chromium, driven by Playwright: what a person sees and does in the console."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from tools.local import debian
from tools.local.cache import MissingToolError
from tools.local.worker import REPOSITORY

PACKAGES = ("chromium", "fonts-liberation")
"""Without a font the pages have no text to measure."""
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
AXE = REPOSITORY / "console" / "node_modules" / "axe-core" / "axe.min.js"
AXE_RULES = ("wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice")
WIDTHS = {"desk": (1280, 820), "phone": (390, 844)}

_REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`policy ${event.violatedDirective}: ${event.blockedURI} ${event.sample} in ${event.sourceFile}`);
});
"""


def chromium() -> tuple[str, Mapping[str, str]]:
    """The program and the environment to run it in: the machine's, else unpacked from Debian's packages.

    Raises:
        MissingToolError: it is not installed and cannot be fetched.

    """
    installed = shutil.which("chromium")
    if installed:
        return installed, dict(os.environ)
    folder = debian.unpacked(debian.missing_packages(*PACKAGES))
    program = folder / "usr" / "lib" / "chromium" / "chromium"
    if not program.exists():
        raise MissingToolError(f"Debian's packages {', '.join(PACKAGES)} contain no chromium")
    environment = {**os.environ, "LD_LIBRARY_PATH": debian.libraries_of(folder)}
    fonts = folder / "etc" / "fonts"
    if fonts.exists():
        (fonts / "local.conf").write_text(
            f'<?xml version="1.0"?><fontconfig><dir>{folder}/usr/share/fonts</dir></fontconfig>', encoding="utf-8"
        )
        environment["FONTCONFIG_PATH"] = str(fonts)
    return str(program), environment


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser without a window.

    Raises:
        MissingToolError: there is none, and none can be fetched.

    """
    program, environment = chromium()
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS), env=dict(environment))
        try:
            yield started
        finally:
            started.close()


class Watched:
    """A page, and what must not happen on it.

    Attributes:
        page: Playwright's page.
        problems: errors and warnings of the browser's console, and violations of the content security policy.
        asked: the ids of the documents that were sent to `/graphql`, streams included.

    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.problems: list[str] = []
        self.asked: list[str] = []
        page.add_init_script(_REPORT_VIOLATIONS)
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", self._count)

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.problems.append(message.text)

    def _count(self, request: Request) -> None:
        if request.url.endswith("/graphql"):
            self.asked.append(str((request.post_data_json or {}).get("documentId")))

    def axe(self) -> list[str]:
        """Violations of the accessibility rules, one a text. A script tag would be against the page's policy."""
        found: list[dict[str, Any]] = self.page.evaluate(
            AXE.read_text(encoding="utf-8")
            + "; axe.run(document, {runOnly: "
            + str(list(AXE_RULES))
            + "}).then((result) => result.violations)"
        )
        return [f"{one['id']}: {node['html'][:200]} {node['failureSummary']}" for one in found for node in one["nodes"]]

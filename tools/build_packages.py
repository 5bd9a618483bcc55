"""Copies the packages of a wheel, which carries the built console or is not built: `build_py` in pyproject.toml."""

from pathlib import Path

from setuptools.command.build_py import build_py

CONSOLE = Path("gateway") / "console"


class BuildWithConsole(build_py):  # type: ignore[misc]
    """Copies the packages, and fails without the console: a wheel without it would install and then have no pages."""

    def run(self) -> None:
        """Copy, unless this is an editable install, which runs from the tree and may build the console later."""
        if not self.editable_mode and not (CONSOLE / "index.html").is_file():
            raise SystemExit(
                f"{CONSOLE}/index.html is missing: build the console before the wheel (`make console` does it, or "
                "`npm ci && npm run build` in console/)"
            )
        super().run()

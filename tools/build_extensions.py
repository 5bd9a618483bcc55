"""Builds the extensions of a wheel: the Avro codec, and the rules, tables and agents compiled from their Python.

The rules stay in Python. Where a wheel is built and there are Cython and a C compiler, the modules below are compiled
too. Cython reads each with the types that its annotations give (tools/typed_sources.py), so that a field of a record is
read as C reads a member. The wheel has the Python and the compiled module, and Python takes the compiled one. An
editable installation has none of them: an edit must take effect. pyproject.toml names this class as `build_ext`.
"""

import os
import subprocess
import sys
from contextlib import chdir
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from setuptools import Extension
from setuptools.command.build_ext import build_ext

COMPILED = (
    "agents.allocate_installments",
    "agents.keyed_agent",
    "agents.match_deposits",
    "agents.match_payments",
    "agents.name_payouts",
    "agents.reconcile_payouts",
    "agents.resolve_references",
    "agents.route_inputs",
    "agents.router",
    "domain.ach_returns",
    "domain.bank_entries.state",
    "domain.bank_entries.view",
    "domain.breaks.model",
    "domain.calendar",
    "domain.contributions",
    "domain.deadlines",
    "domain.decisions",
    "domain.dedup",
    "domain.facts",
    "domain.ids",
    "domain.matching.state",
    "domain.matching.view",
    "domain.obligations.adjustments",
    "domain.obligations.allocation",
    "domain.obligations.breaks",
    "domain.obligations.conflicts",
    "domain.obligations.lateness",
    "domain.obligations.state",
    "domain.obligations.totals",
    "domain.obligations.view",
    "domain.outcomes",
    "domain.payments.allocations",
    "domain.payments.breaks",
    "domain.payments.conflicts",
    "domain.payments.movements",
    "domain.payments.posting_breaks",
    "domain.payments.state",
    "domain.payments.totals",
    "domain.payments.view",
    "domain.payouts.breaks",
    "domain.payouts.state",
    "domain.payouts.totals",
    "domain.payouts.view",
    "domain.publishing",
    "domain.references.breaks",
    "domain.references.state",
    "domain.references.view",
    "domain.snapshots",
    "domain.tally",
    "streams.codec.bundles",
    "streams.codec.codec",
    "streams.partitioning",
    "streams.transport.commit",
    "streams.transport.engine",
    "streams.transport.fetcher",
    "streams.transport.pieces",
    "streams.transport.watermarks",
    "tables.keyed",
    "tables.memory",
    "tables.packing",
    "tables.store",
    "tables.tallies",
)
"""Where a backlog's time goes. Each costs one to two seconds of compilation."""

DIRECTIVES = {
    "language_level": "3",
    "annotation_typing": False,  # annotations stay what they are to Python; tools/typed_sources.py says what C is told
    "nonecheck": True,  # None in the place of a record is an error, as in Python
    "allow_none_for_extension_args": True,  # many arguments may be None
}


class BuildExtensions(build_ext):  # type: ignore[misc]
    """Adds the compiled modules to a wheel's extensions."""

    parallel: int | None
    extensions: list[Any]

    def finalize_options(self) -> None:
        """Name the modules; whether they are built shows later."""
        known = [*(self.distribution.ext_modules or ())]
        names = {extension.name for extension in known}
        self.distribution.ext_modules = known + [_extension(name) for name in COMPILED if name not in names]
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count() or 1

    def run(self) -> None:
        """Translate them to C and build all, or build the rest."""
        if self.editable_mode or not self._translate():
            self.extensions = [extension for extension in self.extensions if extension.name not in COMPILED]
        super().run()

    def _translate(self) -> bool:
        if find_spec("Cython") is None:
            self.announce("Cython is not installed: the rules stay plain Python, which is slower", level=3)
            return False
        from Cython.Build import cythonize  # noqa: PLC0415 - an installation without it is complete

        folder = (Path(self.build_temp) / "cython").absolute()
        self._write_sources(folder)
        with chdir(folder):  # so that the modules have the paths of the package in tracebacks
            translated = cythonize([_extension(name) for name in COMPILED], compiler_directives=DIRECTIVES, quiet=True)
        sources = {extension.name: [str(folder / each) for each in extension.sources] for extension in translated}
        for extension in self.extensions:
            extension.sources = sources.get(extension.name, extension.sources)
        return True

    def _write_sources(self, folder: Path) -> None:
        """Write what Cython reads. The types are found in a process of its own, which imports the modules."""
        for name in COMPILED:
            path = folder / _path(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            for package in path.relative_to(folder).parents[:-1]:
                (folder / package / "__init__.py").touch()
            path.write_text(Path(_path(name)).read_text(encoding="utf-8"), encoding="utf-8")
        if find_spec("msgspec") is None:
            self.announce("msgspec is not installed: the rules are compiled without types, which is slower", level=3)
            return
        subprocess.run([sys.executable, "-m", "tools.typed_sources", str(folder), *COMPILED], check=True)


def _path(name: str) -> str:
    return f"{name.replace('.', '/')}.py"


def _extension(name: str) -> Extension:
    return Extension(name, [_path(name)], extra_compile_args=["-O2", "-g0"], optional=True)

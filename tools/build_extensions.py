"""Builds the extensions of a wheel: the Avro codec, and the rules and tables compiled from their Python as it is.

The rules stay in Python. Where a wheel is built and there are Cython and a C compiler, the modules below are compiled
too, unchanged; the wheel has both, and Python takes the compiled one. An editable installation has none of them: an
edit must take effect. pyproject.toml names this class as `build_ext`.
"""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from setuptools import Extension
from setuptools.command.build_ext import build_ext

COMPILED = (
    "domain.breaks.model",
    "domain.calendar",
    "domain.contributions",
    "domain.deadlines",
    "domain.decisions",
    "domain.dedup",
    "domain.ids",
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
    "domain.publishing",
    "domain.references.breaks",
    "domain.references.state",
    "domain.references.view",
    "domain.tally",
    "tables.keyed",
    "tables.packing",
    "tables.tallies",
)
"""Where a backlog's time goes. Each costs one to two seconds of compilation."""

DIRECTIVES = {
    "language_level": "3",
    "annotation_typing": False,  # as it is: an annotation stays what it is to Python
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

        sources = {
            extension.name: extension.sources
            for extension in cythonize(
                [_extension(name) for name in COMPILED],
                build_dir=str(Path(self.build_temp) / "cython"),
                compiler_directives=DIRECTIVES,
                quiet=True,
            )
        }
        for extension in self.extensions:
            extension.sources = sources.get(extension.name, extension.sources)
        return True


def _extension(name: str) -> Extension:
    return Extension(name, [f"{name.replace('.', '/')}.py"], extra_compile_args=["-O2", "-g0"], optional=True)

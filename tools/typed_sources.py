"""The source of a module as Cython compiles it: its own, with the types that its annotations give written for Cython.

Nothing else is changed, and lines keep their numbers: what is added takes the place of blank lines, or follows the last
one. Beside the source come declarations: where the fields of the structs that it uses lie (tools/layouts.py).

Run as a program by tools/build_extensions.py, with the folder of the sources and the names of the modules.
"""

import ast
import importlib
import sys
import types
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from tools.layouts import c_name, cimport, declaration, declaration_name, declared, is_struct, with_fields
from tools.local_types import LocalTypes


class TypedSource(NamedTuple):
    """What Cython reads for a module."""

    source: str
    names: str
    """The `.pxd` beside it: what it imports of `declarations`."""
    declarations: dict[str, str]
    """By the name of the file, without `.pxd`."""


def typed_source(name: str, source: str) -> TypedSource:
    """Write the types of a module for Cython.

    Args:
        name: of the module, which is imported here as plain Python. Import all modules that may subclass its structs
            before: to C, a struct with subclasses is any object.
        source: its text.

    Raises:
        ImportError: it cannot be imported here.

    """
    module = importlib.import_module(name)
    writer = _Writer(module, source)
    return TypedSource(*writer.write())


class _Writer:
    def __init__(self, module: types.ModuleType, source: str) -> None:
        self._module = module
        self._tree = ast.parse(source)
        self._lines = source.split("\n")
        self._used: list[type[msgspec.Struct]] = []
        names = [each for each in ast.walk(self._tree) if isinstance(each, ast.Name)]
        self._uses = Counter(each.id for each in names)
        self._calls = Counter(
            each.func.id
            for each in ast.walk(self._tree)
            if isinstance(each, ast.Call) and isinstance(each.func, ast.Name)
        )

    def write(self) -> tuple[str, str, dict[str, str]]:
        module = self._module.__name__
        for node, owner in _functions(self._tree):
            self._decorate(node, owner)
        after_docstring = self._tree.body[0].end_lineno or 0
        if self._lines[after_docstring]:
            raise ValueError(f"line {after_docstring + 1} of {module}.py should be blank")
        self._lines[after_docstring] = "import cython"
        structs = with_fields(self._used)
        names = [cimport(each, module) for each in structs]
        checks = []
        for struct in structs:
            name = c_name(struct)
            names.append(f"from {declaration_name(struct, module)} cimport bind_{name}")
            if struct.__module__ == module:
                names.append(f"from {declaration_name(struct, module)} cimport rebind_{name}")
                checks.append(f"bind_{name}({struct.__name__}); rebind_{name}({struct.__name__})")
            else:
                checks.append(f"bind_{name}(T_{name})")
        declarations = {declaration_name(each, module): declaration(each, module) for each in structs}
        return "\n".join([*self._lines, *checks, ""]), "\n".join([*names, ""]), declarations

    def _decorate(self, node: ast.FunctionDef, owner: str | None) -> None:
        names = vars(self._module)
        struct = names[owner] if owner is not None else None
        local_types = LocalTypes(names, node, struct if is_struct(struct) else None)
        inner = _names_of_inner_functions(node)
        chosen: dict[str, type[msgspec.Struct]] = {}
        for local, kind in local_types.find().items():
            found = declared(kind)
            if found is not None and local not in inner:
                chosen[local] = found
        decorators = []
        if owner is None and self._is_plain(node):
            decorators = self._as_c_function(node.name)
        if chosen:
            self._used += chosen.values()
            listed = ", ".join(f"{local}=T_{c_name(found)}" for local, found in chosen.items())
            decorators.append(f"@cython.locals({listed})")
        self._put_above(node, decorators)

    def _as_c_function(self, name: str) -> list[str]:
        """Let the module call its own function as C does; the others call it as they did."""
        if not self._calls[name]:
            return []
        if not name.startswith("_"):
            return ["@cython.ccall"]
        return ["@cython.cfunc"] if self._uses[name] == self._calls[name] else []

    def _is_plain(self, node: ast.FunctionDef) -> bool:
        arguments = node.args
        return not (
            node.decorator_list or arguments.kwonlyargs or arguments.vararg or arguments.kwarg or _has_closure(node)
        )

    def _put_above(self, node: ast.FunctionDef, decorators: Sequence[str]) -> None:
        """Put decorators on the blank lines above a function. One right below a comment stays as it is."""
        end = min([node.lineno, *(each.lineno for each in node.decorator_list)]) - 1
        begin = end - len(decorators)
        if not any(line.strip() for line in self._lines[begin:end]):
            self._lines[begin:end] = [" " * node.col_offset + each for each in decorators]


def _functions(tree: ast.Module) -> Iterator[tuple[ast.FunctionDef, str | None]]:
    """Give the functions and the methods, each with the name of its class."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node, None
        elif isinstance(node, ast.ClassDef):
            for each in node.body:
                if isinstance(each, ast.FunctionDef):
                    yield each, node.name


def _has_closure(function: ast.FunctionDef) -> bool:
    inner = (ast.Lambda, ast.GeneratorExp, ast.FunctionDef, ast.Yield, ast.YieldFrom)
    return any(isinstance(each, inner) for each in ast.walk(function) if each is not function)


def _names_of_inner_functions(function: ast.FunctionDef) -> set[str]:
    """Give the names that inner functions share with a function or have themselves: Cython would mix them up."""
    found: set[str] = set()
    for each in ast.walk(function):
        if each is function or not isinstance(each, (ast.Lambda, ast.GeneratorExp, ast.FunctionDef)):
            continue
        names = [name for name in ast.walk(each) if isinstance(name, ast.Name)]
        bound = {name.id for name in names if isinstance(name.ctx, ast.Store)}
        if not isinstance(each, ast.GeneratorExp):
            bound = set()
            found |= {argument.arg for argument in each.args.args}
        found |= {name.id for name in names} - bound
    return found


def main(folder: Path, names: list[str]) -> None:
    """Write the types into the sources in a folder. A module that cannot be imported stays as it is.

    That is so where a build has its requirements and no others: `domain` needs none.
    """
    importable = [name for name in names if _is_importable(name)]
    for name in importable:
        path = (folder / name.replace(".", "/")).with_suffix(".py")
        typed = typed_source(name, path.read_text(encoding="utf-8"))
        path.write_text(typed.source, encoding="utf-8")
        path.with_suffix(".pxd").write_text(typed.names, encoding="utf-8")
        for file, text in typed.declarations.items():
            (folder / f"{file}.pxd").write_text(text, encoding="utf-8")
    if rest := ", ".join(name for name in names if name not in importable):
        print(f"these cannot be imported at the build, so they are compiled without types, which is slower: {rest}")


def _is_importable(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])

"""The types of a function's local names, as far as they follow from annotations.

This is not a type checker: what it does not understand is `UNKNOWN`, and stays any object in the compiled module. What
it gets wrong raises a TypeError there, since every assignment to a name with a declared type is tested.
"""

import ast
import types
import typing
from collections.abc import Iterable, Sequence
from functools import reduce
from operator import or_
from typing import Any

from tools.layouts import Kind, is_struct, members, origin_of, without_none

UNKNOWN: Kind = object()

ROUNDS = 4
"""A name's type may follow from another's: so often they are gone through."""

_PAIR = 2
_SEQUENCES = frozenset(("sorted", "tuple", "list", "reversed", "iter"))


class LocalTypes:
    """The types of the names of one function.

    Args:
        names: the names of its module.
        function: the function, as it is written.
        owner: the class of a method's `self`; None for a function, and where that is no struct.

    """

    def __init__(self, names: dict[str, Any], function: ast.FunctionDef, owner: type | None) -> None:
        self._names = names
        self._function = function
        self._owner = owner
        arguments = function.args
        self._parameters: dict[str, Kind] = {}
        for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            self._parameters[each.arg] = self.annotated(each.annotation)
        first = next(iter(arguments.args), None)
        if owner is not None and first is not None and first.annotation is None and not function.decorator_list:
            self._parameters[first.arg] = owner
        for other in (arguments.vararg, arguments.kwarg):
            if other is not None:
                self._parameters[other.arg] = UNKNOWN
        self._found: dict[str, list[Kind]] = {}
        self._known = self._parameters

    def find(self) -> dict[str, Kind]:
        """Give the type of each name that the function binds, its parameters included."""
        for _ in range(ROUNDS):
            self._found = {name: [kind] for name, kind in self._parameters.items()}
            stated: dict[str, Kind] = {}
            for node in self._function.body:
                for each in ast.walk(node):
                    if isinstance(each, ast.AnnAssign):
                        if isinstance(each.target, ast.Name):
                            stated[each.target.id] = self.annotated(each.annotation)
                    else:
                        self._visit(each)
            self._known = {name: _union(kinds) for name, kinds in self._found.items()} | stated
        return self._known

    def annotated(self, annotation: ast.expr | None) -> Kind:
        """Give the type that an annotation names."""
        if annotation is None:
            return UNKNOWN
        try:
            kind = eval(ast.unparse(annotation), self._names)
            if isinstance(kind, str):
                kind = eval(kind, self._names)
        except (NameError, AttributeError, TypeError):
            return UNKNOWN  # of a name that only a type checker imports
        return self._resolved(type(None) if kind is None else kind, self._owner)

    @staticmethod
    def _resolved(kind: Kind, owner: type | None) -> Kind:
        if kind is typing.Self:
            return UNKNOWN if owner is None else owner
        return UNKNOWN if isinstance(kind, typing.TypeVar) else kind

    def _visit(self, node: ast.AST) -> None:
        match node:
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)) if len(targets) == len(
                values
            ):
                for target, value in zip(targets, values, strict=True):
                    self._bind(target, self._type_of(value))
            case ast.Assign(targets=targets, value=value):
                kind = self._type_of(value)
                for target in targets:
                    self._bind(target, kind)
            case ast.AugAssign(target=target):
                self._bind(target, UNKNOWN)
            case ast.For(target=target, iter=iterated) | ast.comprehension(target=target, iter=iterated):
                self._bind(target, _element(self._type_of(iterated)))
            case ast.NamedExpr(target=target, value=value):
                self._bind(target, self._type_of(value))
            case ast.withitem(optional_vars=ast.expr() as target):
                self._bind(target, UNKNOWN)
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                self._found.setdefault(name, []).append(UNKNOWN)
            case ast.Lambda(args=inner) | ast.FunctionDef(args=inner):
                for each in inner.args:
                    self._found.setdefault(each.arg, []).append(UNKNOWN)

    def _bind(self, target: ast.expr, kind: Kind) -> None:
        if isinstance(target, ast.Name):
            self._found.setdefault(target.id, []).append(kind)
        elif isinstance(target, ast.Starred):
            self._bind(target.value, UNKNOWN)
        elif isinstance(target, (ast.Tuple, ast.List)):
            has_star = any(isinstance(each, ast.Starred) for each in target.elts)
            for place, each in enumerate(target.elts):
                self._bind(each, UNKNOWN if has_star else _at(kind, place, len(target.elts)))

    def _type_of(self, node: ast.expr) -> Kind:
        match node:
            case ast.Name(id=name):
                return self._known.get(name, UNKNOWN)
            case ast.Constant(value=value):
                return type(value)
            case ast.IfExp(body=body, orelse=orelse):
                return _union([self._type_of(body), self._type_of(orelse)])
            case ast.BoolOp(values=values):
                return _union([self._type_of(each) for each in values])
            case ast.Attribute(value=value, attr=name):
                return self._attribute(self._type_of(value), name)
            case ast.Subscript(value=value, slice=index):
                return _item(without_none(self._type_of(value)), index)
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return self._called(name, arguments)
            case ast.Call(func=ast.Attribute(value=value, attr=name), args=arguments):
                return self._method(value, name, arguments)
            case ast.ListComp(elt=element):
                return _list_of(self._type_of(element))
        return UNKNOWN

    def _attribute(self, kind: Kind, name: str) -> Kind:
        struct = without_none(kind)
        if not is_struct(struct):
            return UNKNOWN
        if name in struct.__struct_fields__:
            return self._resolved(typing.get_type_hints(struct)[name], struct)
        found = getattr(struct, name, None)
        return self._returned(found.fget, struct) if isinstance(found, property) else UNKNOWN

    def _returned(self, function: Any, owner: type | None = None) -> Kind:
        try:
            return self._resolved(typing.get_type_hints(function).get("return", UNKNOWN), owner)
        except (NameError, TypeError):
            return UNKNOWN  # as in `annotated`

    def _called(self, name: str, arguments: Sequence[ast.expr]) -> Kind:
        if name in self._known:
            return UNKNOWN
        if name in _SEQUENCES and arguments:
            return _list_of(_element(self._type_of(arguments[0])))
        if name == "enumerate":
            element = _element(self._type_of(arguments[0]))
            return UNKNOWN if element is UNKNOWN else list[tuple[int, element]]  # type: ignore[valid-type]
        if name == "zip":
            elements = [_element(self._type_of(each)) for each in arguments]
            return list[tuple[tuple(Any if each is UNKNOWN else each for each in elements)]]  # type: ignore[misc]
        found = self._names.get(name)
        if is_struct(found):
            return found
        return self._returned(found) if isinstance(found, types.FunctionType) else UNKNOWN

    def _method(self, value: ast.expr, name: str, arguments: Sequence[ast.expr]) -> Kind:
        if isinstance(value, ast.Name) and value.id not in self._known:
            struct = self._names.get(value.id)
            method = getattr(struct, name, None) if is_struct(struct) else None
            return self._returned(method.__func__, struct) if isinstance(method, types.MethodType) else UNKNOWN
        kind = without_none(self._type_of(value))
        if is_struct(kind):
            method = getattr(kind, name, None)
            return self._returned(method, kind) if isinstance(method, types.FunctionType) else UNKNOWN
        origin, inner = origin_of(kind), typing.get_args(kind)
        if not (isinstance(origin, type) and origin is not tuple and len(inner) == _PAIR):
            return UNKNOWN
        key, item = inner
        match name, arguments:
            case "values", _:
                return list[item]  # type: ignore[valid-type]
            case "items", _:
                return list[tuple[key, item]]  # type: ignore[valid-type]
            case ("pop", [_]) | ("setdefault", _):
                return item
            case "get", [_]:
                return _union([item, type(None)])
            case (("get" | "pop"), [_, default]):
                return _union([item, self._type_of(default)])
            case "copy", _:
                return kind
        return UNKNOWN


def _union(kinds: Iterable[Kind]) -> Kind:
    flat: list[Kind] = []
    for kind in kinds:
        if kind is UNKNOWN:
            return UNKNOWN
        flat += [each for each in members(kind) if each not in flat]
    return reduce(or_, flat) if flat else UNKNOWN


def _list_of(kind: Kind) -> Kind:
    return UNKNOWN if kind is UNKNOWN else list[kind]


def _element(kind: Kind) -> Kind:
    """Give what iterating over a value of this type gives."""
    origin, inner = origin_of(kind), typing.get_args(kind)
    if origin is tuple:
        return inner[0] if inner[-1] is Ellipsis else _union(inner)
    return inner[0] if inner and isinstance(origin, type) and issubclass(origin, Iterable) else UNKNOWN


def _at(kind: Kind, place: int, count: int) -> Kind:
    """Give what unpacking a value of this type into so many names gives the one at a place."""
    inner = typing.get_args(kind) if origin_of(kind) is tuple else ()
    if inner and inner[-1] is Ellipsis:
        return inner[0]
    return inner[place] if len(inner) == count else UNKNOWN


def _item(kind: Kind, index: ast.expr) -> Kind:
    origin, inner = origin_of(kind), typing.get_args(kind)
    if isinstance(index, ast.Slice):
        return kind if origin is list or (origin is tuple and inner[-1] is Ellipsis) else UNKNOWN
    if origin is tuple and inner and inner[-1] is not Ellipsis:
        match index:
            case ast.Constant(value=int(place)) if place < len(inner):
                return inner[place]
        return UNKNOWN
    if not inner or not isinstance(origin, type):
        return UNKNOWN
    return inner[0] if origin is tuple or len(inner) == 1 else inner[-1]

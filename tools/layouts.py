"""Where the fields of `msgspec` structs lie in memory, and Cython's declarations of them.

A compiled module that knows where the fields of a struct lie reads one as C reads a member, which costs a twentieth of
what a read by name costs. The offsets are those of the classes themselves, as Python and msgspec laid them out at the
build. A compiled module compares them at its import with those of the classes that it finds there, and refuses to be
imported if they differ.
"""

import ctypes
import re
import types
import typing
from collections.abc import Iterable
from typing import Any, TypeAlias, TypeGuard

import msgspec

Kind: TypeAlias = Any
"""A type as `typing` has it: a class, a generic alias, or a union."""

HEAD_BYTES = object.__basicsize__
WORD = ctypes.sizeof(ctypes.c_void_p)
_OBJECT = 16
"""`T_OBJECT_EX` of structmember.h, the type of a slot."""


class _Member(ctypes.Structure):
    """`PyMemberDef`."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("type", ctypes.c_int),
        ("offset", ctypes.c_ssize_t),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


class _MemberDescriptor(ctypes.Structure):
    """`PyMemberDescrObject` after the head."""

    _fields_ = (
        ("owner", ctypes.c_void_p),
        ("name", ctypes.c_void_p),
        ("qualified_name", ctypes.c_void_p),
        ("member", ctypes.POINTER(_Member)),
    )


def offsets(struct: type[msgspec.Struct]) -> dict[str, int]:
    """Give the offset of each field of a struct, in bytes, lowest first.

    Raises:
        TypeError: a field is no slot.

    """
    found = {}
    for name in struct.__struct_fields__:
        descriptor = getattr(struct, name)
        if not isinstance(descriptor, types.MemberDescriptorType):
            raise TypeError(f"{struct.__qualname__}.{name} is no slot")
        member = _MemberDescriptor.from_address(id(descriptor) + HEAD_BYTES).member.contents
        if member.name != name.encode() or member.type != _OBJECT:
            raise TypeError(f"{struct.__qualname__}.{name} is no slot with an object")
        found[name] = member.offset
    return dict(sorted(found.items(), key=lambda item: item[1]))


def is_struct(kind: Kind) -> TypeGuard[type[msgspec.Struct]]:
    """Whether this is the class of a struct."""
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def origin_of(kind: Kind) -> Any:
    """Give the class of a generic alias; None for another type."""
    return typing.get_origin(kind)


def members(kind: Kind) -> tuple[Kind, ...]:
    """Give the members of a union; of another type, itself."""
    if origin_of(kind) in (typing.Union, types.UnionType):
        return typing.get_args(kind)
    return (kind,)


def without_none(kind: Kind) -> Kind:
    """Give `T` for `T | None`, and the class for a generic struct with arguments."""
    rest = [each for each in members(kind) if each is not type(None)]
    if len(rest) != 1:
        return kind
    origin = origin_of(rest[0])
    return origin if is_struct(origin) else rest[0]


def declared(kind: Kind) -> type[msgspec.Struct] | None:
    """Give the struct that a name of this type can be declared as in C; None if it has to stay any object.

    A struct with subclasses stays any object: to C, a subclass would be another type.
    """
    found = without_none(kind)
    return found if is_struct(found) and not found.__subclasses__() else None


_BUILTIN = {each: each.__name__ for each in (dict, list, tuple, str, bytes)}


def _hints(struct: type[msgspec.Struct]) -> dict[str, Kind]:
    return typing.get_type_hints(struct)


def c_name(struct: type[msgspec.Struct]) -> str:
    """Give a name for a struct in C, one of its own."""
    return f"{struct.__module__}_{struct.__qualname__}".replace(".", "_")


def declaration_name(struct: type[msgspec.Struct], importer: str) -> str:
    """Give the name of the file, without its suffix, that declares a struct to a module."""
    return ("own_" if struct.__module__ == importer else "layout_") + c_name(struct)


def with_fields(structs: Iterable[type[msgspec.Struct]]) -> list[type[msgspec.Struct]]:
    """Give these structs and those that their fields hold, each after those that its fields hold."""
    found: list[type[msgspec.Struct]] = []

    def add(struct: type[msgspec.Struct]) -> None:
        if struct in found:
            return
        for kind in _hints(struct).values():
            other = declared(kind)
            if other is not None and other is not struct:
                add(other)
        found.append(struct)

    for struct in structs:
        add(struct)
    return found


def declaration(struct: type[msgspec.Struct], importer: str) -> str:
    """Give the declaration of a struct to a module, in Cython.

    The class of a module's own struct does not exist yet when Cython would import it. It is declared as a class that
    always exists, which no struct is an instance of, until the module calls `bind_…` with its class.
    """
    name, hints = c_name(struct), _hints(struct)
    cimports, places, fields = [], [], []
    end = HEAD_BYTES
    for field, offset in offsets(struct).items():
        if offset > end:
            places.append(f"        char unused_{end}[{offset - end}];")
        end = offset + WORD
        kind, place = "object", "PyObject"
        other = declared(hints[field])
        if other is not None and other is not struct:
            cimports.append(cimport(other, importer))
            kind, place = f"T_{c_name(other)}", f"struct L_{c_name(other)}"
        elif other is None:
            plain = without_none(hints[field])
            kind = _BUILTIN.get(origin_of(plain) or plain, "object")
        places.append(f"        {place} *f_{field};")
        fields.append(f'        cdef {kind} {field} "f_{field}"')
    path, class_name, rebinding = struct.__module__, struct.__name__, ""
    is_own = path == importer
    if is_own:
        path, class_name = "builtins", "type"
        own = declaration_name(struct, importer)
        rebinding = f"Py_XSETREF(__pyx_mstate_global->__pyx_ptype_{len(own)}{own}_type, (PyTypeObject *)Py_NewRef(cls))"
    checks = ", ".join(f'{{"{field}", offsetof(L_{name}, f_{field})}}' for field in offsets(struct))
    return "\n".join(
        [
            *dict.fromkeys(cimports),
            "cdef extern from *:",
            '    """',
            *_CHECK.splitlines(),
            f"    typedef struct L_{name} {{",
            "        PyObject_HEAD",
            *places,
            f"    }} L_{name};",
            f"    static const rentmatch_place places_{name}[] = {{{checks}, {{NULL, 0}}}};",
            f"    #define bind_{name}(cls) \\",
            f'        (rentmatch_check(cls, "{struct.__module__}.{struct.__name__}", places_{name}) ? -1 : 0)',
            *([f"    #define rebind_{name}(cls) {rebinding}"] if is_own else []),
            '    """',
            f"    ctypedef class {path}.{class_name} [object L_{name}, check_size ignore]:",
            *fields,
            f"    int bind_{name}(object) except -1",
            *([f"    void rebind_{name}(object)"] if is_own else []),
            "",
        ]
    )


def cimport(struct: type[msgspec.Struct], importer: str) -> str:
    """Give the line that makes a struct known to a module, as `T_` and its name in C."""
    class_name = "type" if struct.__module__ == importer else struct.__name__
    return f"from {declaration_name(struct, importer)} cimport {class_name} as T_{c_name(struct)}"


_CHECK = re.sub(
    "^",
    "    ",
    r"""#ifndef RENTMATCH_CHECK
#define RENTMATCH_CHECK
#include <stddef.h>
#include <structmember.h>
typedef struct { const char *field; Py_ssize_t offset; } rentmatch_place;
static CYTHON_UNUSED int rentmatch_check(PyObject *cls, const char *name, const rentmatch_place *place) {
    for (; place->field; place++) {
        PyObject *found = PyObject_GetAttrString(cls, place->field);
        Py_ssize_t offset = -1;
        if (!found) PyErr_Clear();
        else {
            if (Py_IS_TYPE(found, &PyMemberDescr_Type)) offset = ((PyMemberDescrObject *)found)->d_member->offset;
            Py_DECREF(found);
        }
        if (offset != place->offset) {
            PyErr_Format(PyExc_ImportError,
                "%s.%s lies at %zd and was at %zd when the rules were compiled: build the wheel again, with the "
                "versions of Python and msgspec that it runs on", name, place->field, offset, place->offset);
            return -1;
        }
    }
    return 0;
}
#endif""",
    flags=re.MULTILINE,
)

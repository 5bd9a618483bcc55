"""Avro schema resolution: reads bytes of any writer's schema as a record of ours, safe from hostile bytes.

`resolve` compiles a writer's and a reader's schema into one function that reads a body. It is our own code rather than
fastavro's for three things that a ledger needs: a wrong length never allocates or loops beyond the bytes at hand; deep
recursion ends in a dead letter and not in a dead process (so this module stays plain Python, whose recursion is
counted); a logical type is converted or refused, never misread. fastavro is the reference in the tests. The common
case, a writer with our own schema, is read by `avro_compiled.py`, which comes back here for whatever is unusual.
"""

from collections.abc import Callable
from typing import Any

from streams.codec.avro_bytes import Skip, read_block, read_long, read_text, skip_blocks, skip_bytes
from streams.codec.avro_schemas import STRUCT_ENUMS, STRUCTS, Schema, kind, logical_type, short_name
from streams.codec.dead_letters import BadInput, DeadLetterClass, quoted

Read = Callable[[bytes, int], tuple[Any, int]]
"""From (bytes, position) to (value, position after it). Past the end: IndexError, or a position beyond the bytes."""


class IncompatibleError(Exception):
    """Avro resolution cannot read this writer's schema as ours; the message says where and why."""


def resolve(writer: Schema, reader: Schema) -> Callable[[bytes, int], Any]:
    """A function that reads a body of `writer`, which fills `bytes[start:]`, as the Struct of `reader`.

    The function raises `BadInput`, and nothing else, whatever the bytes are.

    Raises:
        IncompatibleError: no body of this writer can be read.

    """
    read = _Resolver(writer.names).reader(writer.parsed, reader.parsed, short_name(reader.parsed["name"]))
    name = short_name(reader.parsed["name"])

    def read_whole(data: bytes, start: int) -> Any:
        try:
            value, end = read(data, start)
        except IndexError:
            raise BadInput(DeadLetterClass.TRUNCATED, f"{name}: the bytes end before the record does") from None
        except RecursionError:
            raise BadInput(DeadLetterClass.UNDECODABLE, f"{name}: the values are nested too deeply") from None
        if end > len(data):
            raise BadInput(DeadLetterClass.TRUNCATED, f"{name}: {end - len(data)} bytes of the last field are missing")
        if end < len(data):
            raise BadInput(DeadLetterClass.TRAILING_BYTES, f"{name}: {len(data) - end} bytes follow the record")
        return value

    return read_whole


class _Resolver:
    """State of the walk over the two schemas: the writer's named types, and the skips made so far."""

    def __init__(self, names: dict[str, Any]) -> None:
        self.names = names
        self.skips: dict[str, Skip] = {}

    def definition(self, schema: Any) -> Any:
        """A named type for a reference to it; any other schema as it is."""
        return self.names.get(kind(schema), schema)

    def reader(self, writer: Any, reader: Any, path: str) -> Read:
        """Resolve one place of the two schemas."""
        writer = self.definition(writer)
        if kind(writer) == "union":
            return self.of_union(writer, reader, path)
        match kind(reader):
            case "union":
                return self.into_union(writer, reader, path)
            case "record":
                return self.record(writer, reader, path)
            case "array" | "map" as container:
                return self.container(writer, reader, path, container)
            case "enum":
                return self.enum(writer, reader, path)
            case "string":
                return _text(writer, path)
            case "long" | "int" as number:
                return _number(writer, reader, path, number)
            case "null":
                _must(kind(writer) == "null", writer, "null", path)
                return _read_null
            case other:
                raise IncompatibleError(f"{path}: our schemas do not use {other}")

    def of_union(self, writer: list[Any], reader: Any, path: str) -> Read:
        """A writer's union. A branch that cannot be read fails only when a record uses it."""
        branches: list[Read] = []
        reasons: list[str] = []
        for branch in writer:
            try:
                branches.append(self.reader(branch, reader, path))
            except IncompatibleError as error:
                branches.append(_refuse(str(error)))
                reasons.append(str(error))
        if len(reasons) == len(writer):
            raise IncompatibleError(reasons[0] if reasons else f"{path}: the writer's union is empty")

        def read(data: bytes, at: int) -> tuple[Any, int]:
            index, at = read_long(data, at)
            if not 0 <= index < len(branches):
                raise BadInput(DeadLetterClass.UNDECODABLE, f"{path}: the union has no branch {index}")
            return branches[index](data, at)

        return read

    def into_union(self, writer: Any, reader: list[Any], path: str) -> Read:
        """A writer without a union: the first branch of ours that fits."""
        reason = f"{path}: our union is empty"
        for branch in reader:
            try:
                return self.reader(writer, branch, path)
            except IncompatibleError as error:
                reason = str(error)
        raise IncompatibleError(reason)

    def record(self, writer: Any, reader: Any, path: str) -> Read:
        """Fields by name or by our alias. A missing field gets our default; a field that we lack is skipped."""
        _must(kind(writer) in {"record", "error"}, writer, "a record", path)
        struct: Callable[..., Any] = STRUCTS[short_name(reader["name"])]
        written = {field["name"]: field for field in writer["fields"]}
        values: list[Any] = []
        slots: dict[str, tuple[int, Read]] = {}
        for slot, field in enumerate(reader["fields"]):
            here = f"{path}.{field['name']}"
            name = next((name for name in (field["name"], *field.get("aliases", ())) if name in written), None)
            values.append(None)
            if name is not None:
                slots[name] = (slot, self.reader(written[name]["type"], field["type"], here))
            elif "default" in field:
                values[slot] = default_of(field)
            else:
                raise IncompatibleError(f"{here}: the writer's schema does not have this field, and it has no default")
        steps: list[tuple[str, int, Any]] = []
        for name, field in written.items():
            if name in slots:
                steps.append((f"{path}.{name}", *slots[name]))
            else:
                steps.append((f"{path}.{name}", -1, self.skip(field["type"])))

        def read(data: bytes, at: int) -> tuple[Any, int]:
            filled = values.copy()
            name = path
            try:
                for name, slot, step in steps:  # noqa: B007 - the except clause names the field
                    if slot < 0:
                        at = step(data, at)
                    else:
                        filled[slot], at = step(data, at)
            except IndexError:
                raise BadInput(DeadLetterClass.TRUNCATED, f"{name}: the bytes end before this field does") from None
            return struct(*filled), at

        return read

    def container(self, writer: Any, reader: Any, path: str, container: str) -> Read:
        """Arrays as tuples, maps as dicts. Each of our items has at least one byte, which bounds the loops."""
        _must(kind(writer) == container, writer, container, path)
        inside = "items" if container == "array" else "values"
        read_item = self.reader(writer[inside], reader[inside], f"{path}[]")

        def read_array(data: bytes, at: int) -> tuple[Any, int]:
            items: list[Any] = []
            while True:
                count, at = read_block(data, at, path)
                if not count:
                    return tuple(items), at
                for _ in range(count):
                    item, at = read_item(data, at)
                    items.append(item)

        def read_map(data: bytes, at: int) -> tuple[Any, int]:
            entries: dict[str, Any] = {}
            while True:
                count, at = read_block(data, at, path)
                if not count:
                    return entries, at
                for _ in range(count):
                    key, at = read_text(data, at, path)
                    entries[key], at = read_item(data, at)

        return read_array if container == "array" else read_map

    def enum(self, writer: Any, reader: Any, path: str) -> Read:
        """Symbols by name. The enum's own name is not compared: the contract defines symbols, not types."""
        _must(kind(writer) == "enum", writer, "an enum", path)
        member: Callable[[str], Any] = STRUCT_ENUMS.get(short_name(reader["name"]), str)
        default = reader.get("default")
        known = [symbol for symbol in reader["symbols"] if symbol != default]
        symbols = {index: member(symbol) for index, symbol in enumerate(writer["symbols"]) if symbol in known}
        names = list(writer["symbols"])

        def read(data: bytes, at: int) -> tuple[Any, int]:
            index, at = read_long(data, at)
            value = symbols.get(index)
            if value is None:
                found = quoted(names[index]) if 0 <= index < len(names) else f"symbol {index} of {len(names)}"
                raise BadInput(DeadLetterClass.UNDECODABLE, f"{path} is {found}; this version knows {', '.join(known)}")
            return value, at

        return read

    def skip(self, writer: Any) -> Skip:
        """A skip of a value that our schema does not have."""
        writer = self.definition(writer)
        match kind(writer):
            case "record" | "error":
                return self.skip_record(writer)
            case "null":
                return lambda data, at: at
            case "boolean":
                return lambda data, at: at + 1
            case "int" | "long" | "enum":
                return lambda data, at: read_long(data, at)[1]
            case "float":
                return lambda data, at: at + 4
            case "double":
                return lambda data, at: at + 8
            case "fixed":
                size = int(writer["size"])
                return lambda data, at: at + size
            case "bytes" | "string":
                return skip_bytes
            case "union":
                return self.skip_union([self.skip(branch) for branch in writer])
            case "array":
                return skip_blocks(None if self.is_empty(writer["items"], ()) else self.skip(writer["items"]))
            case "map":
                value = self.skip(writer["values"])
                return skip_blocks(lambda data, at: value(data, skip_bytes(data, at)))
            case other:
                raise IncompatibleError(f"the writer's schema uses {other}, which Avro does not have")

    def skip_record(self, writer: Any) -> Skip:
        """A skip of a record, which may contain itself: its name is registered before its fields are walked."""
        name = str(writer["name"])
        if name not in self.skips:

            def later(data: bytes, at: int) -> int:
                return self.skips[name](data, at)

            self.skips[name] = later
            fields = [self.skip(field["type"]) for field in writer["fields"]]

            def skip(data: bytes, at: int) -> int:
                for field in fields:
                    at = field(data, at)
                return at

            self.skips[name] = skip
        return self.skips[name]

    @staticmethod
    def skip_union(branches: list[Skip]) -> Skip:
        """A skip of a union."""

        def skip(data: bytes, at: int) -> int:
            index, at = read_long(data, at)
            if not 0 <= index < len(branches):
                raise BadInput(DeadLetterClass.UNDECODABLE, f"a skipped union has no branch {index}")
            return branches[index](data, at)

        return skip

    def is_empty(self, schema: Any, above: tuple[str, ...]) -> bool:
        """Whether values of this type take no bytes. A count of such items has no bound and must not be looped over."""
        schema = self.definition(schema)
        match kind(schema):
            case "null":
                return True
            case "fixed":
                return int(schema["size"]) == 0
            case "record" | "error":
                name = str(schema["name"])
                return name not in above and all(
                    self.is_empty(field["type"], (*above, name)) for field in schema["fields"]
                )
            case _:
                return False


def _read_null(data: bytes, at: int) -> tuple[None, int]:
    return None, at


def _refuse(reason: str) -> Read:
    def read(data: bytes, at: int) -> tuple[Any, int]:
        raise BadInput(DeadLetterClass.INCOMPATIBLE_SCHEMA, reason)

    return read


def _must(fits: bool, writer: Any, ours: str, path: str) -> None:
    if not fits:
        raise IncompatibleError(f"{path}: the writer's {kind(writer)} cannot be read as {ours}")


def default_of(field: Any) -> Any:
    """Our default of a field that the writer lacks; null and the empty array are the only ones we have."""
    match field["default"]:
        case None:
            return None
        case []:
            return ()
        case other:
            raise NotImplementedError(f"{field['name']}: our schemas have no default {other!r}")


def _text(writer: Any, path: str) -> Read:
    _must(kind(writer) in {"string", "bytes"}, writer, "string", path)
    logical = logical_type(writer)
    if logical not in {None, "uuid"}:
        raise IncompatibleError(f"{path}: the writer's {logical} is not a text")
    return lambda data, at: read_text(data, at, path)


_SAME: dict[str | None, set[str | None]] = {
    "timestamp-micros": {None, "timestamp-micros"},
    "date": {None, "date"},
    None: {None},
}
"""By our logical type: those of writers that mean the same. A number without one has the unit of our schema."""


def _number(writer: Any, reader: Any, path: str, width: str) -> Read:
    """A long or an int. Another unit is converted if that is exact; another meaning is refused."""
    _must(kind(writer) == "int" or (kind(writer) == "long" and width == "long"), writer, width, path)
    theirs, ours = logical_type(writer), logical_type(reader)
    bits = 31 if kind(writer) == "int" else 63

    def read(data: bytes, at: int) -> tuple[int, int]:
        number, at = read_long(data, at)
        if not -1 << bits <= number < 1 << bits:
            raise BadInput(DeadLetterClass.UNDECODABLE, f"{path}: {number} is not an Avro {kind(writer)}")
        return number, at

    def read_millis(data: bytes, at: int) -> tuple[int, int]:
        number, at = read(data, at)
        return number * 1_000, at

    def read_nanos(data: bytes, at: int) -> tuple[int, int]:
        number, at = read(data, at)
        if number % 1_000:
            raise BadInput(
                DeadLetterClass.OUT_OF_RANGE,
                f"{path} is {number} ns, which is not a whole number of microseconds; instants here are microseconds",
            )
        return number // 1_000, at

    if theirs in _SAME[ours]:
        return read
    if ours == "timestamp-micros" and theirs in {"timestamp-millis", "timestamp-nanos"} and kind(writer) == "long":
        return read_millis if theirs == "timestamp-millis" else read_nanos
    raise IncompatibleError(f"{path}: the writer's {theirs} cannot be read as {ours or 'a plain number'}")

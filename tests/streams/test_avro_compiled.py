"""The compiled codec: it is built, leaks no references, and refuses wrong layouts and arguments."""

import gc
import random
import subprocess
import sys
import sysconfig
import tracemalloc
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from streams.codec.avro_plain import ENCODE
from streams.codec.avro_schemas import OURS
from streams.codec.codec import Codec, avro_compiled
from streams.codec.dead_letters import BadInput
from tests.conftest import go_without
from tests.kit import avro_samples as samples
from tests.streams.test_fuzz import mutated
from tests.streams.test_version_1 import VERSION_1, body_1
from tools.local.cache import MissingToolError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def built(pytestconfig: pytest.Config) -> None:
    if not avro_compiled.BODIES:
        go_without(pytestconfig, "the compiled codec", MissingToolError("it was not built; is there a C compiler?"))


def test_it_is_the_default() -> None:
    assert Codec().is_compiled
    assert not Codec(compiled=False).is_compiled


def test_without_the_extension_the_plain_codec_is_used() -> None:
    """As on a machine where it could not be built: only its import fails."""
    program = (
        "import sys; sys.modules['streams.codec._avro'] = None\n"
        "from streams.codec.codec import Codec\n"
        "from tests.kit import avro_samples as samples\n"
        "codec = Codec()\n"
        "assert not codec.is_compiled\n"
        "for fact in samples.FACTS:\n"
        "    topic = samples.TOPIC_OF[fact]\n"
        "    assert codec.decode_input(topic, codec.encode(fact, topic.name)) == fact\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=60)


@pytest.mark.parametrize("version", [None, 1, 99])
def test_an_extension_built_from_other_source_is_not_used(version: int | None) -> None:
    """As in a checkout that was updated and not built again."""
    marked = "" if version is None else f"stale.LAYOUT_VERSION = {version}; "
    program = (
        "import sys, types; stale = types.ModuleType('streams.codec._avro'); stale.Body = print; "
        f"{marked}import streams.codec; streams.codec._avro = sys.modules['streams.codec._avro'] = stale\n"
        "from streams.codec.codec import Codec\n"
        "assert not Codec().is_compiled\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=60)


def test_a_build_without_a_compiler_succeeds(tmp_path: Path) -> None:
    """`make demo` needs nothing but Python: a compiler that fails must not fail the build."""
    command = [sys.executable, "-c", "from setuptools import setup; setup()", "build_ext", "--build-lib", str(tmp_path)]
    done = subprocess.run(
        [*command, "--build-temp", str(tmp_path / "temp")],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
        env={"CC": "/bin/false", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    assert not list(tmp_path.rglob(f"*{suffix}"))


def test_no_reference_leaks_however_reading_and_writing_end() -> None:
    """Every new object is released exactly once: reference counts and allocated bytes do not grow."""
    dice = random.Random(7)
    cases = []
    unnamed = msgspec.structs.replace(samples.SETTLED, movement_id="")  # the checks make another record of it
    for record in (*samples.FACTS, *samples.OUTPUTS, unnamed):
        name = type(record).__name__
        value = ENCODE[name](record, b"")
        cases.append((avro_compiled.BODIES[name], record, [value] + [mutated(value, dice) for _ in range(40)]))
    shared = [None, *(type(record) for record in samples.FACTS), "USD", samples.FACTS[0]]

    def turn() -> None:
        for body, record, values in cases:
            body.encode(record, b"frame")
            for broken in (None, samples.PLAN, object()):
                with pytest.raises((AttributeError, TypeError)):
                    body.encode(broken, b"frame")
            for value in values:
                with suppress(BadInput):
                    body.decode(value, 0)

    def counts() -> list[int]:
        return [sys.getrefcount(one) for one in shared]

    for _ in range(3):
        turn()
    gc.collect()
    tracemalloc.start()
    try:
        before, held = counts(), tracemalloc.get_traced_memory()[0]
        for _ in range(50):
            turn()
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - held < 20_000
        assert [now - then for now, then in zip(counts(), before, strict=True) if abs(now - then) > 5] == []
    finally:
        tracemalloc.stop()


TEXT = ("string", False, 0)


@pytest.mark.parametrize(
    "layout",
    [
        (), ("longer",), ("long", 1), ("long", "a", "b", 0), ("string",), ("string", True), ("string", True, "C"),
        ("known", []), ("enum", []), ("enum", ("a",) * 65), ("optional",), ("optional", TEXT), ("map",),
        ("array", TEXT, True), ("array", TEXT), ("record", dict, ("a",), ()), ("record", dict, (1,), (TEXT,)),
        ("record", None, (), ()), "long", None, ("record", dict, ("a",) * 40, (TEXT,) * 40),
    ],
)  # fmt: skip
def test_a_wrong_layout_is_refused(layout: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        avro_compiled.Body(layout, print)


def test_a_layout_that_is_too_deep_is_refused() -> None:
    layout: Any = TEXT
    for _ in range(10):
        layout = ("optional", layout, False)
    avro_compiled.Body(layout, print)
    for _ in range(90):
        layout = ("optional", layout, False)
    with pytest.raises(ValueError, match="not a layout"):
        avro_compiled.Body(layout, print)


def never(*arguments: Any) -> Any:
    raise AssertionError(f"plain Python was asked: {arguments}")


FAST = (
    *samples.FACTS[:8],
    *(samples.ASSIGNED, samples.REINSTATED, samples.CANCELLED_AGAIN),
    msgspec.structs.replace(samples.REFERENCED, outcome="SETTLED"),
    msgspec.structs.replace(samples.REFERENCED, outcome="RETURNED", reason_code="R01", fee_minor=-1),
    *samples.OUTPUTS,
)


@pytest.mark.parametrize("record", FAST, ids=lambda record: type(record).__name__)
def test_ordinary_records_are_read_without_plain_python(record: Any) -> None:
    """Neither the general reader nor the checks: they would cost several times as much as all the rest."""
    name = type(record).__name__
    body = avro_compiled.Body(avro_compiled.layout_of(OURS[name], name), never, never)
    assert body.decode(body.encode(record, b""), 0) == record


@pytest.mark.parametrize("name", ["PaymentInitiated", "ProcessorSettled", "ObligationCharged", "PlanChanged"])
def test_ordinary_records_of_version_1_are_read_without_plain_python(name: str) -> None:
    (record,) = [fact for fact in samples.FACTS[:8] if type(fact).__name__ == name]
    writer = VERSION_1[name]
    body = avro_compiled.Body(avro_compiled.layout_of(writer, name), never, never)
    assert body.decode(body_1(record), 0) == record


DOUBTFUL = (
    *(samples.SPLIT, samples.GRACED, samples.FEE, samples.CREDITED, samples.REASSIGNED, samples.DECIDED),
    msgspec.structs.replace(samples.SETTLED, reason_code="C"),
    msgspec.structs.replace(samples.SETTLED, movement_id=""),
    msgspec.structs.replace(samples.SPLIT, allocations=()),
    msgspec.structs.replace(samples.ADJUSTED, kind="RENT"),
    msgspec.structs.replace(samples.ADJUSTED, installment_id="A"),
    msgspec.structs.replace(samples.SETTLED, settlement_currency="EURO"),
)


@pytest.mark.parametrize("record", DOUBTFUL, ids=lambda record: type(record).__name__)
def test_records_whose_fields_must_fit_together_are_checked(record: Any) -> None:
    """What the check returns is the record: it may differ from what was read."""
    name = type(record).__name__
    body = avro_compiled.Body(avro_compiled.layout_of(OURS[name], name), never, lambda found: ("checked", found))
    assert body.decode(body.encode(record, b""), 0) == ("checked", record)


def test_the_symbol_that_is_never_written_is_unusual() -> None:
    """The index of a symbol after it is right, and its own goes to the general reader; it cannot be written."""
    body = avro_compiled.Body(("enum", ("a", None, "b")), lambda data, start: "again")
    assert [body.decode(bytes((index,)), 0) for index in (0, 2, 4, 6)] == ["a", "again", "b", "again"]
    assert [body.encode(value, b"") for value in ("a", "b")] == [b"\x00", b"\x04"]
    for value in (None, "c"):
        with pytest.raises(KeyError):
            body.encode(value, b"")


def test_arguments_of_other_types_are_errors() -> None:
    body = avro_compiled.BODIES["PaymentPosted"]
    for arguments in ((), (b"",), ("text", 0), (bytearray(b"x"), 0), (b"", "0"), (b"", -1), (b"", 1 << 80)):
        with pytest.raises((TypeError, ValueError, OverflowError)):
            body.decode(*arguments)
    for arguments in ((), (samples.POSTED,), (samples.POSTED, "frame")):
        with pytest.raises(TypeError):
            body.encode(*arguments)
    with pytest.raises(BadInput):
        body.decode(b"", 5)


def test_numbers_that_do_not_fit_are_errors() -> None:
    for size, name in ((1 << 63, "ObligationAdjusted"), (1 << 31, "Installment")):
        fact: Any = samples.ADJUSTED if name == "ObligationAdjusted" else samples.CHARGED
        fields = {field: getattr(fact, field) for field in fact.__struct_fields__}
        fields |= {"amount_delta_minor": size} if name == "ObligationAdjusted" else {"due_date": size}
        for bodies in (avro_compiled.ENCODE, ENCODE):
            with pytest.raises(OverflowError, match="does not fit into an Avro"):
                bodies[type(fact).__name__](type(fact)(**fields), b"")

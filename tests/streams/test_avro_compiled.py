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

import pytest

from streams.codec.avro_plain import ENCODE
from streams.codec.codec import Codec, avro_compiled
from streams.codec.dead_letters import BadInput
from tests.conftest import go_without
from tests.kit import avro_samples as samples
from tests.streams.test_fuzz import mutated
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
    for record in (*samples.FACTS, *samples.OUTPUTS):
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


@pytest.mark.parametrize(
    "layout",
    [
        (), ("longer",), ("long", 1), ("long", "a", "b", 0), ("string",), ("known", []), ("enum", []), ("optional",),
        ("array", ("string", 0), True), ("record", dict, ("a",), ()), ("record", dict, (1,), (("string", 0),)),
        ("record", None, (), ()), "long", None, ("record", dict, ("a",) * 40, (("string", 0),) * 40),
    ],
)  # fmt: skip
def test_a_wrong_layout_is_refused(layout: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        avro_compiled.Body(layout, print)


def test_a_layout_that_is_too_deep_is_refused() -> None:
    layout: Any = ("string", 0)
    for _ in range(100):
        layout = ("optional", layout)
    with pytest.raises(ValueError, match="not a layout"):
        avro_compiled.Body(layout, print)


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

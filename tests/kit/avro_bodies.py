"""Both implementations of our own bodies, for tests that hold each to the same."""

import pytest

from streams.codec import avro_compiled, avro_generated

BOTH = pytest.mark.parametrize(
    "bodies",
    [
        pytest.param(avro_generated, id="plain"),
        pytest.param(
            avro_compiled,
            id="compiled",
            marks=pytest.mark.skipif(not avro_compiled.BODIES, reason="the extension is not built"),
        ),
    ],
)
"""Hands a test the module with `DECODE` and `ENCODE`. tests/streams/test_avro_compiled.py tells loudly of a skip."""

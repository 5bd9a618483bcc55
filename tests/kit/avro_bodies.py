"""Both codecs of our own schemas, for tests that apply to each."""

import pytest

from streams.codec import avro_compiled, avro_plain

BOTH = pytest.mark.parametrize(
    "bodies",
    [
        pytest.param(avro_plain, id="plain"),
        pytest.param(
            avro_compiled,
            id="compiled",
            marks=pytest.mark.skipif(not avro_compiled.BODIES, reason="the extension is not built"),
        ),
    ],
)
"""Runs a test with each module that has `DECODE` and `ENCODE`. tests/streams/test_avro_compiled.py reports a skip."""

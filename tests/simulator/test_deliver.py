"""The bytes of a delivery."""

import pytest

from domain.facts import InputFact
from simulator.deliver import Delivery, value_of
from tests.kit.build_scenario import initiated


def encode(fact: InputFact, topic: str) -> bytes:
    return f"{topic}:{fact.event_id}".encode()


FACT = initiated(event_id="E-1")
GOOD = b"payment-initiated:E-1"


def test_a_good_fact_is_encoded_for_its_topic() -> None:
    assert value_of(Delivery("payment-initiated", "P-1", 0, FACT), encode) == GOOD


def test_raw_bytes_go_untouched() -> None:
    assert value_of(Delivery("ledger-events", "O-1", 0, raw=b"", fault="empty"), encode) == b""


def test_damage_truncates_or_appends_bytes() -> None:
    cut = value_of(Delivery("payment-initiated", "P-1", 0, FACT, damage="truncated", fault="truncated"), encode)
    assert GOOD.startswith(cut)
    assert 0 < len(cut) < len(GOOD)
    more = value_of(Delivery("payment-initiated", "P-1", 0, FACT, damage="trailing", fault="trailing"), encode)
    assert more.startswith(GOOD)
    assert len(more) > len(GOOD)


def test_neither_fact_nor_bytes_is_an_error() -> None:
    with pytest.raises(ValueError, match="neither"):
        value_of(Delivery("ledger-events", "O-1", 0), encode)

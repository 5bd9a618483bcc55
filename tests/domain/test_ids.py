"""Ids are SHA-256 over netstrings, as anybody can compute them from the contract."""

import hashlib

from domain.ids import alert_id, break_id
from domain.time import iso_date
from tests.kit.scenario_words import day


def test_a_break_id_hashes_key_kind_key_and_subject() -> None:
    text = b"5:break,7:payment,2:P1,3:fee,4:acme,2:R1,"
    assert break_id("payment", "P1", ("fee", "acme", "R1")) == hashlib.sha256(text).hexdigest()[:32]


def test_lengths_are_bytes_of_utf_8() -> None:
    text = "5:break,10:obligation,4:Zoë,7:balance,".encode()
    assert break_id("obligation", "Zoë", ("balance",)) == hashlib.sha256(text).hexdigest()[:32]


def test_an_alert_id_has_the_due_date_as_iso_text() -> None:
    text = b"4:late,2:O1,2:A1,10:2026-03-01,"
    assert alert_id("O1", "A1", day("2026-03-01")) == hashlib.sha256(text).hexdigest()[:32]


def test_parts_of_an_id_cannot_run_together() -> None:
    assert break_id("payment", "P1", ("fee", "a", "bc")) != break_id("payment", "P1", ("fee", "ab", "c"))


def test_iso_dates_of_all_years() -> None:
    assert [iso_date(day(text)) for text in ("0001-01-01", "1970-01-01", "9999-12-31")] == [
        "0001-01-01",
        "1970-01-01",
        "9999-12-31",
    ]

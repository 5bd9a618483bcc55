"""What Cython is told of the rules: where fields lie, and which names are records."""

import ast
import ctypes
import importlib
from pathlib import Path

import msgspec
import pytest

from domain.payments.state import PaymentState, Posting
from domain.payments.totals import PaymentTotals
from tools.build_extensions import COMPILED
from tools.layouts import declaration, declared, offsets
from tools.local_types import LocalTypes
from tools.typed_sources import typed_source

ROOT = Path(__file__).resolve().parents[2]


class Sample(msgspec.Struct):
    zebra: str
    ape: int | None = None


@pytest.fixture(scope="module", autouse=True)
def all_modules() -> None:
    for name in COMPILED:
        importlib.import_module(name)


@pytest.mark.parametrize("struct", [Sample("z", 7), PaymentState("p"), PaymentTotals("EUR", gross_minor=4)])
def test_a_field_lies_at_its_offset(struct: msgspec.Struct) -> None:
    for name, offset in offsets(type(struct)).items():
        value = ctypes.py_object.from_address(id(struct) + offset).value
        assert value is getattr(struct, name)


def test_a_struct_with_subclasses_stays_any_object() -> None:
    class Base(msgspec.Struct):
        pass

    assert declared(Base | None) is Base

    class Derived(Base):
        pass

    assert declared(Base) is None
    assert declared(Derived) is Derived
    assert declared(Sample | Posting) is None


def test_local_types_follow_from_annotations() -> None:
    text = """
def f(state: PaymentState, number: int) -> None:
    initiation = state.initiation
    known = state.postings.get("a")
    for posting_id, posting in state.postings.items():
        both = posting if number else None
    first, second = posting, number
    changing = posting
    changing = initiation
    names = [each.currency for each in state.reversals.values()]
"""
    function = ast.parse(text).body[0]
    assert isinstance(function, ast.FunctionDef)
    kinds = LocalTypes(vars(importlib.import_module("domain.payments.state")), function, None).find()
    found = {name: struct.__name__ for name, kind in kinds.items() if (struct := declared(kind)) is not None}
    assert found == {
        "state": "PaymentState", "initiation": "Initiation", "known": "Posting", "posting": "Posting",
        "both": "Posting", "first": "Posting", "each": "Reversal",
    }  # fmt: skip


def test_lines_keep_their_numbers() -> None:
    for name in COMPILED:
        source = (ROOT / f"{name.replace('.', '/')}.py").read_text()
        typed = typed_source(name, source).source.split("\n")
        lines = source.split("\n")
        for number, line in enumerate(lines):
            if line.strip():
                assert typed[number] == line, f"{name}:{number + 1}"


def test_own_records_are_known_once_their_class_exists() -> None:
    typed = typed_source("domain.payments.totals", (ROOT / "domain/payments/totals.py").read_text())
    assert "bind_domain_payments_totals_PaymentTotals(PaymentTotals)" in typed.source
    text = declaration(PaymentTotals, "domain.payments.totals")
    assert "ctypedef class builtins.type [" in text
    assert "ctypedef class domain.payments.totals.PaymentTotals [" in declaration(PaymentTotals, "domain.tally")

"""A mapping file that cannot work is an error that says where."""

import re
from pathlib import Path

import pytest

from connectors.ledger.changes import MappingError
from connectors.ledger.debezium import topics_of
from connectors.ledger.mapping import load_mapping, parse_mapping
from connectors.ledger.translation import Translator
from tests.kit.command_line import Run, bare_run
from tests.kit.ledger_rows import MAPPING

__all__ = ["bare_run"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "main"', "", "missing required field `name`"),
        ('name = "main"', 'name = "a/b"', "it may have letters"),
        ('record = "PlanChanged"', 'record = "Plan"', "record is 'Plan'; it must be one of"),
        ('table = "public.plan"', 'table = "plan"', "schema.table or database.table"),
        ('installments = "parts"', "", "public.plan:PlanChanged: installments is missing"),
        ('posting_id = "id"', 'posting_nr = "id"', "no field 'posting_nr'"),
        ('payment_id = "payment"\nobligation_id = "charge"\namount = "amount"', "", "obligation_id is missing"),
        ('currency = "USD"', "", "currency is missing"),
        ('currency = "USD"', 'currency = "USD"\ncolour = "red"', "no table's record has the field 'colour'"),
        ('amount = "amount"', 'amount = "amount"\namount_minor = "amount"', "one is enough"),
        ('posting_id = "id"', 'posting_id = { column = "id", value = "x" }', "exactly one of column, value and text"),
        ('posting_id = "id"', 'posting_id = { colum = "id" }', "unknown field `colum`"),
        ('when.kind = ["payment"]', 'when.kind = "payment"', "write a list of values"),
        ('table = "public.plan"', 'table = "public.plan"\nunles.x = ["y"]', "unknown field `unles`"),
        ('record = "PlanChanged"', 'record = "PlanChanged"\nname = "public.posting:PaymentPosted"', "two tables are"),
        ('amount = "amount", due_date = "due" } }', 'due_date = "due" } }', "amount_minor is missing"),
        ("[[table]]", "[[table", "Expected"),
        ('occurred_at = "charged_at"', 'occurred_at = { column = "c", zone = "Mars" }', "'Mars' is no time zone"),
    ],
)
def test_a_mapping_that_cannot_work(old: str, new: str, message: str) -> None:
    assert old in MAPPING
    with pytest.raises(MappingError, match=message.replace("[", r"\[").replace("]", r"\]")):
        Translator(parse_mapping(MAPPING.replace(old, new, 1)))


def test_the_topics_of_the_tables() -> None:
    mapping = parse_mapping(MAPPING.replace('record = "PlanChanged"', 'record = "PlanChanged"\ntopic = "plans"'))
    assert topics_of(mapping)["shop.public.posting"] == "public.posting"
    assert topics_of(mapping)["plans"] == "public.plan"
    with pytest.raises(MappingError, match="topic_prefix"):
        topics_of(parse_mapping(MAPPING.replace('topic_prefix = "shop"', "")))


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(MappingError, match="cannot be read"):
        load_mapping(Path("nowhere.toml"))


def test_check_shows_what_a_mapping_does(bare_run: Run, tmp_path: Path) -> None:
    path = tmp_path / "ledger.toml"
    path.write_text(MAPPING)
    result = bare_run("ledger", "check", str(path))
    assert result.exit_code == 0
    assert "obligation_id ← {lease}/{period}" in result.stdout
    path.write_text(MAPPING.replace("PlanChanged", "Plan"))
    result = bare_run("ledger", "check", str(path))
    assert result.exit_code == 2
    assert "record is 'Plan'" in result.stderr


def test_the_mapping_in_the_documents_works() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "connectors-ledger.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert len(topics_of(parse_mapping(text))) == 2
    Translator(parse_mapping(text))

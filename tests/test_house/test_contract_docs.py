"""The pages of mapping files and of the data contract follow from the code, and are whole."""

import csv

import pytest

from features.contract.tables import TABLES
from features.intake.mapped_date_formats import CODES
from scripts import contract_docs

ALWAYS = {"version", "time_zone", "extract_at", "sources", "synthetic"}
IN_A_WORKBOOK = {"sheet"}


def test_the_pages_are_up_to_date(capsys) -> None:
    """docs/mapping.md and docs/data-contract.md are what the code and the examples make now."""
    assert contract_docs.main(["--check"]) == 0, capsys.readouterr().out


def test_a_stale_page_is_told(tmp_path, monkeypatch, capsys) -> None:
    """A page that differs ends with 1 and names the remedy; writing mends it."""
    monkeypatch.setattr(contract_docs, "MAPPING_PAGE", tmp_path / "mapping.md")
    assert contract_docs.main(["--check"]) == 1
    assert "mapping.md: not what the code says; run `make docs`" in capsys.readouterr().out
    assert contract_docs.main([]) == 0
    assert contract_docs.main(["--check"]) == 0


@pytest.mark.parametrize("entry", contract_docs.ENTRIES, ids=lambda entry: entry.__name__)
def test_every_key_of_the_models_is_described(entry) -> None:
    """The table of an entry has the keys that its model reads, and no other."""
    assert set(contract_docs.ENTRIES[entry][2]) == set(entry.list_keys())


def test_every_key_stands_in_an_example_that_runs() -> None:
    """No key of the grammar is without an example, but those that every mapping file has."""
    shown = {key for example in contract_docs.read_examples() for key in example["keys"]}
    keys = {key for _, key in contract_docs.list_keys()}
    assert keys - shown == ALWAYS | IN_A_WORKBOOK
    for example in contract_docs.read_examples():
        for key in example["keys"]:
            assert key in ("file",) or f"{key}:" in example["source"], key


def test_every_column_of_the_contract_is_described_and_filled() -> None:
    """Each column has its words, and a cell in the example folder."""
    for table in TABLES.values():
        assert tuple(contract_docs.COLUMNS[table.name]) == table.column_names
        path = contract_docs.CONTRACT_EXAMPLE / f"{table.name}.csv"
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert {name for row in rows for name in row if row[name]} == set(table.column_names)


def test_every_code_of_dates_is_described() -> None:
    """The page names each code that a form may hold."""
    page = contract_docs.write_mapping_page().split("## Codes of dates")[1]
    assert [code for code in CODES if code not in page] == []

"""Every table of a report as data: the same cells, and the figures behind them in full."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from caselight.__main__ import run
from models.run_figures.run import read_run_figures
from tests.test_training.report.test_report import follow, read_page
from training.report import render_report
from training.report.table_export import list_cells, write_json


@pytest.fixture(scope="module")
def metrics(small_unit: Any) -> dict[str, Any]:
    """Return what a real run wrote."""
    found: dict[str, Any] = json.loads((small_unit.bundle / "metrics.json").read_text())
    return found


def test_every_cell_of_the_page_is_among_them(metrics: dict[str, Any]) -> None:
    """Table by table and row by row the texts are those of the report."""
    figures = read_run_figures(metrics)
    page = read_page(render_report(figures))
    told: dict[str, list[str]] = {}
    for cell in list_cells(json.dumps(metrics)):
        told.setdefault(cell.table, []).append(cell.text)
    shown = {
        caption: [text for row in rows[1:] for text in row[1:]]
        for caption, rows in page.rows.items()
        if any(rows[1:])
    }
    assert told == shown
    assert len(told) > 15


def test_every_figure_is_the_one_in_the_metrics(metrics: dict[str, Any]) -> None:
    """Unrounded, at the place that is named; what has an interval lies within it."""
    cells = list_cells(json.dumps(metrics))
    placed = [cell for cell in cells if cell.place]
    assert len(placed) > 300
    assert all(cell.figure == follow(metrics, cell.place) for cell in placed)
    bounded = [cell for cell in placed if cell.low is not None]
    assert len(bounded) > 20
    assert all(cell.high is not None and cell.low <= cell.high for cell in bounded)


def test_both_forms_hold_the_same(small_unit: Any, metrics: dict[str, Any], capfd: Any) -> None:
    """CSV has a line a cell, JSON an object a cell; a number in one is that number in the other."""
    assert run(["figures", str(small_unit.bundle), "--format", "csv"]) == 0
    table = list(csv.DictReader(io.StringIO(capfd.readouterr().out)))
    assert run(["figures", str(small_unit.bundle / "metrics.json"), "--format", "json"]) == 0
    objects = json.loads(capfd.readouterr().out)
    assert len(table) == len(objects) > 500
    for line, one in zip(table, objects, strict=True):
        assert line.keys() == one.keys()
        assert line["place"] == one["place"]
        assert (float(line["figure"]) if line["figure"] else None) == one["figure"]


def test_a_file_is_written_where_one_is_named(small_unit: Any, tmp_path: Path, capfd: Any) -> None:
    """The folder is made, and what is printed says how many cells there are."""
    out = tmp_path / "new" / "figures.json"
    assert run(["figures", str(small_unit.bundle), "--format", "json", "--out", str(out)]) == 0
    n_cells = len(json.loads(out.read_text()))
    assert f"{n_cells:,} cells written to figures.json" in capfd.readouterr().out


@pytest.mark.parametrize(("content", "told"), [(None, "no metrics.json"), ("[1]", "no figures")])
def test_what_is_no_run_is_told(tmp_path: Path, content: str | None, told: str, capfd: Any) -> None:
    """A folder without figures, and a file that holds none, end in one line with the remedy."""
    if content is not None:
        (tmp_path / "metrics.json").write_text(content)
    assert run(["figures", str(tmp_path)]) == 2
    assert told in capfd.readouterr().err


def test_a_run_without_figures_has_none() -> None:
    """What the file does not hold is told as not there, and is no error."""
    cells = list_cells("{}")
    assert {cell.figure for cell in cells} == {None}
    assert json.loads(write_json([])) == []

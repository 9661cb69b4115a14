"""Small histories from visible tables, and small catalogues around one or a few indicators."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from features.catalogue.declarations import Catalogue
from features.catalogue.file import parse_catalogue
from features.contract.moments import parse_date
from features.engine.measurement import compile_plan, measure
from features.history.assembly import assemble_history
from features.history.columns import History
from features.intake.contract_folder import ContractFolder, assemble_folder

Rows = Sequence[Mapping[str, object]]
LONDON = "Europe/London"

FRAME = """
version: 1
name: small
title: A small catalogue for tests
kinds:
  conduct:
    label: conduct
    children:
      threat: {{label: a threat}}
      contact: {{label: contact}}
      assault: {{label: an assault}}
  separation: {{label: separation}}
  custody_started: {{label: taken into custody, starts: custody}}
  custody_ended: {{label: released, ends: custody}}
facts:
  frightened: {{type: yes_no, question: "Is the victim very frightened?", source: test}}
  children: {{type: number, question: "How many children?", source: test}}
  separated_on: {{type: date, question: "When did they separate?", source: test}}
indicators:
{indicators}
outcomes:
  - name: assault
    label: assault recorded
    of: {{kind: assault}}
    horizon: 90d
    maturity: 0d
    source: test
baselines:
  rfs: {{recency: {first}, frequency: {first}, severity: {first}, source: test}}
priority:
  source: test
  custody_state: custody
  ladder:
    - {{name: assault, label: assault recorded, outcome: assault, weight: 1, source: test}}
wording:
  advisory: "Advisory: a person decides."
  estimate: "Recorded outcome under past practice."
"""


def write_indicators(expressions: Mapping[str, str]) -> str:
    """Return catalogue text with one indicator per expression (YAML flow mapping contents)."""
    lines = [
        f"  - {{name: {name}, family: test, direction: open, reason: 'is {{value}}', source: test, "
        f"{expression}}}"
        for name, expression in expressions.items()
    ]
    return FRAME.format(indicators="\n".join(lines), first=next(iter(expressions)))


def read_rows(
    events: Rows, facts: Rows = (), cases: Rows = (), zone: str = LONDON
) -> ContractFolder:
    """Put rows through the edge; the case is `C` and ids count from e1 where not stated."""
    defaults = {"case_id": "C", "kind": "threat"}
    numbered = [
        defaults | {"event_id": f"e{number}"} | dict(row) for number, row in enumerate(events, 1)
    ]
    for row in numbered:
        row.setdefault("recorded_at", row["occurred_at"])
    answers = [
        {"case_id": "C", "fact_id": f"f{number}", "asked": "yes"} | dict(row)
        for number, row in enumerate(facts, 1)
    ]
    return assemble_folder(
        {
            "cases": list(cases) or [{"case_id": "C", "recorded_at": "2020-01-01"}],
            "events": numbered,
            "facts": answers,
        },
        time_zone=zone,
        extract_at_us=parse_date("2026-12-31", zone),
    )


def read_history(events: Rows, facts: Rows = (), cases: Rows = (), zone: str = LONDON) -> History:
    """Return the history of some rows, none of which may be a reject."""
    folder = read_rows(events, facts, cases, zone)
    assert not len(folder.rejects), folder.rejects.frame
    return assemble_history(folder)


def parse_small(expressions: Mapping[str, str]) -> Catalogue:
    """Return the small catalogue with some indicators."""
    return parse_catalogue(write_indicators(expressions).encode(), "small.yaml")


@pytest.fixture
def folder_of() -> Callable[..., ContractFolder]:
    """Give `read_rows`."""
    return read_rows


@pytest.fixture
def history_of() -> Callable[..., History]:
    """Give `read_history`."""
    return read_history


@pytest.fixture
def catalogue_of() -> Callable[..., Catalogue]:
    """Give `parse_small`."""
    return parse_small


@pytest.fixture
def value_of() -> Callable[..., Any]:
    """Measure one expression of case `C` at a date."""

    def measure_one(
        expression: str, as_of: str, events: Rows, facts: Rows = (), zone: str = LONDON
    ) -> float:
        catalogue = parse_small({"it": expression})
        history = read_history(events, facts, (), zone)
        matrix = measure(history, compile_plan(catalogue), parse_date(as_of, zone), threads=1)
        return float(matrix.values[0, 0])

    return measure_one

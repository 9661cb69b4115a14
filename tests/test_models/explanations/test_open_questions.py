"""What is not known: every admissible answer is tried, and nothing that would settle it leaks."""

import dataclasses
import inspect

import numpy as np
import pytest

from features.catalogue.declarations import DAY_US, FactType
from features.contract.moments import parse_date
from features.engine.measurement import measure
from features.evidence.records_behind import CaseMoment
from models.explanations import plain_text
from models.explanations.facade import explain_case, find_sensitivity
from models.explanations.incident_groups import find_units
from models.explanations.open_questions import admissible_answers, list_open_questions
from models.ranking.order import estimate_log_odds

ZONE = "Europe/London"
AS_OF = parse_date("2026-06-01", ZONE)


def estimate(bundle, history, case):
    """Return one case's probabilities."""
    values = measure(history, bundle.plan, AS_OF, np.array([case]), threads=1).values
    scores = estimate_log_odds(bundle, values)
    return {name: 1 / (1 + np.exp(-column[0])) for name, column in scores.items()}


def test_an_answer_scores_what_its_record_would(bundles, rows_of):
    """Yes and no, put into the history as records, give the two ends of the range."""
    rows, bundle = rows_of(8, 8), bundles[0]
    history = rows.assemble()
    checked = 0
    for case, name in enumerate(history.case_id):
        asked = [
            one
            for one in list_open_questions(bundle, history, case, AS_OF)
            if bundle.catalogue.facts[one.fact].type is FactType.YES_NO
        ]
        for question in asked[:2]:
            answered = []
            for answer in ("yes", "no"):
                record = {
                    "case_id": name,
                    "fact_id": "new",
                    "name": question.fact,
                    "asked": "yes",
                    "value": answer,
                    "recorded_at": "2026-05-31T12:00:00+00:00",
                }
                anew = dataclasses.replace(rows, facts=[*rows.facts, record]).assemble()
                answered.append(estimate(bundle, anew, case))
            for one in question.ranges:
                told = sorted(found[one.outcome] for found in answered)
                assert [one.low, one.high] == pytest.approx(told, abs=1e-9)
            checked += 1
    assert checked > 8


def test_no_admissible_number_lies_outside_its_range(bundles, rows_of):
    """Of a thousand numbers within what training cases held, none scores beyond the range told."""
    bundle, history = bundles[1], rows_of(2, 20).assemble()
    columns = bundle.catalogue.columns
    checked = 0
    for case in range(len(history)):
        values = measure(history, bundle.plan, AS_OF, np.array([case]), threads=1).values
        for question in list_open_questions(bundle, history, case, AS_OF):
            if bundle.catalogue.facts[question.fact].type is FactType.YES_NO:
                continue
            answers = admissible_answers(bundle, question.fact)
            tried = np.linspace(answers.min(), answers.max(), 1000)
            rows = values.repeat(len(tried), axis=0)
            for entry in bundle.catalogue.indicators:
                if entry.expression.fact == question.fact:
                    rows[:, columns.index(entry.name)] = tried
                    rows[:, columns.index(entry.name) + 1] = 1.0
            for one in question.ranges:
                log_odds = estimate_log_odds(bundle, rows)[one.outcome]
                scored = 1 / (1 + np.exp(-log_odds))
                assert one.low - 1e-9 <= scored.min() <= scored.max() <= one.high + 1e-9
            checked += 1
    assert checked > 10


def test_key_questions_come_first(bundles, rows_of):
    """Key questions stand first; within each group the widest range does."""
    history = rows_of(6, 5).assemble()
    for case in range(len(history)):
        told = list_open_questions(bundles[0], history, case, AS_OF)
        places = [(not one.key_question, -one.widest) for one in told]
        assert places == sorted(places)
        assert len({one.fact for one in told}) == len(told)


def test_views_that_differ_are_in_dispute(bundles, rows_of):
    """A record and an account of one incident that differ are named; equal ones are not."""

    def row(key, kind, view, incident, value=None):
        at = "2026-05-20T10:00:00+00:00"
        return {
            "case_id": "C",
            "event_id": key,
            "kind": kind,
            "view": view,
            "incident_id": incident,
            "value": value,
            "occurred_at": at,
            "recorded_at": at,
        }

    rows = dataclasses.replace(
        rows_of(0, 0),
        cases=[{"case_id": "C", "recorded_at": "2026-01-01"}],
        events=[
            row("e1", "assault", "recorded", "i"),
            row("e2", "threat_to_kill", "account", "i"),
            row("e3", "call", "recorded", "j", 2),
            row("e4", "call", "account", "j", 2),
        ],
    )
    history = rows.assemble()
    told = find_sensitivity(bundles[0], history, 0, AS_OF)
    assert [one.records for one in told.disputes] == [("e1", "e2")]
    scores = estimate(bundles[0], history, 0)
    for one in told.disputes[0].ranges:
        assert one.low <= scores[one.outcome] <= one.high
    assert len(find_units(CaseMoment(history, bundles[0].catalogue, 0, AS_OF)).units) == 2


def test_a_date_on_which_a_record_leaves_is_the_last_on_which_it_counts(bundles, rows_of):
    """At the moment named the indicator still has its value, a microsecond later it has not."""
    bundle, history = bundles[0], rows_of(9, 30).assemble()
    checked = 0
    for case in range(len(history)):
        for one in find_sensitivity(bundle, history, case, AS_OF).leavings:
            if not one.indicator.startswith(("contacts_", "incidents_", "reports_")):
                continue
            column = bundle.catalogue.columns.index(one.indicator)
            at = [one.at_us, one.at_us + 1]
            case_at = [np.array([case])] * 2
            last, gone = measure(history, bundle.plan, at, case_at, threads=1).values[:, column]
            assert AS_OF <= one.at_us <= AS_OF + 28 * DAY_US
            assert gone < last
            checked += 1
    assert checked > 10


def test_what_would_settle_it_is_never_printed(bundles, rows_of):
    """Text and the explanation that is stored hold nothing of it; only the screen asks for it."""
    history = rows_of(9, 10).assemble()
    fields = {
        field.name for field in dataclasses.fields(explain_case(bundles[0], history, 0, AS_OF))
    }
    assert fields == {"advice", "families", "incidents", "questions", "file", "movement"}
    assert "settl" not in inspect.getsource(plain_text).replace("What would settle", "")

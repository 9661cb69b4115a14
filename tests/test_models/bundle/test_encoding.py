"""What is unknown never scores below the riskier answer, and nothing recorded lowers a score."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.catalogue.declarations import Direction, Measure
from features.catalogue.file import parse_catalogue
from features.engine.measurement import compile_plan, measure
from features.history.assembly import assemble_history
from features.intake.contract_folder import read_folder
from models.bundle.encoding import make_encoding
from models.bundle.folder import load_bundle

ANSWERED = b"""version: 1
name: small
title: A small catalogue
kinds:
  assault: {label: an assault}
facts:
  frightened: {type: yes_no, question: "Is she frightened?", source: test}
indicators:
  - {name: frightened, family: f, measure: last_fact, fact: frightened, direction: DIRECTION,
     reason: "frightened: {value}", source: test}
"""


@pytest.fixture(scope="module")
def scored(small_unit):
    """Return the bundle and the indicators of its cases."""
    bundle = load_bundle(small_unit.bundle)
    history = assemble_history(read_folder(small_unit.folder))
    values = measure(history, compile_plan(bundle.catalogue), small_unit.test_date).values
    return bundle, values


def constrained(bundle):
    """Return column and indicator of everything that has a direction."""
    return [
        (bundle.catalogue.columns.index(indicator.columns[0]), indicator)
        for indicator in bundle.catalogue.indicators
        if indicator.direction is not Direction.OPEN
    ]


def test_an_unanswered_question_never_scores_below_an_answer(scored):
    """Where the sources agree on a direction, silence counts as the riskier answer (promise 6)."""
    bundle, values = scored
    facts = [
        (column, indicator)
        for column, indicator in constrained(bundle)
        if indicator.expression.measure is Measure.LAST_FACT
    ]
    assert facts
    for column, _ in facts:
        unknown, yes, no = values.copy(), values.copy(), values.copy()
        unknown[:, column], yes[:, column], no[:, column] = np.nan, 1.0, 0.0
        for model in bundle.outcomes.values():
            of = [model.log_odds(bundle.encoding.encode(rows)) for rows in (unknown, yes, no)]
            assert (of[0] >= np.maximum(of[1], of[2]) - 1e-12).all()


@pytest.mark.parametrize(("direction", "riskier"), [("raises", 1.0), ("lowers", 0.0)])
def test_an_unanswered_question_is_encoded_as_the_riskier_answer(direction, riskier):
    """Whatever a model has learnt, it sees an unanswered question as the answer that is feared."""
    catalogue = parse_catalogue(ANSWERED.replace(b"DIRECTION", direction.encode()), "small")
    encoding = make_encoding(catalogue)
    unknown = np.full((1, len(catalogue.columns)), np.nan)

    assert encoding.columns[0] == catalogue.columns[0]
    assert encoding.encode(unknown)[0, 0] == riskier


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(data=st.data())
def test_a_constrained_score_only_moves_its_way(scored, data):
    """Any step of any constrained indicator moves every score in the catalogue's direction."""
    bundle, values = scored
    column, indicator = data.draw(st.sampled_from(constrained(bundle)))
    step = data.draw(st.floats(0.01, 1e4))
    more = values.copy()
    more[:, column] = np.nan_to_num(more[:, column]) + step
    before, after = values.copy(), more
    if indicator.expression.measure in (Measure.DAYS_SINCE_LAST, Measure.DAYS_SINCE_FIRST):
        # With none on record the clock stands at a century; a step starts from a known day.
        before = np.where(np.isnan(values), 0.0, values)
        after = before.copy()
        after[:, column] += step
    if indicator.expression.measure is Measure.LAST_FACT:
        before[:, column], after[:, column] = 0.0, 1.0
    sign = 1 if indicator.direction is Direction.RAISES else -1
    for model in bundle.outcomes.values():
        low = model.log_odds(bundle.encoding.encode(before))
        high = model.log_odds(bundle.encoding.encode(after))
        assert (sign * (high - low) >= -1e-12).all()


def test_no_protected_characteristic_is_a_column(scored):
    """The models see no age, sex, ethnicity, health or employment (promise 9)."""
    bundle, _ = scored
    from features.catalogue.names import PROTECTED

    assert not [name for name in bundle.encoding.columns if PROTECTED.search(name)]

"""Thin and strange files are marked, named and explained; ordinary ones are left alone."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.catalogue.file import load_catalogue
from models.bundle.familiarity import (
    STRANGE_WORDS,
    THIN_WORDS,
    Familiarity,
    fit_familiarity,
    read_familiarity,
)

NAN = float("nan")
USUAL = Familiarity(
    columns=("contacts", "violence", "afraid", "afraid__asked", "never"),
    questions=np.array([2]),
    low=np.array([0.0, 0.0, 0.0, 0.0, NAN]),
    high=np.array([10.0, 2.0, 1.0, 1.0, NAN]),
    least_records=3,
    least_answered=1,
    most_unusual=1,
)


@pytest.mark.parametrize(
    ("n_records", "afraid", "thin"), [(3, 1.0, False), (2, 1.0, True), (3, NAN, True)]
)
def test_a_thin_file_has_few_records_or_answers(n_records, afraid, thin):
    """Under three records, or under one answer, the file is thin and the words say so."""
    mark = USUAL.mark(np.array([1.0, 0.0, afraid, 1.0, NAN]), n_records)
    assert mark.thin == thin
    assert mark.sentences == ((THIN_WORDS,) if thin else ())
    assert mark.n_answered == (0 if np.isnan(afraid) else 1)


@pytest.mark.parametrize(
    ("contacts", "violence", "unusual", "strange"),
    [
        (10, 2, (), False),
        (11, 2, ("contacts",), False),
        (15, 6, ("violence", "contacts"), True),
        (-30, 3, ("contacts", "violence"), True),
        (NAN, 3, ("violence",), False),
    ],
)
def test_a_strange_file_names_its_columns(contacts, violence, unusual, strange):
    """Values outside the usual range are named, furthest first; two of them make a file strange."""
    mark = USUAL.mark(np.array([contacts, violence, 1.0, 1.0, 5.0]), 9)
    assert (mark.unusual, mark.strange) == (unusual, strange)
    assert mark.sentences == ((STRANGE_WORDS,) if strange else ())


def training_matrix(n=1000, seed=4):
    """Return a matrix of the stalking catalogue's columns, all but a few values known."""
    random = np.random.default_rng(seed)
    columns = load_catalogue("stalking").columns
    values = random.exponential(size=(n, len(columns)))
    values[random.random(values.shape) < 0.1] = NAN
    return values, random.integers(1, 101, n)


def test_few_training_files_are_marked():
    """At most 5 % of training files are thin by records, 5 % by answers, and 1 % strange."""
    values, n_records = training_matrix()
    usual = fit_familiarity(values, n_records, load_catalogue("stalking"))
    assert 0 < (n_records < usual.least_records).mean() <= 0.05
    marks = [usual.mark(row, int(count)) for row, count in zip(values, n_records, strict=True)]
    assert 0 < np.mean([mark.strange for mark in marks]) <= 0.01
    assert 0 < np.mean([mark.thin for mark in marks]) <= 0.1


def test_a_unit_of_thin_files_still_marks_them():
    """Where all training files hold one record the stated minimum of three holds."""
    values, n_records = training_matrix(50)
    usual = fit_familiarity(values, np.ones_like(n_records), load_catalogue("stalking"))
    assert usual.least_records == 3


def test_answers_are_the_columns_beside_their_asked():
    """The questions are the catalogue's facts."""
    values, n_records = training_matrix(50)
    catalogue = load_catalogue("stalking")
    usual = fit_familiarity(values, n_records, catalogue)
    asked = {name.removesuffix("__asked") for name in catalogue.columns if "__asked" in name}
    assert {usual.columns[number] for number in usual.questions} == asked
    assert asked


@given(st.lists(st.floats(allow_infinity=False), min_size=5, max_size=5), st.integers(0, 99))
def test_every_file_can_be_marked(values, n_records):
    """Any row has a mark, and words exactly where it is thin or strange."""
    mark = USUAL.mark(np.array(values), n_records)
    assert len(mark.sentences) == mark.thin + mark.strange
    assert "never" not in mark.unusual


def test_json_gives_back_the_same_marks():
    """Text and back is exact; a column that was never known stays without a range."""
    back = read_familiarity(json.loads(json.dumps(USUAL.to_json(), allow_nan=False)))
    assert back.to_json() == USUAL.to_json()
    row = np.array([99.0, 9.0, NAN, 1.0, 5.0])
    assert back.mark(row, 2) == USUAL.mark(row, 2)


@pytest.mark.parametrize("changed", [{"low": [0.0]}, {"questions": [5]}, {"questions": [-1]}])
def test_what_does_not_fit_together_is_refused(changed):
    """A range that is missing or a question without a column is not read."""
    with pytest.raises(ValueError, match="column"):
        read_familiarity(USUAL.to_json() | changed)

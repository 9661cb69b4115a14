"""How well estimates of thin and strange files hold is told of the files that a page marks."""

import json

import numpy as np

from features.catalogue.file import load_catalogue
from features.evidence.records_behind import CaseMoment
from features.history.assembly import assemble_history
from features.intake.contract_folder import read_folder
from models.bundle.folder import load_bundle
from models.ranking.file_marks import mark_file
from models.ranking.questions import list_questions
from models.wording.sentences import say
from training.cohorts.training_rows import take_cohort
from training.evaluation.file_strata import ORDINARY, SHORT, UNASKED, UNLIKE, name_files

BEGINS = {
    "records": "file_short",
    "values": "file_unlike",
}


def test_a_stratum_holds_the_files_that_a_page_marks(small_unit):
    """Of every tested case the same is told in the report's parts as beside its score."""
    bundle = load_bundle(small_unit.bundle)
    history = assemble_history(read_folder(small_unit.folder))
    catalogue = load_catalogue("stalking")
    cohort = take_cohort(history, catalogue, small_unit.test_date)
    strata = name_files(history, cohort, bundle.familiarity)
    for row, case in enumerate(cohort.landmarks.case):
        moment = CaseMoment(history, catalogue, int(case), small_unit.test_date, bundle.rules)
        told = mark_file(bundle, moment, cohort.values[row], list_questions(moment))
        for stratum, key in BEGINS.items():
            start = say(key, **dict.fromkeys(("n", "least", "what"), "|")).partition("|")[0]
            assert any(one.startswith(start) for one in told) == (strata[stratum][row] != ORDINARY)
    assert {SHORT, UNASKED, UNLIKE} >= set(np.concatenate(list(strata.values()))) - {
        ORDINARY,
        *strata["known"],
    }


def test_the_run_says_how_well_estimates_of_such_files_hold(small_unit):
    """Every modelled outcome has the parts, and each part's cases are all the tested ones."""
    metrics = json.loads((small_unit.bundle / "metrics.json").read_text())
    assert metrics["calibration"]
    for rows in metrics["calibration"].values():
        whole = next(one["n"] for one in rows if one["stratum"] == "all")
        for stratum in ("known", "records", "questions", "values"):
            assert sum(one["n"] for one in rows if one["stratum"] == stratum) == whole
